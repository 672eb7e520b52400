"""The tables of written forms and English words, read once (``data/written.toml``)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything the readers of written forms look up; shared, never changed."""

    months: tuple[str, ...]
    """Spoken names, January first."""
    month_numbers: Mapping[str, int]
    """Written name in lower case -> 1 to 12."""
    parts_of_day: tuple[tuple[int, str], ...]
    """First hour of the 24 and its word, earliest first."""
    parts_written: tuple[str, ...]
    scales: Mapping[str, str]
    """Written in lower case -> spoken: lakh -> லட்சம்."""
    units: Mapping[str, str]
    """Written, capitals kept -> spoken."""
    alone: tuple[str, ...]
    """Units that are said in full without a figure."""
    counted: tuple[str, ...]
    """Beginnings of words for what is counted."""
    letters: Mapping[str, str]
    """Latin capital -> its name."""
    letter_names: tuple[str, ...]
    """Every Tamil writing of a letter's name."""
    short: Mapping[str, str]
    """Short form as written -> spoken."""
    english: Mapping[str, str]
    """English word or phrase in lower case -> spoken."""


@cache
def tables() -> Tables:
    """Return the tables."""
    data = tomllib.loads((_DATA / "written.toml").read_text("utf-8"))
    english = tomllib.loads((_DATA / "english_words.toml").read_text("utf-8"))["words"]
    months = data["months"]
    return Tables(
        months=tuple(months),
        month_numbers={
            name: at + 1
            for at, (spoken, written) in enumerate(months.items())
            for name in (spoken, *written.split())
        },
        parts_of_day=tuple((int(hour), word) for hour, word in data["parts_of_day"].items()),
        parts_written=tuple(data["parts_written"]["words"].split()),
        scales=_turned(data["scales"]),
        units=_turned(data["units"]),
        alone=tuple(data["alone"]["words"].split()),
        counted=tuple(data["counted"]["words"].split()),
        letters=data["letters"],
        letter_names=(*data["letters"].values(), *data["letters_too"]["words"].split()),
        short=_turned(data["short"]),
        english=english,
    )


def _turned(section: Mapping[str, str]) -> dict[str, str]:
    return {form: spoken for spoken, written in section.items() for form in written.split()}


def any_of(words: Iterable[str]) -> str:
    """Return a pattern for any of the words, the longest first; it makes no group.

    Args:
        words: at least one, none empty.
    """
    chosen = sorted(set(words), key=len, reverse=True)
    firsts = "".join(sorted({re.escape(word[0]) for word in chosen}))
    # the look ahead saves trying every word at every place of a text
    return f"(?=[{firsts}])(?:" + "|".join(re.escape(word) for word in chosen) + ")"
