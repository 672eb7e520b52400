"""Keeps ears and voice running beside a worker: starts, watches, restarts, stops them.

A part whose URL is set from outside is somebody else's and left alone. One that already answers
under our DATA_DIR (another ``kural`` of the same folder owns it) is used as it is; when its owner
dies we take over. Children die with us whatever happens to us (see ``tether``).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from types import TracebackType
from typing import Self

from agent.control.keeper import Keeper, Part, Patience
from agent.errors import EngineUnavailable, VoiceUnavailable
from agent.settings import Settings


class Supervisor:
    """Ears and voice for the time of one ``async with`` block, or from start() to stop().

    Entering waits until every part answers. Each object is used once.

    Raises:
        ConfigurationError: ears or voice refuse their settings; the message is theirs.
        EngineUnavailable: the ears did not start; the message names their log.
        VoiceUnavailable: the same for the voice.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        ears: bool = True,
        voice: bool = True,
        patience: Patience | None = None,
    ) -> None:
        given, patience = settings.speech, patience or Patience()
        parts = []
        if ears and not given.ears_url:
            parts.append(Part("ears", ("engine",), settings.ears_url, EngineUnavailable))
        if voice and not given.voice_url:
            parts.append(Part("voice", ("voice", "serve"), settings.voice_url, VoiceUnavailable))
        self._keepers = [Keeper(part, settings, patience) for part in parts]
        self._tasks: list[asyncio.Task[None]] = []
        self._thread: _SupervisorThread | None = None

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of the children we own now, by ``ears`` and ``voice``."""
        return {k.name: k.process.pid for k in self._keepers if k.process is not None}

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(keeper.run()) for keeper in self._keepers]
        try:
            await asyncio.gather(*(keeper.until_ready() for keeper in self._keepers))
        except BaseException:
            await self._aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._aclose()

    async def _aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def start(self) -> None:
        """Do the same from code without an event loop: a thread of ours holds it.

        Returns when every part answers; raises like entering the block does.
        """
        self._thread = _SupervisorThread(self)
        self._thread.begin()

    def stop(self) -> None:
        """End what :meth:`start` began; returns when no child is left. May be called twice."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.finish()


class _SupervisorThread:
    """A thread with an event loop that holds a supervisor open.

    It is a daemon: a program that ends without stop() is not held up, and its children die with
    it.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._begun: concurrent.futures.Future[asyncio.AbstractEventLoop] = (
            concurrent.futures.Future()
        )
        self._over = asyncio.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._run()), name="supervisor", daemon=True
        )

    def begin(self) -> None:
        self._thread.start()
        try:
            self._begun.result()
        except Exception:
            self._thread.join()
            raise

    def finish(self) -> None:
        self._begun.result().call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _run(self) -> None:
        try:
            async with self._supervisor:
                self._begun.set_result(asyncio.get_running_loop())
                await self._over.wait()
        except Exception as exc:
            if self._begun.done():
                raise
            self._begun.set_exception(exc)
