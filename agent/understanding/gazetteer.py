"""The gazetteer: every name a caller may use for a place, indexed by sound.

Built once from ``constituencies.csv``, ``localities.csv`` and ``districts.csv`` (about 0.2 s) and
shared by all calls. It knows names, not sentences: :mod:`agent.understanding.mentions` finds them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from agent.tamil.sound import join_keys, sound_key
from agent.tamil.words import split_texts
from agent.understanding.likeness import letters, likeness, said_so
from agent.understanding.place_entries import Entry, Seat, Size
from agent.understanding.place_names import (
    PARENTHESIS,
    district_names,
    locality_names,
    outside_names,
    seat_names,
)
from agent.understanding.spoken_names import spoken_forms
from agent.understanding.tables import read_csv, read_toml

_CLOSE = 0.06
"""Two spellings of one sound this near to what was heard both stay candidates."""
_CAREFUL = ("ordinary", "personal", "generic", "dependent", "common")
"""Lists of ``places.toml`` whose names need care."""
_SOUND_FROM = 5
"""Shorter keys are never corrected: too many names are one letter apart."""
_SOUND_CUTOFF = 0.8
_SOUND_LEAST = 0.82
"""Least mean of sound and spelling of a sound-alike."""
_SOUND_MARGIN = 0.07
"""How far a sound-alike must be ahead of the next place to be believed."""
_LONG_KEY = 9
"""Keys from here on may differ in their vowels: Kallidaikuruchi is Kallidaikurichi."""
_LONG_FRAME = 5
"""Least consonants of such a name."""
_VOWEL_SLIP = 0.84
"""Least likeness of two keys of the same consonants."""
_VOWELS = str.maketrans("", "", "aiuy")


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry that a stretch of words may name."""

    entry: Entry
    likeness: float
    """0..1, of the letters."""
    sounds: bool = False
    """Found by sound distance only, not by its key."""


@dataclass(frozen=True, slots=True)
class _Name:
    letters: str
    entry: Entry
    spoken: bool = False
    """A form made by rule: it is named only by its very letters, or by none of them."""

    def likeness(self, spoken: str) -> float:
        """Return how much the letters agree with it, 0..1."""
        if self.spoken:
            return said_so(spoken, self.letters)
        return likeness(spoken, self.letters, self.entry.name_en, self.entry.name_ta)


@dataclass(frozen=True, slots=True)
class NameLists:
    """Names that need care (``places.toml``), as sound keys."""

    ordinary: frozenset[str] = field(default_factory=frozenset)
    personal: frozenset[str] = field(default_factory=frozenset)
    generic: frozenset[str] = field(default_factory=frozenset)
    dependent: frozenset[str] = field(default_factory=frozenset)
    common: frozenset[str] = field(default_factory=frozenset)
    parts: dict[str, frozenset[str]] = field(default_factory=dict)
    """District -> those that were part of it not long ago."""

    def former(self, district: str) -> frozenset[str]:
        """Return the districts that this one was part of."""
        return frozenset(old for old, new in self.parts.items() if district in new)

    def careful(self) -> frozenset[str]:
        """Return all names that need care."""
        return self.ordinary | self.personal | self.generic | self.dependent | self.common

    def formed(self, district: str) -> frozenset[str]:
        """Return the districts that were made from this one."""
        return self.parts.get(district, frozenset())


