"""Policies in the simulation: always on, hours, the original guide's rule, a known curve, ours."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from agent.scaling.demand import DAY_S, Calls
from agent.scaling.fleet import (
    Choice,
    Drain,
    Memory,
    Order,
    Reading,
    Seen,
    State,
    Terminate,
)
from agent.scaling.machine_mix import MachineType, cheapest_mix
from agent.scaling.policy import plan
from agent.scaling.policy_config import Config
from agent.scaling.simulator import Host, World
from agent.scaling.tiers import Tiers

_LEAD = timedelta(minutes=15)
"""How long before opening a policy by the clock orders its machines."""
_MINUTE_S = 60.0
_AROUND_MIN = 10.0
"""Standard deviation of the bell that makes a curve of calls."""


class Fixed:
    """So many machines in hours of service and none outside; with hours 'always', day and night."""

    period_s = 60.0

    def __init__(self, kind: MachineType, count: int, *, always: bool) -> None:
        self._kind, self._count, self._always = kind, count, always

    def step(self, world: World) -> None:
        """Order at opening, drain at closing, give back what is empty."""
        if self._always or world.schedule.is_open_within(world.now, _LEAD):
            for _ in range(self._count - sum(not host.draining for host in world.hosts.values())):
                world.order(self._kind)
        else:
            _drain(list(world.hosts.values()))
        _give_back_empty(world)


class Original:
    """The rule of the original scaling guide: sessions every five minutes, tiers, idle stop.

    A tier is rented as what carries its upper end. By itself it stops machines with the calls on
    them and lets the first callers of a morning ring. Mended, it keeps its lowest tier through the
    hours of service and starts before they begin, drains, and adds ``spare`` to the sessions it
    reads; that is what equal service takes.
    """

    period_s = 300.0
    _idle_s = 1800.0

    def __init__(
        self,
        tiers: Tiers,
        types: tuple[MachineType, ...],
        *,
        mended: bool = False,
        spare: int = 0,
    ) -> None:
        self._mixes = {
            tier.calls[1]: cheapest_mix(min(tier.calls[1], 400), types) for tier in tiers.tier
        }
        self._types = {kind.name: kind for kind in types}
        self._mended, self._spare = mended, spare
        self._busy_s = -1e9

    def step(self, world: World) -> None:
        """Rent the tier of the sessions there are."""
        sessions = world.active + world.waiting + world.on_path
        if sessions:
            self._busy_s = world.now_s
        opened = self._mended and world.schedule.is_open_within(world.now, _LEAD)
        idle = world.now_s - self._busy_s >= self._idle_s
        wanted: dict[str, int] = {}
        if opened or (world.hosts and not idle) or sessions:
            wanted = dict(self._mix(sessions + self._spare))
        self._become(world, wanted)
        _give_back_empty(world)

    def _mix(self, sessions: int) -> dict[str, int]:
        upper = next((end for end in self._mixes if sessions <= end), max(self._mixes))
        return dict(self._mixes[upper])

    def _become(self, world: World, wanted: dict[str, int]) -> None:
        for host in sorted(world.hosts.values(), key=lambda host: -host.calls):
            if host.draining:
                continue
            if wanted.get(host.kind.name, 0) > 0:
                wanted[host.kind.name] -= 1
            elif self._mended:
                host.draining = True
            else:
                world.end(host)
        for name, count in wanted.items():
            for _ in range(count):
                world.order(self._types[name])


class Foretold:
    """Knows the curve of the month, not the calls: how many there are on average around a minute.

    So it knows what no forecast can, every outage and the noise of every day, and it keeps no
    machine for half an hour after closing. What it pays for equal service is near the least that
    can be paid without knowing the single calls.
    """

    period_s = 15.0

    def __init__(self, kind: MachineType, calls: Calls, config: Config, *, margin: float) -> None:
        """Take the month's calls; ``margin`` is in standard deviations above the curve."""
        self._kind, self._margin = kind, margin
        self._ahead_s = config.tiers.cold_start.p95_s
        self._path = (config.answer_path_calls, config.answer_path_s / config.call_mean_s)
        self._curve = _curve(calls)

    def step(self, world: World) -> None:
        """Have the machines the curve asks for, now and when one ordered now is ready."""
        wanted = max(
            self._wanted(world, world.now_s + share * self._ahead_s) for share in (0.0, 0.5, 1.0)
        )
        hosts = sorted(world.hosts.values(), key=lambda host: (host.draining, -host.calls))
        for place, host in enumerate(hosts):
            host.draining = place >= wanted
        for _ in range(wanted - len(hosts)):
            world.order(self._kind)
        _give_back_empty(world)

    def _wanted(self, world: World, at_s: float) -> int:
        calls = float(self._curve[min(len(self._curve) - 1, max(0, int(at_s / _MINUTE_S)))])
        places, part = self._path
        is_open = world.schedule.is_open(world.starts + timedelta(seconds=at_s))
        if not is_open and part * calls + 2.0 * math.sqrt(part * calls) <= places:
            return 0
        return max(1, math.ceil((calls + self._margin * math.sqrt(calls)) / self._kind.calls))


