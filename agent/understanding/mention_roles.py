"""A place named in an utterance, and the part it plays there: plain data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from agent.understanding.gazetteer import Hit
from agent.understanding.place_entries import Entry, Size


class Role(Enum):
    """What a mention does in the sentence."""

    PLACE = auto()
    POINTER = auto()
    """"X பக்கம்": near X, in the taluk of X."""
    DISTRICT = auto()
    ROAD = auto()
    """"X ரோடு": a street called after X."""
    BESIDE = auto()
    """Only mentioned: somebody goes there, was born there, or it is set against the real place."""
    CALLER = auto()
    """Where the caller is who calls about another place: it tells which name is meant, no more."""
    OWN = auto()
    """The place of the trouble, in so many words ("எங்க சொந்த ஊர் X", "X, அங்கதான்")."""
    SEAT = auto()
    """"X தொகுதி": the constituency itself was named."""
    DENIED = auto()
    """"X இல்ல": not X."""


@dataclass(frozen=True, slots=True)
class Mention:
    """One place named."""

    start: int
    """Index of its first word."""
    end: int
    """Index after its last word (role words not included)."""
    hits: tuple[Hit, ...]
    role: Role

    @property
    def size(self) -> Size:
        """Size of the smallest entry it may name; a district word makes it a district."""
        return min(hit.entry.size for hit in self.hits)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What it may name."""
        return tuple(hit.entry for hit in self.hits)
