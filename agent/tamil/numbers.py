"""Spoken numbers to integers and to digit strings.

Two readings of the same words: a *cardinal* (நூத்தி இருபத்தி மூணு is 123) for days and money, and
a *digit string* (ஒம்பது அஞ்சு சைபர் is "950") for phone and ticket numbers, where every number
said is written down in turn and டபுள் doubles the digit after it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from pathlib import Path

from agent.tamil.sound import sound_key

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
    BESIDE = auto()
    BETWEEN = auto()
    AND = auto()


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


_VOWELS = dict(zip("ாிீுெேைொோ", "ஆஇஈஉஎஏஐஒஓ", strict=True))
"""Sign at a seam -> the vowel the second word began with."""
_LETTERS = str.maketrans({"ண": "ன", "ந": "ன", "ற": "ர", "ழ": "ல", "ள": "ல", "ஃ": None})
_OPENED = (
    ("ூறு", ("ூத்தி", "ூத்து", "ூற்றி", "ூற்று")),
    ("ுறு", ("ுத்தி", "ுத்து")),
    ("து", ("த்தி", "த்து", "த்த")),
    ("யிரம்", ("யிரத்தி", "யிரத்து")),
)
"""How a closed number ends, and how it ends when a smaller one follows (இருபது, இருபத்தி)."""
_TENS = range(20, 1_000, 10)
"""Numbers that a smaller one may follow."""
_FOLDED_FROM = 5
"""Shorter Tamil words are not folded: எட்டு would meet இடு (put)."""
_KEY_FROM = 6
"""Shorter Latin words are listed: "idhu" (this) sounds like எட்டு."""
_PART_FROM = 3
"""Letters of the parts of two numbers said as one word."""
_STEM_FROM = 3
"""What an ending may be cut from has at least this many letters."""
_GLUES = 3
"""Endings that may be glued to one number word."""
_ARTICLES = ("ஒரு", "ஓர்", "ஒரே", "a", "an", "oru", "ore")
_DOUBTFUL = (_Kind.BESIDE, _Kind.BETWEEN, _Kind.AND)
"""Words that are part of a number only beside another."""
_SMALL = (_Kind.NUMBER, _Kind.OPEN, _Kind.THOUSANDS, _Kind.THOUSANDS_OPEN)
"""What may have grown onto an open number."""
_LEADS = (_Kind.NUMBER, _Kind.OPEN, _Kind.FIGURES)
"""Beside these a word may be a digit that is none elsewhere."""


@dataclass(frozen=True, slots=True)
class _Endings:
    """What may be glued to a number word; see the table."""

    before: tuple[str, ...]
    particles: tuple[str, ...]
    vowels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Tables:
    words: dict[str, _Lexeme]
    """Every number word with its meaning; joined ones are taken apart when they are met."""
    folded: dict[str, _Lexeme]
    """The Tamil words without the letters that writing mixes up."""
    keys: dict[str, _Lexeme]
    """The same by sound, for Latin letters."""
    endings: _Endings
    never: frozenset[str]


@cache
def _tables() -> _Tables:
    data = tomllib.loads(_DATA.read_text("utf-8"))
    words = _listed(data, _SECTIONS)
    made = list(_opened(words))
    for spelling, lexeme in made:
        words.setdefault(spelling, lexeme)
    tamil = [*_listed(data, ("digit", "number", "thousand")).items(), *made]
    tamil = [(word, x) for word, x in tamil if not word.isascii() and word not in _ARTICLES]
    glue = data["glue"]
    return _Tables(
        words,
        _unmistaken((_fold(word), lexeme) for word, lexeme in tamil),
        _unmistaken((key, lexeme) for word, lexeme in tamil for key in _keys(word)),
        _Endings(
            tuple(glue["before"].split()),
            tuple(glue["particles"].split()),
            tuple((cut, put) for cut, _, put in (v.partition(":") for v in glue["vowels"].split())),
        ),
        frozenset(data["never"]["words"].split()),
    )


_SECTIONS = {
    "digit": _Kind.NUMBER, "digit_english": _Kind.NUMBER, "number": _Kind.NUMBER,
    "number_english": _Kind.NUMBER, "open": _Kind.OPEN,
    "multiplier": _Kind.MULTIPLIER, "multiplier_open": _Kind.MULTIPLIER_OPEN,
    "repeat": _Kind.REPEAT, "fraction": _Kind.FRACTION, "pair": _Kind.PAIR,
    "thousand": _Kind.THOUSANDS, "beside": _Kind.BESIDE, "between": _Kind.BETWEEN,
    "and": _Kind.AND,
}  # fmt: skip


def _listed(data: dict[str, dict[str, str]], sections: Iterable[str]) -> dict[str, _Lexeme]:
    """Return the words that sections of the table spell out."""
    words: dict[str, _Lexeme] = {}
    for section in sections:
        kind = _SECTIONS[section]
        for value, spellings in data[section].items():
            for spelling in spellings.split():
                words.setdefault(spelling, _Lexeme(kind, int(value)))
    return words


def _opened(words: dict[str, _Lexeme]) -> Iterator[tuple[str, _Lexeme]]:
    """Make the forms that wait for more: இருபது > இருபத்தி, நூறு > நூத்தி, மூவாயிரம் > மூவாயிரத்தி."""
    for word, lexeme in words.items():
        tens = lexeme.kind is _Kind.NUMBER and lexeme.value in _TENS
        if not tens and lexeme.kind is not _Kind.THOUSANDS:
            continue
        kind = _Kind.OPEN if tens else _Kind.THOUSANDS_OPEN
        for closed, ends in _OPENED:
            if word.endswith(closed):
                stem = word.removesuffix(closed)
                yield from ((stem + end, _Lexeme(kind, lexeme.value)) for end in ends)


def _compound(word: str, index: Mapping[str, _Lexeme]) -> _Lexeme | None:
    """Read words grown together: தொண்ணூத்தெட்டு, தொண்ணூத்தியெட்டு, தொண்ணூத்திநாலு, thonnuthettu."""
    for cut in range(2, len(word) - 1):
        for open_end, rest in _seams(word[cut:]):
            big = index.get(word[:cut] + open_end)
            if big is None or big.kind is not _Kind.OPEN:
                continue
            small = index.get(rest) or (_compound(rest, index) if big.value >= 100 else None)
            if small is not None and small.kind in _SMALL and 0 < small.value < _unit(big, small):
                return _Lexeme(small.kind, big.value + small.value)
    return None


def _seams(rest: str) -> Iterator[tuple[str, str]]:
    """Yield what the first word may have lost before ``rest``, and what the second word was."""
    yield "", rest
    glide, sign = rest[:1] == "ய", rest[:2].lstrip("ய")[:1]
    if glide:
        yield "", _VOWELS.get(sign, "அ" + sign) + rest[2:]
    for lost in "ிு":
        yield lost, _VOWELS[rest[0]] + rest[1:] if rest[0] in _VOWELS else "அ" + rest
    if rest[0] in "aiu":
        yield "i", rest


def _unit(big: _Lexeme, small: _Lexeme) -> int:
    """Return what must be smaller to follow: a digit after tens, below a hundred after hundreds."""
    if big.value < 100:
        return 10
    return 100 if small.kind in (_Kind.NUMBER, _Kind.OPEN) else 0


def _fold(word: str) -> str:
    """Undo only what writing varies, not vowels: எண்ணூறு (800) must not meet இன்னொரு (another)."""
    return word.translate(_LETTERS)


def _keys(word: str) -> set[str]:
    """Return the sound keys of a Tamil word; இர- keeps its vowel in Latin letters."""
    key = sound_key(word)
    return {key, "i" + key} if word.startswith("இரு") else {key}


def _unmistaken(rows: Iterable[tuple[str, _Lexeme]]) -> dict[str, _Lexeme]:
    """Return an index without the entries that stand for two different values."""
    index: dict[str, _Lexeme] = {}
    mistaken: set[str] = set()
    for key, lexeme in rows:
        if index.setdefault(key, lexeme).value != lexeme.value:
            mistaken.add(key)
    return {key: lexeme for key, lexeme in index.items() if key not in mistaken}


def _lexeme(word: str) -> _Lexeme | None:
    if word.isascii() and word.isdigit():
        if len(word) > _LONGEST_DIGITS:
            return None
        return _Lexeme(_Kind.FIGURES, int(word), word)
    tables = _tables()
    if word in tables.never:
        return None
    known = tables.words.get(word)
    if known is not None:
        return known
    for bare in _bare_forms(word, tables.endings):
        known = None if bare in _ARTICLES else tables.words.get(bare) or _folded(bare, tables)
        if known is not None:
            return known
    return _run_together(word, tables)


def _bare_forms(word: str, endings: _Endings) -> Iterator[str]:
    """Yield the word, then what is left when endings are cut: எட்டுதானுங்க > எட்டுதானு > எட்டு."""
    yield word
    layer = [word, *(word.removesuffix(cut) for cut in endings.before if word.endswith(cut))]
    yield from layer[1:]
    for _ in range(_GLUES):
        for form in layer:
            for cut, put in endings.vowels:
                if form.endswith(cut) and len(form) >= _STEM_FROM:
                    yield form.removesuffix(cut) + put
        layer = [
            form.removesuffix(cut)
            for form in layer
            for cut in endings.particles
            if form.endswith(cut) and len(form) - len(cut) >= _STEM_FROM
        ]
        yield from layer


def _folded(word: str, tables: _Tables) -> _Lexeme | None:
    """Read a word by its sound, when it is long enough not to be mistaken."""
    if word.isascii():
        key = sound_key(word)
        found = tables.keys.get(key) or _compound(key, tables.keys)
        return found if len(key) >= _KEY_FROM else None
    if len(word) < _FOLDED_FROM:
        return None
    folded = _fold(word)
    found = _compound(word, tables.words) or tables.folded.get(folded)
    return found or _compound(folded, tables.folded)


def _run_together(word: str, tables: _Tables) -> _Lexeme | None:
    """Read two number words written as one: எட்டுநாலு, டபுள்நைன், twentyfive."""
    for cut in range(_PART_FROM, len(word) - _PART_FROM + 1):
        first, second = tables.words.get(word[:cut]), tables.words.get(word[cut:])
        if first is None or second is None or second.kind is not _Kind.NUMBER or second.value > 9:
            continue
        if word[:cut] in _ARTICLES or word[cut:] in _ARTICLES:
            continue
        if first.kind is _Kind.OPEN and 0 < second.value < _unit(first, second):
            return _Lexeme(_Kind.NUMBER, first.value + second.value)
        if first.kind is _Kind.REPEAT:
            return _digits(str(second.value) * first.value)
        if first.kind is _Kind.NUMBER and first.value <= 9 and not word.isascii():
            return _digits(f"{first.value}{second.value}")
    return None


def _digits(figures: str) -> _Lexeme:
    return _Lexeme(_Kind.PAIR, int(figures), figures)


def is_number_word(word: str) -> bool:
    """Tell whether the word can be part of a number."""
    lexeme = _lexeme(word)
    return lexeme is not None and lexeme.kind not in _DOUBTFUL


def find_numbers(words: Sequence[str]) -> list[Number]:
    """Find all numbers in a row of words, in order, none overlapping.

    Args:
        words: lower-case, cleaned words (:func:`agent.tamil.words.split_words`).
    """
    lexemes = _settled([_lexeme(word) for word in words])
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


def _settled(lexemes: list[_Lexeme | None]) -> list[_Lexeme | None]:
    """Decide by their neighbours which of the doubtful words are digits."""
    settled: list[_Lexeme | None] = []
    for at, lexeme in enumerate(lexemes):
        after = lexemes[at + 1] if at + 1 < len(lexemes) else None
        before = settled[-1] if settled else None
        if lexeme is not None and lexeme.kind in (_Kind.BESIDE, _Kind.BETWEEN):
            led = before is not None and before.kind in (*_LEADS, _Kind.REPEAT)
            leads = after is not None and after.kind in (*_LEADS, _Kind.REPEAT, lexeme.kind)
            last = at + 1 == len(lexemes)
            digit = led and (leads or last) if lexeme.kind is _Kind.BETWEEN else led or leads
            lexeme = _Lexeme(_Kind.NUMBER, lexeme.value) if digit else None
        settled.append(lexeme)
    return settled


def _read(lexemes: Sequence[_Lexeme | None], at: int) -> Number | None:
    first = lexemes[at]
    if first is None:
        return None
    match first.kind:
        case _Kind.FRACTION:
            return Number(first.value / 100, at, at + 1, "")
        case _Kind.PAIR:
            # A pair is "about" when things are counted and two digits when they are read out.
            figures = first.figures or f"{first.value - 1}{first.value}"
            return Number(first.value, at, at + 1, figures, exact=False)
        case _Kind.REPEAT:
            return _repeated(lexemes, at, first.value)
        case _Kind.AND:
            return None
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
    last = lexemes[end - 1]
    if last is not None and last.kind is _Kind.AND:
        end -= 1
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
            if not first and (value == 0 or not _fits_below(state.part, value)):
                return False
            if lexeme.kind is _Kind.FIGURES and not first:
                return False
            state.part += value
            state.open = lexeme.kind is _Kind.OPEN
            return True
        case _Kind.AND:
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
    return number.end - number.start == 1 and words[number.start] in _ARTICLES
