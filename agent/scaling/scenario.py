"""One month under every policy: the same callers, hours, machines and answer rule (no printing)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from agent.scaling.clairvoyant import GRID_S, least_cost_usd, path_overflows, places_needed
from agent.scaling.demand import DAY_S, Calls, Demand, draw_calls
from agent.scaling.machine_mix import MachineType
from agent.scaling.policy_config import Config
from agent.scaling.rivals import Fixed, Foretold, Original, Ours
from agent.scaling.schedule import Schedule
from agent.scaling.simulator import Controller, Tally, World
from agent.scaling.tiers import Tiers

SERVICE = 0.999
"""Share of calls in hours that must reach a machine in time; policies are made equal at it."""
POLICIES = (
    "always on",
    "office hours",
    "original rule",
    "original, mended",
    "ours, no curve",
    "ours",
    "knows the curve",
    "clairvoyant",
)
"""In the order they are told."""
_MARGINS = (0.0, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0)
_SPARES = (0, 3, 6, 10, 15, 20, 30, 45, 60, 90, 120, 180)


@dataclass(frozen=True, slots=True)
class Setting:
    """What all policies share."""

    demand: Demand
    tiers: Tiers
    types: tuple[MachineType, ...]
    schedule: Schedule
    days: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """One policy on one month."""

    policy: str
    tally: Tally
    """Of the clairvoyant only cost, machine-hours and calls."""
    note: str
    """What was chosen with hindsight, in words."""
    samples: NDArray[np.float64]
    """Rows of seconds, calls in progress, places."""


@dataclass(frozen=True, slots=True)
class Month:
    """One month of one size and seed."""

    mlas: int
    seed: int
    days: int
    calls: int
    busiest: int
    """Most calls in progress had every one been answered at once."""
    outcomes: dict[str, Outcome]


def play_month(
    setting: Setting, mlas: int, seed: int, told: Callable[[str], None] = lambda _: None
) -> Month:
    """Play one month under every policy.

    Args:
        setting: what all policies share.
        mlas: constituencies on the line.
        seed: of calls and cold starts.
        told: is called with the name of each policy before it is played.
    """
    calls = draw_calls(setting.demand, mlas, setting.days, seed)
    arena = _Arena(setting, calls, seed)
    outcomes = {}
    for policy, play in arena.plays().items():
        told(policy)
        outcomes[policy] = play()
    return Month(mlas, seed, setting.days, len(calls), arena.busiest, outcomes)


class _Arena:
    def __init__(self, setting: Setting, calls: Calls, seed: int) -> None:
        self._setting, self._calls, self._seed = setting, calls, seed
        self._best = max(setting.types, key=lambda kind: kind.calls / kind.usd_per_hour)
        everyone = np.ones(len(calls), dtype=bool)
        self.busiest = int(places_needed(calls, everyone).max(initial=0))

    def plays(self) -> dict[str, Callable[[], Outcome]]:
        return {
            "always on": lambda: self._fixed("always on", always=True),
            "office hours": lambda: self._fixed("office hours", always=False),
            "original rule": lambda: self._run(
                "original rule", Original(self._setting.tiers, self._setting.types), ""
            ),
            "original, mended": self._mended,
            "ours, no curve": lambda: self._ours("ours, no curve", learn=False),
            "ours": lambda: self._ours("ours", learn=True),
            "knows the curve": self._foretold,
            "clairvoyant": self._clairvoyant,
        }

    def _run(self, policy: str, controller: Controller, note: str) -> Outcome:
        world = self._world()
        tally = world.run(controller)
        return Outcome(policy, tally, note, np.array(world.samples, dtype=float))

    def _world(self) -> World:
        setting = self._setting
        return World(
            self._calls,
            setting.schedule,
            setting.demand.starts,
            setting.tiers.cold_start,
            seed=self._seed,
        )

    def _fixed(self, policy: str, *, always: bool) -> Outcome:
        """The smallest such fleet that serves well enough, known with hindsight."""
        most = max(1, -(-self.busiest // self._best.calls))

        def play(count: int) -> Outcome:
            note = f"{count} x {self._best.name}"
            return self._run(policy, Fixed(self._best, count, always=always), note)

        found = play(most)
        for count in range(most - 1, 0, -1):
            fewer = play(count)
            if fewer.tally.share_in_time < SERVICE:
                break
            found = fewer
        return found

    def _mended(self) -> Outcome:
        """The original rule with the least spare that serves well enough, known with hindsight."""
        return _first_good(self._with_spare(spare) for spare in _SPARES)

    def _with_spare(self, spare: int) -> Outcome:
        controller = Original(self._setting.tiers, self._setting.types, mended=True, spare=spare)
        return self._run("original, mended", controller, f"{spare} sessions spare")

    def _foretold(self) -> Outcome:
        """The known curve with the least margin that serves well enough."""
        config = Config(self._setting.schedule, self._setting.tiers)

        def play(margin: float) -> Outcome:
            controller = Foretold(self._best, self._calls, config, margin=margin)
            return self._run("knows the curve", controller, f"{margin:g} deviations above it")

        return _first_good(play(margin) for margin in _MARGINS)

    def _ours(self, policy: str, *, learn: bool) -> Outcome:
        config = Config(self._setting.schedule, self._setting.tiers, learn=learn)
        return self._run(policy, Ours(self._setting.types, config), "")

    def _clairvoyant(self) -> Outcome:
        setting = self._setting
        world = self._world()
        needed = places_needed(self._calls, world.in_hours)
        needed = np.maximum(needed, path_overflows(self._calls, ~world.in_hours))
        floor = _floor(setting, Config(setting.schedule, setting.tiers).open_machines)
        cost, places = least_cost_usd(needed, floor, setting.types, setting.tiers.cold_start.mean_s)
        tally = Tally(in_hours=int(world.in_hours.sum()), cost_usd=cost)
        tally.in_time = tally.in_hours
        every = int(300 / GRID_S)
        grid = np.arange(len(needed)) * GRID_S
        samples = np.column_stack([grid, needed, places])[::every]
        return Outcome("clairvoyant", tally, "knows every call beforehand", samples)


def _first_good(outcomes: Iterable[Outcome]) -> Outcome:
    found = None
    for found in outcomes:
        if found.tally.share_in_time >= SERVICE:
            return found
    if found is None:
        raise ValueError("no outcome to choose from")
    return found


def _floor(setting: Setting, machines: int) -> NDArray[np.int64]:
    """Machines that must be there at each step of the bound's grid."""
    minutes = [
        setting.schedule.is_open(setting.demand.starts + timedelta(minutes=one))
        for one in range(setting.days * DAY_S // 60)
    ]
    return np.repeat(np.array(minutes, dtype=np.int64) * machines, int(60 / GRID_S))
