"""A process that holds one call after another, as a LiveKit job process holds one.

Caller and agent share it, as the two ends of a telephone line; ears, voice and database are those
of all. The process that started it says when to talk; everything measured goes back to it at once,
so that a call that is cut off in the middle has told all it knew.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.callers.isolation import Stores
from agent.callers.play import Playing, play_call
from agent.callers.played import QUICK
from agent.lab.line_cost import line_cost
from agent.lab.made_calls import ReadyCaller, ready_callers
from agent.observability import logs
from agent.wiring import build_parts

if TYPE_CHECKING:
    from agent.callers.played import Exchange
    from agent.callers.scripted_caller import Utterance
    from agent.settings import Settings

_LAG_EVERY_S = 0.25
_BURN_EVERY_S = 0.02
_BLOCK = bytes(1 << 16)
"""Hashed without the interpreter's lock, as the threads of WebRTC run beside Python."""
_BROKE = frozenset({"stuck", "error", "too_long"})
"""Ends of calls whose last turn was never answered."""


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """What a slot needs to know; sent to its process."""

    number: int
    settings: Settings
    folder: Path
    """Of the callers' sound."""
    burn_cores: float = 0.0
    """Processor taken on top while a call is held, for what a telephone line costs beyond the
    simulated one."""


@dataclass(frozen=True, slots=True)
class Said:
    """The caller has said something that wants an answer."""

    turn: int
    """Counted by the slot."""
    ends_at: float
    """When he stops, about, on the clock of all processes (CLOCK_MONOTONIC)."""
    quick: bool
    """A short answer, whose delay counts."""


@dataclass(frozen=True, slots=True)
class Answered:
    """That turn is over."""

    turn: int
    delay_s: float | None
    """None: no answer came, or the agent spoke before the caller had finished."""
    heard: bool
    """Whether the agent took the turn at all."""


@dataclass(frozen=True, slots=True)
class Lag:
    """How late the process runs what is due."""

    at: float
    seconds: float


def hold_calls(link: Connection, plan: SlotPlan) -> None:
    """Main function of the process: obey until the other end is gone."""
    logs.configure("CRITICAL", plan.settings.log.format)
    logging.disable(logging.ERROR)  # an overloaded machine is what is wanted here
    sys.setswitchinterval(0.005)
    stores = Stores(build_parts(plan.settings, audio=True))
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(_Slot(link, plan, stores).run())
    finally:
        stores.close()


class _Slot:
    """One slot; lives as long as its process."""

    def __init__(self, link: Connection, plan: SlotPlan, stores: Stores) -> None:
        self._link = link
        self._plan = plan
        self._parts = stores.parts(None)
        self._callers = ready_callers(plan.folder)
        self._played = 0
        self._talking: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        orders: asyncio.Queue[tuple[str, float]] = asyncio.Queue()

        def receive() -> None:
            try:
                orders.put_nowait(self._link.recv())
            except (EOFError, OSError):
                loop.remove_reader(self._link.fileno())
                orders.put_nowait(("end", 0.0))

        loop.add_reader(self._link.fileno(), receive)
        self._send("ready")
        lagging = asyncio.create_task(self._watch_lag())
        try:
            while (order := await orders.get())[0] != "end":
                await self._obey(*order)
        finally:
            await self._hush()
            lagging.cancel()
            await asyncio.gather(lagging, return_exceptions=True)

    async def _obey(self, order: str, value: float) -> None:
        match order:
            case "talk" if self._talking is None:
                self._talking = asyncio.create_task(self._talk(value))
            case "hush":
                await self._hush()
                self._send("quiet")
            case "line":
                self._send(("line", await line_cost(value)))

    async def _hush(self) -> None:
        """Hang up in the middle of whatever is said."""
        task, self._talking = self._talking, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _talk(self, first_at: float) -> None:
        await asyncio.sleep(max(0.0, first_at - time.monotonic()))
        with _Burning(self._plan.burn_cores):
            while True:
                await self._one_call()

    async def _one_call(self) -> None:
        number, self._played = self._plan.number, self._played + 1
        caller = self._callers[(7 * number + self._played) % len(self._callers)]
        # A number of its own for every call: nobody finds the tickets of another.
        script = caller.script.model_copy(
            update={"id": f"load-{number}-{self._played:02d}",
                    "namesakes": 1000 * (number + 1) + self._played // 100}
        )  # fmt: skip
        ear = _Ear(caller, self._send)
        try:
            await play_call(self._parts, script, caller.speaker(), Playing(), ear)
        except Exception as exc:  # noqa: BLE001 -- the edge of a call: it counts as broken
            ear.call_ended("error")
            self._send(("broken", type(exc).__name__))
            await asyncio.sleep(1.0)

    async def _watch_lag(self) -> None:
        while True:
            due = time.monotonic() + _LAG_EVERY_S
            await asyncio.sleep(_LAG_EVERY_S)
            if self._talking is not None:
                now = time.monotonic()
                self._send(Lag(now, max(0.0, now - due)))

    def _send(self, message: Any) -> None:
        with suppress(OSError):  # nobody is left to tell; the end of the link ends us
            self._link.send(message)


class _Ear:
    """Follows a call and tells when a turn was said and answered."""

    def __init__(self, caller: ReadyCaller, send: Callable[[Any], None]) -> None:
        self._caller = caller
        self._send = send
        self._open: int | None = None
        self._heard = False

    def caller_speaks(self, at_s: float, said: Utterance) -> None:
        """Note when he will have finished."""
        self._close(None)
        seconds = self._caller.seconds_of(said.text, said.turn)
        if said.keys or not seconds:
            return
        self._open, self._heard = _next_turn(), False
        ends_at = time.monotonic() + seconds
        self._send(Said(self._open, ends_at, said.question in QUICK))

    def agent_heard(self, said: Utterance, heard: str) -> None:
        """Note that the turn was taken."""
        self._heard = True

    def agent_speaks(self, exchange: Exchange, delay_s: float | None) -> None:
        """The answer, with its delay on the two waveforms."""
        self._close(delay_s)

    def tickets_filed(self, numbers: tuple[str, ...]) -> None:
        """Nothing to measure."""

    def call_ended(self, outcome: str) -> None:
        """A turn that is open when the agent breaks off got no answer; a good-bye is one."""
        self._heard = self._heard or outcome not in _BROKE
        self._close(None)

    def _close(self, delay_s: float | None) -> None:
        if self._open is not None:
            self._send(Answered(self._open, delay_s, self._heard or delay_s is not None))
            self._open = None


_turns = iter(range(1 << 62))


def _next_turn() -> int:
    return next(_turns)


class _Burning:
    """Takes a share of a core on a thread of its own for the time of a block."""

    def __init__(self, cores: float) -> None:
        self._cores = cores
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._burn, name="line", daemon=True)

    def __enter__(self) -> None:
        if self._cores > 0:
            self._thread.start()

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _burn(self) -> None:
        began, spent = time.monotonic(), time.thread_time()
        while not self._over.wait(_BURN_EVERY_S):
            # What is owed after a stall is not made up for: sound that is late is not sent twice.
            due = min(self._cores * (time.monotonic() - began), self._cores * 10 * _BURN_EVERY_S)
            while time.thread_time() - spent < due:
                hashlib.blake2b(_BLOCK)
            began, spent = time.monotonic(), time.thread_time()
