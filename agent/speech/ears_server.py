"""The ears process: a bounded queue in front of one recogniser, served over the link."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.errors import EngineBusy, EngineUnavailable, ProtocolError
from agent.speech.checkpoint import Checkpoint
from agent.speech.link import Frame, Responder, serve
from agent.speech.transcript import Transcript, to_header

_log = logging.getLogger(__name__)

MAX_WAITING = 32
"""Utterances that may wait; one more is refused as busy, because its caller would hear nothing
for longer than he stays."""
MAX_DURATION_S = 60.0
"""Longest utterance of one request: a call cuts at 30 s."""
MAX_FAILURES = 3
"""Decodings that fail one after another until the process gives up: a broken CUDA context does
not mend, a fresh process does."""
_BYTES_PER_S = 2 * 16_000


class Recogniser(Protocol):
    """What the queue needs of :class:`agent.speech.engine.Ears`."""

    @property
    def checkpoint(self) -> Checkpoint:
        """The model that runs."""

    @property
    def language(self) -> str:
        """ISO 639-1 code."""

    def transcribe(self, pcm: NDArray[np.int16]) -> Transcript:
        """Blocking; shape (samples,), int16 mono at 16 kHz."""


@dataclass(frozen=True, slots=True)
class _Job:
    pcm: NDArray[np.int16]
    result: asyncio.Future[Transcript]
    queued_at: float


class EarsService:
    """Answers link requests from one recogniser, one utterance after another."""

    def __init__(self, ears: Recogniser, *, max_waiting: int = MAX_WAITING) -> None:
        self._ears = ears
        self._waiting: asyncio.Queue[_Job] = asyncio.Queue(max_waiting)
        self._done = 0

    async def run(self) -> None:
        """Decode what is queued until cancelled.

        Raises:
            EngineUnavailable: decoding failed several times in a row; start a fresh process.
        """
        failures = 0
        executor = ThreadPoolExecutor(1, thread_name_prefix="ears")
        try:
            while failures < MAX_FAILURES:
                job = await self._waiting.get()
                if job.result.done():
                    continue  # the caller hung up or went on speaking
                failures = 0 if await self._decode(executor, job) else failures + 1
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
        raise EngineUnavailable("Decoding fails again and again; the ears must be restarted.")

    async def handle(self, frame: Frame, respond: Responder) -> None:
        """Answer one request (see :class:`agent.speech.ears_client.EarsClient`)."""
        match frame.header.get("op"):
            case "transcribe":
                await respond.data(to_header(await self._transcribe(frame.payload)))
            case "stat":
                await respond.data(self._stat())
            case _:
                raise ProtocolError("The ears know the requests transcribe and stat.")

    async def _transcribe(self, payload: bytes) -> Transcript:
        if len(payload) % 2 or len(payload) > MAX_DURATION_S * _BYTES_PER_S:
            raise ProtocolError(
                f"An utterance is int16 mono at 16 kHz, at most {MAX_DURATION_S:g} s."
            )
        result: asyncio.Future[Transcript] = asyncio.get_running_loop().create_future()
        pcm = np.frombuffer(payload, dtype="<i2")
        try:
            self._waiting.put_nowait(_Job(pcm, result, time.perf_counter()))
        except asyncio.QueueFull:
            _log.warning("utterance refused", extra={"count": self._waiting.qsize()})
            raise EngineBusy("The queue of the ears is full; try again in a moment.") from None
        return await result  # cancelled with us when the caller hangs up

    async def _decode(self, executor: ThreadPoolExecutor, job: _Job) -> bool:
        """Decode one job; whether that worked."""
        queue_s = time.perf_counter() - job.queued_at
        loop = asyncio.get_running_loop()
        try:
            transcript = await loop.run_in_executor(executor, self._ears.transcribe, job.pcm)
        except (RuntimeError, ValueError, MemoryError) as exc:
            _log.error("decoding failed", extra={"error": type(exc).__name__})
            if not job.result.done():
                job.result.set_exception(EngineUnavailable("Decoding failed; see the ears' log."))
            return False
        self._done += 1
        timings = {"queue_s": round(queue_s, 4), **transcript.timings}
        _log.info("utterance decoded", extra={**timings, "duration_s": transcript.duration_s})
        if not job.result.done():
            job.result.set_result(replace(transcript, timings=timings))
        return True

    def _stat(self) -> dict[str, object]:
        facts = self._ears.checkpoint.facts
        return {
            "ready": True,
            "model": self._ears.checkpoint.name,
            "version": facts.version,
            "demo": facts.demo,
            "language": self._ears.language,
            "waiting": self._waiting.qsize(),
            "done": self._done,
        }


async def serve_ears(
    ears: Recogniser, url: str, *, token: str = "", ready: asyncio.Event | None = None
) -> None:
    """Serve ``ears`` at ``url`` until cancelled.

    Raises:
        ConfigurationError: the address is wrong, taken, or open without a token.
        EngineUnavailable: the recogniser is broken; a fresh process may help.
    """
    service = EarsService(ears)
    decoding = asyncio.ensure_future(service.run())
    serving = asyncio.ensure_future(serve(url, service.handle, token=token, ready=ready))
    try:
        await asyncio.wait({decoding, serving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (decoding, serving):
            task.cancel()
        results = await asyncio.gather(decoding, serving, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
