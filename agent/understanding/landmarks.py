"""Landmarks: the named thing, without the words that point to it."""

from __future__ import annotations

from collections.abc import Sequence

from agent.tamil.endings import stems, without_courtesy
from agent.tamil.words import Word, spaced
from agent.understanding.places import FoundPlace
from agent.understanding.tables import read_toml

_MODIFIERS = 2
_OWN_NAMES = ("அடையாள", "லேண்ட்மார்க்", "landmark")
_KINDS = frozenset({"தெரு", "தெருவு", "தெருவ", "தெருவை", "street"})
_WRONG = frozenset(
    {"தப்பு", "தப்பா", "தவறு", "இல்ல", "இல்லை", "சரியில்ல", "மாத்தணும்", "மாத்துங்க", "wrong", "no"}
)
_LONGEST = 12
"""Words kept of a landmark."""


class Landmarks:
    """Reads landmarks. Shared by all calls."""

    def __init__(self) -> None:
        data = read_toml("landmarks")
        self._pointers = frozenset(data["pointer"])
        self._leading = frozenset(data["leading_pointer"])
        self._filler = frozenset(data["filler"])
        self._roads = frozenset(data["road"])
        self._things = frozenset(data["thing"])
        self._modifiers = frozenset(data["modifier"])
        self._swallowed = frozenset(data["swallowed"])
        self._swallowing = frozenset(data["swallowing"])

    def asked(self, text: str, words: Sequence[Word]) -> str | None:
        """Return the landmark of an answer to "near what?", or None when nothing is left."""
        told = [clause for clause in _clauses(words) if not all(map(self._pointer, clause))]
        clauses = [self._trim(clause) for clause in told]
        clauses = [(clause, pointed) for clause, pointed in clauses if clause]
        if not clauses:
            return None
        best = self._best(clauses)
        return self._spoken(text, best[0], pointed=best[1])

    def corrected(self, text: str, words: Sequence[Word], *, named: bool, after: int) -> str | None:
        """Return the landmark said while correcting, None for a mere "அடையாளம் தப்பு".

        Args:
            text: the utterance.
            words: its words.
            named: whether the caller said that it is the landmark which is wrong.
            after: index of the word after the last taking back.
        """
        marks = [i for i, word in enumerate(words) if word.text.startswith(_OWN_NAMES)]
        words = words[max([after, *(i + 1 for i in marks)]) :]
        while words and without_courtesy(words[-1].text) in _WRONG:
            words = words[:-1]
        while words and without_courtesy(words[0].text) in _WRONG:
            words = words[1:]
        only_kind = len(words) == 1 and words[0].text in _KINDS
        if not words or only_kind or not (named or self.is_thing(words)):
            return None
        return self.asked(text, words)

    def is_thing(self, words: Sequence[Word]) -> bool:
        """Tell whether the words end in a thing one can find a street by."""
        return bool(words) and self._stem(words[-1]) in self._things

    def points_to_a_thing(self, words: Sequence[Word]) -> bool:
        """Tell whether a pointer stands right after a thing."""
        return any(
            self._pointer(word) is not None and self.is_thing(words[:at])
            for at, word in enumerate(words)
        )

    def beside_place(
        self, text: str, words: Sequence[Word], found: FoundPlace | None
    ) -> str | None:
        """Return the landmark given along with a place ("Perungudi, toll plaza பக்கத்துல")."""
        starts = found.starts if found is not None else frozenset()
        for clause in _clauses(words)[1:]:
            indexes = {words.index(word) for word in clause}
            trimmed, pointed = self._trim(clause)
            if pointed and trimmed and not indexes & starts:
                return self._spoken(text, trimmed, pointed=True)
        return self.in_story(text, words, found)

    def in_story(self, text: str, words: Sequence[Word], found: FoundPlace | None) -> str | None:
        """Return a landmark only when it is clear: a modifier, a known kind of thing, a pointer."""
        for at in range(2, len(words)):
            if self._pointer(words[at]) is None or words[at].gap:
                continue
            thing = self._thing_before(words, at, found)
            if thing:
                return self._spoken(text, thing, pointed=True)
        return None

    def _best(self, clauses: list[tuple[list[Word], bool]]) -> tuple[list[Word], bool]:
        """A clause with a pointer, else the last that is more than a street, else the first."""
        for clause in clauses:
            if clause[1]:
                return clause
        named = [c for c in clauses if without_courtesy(c[0][-1].text) not in self._roads]
        return named[-1] if named else clauses[0]

    def _trim(self, clause: Sequence[Word]) -> tuple[list[Word], bool]:
        """Cut fillers at both ends, and everything from the pointer on."""
        words = list(clause)
        led = False
        while words and (words[0].text in self._filler or words[0].text in self._leading):
            led = led or words[0].text in self._leading
            words.pop(0)
        for at, word in enumerate(words):
            if at and self._pointer(word) is not None:
                return words[:at], True
        while words and without_courtesy(words[-1].text) in self._filler:
            words.pop()
        return words[:_LONGEST], led

    def _pointer(self, word: Word) -> str | None:
        bare = without_courtesy(word.text)
        return next((form for form in (word.text, bare) if form in self._pointers), None)

    def _thing_before(
        self, words: Sequence[Word], pointer: int, found: FoundPlace | None
    ) -> list[Word]:
        noun = pointer - 1
        starts = found.starts if found is not None else frozenset()
        if noun in starts or self._stem(words[noun]) not in self._things:
            return []
        if found is not None and noun in found.used:
            starts = frozenset()  # the thing is part of a place's name: keep all of it
        first = noun
        while (
            noun - first < _MODIFIERS
            and first > 0
            and not words[first].gap
            and first - 1 not in starts
            and (words[first - 1].text in self._modifiers or self._is_thing(words[first - 1]))
        ):
            first -= 1
        return list(words[first:pointer]) if first < noun else []

    def _is_thing(self, word: Word) -> bool:
        return word.text in self._things

    def _stem(self, word: Word) -> str:
        """Return the known thing the word is a form of, else the word without courtesy."""
        known = next((stem for stem in stems(word.text) if stem in self._things), None)
        return known or without_courtesy(word.text)

    def _spoken(self, text: str, words: list[Word], *, pointed: bool) -> str:
        swallowed = len(words) > 2 and without_courtesy(words[-1].text) in self._swallowed
        if swallowed and self._stem(words[-2]) in self._swallowing:
            words = words[:-1]
        before, last = words[:-1], words[-1]
        end = text[last.start : last.end]
        if last.tamil:
            end = self._stem(last)
            if pointed and end == last.text:
                end = end.removesuffix("க்கு")
        lead = spaced(text, tuple(before))
        return f"{lead} {end}".strip()


def _clauses(words: Sequence[Word]) -> list[list[Word]]:
    clauses: list[list[Word]] = []
    for word in words:
        if not clauses or word.gap:
            clauses.append([])
        clauses[-1].append(word)
    return clauses
