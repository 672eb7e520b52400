"""Every way in which an utterance may be read as a length of time, right or wrong.

Generous on purpose: a story holds ages, promises and "once in ten days" beside how long the trouble
has lasted. Which reading is meant is chosen afterwards (:mod:`agent.understanding.day_choice`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.understanding.day_counts import Counted, added
from agent.understanding.day_words import Form, Said
from agent.understanding.patterns import Match

LONGEST = 36_500
"""A hundred years; a larger number was misheard."""
MOST = 10
"""Readings of one utterance that are weighed; nobody tells more lengths of time in one breath."""
_BARE_NUMBERS = 3
"""Numbers of an answer that may be days."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a length of time."""

    days: int
    kind: str
    """``counted``, ``point`` (a day named from today) or ``bare`` (a number without unit)."""
    form: str
    """How the unit stands (:class:`Form`), or how a named day is read."""
    unit: float
    """Days of one; 0 without unit."""
    count: float
    start: int
    """Index of its first word."""
    end: int
    """Index after its last word."""
    evidence: str


def readings(
    said: Said,
    counted: Sequence[Counted],
    points: Iterable[Match[tuple[int, str]]],
    *,
    asked: bool,
) -> list[Reading]:
    """Return all readings, in order of their first word, at most :data:`MOST`.

    Args:
        said: the utterance.
        counted: its counts beside units, before any are joined.
        points: its days named from today.
        asked: whether "how long?" was the question; then a bare number may be days.
    """
    found = {
        (each.start, each.end, each.days): _of_count(each)
        for each in (*counted, *added(counted, said))
        if each.days <= LONGEST
    }
    for match in points:
        days, how = match.label
        one = Reading(days, "point", how, 0, 0, match.start, match.end, match.source)
        found.setdefault((match.start, match.end, days), one)
    if asked:
        for one in _bare(said, counted):
            found.setdefault((one.start, one.end, one.days), one)
    return sorted(found.values(), key=lambda one: (one.start, -one.end, one.days))[:MOST]


def _of_count(one: Counted) -> Reading:
    evidence = f"{one.count:g} x {one.unit:g}"
    form = one.form.name if isinstance(one.form, Form) else ""
    return Reading(one.days, "counted", form, one.unit, one.count, one.start, one.end, evidence)


def _bare(said: Said, counted: Sequence[Counted]) -> Iterable[Reading]:
    taken = {at for each in counted for at in range(each.start, each.end)}
    free = [n for n in said.numbers if n.value and n.start not in taken]
    for number in free[:_BARE_NUMBERS]:
        days = round(number.value)
        if 0 < days <= LONGEST:
            yield Reading(
                days, "bare", "", 0, number.value, number.start, number.end, f"{days} x 1"
            )
