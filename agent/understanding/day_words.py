"""The words that tell a length of time: its unit in every case, and the marks around it.

A unit carries its case in its ending (நாளா, நாளைக்கு, நாள்ல), and a mark is any word beside it that
tells what the length is for: the trouble, a life, a share of the day, the time still to come.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import product
from typing import Any, TypeVar

from agent.tamil.numbers import Number
from agent.tamil.words import Word
from agent.understanding.patterns import Match, PatternBook

T = TypeVar("T")


class Form(Enum):
    """How a unit stands in the sentence."""

    LASTING = auto()
    """நாளா, நாளாச்சு, வாரத்துலேர்ந்து."""
    BARE = auto()
    """நாள்."""
    PER = auto()
    """நாளைக்கு: "per day" or, with முன்னாடி, "days ago"."""
    INSIDE = auto()
    """நாள்ல: within."""
    NOT_YET = auto()
    """நாளாகல: not reached."""
    COMING = auto()
    """நாளாகும்: still to come or, as an answer, an estimate."""


_FORMS = {
    "lasting": Form.LASTING,
    "not_yet": Form.NOT_YET,
    "coming": Form.COMING,
    "per": Form.PER,
    "inside": Form.INSIDE,
    "bare": Form.BARE,
}


_KNOWN_WORDS = 20_000
"""Words whose units are remembered; then all are forgotten."""
_FOUR = ("naalu", "nalu")
"""In Latin letters both "day" and "four"."""
_TOLD = ("event", "crime", "somebody", "still", "example", "over_since")


@dataclass(frozen=True, slots=True)
class Unit:
    """A word for a length of time, in one of its cases."""

    size: float
    """Days of one."""
    form: Form
    end: int
    """Index after its last word."""


class Units:
    """Knows the words for days, weeks, months ... in every case."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        rows = [(word, float(unit["days"])) for unit in data["unit"] for word in unit["words"]]
        self._whole = {word[1:]: size for word, size in rows if word.startswith("=")}
        self._stems = sorted(
            ((word, size) for word, size in rows if not word.startswith("=")),
            key=lambda row: -len(row[0]),
        )
        stems = {text for stem, _ in self._stems for text in _spelled(stem)}
        self._any = re.compile("|".join(map(re.escape, sorted(stems, key=len, reverse=True))))
        endings = data["ending"]
        self._forms = [(re.compile(endings[name]), form) for name, form in _FORMS.items()]
        self._become = re.compile(data["become"]["word"])
        self._courtesy = re.compile(endings["courtesy"] + "$")
        self._sandhi = re.compile(endings["sandhi"] + "$")
        self._known: dict[str, tuple[str, float, Form] | None] = {}
        self._end_words = {
            word: _FORMS[name] for name, words in data["ending_word"].items() for word in words
        }

    def read(self, words: Sequence[Word], at: int) -> tuple[str, Unit] | None:
        """Return what stands before the unit in its word, and the unit; None when it is none."""
        text = words[at].text
        follows = words[at + 1].text if at + 1 < len(words) else ""
        if text in _FOUR and follows and self._parse(follows, at + 2) is not None:
            return None  # "moonu naalu maasam"
        if text in ("மணி", "mani") and follows:  # மணி நேரமா
            read = self._parse(text + follows, at + 2)
        else:
            read = self._grown_apart(text, follows, at) or self._parse(text, at + 1)
        return (read[0], self._with_end(words, read[1])) if read else None

    def _grown_apart(self, text: str, follows: str, at: int) -> tuple[str, Unit] | None:
        """Read "நாள் ஆயிடுச்சு" as நாளாயிடுச்சு: every form of the verb is known there."""
        if not self._become.match(follows):
            return None
        if follows.isascii():
            return self._parse(text.removesuffix("u") + follows, at + 2)
        return self._parse(text.removesuffix("்").removesuffix("ு") + "ா" + follows[1:], at + 2)

    def _with_end(self, words: Sequence[Word], unit: Unit) -> Unit:
        """Add an ending that stands apart: "2 days la"."""
        form = self._end_words.get(words[unit.end].text) if unit.end < len(words) else None
        if form is None or unit.form is not Form.BARE:
            return unit
        return replace(unit, form=form, end=unit.end + 1)

    def _parse(self, text: str, end: int) -> tuple[str, Unit] | None:
        found = self._parts(text)
        return (found[0], Unit(found[1], found[2], end)) if found else None

    def _parts(self, text: str) -> tuple[str, float, Form] | None:
        """Return what stands before a unit in a word, its days and its form; remembered."""
        if text not in self._known:
            if len(self._known) >= _KNOWN_WORDS:
                self._known.clear()
            self._known[text] = self._split(text)
        return self._known[text]

    def _split(self, text: str) -> tuple[str, float, Form] | None:
        bare = self._courtesy.sub("", text)
        for whole in (text, bare, self._sandhi.sub("", text)):
            if whole in self._whole:
                lasts = whole.endswith(("ா", "a", "u"))
                form = Form.LASTING if lasts and len(whole) > 2 else Form.BARE
                return "", self._whole[whole], form
        if not self._any.search(text):
            return None
        for stem, size in self._stems:
            for before, tail in _around(text, stem):
                form_found = self._form(tail)
                if form_found is not None:
                    return before, size, form_found
        return None

    def _form(self, tail: str) -> Form | None:
        for text in (tail, self._courtesy.sub("", tail), self._sandhi.sub("", tail)):
            for pattern, form in self._forms:
                if pattern.fullmatch(text):
                    return form
        return None


