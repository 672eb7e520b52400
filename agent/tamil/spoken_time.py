"""Dates and times of day to the words that are spoken (pure)."""

from __future__ import annotations

import datetime

from agent.tamil.speller import spell_count, spell_number
from agent.tamil.word_forms import spell_ordinal_day
from agent.tamil.written_tables import tables

_THIS_CENTURY = 2000
_LAST_CENTURY = 1900
_YOUNG = 70
"""Years of two digits from here on are of the last century (POSIX strptime has 69)."""


def full_year(digits: str) -> int:
    """Return the year of two or four digits: 26 is 2026, 85 is 1985."""
    year = int(digits)
    if len(digits) > 2:
        return year
    return year + (_LAST_CENTURY if year >= _YOUNG else _THIS_CENTURY)


def spell_date(day: int, month: int, year: int | None = None) -> str | None:
    """Return a date in words: ஆகஸ்ட் மாதம் பதினைந்தாம் தேதி, இரண்டாயிரத்து இருபத்தி ஆறு.

    Returns:
        None when there is no such day; without a year the 29th of February is one.
    """
    try:
        datetime.date(year if year is not None else 2000, month, day)
    except ValueError:
        return None
    name = tables().months[month - 1]
    said = f"{spell_ordinal_day(day)} தேதி"
    if year is None:
        return f"{name} {said}"
    return f"{name} மாதம் {said}, {spell_number(year)}"


def part_of_day(hour: int) -> str:
    """Return the word for an hour of the 24: காலை, மதியம், மாலை, இரவு, ..."""
    return next(word for first, word in reversed(tables().parts_of_day) if hour >= first)


def spell_clock(hour: int, minute: int, *, part: str = "", ending: str = "") -> str:
    """Return a time of day in words: காலை பத்து மணி முப்பது நிமிடம்.

    Args:
        hour: 0 to 23; said as one of twelve.
        minute: 0 to 59; not said when 0.
        part: of the day, said before it; none when empty.
        ending: case ending of the last word, as written after மணி: "க்கு".

    Raises:
        ValueError: there is no such time.
    """
    if not (0 <= hour < 24 and 0 <= minute < 60):
        raise ValueError("there is no such time of day")
    lead = f"{part} " if part else ""
    twelve = (hour - 1) % 12 + 1
    clock = f"{lead}{spell_count(twelve)} மணி"
    if not minute:
        return clock + ending
    if ending not in ("", "க்கு"):
        return f"{lead}{spell_number(twelve)} {spell_number(minute)} மணி{ending}"
    last = "நிமிடத்திற்கு" if ending else "நிமிடம்"
    return f"{clock} {spell_count(minute)} {last}"