def _curve(calls: Calls) -> NDArray[np.float64]:
    """Calls in progress at every minute, smoothed."""
    minutes = np.arange(0.0, calls.days * DAY_S, _MINUTE_S)
    ends = np.sort(calls.arrives_s + calls.lasts_s)
    live = np.searchsorted(calls.arrives_s, minutes, "right") - np.searchsorted(
        ends, minutes, "right"
    )
    steps = np.arange(-3 * _AROUND_MIN, 3 * _AROUND_MIN + 1)
    bell = np.exp(-0.5 * (steps / _AROUND_MIN) ** 2)
    return np.asarray(np.convolve(live, bell / bell.sum(), "same"), dtype=float)


class Ours:
    """The policy of the autoscaler, asked every fifteen seconds."""

    period_s = 15.0

    def __init__(self, types: tuple[MachineType, ...], config: Config) -> None:
        self._types = {config.tiers.machine[kind.name].id: kind for kind in types}
        self._choices = tuple(
            Choice(name, kind.calls, float(kind.usd_per_hour)) for name, kind in self._types.items()
        )
        self._names = {kind.name: name for name, kind in self._types.items()}
        self._config = config
        self._memory = Memory()

    def step(self, world: World) -> None:
        """Let the policy decide, and do it."""
        now = world.now
        state = State(
            machines=tuple(self._seen(world, host) for host in world.hosts.values()),
            choices=self._choices,
            active=world.active,
            unserved=world.waiting,
            after_hours=world.on_path,
            arrived=world.arrived,
            read_at=now,
            spent_today_usd=0.0,
            memory=self._memory,
        )
        decision = plan(state, now, self._config)
        self._memory = decision.memory
        for action in decision.actions:
            match action:
                case Order(types=types):
                    world.order(self._types[types[0]])
                case Drain(id=name):
                    world.hosts[int(name)].draining = True
                case Terminate(id=name):
                    world.end(world.hosts[int(name)])

    def _seen(self, world: World, host: Host) -> Seen:
        ready = host.ready_s <= world.now_s
        reading = Reading(world.now, host.calls, 0, ready, host.draining) if ready else None
        return Seen(
            id=str(host.id),
            name=f"kural-{host.id}",
            type_name=self._names[host.kind.name],
            usd_per_hour=host.usd_per_hour,
            created_at=world.starts + timedelta(seconds=host.ordered_s),
            capacity=host.kind.calls,
            reading=reading,
        )


def _drain(hosts: list[Host]) -> None:
    for host in hosts:
        host.draining = True


def _give_back_empty(world: World) -> None:
    for host in list(world.hosts.values()):
        if host.draining and host.calls == 0:
            world.end(host)