def _spelled(stem: str) -> tuple[str, ...]:
    """Return how a stem is spelled: alone, and with its ஆ grown into the word before."""
    return (stem, "ா" + stem[1:]) if stem.startswith("ஆ") else (stem,)


def _around(text: str, stem: str) -> Iterable[tuple[str, str]]:
    """Yield what stands before and after ``stem``; an ஆ grown into the word before is undone."""
    at = text.find(stem)
    if at >= 0:
        yield text[:at], text[at + len(stem) :]
    if stem.startswith("ஆ"):
        at = text.find("ா" + stem[1:])
        if at > 0:
            yield text[:at], text[at + len(stem) :]


class Said:
    """An utterance with its numbers and marks, each found once."""

    def __init__(
        self,
        words: Sequence[Word],
        numbers: Sequence[Number],
        book: PatternBook[str],
        deeds: tuple[str, ...],
    ) -> None:
        self._deeds = deeds
        self.words = words
        self.numbers = numbers
        self.number_ending = {n.end: n for n in numbers}
        self.number_starting = {n.start: n for n in numbers}
        self.number_ends = {n.start: n.end for n in numbers}
        self.matches: list[Match[str]] = []
        self.starts: dict[str, set[int]] = {}
        self.ends: dict[str, set[int]] = {}
        self._books: list[PatternBook[str]] = []
        self._kept: dict[str, Any] = {}
        self.mark(book)

    def once(self, name: str, find: Callable[[], T]) -> T:
        """Return what ``find`` returns, found the first time only."""
        if name not in self._kept:
            self._kept[name] = find()
        kept: T = self._kept[name]
        return kept

    def mark(self, book: PatternBook[str]) -> None:
        """Find the marks of one more book; asked again, do nothing."""
        if any(book is known for known in self._books):
            return
        self._books.append(book)
        found = book.find(self.words, self.number_ends)
        self.matches.extend(found)
        for match in found:
            self.starts.setdefault(match.label, set()).add(match.start)
            self.ends.setdefault(match.label, set()).add(match.end)

    def begins(self, kind: str, at: int, reach: int) -> bool:
        """Tell whether a mark begins within ``reach`` words from ``at``."""
        return any(start in self.starts.get(kind, ()) for start in range(at, at + reach))

    def is_deed(self, at: int) -> bool:
        """Tell whether the word ends like a verb that says what was done before the time since."""
        return self.words[at].text.endswith(self._deeds)

    def first(self, kind: str, reach: range) -> int | None:
        """Return the index of the first mark in reach."""
        return min((s for s in self.starts.get(kind, ()) if s in reach), default=None)

    def sentence_start(self, at: int, reach: int) -> int:
        """Return the index where the sentence of ``at`` begins, at most ``reach`` words before."""
        stop = max(at - reach, 0)
        return next((i for i in range(at, stop, -1) if self.words[i].gap == "."), stop)

    def clause_end(self, at: int, reach: int) -> int:
        """Return the index where the clause with ``at`` ends, at most ``reach`` words on."""
        stop = min(at + reach, len(self.words))
        return next((i for i in range(at, stop) if self.words[i].gap), stop)

    def sentence_end(self, at: int, reach: int) -> int:
        """Return the index where the sentence with ``at`` ends, at most ``reach`` words on."""
        stop = min(at + reach, len(self.words))
        return next((i for i in range(at, stop) if self.words[i].gap == "."), stop)


def mark_rows(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return every word that marks a length of time, with the kind of its mark."""
    lists: dict[str, list[str]] = {
        **data["mark"],
        **{f"not_{name}": words for name, words in data["against"].items()},
        "since": data["since"]["words"],
        "since_before": data["since"]["before"],
        "until": data["since"]["until"],
        "time": data["since"]["times"],
        "too": data["onset"]["too"],
        "taken_back": data["taken_back"]["words"],
        "vague": data["vague"]["words"],
    }
    rows = [(kind, word) for kind, words in lists.items() for word in words]
    rows.extend(("not_life_before", f"{one} {done}") for one, done in _studied(data["study"]))
    return rows


def _studied(study: Mapping[str, Sequence[str]]) -> Iterable[tuple[str, str]]:
    """Yield every schooling with every word for its end: "டிகிரி முடிச்சு"."""
    return product(study["schooling"], study["ended"])


def _since(parts: Mapping[str, Sequence[str]], stems: Iterable[str]) -> Iterable[str]:
    """Yield every stem with every ending for "since"."""
    for stem in stems:
        ends = parts["ends_latin"] if stem.isascii() else parts["ends"]
        yield from (stem + end for end in ends)


def point_rows(data: Mapping[str, Any]) -> Iterable[tuple[tuple[int, str], str]]:
    """Yield every day named from today, with its distance and how it is read."""
    for point in data["point"]:
        yield from (((point["days"], point.get("how", "")), word) for word in point["words"])
    parts = data["day_part"]
    for days, part in ((0, "today"), (1, "night")):
        yield from (((days, "alone"), word) for word in _since(parts, parts[part]))
    for unit in data["last"]["unit"]:
        for word in unit["words"]:
            yield from (((unit["days"], ""), f"{last} {word}") for last in data["last"]["before"])


def told_rows(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is told of a day; needed only where one is named."""
    kinds = {"onset": "words"} | {kind: kind for kind in _TOLD}
    onset = data["onset"]
    rows = [(kind, word) for kind, name in kinds.items() for word in onset[name]]
    then = _since(data["day_part"], data["since"]["then"])
    rows.extend(("since_then", word) for word in then)
    rows.extend(("event", f"{one} {sent}") for one, sent in product(onset["away"], onset["sent"]))
    return rows
