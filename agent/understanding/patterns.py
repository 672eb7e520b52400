"""The pattern language of the word tables: rows of word beginnings, matched by sound.

A pattern is written as it is said: ``தெரு விளக்கு``. Each word matches the beginning of a spoken
word; ``..`` lets up to four words stand between; ``#`` is a number; ``=word`` the whole word.
Dialect and recogniser variation is folded (:mod:`agent.tamil.sound`), and a pattern also matches
when the recogniser joined or split its words.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from agent.tamil.normalize import clean
from agent.tamil.sound import plain, sound_key
from agent.tamil.words import Word, split_texts

Label = TypeVar("Label")

GAP = ".."
NUMBER = "#"
_KNOWN_WORDS = 2_000
"""Words remembered for each table; a caller says some hundred different ones."""
_GAP_WORDS = 4
_INITIAL = 2
"""Words this short are initials or particles: only the whole word matches."""
_FOLDED_FROM = 4
"""Shorter words are matched by their letters: folded, பஸ் (bus) would find பசு (cow)."""
_KEY_PREFIX_FROM = 5
_KEY_PREFIX_BESIDE = 4
"""Inside a pattern of several words, the others vouch for a short one (thee *pidi*chiruchu)."""
_SAYS_NOTHING = 2
"""Initials have no longer keys: எஸ்.ஐ (sub-inspector) would be the *is a* of English."""
_JOINED_FROM = 6
_SANDHI = ("க்", "ச்", "த்", "ப்")
_HALVES = (*_SANDHI, "ட்")


@dataclass(frozen=True, slots=True)
class _Part:
    text: str
    plain: str
    key: str
    exact: bool
    least_key: int = _KEY_PREFIX_FROM
    """From how many letters on the sound key may match a beginning."""


@dataclass(frozen=True, slots=True)
class _Pattern(Generic[Label]):
    label: Label
    source: str
    parts: tuple[tuple[_Part, bool], ...]
    """Each with whether other words may stand before it."""
    joined: str
    """All parts as one folded string, or empty when that would match too much."""


@dataclass(slots=True)
class _Node(Generic[Label]):
    """A place in the tree of all patterns: what was said so far, and what may follow."""

    next: dict[int, _Node[Label]] = field(default_factory=dict)
    """By the part that the next word must be."""
    far: dict[int, _Node[Label]] = field(default_factory=dict)
    """By a part that may come some words later."""
    ended: list[tuple[int, _Pattern[Label]]] = field(default_factory=list)
    """Patterns that end here, with their line in the table."""


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
    """All patterns of one table as a tree of their parts. Shared by all calls, never changed.

    What a spoken word may be is looked up once, however many patterns hold that part: with some
    thousand patterns this reads a turn twice as fast as trying each pattern that begins with it.
    """

    def __init__(self, rows: Iterable[tuple[Label, str]]) -> None:
        self._parts = _Parts()
        self._root: _Node[Label] = _Node()
        self._joined: defaultdict[str, list[tuple[int, _Pattern[Label]]]] = defaultdict(list)
        """By the letters they begin with."""
        for line, (label, source) in enumerate(rows):
            pattern = _compile(label, source)
            if pattern is None:
                continue
            node = self._root
            for part, gap_before in pattern.parts:
                branch = node.far if gap_before else node.next
                node = branch.setdefault(self._parts.add(part), _Node())
            node.ended.append((line, pattern))
            if pattern.joined:
                self._joined[pattern.joined[:_JOINED_FROM]].append((line, pattern))

    def find(
        self, words: Sequence[Word], number_ends: Mapping[int, int] | None = None
    ) -> list[Match[Label]]:
        """Return every match, in order of their first word.

        Args:
            words: the utterance; words with empty text match nothing (masked).
            number_ends: index of the first word of each number -> index after its last.
        """
        said = _Said([self._parts.of(word) for word in words], number_ends or {})
        line = _Line(words)
        found: list[Match[Label]] = []
        for at, word in enumerate(words):
            if not word.text:
                continue
            here = {n: (pattern, end) for n, pattern, end in said.walk(self._root, at, first=True)}
            for n, pattern in self._joined.get(line.beginning(at), ()):
                first = pattern.parts[0][0]
                begins = word.tamil and first.plain.startswith(word.plain)
                if n not in here and (begins or self._parts.add(first) in said.parts[at]):
                    end = line.joined_end(pattern.joined, at)
                    if end:
                        here[n] = (pattern, end)
            for _, (pattern, end) in sorted(here.items()):
                found.append(Match(pattern.label, pattern.source, at, end))
        return found


class _Parts:
    """The different parts of all patterns, found by how a spoken word begins."""

    def __init__(self) -> None:
        self._ids: dict[_Part, int] = {}
        self._whole: defaultdict[str, list[int]] = defaultdict(list)
        """By the letters of the whole word."""
        self._letters: defaultdict[str, list[int]] = defaultdict(list)
        """By the letters of its beginning."""
        self._folded: defaultdict[str, list[int]] = defaultdict(list)
        """By the folded letters of its beginning."""
        self._whole_key: defaultdict[str, list[int]] = defaultdict(list)
        self._key: defaultdict[str, list[int]] = defaultdict(list)
        """By the sound of its beginning."""
        self._known: dict[str, frozenset[int]] = {}

    def add(self, part: _Part) -> int:
        """Return the number of a part, a new one when it is new."""
        known = self._ids.get(part)
        if known is not None:
            return known
        if part.text == NUMBER:
            return self._ids.setdefault(part, _NUMBER_PART)
        number = self._ids[part] = len(self._ids)
        self._whole[part.text].append(number)
        if part.key:
            short = part.exact or len(part.key) < part.least_key
            (self._whole_key if short else self._key)[part.key].append(number)
        if not part.exact and not part.plain.isascii():
            self._letters[part.text].append(number)
            if len(part.plain) >= _FOLDED_FROM:
                self._folded[part.plain].append(number)
        return number

    def of(self, word: Word) -> frozenset[int]:
        """Return the parts that a spoken word may be.

        Remembered: a turn is read several times while it is spoken, and people say the same words.
        """
        known = self._known.get(word.text)
        if known is None:
            if len(self._known) >= _KNOWN_WORDS:
                self._known.clear()
            known = self._known[word.text] = self._look_up(word)
        return known

    def _look_up(self, word: Word) -> frozenset[int]:
        text = word.text
        if not text:
            return frozenset()
        found = list(self._whole.get(text, ()))
        tables: tuple[tuple[Mapping[str, list[int]], str], ...]
        if word.tamil:
            tables = ((self._letters, text), (self._folded, word.plain))
        else:
            found += self._whole_key.get(word.key, ())
            tables = ((self._key, word.key),)
        for table, letters in tables:
            for end in range(1, len(letters) + 1):
                parts = table.get(letters[:end])
                if parts:
                    found += parts
        return frozenset(found)


_NUMBER_PART = -1


@dataclass(frozen=True, slots=True)
class _Said:
    """What the words of an utterance may be."""

    parts: Sequence[frozenset[int]]
    numbers: Mapping[int, int]
    """Index of the first word of each number -> index after its last."""

    def end(self, part: int, at: int) -> int:
        """Return the index after a part said here, or 0."""
        if part == _NUMBER_PART:
            return self.numbers.get(at, 0)
        return at + 1 if part in self.parts[at] else 0

    def walk(
        self, node: _Node[Label], at: int, *, first: bool = False
    ) -> Iterator[tuple[int, _Pattern[Label], int]]:
        """Yield the patterns below a node that go on here: their line, themselves, their end."""
        for line, pattern in node.ended:
            yield line, pattern, at
        if at >= len(self.parts):
            return
        if node.next:
            for part in self.parts[at]:
                if part in node.next:
                    yield from self.walk(node.next[part], at + 1)
            if at in self.numbers and _NUMBER_PART in node.next:
                yield from self.walk(node.next[_NUMBER_PART], self.numbers[at])
        for part, child in node.far.items():
            # A gap before the first part means nothing.
            last = at + 1 if first else min(at + _GAP_WORDS + 1, len(self.parts))
            end = next((end for place in range(at, last) if (end := self.end(part, place))), 0)
            if end:
                yield from self.walk(child, end)


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

    def beginning(self, at: int) -> str:
        """Return the letters that a joined pattern at this word must begin with."""
        return self._text[self._starts[at] : self._starts[at] + _JOINED_FROM]

    def joined_end(self, joined: str, at: int) -> int:
        """Return the index after the last word covered, or 0 when it does not match here."""
        if not self._text.startswith(joined, self._starts[at]):
            return 0
        return bisect_left(self._starts, self._starts[at] + len(joined))


def _compile(label: Label, source: str) -> _Pattern[Label] | None:
    parts: list[_Part] = []
    gaps: list[bool] = []
    gap = False
    for token in clean(source).lower().split():
        if token == GAP:
            gap = True
            continue
        for piece in [NUMBER] if token == NUMBER else _pieces(token):
            exact = token.startswith("=") or len(piece) <= _INITIAL
            parts.append(_Part(piece, _plain_start(piece), sound_key(piece), exact))
            gaps.append(gap)
            gap = False
    if not parts:
        return None
    if len(parts) > 1:
        initials = all(len(part.key) <= _SAYS_NOTHING for part in parts)
        parts = [
            replace(part, least_key=_KEY_PREFIX_BESIDE, key="" if initials else part.key)
            for part in parts
        ]
    whole = "".join(part.plain for part in parts)
    joinable = not any(gaps) and not any(p.text == NUMBER or p.text.isascii() for p in parts)
    joined = whole if joinable and len(whole) >= _JOINED_FROM else ""
    return _Pattern(label, source, tuple(zip(parts, gaps, strict=True)), joined)


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
