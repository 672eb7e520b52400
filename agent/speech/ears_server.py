"""The ears process: requests from the link, prepared on a few threads, decoded in batches."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.errors import EngineBusy, EngineError, EngineUnavailable, ProtocolError
from agent.speech.checkpoint import Checkpoint
from agent.speech.ears_queue import Decoded, EngineQueue, Order
from agent.speech.engine import add_timings, better_of, transcript_of, worth_a_second_try
from agent.speech.features import Piece, Prepared
from agent.speech.link import Frame, Responder, serve
from agent.speech.scheduler import Kind, Limits
from agent.speech.transcript import Segment, Transcript, to_header

if TYPE_CHECKING:
    import ssl

_log = logging.getLogger(__name__)

MAX_WAITING = 64
"""Pieces that may wait, and utterances that may be prepared at a time; one more is refused as busy,
because its caller would hear nothing for longer than he stays."""
MAX_DURATION_S = 60.0
"""Longest utterance of one request: a call cuts at 30 s."""
_BYTES_PER_S = 2 * 16_000


class Recogniser(Protocol):
    """What the service needs of :class:`agent.speech.engine.Ears`."""

    language: str
    """ISO 639-1 code."""

    @property
    def checkpoint(self) -> Checkpoint:
        """The model that runs."""

    @property
    def max_batch(self) -> int:
        """Most pieces of one decode."""

    @property
    def buckets(self) -> tuple[int, ...]:
        """Contexts in use, frames."""

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda``."""

    @property
    def compute_type(self) -> str:
        """Of CTranslate2."""

    def prepare(self, pcm: NDArray[np.int16]) -> Prepared:
        """Blocking, on any thread; shape (samples,), int16 mono at 16 kHz."""

    def decode(self, pieces: Sequence[Piece]) -> tuple[list[Segment], dict[str, float]]:
        """Blocking, on one thread; a batch of one bucket."""


