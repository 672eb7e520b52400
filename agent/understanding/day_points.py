"""Days named from today (நேத்து, ராத்திரி ரெண்டு மணி): which each is, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from agent.understanding.day_words import Said
from agent.understanding.patterns import Match

Point = Match[tuple[int, str]]
"""Where a day is named: how many days ago, and how it is read (``[[point]]`` of ``days.toml``)."""

_NIGHT, _NIGHT_HOUR, _SMALL_HOUR = (1, "part"), (1, "hour"), (0, "hour")
"""How "ராத்திரி", "ராத்திரி # மணி" and the small hours of last night are read."""
_SMALL = (1, 5)
"""From and before which hour of the night it is today already."""
_DAY_BEFORE = 3
"""How many words before it may name the day of a night."""
_WEEKDAY = ("கிழம", "கெழம", "kizhama", "kelama")
_SOON = 3
"""How many words after "only today" may tell what began."""
_ONLY = ("தான்", "தாங்க", "தேன்", "தா", "dhan", "dhaan", "than", "thaan")
_FINE = 7
"""How many words after a day may say that all was well on it."""


def days_named(said: Said, points: Iterable[Point]) -> list[Point]:
    """Read "at two in the night" as today, unless the day it was is named before."""
    found = list(points)
    small = [m for m in found if m.label == _NIGHT_HOUR and _is_small(said, m, found)]
    named: list[Point] = []
    for match in found:
        if match in small:
            named.append(replace(match, label=_SMALL_HOUR))
        elif match.label != _NIGHT or not any(one.start == match.start for one in small):
            named.append(match)
    return named


def _is_small(said: Said, match: Point, points: Sequence[Point]) -> bool:
    """Tell "ராத்திரி ரெண்டு மணி" from "ராத்திரி பத்து மணி" and from "நேத்து ராத்திரி ரெண்டு மணி"."""
    hours = (said.number_starting.get(at) for at in range(match.start, match.end))
    hour = next((number.value for number in hours if number is not None), 0)
    before = range(max(match.start - _DAY_BEFORE, 0), match.start)
    day = any(m.end - 1 in before and not m.label[1] for m in points)
    weekday = any(part in said.words[at].text for at in before for part in _WEEKDAY)
    return _SMALL[0] <= hour < _SMALL[1] and not day and not weekday


def only_then(said: Said, match: Point, onset: int | None) -> bool:
    """Tell "இன்னிக்கு தான் போச்சு": only today it began."""
    if onset is None or onset > match.end + _SOON:
        return False
    ends = (match.end - 1, min(match.end, onset - 1))
    return any(said.words[at].text.endswith(_ONLY) for at in ends)


def asks_when(said: Said, match: Point) -> bool:
    """Tell "என்னைக்கு" (when) and "எண்ணி" (counting), which sound like "இன்னைக்கு"."""
    return match.label[0] == 0 and said.words[match.start].text.startswith(("எண்", "என்"))


def was_fine(said: Said, match: Point) -> bool:
    """Tell "நேத்து பொழுதோட கூட நல்லாத்தான் இருந்துச்சு": it began after that day."""
    if match.label[0] != 1 or match.label[1]:
        return False
    stop = said.sentence_end(match.end, _FINE)
    return said.begins("fine", match.end, stop - match.end)


def is_over(said: Said, match: Point) -> bool:
    """Tell "நேத்து ராத்திரி வரைக்கும் எரிஞ்சுது": until then it was not so."""
    at = match.end
    while said.begins("time", at, 1):
        at += 1
    return match.label[0] == 1 and said.begins("until", at, 1)


def longest_first(match: Point) -> tuple[int, int, int]:
    """Return what days are sorted by: "முந்தா நேத்து" stands before the "நேத்து" in it."""
    return match.start, match.start - match.end, -match.label[0]
