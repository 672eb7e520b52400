"""The loop of ``kural scale run``: look, decide, write down, act.

It may die at any moment. Live calls do not depend on it; what it was about to order is written
down before the provider is asked, so that the next one neither orders twice nor forgets what
costs. It gives a machine back only after asking that machine once more.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from agent.errors import AgentError, NoStock, OutcomeUnknown, ProviderError, RateLimited, UsageError
from agent.scaling.fleet import (
    Action,
    Choice,
    Decision,
    Drain,
    Order,
    Reading,
    Seen,
    State,
    Terminate,
)
from agent.scaling.policy import plan
from agent.scaling.policy_config import Config
from agent.scaling.provider import Machine, MachineState, Provider, Stock, free_name
from agent.scaling.scaler_book import Book, Ordered, append_decision, as_line, save_book
from agent.scaling.signals import Line, Signals, Word

logger = logging.getLogger(__name__)

PERIOD_S = 15.0
_OFFERS_S = 60.0
_WRITE_S = 900.0
_SAVE_EVERY = 4
_BACKOFF_S = 30.0
_LONGEST_BACKOFF_S = 600.0


@dataclass(frozen=True, slots=True)
class Site:
    """Whom the autoscaler works for and with."""

    env: str
    """Part of every machine's name."""
    folder: Path
    """Its own, for state and decisions."""
    capacities: Mapping[str, int]
    """Calls a machine of a type is counted with until it says so itself, by the provider's id."""
    unknown: int = 0
    """The same for types that are not listed; 0 = they are not rented."""


