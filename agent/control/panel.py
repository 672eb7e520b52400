"""What a worker says about itself: its load, whether it is ready, its metrics, how it drains."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from livekit.agents import AssignmentTimeoutError

from agent.capacity.load import Admission, load_of
from agent.observability import metrics
from agent.observability.meter_files import MeterSum
from agent.observability.metrics import Meters
from agent.tickets.forwarder import journals
from agent.tickets.journal import journal_name

if TYPE_CHECKING:
    from livekit.agents import JobRequest

    from agent.capacity.profile import Capacity
    from agent.control.call_server import CallServer
    from agent.control.watch import PartsWatch
    from agent.settings import Settings
    from agent.tickets.store import TicketStore

logger = logging.getLogger(__name__)

_DATABASE_WITHIN_S = 2.0


class Panel:
    """The facts of one worker, read from any thread. Owns its folder of meters, nothing else."""

    def __init__(
        self,
        settings: Settings,
        capacity: Capacity,
        watch: PartsWatch,
        store: TicketStore,
    ) -> None:
        """Look at these parts; :meth:`attach` names the server."""
        self.capacity = capacity
        self.admission = Admission(capacity.calls)
        self.watch = watch
        self.meters_dir = meters_dir(settings)
        self._store = store
        self._server: CallServer | None = None
        self._own = Meters()
        self._sum = MeterSum(self.meters_dir)
        self._own.set(metrics.CAPACITY, capacity.calls)

    def attach(self, server: CallServer) -> None:
        """Speak for this server from now on."""
        self._server = server

    @property
    def active(self) -> int:
        """Calls the worker is in or has promised to take."""
        return len(self._calls()) + self.admission.promised

    def load(self) -> float:
        """What LiveKit is told; LiveKit adds what is promised itself."""
        pressure = self.watch.pressure.at(time.monotonic())
        return load_of(len(self._calls()), self.capacity.calls, pressure)

    async def on_request(self, request: JobRequest) -> None:
        """Answer LiveKit's offer of a call at once: take it, or leave it to another worker."""
        with self.admission.place(len(self._calls())) as free:
            if not free:
                # terminate=True (the default) would end the job for good: nobody else is tried.
                await request.reject(terminate=False)
                return
            try:
                await request.accept(name="Kural")
            except AssignmentTimeoutError:
                logger.info("call offered and given to nobody or to another worker")

    async def alive(self) -> bool:
        """Whether the event loop that takes calls turns."""
        return self._server is None or await self._server.is_alive()

    async def missing(self) -> dict[str, str]:
        """What keeps this worker from taking calls: name -> sentence; empty when it is ready."""
        server = self._server
        found = {
            "livekit": "" if server and server.registered else "Not registered with LiveKit now.",
            "draining": "No further calls are taken." if server and server.draining else "",
            "ears": self.watch.trouble("ears"),
            "voice": self.watch.trouble("voice"),
            "database": "",
        }
        if not await asyncio.to_thread(self._store.database.answers, _DATABASE_WITHIN_S):
            found["database"] = "Does not answer; complaints wait in journals."
        return {name: sentence for name, sentence in found.items() if sentence}

    def drain(self) -> bool:
        """Take no further calls; False when the worker has not started yet. May be repeated."""
        return self._server is not None and self._server.drain_on_request()

    def state(self) -> dict[str, bool | int]:
        """What an autoscaler needs before it ends this machine; blocking.

        ``draining``; ``active_calls``, promised ones among them; ``unsent``: lines of journals that
        the database does not have, without those of this worker's live calls.
        """
        return {
            "draining": self._server is not None and self._server.draining,
            "active_calls": self.active,
            "unsent": self._unsent(),
        }

    async def exposition(self) -> bytes:
        """Metrics of this process, its call processes, ears and voice, in Prometheus' text."""
        self._own.set(metrics.LOAD, self.load())
        self._own.set(metrics.CALLS_ACTIVE, len(self._calls()))
        self._own.set(metrics.ENGINE_QUEUE_DEPTH, self.watch.waiting())
        self._own.set(metrics.FORWARDER_BACKLOG, await asyncio.to_thread(self._unsent))
        theirs = await self.watch.samples()
        return await asyncio.to_thread(self._sum.expose, self._own.samples(), theirs)

    def close(self) -> None:
        """Remove the meters of this worker."""
        shutil.rmtree(self.meters_dir, ignore_errors=True)

    def _calls(self) -> frozenset[str]:
        return self._server.calls if self._server is not None else frozenset()

    def _unsent(self) -> int:
        live = {journal_name(call) for call in self._calls()}
        return sum(
            _lines(path) for path in journals(self._store.journal_dir) if path.name not in live
        )


def meters_dir(settings: Settings) -> Path:
    """Folder of this worker's meters; those of workers that were killed are removed."""
    run = settings.data_dir.resolve() / "run"
    for old in run.glob("meters-*"):
        if not psutil.pid_exists(int(old.name.partition("-")[2] or 0)):
            shutil.rmtree(old, ignore_errors=True)
    return run / f"meters-{os.getpid()}"


def _lines(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except OSError:  # put away meanwhile
        return 0
