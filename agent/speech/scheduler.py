"""Which waiting utterances are decoded next (pure: the clock is an argument, nothing is awaited).

One :class:`Scheduler` belongs to one engine. It batches while the engine is busy: whoever waits
when a batch ends is the next batch, so an idle engine adds no delay at all. A timed window to
collect more gained nothing in simulation (0 to 40 ms: the same p95; 80 ms: worse).

Order: finals before speculation before clauses before interims, the earliest deadline first, and a
call's committed words (finals, clauses) never out of order. A batch holds one context length,
because another padding gives other words; and nobody much longer than the rest, because all items
of a batch are answered when its longest ends.
"""

from __future__ import annotations

import statistics
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

INTERIMS_UNTIL = 0.3
SPECULATION_UNTIL = 0.5
NEW_CALLS_UNTIL = 0.8
"""Pressure over which interims, speculation and calls not served before are refused: what costs the
caller least goes first (simulated for the design: periodic interims alone halve the calls a GPU
carries)."""
PRESSURE_WINDOW_S = 5.0
"""Waits of this long ago still count: a queue that was long recently is one turn from being so."""
KNOWN_CALLS = 4096
"""Calls remembered as served; far more than one engine carries."""


class Kind(StrEnum):
    """What an utterance is decoded for, the most urgent first."""

    FINAL = "final"
    """The caller has stopped: somebody waits for the answer."""
    PREFLIGHT = "preflight"
    """Decoded on suspicion at the first silence; worthless once the caller goes on."""
    CLAUSE = "clause"
    """A closed part of a long utterance; its end is still being spoken."""
    INTERIM = "interim"
    """For show; the next one replaces it."""


class Refusal(StrEnum):
    """Why an utterance is not decoded."""

    FULL = "full"
    """The queue is full of utterances at least as urgent."""
    SHED = "shed"
    """The engine is behind; this kind is given up first."""
    REPLACED = "replaced"
    """A newer interim of the same call came."""
    EXPIRED = "expired"
    """Its deadline (or an interim's age) passed while it waited."""


_URGENCY = {kind: number for number, kind in enumerate(Kind)}
_SPARED = (Kind.INTERIM, Kind.PREFLIGHT, Kind.CLAUSE)
"""Evicted for a final, in this order."""


