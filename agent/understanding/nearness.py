"""Classes of words said near one another, in whatever order: "snake bit", "court case verdict"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from agent.understanding.patterns import Match

Label = TypeVar("Label")

REACH = 10
"""Words that stand this near one another tell of one event, in whatever order they were said."""
_NEVER = 1000


@dataclass(frozen=True, slots=True)
class Sign:
    """A stretch of words that speaks for a danger, a purpose or a topic."""

    evidence: str
    start: int
    """Index of its first word."""
    end: int
    """Index after its last word."""


def together(classes: Mapping[str, Sequence[Match[Label]]], row: str) -> Sign | None:
    """Return where all classes of ``row`` were said near one another, in any order, or None.

    Args:
        classes: what was said of each class of words.
        row: names of classes, and the reach in words where it is not the usual one.
    """
    names = row.split()
    reach = int(names.pop()) if names[-1].isdigit() else REACH
    if not all(name in classes for name in names):
        return None
    first, *others = (classes[name] for name in names)
    for anchor in first:
        # A word stands for one class only: the same தண்ணி is not both water and drink.
        near = [[m for m in ms if apart(m, anchor) <= reach] for ms in others]
        if all(near):
            chosen = [anchor, *(min(ms, key=lambda m: apart(m, anchor)) for ms in near)]
            return Sign(row, min(m.start for m in chosen), max(m.end for m in chosen))
    return None


def apart(one: Match[Label], other: Match[Label]) -> int:
    """Return the words between two matches; very many when they overlap."""
    if one.start < other.end and other.start < one.end:
        return _NEVER
    return max(one.start - other.end, other.start - one.end)
