"""A line in virtual time: callers, machines and a policy that rents them.

Every call goes to a free place of a machine that takes calls, machines with more room more often,
as LiveKit's dispatch does. A caller who finds none is tried again while his phone rings, as the
redispatcher does, and after twelve seconds gets the answer path: recorded sentences and a
call-back. Outside the hours of service that path answers whoever finds no machine. Machines cost
from their order to their end and take calls when their cold start, drawn anew each time, is over.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.scaling.demand import DAY_S, Calls
from agent.scaling.machine_mix import MachineType
from agent.scaling.schedule import Schedule
from agent.scaling.tiers import ColdStart

BEFORE_S = 3600.0
"""Time before the first day in which a policy gets ready; it costs nothing."""
RING_S = 12.0
"""A caller without a machine gets the answer path after that long."""
IN_TIME_S = 10.0
"""What counts as answered in time."""
_AGAIN_S = (3.0, 5.0, 7.0, 9.0, 11.0)
_SAMPLE_S = 300.0
_MINUTE_S = 60
_ON_MACHINE, _ON_PATH = -1, -2  # whose call ends


@dataclass(slots=True)
class Host:
    """One rented machine."""

    id: int
    kind: MachineType
    ordered_s: float
    ready_s: float
    calls: int = 0
    draining: bool = False
    ended_s: float | None = None

    @property
    def usd_per_hour(self) -> float:
        """What it costs."""
        return float(self.kind.usd_per_hour)


@dataclass(slots=True)
class Tally:
    """What became of the calls."""

    in_hours: int = 0
    """Calls that began in hours of service."""
    in_time: int = 0
    """Of these, on a machine within :data:`IN_TIME_S`."""
    late: int = 0
    """Of these, on a machine after it."""
    unserved: int = 0
    """Of these, on no machine: the answer path, or nobody."""
    after_full: int = 0
    """Calls outside hours that found a machine."""
    after_path: int = 0
    """Calls outside hours on the answer path."""
    nobody: int = 0
    """Calls that not even the answer path had a place for, at any hour."""
    cut: int = 0
    """Calls that a machine took with it."""
    starts: int = 0
    """Machines that were ordered."""
    waits_s: list[float] = field(default_factory=list)
    """Waits above zero of calls in hours that reached a machine."""
    cost_usd: float = 0.0
    machine_hours: float = 0.0

    @property
    def share_in_time(self) -> float:
        """Of the calls in hours; 1 when there was none."""
        return self.in_time / self.in_hours if self.in_hours else 1.0

    def wait_s(self, share: float) -> float:
        """Return the wait that this share of the calls on machines did not exceed."""
        reached = self.in_time + self.late
        rank = reached - len(self.waits_s) - share * reached
        if not self.waits_s or rank >= 0:
            return 0.0
        return float(np.sort(self.waits_s)[min(len(self.waits_s), int(-rank)) - 1])


class Controller(Protocol):
    """A policy that rents machines."""

    period_s: float
    """How often it looks."""

    def step(self, world: World) -> None:
        """Look at the world and change it."""
        ...


class World:
    """The line and its machines.

    Args:
        calls: who calls when.
        schedule: hours of service.
        starts: the moment of second 0.
        cold: how long machines take to start.
        path_calls: callers at once on the answer path.
        path_s: how long such a call lasts.
        seed: of cold starts and of the choice between machines.
    """

    def __init__(
        self,
        calls: Calls,
        schedule: Schedule,
        starts: datetime,
        cold: ColdStart,
        *,
        path_calls: int = 8,
        path_s: float = 45.0,
        seed: int = 0,
    ) -> None:
        self.schedule, self.starts, self.cold = schedule, starts, cold
        self.now_s = -BEFORE_S
        self.hosts: dict[int, Host] = {}
        self.arrived = 0
        self.waiting = 0
        self.on_path = 0
        self.active = 0
        self.tally = Tally()
        self.samples: list[tuple[float, int, int]] = []
        self._span_s = float(calls.days * DAY_S)
        self._calls = calls
        self.in_hours = _hours_of(calls.arrives_s, schedule, starts)
        self._path_calls, self._path_s = path_calls, path_s
        self._random = Random(seed)
        self._count = 0
        self._events: list[tuple[float, int, int, int]] = []  # time, order, call or what ends, host
        self._order = count()

    # --- for policies --------------------------------------------------------------------------
    @property
    def now(self) -> datetime:
        """The time."""
        return self.starts + timedelta(seconds=self.now_s)

    def order(self, kind: MachineType) -> Host:
        """Rent a machine."""
        self._count += 1
        takes_s = self._random.lognormvariate(0.0, self.cold.sigma) * self.cold.median_s
        host = Host(self._count, kind, self.now_s, self.now_s + takes_s)
        self.hosts[host.id] = host
        if self.now_s >= 0:
            self.tally.starts += 1
        return host

    def end(self, host: Host) -> None:
        """Give a machine back, with whatever calls it holds."""
        self.tally.cut += host.calls
        self.active -= host.calls
        host.ended_s = self.now_s
        self._bill(host, self.now_s)
        del self.hosts[host.id]

    # --- the run -------------------------------------------------------------------------------
    def run(self, controller: Controller) -> Tally:
        """Play all calls against a policy and return what became of them."""
        arrives, lasts = self._calls.arrives_s.tolist(), self._calls.lasts_s.tolist()
        in_hours = self.in_hours.tolist()
        index, calls = 0, len(arrives)
        sample_s = 0.0
        for tick_s in self._ticks(controller.period_s):
            while True:
                arrival_s = arrives[index] if index < calls else tick_s
                event_s = self._events[0][0] if self._events else tick_s
                if arrival_s >= tick_s and event_s >= tick_s:
                    break
                if arrival_s <= event_s:
                    self.now_s = arrival_s
                    self._arrive(index, lasts[index], in_hours[index])
                    index += 1
                else:
                    self._event(heapq.heappop(self._events), arrives, lasts, in_hours)
            self.now_s = tick_s
            if tick_s >= sample_s:
                self._sample()
                sample_s += _SAMPLE_S
            controller.step(self)
            self.arrived = 0
        for host in self.hosts.values():
            self._bill(host, self._span_s)
        return self.tally

    def _ticks(self, period_s: float) -> Iterator[float]:
        for step in range(int((self._span_s + BEFORE_S) / period_s) + 1):
            yield step * period_s - BEFORE_S

    def _arrive(self, call: int, lasts_s: float, in_hours: bool) -> None:
        self.arrived += 1
        self.tally.in_hours += in_hours
        if self._place(lasts_s):
            if in_hours:
                self.tally.in_time += 1
            else:
                self.tally.after_full += 1
        elif in_hours:
            self.waiting += 1
            self._push(self.now_s + _AGAIN_S[0], call, 0)
        else:
            self._answer_path(in_hours=False)

    def _event(
        self,
        event: tuple[float, int, int, int],
        arrives: list[float],
        lasts: list[float],
        in_hours: list[bool],
    ) -> None:
        self.now_s, _, call, host_id = event
        if call == _ON_MACHINE:
            if (host := self.hosts.get(host_id)) is not None:
                host.calls -= 1
                self.active -= 1
            return
        if call == _ON_PATH:
            self.on_path -= 1
            return
        self._again(call, self.now_s - arrives[call], lasts[call])

    def _again(self, call: int, waited_s: float, lasts_s: float) -> None:
        if waited_s >= RING_S - 1e-6:
            self.waiting -= 1
            self.tally.unserved += 1
            self._answer_path(in_hours=True)
        elif self._place(lasts_s):
            self.waiting -= 1
            self.tally.waits_s.append(waited_s)
            if waited_s <= IN_TIME_S:
                self.tally.in_time += 1
            else:
                self.tally.late += 1
        else:
            later = next((s for s in _AGAIN_S if s > waited_s + 1e-6), RING_S)
            self._push(self.now_s + later - waited_s, call, 0)

    def _place(self, lasts_s: float) -> bool:
        now_s = self.now_s
        free = [
            host
            for host in self.hosts.values()
            if not host.draining and host.ready_s <= now_s and host.calls < host.kind.calls
        ]
        if not free:
            return False
        host = free[0]
        if len(free) > 1:
            room = [1 - one.calls / one.kind.calls for one in free]
            host = self._random.choices(free, room)[0]
        host.calls += 1
        self.active += 1
        self._push(now_s + lasts_s, _ON_MACHINE, host.id)
        return True

    def _answer_path(self, *, in_hours: bool) -> None:
        if self.on_path >= self._path_calls:
            self.tally.nobody += 1
            return
        if not in_hours:
            self.tally.after_path += 1
        self.on_path += 1
        self._push(self.now_s + self._path_s, _ON_PATH, 0)

    def _push(self, at_s: float, call: int, host: int) -> None:
        heapq.heappush(self._events, (at_s, next(self._order), call, host))

    def _bill(self, host: Host, until_s: float) -> None:
        hours = max(0.0, until_s - max(0.0, host.ordered_s)) / 3600.0
        self.tally.machine_hours += hours
        self.tally.cost_usd += hours * host.usd_per_hour

    def _sample(self) -> None:
        places = sum(host.kind.calls for host in self.hosts.values() if not host.draining)
        self.samples.append((self.now_s, self.active, places))


def _hours_of(
    arrives_s: NDArray[np.float64], schedule: Schedule, starts: datetime
) -> NDArray[np.bool_]:
    """Whether each call begins in hours of service; they are given by the minute."""
    minutes = int(arrives_s[-1] // _MINUTE_S) + 1 if len(arrives_s) else 0
    opened = np.array(
        [schedule.is_open(starts + timedelta(minutes=one)) for one in range(minutes)], dtype=bool
    )
    return np.asarray(opened[(arrives_s // _MINUTE_S).astype(int)], dtype=bool)
