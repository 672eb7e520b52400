"""Phone and ticket numbers: digits gathered from words, over several turns, and checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.tamil.numbers import Number, is_article
from agent.tamil.words import Word
from agent.understanding.patterns import PatternBook
from agent.understanding.tables import read_toml

_MOBILE = re.compile(r"[6-9][0-9]{9}")
_LAND_LINE = re.compile(r"0[1-9][0-9]{9}")
_COUNTRY = re.compile(r"(?:0091|091|91|0)(?=[6-9][0-9]{9}$)")
_MOBILE_DIGITS = 10
_LAND_LINE_DIGITS = 11
_TICKET_DIGITS = 9
_LONGEST = 26
"""Digits kept of one turn: a number said twice and a slip."""
_RUN_FROM = 6
"""In a story, fewer digits in a row are a house number or money."""
_BETWEEN = 1
"""Words that may stand between two groups of one number ("அப்புறம்")."""

TicketCheck = Callable[[str], bool]


def nine_digits(number: str) -> bool:
    """Accept any nine digits: the check used where the check digit is not known."""
    return len(number) == _TICKET_DIGITS and number.isascii() and number.isdigit()


def as_phone(digits: str) -> str | None:
    """Return a valid Indian number, or None.

    Ten digits from 6 to 9 (mobile, with or without +91 or 0), or eleven from 0 (land line with
    its area code). A number said twice in a row counts once.
    """
    half = len(digits) // 2
    if len(digits) >= 2 * _MOBILE_DIGITS and digits[:half] == digits[half:]:
        digits = digits[:half]
    digits = _COUNTRY.sub("", digits, count=1)
    if _MOBILE.fullmatch(digits) or _LAND_LINE.fullmatch(digits):
        return digits
    return None


@dataclass(frozen=True, slots=True)
class HeardDigits:
    """Digits of one turn."""

    digits: str
    restarted: bool = False
    """The caller began again: digits of earlier turns no longer count."""


class DigitReader:
    """Reads digit strings. Shared by all calls."""

    def __init__(self) -> None:
        data = read_toml("answers")
        rows = [("restart", pattern) for pattern in data["restart"]]
        rows += [("correction", pattern) for pattern in data["correction"]]
        rows += [("correction", word) for word in ("=இல்ல", "=இல்லை", "=no", "=illa")]
        self._book: PatternBook[str] = PatternBook(rows)

    def read(self, words: Sequence[Word], numbers: Sequence[Number]) -> HeardDigits:
        """Return all digits of an answer to a question for a number.

        "இல்ல இல்ல" takes the last group back, "முதல்ல இருந்து" everything.
        """
        texts = [word.text for word in words]
        marks = {m.start: m.label for m in self._book.find(words)}
        restarted = "restart" in marks.values()
        groups: list[str] = []
        by_start = {number.start: number for number in numbers}
        for at, word in enumerate(words):
            if marks.get(at) == "restart":
                groups = []
            elif marks.get(at) == "correction" and marks.get(at - 1) != "correction":
                groups = groups[:-1]
            number = by_start.get(at)
            if number is None or is_article(texts, number):
                continue
            if groups and not word.gap and marks.get(at - 1) is None:
                groups[-1] += number.figures
            else:
                groups.append(number.figures)
        return HeardDigits("".join(groups)[:_LONGEST], restarted)

    def runs(self, words: Sequence[Word], numbers: Sequence[Number]) -> list[str]:
        """Return the long rows of digits inside a story, in order."""
        texts = [word.text for word in words]
        runs: list[str] = []
        last = -_BETWEEN - 1
        for number in numbers:
            if is_article(texts, number) or not number.figures:
                continue
            if runs and number.start - last <= _BETWEEN:
                runs[-1] += number.figures
            else:
                runs.append(number.figures)
            last = number.end
        return [run for run in runs if _RUN_FROM <= len(run) <= _LONGEST]


def gather(before: str, heard: HeardDigits, longest: int = _LAND_LINE_DIGITS) -> str:
    """Return the digits of a number said over several turns.

    Args:
        before: digits of earlier turns.
        heard: this turn.
        longest: digits a whole number may have.

    A turn that holds a whole number, begins again or would make the number too long stands for
    itself.
    """
    if heard.restarted or as_phone(heard.digits) or len(before) + len(heard.digits) > longest:
        return heard.digits
    return before + heard.digits
