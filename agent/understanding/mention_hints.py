"""Which of several places is the one of the trouble, by the words around them.

"நான் திருப்பூர்ல வேலை பாக்குறேன், ஆனா பிரச்சன எங்க சொந்த ஊர்ல": where somebody was born, works or is
sent is only mentioned; what follows an "ஆனா" counts against what stands before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from agent.tamil.sound import PULLI
from agent.tamil.words import Word
from agent.understanding.mention_roles import Mention, Role
from agent.understanding.mention_standing import Standing
from agent.understanding.mention_words import LOCATIVE, LOOK_AHEAD, LOOK_FAR, STUDY, clause, says
from agent.understanding.place_entries import Size

_DATIVE = ("க்கு", "க்குப்", "க்கே", "க்குத்", "க்குச்", "க்குக்", "kku", "ku")
_LOOK_BACK = 3
_WORK = ("வேல", "velai", "vela")
_WORKING = ("பாக்க", "பாத்த", "பார்க்க", "பார்த்த", "செய்", "செஞ்ச", "பண்", "paak", "paakk", "seiy", "sey")
_NAMED = frozenset({Role.PLACE, Role.OWN, Role.POINTER})


class Hints:
    """Reads the words around mentions. Shared by all calls."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Take the word lists.

        Args:
            data: ``places.toml``.
        """
        self._standing = Standing(data)
        self._going = tuple(data["going"])
        self._going_to_work = tuple(data["going_to_work"])
        self._travellers = tuple(data["travellers"])
        self._sending = tuple(data["sending"])
        self._seek_there = tuple(data["seek_there"])
        self._hospital = tuple(data["hospital"])
        self._hospital_trouble = _open_ended(data["hospital_trouble"])
        self._admitted = tuple(data["admitted"])
        self._elsewhere = tuple(data["elsewhere"])
        self._toward = frozenset(data["toward"])
        self._offices = tuple(data["offices"])
        self._by_thing = tuple(data["by_thing"])
        self._state_words = frozenset(data["state_words"])
        self._from = tuple(data["from_endings"])
        self._start = tuple(data["start"])
        self._junction = tuple(data["junction"])
        self._direction = tuple(data["direction"])
        self._people = tuple(data["people"])
        self._first_person = frozenset(data["first_person"])
        self._speaking = tuple(data["speaking"])
        self._others_living = tuple(data["others_living"])
        self._contrast = frozenset(data["contrast"])
        self._own_before = frozenset(data["own_before"])
        self._own_after = frozenset(data["own_after"])
        self._over = frozenset(data["denied_over"])
        self._over_starts = tuple(data["denied_over_starts"])
        self._fused_denial = tuple(data["fused_denial"])
        self._negation = frozenset(data["negation"])
        self._driving = tuple(data["driving"])
        self._living = tuple(data["living"])
        self._here = frozenset(data["here"])
        self._house = tuple(data["house"])
        self._native = tuple(data["native"])

    def over(self, word: Word) -> bool:
        """Tell whether the word may stand between a name and its "இல்ல"."""
        return word.text in self._over or word.text.startswith(self._over_starts)

    def fused_denial(self, word: Word) -> bool:
        """Tell whether such a word holds the "இல்ல" itself: இருக்கறதில்ல, பக்கமில்லீங்க."""
        return word.text.endswith(self._fused_denial)

    def apply(self, words: Sequence[Word], found: list[Mention]) -> list[Mention]:
        """Return the mentions with BESIDE, OWN and ROAD said where the words say so."""
        if len(found) < 2:
            return [_beside(m) if self._is_sent(words, m) else m for m in found]
        found = [self._by_neighbours(words, m) for m in found]
        found = self._by_hospital(words, found)
        found = self._by_failing(words, found)
        found = self._by_driving(words, found)
        found = self._by_house(words, found)
        found = self._by_road(words, found)
        found = self._by_way(words, found)
        found = self._standing.apply(words, found)
        found = self._by_contrast(words, found)
        own = [m for m in found if m.role is Role.OWN]
        if not own:
            return found
        return [_beside(m) if m not in own and m.size >= Size.CITY else m for m in found]

    def _by_neighbours(self, words: Sequence[Word], mention: Mention) -> Mention:
        if mention.role not in (Role.PLACE, Role.DISTRICT):
            return mention
        after = words[mention.end : mention.end + LOOK_AHEAD]
        ahead = " ".join(word.text for word in after)
        if ahead.startswith(self._offices) and not ahead.split(" ")[-1].startswith(self._by_thing):
            return _beside(mention)
        if self._is_origin(words, mention) or self._is_destination(words, mention):
            return _beside(mention)
        if self._is_elsewhere(words, mention):
            return _beside(mention)
        if ahead.split(" ")[0] in self._own_after:
            return replace(mention, role=Role.OWN)
        before = words[max(0, mention.start - _LOOK_BACK) : mention.start]
        denied = any(word.text in self._negation for word in before)
        if not denied and any(word.text in self._own_before for word in before):
            return replace(mention, role=Role.OWN)
        return mention

    def _is_origin(self, words: Sequence[Word], mention: Mention) -> bool:
        """Tell "நாகப்பட்டினத்துக்காரர்" (somebody from there) from "நாங்க தேனிக்காரங்க"."""
        if not words[mention.end - 1].text.endswith(self._people):
            return False
        before = words[max(0, mention.start - 1) : mention.start]
        return not any(word.text in self._first_person for word in before)

    def _is_destination(self, words: Sequence[Word], mention: Mention) -> bool:
        """Tell whether somebody goes or is sent there."""
        texts = [word.text for word in clause(words, mention.end)]
        if words[mention.end - 1].text.endswith(_DATIVE) or texts[:1] in (["ku"], ["kku"]):
            goes = any(text.startswith(self._going) for text in texts[:LOOK_AHEAD])
            return goes or says(texts, self._sending) or says(texts, self._going_to_work)
        if texts and texts[0].startswith(self._travellers):
            return True
        if says(texts[:2], self._sending) and texts[0].startswith(self._sending):
            return True
        hospital = any(text.startswith(self._hospital) for text in texts[:2])
        dative = any(text.endswith(_DATIVE) for text in texts[:2])
        return hospital and dative and says(texts, self._sending)

    def _is_sent(self, words: Sequence[Word], mention: Mention) -> bool:
        """Tell whether somebody is sent there, said of the only place named."""
        plain = mention.role is Role.PLACE and words[mention.end - 1].text.endswith(_DATIVE)
        return plain and says([w.text for w in clause(words, mention.end)], self._sending)

    def _is_elsewhere(self, words: Sequence[Word], mention: Mention) -> bool:
        """Tell whether somebody works, studies, was born or may seek help there."""
        texts = [word.text for word in clause(words, mention.end)]
        locative = words[mention.end - 1].text.endswith(LOCATIVE)
        if texts and texts[0] in LOCATIVE:
            locative, texts = True, texts[1:]
        if not locative:
            return False
        if " ".join(texts[:LOOK_AHEAD]).startswith((*self._elsewhere, *self._seek_there)):
            return True
        if mention.size is Size.OUTSIDE and texts and texts[0].startswith(self._others_living):
            return True
        pairs = pairwise(texts)
        works = any(a.startswith(_WORK) and b.startswith(_WORKING) for a, b in pairs)
        return works or any(text.startswith(STUDY) for text in texts[:3])

    def _by_hospital(self, words: Sequence[Word], found: list[Mention]) -> list[Mention]:
        """Of a home and a hospital elsewhere, the hospital is meant when it is what fails."""
        found = [self._by_journey(words, m, found) for m in found]
        at = [m for m in found if m.role is Role.PLACE and self._is_admitted(words, m)]
        if len(at) != 1:
            return found
        rest = words[at[0].end :]
        if not any(word.text.startswith(self._hospital_trouble) for word in rest):
            return found
        return [replace(m, role=Role.OWN) if m is at[0] else _beside(m) for m in found]

    def _by_journey(self, words: Sequence[Word], mention: Mention, found: list[Mention]) -> Mention:
        """In "பட்டுக்கோட்டைல ..., தஞ்சாவூர் மெடிக்கலுக்கு கொண்டு போனோம்" the hospital is beside."""
        texts = [word.text for word in clause(words, mention.end)]
        taken = says(texts[:2], self._hospital) and says(texts, self._going)
        taken = taken and any(text.endswith(_DATIVE) for text in texts[:2])
        home = any(m.role is Role.PLACE for m in found if m.end <= mention.start)
        rest = words[mention.end :]
        if not (taken and home and mention.role is Role.PLACE):
            return mention
        fails = any(word.text.startswith(self._hospital_trouble) for word in rest)
        return mention if fails else _beside(mention)

    def _by_failing(self, words: Sequence[Word], found: list[Mention]) -> list[Mention]:
        """The hospital that fails is meant, not the home and not where the sick are sent on.

        "வால்பாறை ஜிஎச்ல டாக்டர் இல்ல, பொள்ளாச்சிக்கு அனுப்புறாங்க": between the name of the one and the
        next place stands what is wrong.
        """
        plain = (Role.PLACE, Role.BESIDE)
        ends = [m.start for m in found[1:]] + [len(words)]
        failing = [
            m
            for m, end in zip(found, ends, strict=True)
            if m.role in plain and self._fails(words, m, end)
        ]
        if len(failing) != 1 or failing[0].size >= Size.OUTSIDE:
            return found
        one = failing[0]
        return [
            replace(m, role=Role.OWN)
            if m is one
            else _beside(m)
            if m.role is Role.PLACE and m.end != one.start
            else m
            for m in found
        ]

    def _fails(self, words: Sequence[Word], mention: Mention, end: int) -> bool:
        """Tell whether the mention is of a hospital, and something is wrong in it."""
        texts = [word.text for word in words[mention.start : end]]
        size = mention.end - mention.start
        named = any(text.startswith(self._hospital) for text in texts[: size + LOOK_AHEAD])
        return named and any(text.startswith(self._hospital_trouble) for text in texts[size:])

    def _by_driving(self, words: Sequence[Word], found: list[Mention]) -> list[Mention]:
        """In "போரூர் ஸ்டாண்டுல ஆட்டோ ஓட்டறவன், ராமாபுரம் ..." the first is where he waits for fares."""
        result = list(found)
        for at, mention in enumerate(found):
            others = any(m.role in (Role.PLACE, Role.OWN) for m in found if m is not mention)
            texts = [word.text for word in clause(words, mention.end)]
            if others and mention.role is Role.PLACE and says(texts, self._driving):
                result[at] = _beside(mention)
        return result

    def _by_house(self, words: Sequence[Word], found: list[Mention]) -> list[Mention]:
        """Whose house has the trouble, when the caller says that he himself lives elsewhere.

        "X-ல என் தங்கை வீட்டில் தண்ணி வரல, நான் Y-ல வசிக்கிறேன்", and "நாங்க X-ல இருக்கோம், சொந்த ஊரு Y,
        இங்க தண்ணி வரல".
        """
        houses = [m for m in found if m.role is not Role.DENIED and self._has_house(words, m)]
        others = [m for m in found if m not in houses]
        if others and houses and all(self._lived_in(words, m) for m in others):
            return [replace(m, role=Role.OWN) if m in houses else _beside(m) for m in found]
        homes = [m for m in found if self._lived_in(words, m)]
        natives = [m for m in found if m not in homes and self._is_native(words, m)]
        if homes and natives and len(homes) + len(natives) == len(found):
            last = max(m.end for m in found)
            if any(word.text in self._here for word in words[last : last + LOOK_FAR]):
                return [replace(m, role=Role.OWN) if m in homes else _beside(m) for m in found]
        return found

    def _has_house(self, words: Sequence[Word], mention: Mention) -> bool:
        texts = [word.text for word in clause(words, mention.end)]
        return any(text.startswith(self._house) for text in texts)

    def _lived_in(self, words: Sequence[Word], mention: Mention) -> bool:
        texts = [word.text for word in clause(words, mention.end)]
        return says(texts, self._living)

    def _is_native(self, words: Sequence[Word], mention: Mention) -> bool:
        before = words[max(0, mention.start - _LOOK_BACK) : mention.start]
        return any(word.text.startswith(self._native) for word in before)

    def _is_admitted(self, words: Sequence[Word], mention: Mention) -> bool:
        texts = [word.text for word in clause(words, mention.end)[:3]]
        return says(texts[:2], self._hospital) and any(t.startswith(self._admitted) for t in texts)

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

    def _by_way(self, words: Sequence[Word], found: list[Mention]) -> list[Mention]:
        """In "போரூர் சிக்னல்ல இருந்து லெஃப்ட் எடுத்தா முகலிவாக்கம்" the way begins at the first."""
        result = list(found)
        for at, mention in enumerate(found[:-1]):
            if mention.role is not Role.PLACE:
                continue
            between = [word.text for word in words[mention.end : found[at + 1].start]]
            left = self._after_start(words[mention.end - 1].text, between)
            if left is not None and self._is_way(left):
                result[at] = replace(mention, role=Role.ROAD)
        return result

    def _after_start(self, last: str, between: list[str]) -> list[str] | None:
        """Return what follows "from X" before the next name, None when nobody starts there."""
        if last.endswith(self._from):
            return between
        for at, text in enumerate(between):
            if text.startswith(self._start):
                return between[at + 1 :]
            if not text.startswith(self._junction):
                return None
            if text.endswith(self._from):
                return between[at + 1 :]
        return None

    def _is_way(self, texts: list[str]) -> bool:
        speaks = any(text.startswith(self._speaking) for text in texts)
        return not speaks and any(text.startswith(self._direction) for text in texts)

    def _by_contrast(self, words: Sequence[Word], found: list[Mention]) -> list[Mention]:
        cuts = [at for at, word in enumerate(words) if word.text in self._contrast]
        for cut in cuts[:1]:
            later = [m for m in found if m.start > cut and m.role in _NAMED]
            if later and not self._is_only_near(words, found, later):
                found = [_beside(m) if m.start < cut else m for m in found]
        return found

    def _is_only_near(
        self, words: Sequence[Word], found: list[Mention], later: list[Mention]
    ) -> bool:
        """Tell "பாண்டிச்சேரி ஸ்டேட்டு, ஆனா கடலூர் பக்கம்" from a place set against another."""
        states = (words[m.end].text for m in found if m.end < len(words) and m.size is Size.OUTSIDE)
        beyond = any(text in self._state_words for text in states)
        return beyond and all(m.role is Role.POINTER for m in later)


def _open_ended(starts: Sequence[str]) -> tuple[str, ...]:
    """Let a vowel follow the last consonant: ஸ்கேன் begins ஸ்கேனு too."""
    return tuple(start.removesuffix(PULLI) for start in starts)


def _beside(mention: Mention) -> Mention:
    return mention if mention.role is Role.DENIED else replace(mention, role=Role.BESIDE)
