"""Further troubles told in one breath, by the clauses that stand between stops.

A second noun is mostly circumstance ("ரேசன் கடை வாசல்ல குப்பை"), so a clause adds a trouble only
when its words alone name one for the tables and the classifier likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from agent.complaint import Category
from agent.tamil.words import Word, masked
from agent.understanding.classifier import Opinion
from agent.understanding.keywords import Scored

_CLAUSE_FROM = 3
"""Shorter clauses name at most what the sentence is about."""
_NAMED = 3.0
_LEARNED_FROM = -0.1
"""From this learned score on a clause tells its own trouble. Left out, 365 complaints of three sets
of new people: 2 troubles more found and no false one; from -0.3 on 7 and 8 false ones."""
_FINE = ("நல்லாத்தான்", "நல்லாதான்", "நல்லாவே", "ஒழுங்காத்தான்", "சரியாத்தான்", "nallathan", "nallaave")
"""So begins a word that calls something all right, as far as nothing is denied beside it."""
_DENIED = ("இல்ல", "illa", "மாட்ட", "maatt")

Tables = Callable[[Sequence[Word]], Sequence[Scored]]
Learned = Callable[[Sequence[Word]], Opinion | None]


def told_apart(
    words: Sequence[Word], told: tuple[Scored, ...], tables: Tables, learned: Learned
) -> tuple[Scored, ...]:
    """Return the troubles with those that a clause of its own tells besides.

    Args:
        words: the utterance.
        told: what was found in all of it; nothing is added to nothing.
        tables: finds troubles in a clause by words.
        learned: scores a clause.
    """
    if not told:
        return told
    found = {scored.category: scored for scored in told}
    for clause in _clauses(words):
        if _is_fine(words[clause.start : clause.stop]):
            continue
        others = [at for at in range(len(words)) if at not in clause]
        named = tables(masked(words, others))
        if not named or named[0].score < _NAMED or named[0].category in found:
            continue
        opinion = learned(words[clause.start : clause.stop])
        if opinion is None:
            continue
        scores = opinion.scores["category"]
        best = max(scores, key=scores.__getitem__)
        if named[0].category == Category(best) and scores[best] >= _LEARNED_FROM:
            found[named[0].category] = named[0]
    return tuple(found.values())


def _is_fine(clause: Sequence[Word]) -> bool:
    """Tell "கரண்டெல்லாம் நல்லாத்தான் இருக்கு": what works is no trouble."""
    fine = any(word.text.startswith(_FINE) for word in clause)
    return fine and not any(word.text.startswith(_DENIED) for word in clause)


def _clauses(words: Sequence[Word]) -> Iterator[range]:
    cuts = [0, *(at for at, word in enumerate(words) if word.gap and at), len(words)]
    if len(cuts) > 2:
        yield from (
            range(a, b)
            for a, b in pairwise(cuts)
            # Words of a place are blank: they tell no trouble.
            if sum(bool(word.text) for word in words[a:b]) >= _CLAUSE_FROM
        )
