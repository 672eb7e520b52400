"""The decodes one call has running: begun at once, tried twice, kept as sound when lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from agent.errors import EngineBusy, EngineError, EngineUnavailable
from agent.speech.transcript import Transcript

_log = logging.getLogger(__name__)

RETRY_AFTER_S = 0.25
"""Pause between two tries of an utterance."""
MOST_TRIES = 2
BUSY_PAUSES_S = (0.1, 0.2, 0.4)
"""Pauses after a refusal: a burst of new calls is over in less, and a caller waits that long."""
RESTART_S = 4.0
"""Ears that are gone are asked for this long, however often: a killed process is back in 1.0 to
1.6 s with a small model, and a caller still waits."""
UNANSWERED_S = 1.0
"""An utterance that waited longer when the call ended counts as lost: living ears answer sooner."""

Kind = Literal["final", "preflight", "clause", "interim"]
"""How urgent a decode is. Finals and clauses are *committed*: they were said, whatever follows."""
Decode = asyncio.Task[Transcript | None]
"""None means that it could not be decoded."""
OnLost = Callable[[bytes, float], Awaitable[None]]
"""Takes the sound (int16 mono at 16 kHz) of an utterance that nobody could decode, and where it
ends in seconds from the beginning of the stream."""


class Recogniser(Protocol):
    """Who turns sound into words: :class:`agent.speech.ears_client.EarsClient` and others."""

    async def transcribe(self, pcm: bytes, *, kind: Kind = "final", call: str = "") -> Transcript:
        """The words in ``pcm`` (int16 mono at 16 kHz) of the named call; raises EngineError."""

    async def aclose(self) -> None:
        """Let go of the connection."""


@dataclass(slots=True)
class _Utterance:
    """What was said and has to be answered."""

    kind: Kind
    pcm: bytes
    end_s: float
    began: float
    """Loop time of its first try."""
    failed: bool = False


class Decodes:
    """Owns the decode tasks of one stream; ``aclose`` cancels and awaits what is left."""

    def __init__(
        self,
        client: Recogniser,
        on_failure: Callable[[EngineError], None],
        *,
        call: str = "",
        on_lost: OnLost | None = None,
    ) -> None:
        """Begin with none.

        Args:
            client: the ears, or who stands before them.
            on_failure: told when an utterance is lost for good, before its task ends with None.
            call: opaque name of the call, at most 64 letters.
            on_lost: given the sound of such an utterance, and of one that was still waiting for
                ears in trouble when the call ended; awaited before the task ends.
        """
        self._client = client
        self._on_failure = on_failure
        self._call = call
        self._on_lost = on_lost
        self._closing = False
        self._tasks: set[Decode] = set()
        self._keeping: set[asyncio.Task[None]] = set()
        """What goes to ``on_lost``; never cancelled."""

    def begin(self, kind: Kind, pcm: bytes, end_s: float = 0.0) -> Decode:
        """Decode ``pcm``. A preflight is tried once: its final comes soon anyway."""
        if kind in ("final", "clause"):
            return self._own(self._committed(self._utterance(kind, pcm, end_s)))
        return self._own(self._once(kind, pcm))

    def promote(
        self, speculation: Decode, pcm: bytes, end_s: float = 0.0, kind: Kind = "final"
    ) -> Decode:
        """Take a speculation as the answer to ``pcm``; decode again if it failed."""
        return self._own(self._committed(self._utterance(kind, pcm, end_s), speculation))

    async def aclose(self) -> None:
        """Cancel what still runs, and wait until lost sound is kept."""
        self._closing = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*self._keeping)

    def _utterance(self, kind: Kind, pcm: bytes, end_s: float) -> _Utterance:
        return _Utterance(kind, pcm, end_s, asyncio.get_running_loop().time())

    def _own(self, work: Coroutine[Any, Any, Transcript | None]) -> Decode:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _once(self, kind: Kind, pcm: bytes) -> Transcript | None:
        try:
            return await self._client.transcribe(pcm, kind=kind, call=self._call)
        except EngineError as exc:
            _log.info("decode failed", extra={"kind": kind, "error": type(exc).__name__})
            return None

    async def _committed(
        self, said: _Utterance, speculation: Decode | None = None
    ) -> Transcript | None:
        try:
            found = await _outcome(speculation) if speculation is not None else None
            return found if found is not None else await self._twice(said)
        except asyncio.CancelledError:
            waited_s = asyncio.get_running_loop().time() - said.began
            if self._closing and (said.failed or waited_s > UNANSWERED_S):
                await self._keep(said)
            raise

    async def _twice(self, said: _Utterance) -> Transcript | None:
        """Ask twice; ears that are gone for as long as a restart takes."""
        loop = asyncio.get_running_loop()
        tries, began = 0, loop.time()
        while True:
            tries += 1
            try:
                return await self._patiently(said)
            except EngineError as exc:
                said.failed = True
                gone = isinstance(exc, EngineUnavailable) and loop.time() - began < RESTART_S
                if tries >= MOST_TRIES and not gone:
                    _log.warning("utterance lost", extra={"error": type(exc).__name__})
                    await self._keep(said)
                    self._on_failure(exc)
                    return None
            await asyncio.sleep(RETRY_AFTER_S)

    async def _patiently(self, said: _Utterance) -> Transcript:
        """Ask; ears that are only busy are asked again after growing pauses."""
        for pause_s in BUSY_PAUSES_S:
            try:
                return await self._client.transcribe(said.pcm, kind=said.kind, call=self._call)
            except EngineBusy:
                await asyncio.sleep(pause_s)
        return await self._client.transcribe(said.pcm, kind=said.kind, call=self._call)

    async def _keep(self, said: _Utterance) -> None:
        if self._on_lost is not None:
            task = asyncio.ensure_future(self._on_lost(said.pcm, said.end_s))
            self._keeping.add(task)
            task.add_done_callback(self._keeping.discard)
            await asyncio.shield(task)


async def _outcome(speculation: Decode) -> Transcript | None:
    await asyncio.wait({speculation})
    return None if speculation.cancelled() else speculation.result()
