"""A provider with machines, callers and LiveKit in virtual time, where anything may go wrong.

It speaks the protocols the autoscaler uses (Provider, Signals) and keeps its own account of what
was done: calls cut, lines lost, money billed, changes made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from agent.errors import (
    Conflict,
    NoStock,
    OutcomeUnknown,
    OutOfMoney,
    ProviderAway,
    RateLimited,
)
from agent.scaling.provider import Machine, MachineState, Offer, Stock
from agent.scaling.signals import Line, Word
from agent.tickets.calendar import IST


class Crash(Exception):
    """The autoscaler is killed here."""


@dataclass
class Box:
    """One machine as it really is."""

    id: str
    name: str
    type_name: str
    usd_per_hour: float
    made_at: datetime
    listed_at: datetime
    ready_at: datetime
    capacity: int
    state: MachineState = MachineState.STARTING
    calls: list[datetime] = field(default_factory=list)
    """When each ends."""
    unsent: int = 0
    sent_at: datetime | None = None
    draining: bool = False
    mute_until: datetime | None = None


@dataclass
class Account:
    """What was really done."""

    cut: int = 0
    """Live calls that the autoscaler ended."""
    lost: int = 0
    """Lines on machines that it gave back."""
    faults: int = 0
    served: int = 0
    missed: int = 0
    most_usd_per_hour: float = 0.0
    usd: dict[str, float] = field(default_factory=dict)
    """By Indian day."""
    changes: list[datetime] = field(default_factory=list)
    """Machines made and drained."""
    kept: int = 0
    """Broken machines with lines on them, which a person took care of."""


class FakeFleet:
    """The outside world; :meth:`advance` lets time pass."""

    def __init__(self, now: datetime, seed: int, *, fault: float = 0.0) -> None:
        self.now, self.random, self.fault = now, Random(seed), fault
        self.boxes: dict[str, Box] = {}
        self.account = Account()
        self.types = {"small": (0.28, 39), "large": (0.74, 60)}
        self.on_path = 0
        self._serial = 0
        self._calls: dict[str, datetime] = {}

    def clock(self) -> datetime:
        return self.now

    # --- time ----------------------------------------------------------------------------------
    def advance(self, seconds: float, arrivals_per_s: float) -> None:
        step = timedelta(seconds=seconds)
        self._bill(step)
        self.now += step
        for box in self.boxes.values():
            self._age(box)
        self._calls = {name: end for name, end in self._calls.items() if end > self.now}
        self.on_path = 0
        for _ in range(self._poisson(arrivals_per_s * seconds)):
            self._arrive()

    def _bill(self, step: timedelta) -> None:
        hourly = sum(box.usd_per_hour for box in self.boxes.values())
        self.account.most_usd_per_hour = max(self.account.most_usd_per_hour, hourly)
        day = self.now.astimezone(IST).date().isoformat()
        usd = hourly * step.total_seconds() / 3600
        self.account.usd[day] = self.account.usd.get(day, 0.0) + usd

    def _age(self, box: Box) -> None:
        before = len(box.calls)
        if box.state is MachineState.STARTING and self.now >= box.ready_at:
            box.state = MachineState.RUNNING
        box.calls = [end for end in box.calls if end > self.now]
        ended = before - len(box.calls)
        if ended and self.random.random() < 0.1:
            box.unsent += ended
            box.sent_at = self.now + timedelta(seconds=self.random.uniform(15, 300))
        if box.sent_at is not None and self.now >= box.sent_at:
            box.unsent, box.sent_at = 0, None

    def _arrive(self) -> None:
        free = [box for box in self.boxes.values() if self._takes(box)]
        self._serial += 1
        if not free:
            self.account.missed += 1
            self.on_path += 1
            return
        self.account.served += 1
        end = self.now + timedelta(seconds=min(900.0, self.random.expovariate(1 / 240)))
        self.random.choice(free).calls.append(end)
        self._calls[f"call{self._serial}"] = end

    def _takes(self, box: Box) -> bool:
        """A machine whose control port is mute takes calls all the same."""
        ready = box.state is MachineState.RUNNING and not box.draining
        return ready and len(box.calls) < box.capacity

    def _poisson(self, mean: float) -> int:
        count, left = 0, self.random.expovariate(1.0)
        while left < mean:
            count, left = count + 1, left + self.random.expovariate(1.0)
        return count

    # --- what breaks by itself -------------------------------------------------------------------
    def mischief(self) -> None:
        """Let a machine vanish, break or fall silent, now and then."""
        for box in list(self.boxes.values()):
            roll = self.random.random()
            if roll < self.fault * 0.01:
                self.account.faults += 1
                self._drop(box)
            elif roll < self.fault * 0.02 and box.state is MachineState.RUNNING:
                self.account.faults += 1
                box.state = MachineState.FAILED
                box.calls = []
                box.sent_at = None
                box.usd_per_hour = 0.0
            elif roll < self.fault * 0.06:
                self.account.faults += 1
                box.mute_until = self.now + timedelta(seconds=self.random.uniform(15, 1500))

    def rescue(self) -> None:
        """A person sends the lines of broken machines, as the autoscaler asks."""
        for box in self.boxes.values():
            if box.state is MachineState.FAILED:
                self.account.kept += 1
                del self.boxes[box.id]
                return

    def _drop(self, box: Box) -> None:
        """It is gone, with what it held: durable elsewhere by then, not the autoscaler's doing."""
        del self.boxes[box.id]

    def _goes_wrong(self, share: float = 1.0) -> bool:
        wrong = self.random.random() < self.fault * share
        self.account.faults += wrong
        return wrong

    def _crash(self) -> None:
        if self._goes_wrong(0.1):
            raise Crash

    # --- Provider --------------------------------------------------------------------------------
    async def offers(self) -> list[Offer]:
        if self._goes_wrong():
            raise ProviderAway("no answer")
        stock = dict.fromkeys(self.types, Stock.LOW)
        if self._goes_wrong(0.3):
            stock["small"] = Stock.NONE
        return [Offer(name, price, stock[name], 8, 31.0) for name, (price, _) in self.types.items()]

    async def machines(self) -> list[Machine]:
        self._crash()
        if self._goes_wrong(0.5):
            raise self.random.choice([ProviderAway("500"), RateLimited("429", 30.0)])
        return [self._listed(box) for box in self.boxes.values() if box.listed_at <= self.now]

    def _listed(self, box: Box) -> Machine:
        address = "http://box" if box.state is MachineState.RUNNING else ""
        return Machine(
            box.id, box.name, box.type_name, box.state, box.usd_per_hour, box.made_at, address
        )

    async def create(self, name: str, types: Sequence[str]) -> Machine:
        self._crash()
        kind = self.random.choice(["stock", "money", "away", "lost", "unmade"])
        if self._goes_wrong():
            if kind == "stock":
                raise NoStock("none")
            if kind == "money":
                raise OutOfMoney("empty")
            if kind == "away":
                raise ProviderAway("500")
            if kind == "unmade":
                raise OutcomeUnknown("no answer")
            self._make(name, types)
            raise OutcomeUnknown("no answer")
        made = self._make(name, types)
        self._crash()
        return self._listed(made)

    def _make(self, name: str, types: Sequence[str]) -> Box:
        there = next((box for box in self.boxes.values() if box.name == name), None)
        if there is not None:
            return there
        self._serial += 1
        kind = types[-1] if self.random.random() < self.fault * 0.5 else types[0]
        price, capacity = self.types[kind]
        takes_s = self.random.uniform(60, 400)
        if self._goes_wrong(0.3):
            takes_s = 1e9  # it never comes up
        listed_s = self.random.uniform(0, 60) if self.fault else 0.0
        box = Box(
            f"box{self._serial}",
            name,
            kind,
            price,
            self.now,
            self.now + timedelta(seconds=listed_s),
            self.now + timedelta(seconds=min(takes_s, 1e8)),
            capacity,
        )
        self.boxes[box.id] = box
        self.account.changes.append(self.now)
        return box

    async def terminate(self, machine_id: str) -> None:
        self._crash()
        wrong = self._goes_wrong()
        if wrong and self.random.random() < 0.5:
            raise self.random.choice([ProviderAway("500"), Conflict("409")])
        box = self.boxes.pop(machine_id, None)
        if box is not None:
            self.account.cut += len(box.calls)
            self.account.lost += box.unsent
        if wrong:
            raise ProviderAway("done, but the answer was lost")

    def log_hint(self, machine: Machine) -> str:
        return "nowhere"

    async def aclose(self) -> None:
        return None

    # --- Signals ---------------------------------------------------------------------------------
    async def line(self) -> Line:
        self._crash()
        if self._goes_wrong(0.5):
            raise ProviderAway("no answer")
        active = sum(len(box.calls) for box in self.boxes.values())
        ids = frozenset(self._calls) | {f"path{self._serial}-{n}" for n in range(self.on_path)}
        return Line(active, 0, self.on_path, ids)

    async def word(self, machine: Machine) -> Word:
        box = self.boxes.get(machine.id)
        if box is None or box.state is not MachineState.RUNNING or self._goes_wrong(0.3):
            raise ProviderAway("no answer")
        if box.mute_until is not None and self.now < box.mute_until:
            raise ProviderAway("no answer")
        ready = not box.draining
        return Word(len(box.calls), box.unsent, ready, box.draining, box.capacity)

    async def drain(self, machine: Machine) -> None:
        self._crash()
        wrong = self._goes_wrong()
        box = self.boxes.get(machine.id)
        if wrong and self.random.random() < 0.5:
            raise ProviderAway("no answer")
        if box is not None and not box.draining:
            box.draining = True
            self.account.changes.append(self.now)
        if wrong:
            raise ProviderAway("done, but the answer was lost")