class Autoscaler:
    """Keeps the machines of one environment. Belongs to one event loop; owns its folder.

    Args:
        provider: where machines come from.
        signals: rooms and machines.
        config: how to decide.
        site: environment, folder, capacities.
        book: what was kept.
        clock: the time, timezone-aware.
    """

    def __init__(
        self,
        provider: Provider,
        signals: Signals,
        config: Config,
        site: Site,
        book: Book,
        clock: Callable[[], datetime],
    ) -> None:
        self._provider, self._signals, self._config = provider, signals, config
        self._site, self._book, self._clock = site, book, clock
        self._machines: dict[str, Machine] = {}
        self._calls: frozenset[str] | None = None
        self._offers: tuple[Choice, ...] = ()
        self._offers_at: datetime | None = None
        self._steps = 0
        self._written: tuple[object, datetime] | None = None
        book.memory = dataclasses.replace(book.memory, arrivals_at=None)

    async def run(self, stop: asyncio.Event) -> None:
        """Step until told to stop; no error of others ends it."""
        while not stop.is_set():
            try:
                await self.step()
            except ProviderError as exc:
                logger.warning("scaling step failed", extra={"error": type(exc).__name__})
            try:
                async with asyncio.timeout(PERIOD_S):
                    await stop.wait()
            except TimeoutError:
                continue

    async def step(self) -> Decision:
        """Look, decide, write down, act.

        Raises:
            UsageError: its folder cannot be written; nothing was done then.
        """
        state, now = await self.look()
        decision = plan(state, now, self._config)
        self._book.memory = decision.memory
        self._steps += 1
        if decision.actions or self._steps % _SAVE_EVERY == 1:
            save_book(self._book, self._site.folder)
        self._record(state, decision, now)
        for action in decision.actions:
            await self._act(action)
        return decision

    async def look(self) -> tuple[State, datetime]:
        """Return what is seen now, and when it was seen; acts on nothing."""
        failed, line = "", Line(0, 0, 0, frozenset())
        read_at = self._clock()
        try:
            machines = await self._provider.machines()
            line = await self._signals.line()
        except AgentError as exc:
            failed = f"something cannot be read ({type(exc).__name__})"
            machines = list(self._machines.values())
        else:
            self._machines = {machine.id: machine for machine in machines}
            self._book.compare(machines, read_at)
            await self._ask_all(machines)
        now = self._clock()
        spent = self._book.charge(machines, now)
        arrived = 0 if self._calls is None else len(line.calls - self._calls)
        if not failed:
            self._calls = line.calls
        state = State(
            machines=(*map(self._seen, machines), *self._on_their_way()),
            choices=() if failed else await self._choices(),
            active=line.active,
            unserved=line.unserved,
            after_hours=line.after_hours,
            arrived=arrived,
            read_at=read_at,
            spent_today_usd=spent,
            memory=self._book.memory,
            failed=failed,
        )
        return state, now

    # --- looking -------------------------------------------------------------------------------
    async def _ask_all(self, machines: list[Machine]) -> None:
        asked = [one for one in machines if one.state is MachineState.RUNNING and one.address]
        async with asyncio.TaskGroup() as group:
            for machine in asked:
                group.create_task(self._ask(machine))

    async def _ask(self, machine: Machine) -> Word | None:
        """Its word, which is kept; None when it gives none."""
        at = self._clock()
        try:
            word = await self._signals.word(machine)
        except AgentError:
            return None
        book = self._book
        book.readings[machine.id] = Reading(at, word.calls, word.unsent, word.ready, word.draining)
        if word.capacity > 0:
            book.capacity[machine.id] = book.learned[machine.type_name] = word.capacity
        return word

    async def _choices(self) -> tuple[Choice, ...]:
        """Types in stock whose capacity is known; asked for again after a minute."""
        now = self._clock()
        fresh = timedelta(seconds=_OFFERS_S)
        if self._offers_at is None or now - self._offers_at > fresh:
            try:
                offers = await self._provider.offers()
            except ProviderError:
                return ()
            self._offers_at = now
            self._offers = tuple(
                Choice(offer.type_name, calls, offer.usd_per_hour)
                for offer in offers
                if offer.stock is not Stock.NONE and (calls := self._calls_of(offer.type_name)) > 0
            )
        return self._offers

    def _calls_of(self, type_name: str) -> int:
        return self._book.learned.get(type_name) or self._site.capacities.get(
            type_name, self._site.unknown
        )

    def _seen(self, machine: Machine) -> Seen:
        book = self._book
        return Seen(
            id=machine.id,
            name=machine.name,
            type_name=machine.type_name,
            usd_per_hour=machine.usd_per_hour,
            created_at=machine.created_at or book.first_seen.get(machine.id, self._clock()),
            capacity=book.capacity.get(machine.id) or self._calls_of(machine.type_name),
            reading=book.readings.get(machine.id),
            alive=machine.state in (MachineState.STARTING, MachineState.RUNNING),
            ending=machine.state is MachineState.ENDING,
        )

    def _on_their_way(self) -> Iterator[Seen]:
        """Orders that no list shows yet count as machines."""
        for name, order in self._book.ordered.items():
            yield Seen(
                id=f"order:{name}",
                name=name,
                type_name=order.type_name,
                usd_per_hour=order.usd_per_hour,
                created_at=order.asked_at,
                capacity=order.capacity,
            )

    # --- acting --------------------------------------------------------------------------------
    async def _act(self, action: Action) -> None:
        try:
            match action:
                case Order(types=types):
                    await self._order(types)
                case Drain(id=name):
                    await self._signals.drain(self._machines[name])
                case Terminate(id=name) if name in self._machines:
                    await self._end(self._machines[name])
        except AgentError as exc:
            if isinstance(exc, UsageError):
                raise
            step = type(action).__name__.lower()
            logger.warning("scaling act failed", extra={"step": step, "error": type(exc).__name__})

    async def _order(self, types: tuple[str, ...]) -> None:
        book = self._book
        taken = [machine.name for machine in self._machines.values()] + list(book.ordered)
        name = free_name(self._site.env, taken)
        known = [one for one in self._offers if one.type_name in types]
        price = max((one.usd_per_hour for one in known), default=0.0)
        book.ordered[name] = Ordered(
            asked_at=self._clock(),
            type_name=types[0],
            capacity=self._calls_of(types[0]),
            usd_per_hour=price,
        )
        save_book(book, self._site.folder)
        try:
            await self._provider.create(name, types)
        except OutcomeUnknown:
            self._wait(_BACKOFF_S)  # it counts as there until a list says no
        except ProviderError as exc:
            del book.ordered[name]
            book.failures += 1
            self._offers_at = None
            wait_s = min(_BACKOFF_S * 2 ** min(book.failures - 1, 6), _LONGEST_BACKOFF_S)
            if isinstance(exc, RateLimited):
                wait_s = max(wait_s, exc.retry_after_s)
            elif not isinstance(exc, NoStock) and not exc.retryable:
                wait_s = _LONGEST_BACKOFF_S
            self._wait(wait_s * random.uniform(1.0, 1.25))
            save_book(book, self._site.folder)
            raise
        else:
            book.failures = 0
        save_book(book, self._site.folder)

    def _wait(self, seconds: float) -> None:
        until = self._clock() + timedelta(seconds=seconds)
        self._book.memory = dataclasses.replace(self._book.memory, no_order_until=until)

    async def _end(self, machine: Machine) -> None:
        """Give it back, if it still says that it holds nothing, or still says nothing at all."""
        if machine.state is MachineState.RUNNING and machine.address:
            heard = machine.id in self._book.readings
            word = await self._ask(machine)
            if word is None and heard:
                return
            if word is not None and not (word.draining and word.calls == 0 == word.unsent):
                return
        await self._provider.terminate(machine.id)

    # --- writing down --------------------------------------------------------------------------
    def _record(self, state: State, decision: Decision, now: datetime) -> None:
        """Write a decision that does something or says something new, else one in 15 minutes."""
        gist = (bool(decision.actions), tuple(why.split(":")[0] for why in decision.why))
        if self._written is not None and not decision.actions:
            before, at = self._written
            if before == gist and (now - at).total_seconds() < _WRITE_S:
                return
        self._written = (gist, now)
        append_decision(self._site.folder, as_line(state, decision, now, self._config))
        figures = decision.figures
        logger.info(
            "scaling decided",
            extra={
                "count": len(decision.actions),
                "active": state.active,
                "waiting": state.unserved,
                "size": len(state.machines),
                "capacity": figures.have if figures else 0,
            },
        )
