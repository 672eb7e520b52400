"""Which of the places named is the one of the trouble: a learned choice beside the rules.

Rules for every way to say "there, not here" were right on all sentences their authors had seen and
on nine in ten of the next ones. Here each mention gets a score, the sum of what its cues are worth
(:mod:`agent.understanding.place_cues`, learned by ``training/places.py`` as a choice between all
mentions of a sentence and none, which scores 0); what the rules found is a cue among others. The
choice is between *mentions*: which seats a name can mean stays with the tables.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from agent.tamil.words import Word
from agent.understanding.mention_roles import Mention, Role
from agent.understanding.place_cues import Cues, seats_of
from agent.understanding.place_entries import Size
from agent.understanding.tables import DATA, read_toml, read_weights

_SAID_SO = 2.0
"""How far ahead a place must be of one that the rules heard named as the place in so many words."""
_NONE_BELOW = -1.0
"""A place with a lower score is not meant: to ask for one that was said costs a caller half as much
as to correct one that was not meant (chosen on left-out authors)."""
DOUBTED = "doubted"
"""How the kind of a word begins that the rules take for no name at all."""
_UNHEARD_FROM = 1.0
"""From this score on a place is meant where the rules heard none: far likelier than not."""
_NEVER_ALONE = frozenset({"dependent", "generic"})
"""Names of things that every town has."""
_ASIDE = frozenset({Role.BESIDE, Role.CALLER})
_CONTEXT = frozenset({Role.POINTER, Role.DISTRICT, Role.ROAD})
_REASONS = 3


@dataclass(frozen=True, slots=True)
class Weighed:
    """The mentions with other parts than the rules gave them."""

    mentions: tuple[Mention, ...]
    why: str
    """Scores, and the cues that spoke most; holds no word of the caller."""


class PlaceJudge:
    """Weighs the places of a story. Shared by all calls; reading the file takes some 10 ms."""

    def __init__(self, model: Mapping[str, Any], district_of: Mapping[int, str]) -> None:
        """Take what was learned.

        Args:
            model: the arrays of ``places.npz``: ``cues`` (one a line), ``weights`` (float16, one a
                cue), ``bias`` (float, the score of a mention without cues).
            district_of: seat number -> district.
        """
        names = str(model["cues"]).split("\n")
        self._weights = dict(zip(names, map(float, model["weights"]), strict=True))
        self._bias = float(model["bias"])
        self._district_of = district_of
        data = read_toml("places")
        self._cues = Cues(data)
        self._here = frozenset(data["here"])

    @classmethod
    def load(cls, district_of: Mapping[int, str], path: Path = DATA / "places.npz") -> PlaceJudge:
        """Read the file.

        Raises:
            OSError: the file is missing.
            ValueError: it is none of ours.
        """
        return cls(_read(path), district_of)

    def weigh(
        self,
        words: Sequence[Word],
        mentions: Sequence[Mention],
        verdict: Collection[int],
        kinds: Sequence[str],
        *,
        asked: bool = False,
    ) -> Weighed | None:
        """Return the mentions with the likeliest one chosen; None where the rules stand.

        Args:
            words: the utterance.
            mentions: the places named in it, in order, with the parts the rules gave them.
            verdict: the seats that the rules alone would take.
            kinds: of each mention, which list of names that need care it stands on, or ""; after
                ``DOUBTED`` where the rules take it for no name.
            asked: whether a place was asked for: then one of them is meant.
        """
        doubted = [kind.startswith(DOUBTED) for kind in kinds]
        if any(m.role is Role.SEAT for m in mentions):
            return None  # the constituency itself was named
        if any(m.size is Size.OUTSIDE and m.role is not Role.DENIED for m in mentions):
            return None  # too few such stories to learn from; outside.py reads them
        later = words[mentions[-1].end :] if mentions else ()
        if any(word.text in self._here for word in later):
            return None  # "..., இங்க தண்ணி வரல": the rules know where the caller is
        cues = self._cues.read(words, mentions, verdict, kinds, asked=asked)
        known = self._weights
        scores = [self._bias + sum(known.get(cue, 0.0) for cue in found) for found in cues]
        heard = bool(verdict)
        least = [
            -math.inf if asked else _NONE_BELOW if heard and not doubt else _UNHEARD_FROM
            for doubt in doubted
        ]
        chosen = self._choose(words, mentions, scores, kinds, least)
        if chosen is None:
            return None
        roles, best = chosen
        new = tuple(
            m if roles[at] is m.role else replace(m, role=roles[at])
            for at, m in enumerate(mentions)
            if at == best or not doubted[at]
        )
        if new == tuple(m for m, doubt in zip(mentions, doubted, strict=True) if not doubt):
            return None
        return Weighed(new, self._why(cues, scores, best))

    def _choose(
        self,
        words: Sequence[Word],
        mentions: Sequence[Mention],
        scores: Sequence[float],
        kinds: Sequence[str],
        least: Sequence[float],
    ) -> tuple[list[Role], int | None] | None:
        """Return each mention's part, and which is meant (None: none); None to leave all alone."""
        roles = [m.role for m in mentions]
        meant = [at for at, m in enumerate(mentions) if m.role is not Role.DENIED]
        named = [at for at in meant if kinds[at] not in _NEVER_ALONE] or meant
        if not named:
            return None
        best = max(named, key=lambda at: (scores[at], at))
        own = [at for at in meant if roles[at] is Role.OWN]
        told = max(own, key=lambda at: scores[at], default=best)
        if scores[best] - scores[told] < _SAID_SO:
            best = told
        if scores[best] < least[best]:
            nothing = [Role.BESIDE if at in meant else role for at, role in enumerate(roles)]
            return None if own else (nothing, None)
        if roles[best] in _ASIDE or roles[best] is Role.ROAD:
            roles[best] = Role.PLACE
        for at in meant:
            if at != best:
                roles[at] = self._yielding(words, mentions[at], mentions[best])
        return roles, best

    def _yielding(self, words: Sequence[Word], mention: Mention, chosen: Mention) -> Role:
        """Return the part of a place beside the chosen one: what agrees with it stays as it is."""
        if mention.role is Role.DENIED or mention.role in _ASIDE:
            return mention.role
        if seats_of(mention) & seats_of(chosen):
            return mention.role
        districts = self._districts(chosen)
        near = bool(self._districts(mention) & districts)
        if near and (mention.role in _CONTEXT or _one_address(words, mention, chosen)):
            return mention.role
        # Of places of one name in several districts it must not tell which one is meant.
        return Role.CALLER if near and len(districts) == 1 else Role.BESIDE

    def _districts(self, mention: Mention) -> set[str]:
        return {self._district_of[number] for number in seats_of(mention)}

    def _why(self, cues: Sequence[Sequence[str]], scores: Sequence[float], best: int | None) -> str:
        at = int(np.argmax(scores)) if best is None else best
        others = [f"{score:.1f}" for i, score in enumerate(scores) if i != at]
        spoken = [cue for cue in cues[at] if "=" not in cue]
        spoken.sort(key=lambda cue: -abs(self._weights.get(cue, 0.0)))
        against = f" against {', '.join(others)}" if others else ""
        return f"learned {scores[at]:.1f}{against} ({', '.join(spoken[:_REASONS])})"


def _one_address(words: Sequence[Word], mention: Mention, other: Mention) -> bool:
    """Tell "திருப்பூர் வீரபாண்டி", whose first word tells which one is meant."""
    first, second = sorted((mention, other), key=lambda m: m.start)
    return first.end == second.start and not words[second.start].gap


@cache
def _read(path: Path) -> dict[str, Any]:
    return read_weights(path, frozenset({"cues", "weights", "bias"}))
