"""A worker of its own for the proving ground: real, with a folder and ports nobody else uses."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection

from agent.callers.isolation import with_database
from agent.control.child import last_sentence
from agent.errors import AgentError, UsageError
from agent.lab.ports import LOOPBACK, free_port
from agent.lab.probes import http_body
from agent.lab.server_process import ServerFailed, ServerProcess
from agent.settings import PROJECT_DIR, Settings
from agent.tickets.calendar import IST
from agent.tickets.registry import add_line, seat_of
from agent.tickets.store import TicketStore

READY_WITHIN_S = 600.0
"""Ears, voice, prompts and every call process: half a minute on two quiet cores, minutes on busy
ones."""
STOP_WITHIN_S = 60.0
_REGISTERED = b"registered worker"
"""LiveKit's own log line, each time its server takes the worker: there is no other sign of it."""
_WARM = b"process initialized"
"""The same of each call process; on a busy machine LiveKit registers before they are."""
_DATABASE_S = 30.0
_ELSEWHERE = (
    "TICKETS__DATABASE_URL", "TICKETS__RECEIVER_URL", "TICKETS__MACHINE", "ALERTS__URL",
    "SPEECH__EARS_URL", "SPEECH__VOICE_URL",
)  # fmt: skip
"""Settings emptied here: calls of the proving ground alarm nobody and fill no real database."""


class LabWorker:
    """``python agent.py start`` with its own DATA_DIR. Owned by one task; use with ``async with``.

    The demo speech model may answer: its callers are simulated.
    """

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        livekit: Mapping[str, str],
        *,
        capacity: int,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Take where it lives and what it serves.

        Args:
            folder: of this worker alone: DATA_DIR and its log; made when missing.
            settings: of the user; voice and speech model are taken over.
            livekit: LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET.
            capacity: calls it takes at once.
            environment: further variables, which win.

        Raises:
            UsageError: this is no checkout.
        """
        entry = PROJECT_DIR / "agent.py"
        if not entry.is_file():
            raise UsageError(f"There is no {entry}: the proving ground runs from a checkout.")
        data = folder / "data"
        own = settings.model_copy(update={"data_dir": data})
        self.settings = with_database(own, f"sqlite:///{(data / 'kural.db').resolve()}")
        """What its parts look like from outside: folders, database, prompts."""
        self.port = free_port()
        """LiveKit's health port of this worker."""
        self._calls = capacity
        self._process = ServerProcess(
            (sys.executable, str(entry), "start"),
            folder / "worker.log",
            environment={
                **os.environ,
                **dict.fromkeys(_ELSEWHERE, ""),
                **livekit,
                "DATA_DIR": str(data.resolve()),
                "SPEECH__ALLOW_DEMO_MODEL": "true",
                "LIVEKIT__MAX_CALLS": str(capacity),
                "CONTROL__HOST": LOOPBACK,
                "CONTROL__WORKER_PORT": str(self.port),
                "CONTROL__PORT": str(free_port()),
                **(environment or {}),
            },
            folder=PROJECT_DIR,
            name="worker",
        )

    @property
    def pid(self) -> int:
        """Process id of the worker itself, root of its tree."""
        return self._process.pid

    @property
    def process(self) -> ServerProcess:
        """The process, for who wants to end it in another way."""
        return self._process

    async def active_calls(self) -> int:
        """Calls it says it holds (LiveKit's ``/worker``).

        Raises:
            AgentError: it does not answer.
        """
        told = await http_body(self.port, "/worker")
        if not isinstance(told, dict):
            raise AgentError(f"The worker does not answer at {LOOPBACK}:{self.port}.")
        return int(told.get("active_jobs", 0))  # left out when it is 0

    def store(self) -> TicketStore:
        """Its tickets, to be closed by the caller."""
        return TicketStore.from_settings(self.settings, reserve=False)

    def enter_lines(self, seats: Mapping[str, int | None]) -> None:
        """Say to which seat dialled numbers belong from today on; None: to the whole state.

        Raises:
            UsageError: no such number or seat, or another seat was entered today or for later.
        """
        today = datetime.now(IST).date()
        store = self.store()
        try:
            for number, seat in seats.items():
                enter = partial(_enter_line, number=number, seat=seat, first=today)
                store.database.visit(enter, within_s=_DATABASE_S)
        finally:
            store.close()

    def registrations(self) -> int:
        """How often LiveKit's server has taken it, over all its starts."""
        return self._count(_REGISTERED)

    async def registered(self, *, after: int, within_s: float = READY_WITHIN_S) -> None:
        """Wait until LiveKit's server has taken it more often than ``after``.

        Raises:
            ServerFailed: it ended, or was not taken in time; its last words are told.
        """
        await self._until(lambda: self.registrations() > after, within_s)

    def _count(self, words: bytes) -> int:
        try:
            return self._process.log.read_bytes().count(words)
        except FileNotFoundError:
            return 0

    async def _until(self, true: Callable[[], bool], within_s: float) -> None:
        async def asked() -> bool:
            await asyncio.sleep(0.1)
            return await asyncio.to_thread(true)

        await self._process.ready(asked, within_s=within_s)

    async def start(self) -> None:
        """Start it and wait until LiveKit's server has taken it and every call process is warm.

        Raises:
            ServerFailed: it was not; its last words are told.
        """
        before, warm = self.registrations(), self._count(_WARM)
        await self._process.start()
        try:
            await self.registered(after=before)
            await self._until(lambda: self._count(_WARM) >= warm + self._calls, READY_WITHIN_S)
        except BaseException as exc:
            await self._process.stop()
            said = last_sentence(self._process.log)
            if said and isinstance(exc, ServerFailed):
                raise ServerFailed(f"The worker did not start: {said}") from None
            raise

    async def stop(self, *, within_s: float = STOP_WITHIN_S) -> int | None:
        """End it: SIGTERM, and SIGKILL after ``within_s``; gives its exit status."""
        return await self._process.stop(within_s=within_s)

    async def __aenter__(self) -> Self:
        """Start it; see :meth:`start`."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it; calls that are still live are ended with it."""
        await self._process.stop(within_s=STOP_WITHIN_S if kind is None else 5.0)


def _enter_line(rows: Connection, *, number: str, seat: int | None, first: date) -> None:
    if seat_of(rows, number, first) != seat:
        add_line(rows, number, seat, first)
