"""Finds the places named in an utterance, and the part each plays in it.

"நத்தம் பக்கம் கோபால்பட்டி" names two: Natham points, Gopalpatti is meant. "தேனி கூடலூர் இல்ல"
names one that is not meant. What they add up to is decided in :mod:`agent.understanding.places`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from agent.tamil.endings import stems
from agent.tamil.sound import join_keys
from agent.tamil.words import Word
from agent.understanding.gazetteer import Gazetteer, Hit
from agent.understanding.mention_care import Care, same_district, stem_keys
from agent.understanding.mention_hints import Hints
from agent.understanding.mention_roles import Mention, Role
from agent.understanding.mention_unmeant import Unmeant
from agent.understanding.outside import Outside
from agent.understanding.place_entries import Size
from agent.understanding.tables import read_toml

_WINDOW = 5
"""Longest name, in words."""
_SHORTEST_KEY = 3
_STORY_NAME = 0.93
"""The same for names of several words."""
_STORY_LIKENESS = 0.88
"""In a story, a word must be spelled this much like the name: most words are not places."""
_STORY_LETTERS = 6
"""Shorter words must be the name to the letter: நகை (jewel) is not நாகை."""
_ASKED_LIKENESS = 0.72
_CERTAIN = 0.95
"""A name with a filler or pointer word in it ("மன்னை பக்கம்" is not Manapakkam) must be spelled so."""
_LOOSE = 0.86
"""Below this a name is only alike: it does not count beside one that is certain."""
_LONGER = 0.03
"""What each further word of a name is worth when two readings compete."""
_SOUND_STEMS = 4
_SOUND_WORDS = 12
"""How far into an answer slips are looked for: each word costs a search of the whole table."""
_LOCATIVE = ("ுல", "ில", "ைல", "யில்", "ூரில்", "த்தில்", "ட்டில்", "ற்றில்", "ூர்ல", "ம்ல", "டில", "ிலே")
_TELLING = (Role.PLACE, Role.DISTRICT, Role.POINTER)
_DENIED_OVER = 4
"""Words that may stand between a name and its "இல்ல"."""


class MentionFinder:
    """Finds mentions in words. Shared by all calls."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._gazetteer = gazetteer
        data = read_toml("places")
        self._roles = {
            word: role
            for role, name in (
                (Role.POINTER, "pointer"),
                (Role.DISTRICT, "district"),
                (Role.SEAT, "seat"),
                (Role.ROAD, "road"),
                (Role.DENIED, "negation"),
            )
            for word in data[name]
        }
        self._hints = Hints(data)
        self._unmeant = Unmeant(data)
        self.outside = Outside(data)
        """Tells whether a place outside Tamil Nadu is the one of the trouble."""
        self._filler = frozenset(data["filler"]) | frozenset(self._roles)
        self._fused_pointer = tuple(data["fused_pointer"])
        self._everyday = frozenset(data["everyday"])
        self.care = Care(gazetteer, data, self.is_filler)
        """Sorts out names that are words too."""

    def find(self, words: Sequence[Word], *, asked: bool) -> tuple[Mention, ...]:
        """Return every place named, in order.

        Args:
            words: the utterance.
            asked: whether a place was asked for; then ordinary words count as names too, and a
                slip of the recogniser is forgiven when only one place sounds like it.
        """
        if not asked:
            return self.in_story(words)[0]
        keys = [stem_keys(word) for word in words]
        found = self._scan(words, keys, asked=True)
        if not found:
            found = self._sound_alikes(words, keys)
        return self.care.asked(words, self._without_loose(found))

    def in_story(self, words: Sequence[Word]) -> tuple[tuple[Mention, ...], tuple[Mention, ...]]:
        """Return the places named in a story, and the names there that are mere words to the rules.

        Args:
            words: the utterance.
        """
        keys = [stem_keys(word) for word in words]
        found = self._scan(words, keys, asked=False)
        kept = self.care.in_story(words, found)
        return kept, tuple(m for m in found if m not in kept and self.care.may_be_meant(words, m))

    def is_filler(self, word: Word) -> bool:
        """Tell whether the word is said around places but names none."""
        return word.text in self._filler

    def _is_everyday(self, word: Word) -> bool:
        """Tell a thing of every address ("பச்ச கேட்டு போட்ட வீடு")."""
        return not self._everyday.isdisjoint(_stems_of(word.text))

    def _is_plain_word(self, word: Word) -> bool:
        return self.is_filler(word) or self._is_everyday(word)

    def _without_loose(self, found: list[Mention]) -> list[Mention]:
        """Drop what is only like a name beside one that is spelled as in the table."""
        sure = [m for m in found if _best_likeness(m) >= _CERTAIN]
        return [
            m
            for m in found
            if not sure
            or _best_likeness(m) >= _LOOSE
            or any(same_district(self._gazetteer, m, s) for s in sure)
        ]

    def _scan(
        self, words: Sequence[Word], keys: Sequence[list[tuple[str, str]]], *, asked: bool
    ) -> list[Mention]:
        found: list[Mention] = []
        at = 0
        while at < len(words):
            mention = self._at(words, keys, at, asked=asked)
            if mention is not None:
                found.append(mention)
            at = mention.end if mention is not None else at + 1
        found = self._denied_together(words, self._unmeant.apply(words, found))
        return self._hints.apply(words, found)

    def _denied_together(self, words: Sequence[Word], found: list[Mention]) -> list[Mention]:
        """Deny both of "தேனி கூடலூர் இல்ல" and "சென்னையில இருக்குற ராயபுரம் இல்ல".

        The larger only says which one is not meant.
        """
        result = list(found)
        for at in range(1, len(found)):
            before, after = found[at - 1], found[at]
            between = words[before.end : after.start]
            together = not any(word.gap for word in words[before.end : after.start + 1])
            together = together and all(self._hints.over(word) for word in between)
            larger = before.size > Size.TOWN and before.role in _TELLING
            if after.role is Role.DENIED and together and larger:
                result[at - 1] = replace(before, role=Role.DENIED)
        return result

    def _at(
        self, words: Sequence[Word], keys: Sequence[list[tuple[str, str]]], at: int, *, asked: bool
    ) -> Mention | None:
        """Return the best name that begins at this word: well spelled, then long."""
        best: tuple[float, int, list[Hit]] | None = None
        for size in range(min(_WINDOW, len(words) - at), 0, -1):
            for hits in self._readings(words, keys, at, size, asked=asked):
                worth = max(hit.likeness for hit in hits) + _LONGER * size
                if best is None or worth > best[0]:
                    best = (worth, at + size, hits)
                elif worth == best[0] and best[1] == at + size:
                    # ஆழ்வார்திருநகரில் is a form of two names: both stay open.
                    best = (worth, best[1], list(dict.fromkeys([*best[2], *hits])))
        if best is None:
            slips = self._vowel_slips(words, keys, at)
            return self._mention(words, at, at + 1, slips) if slips else None
        return self._mention(words, at, best[1], best[2])

    def _vowel_slips(
        self, words: Sequence[Word], keys: Sequence[list[tuple[str, str]]], at: int
    ) -> list[Hit]:
        """Return the long name this Latin word spells with other vowels, when only one is like it.

        Tamil script leaves no doubt about vowels.
        """
        if words[at].tamil or self.is_filler(words[at]):
            return []
        slips = [self._gazetteer.vowel_slips(key) for key, _ in keys[at]]
        return max(filter(None, slips), key=lambda hits: hits[0].likeness, default=[])

    def _readings(
        self,
        words: Sequence[Word],
        keys: Sequence[list[tuple[str, str]]],
        at: int,
        size: int,
        *,
        asked: bool,
    ) -> Iterator[list[Hit]]:
        """Yield what ``size`` words from here may name, for each stem of the last one."""
        last = at + size - 1
        gaps = {word.gap for word in words[at + 1 : last + 1]} - {""}
        if "." in gaps:
            return
        least = _ASKED_LIKENESS if asked else _STORY_LIKENESS
        if size > 1 and not asked:
            least = _STORY_NAME
        if any(self.is_filler(word) for word in words[at : last + 1]):
            least = _CERTAIN
        if any(self._is_everyday(word) for word in words[at : last + 1]):
            least = 1.0
        if gaps:
            # Across a comma only a name known as a whole ("சேலம், ஆத்தூர்") is one name.
            least = 1.0
            role = self._role(words, last + 1)
            again = any(word.text.startswith(words[at].text) for word in words[last + 1 :])
            if role is Role.DENIED or (role is Role.POINTER and again):
                # In "ஆத்தூர், சேலத்துல இருக்கறது இல்ல" only the second is denied, and in
                # "ஆத்தூர், சேலம் பக்கத்து ஆத்தூர் இல்ல" it points to the next.
                return
        before = [word.key for word in words[at:last]]
        text = "".join(word.text for word in words[at:last])
        for key, stem in keys[last]:
            whole = join_keys([*before, key])
            if len(whole) < _SHORTEST_KEY:
                continue
            hits = self._gazetteer.look_up(whole, text + stem)
            short = not asked and len(text + stem) < _STORY_LETTERS
            hits = [hit for hit in hits if hit.likeness >= (1.0 if short else least)]
            if hits:
                yield hits

    def _mention(self, words: Sequence[Word], start: int, end: int, hits: Sequence[Hit]) -> Mention:
        role = self._role(words, end)
        if role is Role.ROAD and _in_the_place(words[end - 1].text, hits):
            role = Role.PLACE  # "பீளமேட்டுல ரோடு மோசம்": the road in it, not one called after it
        if role is Role.PLACE and self._points(words[end - 1], hits):
            role = Role.POINTER
        if role is Role.DISTRICT:
            hits = [hit for hit in hits if hit.entry.size is Size.DISTRICT] or hits
        elif role is Role.SEAT:
            hits = [hit for hit in hits if hit.entry.size is Size.SEAT] or hits
        elif any(hit.entry.size is not Size.DISTRICT for hit in hits):
            hits = [hit for hit in hits if hit.entry.size is not Size.DISTRICT]
        return Mention(start, end, tuple(hits), role)

    def _points(self, word: Word, hits: Sequence[Hit]) -> bool:
        """Tell "செஞ்சிகிட்ட" from a name that ends like a pointer (கீழக்கரை பக்கம் is two words)."""
        if not word.text.endswith(self._fused_pointer):
            return False
        return not any(hit.entry.name_ta.endswith(word.text) for hit in hits)

    def _role(self, words: Sequence[Word], end: int) -> Role:
        """Tell from the word that follows; in "X-ல இருக்கறது இல்ல" from the one after."""
        after = end
        while after < min(end + _DENIED_OVER, len(words)) and self._is_over(words[after]):
            if words[after].gap == "." or (after == end and words[after].gap):
                break
            if self._hints.fused_denial(words[after]):
                return Role.DENIED
            after += 1
        if after > end and self._role_of(words, after) is Role.DENIED:
            return Role.DENIED
        return self._role_of(words, end) or Role.PLACE

    def _is_over(self, word: Word) -> bool:
        return self._hints.over(word) or self._roles.get(word.text) is Role.POINTER

    def _role_of(self, words: Sequence[Word], at: int) -> Role | None:
        if at >= len(words) or words[at].gap == ".":
            return None
        roles = (self._roles.get(stem) for stem in stems(words[at].text))
        return next((role for role in roles if role is not None), None)

    def _sound_alikes(
        self, words: Sequence[Word], keys: Sequence[list[tuple[str, str]]]
    ) -> list[Mention]:
        found: list[Mention] = []
        at = 0
        while at < min(len(words), _SOUND_WORDS):
            mention = None if self._is_plain_word(words[at]) else self._sound_alike(words, keys, at)
            if mention is not None:
                found.append(mention)
            at = mention.end if mention is not None else at + 1
        return found

    def _sound_alike(
        self, words: Sequence[Word], keys: Sequence[list[tuple[str, str]]], at: int
    ) -> Mention | None:
        for size in (2, 1):
            last = at + size - 1
            if last >= len(words) or any(w.gap for w in words[at + 1 : last + 1]):
                continue
            if any(self._is_plain_word(word) for word in words[at : last + 1]):
                continue
            before = [word.key for word in words[at:last]]
            text = "".join(word.text for word in words[at:last])
            hits = [
                hit
                for key, stem in keys[last][:_SOUND_STEMS]
                for hit in self._gazetteer.sound_alikes(join_keys([*before, key]), text + stem)
            ]
            if hits:
                best = max(hit.likeness for hit in hits)
                clear = [hit for hit in hits if hit.likeness >= best - 1e-9]
                return self._mention(words, at, last + 1, clear)
        return None


@lru_cache(maxsize=4096)
def _stems_of(text: str) -> tuple[str, ...]:
    return stems(text)


def _in_the_place(text: str, hits: Sequence[Hit]) -> bool:
    """Tell a locative from a name that ends like one (நாகர்கோவில்)."""
    named = any(hit.entry.name_ta.endswith(text) for hit in hits)
    return text.endswith(_LOCATIVE) and not named


def _best_likeness(mention: Mention) -> float:
    return max(hit.likeness for hit in mention.hits)