@dataclass(frozen=True, slots=True)
class Job:
    """One utterance (or a piece of one) that waits for the engine."""

    id: int
    """Unique among all jobs of one scheduler."""
    call: str
    """Opaque; jobs of one call keep their order. Empty: belongs to no call."""
    kind: Kind
    bucket: int
    """Context length in frames; a batch has one."""
    tokens: float
    """Predicted decoder steps."""
    arrived_s: float
    deadline_s: float
    """By the same clock; from then on nobody waits for it."""
    single: bool = False
    """Must be decoded alone: the batch it was in failed."""

    @property
    def committed(self) -> bool:
        """Whether its words will stand in the transcript."""
        return self.kind in (Kind.FINAL, Kind.CLAUSE)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may wait and go together."""

    max_batch: int = 16
    """Items; 8 on cards of 8 GB."""
    max_waiting: int = 64
    """Jobs in the queue, of all kinds."""
    slo_s: float = 0.5
    """The wait promised; pressure is measured against it."""
    interim_age_s: float = 1.0
    """An interim older than this shows what nobody wants to see any more."""
    mixing: float = 3.0
    """An item predicted longer than this many medians of the batch waits for another."""


@dataclass(frozen=True, slots=True)
class Turned:
    """Somebody must be told that this job will not be decoded."""

    job: Job
    why: Refusal


class Scheduler:
    """The queue of one engine. Not for several threads."""

    def __init__(self, limits: Limits | None = None) -> None:
        """Begin with nothing waiting."""
        self._limits = limits or Limits()
        self._waiting: dict[int, Job] = {}
        self._running: dict[int, Job] = {}
        self._waits: deque[tuple[float, float]] = deque()
        self._served: OrderedDict[str, None] = OrderedDict()

    @property
    def waiting(self) -> int:
        """Jobs in the queue."""
        return len(self._waiting)

    def submit(self, job: Job, now: float) -> tuple[Turned, ...]:
        """Take a job in.

        Returns:
            Who is turned away for it: older or less urgent jobs, or the job itself. Empty when
            there was room for all.
        """
        if job.id in self._waiting or job.id in self._running:
            raise ValueError("This job id is already in use.")
        if job.deadline_s <= now:
            return (Turned(job, Refusal.EXPIRED),)
        if self._sheds(job, now):
            return (Turned(job, Refusal.SHED),)
        turned = self._replaced(job)
        if len(self._waiting) - len(turned) >= self._limits.max_waiting:
            victim = self._victim(job)
            if victim is None:
                return (Turned(job, Refusal.FULL),)
            turned = (*turned, Turned(victim, Refusal.FULL))
        for one in turned:
            del self._waiting[one.job.id]
        self._waiting[job.id] = job
        return turned

    def cancel(self, job_id: int) -> bool:
        """Forget a job that still waits; whether it did."""
        return self._waiting.pop(job_id, None) is not None

    def take(self, now: float) -> tuple[tuple[Job, ...], tuple[Turned, ...]]:
        """The next batch, and who waited too long.

        Call it whenever the engine is idle; an empty batch means that nothing waits.
        """
        expired = self._expire(now)
        order = self._order()
        if not order:
            return (), expired
        first = order[0]
        batch = (first,) if first.single else self._fill(first, order)
        for job in batch:
            self._running[job.id] = self._waiting.pop(job.id)
            self._waits.append((now, now - job.arrived_s))
        return batch, expired

    def finished(self, batch: Iterable[Job], now: float) -> None:
        """The engine has decoded the batch."""
        for job in batch:
            self._running.pop(job.id, None)
            if job.call:
                self._served[job.call] = None
                self._served.move_to_end(job.call)
        while len(self._served) > KNOWN_CALLS:
            self._served.popitem(last=False)

    def failed(self, batch: Sequence[Job], now: float) -> tuple[tuple[Job, ...], tuple[Job, ...]]:
        """The engine failed on the batch: one poisoned item fails all (CTranslate2).

        Returns:
            The jobs put back, each to be decoded alone and only once more; and those that were
            alone already and are lost.
        """
        again, lost = [], []
        for job in batch:
            self._running.pop(job.id, None)
            if job.single or len(batch) == 1:
                lost.append(job)
            else:
                back = replace(job, single=True)
                self._waiting[job.id] = back
                again.append(back)
        return tuple(again), tuple(lost)

    def pressure(self, now: float) -> float:
        """How long jobs wait, against what is promised: 95th percentile over ``slo_s``.

        The jobs that wait now count with what they have waited so far, so that an engine that
        hangs is noticed before its batch ends.
        """
        while self._waits and self._waits[0][0] < now - PRESSURE_WINDOW_S:
            self._waits.popleft()
        waits = [wait for _, wait in self._waits]
        waits += [now - job.arrived_s for job in self._waiting.values()]
        if not waits:
            return 0.0
        waits.sort()
        return max(0.0, waits[int(0.95 * (len(waits) - 1))]) / self._limits.slo_s

    def _sheds(self, job: Job, now: float) -> bool:
        pressure = self.pressure(now)
        match job.kind:
            case Kind.INTERIM:
                return pressure > INTERIMS_UNTIL
            case Kind.PREFLIGHT:
                return pressure > SPECULATION_UNTIL
            case _:
                known = not job.call or job.call in self._served or self._has_job(job.call)
                return pressure > NEW_CALLS_UNTIL and not known

    def _has_job(self, call: str) -> bool:
        jobs = (*self._waiting.values(), *self._running.values())
        return any(job.call == call for job in jobs)

    def _replaced(self, job: Job) -> tuple[Turned, ...]:
        if job.kind is not Kind.INTERIM or not job.call:
            return ()
        return tuple(
            Turned(old, Refusal.REPLACED)
            for old in self._waiting.values()
            if old.kind is Kind.INTERIM and old.call == job.call
        )

    def _victim(self, job: Job) -> Job | None:
        """The least urgent job that may go for a more urgent one."""
        for kind in _SPARED:
            if _URGENCY[kind] <= _URGENCY[job.kind]:
                continue
            jobs = [old for old in self._waiting.values() if old.kind is kind and not old.single]
            if jobs:
                return max(jobs, key=self._urgency)
        return None

    def _expire(self, now: float) -> tuple[Turned, ...]:
        age = self._limits.interim_age_s
        gone = [
            job
            for job in self._waiting.values()
            if job.deadline_s <= now or (job.kind is Kind.INTERIM and now - job.arrived_s > age)
        ]
        for job in gone:
            del self._waiting[job.id]
        return tuple(Turned(job, Refusal.EXPIRED) for job in gone)

    @staticmethod
    def _urgency(job: Job) -> tuple[int, float, int]:
        return _URGENCY[job.kind], job.deadline_s, job.id

    def _order(self) -> list[Job]:
        """The jobs that may go now, the most urgent first.

        Of a call's committed jobs only the earliest may go, and it is as urgent as the most urgent
        behind it: a clause must not hold up the final that waits for it.
        """
        earliest: dict[str, Job] = {}
        inherited: dict[str, tuple[int, float]] = {}
        for job in self._waiting.values():
            if job.committed and job.call:
                if job.call not in earliest or job.id < earliest[job.call].id:
                    earliest[job.call] = job
                own = _URGENCY[job.kind], job.deadline_s
                inherited[job.call] = min(own, inherited.get(job.call, own))

        def urgency(job: Job) -> tuple[int, float, int]:
            if job.committed and job.call:
                return (*inherited[job.call], job.id)
            return self._urgency(job)

        free = (j for j in self._waiting.values() if not (j.committed and j.call))
        return sorted([*free, *earliest.values()], key=urgency)

    def _fill(self, first: Job, order: Sequence[Job]) -> tuple[Job, ...]:
        """The batch around its most urgent job."""
        batch = [first]
        for job in order:
            if len(batch) == self._limits.max_batch:
                break
            if job is first or job.bucket != first.bucket or job.single:
                continue
            median = statistics.median(other.tokens for other in batch)
            # Neither may the newcomer hold up the batch nor the batch the newcomer's company.
            if job.tokens <= self._limits.mixing * median:
                batch.append(job)
        return tuple(batch)
