"""Names that are said but not meant: quoted, slips of the tongue, and water called like a place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from agent.tamil.endings import without_courtesy
from agent.tamil.words import Word
from agent.understanding.mention_roles import Mention, Role
from agent.understanding.mention_words import LOOK_AHEAD

_QUOTED = 2
"""Words after a quoted name in which its "don't" may stand."""


class Unmeant:
    """Marks names that are not meant. Shared by all calls."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Take the word lists.

        Args:
            data: ``places.toml``.
        """
        self._quote_endings = tuple(data["quote_endings"])
        self._quote = frozenset(data["quote"])
        self._forbidding = tuple(data["forbidding"])
        self._mistaken = tuple(data["mistaken"])
        self._writing = tuple(data["writing"])
        self._that = frozenset(data["that"])
        self._it = tuple(data["it"])
        self._slip = frozenset(data["slip"])
        self._waters = frozenset(data["waters"])
        self._flowing = tuple(data["flowing"])

    def apply(self, words: Sequence[Word], found: list[Mention]) -> list[Mention]:
        """Return the mentions with DENIED where nobody means the place, without names of water."""
        found = [self._by_slip(words, self._by_quotation(words, m), found) for m in found]
        found = _denied_when_said_again(found)
        found = self._by_pronoun(words, self._referred_back(words, found))
        return [m for m in found if not self._is_water(words, m)]

    def _by_quotation(self, words: Sequence[Word], mention: Mention) -> Mention:
        """In "மெட்ராஸ் சைதாப்பேட்டன்னு போட்றாதீங்க" the name is what must not be written."""
        after = [word.text for word in words[mention.end : mention.end + _QUOTED + 1]]
        last = words[mention.end - 1].text
        quoted = last.endswith(self._quote_endings)
        if not quoted and after and after[0] in self._quote:
            quoted, after = True, after[1:]
        if quoted and any(text.endswith(self._forbidding) for text in after[:_QUOTED]):
            return replace(mention, role=Role.DENIED)
        if quoted and after and after[0].startswith(self._mistaken):
            return replace(mention, role=Role.DENIED)
        if any(self._is_not_to_be_written(text) for text in after[:_QUOTED]):
            return replace(mention, role=Role.DENIED)
        return mention

    def _is_not_to_be_written(self, text: str) -> bool:
        """Tell "அம்மாபேட்டைய எழுதிப்புடாதீங்க": what must not be written or thought needs no quote."""
        forbids = any(form.endswith(self._forbidding) for form in (text, without_courtesy(text)))
        return forbids and text.startswith(self._writing)

    def _by_slip(self, words: Sequence[Word], mention: Mention, found: list[Mention]) -> Mention:
        """In "மார்த்தாண்டம், ச்சே, அது கடை, வீடு கருங்கல்" the first is a slip of the tongue."""
        after = words[mention.end].text if mention.end < len(words) else ""
        if after in self._slip and mention is not found[-1]:
            return replace(mention, role=Role.DENIED)
        return mention

    def _referred_back(self, words: Sequence[Word], found: list[Mention]) -> list[Mention]:
        """In "செஞ்சிகிட்ட ஒரு வல்லம் இருக்கு, அந்த வல்லம் இல்ல" the first two are not meant either."""
        result = list(found)
        for at, mention in enumerate(found):
            that = mention.start and words[mention.start - 1].text in self._that
            if mention.role is not Role.DENIED or not that:
                continue
            seats = _seats(mention)
            told = next((i for i in reversed(range(at)) if seats & _seats(found[i])), None)
            if told is not None:
                self._deny(result, told)
        return result

    def _by_pronoun(self, words: Sequence[Word], found: list[Mention]) -> list[Mention]:
        """In "தென்காசில ஒரு சிவகிரி இருக்கு, அதுன்னு நெனச்சுக்காதீங்க" both names are not meant."""
        result = list(found)
        for at, word in enumerate(words[:-1]):
            after = words[at + 1 : at + 1 + _QUOTED]
            if not word.text.startswith(self._it):
                continue
            told = [i for i, m in enumerate(found) if m.end <= at]
            if len(told) > 1 and any(self._is_not_to_be_written(w.text) for w in after):
                self._deny(result, told[-1])
        return result

    def _deny(self, found: list[Mention], at: int) -> None:
        """Deny a name, and a larger one just before that tells which place it is."""
        found[at] = replace(found[at], role=Role.DENIED)
        before = found[at - 1] if at else None
        if before is None or before.end < found[at].start - LOOK_AHEAD:
            return
        if before.role is Role.POINTER or before.size > found[at].size:
            found[at - 1] = replace(before, role=Role.DENIED)

    def _is_water(self, words: Sequence[Word], mention: Mention) -> bool:
        """Tell "சிறுவாணி தண்ணி" and "நொய்யல் ஆத்துல": water of that name, drunk and flowing far off."""
        if mention.end - mention.start != 1 or mention.end == len(words):
            return False
        named = words[mention.start].text.removesuffix("த்") in self._waters
        texts = [word.text for word in words[mention.end : mention.end + LOOK_AHEAD]]
        return named and " ".join(texts).startswith(self._flowing)


def _seats(mention: Mention) -> set[int]:
    return {number for entry in mention.entries for number, _ in entry.seats}


def _denied_when_said_again(found: list[Mention]) -> list[Mention]:
    """In "குத்தாலம், இருங்க, குத்தாலம் இல்லீங்க கதிராமங்கலம்" the first is not meant either."""
    result = list(found)
    inside = [at for at, mention in enumerate(found) if _seats(mention)]
    for first, second in pairwise(inside):
        denied = found[second]
        later = [m for m in found[second + 1 :] if m.role is not Role.DENIED]
        again = denied.role is Role.DENIED and _seats(found[first]) == _seats(denied)
        if again and any(_seats(m) - _seats(denied) for m in later):
            result[first] = replace(found[first], role=Role.DENIED)
    return result
