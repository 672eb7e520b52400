"""The script: what the shipped prompts promise, and what a damaged file says."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.conversation.prompt_check import problems
from agent.conversation.script import Prompt, Script
from agent.conversation.steps import Line
from agent.errors import ConfigurationError
from agent.prompts_command import named_in_code
from agent.settings import CallSettings


@pytest.fixture(scope="module")
def script() -> Script:
    return Script.load(CallSettings().prompts_dir)


def test_every_shipped_prompt_is_used_short_and_free_of_digits(script: Script):
    assert problems(script.prompts, named_in_code(script)) == []


def test_a_slot_is_filled_with_the_given_words(script: Script):
    text = script.text([Line("readback_place", {"place": "பல்லடம்"}), Line("readback_end")])
    assert text == "ஊர், பல்லடம். எல்லாம் சரியா?"


def test_fixed_pieces_hold_no_slot_and_no_bare_punctuation(script: Script):
    for piece in script.fixed_pieces():
        assert "{" not in piece
        assert any(c.isalpha() for c in piece)


def test_a_missing_value_is_named(script: Script):
    with pytest.raises(ConfigurationError, match="readback_place needs a value for place"):
        script.text([Line("readback_place")])


def test_an_unknown_prompt_is_named(script: Script):
    with pytest.raises(ConfigurationError, match="no_such"):
        script.text([Line("no_such")])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("version = [", "not valid TOML"),
        ('version = 3\nlanguage = "ta"\n[prompt.a]\ntext = "அ"\n', "form version 3"),
        ('version = 2\nlanguage = "ta"\n[prompt.a]\ntext = ""\n', "prompt.a.text"),
        ('version = 2\nlanguage = "en"\n[prompt.a]\ntext = "a"\n', "language en, not ta"),
    ],
)
def test_a_damaged_file_gets_one_clear_sentence(tmp_path: Path, content: str, says: str):
    (tmp_path / "ta.toml").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=says):
        Script.load(tmp_path)


def test_a_missing_file_names_the_setting(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="CALL__PROMPTS_DIR"):
        Script.load(tmp_path)


def test_the_checker_finds_what_is_wrong():
    prompts = {
        "closing": Prompt(text="வணக்கம் 12", gloss="bye"),
        "stray": Prompt(text="அ " * 13, gloss="a"),
    }
    found = problems(prompts, {"closing"})
    assert "closing: digits must be spelled in words" in found
    assert "stray: no part of the flow says it" in found
    assert "stray: 13 words, 12 at most unless long = true" in found
    assert "issue_WATER: named by the flow, but no such prompt" in found


def test_a_folder_in_place_of_the_file_gets_one_clear_sentence(tmp_path: Path):
    (tmp_path / "ta.toml").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Script.load(tmp_path)


@pytest.mark.parametrize(
    ("ta", "says"),
    [
        ("ஊர், {palce}.", "the slot palce is not filled"),
        ("ஊர், {place.", "a brace"),
        ("ஊர், {Place}.", "a brace"),
    ],
)
def test_a_misspelt_slot_is_found_before_a_caller_waits_for_it(script: Script, ta: str, says: str):
    broken = script.prompts | {"readback_place": Prompt(text=ta, gloss="Place: {place}.")}
    (found,) = problems(broken, named_in_code(script))
    assert found.startswith("readback_place: ")
    assert says in found
