"""How the scaling policy decides: its numbers, with what each is for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.scaling.fleet import Phase, Seen, State, phase_of
from agent.scaling.schedule import Schedule
from agent.scaling.tiers import Tiers


@dataclass(frozen=True, slots=True)
class Config:
    """How to decide. Durations in seconds; the defaults were tuned on seeds 1 to 3 of the month."""

    schedule: Schedule
    tiers: Tiers
    open_machines: int = 1
    """Machines in hours of full service, whatever the demand."""
    answer_path_calls: int = 8
    """Callers at once who are answered without any machine (the overload agent: recorded
    sentences, keypad, a call-back); 0 = there is no such path, and one machine always stays."""
    answer_path_s: float = 45.0
    """Mean length of such a call."""
    call_mean_s: float = 240.0
    """Mean length of a call; settles how many calls of now are over when a new machine is ready."""
    smooth_s: float = 450.0
    """Time constant of the arrivals."""
    level_s: float = 3600.0
    """The same where the curve of a day is known: only the level of today is smoothed then."""
    level_calls: float = 15.0
    """So many calls say as much about the level of today as the days before it."""
    unusual: float = 1.5
    """Today's level from which on the day is not believed to follow its curve down."""
    learn: bool = True
    """Whether the curve of a day is learned."""
    margin: float = 1.5
    """Standard deviations above the expected calls to be ready for."""
    buffer: int = 1
    """Free places at least."""
    surplus_s: float = 300.0
    """A machine too many goes after that long without a break."""
    idle_s: float = 1800.0
    """The last one goes after that long outside hours."""
    stale_s: float = 60.0
    start_limit_s: float = 1200.0
    """A machine that has not answered by then is not counted on."""
    accounted_s: float = 1800.0
    """A machine that never answered goes when all calls were elsewhere for that long: twice the
    longest call."""
    broken_keep_s: float = 86_400.0
    """A broken machine that may hold unsent lines is kept for a person that long."""
    max_machines: int = 40
    usd_per_hour: float = 100.0
    """Cap on what all machines cost."""
    usd_per_day: float = 1000.0
    """Cap from midnight to midnight, Indian time."""
    wind_down_s: float = 1800.0
    """How long a drained machine may go on costing: the longest call and its last lines."""
    actions_per_hour: int = 30
    """Orders and drains."""


def phases(state: State, now: datetime, config: Config) -> Iterator[tuple[Seen, Phase]]:
    """Yield each machine with how far it is."""
    stale = timedelta(seconds=config.stale_s)
    for machine in state.machines:
        yield (
            machine,
            phase_of(machine, now, stale, timedelta(seconds=config.start_limit_s)),
        )
