"""Where the caller himself is, when he calls about another place.

"கூடுவாஞ்சேரில இருந்து பேசறேன், எங்க அம்மா வீடு விக்கிரவாண்டில": every place of a sentence has its own
verb or noun that tells who or what is there. Where the caller lives, works or speaks from gives way
to a place where something else is, and work to home; until then it tells which of several names
is meant, no more.

Learned weights for these words were not tried: of 681 labelled sentences with one clear seat, 102
name two places that disagree, too few for more weights than these few classes of words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from agent.tamil.words import Word
from agent.understanding.mention_roles import Mention, Role
from agent.understanding.mention_words import LOCATIVE, LOOK_FAR, STUDY, says
from agent.understanding.place_entries import Size

_BEFORE = 3
"""Words before a name that tell who or what is there."""
_DOING = ("து", "துங்க", "ான்", "ானுங்க", "ாள்", "ாளுங்க", "ாங்க", "ாக", "ாரு", "ார்", "ா", "ேன்", "ோம்",
          "dhu", "du", "thu", "aan", "raa", "anga", "ren", "rom")  # fmt: skip
"""Ends of a verb that is no attribute: "பொண்ணு படிக்கிறது சிதம்பரத்துல", not "படிக்கற ஸ்கூல்"."""
_FIRST_PERSON = ("ேன்", "ேங்க", "ேனுங்க", "ோம்", "ோமுங்க", "ோங்க", "en", "om", "enga", "omga")
_OPEN = frozenset({Role.PLACE, Role.OWN})


class Standing:
    """Reads who is where. Shared by all calls."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Take the word lists.

        Args:
            data: ``places.toml``.
        """
        self._self = frozenset(data["myself"])
        self._mine = frozenset(data["mine"]) | self._self
        self._living = tuple(data["living"])
        self._others_living = tuple(data["others_living"])
        self._settling = tuple(data["settling"])
        self._speaking = tuple(data["speaking"])
        self._lies = tuple(data["lies"])
        self._workplace = tuple(data["workplace"])
        self._site = tuple(data["site"])
        self._asked_there = tuple(data["asked_there"])
        self._from = tuple(data["from_endings"])
        self._start = tuple(data["start"])
        self._here = frozenset(data["here"])

    def apply(self, words: Sequence[Word], found: list[Mention]) -> list[Mention]:
        """Return the mentions, those of the caller's own whereabouts marked where others remain."""
        inside = [m for m in found if m.role in _OPEN and m.size is not Size.OUTSIDE]
        away = [m for m in inside if self._is_away(words, m, found)]
        homes = [m for m in inside if m not in away and self._is_home(words, m, found)]
        near = [m for m in found if m.role is Role.POINTER]
        rest = [m for m in (*inside, *near) if m not in away and m not in homes]
        if any(self._is_site(words, m, found) for m in rest):
            left = [] if self._speaks_of_here(words, found) else [*away, *homes]
        else:
            left = away if homes else []
        return [replace(m, role=Role.CALLER) if m in left else m for m in found]

    def _is_home(self, words: Sequence[Word], mention: Mention, found: list[Mention]) -> bool:
        """Tell where the caller lives or speaks from."""
        before, after = _around(words, mention, found)
        if any(text.startswith(self._lies) for text in before):
            return not self._self.isdisjoint(before)
        if says(after, self._living) or self._settled(after):
            return not any(text.startswith(self._site) for text in after[:1])
        return self._comes_from(words, mention, after) and says(after, self._speaking)

    def _settled(self, after: list[str]) -> bool:
        """Tell "மதுரையில செட்டில் ஆயிட்டோம்": a verb of living, said of the caller."""
        at = next((at for at, text in enumerate(after) if text.startswith(self._settling)), None)
        return at is not None and any(text.endswith(_FIRST_PERSON) for text in after[at:])

    def _is_away(self, words: Sequence[Word], mention: Mention, found: list[Mention]) -> bool:
        """Tell where the caller works, or one of the family studies."""
        before, _ = _around(words, mention, found)
        if any(text.startswith(STUDY) and text.endswith(_DOING) for text in before):
            return True
        at_work = [at for at, text in enumerate(before) if text.startswith(self._workplace)]
        if not at_work:
            return False
        doing = any(text.startswith(self._lies) for text in before[at_work[0] :])
        return doing or not self._mine.isdisjoint(before[: at_work[0]])

    def _is_site(self, words: Sequence[Word], mention: Mention, found: list[Mention]) -> bool:
        """Tell whether something other than the caller is there."""
        before, after = _around(words, mention, found)
        if any(text.startswith(self._asked_there) for text in (*before, *after)):
            return False
        if mention.role is Role.POINTER:
            return any(text.startswith(self._site) for text in before)
        if mention.role is Role.OWN or says(after, self._others_living):
            return True
        if any(text.startswith((*self._lies, *self._site)) for text in before):
            return True
        if self._comes_from(words, mention, after):
            return False
        return words[mention.end - 1].text.endswith(LOCATIVE) or after[:1] in (["la"], ["le"])

    def _comes_from(self, words: Sequence[Word], mention: Mention, after: list[str]) -> bool:
        if words[mention.end - 1].text.endswith(self._from):
            return True
        return any(text.startswith(self._start) for text in after[:2])

    def _speaks_of_here(self, words: Sequence[Word], found: list[Mention]) -> bool:
        """Tell "நாங்க திருப்பூர்ல இருக்கோம், சொந்த ஊர் பொள்ளாச்சி, இங்க தண்ணி வரல"."""
        last = max(m.end for m in found)
        return any(word.text in self._here for word in words[last:])


def _around(
    words: Sequence[Word], mention: Mention, found: list[Mention]
) -> tuple[list[str], list[str]]:
    """Return the words of the same clause before and after a name, up to the next names.

    Names that follow one another ("உடுமலை காந்தி நகர்") are one address.
    """
    start, end = mention.start, mention.end
    while (joined := next((m for m in found if m.end == start), None)) and not words[start].gap:
        start = joined.start
    while (joined := next((m for m in found if m.start == end), None)) and not words[end].gap:
        end = joined.end
    first = max([0, start - _BEFORE, *(m.end for m in found if m.end <= start)])
    last = min([len(words), end + LOOK_FAR, *(m.start for m in found if m.start >= end)])
    left, right = start, end
    while left > first and not words[left].gap:
        left -= 1
    while right < last and not words[right].gap:
        right += 1
    return [w.text for w in words[left:start]], [w.text for w in words[end:right]]