class _Request(BaseModel):
    """Header of a request for words."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    kind: Kind = Kind.FINAL
    call: str = Field(default="", max_length=64)
    deadline_s: float = Field(default=8.0, gt=0, le=600)


class EarsService:
    """Answers link requests from one recogniser."""

    def __init__(
        self, ears: Recogniser, *, max_waiting: int = MAX_WAITING, prepare_threads: int = 1
    ) -> None:
        """Wire it; nothing is decoded until :meth:`run`.

        Args:
            ears: the recogniser.
            max_waiting: pieces that may wait for the engine.
            prepare_threads: utterances whose features are computed at a time.
        """
        self._ears = ears
        self._max_waiting = max_waiting
        limits = Limits(max_batch=ears.max_batch, max_waiting=max_waiting)
        self._queue = EngineQueue(ears.decode, limits)
        self._prepare_pool = ThreadPoolExecutor(prepare_threads, thread_name_prefix="ears-prepare")
        self._preparing = 0
        self._began = time.monotonic()
        self._counts: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()

    async def run(self) -> None:
        """Decode what is queued until cancelled.

        Raises:
            EngineUnavailable: decoding failed several times in a row; start a fresh process.
        """
        try:
            await self._queue.run()
        finally:
            self._prepare_pool.shutdown(wait=False, cancel_futures=True)

    async def handle(self, frame: Frame, respond: Responder) -> None:
        """Answer one request (see :class:`agent.speech.ears_client.EarsClient`)."""
        match frame.header.get("op"):
            case "transcribe":
                await respond.data(to_header(await self._transcribe(frame)))
            case "stat":
                await respond.data(self.stat())
            case _:
                raise ProtocolError("The ears know the requests transcribe and stat.")

    def stat(self) -> dict[str, object]:
        """What runs here and how it goes; see :meth:`EarsClient.stat`."""
        facts, queue = self._ears.checkpoint.facts, self._queue
        return {
            "ready": True,
            "model": self._ears.checkpoint.name,
            "version": facts.version,
            "demo": facts.demo,
            "language": self._ears.language,
            "device": self._ears.device,
            "compute_type": self._ears.compute_type,
            "max_batch": self._ears.max_batch,
            "preparing": self._preparing,
            "waiting": queue.waiting,
            "pressure": round(queue.pressure, 3),
            "done": self._counts["done"],
            "failed": self._counts["failed"],
            "shed": dict(queue.turned_away),
            "dropped": dict(self._dropped),
            "retried": self._counts["retried"],
            "rescued": self._counts["rescued"],
            "batches": {str(size): n for size, n in sorted(queue.batch_sizes.items())},
            "buckets": {str(bucket): queue.buckets[bucket] for bucket in self._ears.buckets},
            "rss_bytes": _resident_bytes(),
            "uptime_s": round(time.monotonic() - self._began, 1),
        }

    async def _transcribe(self, frame: Frame) -> Transcript:
        request = _request_of(frame)
        now = asyncio.get_running_loop().time()
        order = Order(request.kind, request.call, now + request.deadline_s)
        pcm = np.frombuffer(frame.payload, dtype="<i2")
        try:
            async with asyncio.timeout_at(order.deadline_s):
                transcript = await self._heard(pcm, order, now)
        except TimeoutError:
            self._counts["failed"] += 1
            raise EngineUnavailable("The ears were not done before the deadline.") from None
        except EngineError as exc:
            self._counts["failed"] += isinstance(exc, EngineUnavailable)
            raise
        self._counts["done"] += 1
        self._dropped.update(dropped.reason.value for dropped in transcript.dropped)
        return transcript

    async def _heard(self, pcm: NDArray[np.int16], order: Order, arrived: float) -> Transcript:
        loop = asyncio.get_running_loop()
        prepared = await self._prepared(pcm)
        timings = dict(prepared.timings)
        timings["queue_s"] = max(0.0, loop.time() - arrived - sum(timings.values()))
        segments = []
        # One after another: a newer piece must not replace or overtake an older one of its call.
        for piece in prepared.pieces:
            segments.append(await self._decoded(piece, order, timings))
        timings["total_s"] = loop.time() - arrived
        return transcript_of(prepared, segments, timings, self._ears.language)

    async def _prepared(self, pcm: NDArray[np.int16]) -> Prepared:
        if self._preparing >= self._max_waiting:
            self._queue.turned_away["full"] += 1
            _log.warning("utterance refused", extra={"count": self._preparing})
            raise EngineBusy("The queue of the ears is full; try again in a moment.")
        self._preparing += 1
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._prepare_pool, self._ears.prepare, pcm)
        finally:
            self._preparing -= 1

    async def _decoded(self, piece: Piece, order: Order, timings: dict[str, float]) -> Segment:
        """The piece's words, from a second try if the first went astray."""
        first = await self._queue.decode(piece, order)
        add_timings(timings, first.timings)
        if order.kind is Kind.INTERIM or not worth_a_second_try(first.segment):
            return first.segment
        self._counts["retried"] += 1
        try:
            second: Decoded = await self._queue.decode(replace(piece, careful=True), order)
        except EngineError:
            return first.segment
        add_timings(timings, second.timings)
        best = better_of(first.segment, second.segment)
        self._counts["rescued"] += best.dropped is None
        return best


def _request_of(frame: Frame) -> _Request:
    if len(frame.payload) % 2 or len(frame.payload) > MAX_DURATION_S * _BYTES_PER_S:
        raise ProtocolError(f"An utterance is int16 mono at 16 kHz, at most {MAX_DURATION_S:g} s.")
    try:
        return _Request.model_validate(frame.header)
    except ValidationError:
        raise ProtocolError(
            "A request for words has a kind, a call of at most 64 letters and a deadline_s."
        ) from None


def _resident_bytes() -> int:
    """Memory of this process; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


async def serve_ears(
    ears: Recogniser,
    url: str,
    *,
    token: str = "",
    ready: asyncio.Event | None = None,
    tls: ssl.SSLContext | None = None,
    prepare_threads: int = 1,
) -> None:
    """Serve ``ears`` at ``url`` until cancelled.

    Args:
        ears: the recogniser.
        url: ``unix:///path``, ``tcp://host:port`` or ``tcps://host:port``.
        token: what clients must present.
        ready: set once connections are accepted.
        tls: for ``tcps``, from :func:`agent.speech.tls.server_context`.
        prepare_threads: utterances whose features are computed at a time.

    Raises:
        ConfigurationError: the address is wrong, taken, or open without a token.
        EngineUnavailable: the recogniser is broken; a fresh process may help.
    """
    service = EarsService(ears, prepare_threads=prepare_threads)
    decoding = asyncio.ensure_future(service.run())
    serving = asyncio.ensure_future(serve(url, service.handle, token=token, ready=ready, tls=tls))
    try:
        await asyncio.wait({decoding, serving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (decoding, serving):
            task.cancel()
        results = await asyncio.gather(decoding, serving, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
