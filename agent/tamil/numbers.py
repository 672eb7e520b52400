"""Spoken numbers to integers and to digit strings.

Two readings of the same words: a *cardinal* (நூத்தி இருபத்தி மூணு is 123) for days and money, and
a *digit string* (ஒம்பது அஞ்சு சைபர் is "950") for phone and ticket numbers, where every number
said is written down in turn and டபுள் doubles the digit after it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from pathlib import Path

from agent.tamil.endings import without_courtesy

_DATA = Path(__file__).parent / "data" / "numbers.toml"
_THOUSAND = 1_000
_LONGEST_DIGITS = 15
"""Longest run of figures read as one number (E.164)."""


class _Kind(Enum):
    NUMBER = auto()
    OPEN = auto()
    THOUSANDS = auto()
    THOUSANDS_OPEN = auto()
    MULTIPLIER = auto()
    MULTIPLIER_OPEN = auto()
    REPEAT = auto()
    FRACTION = auto()
    PAIR = auto()
    FIGURES = auto()


@dataclass(frozen=True, slots=True)
class _Lexeme:
    kind: _Kind
    value: int
    figures: str = ""


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


_JOINABLE = "அஆஇஈஎஏஐஒஓ"
_AS_SIGN = dict(zip("ஆஇஈஎஏஐஒஓ", "ாிீெேைொோ", strict=True))


@cache
def _lexicon() -> dict[str, _Lexeme]:
    """Every number word with its meaning, joined words included (about 3,000)."""
    data = tomllib.loads(_DATA.read_text("utf-8"))
    words: dict[str, _Lexeme] = {}

    def add(section: str, kind: _Kind) -> None:
        for value, spellings in data[section].items():
            for spelling in spellings.split():
                words.setdefault(spelling, _Lexeme(kind, int(value)))

    add("digit", _Kind.NUMBER)
    add("number", _Kind.NUMBER)
    add("open", _Kind.OPEN)
    add("multiplier", _Kind.MULTIPLIER)
    add("multiplier_open", _Kind.MULTIPLIER_OPEN)
    add("repeat", _Kind.REPEAT)
    add("fraction", _Kind.FRACTION)
    add("pair", _Kind.PAIR)
    for value, spellings in data["thousand"].items():
        for spelling in spellings.split():
            words[spelling] = _Lexeme(_Kind.THOUSANDS, int(value))
            for end in ("த்தி", "த்து"):
                opened = spelling.removesuffix("ம்") + end
                words[opened] = _Lexeme(_Kind.THOUSANDS_OPEN, int(value))
    words |= {spelling: lexeme for spelling, lexeme in _joined(words) if spelling not in words}
    return words


def _joined(words: dict[str, _Lexeme]) -> list[tuple[str, _Lexeme]]:
    """Words grown together: தொண்ணூத்தி + எட்டு = தொண்ணூத்தெட்டு, தொண்ணூத்தியெட்டு."""
    opens = [(w, x) for w, x in words.items() if x.kind is _Kind.OPEN and w[-1] in "ிு"]
    smalls = [(w, x) for w, x in words.items() if x.kind is _Kind.NUMBER and x.value > 0]
    small_words = [(w, x) for w, x in smalls if not w.isascii() and w not in ("ஒரு", "ஓர்")]
    pairs = [(o, s) for o in opens for s in small_words if s[1].value < _unit(o[1].value)]
    return [
        (spelling, _Lexeme(_Kind.NUMBER, big.value + small.value))
        for (big_word, big), (small_word, small) in pairs
        for spelling in _seams(big_word, small_word)
    ]


def _unit(value: int) -> int:
    """Return what must be smaller to follow: a digit after tens, below a hundred after hundreds."""
    return 10 if value < 100 else 100


def _seams(big: str, small: str) -> list[str]:
    together = [big + small]
    if small[0] in _JOINABLE:
        sign = _AS_SIGN.get(small[0], "")
        together.append(big[:-1] + sign + small[1:])
        together.append(big + "ய" + sign + small[1:])
    return together


def _lexeme(word: str) -> _Lexeme | None:
    if word.isascii() and word.isdigit():
        if len(word) > _LONGEST_DIGITS:
            return None
        return _Lexeme(_Kind.FIGURES, int(word), word)
    known = _lexicon()
    return known.get(word) or known.get(without_courtesy(word)) or known.get(word.rstrip("்"))


def is_number_word(word: str) -> bool:
    """Tell whether the word can be part of a number."""
    return _lexeme(word) is not None


def find_numbers(words: Sequence[str]) -> list[Number]:
    """Find all numbers in a row of words, in order, none overlapping.

    Args:
        words: lower-case, cleaned words (:func:`agent.tamil.words.split_words`).
    """
    lexemes = [_lexeme(word) for word in words]
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


def _read(lexemes: Sequence[_Lexeme | None], at: int) -> Number | None:
    first = lexemes[at]
    if first is None:
        return None
    match first.kind:
        case _Kind.FRACTION:
            return Number(first.value / 100, at, at + 1, "")
        case _Kind.PAIR:
            # A pair is "about" when things are counted and two digits when they are read out.
            figures = {5: "45", 6: "56", 8: "78", 4: "34", 3: "23"}.get(first.value, "")
            return Number(first.value, at, at + 1, figures, exact=False)
        case _Kind.REPEAT:
            return _repeated(lexemes, at, first.value)
        case _:
            return _cardinal(lexemes, at)


def _repeated(lexemes: Sequence[_Lexeme | None], at: int, times: int) -> Number | None:
    follows = lexemes[at + 1] if at + 1 < len(lexemes) else None
    if follows is None or follows.kind not in (_Kind.NUMBER, _Kind.FIGURES) or follows.value > 9:
        return None
    figures = str(follows.value) * times
    return Number(int(figures), at, at + 2, figures)


@dataclass(slots=True)
class _Sum:
    """A cardinal being built: finished higher groups and the part below them."""

    total: int = 0
    part: int = 0
    limit: int = 10 ** (_LONGEST_DIGITS + 1)
    """What follows must be smaller than this."""
    open: bool = True


def _cardinal(lexemes: Sequence[_Lexeme | None], at: int) -> Number | None:
    first = lexemes[at]
    if first is not None and first.kind is _Kind.FIGURES and first.figures[:1] == "0":
        return Number(first.value, at, at + 1, first.figures)
    state, end = _Sum(), at
    while end < len(lexemes):
        lexeme = lexemes[end]
        if lexeme is None or not _grow(state, lexeme, first=end == at):
            break
        end += 1
    if end == at:
        return None
    value = state.total + state.part
    return Number(value, at, end, str(value))


def _grow(state: _Sum, lexeme: _Lexeme, *, first: bool) -> bool:
    """Add one lexeme when it may follow; tell whether it did."""
    value = lexeme.value
    match lexeme.kind:
        case _Kind.MULTIPLIER | _Kind.MULTIPLIER_OPEN:
            if value >= state.limit:
                return False
            if state.part == 0 and not (first or state.open):
                return False
            state.total += (state.part or 1) * value if value >= _THOUSAND else 0
            state.part = 0 if value >= _THOUSAND else (state.part or 1) * value
            state.limit = value
            # English says "two thousand five"; Tamil opens the word for that.
            state.open = lexeme.kind is _Kind.MULTIPLIER_OPEN
            return True
        case _Kind.THOUSANDS | _Kind.THOUSANDS_OPEN:
            tens_open = state.open and state.part in range(20, 100, 10) and value < 10
            if state.limit <= _THOUSAND or not (first or state.open):
                return False
            if state.part and not tens_open:
                return False
            state.total += (state.part + value) * _THOUSAND
            state.part, state.limit = 0, _THOUSAND
            state.open = lexeme.kind is _Kind.THOUSANDS_OPEN
            return True
        case _Kind.NUMBER | _Kind.OPEN | _Kind.FIGURES:
            if not (first or state.open) or value >= state.limit:
                return False
            if state.part and not _fits_below(state.part, value):
                return False
            if lexeme.kind is _Kind.FIGURES and not first:
                return False
            state.part += value
            state.open = lexeme.kind is _Kind.OPEN
            return True
        case _:
            return False


def _fits_below(part: int, value: int) -> bool:
    """A digit fits below tens, anything below a hundred fits below hundreds."""
    return value < (10 if part % 100 else 100)


def digits_in(words: Sequence[str], numbers: Sequence[Number] | None = None) -> str:
    """Return every digit said among the words, in order.

    "ஒரு" (a, one) counts nothing out and is left out, as are fractions.
    """
    found = find_numbers(words) if numbers is None else numbers
    return "".join(number.figures for number in found if not is_article(words, number))


def is_article(words: Sequence[str], number: Number) -> bool:
    """Tell whether the number is only ஒரு ("a"), which no one uses when reading digits out."""
    return number.end - number.start == 1 and words[number.start] in ("ஒரு", "ஓர்", "a", "an")
