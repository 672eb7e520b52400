"""Dates and times of day in a text -> Tamil words (pure, driven by tables)."""

from __future__ import annotations

import re
from functools import cache

from agent.tamil.figures import apart
from agent.tamil.spoken_time import full_year, part_of_day, spell_clock, spell_date
from agent.tamil.word_forms import join
from agent.tamil.written_tables import any_of, tables

_TAMIL = "\u0b80-\u0bff"
_ENDING = rf"(?:-(?P<ending>[{_TAMIL}]+))?"
_NUMERIC = re.compile(
    r"(?<![\d./:-])(?P<day>\d{1,2})(?P<mark>[./-])(?P<month>\d{1,2})(?P=mark)"
    r"(?P<year>\d{4}|\d{2})(?![\d/:]|[.-]\d)" + _ENDING
)
_ISO = re.compile(
    r"(?<![\d./:-])(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?![\d/:]|[.-]\d)" + _ENDING
)
_CLOCK = r"(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2}))?"
_GLUED = rf"-(?P<glued>[{_TAMIL}]+)"
_HALF = r"(?:\s?(?P<half>[aApP])\.?\s?[mM]\b\.?)"


def say_dates(text: str) -> str:
    """Dates in figures, day first or ISO, and with the month's name: 15.08.2026, 21 Nov."""
    text = _NUMERIC.sub(apart(_say_date), text)
    text = _ISO.sub(apart(_say_date), text)
    for pattern in _named():
        text = pattern.sub(apart(_say_named), text)
    return text


def _say_date(match: re.Match[str]) -> str:
    said = spell_date(int(match["day"]), int(match["month"]), full_year(match["year"]))
    return join(said, match["ending"] or "") if said else match.group()


@cache
def _named() -> tuple[re.Pattern[str], ...]:
    month = rf"(?P<month>{any_of(tables().month_numbers)})(?![A-Za-z{_TAMIL}])\.?(?:\sமாதம்)?"
    day = r"(?<![\d.,/:])(?P<day>\d{1,2})(?![\d/:%]|[.,]\d)"
    year = r"(?P<year>\d{4})(?![\d/:])"
    before = rf"(?<![A-Za-z{_TAMIL}])"
    counts = rf"(?!\s?(?:-?\s?(?:ஆம்|ம்|வது)|{any_of(tables().counted)}))"
    return tuple(
        re.compile(shape + _ENDING, re.IGNORECASE)
        for shape in (
            rf"{day}[\s-]{{1,2}}{month}(?:\s?[,\s-]\s?{year})?",
            rf"{before}{month}\s{day}{counts}(?:\sதேதி(?![{_TAMIL}]))?(?:,?\s{year})?",
        )
    )


def _say_named(match: re.Match[str]) -> str:
    year = int(match["year"]) if match["year"] else None
    month = tables().month_numbers[match["month"].lower()]
    said = spell_date(int(match["day"]), month, year)
    return join(said, match["ending"] or "") if said else match.group()


def say_times(text: str) -> str:
    """Times of day: 10:30, 10.30 am, மாலை 5.30 மணிக்கு, 9 am - 5 pm."""
    text = _span().sub(apart(_say_span), text)
    return _time().sub(apart(_say_time), text)


@cache
def _time() -> re.Pattern[str]:
    part = rf"(?:(?<![{_TAMIL}])(?P<part>{any_of(tables().parts_written)})\s)?"
    oclock = rf"(?:\s?(?P<oclock>மணி)(?P<ending>[{_TAMIL}]*))"
    return re.compile(
        rf"{part}(?<![\d.,/:-]){_CLOCK}(?![\d:]|[.,/]\d){_HALF}?(?:{oclock}|{_GLUED})?"
    )


@cache
def _span() -> re.Pattern[str]:
    return re.compile(rf"(?<![\d.,/:-])({_bare_time()})\s?[-\u2013]\s?({_bare_time()})")


def _bare_time() -> str:
    return r"\d{1,2}(?:[:.]\d{2})?\s?[aApP]\.?[mM]\.?|\d{1,2}:\d{2}(?![\d:])"


def _say_span(match: re.Match[str]) -> str:
    first, last = (say_times(match[at]) for at in (1, 2))
    if match[1] == first or match[2] == last:
        return match.group()
    return f"{first} முதல் {last} வரை"


def _say_time(match: re.Match[str]) -> str:
    """The words, or what was written where it is no time: 2.5, 27:80, 10.30 without more."""
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    colon = match["minute"] is not None and match.group().count(":") == 1
    if not (match["half"] or colon or (match["minute"] and (match["oclock"] or match["part"]))):
        return match.group()
    if match["half"] and not 1 <= hour <= 12:
        return match.group()
    if hour > 23 or minute > 59:
        return match.group()
    if match["half"]:
        hour = hour % 12 + (12 if match["half"].lower() == "p" else 0)
    told = bool(match["oclock"]) and not match["half"] and 1 <= hour <= 12
    part = match["part"] or ("" if told else part_of_day(hour))
    ending = match["ending"] or (match["glued"] and join("மணி", match["glued"])[len("மணி") :])
    return spell_clock(hour, minute, part=part, ending=ending or "")
