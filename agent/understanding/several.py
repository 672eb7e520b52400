"""Further troubles told in one breath, by the clauses in which they stand.

A second noun is mostly circumstance ("ரேசன் கடை வாசல்ல குப்பை"), so a clause adds a trouble only
when its words alone name one for the tables and the classifier likewise. Where a clause may begin,
when nobody wrote a comma, is in ``data/several.toml``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from agent.complaint import Category
from agent.tamil.words import Word
from agent.understanding.classifier import Opinion
from agent.understanding.keywords import Scored
from agent.understanding.tables import read_toml

_CLAUSE_FROM = 3
"""Shorter clauses name at most what the sentence is about."""
_NAMED = 3.0
_LEARNED_FROM = 0.1
"""From this learned score on a clause tells its own trouble, chosen on training/stories/two_*."""
_FIRST = 2
"""Before so many words no second trouble begins."""
_AHEAD = 2
"""A clause may reach over so many places where another may begin."""

Tables = Callable[[range], Sequence[Scored]]
Learned = Callable[[Sequence[Word]], Opinion | None]


class Several:
    """Finds further troubles. Shared by all calls."""

    def __init__(self) -> None:
        data = read_toml("several")
        self._joins = tuple(data["joins"])
        self._and = tuple(data["and"])
        self._besides = frozenset(data["besides"])
        self._fine = tuple(data["fine"])
        self._denied = tuple(data["denied"])

    def told_apart(
        self,
        words: Sequence[Word],
        told: tuple[Scored, ...],
        tables: Tables,
        learned: Learned,
    ) -> tuple[Scored, ...]:
        """Return the troubles with those that a clause of its own tells besides.

        Args:
            words: the utterance.
            told: what was found in all of it; nothing is added to nothing.
            tables: finds troubles by words in a clause, given where it begins and ends.
            learned: scores a clause.
        """
        if not told:
            return told
        found = {scored.category: scored for scored in told}
        for clause in self._clauses(words):
            if self._is_fine(words[clause.start : clause.stop]):
                continue
            named = tables(clause)
            if not named or named[0].score < _NAMED or named[0].category in found:
                continue
            opinion = learned(words[clause.start : clause.stop])
            if opinion is None:
                continue
            scores = opinion.scores["category"]
            best = max(scores, key=scores.__getitem__)
            if named[0].category == Category(best) and scores[best] >= _LEARNED_FROM:
                found[named[0].category] = replace(named[0], at=named[0].at + clause.start)
        return tuple(found.values())

    def _is_fine(self, clause: Sequence[Word]) -> bool:
        """Tell "கரண்டெல்லாம் நல்லாத்தான் இருக்கு": what works is no trouble."""
        fine = any(word.text.startswith(self._fine) for word in clause)
        return fine and not any(word.text.startswith(self._denied) for word in clause)

    def _clauses(self, words: Sequence[Word]) -> Iterator[range]:
        cuts = sorted({0, len(words), *self._beginnings(words)})
        if len(cuts) == 2:
            return
        for nth, first in enumerate(cuts):
            for end in cuts[nth + 1 : nth + 1 + _AHEAD]:
                # Words of a place are blank: they tell no trouble.
                if sum(bool(word.text) for word in words[first:end]) >= _CLAUSE_FROM:
                    yield range(first, end)

    def _beginnings(self, words: Sequence[Word]) -> Iterator[int]:
        """Yield where a clause may begin: after a stop, at "besides", at the noun with "and"."""
        for at, word in enumerate(words):
            if word.gap and at:
                yield at
            if at < _FIRST:
                continue
            if word.text.startswith(self._joins):
                yield at
            if word.text.endswith(self._and):
                yield at
                yield max(at - 1, _FIRST)
            if word.text in self._besides:
                yield max(at - 2, _FIRST)
