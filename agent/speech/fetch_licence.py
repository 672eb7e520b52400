"""Under which licence a checkpoint may be used, and who says so.

A public office must know the licences of what it runs, so a checkpoint without one is refused, and
one whose licence forbids commercial use (or is nobody's common licence) only taken when it is
named: whether a public office is "non-commercial" is not ours to settle by hoping.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import UsageError

_NONCOMMERCIAL = re.compile(
    r"(^|[-_ ])nc([-_ ]|$)|non-?commercial|academic|research|"
    r"^(c-uda|apple-amlr|apple-ascl|deepfloyd-if-license|coqui|cpml)"
)
"""Identifiers of the hub's list of licences whose texts allow no commercial use."""
_UNNAMED = frozenset({"", "other", "unknown", "none", "null"})
_FRONT_MATTER = re.compile(r"\A\ufeff?\s*---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(\r?\n|\Z)", re.DOTALL)
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Stated:
    """A licence and where it is written."""

    name: str
    """Identifier as on the hub, lower case: ``apache-2.0``."""
    by: str
    """``model card``, ``hub``, ``kural.json`` or ``by hand``."""
    own: bool = False
    """The publisher's own terms, not one of the common licences."""


def card_metadata(path: Path) -> dict[str, Any]:
    """The front matter of a model card; empty when there is none that can be read."""
    yaml: Any = importlib.import_module("yaml")  # comes with huggingface_hub, without types
    try:
        found = _FRONT_MATTER.match(path.read_text(encoding="utf-8", errors="replace"))
        data = yaml.safe_load(found[1]) if found else None
    except (OSError, yaml.YAMLError, RecursionError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def licence_in(data: Mapping[str, Any], by: str) -> Stated | None:
    """The licence that metadata with the hub's field names states; None when it states none.

    Args:
        data: with ``license`` and, where that is ``other``, ``license_name``.
        by: where it comes from, for the record.
    """
    named = _names(data.get("license"))
    own = _names(data.get("license_name"))
    if not set(named) <= _UNNAMED:
        return Stated(" and ".join(n for n in named if n not in _UNNAMED), by)
    return Stated(" and ".join(own), by, own=True) if own else None


def is_noncommercial(name: str) -> bool:
    """Whether the licence of that name (identifier as on the hub) forbids commercial use."""
    return bool(_NONCOMMERCIAL.search(name))


def agreed(
    found: Stated | None, *, by_hand: str = "", accepted: str = "", what: str = "The checkpoint"
) -> Stated:
    """The licence under which it is taken.

    Args:
        found: what its publisher states.
        by_hand: ``--license``; only where the publisher states none.
        accepted: ``--accept-license``.
        what: how to call the checkpoint in an error.

    Raises:
        UsageError: no licence is known, or one that must be accepted by name.
    """
    said = " ".join(by_hand.split()).lower()
    if found is not None and said and said != found.name:
        raise UsageError(
            f"{what} is published under {found.name} ({found.by}); leave --license out, it is for "
            "checkpoints that state none."
        )
    if found is None and said in _UNNAMED:
        raise UsageError(
            f"{what} states no licence, and public-sector software must know its licences; ask "
            "its publisher, then say --license NAME."
        )
    stated = found or Stated(said[:_LONGEST], "by hand")
    if " ".join(accepted.split()).lower() == stated.name:
        return stated
    if is_noncommercial(stated.name):
        raise UsageError(
            f"{what} is under {stated.name}, which forbids commercial use; choose another "
            f"checkpoint, or say --accept-license {_quoted(stated.name)} if your office has "
            "settled that it may use it."
        )
    if stated.own:
        raise UsageError(
            f"{what} is under a licence of its own, {stated.name}; read it, then say "
            f"--accept-license {_quoted(stated.name)} if your office may use it."
        )
    return stated


def _names(value: Any) -> list[str]:
    several = value if isinstance(value, list) else [value]
    named = [" ".join(one.split()).lower()[:_LONGEST] for one in several if isinstance(one, str)]
    return [one for one in named if one]


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name
