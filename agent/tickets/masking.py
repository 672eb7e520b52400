"""What staff see of a person before they say who they are and why they look."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from agent.tamil.normalize import clean
from agent.tamil.number_words import lexeme_of
from agent.tamil.numbers import Number, find_numbers, is_article

HIDDEN = "***"
_SHOWN_DIGITS = 4
_LONG_NUMBER = re.compile(r"\d(?:[\s-]?\d){5,}")
"""Six or more digits in a row, however grouped: a phone, Aadhaar or card number, never a date."""


def mask_name(name: str | None) -> str | None:
    """The first letter with its vowel signs: "மீனா" -> "மீ***"."""
    if not name:
        return name
    end = 1
    while end < len(name) and unicodedata.category(name[end]).startswith("M"):
        end += 1
    return name[:end] + HIDDEN


def mask_phone(phone: str | None) -> str | None:
    """The last four digits: "9500123456" -> "******3456"."""
    if not phone:
        return phone
    if len(phone) <= _SHOWN_DIGITS:
        return "*" * len(phone)
    return "*" * (len(phone) - _SHOWN_DIGITS) + phone[-_SHOWN_DIGITS:]


def mask_person(
    name: str | None, phone: str | None, *, confidential: bool
) -> tuple[str | None, str | None]:
    """Name and phone as staff see them; of a confidential ticket not even a letter."""
    if confidential:
        return name and HIDDEN, phone and HIDDEN
    return mask_name(name), mask_phone(phone)


def mask_text(text: str | None, name: str | None) -> str | None:
    """Free text without long numbers, written or spoken, and without the caller's own name."""
    if not text:
        return text
    if name and len(name) > 1 and name in text:
        text = text.replace(name, mask_name(name) or "")
    text = _without_spoken_numbers(text)
    return _LONG_NUMBER.sub(lambda found: "*" * len(found.group()), text)


def _without_spoken_numbers(text: str) -> str:
    """The same with runs of number words hidden that are as long as a phone number.

    "ஒம்பது அஞ்சு சைபர் ..." and "nine five zero ..." in any script are read by the same tables that
    understand callers. Counts, years and sums of money stay: they are shorter, or one number.
    """
    if sum(map(_number_words, text.split())) < _FEWEST_WORDS:
        return text  # nearly always: one look-up a word, so that an export stays fast
    words = list(_WORD.finditer(text))
    read = [clean(word.group()).lower()[:_LONGEST_WORD] for word in words]
    for start, end in reversed(list(_long_runs(read))):
        first, last = words[start].start(), words[end - 1].end()
        if not _LONG_NUMBER.fullmatch(text[first:last]):  # else it keeps its length, see above
            text = text[:first] + HIDDEN + text[last:]
    return text


_WORD = re.compile(r"[\u0B80-\u0BFF]+|[^\W\d_\u0B80-\u0BFF]+|\d+")
_FEWEST_WORDS = 2
_LONGEST_WORD = 80
_LONG = 6
"""Digits that are hidden when they are said in one row: as many as when they are written."""
_LONGEST_GAP = 2
_LONG_WITH_GAPS = 10
"""Digits that are hidden when a word or two stand between the groups ("... அப்புறம் ...")."""
_GROUP = 2
"""Digits of the smallest group of such a number: counts of things are shorter or further apart."""


@lru_cache(maxsize=65_536)
def _number_words(piece: str) -> int:
    words = (clean(found).lower()[:_LONGEST_WORD] for found in _WORD.findall(piece))
    return sum(word.isdigit() or lexeme_of(word) is not None for word in words)


def _long_runs(words: list[str]) -> Iterator[tuple[int, int]]:
    """First word and word after the last of every long number, in order."""
    rows = _rows(words)
    at = 0
    while at < len(rows):
        joined = [rows[at]]
        while (
            at + len(joined) < len(rows)
            and rows[at + len(joined)][0].start - joined[-1][-1].end <= _LONGEST_GAP
            and all(_digits(row) >= _GROUP for row in (joined[-1], rows[at + len(joined)]))
        ):
            joined.append(rows[at + len(joined)])
        whole = any(len(row) > 1 and _digits(row) >= _LONG for row in joined)
        numbers = [number for row in joined for number in row]
        long = whole or (len(joined) > 1 and sum(map(_digits, joined)) >= _LONG_WITH_GAPS)
        if long:
            yield numbers[0].start, numbers[-1].end
        at += len(joined)


def _rows(words: list[str]) -> list[list[Number]]:
    """Numbers with nothing between them."""
    rows: list[list[Number]] = []
    for number in find_numbers(words):
        if not number.figures or is_article(words, number):
            continue
        if rows and rows[-1][-1].end == number.start:
            rows[-1].append(number)
        else:
            rows.append([number])
    return rows


def _digits(row: list[Number]) -> int:
    return sum(len(number.figures) for number in row)
