"""A place of the tables, and how large it is: plain data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from agent.complaint import SeatCandidate


class Size(IntEnum):
    """How large a place is; the smaller place decides over the larger."""

    SMALL = 1
    """Village or neighbourhood."""
    TOWN = 2
    TALUK = 3
    """Headquarters town of a taluk."""
    SEAT = 4
    CITY = 5
    """Reaches into several seats."""
    ROAD = 6
    """A long road through several seats."""
    DISTRICT = 7
    OUTSIDE = 8
    """Not in Tamil Nadu."""


class Beyond(StrEnum):
    """How far outside Tamil Nadu a place lies: the list of ``places.toml`` that holds it."""

    NEIGHBOUR = "outside"
    """Towns across the border: who speaks from there speaks of there."""
    STATE = "outside_states"
    CITY = "outside_cities"
    """Where many work whose home is in Tamil Nadu."""
    ABROAD = "outside_abroad"


@dataclass(frozen=True, slots=True)
class Seat:
    """One assembly constituency."""

    number: int
    name_en: str
    name_ta: str
    district_en: str
    district_ta: str

    def candidate(self, score: float, evidence: str) -> SeatCandidate:
        """Return this seat as a candidate."""
        return SeatCandidate(
            self.number, self.name_en, self.name_ta, self.district_en, self.district_ta,
            round(score, 3), evidence,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One place of the tables."""

    name_en: str
    """``locality_en`` or the seat's or district's name, qualifier included."""
    name_ta: str
    """Without the qualifier in brackets, as it is spoken."""
    size: Size
    seats: tuple[tuple[int, float], ...]
    """Seat numbers with how sure the table is of each."""
    source: str
    """Which table and how sure, for the evidence."""
