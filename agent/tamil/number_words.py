"""What each number word means: listed, with endings glued to it, grown together or misspelt.

இருபத்தி waits for a smaller number and இருபது does not; தொண்ணூத்தெட்டு is two words grown into one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache, lru_cache
from pathlib import Path

from agent.tamil.sound import sound_key

_DATA = Path(__file__).parent / "data" / "numbers.toml"
LONGEST_DIGITS = 15
"""Longest run of figures read as one number (E.164)."""


class Kind(Enum):
    """What part of a number a word is; the sections of the table tell more."""

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
class Lexeme:
    """The meaning of one number word."""

    kind: Kind
    value: int
    figures: str = ""


_KNOWN_WORDS = 4_000
"""Words remembered; a turn is read several times while it is spoken."""
_VOWELS = dict(zip("ாிீுெேைொோ", "ஆஇஈஉஎஏஐஒஓ", strict=True))
"""Sign at a seam -> the vowel the second word began with."""
_DOUBLED = ("த்த", "ப்ப")
"""How a hard consonant is doubled after an open number: நூற்றுப்பத்து, அறுநூற்றுத்தொண்ணூறு."""
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
ARTICLES = ("ஒரு", "ஓர்", "ஒரே", "a", "an", "oru", "ore")
"""Words for "a", which stand also where nothing is counted."""
_DOUBTFUL = (Kind.BESIDE, Kind.BETWEEN, Kind.AND)
"""Words that are part of a number only beside another."""
_SMALL = (Kind.NUMBER, Kind.OPEN, Kind.THOUSANDS, Kind.THOUSANDS_OPEN)
"""What may have grown onto an open number."""


@dataclass(frozen=True, slots=True)
class _Endings:
    """What may be glued to a number word; see the table."""

    before: tuple[str, ...]
    particles: tuple[str, ...]
    vowels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Tables:
    words: dict[str, Lexeme]
    """Every number word with its meaning; joined ones are taken apart when they are met."""
    folded: dict[str, Lexeme]
    """The Tamil words without the letters that writing mixes up."""
    keys: dict[str, Lexeme]
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
    tamil = [(word, x) for word, x in tamil if not word.isascii() and word not in ARTICLES]
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
    "digit": Kind.NUMBER, "digit_english": Kind.NUMBER, "number": Kind.NUMBER,
    "number_english": Kind.NUMBER, "open": Kind.OPEN,
    "multiplier": Kind.MULTIPLIER, "multiplier_open": Kind.MULTIPLIER_OPEN,
    "repeat": Kind.REPEAT, "fraction": Kind.FRACTION, "pair": Kind.PAIR,
    "thousand": Kind.THOUSANDS, "beside": Kind.BESIDE, "between": Kind.BETWEEN,
    "and": Kind.AND,
}  # fmt: skip


def _listed(data: dict[str, dict[str, str]], sections: Iterable[str]) -> dict[str, Lexeme]:
    """Return the words that sections of the table spell out."""
    words: dict[str, Lexeme] = {}
    for section in sections:
        kind = _SECTIONS[section]
        for value, spellings in data[section].items():
            for spelling in spellings.split():
                words.setdefault(spelling, Lexeme(kind, int(value)))
    return words


def _opened(words: dict[str, Lexeme]) -> Iterator[tuple[str, Lexeme]]:
    """Make the forms that wait for more: இருபது > இருபத்தி, நூறு > நூத்தி, மூவாயிரம் > மூவாயிரத்தி."""
    for word, lexeme in words.items():
        tens = lexeme.kind is Kind.NUMBER and lexeme.value in _TENS
        if not tens and lexeme.kind is not Kind.THOUSANDS:
            continue
        kind = Kind.OPEN if tens else Kind.THOUSANDS_OPEN
        for closed, ends in _OPENED:
            if word.endswith(closed):
                stem = word.removesuffix(closed)
                yield from ((stem + end, Lexeme(kind, lexeme.value)) for end in ends)


def _compound(word: str, index: Mapping[str, Lexeme]) -> Lexeme | None:
    """Read words grown together: தொண்ணூத்தெட்டு, தொண்ணூத்தியெட்டு, தொண்ணூத்திநாலு, நூற்றுப்பத்து."""
    for cut in range(2, len(word) - 1):
        for open_end, rest in _seams(word[cut:]):
            big = index.get(word[:cut] + open_end)
            if big is None or big.kind is not Kind.OPEN:
                continue
            small = index.get(rest) or (_compound(rest, index) if big.value >= 100 else None)
            if small is not None and small.kind in _SMALL and 0 < small.value < _unit(big, small):
                return Lexeme(small.kind, big.value + small.value)
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
    if rest.startswith(_DOUBLED):
        yield "", rest[2:]


def _unit(big: Lexeme, small: Lexeme) -> int:
    """Return what must be smaller to follow: a digit after tens, below a hundred after hundreds."""
    if big.value < 100:
        return 10
    return 100 if small.kind in (Kind.NUMBER, Kind.OPEN) else 0


def _fold(word: str) -> str:
    """Undo only what writing varies, not vowels: எண்ணூறு (800) must not meet இன்னொரு (another)."""
    return word.translate(_LETTERS)


def _keys(word: str) -> set[str]:
    """Return the sound keys of a Tamil word; இர- keeps its vowel in Latin letters."""
    key = sound_key(word)
    return {key, "i" + key} if word.startswith("இரு") else {key}


def _unmistaken(rows: Iterable[tuple[str, Lexeme]]) -> dict[str, Lexeme]:
    """Return an index without the entries that stand for two different values."""
    index: dict[str, Lexeme] = {}
    mistaken: set[str] = set()
    for key, lexeme in rows:
        if index.setdefault(key, lexeme).value != lexeme.value:
            mistaken.add(key)
    return {key: lexeme for key, lexeme in index.items() if key not in mistaken}


@lru_cache(_KNOWN_WORDS)
def lexeme_of(word: str) -> Lexeme | None:
    """Return what the word means as part of a number, or None when it is none."""
    if word.isascii() and word.isdigit():
        if len(word) > LONGEST_DIGITS:
            return None
        return Lexeme(Kind.FIGURES, int(word), word)
    tables = _tables()
    if word in tables.never:
        return None
    known = tables.words.get(word)
    if known is not None:
        return known
    for bare in _bare_forms(word, tables.endings):
        known = None if bare in ARTICLES else tables.words.get(bare) or _folded(bare, tables)
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


def _folded(word: str, tables: _Tables) -> Lexeme | None:
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


def _run_together(word: str, tables: _Tables) -> Lexeme | None:
    """Read two number words written as one: எட்டுநாலு, டபுள்நைன், twentyfive."""
    for cut in range(_PART_FROM, len(word) - _PART_FROM + 1):
        first, second = tables.words.get(word[:cut]), tables.words.get(word[cut:])
        if first is None or second is None or second.kind is not Kind.NUMBER or second.value > 9:
            continue
        if word[:cut] in ARTICLES or word[cut:] in ARTICLES:
            continue
        if first.kind is Kind.OPEN and 0 < second.value < _unit(first, second):
            return Lexeme(Kind.NUMBER, first.value + second.value)
        if first.kind is Kind.REPEAT:
            return _digits(str(second.value) * first.value)
        if first.kind is Kind.NUMBER and first.value <= 9 and not word.isascii():
            return _digits(f"{first.value}{second.value}")
    return None


def _digits(figures: str) -> Lexeme:
    return Lexeme(Kind.PAIR, int(figures), figures)


def is_number_word(word: str) -> bool:
    """Tell whether the word can be part of a number."""
    lexeme = lexeme_of(word)
    return lexeme is not None and lexeme.kind not in _DOUBTFUL
