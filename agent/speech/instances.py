"""The parts of a pool: its instances, the places on them, the rules. Plain data, no I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum

_EWMA_SHARE = 0.2
"""Weight of the newest latency in the tie-break."""
KEPT = 100
"""Latencies kept of each instance; of the pool twice as many."""


class State(StrEnum):
    """What is known of an instance."""

    NEW = "new"
    """Not heard yet: it is probed before a caller depends on it."""
    WELL = "well"
    SUSPECT = "suspect"
    """It fails, but half of the instances are out already: asked last, one request at a time."""
    OUT = "out"
    """Left alone until a probe gets speech from it."""


class Outcome(StrEnum):
    """How a request to an instance ended."""

    ANSWERED = "answered"
    FAILED = "failed"
    BUSY = "busy"
    """It refused politely (429): left alone for a moment, not held against it."""
    DROPPED = "dropped"
    """We did not want it any more; says nothing about the instance."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How the pool decides. The numbers are those of ``docs/voice.md``."""

    limit: int = 4
    """Requests one instance holds at once."""
    queue: int = 16
    """Requests that may wait for a place; one more is refused at once."""
    eject_after: int = 3
    """Failures in a row after which an instance is left alone."""
    first_out_s: float = 5.0
    """For how long the first time; doubled after each probe in vain."""
    longest_out_s: float = 40.0
    forgive_after: int = 5
    """Answers in a row after which the waiting begins anew at ``first_out_s``."""
    rest_s: float = 1.0
    """How long one that said 429 is left alone."""
    extra_share: float = 0.1
    """Retries and hedges that each request adds to the budget."""
    extra_reserve: float = 10.0
    """Largest budget, and the one to begin with: an outage may take that many at once."""
    hedge_quantile: float = 0.95
    """A request slower to its first sound than this share of the others is asked twice."""
    hedge_samples: int = 20
    """Answers to be seen before anything is asked twice."""


@dataclass(eq=False, slots=True)
class Instance:
    """One instance as the pool knows it. Read it; only the pool changes it."""

    url: str
    number: int
    """Position in the list, from 1."""
    abroad: bool = False
    """Outside the own network: not for callers who refused that."""
    state: State = State.NEW
    outstanding: int = 0
    failures: int = 0
    """In a row."""
    answers: int = 0
    """In a row."""
    served: int = 0
    ejections: int = 0
    next_probe: float = 0.0
    rest_until: float = 0.0
    probing: bool = False
    error: str = ""
    """Kind of the last failure."""
    ewma_s: float = 0.0
    last_used: int = 0
    latencies_s: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))

    def measured(self, first_audio_s: float) -> None:
        """Note how long the first sound took."""
        old = self.ewma_s if self.latencies_s else first_audio_s
        self.ewma_s = old + _EWMA_SHARE * (first_audio_s - old)
        self.latencies_s.append(first_audio_s)

    def latency_s(self, share: float) -> float | None:
        """The latency that this share of the last answers did not exceed; None without answers."""
        return round(quantile(self.latencies_s, share), 3) if self.latencies_s else None


@dataclass(eq=False, slots=True)
class Place:
    """One of an instance's places, held until :meth:`Pool.done`."""

    instance: Instance
    probe: bool = False
    held: bool = True


@dataclass(eq=False, slots=True)
class Wait:
    """A request in the queue; ``over`` once it got a place or cannot get one."""

    deadline: float
    home: bool
    place: Place | None = None
    over: bool = False


def quantile(values: Collection[float], share: float) -> float:
    """The smallest of ``values`` that at least ``share`` of them do not exceed; not for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
