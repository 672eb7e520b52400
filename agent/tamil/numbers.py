"""Spoken numbers to integers and to digit strings.

Two readings of the same words: a *cardinal* (நூத்தி இருபத்தி மூணு is 123) for days and money, and
a *digit string* (ஒம்பது அஞ்சு சைபர் is "950") for phone and ticket numbers, where every number
said is written down in turn and டபுள் doubles the digit after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.tamil.number_words import ARTICLES, LONGEST_DIGITS, Kind, Lexeme, lexeme_of

_THOUSAND = 1_000
_LEADS = (Kind.NUMBER, Kind.OPEN, Kind.FIGURES)
"""Beside these a word may be a digit that is none elsewhere."""


@dataclass(frozen=True, slots=True)
class Number:
    """One number found among words."""

    value: float
    """What it counts; halves and quarters are kept."""
    start: int
    """Index of its first word."""
    end: int
    """Index after its last word."""
    figures: str
    """As digits, for numbers that are read out: "95", "0", "00"."""
    exact: bool = True
    """False for "about" (நாலஞ்சு)."""


def find_numbers(words: Sequence[str]) -> list[Number]:
    """Find all numbers in a row of words, in order, none overlapping.

    Args:
        words: lower-case, cleaned words (:func:`agent.tamil.words.split_words`).
    """
    lexemes = _settled([lexeme_of(word) for word in words])
    numbers: list[Number] = []
    at = 0
    while at < len(words):
        number = _read(lexemes, at)
        if number is None:
            at += 1
            continue
        numbers.append(number)
        at = number.end
    return numbers


def _settled(lexemes: list[Lexeme | None]) -> list[Lexeme | None]:
    """Decide by their neighbours which of the doubtful words are digits."""
    settled: list[Lexeme | None] = []
    for at, lexeme in enumerate(lexemes):
        after = lexemes[at + 1] if at + 1 < len(lexemes) else None
        before = settled[-1] if settled else None
        if lexeme is not None and lexeme.kind in (Kind.BESIDE, Kind.BETWEEN):
            led = before is not None and before.kind in (*_LEADS, Kind.REPEAT)
            leads = after is not None and after.kind in (*_LEADS, Kind.REPEAT, lexeme.kind)
            last = at + 1 == len(lexemes)
            digit = led and (leads or last) if lexeme.kind is Kind.BETWEEN else led or leads
            lexeme = Lexeme(Kind.NUMBER, lexeme.value) if digit else None
        settled.append(lexeme)
    return settled


def _read(lexemes: Sequence[Lexeme | None], at: int) -> Number | None:
    first = lexemes[at]
    if first is None:
        return None
    match first.kind:
        case Kind.FRACTION:
            return Number(first.value / 100, at, at + 1, "")
        case Kind.PAIR:
            # A pair is "about" when things are counted and two digits when they are read out.
            figures = first.figures or f"{first.value - 1}{first.value}"
            return Number(first.value, at, at + 1, figures, exact=False)
        case Kind.REPEAT:
            return _repeated(lexemes, at, first.value)
        case Kind.AND:
            return None
        case _:
            return _cardinal(lexemes, at)


def _repeated(lexemes: Sequence[Lexeme | None], at: int, times: int) -> Number | None:
    follows = lexemes[at + 1] if at + 1 < len(lexemes) else None
    if follows is None or follows.kind not in (Kind.NUMBER, Kind.FIGURES) or follows.value > 9:
        return None
    figures = str(follows.value) * times
    return Number(int(figures), at, at + 2, figures)


@dataclass(slots=True)
class _Sum:
    """A cardinal being built: finished higher groups and the part below them."""

    total: int = 0
    part: int = 0
    limit: int = 10 ** (LONGEST_DIGITS + 1)
    """What follows must be smaller than this."""
    open: bool = True


def _cardinal(lexemes: Sequence[Lexeme | None], at: int) -> Number | None:
    first = lexemes[at]
    if first is not None and first.kind is Kind.FIGURES and first.figures[:1] == "0":
        return Number(first.value, at, at + 1, first.figures)
    state, end = _Sum(), at
    while end < len(lexemes):
        lexeme = lexemes[end]
        if lexeme is None or not _grow(state, lexeme, first=end == at):
            break
        end += 1
    last = lexemes[end - 1]
    if last is not None and last.kind is Kind.AND:
        end -= 1
    if end == at:
        return None
    value = state.total + state.part
    return Number(value, at, end, str(value))


def _grow(state: _Sum, lexeme: Lexeme, *, first: bool) -> bool:
    """Add one lexeme when it may follow; tell whether it did."""
    value = lexeme.value
    match lexeme.kind:
        case Kind.MULTIPLIER | Kind.MULTIPLIER_OPEN:
            if value >= state.limit:
                return False
            if state.part == 0 and not (first or state.open):
                return False
            state.total += (state.part or 1) * value if value >= _THOUSAND else 0
            state.part = 0 if value >= _THOUSAND else (state.part or 1) * value
            state.limit = value
            # English says "two thousand five"; Tamil opens the word for that.
            state.open = lexeme.kind is Kind.MULTIPLIER_OPEN
            return True
        case Kind.THOUSANDS | Kind.THOUSANDS_OPEN:
            tens_open = state.open and state.part in range(20, 100, 10) and value < 10
            if state.limit <= _THOUSAND or not (first or state.open):
                return False
            if state.part and not tens_open:
                return False
            state.total += (state.part + value) * _THOUSAND
            state.part, state.limit = 0, _THOUSAND
            state.open = lexeme.kind is Kind.THOUSANDS_OPEN
            return True
        case Kind.NUMBER | Kind.OPEN | Kind.FIGURES:
            if not (first or state.open) or value >= state.limit:
                return False
            if not first and (value == 0 or not _fits_below(state.part, value)):
                return False
            if lexeme.kind is Kind.FIGURES and not first:
                return False
            state.part += value
            state.open = lexeme.kind is Kind.OPEN
            return True
        case Kind.AND:
            # "six hundred and sixty two"
            return not first and state.open and state.part % 100 == 0
        case _:
            return False


def _fits_below(part: int, value: int) -> bool:
    """A digit fits below tens, anything below a hundred fits below hundreds."""
    return not part or value < (10 if part % 100 else 100)


def digits_in(words: Sequence[str], numbers: Sequence[Number] | None = None) -> str:
    """Return every digit said among the words, in order.

    "ஒரு" (a, one) counts nothing out and is left out, as are fractions.
    """
    found = find_numbers(words) if numbers is None else numbers
    return "".join(number.figures for number in found if not is_article(words, number))


def is_article(words: Sequence[str], number: Number) -> bool:
    """Tell whether the number is only ஒரு ("a"), which no one uses when reading digits out."""
    return number.end - number.start == 1 and words[number.start] in ARTICLES