class Gazetteer:
    """All known places. Read-only after loading."""

    def __init__(
        self, seats: Iterable[Seat], names: Iterable[tuple[str, Entry]], lists: NameLists
    ) -> None:
        self.seats = {seat.number: seat for seat in seats}
        self.lists = lists
        self._by_key: dict[str, list[_Name]] = defaultdict(list)
        written = list(names)
        for spelling, entry in written:
            self._add(name_key(spelling), _Name(letters(spelling), entry))
        self._long_keys = [key for key in self._by_key if len(key) >= _SOUND_FROM]
        self._by_frame: dict[str, list[str]] = defaultdict(list)
        for key in self._by_key:
            if len(key) >= _LONG_KEY - 1:
                self._by_frame[_frame(key)].append(key)
        self._add_told(written)
        self._add_spoken(written)

    def _add(self, key: str, name: _Name) -> None:
        if key and name not in self._by_key[key]:
            self._by_key[key].append(name)

    def _add_told(self, written: Iterable[tuple[str, Entry]]) -> None:
        """Add how people say names (``spoken_places.csv``); no ground for guesses from sounds."""
        told: dict[str, list[str]] = defaultdict(list)
        for row in read_csv("spoken_places"):
            told[row["name_ta"]].append(row["spoken"])
        for spelling, entry in written:
            for form in told.get(PARENTHESIS.sub("", spelling), ()):
                self._add(name_key(form), _Name(letters(form), entry, spoken=True))

    def _add_spoken(self, written: Iterable[tuple[str, Entry]]) -> None:
        """Add what speech makes of the names; what is the name of another place stays only that.

        They are no ground for guesses from sounds: two forms of one name would make it doubtful.
        """
        owners = {key: {name.entry.seats for name in names} for key, names in self._by_key.items()}
        careful = self.lists.careful()
        for spelling, entry in written:
            own = name_key(spelling)
            for form in spoken_forms(spelling):
                key = name_key(form)
                free = owners.get(key, {entry.seats}) == {entry.seats}
                if key != own and free and own not in careful:
                    self._add(key, _Name(letters(form), entry, spoken=True))

    @classmethod
    def load(cls) -> Gazetteer:
        """Read the tables of the package."""
        seats = [
            Seat(int(r["number"]), r["name_en"], r["name_ta"], r["district_en"], r["district_ta"])
            for r in read_csv("constituencies")
        ]
        names = [*seat_names(), *locality_names(), *district_names(seats), *outside_names()]
        data = read_toml("places")
        keys = {name: frozenset(map(name_key, data[name])) for name in _CAREFUL}
        lists = NameLists(**keys, parts=_parts(data["former"]))
        return cls(seats, names, lists)

    def look_up(self, key: str, spoken: str) -> list[Hit]:
        """Return the entries whose name sounds like ``key``, the best spellings only.

        Args:
            key: sound key of the words.
            spoken: their letters (:func:`letters`), which decide between names of one sound.
        """
        names = self._by_key.get(key)
        if not names:
            return []
        best_of: dict[int, Hit] = {}
        for name in names:
            value = name.likeness(spoken)
            known = best_of.get(id(name.entry))
            if known is None or known.likeness < value:
                best_of[id(name.entry)] = Hit(name.entry, value)
        best = max(hit.likeness for hit in best_of.values())
        margin = 0.0 if best == 1.0 else _CLOSE
        near = [hit for hit in best_of.values() if hit.likeness >= best - margin]
        # Places of one name stay together whatever the spelling: which is meant must be asked.
        named = {_bare_name(hit.entry.name_ta) for hit in near}
        alike = [h for h in best_of.values() if _bare_name(h.entry.name_ta) in named]
        return near + [replace(hit, likeness=best) for hit in alike if hit not in near]

    def vowel_slips(self, key: str) -> list[Hit]:
        """Return the one long name that differs from ``key`` in its vowels only."""
        frame = _frame(key)
        if len(key) < _LONG_KEY or len(frame) < _LONG_FRAME:
            return []
        ranked = sorted(
            ((Levenshtein.normalized_similarity(key, k), k) for k in self._by_frame.get(frame, ())),
            reverse=True,
        )
        near = [k for value, k in ranked if value >= _VOWEL_SLIP]
        if not near or len({self._seats_of(k) for k in near}) != 1:
            return []
        entries = {id(n.entry): n.entry for n in self._by_key[near[0]]}
        return [Hit(entry, ranked[0][0], sounds=True) for entry in entries.values()]

    def _seats_of(self, key: str) -> frozenset[int]:
        """Return the seats of a name, not counting the district that may be called so too."""
        entries = [name.entry for name in self._by_key[key]]
        smaller = [entry for entry in entries if entry.size is not Size.DISTRICT] or entries
        return frozenset(number for entry in smaller for number, _ in entry.seats)

    def knows(self, key: str, entries: Iterable[Entry]) -> bool:
        """Tell whether one of the places is called by this key."""
        named = self._by_key.get(key, ())
        return any(name.entry is entry for entry in entries for name in named)

    def sound_alikes(self, key: str, spoken: str) -> list[Hit]:
        """Return the one place that ``key`` is a slip of, or nothing when that is not clear."""
        if len(key) < _SOUND_FROM:
            return []
        near = process.extract(
            key, self._long_keys, scorer=Levenshtein.normalized_similarity,
            score_cutoff=_SOUND_CUTOFF, limit=4,
        )  # fmt: skip
        ranked = sorted(((self._sound_score(k, spoken, v), k) for k, v, _ in near), reverse=True)
        if not ranked or (len(ranked) > 1 and ranked[0][0] - ranked[1][0] < _SOUND_MARGIN):
            return []
        score, best = ranked[0]
        if score < _SOUND_LEAST:
            return []
        return [Hit(h.entry, score * 0.85, sounds=True) for h in self.look_up(best, spoken)]

    def _sound_score(self, key: str, spoken: str, similarity: float) -> float:
        spelling = max(name.likeness(spoken) for name in self._by_key[key])
        return (similarity + spelling) / 2

    def same_name(self, entry: Entry) -> str:
        """Return the name without its qualifier: Gudalur (Nilgiris) > Gudalur."""
        return PARENTHESIS.sub("", entry.name_en)

    def __len__(self) -> int:
        """Number of distinct sounds known."""
        return len(self._by_key)


def name_key(name: str) -> str:
    """Return the sound key of a whole name."""
    return join_keys([sound_key(text) for text in split_texts(name)])


def _frame(key: str) -> str:
    """Return the consonants of a sound key."""
    return key.translate(_VOWELS)


@cache
def _bare_name(name_ta: str) -> str:
    """Return a Tamil name without what varies: இராமாபுரம் = ராமாபுரம், குற்றாலம் = குத்தாலம்."""
    bare = PARENTHESIS.sub("", name_ta).replace(" ", "").replace("ற்ற", "த்த")
    return bare[1:] if bare.startswith(("இர", "உல")) else bare


def _parts(former: dict[str, list[str]]) -> dict[str, frozenset[str]]:
    old = {name for names in former.values() for name in names}
    return {name: frozenset(d for d, was in former.items() if name in was) for name in old}
