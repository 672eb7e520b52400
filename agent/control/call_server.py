"""LiveKit's worker with what ours does differently: when it counts as registered, how it drains."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from livekit.agents import AgentServer
from livekit.agents.types import NOT_GIVEN, NotGivenOr

logger = logging.getLogger(__name__)

_PING_WITHIN_S = 5.0

_Handler = Callable[[int, FrameType | None], Any]


class CallServer(AgentServer):
    """Takes calls from LiveKit, each in a process of its own."""

    def __init__(self, **options: object) -> None:
        """Take what :class:`livekit.agents.AgentServer` takes."""
        super().__init__(**options)  # type: ignore[arg-type]
        self._own_loop: asyncio.AbstractEventLoop | None = None
        self._leaving: concurrent.futures.Future[None] | None = None
        self._once = threading.Lock()
        self.on("worker_started", self._has_begun)

    @property
    def calls(self) -> frozenset[str]:
        """Ids of the calls it is in; from any thread."""
        running = self.active_jobs if self._own_loop is not None else []
        return frozenset(info.job.id for info in running)

    @property
    def registered(self) -> bool:
        """Whether LiveKit's server knows it now; from any thread.

        LiveKit's own ``/`` stays 200 while the connection is lost and retried for minutes. It has
        no public word for it: ``_connecting`` (livekit-agents 1.8.9, pinned) is true from the loss
        until the next registration.
        """
        return (
            self._own_loop is not None
            and self.id != "unregistered"
            and not getattr(self, "_connecting", True)
        )

    async def run(self, *, devmode: bool = False, unregistered: bool = False) -> None:
        """Serve until told to leave; as :meth:`livekit.agents.AgentServer.run`.

        LiveKit's handler (in place by now) ends the process at once when a second SIGTERM comes
        before its event loop has taken in the first. Many send two at a time, to the process group
        and to its leader, so LiveKit gets to see the first only.
        """
        handler = signal.getsignal(signal.SIGTERM)
        if callable(handler) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, only_once(handler))
        await super().run(devmode=devmode, unregistered=unregistered)

    async def drain(self, timeout: NotGivenOr[int | None] = NOT_GIVEN) -> None:  # noqa: ASYNC109
        """Take no further call and wait for those that run; LiveKit calls it at SIGTERM.

        From then on LiveKit ends the process at a second SIGTERM, calls or not; here only SIGINT
        still does that.
        """
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _have_patience)
        await super().drain(timeout)

    def drain_on_request(self) -> bool:
        """Begin to drain, from any thread; the process stays when the last call is over.

        Returns:
            False when it cannot be asked yet: it has not started.
        """
        with self._once:
            if self._own_loop is None:
                return False
            if self._leaving is None:
                draining = AgentServer.drain(self, timeout=None)
                self._leaving = asyncio.run_coroutine_threadsafe(draining, self._own_loop)
                self._leaving.add_done_callback(_say_how_it_went)
        return True

    async def is_alive(self) -> bool:
        """Whether its event loop turns; to be asked from another loop. True before it starts."""
        if self._own_loop is None:
            return True
        try:
            pong = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._own_loop)
            await asyncio.wait_for(asyncio.wrap_future(pong), _PING_WITHIN_S)
        except (TimeoutError, RuntimeError):  # RuntimeError: the loop is closed
            return False
        return True

    def _has_begun(self) -> None:
        self._own_loop = asyncio.get_running_loop()


def only_once(handler: _Handler) -> _Handler:
    """Return a handler of signals that passes the first one on, and none after it."""
    passed = False

    def once(number: int, frame: FrameType | None) -> None:
        nonlocal passed
        if passed:
            _have_patience(number, frame)
            return
        passed = True
        handler(number, frame)

    return once


def _have_patience(_signal: int, _frame: object) -> None:
    logger.info("already draining, live calls are finished first")


def _say_how_it_went(future: concurrent.futures.Future[None]) -> None:
    if not future.cancelled() and (error := future.exception()):
        logger.error("drain failed", extra={"error": type(error).__name__})
