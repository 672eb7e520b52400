"""Whether a place outside Tamil Nadu that was named is where the trouble lies.

Somebody who lives, works or comes from there may call about home; somebody who says "here" may not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from agent.tamil.words import Word
from agent.understanding.mention_roles import Mention, Role
from agent.understanding.mention_words import LOCATIVE, LOOK_AHEAD, STUDY, clause, says
from agent.understanding.place_entries import Beyond

_PARTS = ("சைடு", "சைட்", "side")
_ACROSS = ("தாண்டி", "தாண்டுன", "தாண்டின", "கடந்", "அந்தாண்ட", "அப்பால", "thaandi", "thandi", "kadan")
_FROM = "from"
_WORK = ("வேல", "velai", "vela")


class Outside:
    """Reads whether the trouble itself lies at a place outside Tamil Nadu. Shared by all calls."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Take the word lists.

        Args:
            data: ``places.toml``.
        """
        self._states = frozenset(data["outside_states"])
        self._cities = frozenset(data[Beyond.CITY])
        self._abroad = frozenset(data[Beyond.ABROAD])
        self._state_words = frozenset(data["state_words"])
        self._border = tuple(data["border"])
        self._here = frozenset(data["here"])
        self._there = frozenset(data["there"])
        self._our = frozenset(data["our"])
        self._part = tuple(data["part"])
        self._town = tuple(data["town"])
        self._home = frozenset(data["home"])
        self._speaking = tuple(data["speaking"])
        self._living = tuple(data["living"])
        self._residing = tuple(data["residing"])
        self._others_living = tuple(data["others_living"])
        self._been = tuple(data["been"])
        self._wages = tuple(data["wages"])
        self._mine = frozenset(data["mine"])
        self._first_person = frozenset(data["first_person"])
        self._place_words = frozenset(data["place_words"])
        self._work = tuple(data["elsewhere"])
        self._start = tuple(data["start"])
        self._from = tuple(data["from_endings"])
        self._toward = tuple(data["toward"])

    def named(self, words: Sequence[Word], mention: Mention) -> bool:
        """Tell whether an answer to "which place?" names the place outside as that place."""
        if mention.role not in (Role.PLACE, Role.DISTRICT, Role.OWN):
            return False
        after = [word.text for word in words[mention.end : mention.end + LOOK_AHEAD]]
        if after and after[0] in self._state_words:
            return True
        if any(text.startswith(self._border) for text in after):
            return False
        return not (self._comes_from(words, mention) or self._lives(words, mention))

    def crosses(self, words: Sequence[Word], mention: Mention) -> bool:
        """Tell "களியக்காவிளை தாண்டி": what is named next lies on the other side."""
        return mention.end < len(words) and words[mention.end].text.startswith(_ACROSS)

    def troubled(self, words: Sequence[Word], mention: Mention) -> bool:
        """Tell whether a story that names no place of Tamil Nadu has its trouble there."""
        if mention.role is Role.POINTER and self._lives_about(words, mention):
            return True
        if mention.role not in (Role.PLACE, Role.DISTRICT, Role.OWN, Role.BESIDE):
            return False
        texts = [word.text for word in words]
        if self._speaks_of_home(words, mention):
            return False
        if self._unpaid(words, mention):
            return True
        if mention.role is Role.BESIDE or self._follows(words, mention, self._border):
            return False
        if self._speaks_there(words, mention) or self._lives(words, mention):
            return self._is_local(texts, mention)
        if self._comes_from(words, mention):
            return False
        return self._visited(words, mention) or self._happens(words, mention)

    def _lives_about(self, words: Sequence[Word], mention: Mention) -> bool:
        """Tell "pondicherry muthialpet side la irukom": in those parts, not near their border."""
        about = words[mention.end].text.startswith(_PARTS)
        return about and self._kind(mention) == Beyond.NEIGHBOUR and self._lives(words, mention)

    def _speaks_of_home(self, words: Sequence[Word], mention: Mention) -> bool:
        """Tell "ஊர்ல தண்ணி வரல" of somebody abroad from "எங்க ஊர்ல" of who calls from there."""
        there = self._kind(mention) == Beyond.NEIGHBOUR and self._speaks_there(words, mention)
        return any(
            word.text in self._home and not (there and at and words[at - 1].text in self._our)
            for at, word in enumerate(words)
        )

    def _kind(self, mention: Mention) -> str:
        return mention.entries[0].source

    def _is_local(self, texts: list[str], mention: Mention) -> bool:
        """Who calls from there: of his own street, or from a neighbour town without a word more."""
        if any(text in self._here for text in texts):
            return True
        if self._kind(mention) == Beyond.ABROAD:
            return False
        pairs = list(pairwise(texts))
        if any(a in self._our and b.startswith(self._part) for a, b in pairs):
            return True
        return self._kind(mention) == Beyond.NEIGHBOUR

    def _speaks_there(self, words: Sequence[Word], mention: Mention) -> bool:
        """Tell "காரைக்கால்லேர்ந்து பேசறேன்", and "பேசறேன், பாண்டிச்சேரி."."""
        texts = [word.text for word in clause(words, mention.end)]
        if mention.start and words[mention.start - 1].text == _FROM:
            return says([word.text for word in words[: mention.start]], self._speaking)
        if self._comes_from(words, mention):
            return says(texts, self._speaking)
        before = words[mention.start - 1].text if mention.start else ""
        if texts:
            # "எங்க வீடு பெங்களூர் மாரத்தஹள்ளில": the second word is a part of the first.
            return len(texts) == 1 and before in self._place_words
        if before in self._first_person or before in self._place_words:
            return True
        return bool(words[mention.start].gap) and any(
            word.text.startswith(self._speaking) for word in words
        )

    def _lives(self, words: Sequence[Word], mention: Mention) -> bool:
        """Tell "பெங்களூர்ல இருக்கேன்": the caller, not somebody else."""
        texts = [word.text for word in clause(words, mention.end)]
        if says(texts[:4], self._living):
            return True
        if any(a in self._our and b in self._place_words for a, b in pairwise(texts[:4])):
            return True
        ours = any(word.text in self._first_person for word in words[: mention.start])
        return ours and says(texts[:4], self._residing)

    def _comes_from(self, words: Sequence[Word], mention: Mention) -> bool:
        if words[mention.end - 1].text.endswith(self._from):
            return True
        texts = [word.text for word in words[mention.end : mention.end + 2]]
        return any(text.startswith(self._start) for text in texts)

    def _follows(self, words: Sequence[Word], mention: Mention, what: tuple[str, ...]) -> bool:
        after = words[mention.end : mention.end + LOOK_AHEAD]
        return any(word.text.startswith(what) for word in after)

    def _visited(self, words: Sequence[Word], mention: Mention) -> bool:
        """Tell "திருப்பதிக்கு போயிருந்தோம், ... அங்க ...": something happened on a journey."""
        texts = [word.text for word in words[mention.end :]]
        gone = any(text.startswith(self._been) for text in texts[:4])
        return gone and any(
            text in self._there and not (texts[at + 1 : at + 2] or [""])[0].startswith(self._start)
            for at, text in enumerate(texts)
        )

    def _unpaid(self, words: Sequence[Word], mention: Mention) -> bool:
        """Tell wages that are owed where somebody works."""
        texts = [word.text for word in words[mention.end :]]
        works = any(text.startswith(_WORK) for text in texts[:8])
        return works and any(text.startswith(self._wages) for text in texts)

    def _happens(self, words: Sequence[Word], mention: Mention) -> bool:
        """Tell "பாண்டிச்சேரில தண்ணி வரல" and "காரைக்கால் ... எங்க நகருல" from a mere mention."""
        kind = self._kind(mention)
        texts = [word.text for word in clause(words, mention.end)]
        if kind in (Beyond.STATE, Beyond.ABROAD) or says(texts[:3], self._others_living):
            return False
        if any(word.text in self._here for word in words):
            return False
        later = [word.text for word in words[mention.end :]]
        pairs = pairwise(later[:7])
        if kind == Beyond.NEIGHBOUR and any(
            a in self._our and b.startswith(self._part) for a, b in pairs
        ):
            return True
        if says(texts, self._work) or any(text.startswith(STUDY) for text in texts):
            return False
        if kind == Beyond.CITY and not any(word.text in self._mine for word in words):
            return False  # "டெல்லில போராட்டம் நடக்குது" is news
        last = words[mention.end - 1].text
        locative = last.endswith(LOCATIVE) and all(last != e.name_en for e in mention.entries)
        return locative or any(text in LOCATIVE or _is_locative(text) for text in texts[:3])


def _is_locative(text: str) -> bool:
    return len(text) > 3 and text.endswith(LOCATIVE)
