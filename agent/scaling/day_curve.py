"""How calls spread over a day, learned from the days there were (pure).

Working days and free days have a curve each, in quarters of an hour. A day counts by its shape: a
storm with four times the calls does not make every later day a storm. Quarters that nobody
watched are left as they were.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from agent.tickets.calendar import IST, is_working_day, public_holidays

SLOT_S = 900
SLOTS = 96
_LEAST_SEEN = 0.5
"""Part of a quarter that must have been watched."""
_NEWEST = 0.15
"""Least weight of the newest day: a curve of about a week."""
_FACTORS = (0.2, 8.0)
"""How far from the usual a day's volume is believed to be."""
_FEW = 20.0
"""A day's volume is told from the usual one by so many calls."""
_NONE = (0.0,) * SLOTS


@dataclass(frozen=True, slots=True)
class Curve:
    """Arrivals of a usual day of one kind."""

    per_s: tuple[float, ...] = _NONE
    """Of each quarter of an hour from midnight, Indian time."""
    days: tuple[int, ...] = (0,) * SLOTS
    """Days that each quarter was watched."""

    def __post_init__(self) -> None:
        """Refuse what no day can be: the file it is kept in may be damaged."""
        _check(self.per_s, self.days)

    def at(self, slot: int) -> float | None:
        """Return the arrivals a second of a quarter, None when nobody has watched it yet."""
        return self.per_s[slot] if self.days[slot] else None


@dataclass(frozen=True, slots=True)
class Today:
    """The day in progress. Durations in seconds."""

    day: date | None = None
    calls: tuple[float, ...] = _NONE
    seen_s: tuple[float, ...] = _NONE

    def __post_init__(self) -> None:
        """Refuse what no day can be."""
        _check(self.calls, self.seen_s)


@dataclass(frozen=True, slots=True)
class Curves:
    """What is known of days; immutable, kept with the memory of the autoscaler."""

    working: Curve = field(default_factory=Curve)
    free: Curve = field(default_factory=Curve)
    today: Today = field(default_factory=Today)

    def usual_per_s(self, moment: datetime) -> float | None:
        """Return the arrivals a second that are usual at a moment, None when not known.

        A quarter that was never watched on such days is taken from the other kind of days.
        """
        local = moment.astimezone(IST)
        own, other = self.working, self.free
        if not _works(local.date()):
            own, other = other, own
        at = (local.hour * 3600 + local.minute * 60 + local.second) / SLOT_S - 0.5
        low = int(at // 1)
        part = at - low
        rates = []
        for slot in (low % SLOTS, (low + 1) % SLOTS):
            rate = own.at(slot)
            rates.append(other.at(slot) if rate is None else rate)
        before, after = rates
        if before is None or after is None:
            return None
        return before * (1 - part) + after * part


def watched(curves: Curves, arrived: int, since: datetime, now: datetime) -> Curves:
    """Count the calls between two looks; at midnight the day becomes part of its curve."""
    local = now.astimezone(IST)
    day, slot = local.date(), (local.hour * 3600 + local.minute * 60 + local.second) // SLOT_S
    if curves.today.day is not None and curves.today.day != day:
        curves = _folded(curves)
    today = curves.today
    span_s = (now - since).total_seconds()
    if not 0 < span_s <= SLOT_S:  # nobody watched for longer: which quarter they fell in is lost
        return replace(curves, today=replace(today, day=day))
    calls, seen = list(today.calls), list(today.seen_s)
    calls[slot] += arrived
    seen[slot] += span_s
    return replace(curves, today=Today(day, tuple(calls), tuple(seen)))


def _check(*rows: tuple[float, ...]) -> None:
    if any(len(row) != SLOTS or not all(0 <= one < math.inf for one in row) for row in rows):
        raise ValueError(f"a day has {SLOTS} quarters of an hour, each with a number from 0")


def _works(day: date) -> bool:
    return is_working_day(day, public_holidays())


def _folded(curves: Curves) -> Curves:
    today = curves.today
    works = today.day is not None and _works(today.day)
    curve = _with_day(curves.working if works else curves.free, today)
    if works:
        return Curves(curve, curves.free)
    return Curves(curves.working, curve)


def _with_day(curve: Curve, today: Today) -> Curve:
    slots = [at for at in range(SLOTS) if today.seen_s[at] >= _LEAST_SEEN * SLOT_S]
    known = [at for at in slots if curve.days[at]]
    usual = sum(curve.per_s[at] * today.seen_s[at] for at in known)
    counted = sum(today.calls[at] for at in known)
    factor = (counted + _FEW) / (usual + _FEW)
    factor = min(max(factor, _FACTORS[0]), _FACTORS[1])
    per_s, days = list(curve.per_s), list(curve.days)
    for at in slots:
        weight = max(1 / (days[at] + 1), _NEWEST)
        rate = _around(today, at) / (factor if days[at] else 1.0)
        per_s[at] += weight * (rate - per_s[at])
        days[at] += 1
    return Curve(tuple(per_s), tuple(days))


def _around(today: Today, at: int) -> float:
    """Arrivals a second of a quarter and half of those beside it: a quarter alone is noisy."""
    near = [(at - 1, 0.5), (at, 1.0), ((at + 1) % SLOTS, 0.5)]
    calls = sum(part * today.calls[slot] for slot, part in near)
    seen = sum(part * today.seen_s[slot] for slot, part in near)
    return calls / seen
