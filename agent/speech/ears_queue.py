"""What waits for the engine: one batch at a time, in the order the scheduler says.

The loop side of the engine thread. Nothing here blocks: a batch runs on a thread of its own, and
whatever arrives meanwhile is the next batch. The queue is bounded; who is turned away is told at
once (see :mod:`agent.speech.scheduler` for the rules).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from agent.errors import EngineBusy, EngineError, EngineUnavailable
from agent.speech.features import Piece
from agent.speech.scheduler import Job, Kind, Limits, Refusal, Scheduler, Turned
from agent.speech.transcript import Segment

_log = logging.getLogger(__name__)

MAX_FAILURES = 3
"""Pieces lost one after another until the process gives up: a broken CUDA context does not mend, a
fresh process does. A caller's own bad piece, tried again by his side, makes two."""

Decode = Callable[[Sequence[Piece]], tuple[list[Segment], dict[str, float]]]
"""Blocking; see :meth:`agent.speech.engine.Ears.decode`."""


@dataclass(frozen=True, slots=True)
class Order:
    """Who asks, how urgently."""

    kind: Kind
    call: str
    deadline_s: float
    """By the clock of the event loop."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A piece that went through the engine."""

    segment: Segment
    timings: dict[str, float]
    """``queue_s``, ``encode_s`` and ``decode_s`` of its batch, and ``batch``, its size."""


@dataclass(frozen=True, slots=True, eq=False)
class _Open:
    piece: Piece
    answer: asyncio.Future[Decoded | EngineError]
    since_s: float


class EngineQueue:
    """Feeds one engine. Belongs to one event loop; :meth:`run` must run in it."""

    def __init__(self, decode: Decode, limits: Limits) -> None:
        self._decode = decode
        self._scheduler = Scheduler(limits)
        self._open: dict[int, _Open] = {}
        self._ids = itertools.count(1)
        self._wake = asyncio.Event()
        self.done = 0
        """Pieces decoded."""
        self.failed = 0
        """Pieces lost to errors of the engine."""
        self.turned_away: Counter[str] = Counter()
        """Pieces not decoded, by :class:`~agent.speech.scheduler.Refusal`."""
        self.batch_sizes: Counter[int] = Counter()
        self.buckets: Counter[int] = Counter()
        """Pieces decoded, by context."""

    @property
    def waiting(self) -> int:
        """Pieces in the queue."""
        return self._scheduler.waiting

    @property
    def pressure(self) -> float:
        """How long the queue makes wait, against what is promised; 1 = all of it."""
        return self._scheduler.pressure(_now())

    async def decode(self, piece: Piece, order: Order) -> Decoded:
        """Wait for the piece's turn and its words. Cancelling takes it out of the queue.

        Raises:
            EngineBusy: it was turned away, now or later.
            EngineUnavailable: its deadline passed, or the engine failed on it.
        """
        now, job_id = _now(), next(self._ids)
        answer: asyncio.Future[Decoded | EngineError] = asyncio.get_running_loop().create_future()
        self._open[job_id] = _Open(piece, answer, now)
        job = Job(
            id=job_id,
            call=order.call,
            kind=order.kind,
            bucket=piece.bucket,
            tokens=piece.tokens,
            arrived_s=now,
            deadline_s=order.deadline_s,
            single=piece.careful,
        )
        try:
            self._turn_away(self._scheduler.submit(job, now))
            self._wake.set()
            found = await answer
        finally:
            del self._open[job_id]
            self._scheduler.cancel(job_id)
        if isinstance(found, EngineError):
            raise found
        return found

    async def run(self) -> None:
        """Decode what waits until cancelled.

        Raises:
            EngineUnavailable: decoding failed several times in a row; start a fresh process.
        """
        failures = 0
        executor = ThreadPoolExecutor(1, thread_name_prefix="ears-engine")
        try:
            while failures < MAX_FAILURES:
                self._wake.clear()
                batch, expired = self._scheduler.take(_now())
                self._turn_away(expired)
                if not batch:
                    await self._wake.wait()
                elif (lost := await self._run_batch(executor, batch)) is None:
                    failures = 0
                else:
                    failures += lost
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
            for waiting in self._open.values():
                _tell(waiting, EngineUnavailable("The ears stop; try again in a moment."))
        raise EngineUnavailable("Decoding fails again and again; the ears must be restarted.")

    async def _run_batch(self, executor: ThreadPoolExecutor, batch: tuple[Job, ...]) -> int | None:
        """Decode a batch; None when that worked, else how many of it are lost."""
        began = _now()
        pieces = [self._open[job.id].piece for job in batch]
        waited = {job.id: began - self._open[job.id].since_s for job in batch}
        loop = asyncio.get_running_loop()
        try:
            segments, timings = await loop.run_in_executor(executor, self._decode, pieces)
        except (RuntimeError, ValueError, MemoryError) as exc:
            _log.error("batch failed", extra={"error": type(exc).__name__, "batch": len(batch)})
            return self._failed(batch)
        self._scheduler.finished(batch, _now())
        self._count(batch, timings, max(waited.values()))
        for job, segment in zip(batch, segments, strict=True):
            own = {"queue_s": waited[job.id], **timings, "batch": float(len(batch))}
            if job.id in self._open:
                _tell(self._open[job.id], Decoded(segment, own))
        return None

    def _failed(self, batch: tuple[Job, ...]) -> int:
        again, lost = self._scheduler.failed(batch, _now())
        for job in again:
            if job.id not in self._open:
                self._scheduler.cancel(job.id)  # its caller hung up meanwhile
        self.failed += len(lost)
        for job in lost:
            if job.id in self._open:
                _tell(self._open[job.id], EngineUnavailable("Decoding failed; see the ears' log."))
        return len(lost)

    def _count(self, batch: tuple[Job, ...], timings: dict[str, float], queue_s: float) -> None:
        self.done += len(batch)
        self.batch_sizes[len(batch)] += 1
        self.buckets[batch[0].bucket] += len(batch)
        _log.info(
            "batch decoded",
            extra={
                "batch": len(batch),
                "frames": batch[0].bucket,
                "waiting": self.waiting,
                "queue_s": round(queue_s, 4),
                "encode_s": round(timings["encode_s"], 4),
                "decode_s": round(timings["decode_s"], 4),
            },
        )

    def _turn_away(self, turned: Iterable[Turned]) -> None:
        for one in turned:
            self.turned_away[one.why.value] += 1
            if one.job.id in self._open:
                _tell(self._open[one.job.id], _refusal(one.why))


def _refusal(why: Refusal) -> EngineError:
    match why:
        case Refusal.EXPIRED:
            return EngineUnavailable("The ears did not get to it before its deadline.")
        case Refusal.REPLACED:
            return EngineBusy("A newer part of the same utterance took its place.")
        case Refusal.SHED:
            return EngineBusy("The ears are close to their limit and left this one out.")
        case _:
            return EngineBusy("The queue of the ears is full; try again in a moment.")


def _tell(waiting: _Open, found: Decoded | EngineError) -> None:
    if not waiting.answer.done():
        waiting.answer.set_result(found)


def _now() -> float:
    return asyncio.get_running_loop().time()
