"""Names that are said but not meant: quoted, slips of the tongue, and water called like a place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

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
        self._slip = frozenset(data["slip"])
        self._waters = frozenset(data["waters"])
        self._flowing = tuple(data["flowing"])

    def apply(self, words: Sequence[Word], found: list[Mention]) -> list[Mention]:
        """Return the mentions with DENIED and BESIDE where nobody means the place."""
        found = [self._by_slip(words, self._by_quotation(words, m), found) for m in found]
        return [replace(m, role=Role.BESIDE) if self._is_water(words, m) else m for m in found]

    def _by_quotation(self, words: Sequence[Word], mention: Mention) -> Mention:
        """In "மெட்ராஸ் சைதாப்பேட்டன்னு போட்றாதீங்க" the name is what must not be written."""
        after = [word.text for word in words[mention.end : mention.end + _QUOTED + 1]]
        quoted = words[mention.end - 1].text.endswith(self._quote_endings)
        if not quoted and after and after[0] in self._quote:
            quoted, after = True, after[1:]
        if quoted and any(text.endswith(self._forbidding) for text in after[:_QUOTED]):
            return replace(mention, role=Role.DENIED)
        return mention

    def _by_slip(self, words: Sequence[Word], mention: Mention, found: list[Mention]) -> Mention:
        """In "மார்த்தாண்டம், ச்சே, அது கடை, வீடு கருங்கல்" the first is a slip of the tongue."""
        after = words[mention.end].text if mention.end < len(words) else ""
        if after in self._slip and mention is not found[-1]:
            return replace(mention, role=Role.DENIED)
        return mention

    def _is_water(self, words: Sequence[Word], mention: Mention) -> bool:
        """Tell "சிறுவாணி தண்ணி" and "நொய்யல் ஆத்துல": water of that name, drunk and flowing far off."""
        if mention.end - mention.start != 1 or mention.end == len(words):
            return False
        named = words[mention.start].text in self._waters
        texts = [word.text for word in words[mention.end : mention.end + LOOK_AHEAD]]
        return named and " ".join(texts).startswith(self._flowing)
