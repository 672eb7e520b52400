"""What the scaling policy knows and what it may decide: plain data, no behaviour of the outside."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from agent.scaling.day_curve import Curves


class Phase(StrEnum):
    """How far a machine is, as the policy sees it."""

    STARTING = "starting"
    """Paid for; carries no calls yet, but will soon."""
    SERVING = "serving"
    """Takes calls and tells how many."""
    DRAINING = "draining"
    """Takes no more calls and finishes those it has."""
    SILENT = "silent"
    """Should answer and does not: nobody knows what it holds."""
    BROKEN = "broken"
    """The provider says that it runs no more."""
    ENDING = "ending"
    """It was told to go and is still listed."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a machine said of itself at its control port."""

    at: datetime
    calls: int
    """Calls in progress."""
    unsent: int
    """Journal lines that are on this machine only."""
    ready: bool
    """Whether it takes calls."""
    draining: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """One machine of ours, as provider and machine tell."""

    id: str
    """The provider's."""
    name: str
    type_name: str
    usd_per_hour: float
    created_at: datetime
    """When the provider was asked for it, or when it was first seen."""
    capacity: int
    """Calls at once it may be given: its own figure, until it says one that of its type."""
    reading: Reading | None = None
    """The last one there was; None when it never answered."""
    alive: bool = True
    """Whether the provider says that it starts or runs."""
    ending: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A type of machine that can be had now."""

    type_name: str
    """The provider's id."""
    capacity: int
    usd_per_hour: float


@dataclass(frozen=True, slots=True)
class Memory:
    """What a decision must know of those before it. Kept in a file by who acts on decisions."""

    since: datetime | None = None
    """When this memory begins."""
    arrivals_per_s: float = 0.0
    """Smoothed."""
    seen_per_s: float = 0.0
    """Arrivals, smoothed for longer."""
    usual_per_s: float = 0.0
    """What was usual at those times, smoothed alike; 0 while no curve is known."""
    arrivals_at: datetime | None = None
    """When these were last brought up to date."""
    curves: Curves = field(default_factory=Curves)
    surplus_since: datetime | None = None
    """Since when one machine fewer would have done, without a break."""
    idle_since: datetime | None = None
    """Since when the answer path alone would have done, without a break."""
    accounted_since: datetime | None = None
    """Since when every call in progress is on a machine that answers, without a break."""
    acted: tuple[datetime, ...] = ()
    """Orders and drains of the last hour."""
    no_order_until: datetime | None = None
    """After orders that failed."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything a decision rests on."""

    machines: tuple[Seen, ...]
    choices: tuple[Choice, ...]
    """Types in stock, capacity known."""
    active: int
    """Calls in progress, by LiveKit's rooms."""
    unserved: int
    """Callers whom nobody has answered yet."""
    after_hours: int
    """Callers on the answer path (recorded sentences, a call-back)."""
    arrived: int
    """Calls that began since the last decision."""
    read_at: datetime
    """The oldest of the readings this state is made of: rooms and list of machines."""
    spent_today_usd: float
    memory: Memory = field(default_factory=Memory)
    failed: str = ""
    """What could not be read, in words; empty when all could."""


@dataclass(frozen=True, slots=True)
class Order:
    """Get one more machine."""

    types: tuple[str, ...]
    """The wanted one first; any of them is within the money."""


@dataclass(frozen=True, slots=True)
class Drain:
    """Let a machine finish its calls and take no more."""

    id: str


@dataclass(frozen=True, slots=True)
class Terminate:
    """Give a machine back: it holds nothing."""

    id: str


Action = Order | Drain | Terminate


@dataclass(frozen=True, slots=True)
class Figures:
    """The numbers of a decision, for people and logs."""

    active: int
    unserved: int
    arrivals_per_min: float
    soon_per_min: float
    """Arrivals when a machine ordered now would be ready."""
    expected: float
    """Calls in progress when a machine ordered now would be ready."""
    want: int
    """Calls at once to be ready for."""
    have: int
    """Calls at once that machines carry or soon will."""
    open: bool
    """Whether it is, or soon will be, an hour of full service."""
    usd_per_hour: float
    """Of all machines that cost."""
    spent_today_usd: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, why, and what to remember."""

    actions: tuple[Action, ...]
    why: tuple[str, ...]
    """Sentences, the most important first."""
    memory: Memory
    figures: Figures | None = None
    """None when nothing could be worked out."""


def phase_of(machine: Seen, now: datetime, stale: timedelta, start_limit: timedelta) -> Phase:
    """Say how far a machine is.

    Args:
        machine: as seen.
        now: the time.
        stale: a reading older than that says nothing any more.
        start_limit: how long a machine may take to its first answer.
    """
    if machine.ending:
        return Phase.ENDING
    if not machine.alive:
        return Phase.BROKEN
    reading = machine.reading
    if reading is None:
        young = now - machine.created_at <= start_limit
        return Phase.STARTING if young else Phase.SILENT
    if now - reading.at > stale:
        return Phase.SILENT
    if reading.draining:
        return Phase.DRAINING
    return Phase.SERVING if reading.ready else Phase.STARTING
