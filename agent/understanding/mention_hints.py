"""Which of several places is the one of the trouble, by the words around them.

"நான் திருப்பூர்ல வேலை பாக்குறேன், ஆனா பிரச்சன எங்க சொந்த ஊர்ல": where somebody was born, works or is
sent is only mentioned; what follows an "ஆனா" counts against what stands before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from agent.tamil.words import Word
from agent.understanding.gazetteer import Size
from agent.understanding.mention_roles import Mention, Role

_DATIVE = ("க்கு", "க்குப்", "க்கே", "க்குத்", "kku", "ku")
_LOCATIVE = ("ல", "ல்", "லேயே", "லயே", "la", "le", "il")
_LOOK_AHEAD = 2
_LOOK_BACK = 3
_NAMED = frozenset({Role.PLACE, Role.OWN, Role.POINTER})


class Hints:
    """Reads the words around mentions. Shared by all calls."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Take the word lists.

        Args:
            data: ``places.toml``.
        """
        self._going = tuple(data["going"])
        self._elsewhere = tuple(data["elsewhere"])
        self._toward = frozenset(data["toward"])
        self._offices = tuple(data["offices"])
        self._from = tuple(data["from_endings"])
        self._contrast = frozenset(data["contrast"])
        self._own_before = frozenset(data["own_before"])
        self._own_after = frozenset(data["own_after"])
        self._over = frozenset(data["denied_over"])

    def over(self, word: Word) -> bool:
        """Tell whether the word may stand between a name and its "இல்ல"."""
        return word.text in self._over

    def apply(self, words: Sequence[Word], found: list[Mention]) -> list[Mention]:
        """Return the mentions with BESIDE and OWN said where the words say so."""
        if len(found) < 2:
            return found
        found = [self._by_neighbours(words, m) for m in found]
        found = self._by_road(words, found)
        found = self._by_contrast(words, found)
        own = [m for m in found if m.role is Role.OWN]
        if not own:
            return found
        return [_beside(m) if m not in own and m.size >= Size.CITY else m for m in found]

    def _by_neighbours(self, words: Sequence[Word], mention: Mention) -> Mention:
        if mention.role not in (Role.PLACE, Role.DISTRICT):
            return mention
        after = words[mention.end : mention.end + _LOOK_AHEAD]
        ahead = " ".join(word.text for word in after)
        last = words[mention.end - 1].text
        if last.endswith(_DATIVE) and any(w.text.startswith(self._going) for w in after):
            return _beside(mention)
        locative = last.endswith(_LOCATIVE) or ahead.split(" ")[0] in _LOCATIVE
        rest = (
            ahead.split(" ", 1)[1] if ahead.split(" ")[0] in _LOCATIVE and len(after) > 1 else ahead
        )
        if ahead.startswith(self._offices):
            return _beside(mention)
        if locative and rest.startswith(self._elsewhere):
            return _beside(mention)
        if ahead.split(" ")[0] in self._own_after:
            return replace(mention, role=Role.OWN)
        before = words[max(0, mention.start - _LOOK_BACK) : mention.start]
        if any(word.text in self._own_before for word in before):
            return replace(mention, role=Role.OWN)
        return mention

    def _by_road(self, words: Sequence[Word], found: list[Mention]) -> list[Mention]:
        """In "தஞ்சாவூர்லேர்ந்து மன்னார்குடி போற ரோடு" neither end is meant, only the way."""
        result = list(found)
        for at, mention in enumerate(found):
            after = words[mention.end].text if mention.end < len(words) else ""
            if after not in self._toward:
                continue
            result[at] = replace(mention, role=Role.ROAD)
            before = found[at - 1] if at else None
            if before is not None and words[before.end - 1].text.endswith(self._from):
                result[at - 1] = replace(before, role=Role.ROAD)
        return result

    def _by_contrast(self, words: Sequence[Word], found: list[Mention]) -> list[Mention]:
        cuts = [at for at, word in enumerate(words) if word.text in self._contrast]
        for cut in cuts[:1]:
            later = [m for m in found if m.start > cut and m.role in _NAMED]
            if later:
                found = [_beside(m) if m.start < cut else m for m in found]
        return found


def _beside(mention: Mention) -> Mention:
    return mention if mention.role is Role.DENIED else replace(mention, role=Role.BESIDE)
