"""Which names that are words or ends of names too are places, by what stands beside them.

கம்பம் is a pole and a town, கோபி a man and a town, நகர் the end of a thousand names: "கம்பம் நகராட்சி"
and "gobi busstand" are towns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.tamil.endings import stems
from agent.tamil.sound import join_keys, sound_key
from agent.tamil.words import Word
from agent.understanding.gazetteer import Gazetteer
from agent.understanding.mention_roles import Mention, Role
from agent.understanding.mention_words import LOCATIVE, clause, says
from agent.understanding.place_entries import Size

_MAY_BE_MEANT = "personal"
"""Names that people and things bear too, of which a story may mean the place. Of common words
(கம்பம், a pole) it hardly ever does."""


class Care:
    """Sorts out names that need care. Shared by all calls."""

    def __init__(
        self, gazetteer: Gazetteer, data: Mapping[str, Any], is_filler: Callable[[Word], bool]
    ) -> None:
        """Take the lists.

        Args:
            gazetteer: whose lists of names need care.
            data: ``places.toml``.
            is_filler: tells whether a word is said around places but names none.
        """
        self._gazetteer = gazetteer
        self._is_filler = is_filler
        self._where_endings = tuple(data["where_endings"])
        self._latin_words = frozenset(data["latin_words"])
        self._town_things = tuple(data["town_things"])
        self._calls_from = tuple(data["calls_from"])
        self._introduced_by = frozenset(data["introduced_by"])
        self._where_words = frozenset(data["where_words"])
        self._kin = tuple(data["kin"])

    def in_story(self, words: Sequence[Word], found: list[Mention]) -> tuple[Mention, ...]:
        """Return the mentions of a story without words that are no names there."""
        lists = self._gazetteer.lists
        risky = lists.ordinary | lists.generic | lists.dependent
        safe = [
            m
            for m, k in ((m, self.named(words, m)) for m in found)
            if (self._has_town_things(words, m) and not k & (lists.generic | lists.dependent))
            or (
                not k & risky
                and not self._is_latin_word(words, m)
                and (not k & lists.personal or self._says_where(words, m))
            )
        ]
        return tuple(
            m
            for m in found
            if m in safe
            or (
                any(same_district(self._gazetteer, m, s) for s in safe)
                and not self._is_part_of_another(words, m, found)
            )
        )

    def _is_part_of_another(
        self, words: Sequence[Word], mention: Mention, found: list[Mention]
    ) -> bool:
        """Tell the tollgate of "கப்பலூர் டோல்கேட்" from the one that the table knows elsewhere."""
        owners = [m for m in found if m.end == mention.start and not words[m.end].gap]
        depends = self.named(words, mention) & self._gazetteer.lists.dependent
        near = any(same_district(self._gazetteer, mention, m) for m in owners)
        return bool(owners and depends and not near)

    def _is_latin_word(self, words: Sequence[Word], mention: Mention) -> bool:
        """Tell "bank la eral" (ஏறல, was not paid in) from the town of Eral."""
        return mention.end == mention.start + 1 and words[mention.start].text in self._latin_words

    def _has_town_things(self, words: Sequence[Word], mention: Mention) -> bool:
        """Tell "கம்பம் நகராட்சி" and "gobi busstand": what only a town has, or who calls from there."""
        texts = [word.text for word in clause(words, mention.end)]
        if " ".join(texts[:2]).startswith(self._town_things):
            return True
        return says(texts[:4], self._calls_from)

    def _says_where(self, words: Sequence[Word], mention: Mention) -> bool:
        if words[mention.end - 1].text.endswith(self._where_endings):
            return True
        if mention.role is not Role.PLACE or self._is_introduced(words, mention):
            return True
        after = words[mention.end].text if mention.end < len(words) else ""
        return after in self._where_words or after in LOCATIVE

    def _is_introduced(self, words: Sequence[Word], mention: Mention) -> bool:
        """Tell "ஊரு மணல்மேடு" and "நாங்க பவானிங்க": the whole predicate, said of a place or of many."""
        before = words[mention.start - 1].text if mention.start else ""
        ends = mention.end == len(words) or bool(words[mention.end].gap)
        return ends and before in self._introduced_by

    def asked(self, words: Sequence[Word], found: list[Mention]) -> tuple[Mention, ...]:
        """Return the mentions of an answer without the ends of longer names."""
        lists = self._gazetteer.lists
        keys = [self.named(words, m) for m in found]
        weak = lists.generic | lists.dependent
        safe = [m for m, k in zip(found, keys, strict=True) if not k & weak]
        if any(not self.named(words, m) & lists.ordinary for m in safe):
            # "சேத்தியாத்தோப்பு அணைக்கட்டு" is the dam there, not the town of that name.
            safe = [m for m in safe if not self.named(words, m) & lists.ordinary]
        return tuple(
            m
            for m, k in zip(found, keys, strict=True)
            if m in safe
            or self._stands_alone(words, m)
            or any(same_district(self._gazetteer, m, s) for s in safe)
        )

    def may_be_meant(self, words: Sequence[Word], mention: Mention) -> bool:
        """Tell whether a word that the rules do not trust may name a place ("மண்டபத்துல")."""
        if mention.role in (Role.DENIED, Role.BESIDE) or mention.size is Size.OUTSIDE:
            return False
        after = words[mention.end].text if mention.end < len(words) else ""
        if after.startswith(self._kin):
            return False  # "பழனி அண்ணன் வீட்டு பக்கத்துல"
        return self.kind(words, mention) == _MAY_BE_MEANT

    def kind(self, words: Sequence[Word], mention: Mention) -> str:
        """Return the list of names that need care on which the mention stands, or ""."""
        lists, keys = self._gazetteer.lists, self.named(words, mention)
        kinds = {
            "ordinary": lists.ordinary, "personal": lists.personal, "generic": lists.generic,
            "dependent": lists.dependent, "common": lists.common,
        }  # fmt: skip
        return next((name for name, names in kinds.items() if keys & names), "")

    def _stands_alone(self, words: Sequence[Word], mention: Mention) -> bool:
        """Tell a place called புதூர் from the end of a longer name ("ஏழரைப் புதூர்")."""
        others = [*words[: mention.start], *words[mention.end :]]
        if all(self._is_filler(word) for word in others):
            return True
        if mention.start == 0 or words[mention.start].gap:
            return False
        return self._is_filler(words[mention.start - 1]) and mention.end == len(words)

    def named(self, words: Sequence[Word], mention: Mention) -> set[str]:
        """Return the keys by which the mention's places are known."""
        spoken = words[mention.start : mention.end]
        before = [word.key for word in spoken[:-1]]
        keys = {join_keys([*before, key]) for key, _ in stem_keys(spoken[-1])}
        return {key for key in keys if self._gazetteer.knows(key, mention.entries)}


def stem_keys(word: Word) -> list[tuple[str, str]]:
    """Return the sound keys of the word's possible stems, each with its letters.

    Stems of one sound stay apart: of ஈரோட்டு and ஈரோடு only one is spelled like the town.
    """
    return [(word.key if stem == word.text else sound_key(stem), stem) for stem in stems(word.text)]


def same_district(gazetteer: Gazetteer, one: Mention, other: Mention) -> bool:
    """Tell whether two places may lie in one district."""

    def districts(mention: Mention) -> set[str]:
        return {gazetteer.seats[n].district_en for e in mention.entries for n, _ in e.seats}

    return bool(districts(one) & districts(other))
