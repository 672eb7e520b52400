"""The pattern language of the word tables: rows of word beginnings, matched by sound.

A pattern is written as it is said: ``தெரு விளக்கு``. Each word matches the beginning of a spoken
word; ``..`` lets up to four words stand between; ``#`` is a number; ``=word`` the whole word.
Dialect and recogniser variation is folded (:mod:`agent.tamil.sound`), and a pattern also matches
when the recogniser joined or split its words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from agent.tamil.normalize import clean
from agent.tamil.sound import plain, sound_key
from agent.tamil.words import Word, split_texts

Label = TypeVar("Label")

GAP = ".."
NUMBER = "#"
_GAP_WORDS = 4
_INITIAL = 2
"""Words this short are initials or particles: only the whole word matches."""
_FOLDED_FROM = 4
"""Shorter words are matched by their letters: folded, பஸ் (bus) would find பசு (cow)."""
_KEY_PREFIX_FROM = 5
_KEY_PREFIX_BESIDE = 4
"""Inside a pattern of several words, the others vouch for a short one (thee *pidi*chiruchu)."""
_JOINED_FROM = 6
_SANDHI = ("க்", "ச்", "த்", "ப்")
_HALVES = (*_SANDHI, "ட்")


@dataclass(frozen=True, slots=True)
class _Part:
    text: str
    plain: str
    key: str
    exact: bool
    gap_before: bool


@dataclass(frozen=True, slots=True)
class _Pattern(Generic[Label]):
    label: Label
    source: str
    parts: tuple[_Part, ...]
    joined: str
    """All parts as one folded string, or empty when that would match too much."""

    @property
    def least_key(self) -> int:
        """From how many letters on a sound key may match a beginning."""
        return _KEY_PREFIX_BESIDE if len(self.parts) > 1 else _KEY_PREFIX_FROM


_Index = defaultdict[str, list[tuple[int, _Pattern[Label]]]]


@dataclass(frozen=True, slots=True)
class Match(Generic[Label]):
    """One place where a pattern was said."""

    label: Label
    source: str
    """The pattern as written in its table: the evidence."""
    start: int
    """Index of the first word."""
    end: int
    """Index after the last word."""


class PatternBook(Generic[Label]):
    """All patterns of one table, indexed by how they begin. Shared by all calls, never changed."""

    def __init__(self, rows: Iterable[tuple[Label, str]]) -> None:
        self._starts: _Starts[Label] = _Starts()
        self._by_number: list[_Pattern[Label]] = []
        for label, source in rows:
            pattern = _compile(label, source)
            if pattern is None:
                continue
            if pattern.parts[0].text == NUMBER:
                self._by_number.append(pattern)
            else:
                self._starts.add(pattern)

    def find(
        self, words: Sequence[Word], number_ends: Mapping[int, int] | None = None
    ) -> list[Match[Label]]:
        """Return every match, in order of their first word.

        Args:
            words: the utterance; words with empty text match nothing (masked).
            number_ends: index of the first word of each number -> index after its last.
        """
        ends = number_ends or {}
        line = _Line(words)
        found: list[Match[Label]] = []
        for at, word in enumerate(words):
            if not word.text:
                continue
            for pattern in (*self._starts.of(word), *(self._by_number if at in ends else ())):
                end = _match(pattern, words, at, ends) or line.joined_end(pattern.joined, at)
                if end:
                    found.append(Match(pattern.label, pattern.source, at, end))
        return found


class _Starts(Generic[Label]):
    """Finds the patterns whose first word may begin a spoken one, by looking its beginnings up."""

    def __init__(self) -> None:
        self._count = 0
        self._whole: _Index[Label] = defaultdict(list)
        """By the letters of the whole word."""
        self._letters: _Index[Label] = defaultdict(list)
        """By the letters of its beginning."""
        self._folded: _Index[Label] = defaultdict(list)
        """By the folded letters of its beginning."""
        self._whole_key: _Index[Label] = defaultdict(list)
        self._key: _Index[Label] = defaultdict(list)
        """By the sound of its beginning."""
        self._halves: _Index[Label] = defaultdict(list)
        """By the folded letters of a word that may be only half of it: தெரு|விளக்கு."""

    def add(self, pattern: _Pattern[Label]) -> None:
        """Index one pattern."""
        first = pattern.parts[0]
        entry = (self._count, pattern)
        self._count += 1
        self._whole[first.text].append(entry)
        if first.key:
            short = first.exact or len(first.key) < pattern.least_key
            (self._whole_key if short else self._key)[first.key].append(entry)
        if first.plain.isascii():
            return
        if not first.exact:
            self._letters[first.text].append(entry)
            if len(first.plain) >= _FOLDED_FROM:
                self._folded[first.plain].append(entry)
        if pattern.joined:
            for end in range(1, len(first.plain) + 1):
                self._halves[first.plain[:end]].append(entry)

    def of(self, word: Word) -> list[_Pattern[Label]]:
        """Return the patterns in the order of their tables."""
        found = list(self._whole.get(word.text, ()))
        tables: list[tuple[_Index[Label], str]]
        if word.tamil:
            found += self._halves.get(word.plain, ())
            tables = [(self._letters, word.text), (self._folded, word.plain)]
        else:
            found += self._whole_key.get(word.key, ())
            tables = [(self._key, word.key)]
        for table, text in tables:
            for end in range(1, len(text) + 1):
                found += table.get(text[:end], ())
        return [pattern for _, pattern in sorted(dict(found).items())]


class _Line:
    """The utterance as one folded string, for words the recogniser joined or split."""

    def __init__(self, words: Sequence[Word]) -> None:
        self._starts: list[int] = []
        pieces: list[str] = []
        length = 0
        for word in words:
            self._starts.append(length)
            pieces.append(word.plain or "\0")
            length += len(pieces[-1])
        self._text = "".join(pieces)
        self._starts.append(length)

    def joined_end(self, joined: str, at: int) -> int:
        """Return the index after the last word covered, or 0 when it does not match here."""
        if not joined or not self._text.startswith(joined, self._starts[at]):
            return 0
        stop = self._starts[at] + len(joined)
        return next(i for i, start in enumerate(self._starts) if start >= stop)


def _compile(label: Label, source: str) -> _Pattern[Label] | None:
    parts: list[_Part] = []
    gap = False
    for token in clean(source).lower().split():
        if token == GAP:
            gap = True
            continue
        for piece in [NUMBER] if token == NUMBER else _pieces(token):
            exact = token.startswith("=") or len(piece) <= _INITIAL
            parts.append(_Part(piece, _plain_start(piece), sound_key(piece), exact, gap))
            gap = False
    if not parts:
        return None
    whole = "".join(part.plain for part in parts)
    joinable = not any(p.gap_before or p.text == NUMBER or p.text.isascii() for p in parts)
    joined = whole if joinable and len(whole) >= _JOINED_FROM else ""
    return _Pattern(label, source, tuple(parts), joined)


def _pieces(token: str) -> list[str]:
    texts = split_texts(token.lstrip("="))
    return [t[:-2] if t.endswith(_SANDHI) and len(t) > _FOLDED_FROM else t for t in texts]


def _plain_start(piece: str) -> str:
    """Fold a word beginning so that what grows onto it does not hide it.

    A doubled consonant cut in half (கேக்|கறாங்க) is a single one, and the final உ of longer words
    gives way to any other vowel (விளக்கு, விளக்கே, விளக்கை).
    """
    folded = plain(piece)
    if folded.endswith(_HALVES) or (folded.endswith("ு") and len(folded) > _FOLDED_FROM):
        return folded[:-1]
    return folded


def _match(
    pattern: _Pattern[Label], words: Sequence[Word], at: int, ends: Mapping[int, int]
) -> int:
    """Return the index after the last matched word, or 0."""
    here = at
    least = pattern.least_key
    for number, part in enumerate(pattern.parts):
        reach = range(here, min(here + (_GAP_WORDS + 1 if part.gap_before else 1), len(words)))
        for place in reach if number else (at,):
            end = _part_end(part, words, place, ends, least)
            if end:
                here = end
                break
        else:
            return 0
    return here


def _part_end(
    part: _Part, words: Sequence[Word], at: int, ends: Mapping[int, int], least: int
) -> int:
    if part.text == NUMBER:
        return ends.get(at, 0)
    return at + 1 if _sounds_like(part, words[at], least) else 0


def _sounds_like(part: _Part, word: Word, least: int) -> bool:
    text = word.text
    if not text:
        return False
    if text == part.text:
        return True
    if not word.tamil:
        if part.exact or len(part.key) < least:
            return bool(part.key) and word.key == part.key
        return word.key.startswith(part.key)
    if part.exact or part.text.isascii():
        return False
    if text.startswith(part.text):
        return True
    return len(part.plain) >= _FOLDED_FROM and word.plain.startswith(part.plain)
