"""What the autoscaler keeps on disk: its memory, last readings, orders on their way, money spent.

The list of the provider is the truth about machines; this file is what no list tells. When it is
lost, machines and money are worked out anew from the list, and nothing is given back that was
not seen from its beginning.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agent.errors import UsageError
from agent.scaling.fleet import Decision, Memory, Reading, State
from agent.scaling.policy_config import Config, phases
from agent.scaling.provider import Machine
from agent.tickets.calendar import IST

FILE: Final = "state.json"
LISTED_WITHIN: Final = timedelta(seconds=120)
"""An order whose machine is in no list after that long did not happen."""
_HOUR = timedelta(hours=1)


class Ordered(BaseModel):
    """A machine that was asked for and is not listed yet."""

    asked_at: datetime
    type_name: str
    capacity: int
    usd_per_hour: float


class Book(BaseModel):
    """Everything kept. Changed by one autoscaler only, saved before anything is done."""

    model_config = ConfigDict(validate_assignment=False)

    memory: Memory = Field(default_factory=Memory)
    readings: dict[str, Reading] = Field(default_factory=dict)
    """Last word of each machine, by the provider's id."""
    capacity: dict[str, int] = Field(default_factory=dict)
    """Calls each machine says it takes, by id."""
    learned: dict[str, int] = Field(default_factory=dict)
    """Calls a machine of a type said last, by type."""
    first_seen: dict[str, datetime] = Field(default_factory=dict)
    ordered: dict[str, Ordered] = Field(default_factory=dict)
    """By name; written before the provider is asked."""
    price: dict[str, float] = Field(default_factory=dict)
    """USD an hour of each machine when it was last listed."""
    charged_until: dict[str, datetime] = Field(default_factory=dict)
    day: str = ""
    """Which day the money is of, Indian time."""
    spent_usd: float = 0.0
    failures: int = 0
    """Orders that failed one after another."""

    def charge(self, machines: Iterable[Machine], now: datetime) -> float:
        """Count what the machines have cost since the last time; returns today's sum in USD.

        A machine that is gone is charged until now, which is the most it can have cost.
        """
        midnight = now.astimezone(IST).replace(hour=0, minute=0, second=0, microsecond=0)
        if self.day != midnight.date().isoformat():
            self.day, self.spent_usd = midnight.date().isoformat(), 0.0
        there = {machine.id: machine for machine in machines}
        for machine in there.values():
            begun = machine.created_at or self.first_seen.get(machine.id, now)
            self.charged_until.setdefault(machine.id, begun)
            self.price[machine.id] = max(machine.usd_per_hour, 0.0)
        for name, until in list(self.charged_until.items()):
            hours = max(timedelta(0), now - max(until, midnight)) / _HOUR
            self.spent_usd += hours * self.price.get(name, 0.0)
            if name in there:
                self.charged_until[name] = max(until, now)
            else:
                del self.charged_until[name]
                self.price.pop(name, None)
        return self.spent_usd

    def compare(self, machines: Iterable[Machine], now: datetime) -> None:
        """Take over a new list: orders that have come, machines that are gone."""
        listed = list(machines)
        ids, names = {one.id for one in listed}, {one.name for one in listed}
        for one in listed:
            self.first_seen.setdefault(one.id, now)
        for table in (self.readings, self.capacity, self.first_seen):
            for gone in set(table) - ids:
                del table[gone]
        for name, order in list(self.ordered.items()):
            if name in names or now - order.asked_at > LISTED_WITHIN:
                del self.ordered[name]


_BOOK = TypeAdapter(Book)


def load_book(folder: Path) -> tuple[Book, str]:
    """Read the book of a folder.

    Returns:
        The book, and what was wrong with the file in one sentence, empty when nothing was: a new
        book then takes its place.
    """
    path = folder / FILE
    try:
        return _BOOK.validate_json(path.read_bytes()), ""
    except FileNotFoundError:
        return Book(), ""
    except OSError as exc:
        raise UsageError(f"{path} cannot be read ({exc.strerror}).") from None
    except ValidationError:
        os.replace(path, path.with_suffix(".damaged"))  # noqa: PTH105 - one step, no race
        return Book(), f"{path.name} was damaged and is kept as state.damaged; a new one is begun."


def save_book(book: Book, folder: Path) -> None:
    """Replace the file in one step; it is on disk when this returns.

    Raises:
        UsageError: the folder cannot be written.
    """
    path, new = folder / FILE, folder / f"{FILE}.new"
    try:
        with new.open("wb") as file:
            file.write(_BOOK.dump_json(book))
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as exc:
        raise UsageError(f"{folder} cannot be written ({exc.strerror}).") from None


def append_decision(folder: Path, line: dict[str, object], *, most_bytes: int = 10_000_000) -> None:
    """Add one decision to ``decisions.jsonl``; when it is large, it becomes ``.1``.

    Raises:
        UsageError: the folder cannot be written.
    """
    path = folder / "decisions.jsonl"
    try:
        if path.exists() and path.stat().st_size > most_bytes:
            path.replace(path.with_suffix(".jsonl.1"))
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as exc:
        raise UsageError(f"{folder} cannot be written ({exc.strerror}).") from None


def as_line(state: State, decision: Decision, now: datetime, config: Config) -> dict[str, object]:
    """Return a decision with all it rests on, for a file of JSON lines."""
    figures = decision.figures
    return {
        "at": now.isoformat(),
        "why": list(decision.why),
        "actions": [
            {"do": type(action).__name__.lower(), **dataclasses.asdict(action)}
            for action in decision.actions
        ],
        "figures": dataclasses.asdict(figures) if figures else None,
        "machines": [
            {
                "name": machine.name,
                "type": machine.type_name,
                "phase": phase.value,
                "calls": machine.reading.calls if machine.reading else None,
                "unsent": machine.reading.unsent if machine.reading else None,
                "capacity": machine.capacity,
                "usd_per_hour": machine.usd_per_hour,
            }
            for machine, phase in phases(state, now, config)
        ],
    }


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Be the one autoscaler of a folder; a process that dies lets go of it.

    Raises:
        UsageError: another one runs, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise UsageError(f"{folder} cannot be written ({exc.strerror}).") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                "Another autoscaler of this folder is at work: there must be one only."
            ) from None
        yield
    finally:
        os.close(handle)
