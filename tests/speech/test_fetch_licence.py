"""Under which licence a checkpoint is taken, and when it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.errors import UsageError
from agent.speech.fetch_licence import Stated, agreed, card_metadata, licence_in


@pytest.mark.parametrize(
    ("data", "name", "own"),
    [
        ({"license": "Apache-2.0"}, "apache-2.0", False),
        ({"license": ["mit", "apache-2.0"]}, "mit and apache-2.0", False),
        ({"license": ["other", "mit"]}, "mit", False),
        ({"license": "other", "license_name": "Ministry  Terms"}, "ministry terms", True),
    ],
)
def test_what_metadata_states(data: dict[str, Any], name: str, own: bool) -> None:
    assert licence_in(data, "model card") == Stated(name, "model card", own)


@pytest.mark.parametrize(
    "data", [{}, {"license": "other"}, {"license": None}, {"license": "unknown"}, {"license": 5}]
)
def test_metadata_that_state_none(data: dict[str, Any]) -> None:
    assert licence_in(data, "model card") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("---\nlicense: mit\n---\n# x", {"license": "mit"}),
        ("\ufeff---\r\nlicense: mit\r\n---\r\n", {"license": "mit"}),
        ("# no front matter\n---\nlicense: mit\n---\n", {}),
        ("---\nlicense: [\n---\n", {}),
        ("---\njust words\n---\n", {}),
        ("", {}),
    ],
)
def test_the_front_matter_of_a_card(tmp_path: Path, text: str, found: dict[str, Any]) -> None:
    card = tmp_path / "README.md"
    card.write_text(text, encoding="utf-8", newline="")
    assert card_metadata(card) == found


def test_a_card_that_is_not_there_states_nothing(tmp_path: Path) -> None:
    assert card_metadata(tmp_path / "README.md") == {}


@pytest.mark.parametrize(
    "name",
    ["cc-by-nc-4.0", "cc-by-nc-sa-4.0", "coqui-public-model-license", "academic use", "cpml"],
)
def test_a_licence_against_commerce_is_taken_only_by_its_name(name: str) -> None:
    stated = Stated(name, "model card")
    with pytest.raises(UsageError, match="forbids commercial use"):
        agreed(stated)
    with pytest.raises(UsageError, match="forbids commercial use"):
        agreed(stated, accepted="cc-by-nc")
    assert agreed(stated, accepted=f" {name.upper()} ") == stated


@pytest.mark.parametrize(
    "name", ["mit", "apache-2.0", "openrail", "agency-licence", "bsd-3-clause"]
)
def test_a_common_licence_needs_no_word(name: str) -> None:
    assert agreed(Stated(name, "hub")).name == name


def test_terms_of_their_own_are_taken_only_by_their_name() -> None:
    stated = Stated("ministry terms", "model card", own=True)
    with pytest.raises(UsageError, match="--accept-license 'ministry terms'"):
        agreed(stated)
    assert agreed(stated, accepted="Ministry Terms") == stated


@pytest.mark.parametrize("said", ["", "  ", "unknown", "Other"])
def test_without_a_licence_it_is_refused(said: str) -> None:
    with pytest.raises(UsageError, match="states no licence"):
        agreed(None, by_hand=said)


def test_a_licence_said_by_hand_is_recorded_as_that() -> None:
    assert agreed(None, by_hand=" MIT ") == Stated("mit", "by hand")
    with pytest.raises(UsageError, match="forbids commercial use"):
        agreed(None, by_hand="cc-by-nc-4.0")


def test_by_hand_does_not_overrule_the_publisher() -> None:
    stated = Stated("cc-by-nc-4.0", "model card")
    with pytest.raises(UsageError, match="leave --license out"):
        agreed(stated, by_hand="mit")
    assert agreed(Stated("mit", "hub"), by_hand="MIT").name == "mit"
