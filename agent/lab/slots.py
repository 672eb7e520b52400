"""The call slots of a calibration: so many processes, so many of them talking.

Processes come from a fork server that has the agent loaded, as LiveKit makes its job processes, so
that they share memory as those do. They end with us: their link breaks when we die.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from agent.errors import EngineError
from agent.lab.slot import Answered, Lag, Said, SlotPlan, hold_calls

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

READY_WITHIN_S = 60.0
QUIET_WITHIN_S = 45.0
"""A call that is cut off puts itself away within 20 s, twice that on a machine that is overrun."""
_STARTED_AT_ONCE = 4
_PRELOADED = ["agent.preload", "agent.lab.slot"]


@dataclass(slots=True)
class Turn:
    """One thing a caller said that wants an answer."""

    slot: int
    ends_at: float
    """When he stopped, on the clock of all processes."""
    quick: bool
    over: bool = False
    delay_s: float | None = None
    heard: bool = False


@dataclass(slots=True)
class _Slot:
    """One process and what is known of it."""

    process: ForkServerProcess
    link: Connection
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    quiet: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    talking: bool = False
    line: asyncio.Future[float] | None = None


class Slots:
    """Call processes for the time of one ``async with`` block."""

    def __init__(self, plan: SlotPlan) -> None:
        """Take what every slot is told; ``plan.number`` is ours to set."""
        self._plan = plan
        self._slots: list[_Slot] = []
        self._context = multiprocessing.get_context("forkserver")
        self._turns: dict[tuple[int, int], Turn] = {}
        self.lags: list[Lag] = []
        self.broken = 0
        """Calls that ended in an error of ours."""

    async def __aenter__(self) -> Self:
        self._context.set_forkserver_preload(_PRELOADED)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        for slot in self._slots:
            loop.remove_reader(slot.link.fileno())
            slot.link.close()
        await asyncio.to_thread(self._bury)

    def _bury(self) -> None:
        end = time.monotonic() + 5.0
        for slot in self._slots:
            slot.process.join(max(0.1, end - time.monotonic()))
            if slot.process.is_alive():
                slot.process.kill()
                slot.process.join()

    @property
    def pids(self) -> list[int]:
        """Of all processes."""
        return [slot.process.pid for slot in self._slots if slot.process.pid is not None]

    @property
    def turns(self) -> list[Turn]:
        """All turns so far, in the order they were begun."""
        return list(self._turns.values())

    def set_burn(self, cores: float) -> None:
        """Set what slots made from now on burn while they hold a call."""
        self._plan = replace(self._plan, burn_cores=cores)

    async def grow(self, count: int) -> None:
        """Have at least ``count`` processes, ready to talk.

        Raises:
            EngineError: one did not get ready.
        """
        while len(self._slots) < count:
            started = [
                self._start() for _ in range(min(_STARTED_AT_ONCE, count - len(self._slots)))
            ]
            for slot in started:
                await self._until(slot, slot.ready, READY_WITHIN_S, "get ready")

    async def talk(self, count: int, within_s: float) -> None:
        """Have exactly ``count`` slots hold calls; new ones begin spread over ``within_s``.

        Raises:
            EngineError: a process died or hangs.
        """
        await self.grow(count)
        await self._hush(self._slots[count:])
        fresh = [slot for slot in self._slots[:count] if not slot.talking]
        now = time.monotonic()
        for place, slot in enumerate(fresh):
            slot.talking = True
            self._order(slot, "talk", now + within_s * place / len(fresh))

    async def line_cost(self, seconds: float) -> float:
        """Cores a simulated caller takes, measured in a slot that holds no call.

        Raises:
            EngineError: the process died or hangs.
        """
        await self.grow(1)
        slot = self._slots[0]
        slot.line = asyncio.get_running_loop().create_future()
        self._order(slot, "line", seconds)
        try:
            async with asyncio.timeout(seconds + READY_WITHIN_S):
                return await slot.line
        except TimeoutError:
            raise EngineError("A call process hangs: see to this machine's load.") from None

    async def _hush(self, slots: list[_Slot]) -> None:
        talking = [slot for slot in slots if slot.talking]
        for slot in talking:
            slot.talking = False
            slot.quiet.clear()
            self._order(slot, "hush", 0.0)
        for slot in talking:
            await self._until(slot, slot.quiet, QUIET_WITHIN_S, "hang up")

    def _start(self) -> _Slot:
        ours, theirs = self._context.Pipe()
        number = len(self._slots)
        process = self._context.Process(
            target=hold_calls,
            args=(theirs, replace(self._plan, number=number)),
            name=f"call slot {number}",
            daemon=True,
        )
        process.start()
        theirs.close()
        slot = _Slot(process, ours)
        self._slots.append(slot)
        loop = asyncio.get_running_loop()
        loop.add_reader(ours.fileno(), self._reader(number, slot))
        return slot

    def _reader(self, number: int, slot: _Slot) -> Callable[[], None]:
        def read() -> None:
            try:
                while slot.link.poll():
                    self._take(number, slot, slot.link.recv())
            except (EOFError, OSError):
                asyncio.get_running_loop().remove_reader(slot.link.fileno())
                slot.gone.set()

        return read

    def _take(self, number: int, slot: _Slot, message: Any) -> None:
        match message:
            case Said():
                self._turns[number, message.turn] = Turn(number, message.ends_at, message.quick)
            case Answered() if (turn := self._turns.get((number, message.turn))) is not None:
                turn.over, turn.heard, turn.delay_s = True, message.heard, message.delay_s
            case Lag():
                self.lags.append(message)
            case "ready":
                slot.ready.set()
            case "quiet":
                slot.quiet.set()
            case ("line", cores) if slot.line is not None and not slot.line.done():
                slot.line.set_result(cores)
            case ("broken", _):
                self.broken += 1

    def _order(self, slot: _Slot, order: str, value: float) -> None:
        with suppress(OSError):  # a dead process is noticed by its link
            slot.link.send((order, value))

    async def _until(self, slot: _Slot, event: asyncio.Event, within_s: float, what: str) -> None:
        waits = [asyncio.create_task(each.wait()) for each in (event, slot.gone)]
        try:
            await asyncio.wait(waits, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if slot.gone.is_set():
            raise EngineError(
                "A call process died: see to this machine's memory, or measure with --most."
            )
        if not event.is_set():
            raise EngineError(f"A call process did not {what} within {within_s:g} s.")


def delays_of(
    turns: list[Turn], began: float, ended: float, never_s: float
) -> tuple[tuple[float, ...], ...]:
    """Delays of the short answers of a stretch of time, by slot.

    Left out are turns that are still within their time, and those the agent took before the
    caller had finished: that is another fault than slowness.

    Args:
        turns: of all slots.
        began: turns that ended earlier are not of this stretch.
        ended: nor those that ended later.
        never_s: what stands for an answer that did not come.
    """
    slots: dict[int, list[float]] = {}
    for turn in turns:
        if not turn.quick or not began <= turn.ends_at < ended:
            continue
        delays = slots.setdefault(turn.slot, [])
        if turn.delay_s is not None:
            delays.append(min(turn.delay_s, never_s))
        elif not turn.heard:
            # Never taken by the agent, or still open when the stretch was read some time after it.
            delays.append(never_s)
    return tuple(tuple(each) for each in slots.values())
