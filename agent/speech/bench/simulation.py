"""The scheduler over an engine that only takes time: what batching can bring (pure).

No model, no clock: an engine whose batch of ``b`` takes 80 + 4 b ms, which is about what a
large-v3-turbo costs on a small card, is fed by the real scheduler, and by a lock. Repeatable to the
last digit, so a change of the scheduler shows here first.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from agent.speech.bench.clips import LEAD_S, TAIL_S, lengths_s
from agent.speech.bench.figures import SLO_S, quantiles
from agent.speech.bench.load import arrivals
from agent.speech.checkpoint import Facts
from agent.speech.contexts import bucket_of, predicted_tokens
from agent.speech.scheduler import Job, Kind, Limits, Scheduler

FIXED_S, EACH_S = 0.080, 0.004
"""Of a batch; of each item in it."""
MAX_BATCH = 16
BACKLOG = 64
GOAL = 8.0
"""Least ratio; 84 / 9 = 9.3 is what batches of 16 could bring at most."""
_SHORT = Facts(short_context=True, tail_frames=100, min_frames=600)
_LENGTHS = 200
_DEADLINE_S = 8.0


@dataclass(slots=True)
class Simulated:
    """What one run of simulated time came to."""

    utterances: int = 0
    seconds: float = 0.0
    turned_away: int = 0
    latencies_s: list[float] = field(default_factory=list)
    batches: Counter[int] = field(default_factory=Counter)

    @property
    def per_s(self) -> float:
        """Utterances a second."""
        return self.utterances / self.seconds if self.seconds else 0.0


def saturated(max_batch: int, seconds: float = 120.0, *, contexts: bool = True) -> Simulated:
    """An engine that never waits: whenever it is idle, :data:`BACKLOG` utterances do.

    Args:
        max_batch: 1 is a lock.
        seconds: simulated.
        contexts: utterances come in several context lengths, as with a short context, which do
            not share a batch.
    """
    scheduler = Scheduler(Limits(max_batch=max_batch, max_waiting=BACKLOG))
    found, now, number = Simulated(), 0.0, 0
    lengths = lengths_s(_LENGTHS, np.random.default_rng(0))
    while now < seconds:
        while scheduler.waiting < BACKLOG:
            length_s = lengths[number % _LENGTHS]
            scheduler.submit(_job(number, "", now, length_s, contexts), now)
            number += 1
        batch, expired = scheduler.take(now)
        found.turned_away += len(expired)
        now += FIXED_S + EACH_S * len(batch)
        scheduler.finished(batch, now)
        found.utterances += len(batch)
        found.batches[len(batch)] += 1
    found.seconds = now
    return found


def open_load(max_batch: int, sessions: int, seconds: float = 90.0, seed: int = 0) -> Simulated:
    """So many calls that come on their own time; a lock refuses nobody."""
    rng = np.random.default_rng(seed)
    lengths = lengths_s(_LENGTHS, rng)
    waiting = BACKLOG if max_batch > 1 else 10**9
    scheduler = Scheduler(Limits(max_batch=max_batch, max_waiting=waiting))
    found = Simulated(seconds=seconds)
    coming = [
        (one.at_s, number, one)
        for number, one in enumerate(arrivals(sessions, seconds, _LENGTHS, rng))
    ]
    heapq.heapify(coming)
    free_at = 0.0
    while coming or scheduler.waiting:
        while coming and (coming[0][0] <= free_at or not scheduler.waiting):
            at_s, number, one = heapq.heappop(coming)
            call = str(one.session) if max_batch > 1 else ""
            job = _job(number, call, at_s, lengths[one.clip], contexts=True)
            found.turned_away += len(scheduler.submit(job, at_s))
            free_at = max(free_at, at_s)
        batch, expired = scheduler.take(free_at)
        found.turned_away += len(expired)
        free_at += FIXED_S + EACH_S * len(batch) if batch else 0.0
        scheduler.finished(batch, free_at)
        found.latencies_s += [free_at - job.arrived_s for job in batch]
        found.utterances += len(batch)
        found.batches[len(batch)] += 1
    found.latencies_s += [float("inf")] * found.turned_away
    return found


def capacity(max_batch: int, steps: Sequence[int]) -> int:
    """Most sessions of ``steps`` (rising) whose 95th percentile keeps the promise."""
    most = 0
    for sessions in steps:
        if quantiles(open_load(max_batch, sessions).latencies_s).p95 > SLO_S:
            break
        most = sessions
    return most


def report() -> tuple[dict[str, float], str]:
    """The figures and what is printed of them."""
    lock, ours = saturated(1), saturated(MAX_BATCH)
    mean_batch = ours.utterances / sum(ours.batches.values())
    one_context = saturated(MAX_BATCH, contexts=False).per_s / lock.per_s
    lock_sessions = capacity(1, _rising(20))
    figures = {
        "lock_per_s": lock.per_s,
        "kural_per_s": ours.per_s,
        "ratio": ours.per_s / lock.per_s,
        "ratio_one_context": one_context,
        "mean_batch": mean_batch,
        "lock_sessions": lock_sessions,
        "kural_sessions": capacity(MAX_BATCH, _rising(4 * lock_sessions)),
    }
    lines = [
        "Simulated engine: a batch of b takes 80 + 4 b ms, at most 16 (no model, no clock).",
        f"  always full   lock {lock.per_s:.1f} utterances/s, kural {ours.per_s:.1f}/s in batches "
        f"of {mean_batch:.1f}: {figures['ratio']:.1f}x",
        f"  one context   {one_context:.1f}x (several contexts do not share a batch; the most "
        "possible is 9.3x)",
        f"  open load     p95 <= 500 ms: lock {figures['lock_sessions']} sessions, kural "
        f"{figures['kural_sessions']}",
    ]
    return figures, "\n".join(lines)


def _rising(first: int) -> list[int]:
    return [round(first * 1.1**n) for n in range(40)]


def _job(number: int, call: str, now: float, length_s: float, contexts: bool) -> Job:
    frames = round(100 * (LEAD_S + length_s + TAIL_S))
    return Job(
        id=number,
        call=call,
        kind=Kind.FINAL,
        bucket=bucket_of(frames, _SHORT if contexts else Facts()),
        tokens=predicted_tokens(length_s),
        arrived_s=now,
        deadline_s=now + _DEADLINE_S,
    )
