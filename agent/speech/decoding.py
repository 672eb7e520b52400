"""The decodes one call has running: begun at once, tried twice, cancelled when forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Literal, Protocol

from agent.errors import EngineError, EngineUnavailable
from agent.speech.transcript import Transcript

_log = logging.getLogger(__name__)

RETRY_AFTER_S = 0.2
"""Pause before the second and last try of an utterance."""
RESTART_S = 1.5
"""Ears that are gone get this long from the first try on: a killed process is back by then."""

Kind = Literal["final", "preflight"]
Decode = asyncio.Task[Transcript | None]
"""None means that the ears failed on it."""


class Recogniser(Protocol):
    """Who turns sound into words: :class:`agent.speech.ears_client.EarsClient`."""

    async def transcribe(self, pcm: bytes, *, kind: Kind = "final") -> Transcript:
        """The words in ``pcm`` (int16 mono at 16 kHz); raises EngineError."""

    async def aclose(self) -> None:
        """Let go of the connection."""


class Decodes:
    """Owns the decode tasks of one stream; ``aclose`` cancels and awaits what is left."""

    def __init__(self, client: Recogniser, on_failure: Callable[[EngineError], None]) -> None:
        """Begin with none.

        Args:
            client: the ears.
            on_failure: told when an utterance is lost for good, before its task ends with None.
        """
        self._client = client
        self._on_failure = on_failure
        self._tasks: set[Decode] = set()

    def begin(self, kind: Kind, pcm: bytes) -> Decode:
        """Decode ``pcm``. A preflight is tried once: its final comes soon anyway."""
        once = kind == "preflight"
        return self._own(self._once(kind, pcm) if once else self._twice(pcm))

    def promote(self, speculation: Decode, pcm: bytes) -> Decode:
        """Take a speculation as the final of ``pcm``; decode again if it failed."""
        return self._own(self._promoted(speculation, pcm))

    async def aclose(self) -> None:
        """Cancel what still runs."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _own(self, work: Coroutine[Any, Any, Transcript | None]) -> Decode:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _once(self, kind: Kind, pcm: bytes) -> Transcript | None:
        try:
            return await self._client.transcribe(pcm, kind=kind)
        except EngineError as exc:
            _log.info("decode failed", extra={"kind": kind, "error": type(exc).__name__})
            return None

    async def _twice(self, pcm: bytes) -> Transcript | None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            return await self._client.transcribe(pcm, kind="final")
        except EngineUnavailable:
            pause_s = max(RETRY_AFTER_S, RESTART_S - (loop.time() - began))
        except EngineError:
            pause_s = RETRY_AFTER_S
        await asyncio.sleep(pause_s)
        try:
            return await self._client.transcribe(pcm, kind="final")
        except EngineError as exc:
            _log.warning("utterance lost", extra={"error": type(exc).__name__})
            self._on_failure(exc)
            return None

    async def _promoted(self, speculation: Decode, pcm: bytes) -> Transcript | None:
        await asyncio.wait({speculation})
        found = None if speculation.cancelled() else speculation.result()
        return found if found is not None else await self._twice(pcm)
