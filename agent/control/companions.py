"""Programs that run beside a worker for as long as it runs: overload agent, redispatcher.

Unlike ears and voice (:mod:`agent.control.supervisor`) nobody waits for them: a worker answers
calls without them. One that ends is started again, with pauses that grow; of two workers over one
DATA_DIR one owns it, and the other takes over. They die with us whatever happens to us.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from agent.control import child

if TYPE_CHECKING:
    from agent.settings import Settings

logger = logging.getLogger(__name__)

FIRST_WAIT_S = 0.5
"""Before the first new start; doubled after each."""
LONGEST_WAIT_S = 30.0
HEALTHY_AFTER_S = 60.0
"""A child that lived this long starts the waiting anew."""
OWNER_AGAIN_S = 2.0
"""Between two looks whether another worker's companion has gone."""


@dataclass(frozen=True, slots=True)
class Companion:
    """A program beside the worker."""

    name: str
    arguments: tuple[str, ...]
    """Of ``python -m agent``."""
    stop_within_s: float = child.STOP_WITHIN_S
    """From SIGTERM to SIGKILL: calls that are on may take it."""


def companions_of(settings: Settings) -> tuple[Companion, ...]:
    """Those the settings ask for."""
    found = []
    if settings.livekit.overload_calls:
        found.append(Companion("overload", ("overload",), stop_within_s=75.0))
    if settings.livekit.redispatch:
        found.append(Companion("redispatch", ("redispatch",)))
    return tuple(found)


class Companions:
    """Keeps companions running for the time of a ``with`` block. Owns its thread and children."""

    def __init__(
        self,
        settings: Settings,
        companions: tuple[Companion, ...] | None = None,
        *,
        first_wait_s: float = FIRST_WAIT_S,
    ) -> None:
        self._settings = settings
        self._companions = companions_of(settings) if companions is None else companions
        self._first_wait_s = first_wait_s
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._work, name="companions", daemon=True)
        self.pids: dict[str, int] = {}
        """Process ids of the children we own now, by name."""
        self.declined: set[str] = set()
        """Those that another worker over the same DATA_DIR kept when we looked last."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _work(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        tasks = [asyncio.create_task(self._keep(one), name=one.name) for one in self._companions]
        await self._over.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, one: Companion) -> None:
        """Start it whenever it does not run and nobody else keeps it, until cancelled."""
        wait_s = self._first_wait_s
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                owned = await self._live(one)
            except OSError as exc:
                logger.warning(
                    "part cannot be started",
                    extra={"part": one.name, "error": type(exc).__name__},
                )
                owned = True
            (self.declined.discard if owned else self.declined.add)(one.name)
            if not owned:
                await asyncio.sleep(OWNER_AGAIN_S)
                continue
            if clock() - began >= HEALTHY_AFTER_S:
                wait_s = self._first_wait_s
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    async def _live(self, one: Companion) -> bool:
        """Own a child for as long as it lives; False when another worker keeps it."""
        data = self._settings.data_dir.resolve()
        with child.ownership(data / "run" / f"{one.name}.owner") as owner:
            if not owner:
                return False
            env = child.companion_environment(self._settings)
            process = await child.start(one.arguments, env, data / "log" / f"{one.name}.log")
            self.pids[one.name] = process.pid
            logger.info("part started", extra={"part": one.name, "pid": process.pid})
            try:
                await process.wait()
            finally:
                self.pids.pop(one.name, None)
                await child.end(process, within_s=one.stop_within_s)
            logger.warning("part ended", extra={"part": one.name, "exit_code": process.returncode})
            return True
