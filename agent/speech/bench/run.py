"""The order of a run: who is measured when, for how long, so that a noisy machine is fair to all.

Arms take turns in short rounds; no arm is measured to its end before the next one begins.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.errors import EngineError
from agent.speech.bench.arms import LABELS, Arm, Compute
from agent.speech.bench.clips import SEED, Clip, make_clips, read_clips
from agent.speech.bench.figures import Findings, Memory, Saturated, Step, step_of
from agent.speech.bench.load import PER_MINUTE, arrivals, open_load, saturate
from agent.speech.bench.process import Running, running
from agent.speech.bench.transport import measure_transport

Say = Callable[[str], None]
"""Tells whoever waits how far it is."""

IN_FLIGHT = {Arm.LOCK_LONG: 2, Arm.LOCK_SHORT: 3, Arm.MODEL_EACH: 8, Arm.KURAL: 32}
"""A full queue: none ever waits for us. More would make no arm faster: a lock takes one at a time,
and of 32 kural can choose batches of 16."""
RISE = 1.5
LEAST_UTTERANCES = 20
"""Of a step of open load, where time allows: a 95th percentile of fewer is the worst of them."""
SHORTEST_STEP_S, LONGEST_STEP_S = 4.0, 12.0
MOST_MODELS = 64
"""Calls that get a model of their own; more are not tried."""
MODELS_KEEP_FREE = 0.3
"""Share of the memory left alone by them."""
DEADLINE_S = 5.0
"""An answer later than this is lost."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure."""

    compute: Compute
    arms: tuple[Arm, ...] = tuple(Arm)
    seconds: float = 220.0
    """For everything, about."""
    clips: Path | None = None
    """Folder of recordings; None = made from the seed."""
    clip_count: int = 24
    sessions: tuple[int, ...] = ()
    """Of the open load; empty = by what each arm does at full speed."""
    rounds: int = 2
    """Of the full queue."""
    memory_sessions: tuple[int, ...] = (1, 4, 8)
    first_share: float = 0.2
    """Of what an arm does at full speed: where its open load begins."""


async def run_bench(plan: Plan, findings: Findings, say: Say) -> None:
    """Measure everything of ``plan`` into ``findings``; what is done stays when it is cut short.

    Raises:
        AgentError: an arm does not start, or the clips cannot be had.
    """
    until = time.perf_counter() + plan.seconds
    say("speaking the clips ..." if plan.clips is None else "reading the clips ...")
    clips = await _clips(plan)
    findings.plan["clips"] = len(clips)
    findings.plan["clips_mean_s"] = round(float(np.mean([c.duration_s for c in clips])), 2)
    async with _all_running(plan, say) as arms:
        measured = _Measured(plan, arms, clips, findings, say)
        if Arm.KURAL in arms:
            stat = await arms[Arm.KURAL].clients[0].stat()
            findings.plan["compute_type"] = stat["compute_type"]
        await measured.memory()
        await measured.full_queue(0.25 * plan.seconds / (plan.rounds * len(arms)))
        await measured.open_load(until - 4)
        say("the link alone ...")
        findings.transport = await measure_transport(
            arms[None], min(4.0, plan.seconds / 20), seed=SEED
        )


async def _clips(plan: Plan) -> list[Clip]:
    if plan.clips is not None:
        return await asyncio.to_thread(read_clips, plan.clips)
    return await make_clips(plan.clip_count)


@contextlib.asynccontextmanager
async def _all_running(plan: Plan, say: Say) -> AsyncIterator[dict[Arm | None, Running]]:
    """A process for each arm and one for the link alone."""
    arms: dict[Arm | None, Running] = {}
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kural-bench-")))
        for arm in (*plan.arms, None):
            arms[arm] = await stack.enter_async_context(
                running(arm, plan.compute, folder, deadline_s=DEADLINE_S if arm else 10.0)
            )
        for arm, process in arms.items():
            say(f"starting {LABELS[arm] if arm else 'the link alone'} ...")
            await process.ready
        yield arms


class _Measured:
    """A run's arms, and where their figures go."""

    def __init__(
        self,
        plan: Plan,
        arms: dict[Arm | None, Running],
        clips: Sequence[Clip],
        findings: Findings,
        say: Say,
    ) -> None:
        self._plan = plan
        self._arms = {arm: process for arm, process in arms.items() if arm is not None}
        self._clips = clips
        self._findings = findings
        self._say = say

    async def memory(self) -> None:
        """So many sessions at once in every arm, and what it holds then; warms all up, too."""
        for sessions in self._plan.memory_sessions:
            for arm, process in self._arms.items():
                self._say(f"memory, {sessions} at once: {LABELS[arm]} ...")
                await process.expect(sessions)
                few = self._clips[:sessions]
                await saturate(process, few, in_flight=sessions, sessions=sessions, at_least_s=0)
                held = process.memory_bytes()
                self._findings.memory.append(Memory(arm, sessions, held["pss"], held["rss"]))

    async def full_queue(self, seconds: float) -> None:
        """Every arm as fast as it can, in turns."""
        for number in range(self._plan.rounds):
            for arm, process in self._turns(number):
                self._say(
                    f"full queue, round {number + 1} of {self._plan.rounds}: {LABELS[arm]} ..."
                )
                found = await saturate(
                    process,
                    self._clips,
                    in_flight=IN_FLIGHT[arm],
                    sessions=self._plan.memory_sessions[-1],
                    at_least_s=seconds / 2,
                )
                _add(self._findings.saturated.setdefault(arm, Saturated(arm)), found)

    async def open_load(self, until: float) -> None:
        """Rising sessions for each arm in turn until its callers wait too long."""
        levels = {arm: self._first_level(arm) for arm in self._arms}
        number = 0
        while levels:
            for arm in [arm for arm, _ in self._turns(number) if arm in levels]:
                level = levels.pop(arm)
                left_s = until - time.perf_counter()
                seconds = self._step_s(level)
                if left_s < min(seconds, SHORTEST_STEP_S) and not self._plan.sessions:
                    self._findings.notes.append(
                        f"{LABELS[arm]}: the time was over before {level} sessions were tried."
                    )
                    continue
                step = await self._step(arm, level, seconds)
                if step is not None and (following := self._next_level(arm)) is not None:
                    levels[arm] = following
            number += 1

    def _turns(self, number: int) -> list[tuple[Arm, Running]]:
        """The arms, another one first each time."""
        arms = list(self._arms.items())
        shift = number % len(arms)
        return arms[shift:] + arms[:shift]

    def _first_level(self, arm: Arm) -> int:
        if self._plan.sessions:
            return self._plan.sessions[0]
        most = self._findings.saturated[arm].per_s * 60 / PER_MINUTE
        return max(1, round(self._plan.first_share * most))

    def _next_level(self, arm: Arm) -> int | None:
        """More after a step that passed, fewer after a first that failed; then once between."""
        tried = {s.sessions: s.passed for s in self._findings.steps if s.arm is arm}
        if self._plan.sessions:
            return next((n for n in self._plan.sessions if n not in tried), None)
        return next_level(tried)

    def _step_s(self, sessions: int) -> float:
        wanted = LEAST_UTTERANCES / (sessions * PER_MINUTE / 60)
        longest = min(LONGEST_STEP_S, max(1.0, self._plan.seconds / 15))  # short run, short steps
        return min(max(wanted, SHORTEST_STEP_S), longest)

    async def _step(self, arm: Arm, sessions: int, seconds: float) -> Step | None:
        self._say(f"open load, {sessions} sessions: {LABELS[arm]} ...")
        process = self._arms[arm]
        if arm is Arm.MODEL_EACH and not await self._room_for(process, sessions):
            return None
        rng = np.random.default_rng([SEED, sessions])
        plan = arrivals(sessions, seconds, len(self._clips), rng)
        answers = await open_load(process, plan, self._clips)
        step = step_of(arm, sessions, seconds, answers)
        self._findings.steps.append(step)
        return step

    async def _room_for(self, process: Running, models: int) -> bool:
        """Load a model for each session, unless that is too many."""
        held = [m for m in self._findings.memory if m.arm is Arm.MODEL_EACH]
        each = (held[-1].pss_bytes - held[0].pss_bytes) / (held[-1].sessions - held[0].sessions)
        room = available_bytes() * (1 - MODELS_KEEP_FREE)
        extra = max(0, models - self._plan.memory_sessions[-1])
        if models <= MOST_MODELS and extra * each <= room:
            with contextlib.suppress(EngineError):
                await process.expect(models)
                return True
        self._findings.notes.append(f"{LABELS[Arm.MODEL_EACH]}: {models} models were not tried.")
        return False


def next_level(tried: dict[int, bool]) -> int | None:
    """How many sessions to try next; None when that is enough.

    Args:
        tried: sessions -> whether they were served in time.
    """
    passed = [n for n, good in tried.items() if good]
    failed = [n for n, good in tried.items() if not good]
    if not failed:
        return max(max(passed) + 1, round(max(passed) * RISE))
    if not passed:
        fewer = round(min(failed) / RISE**2)
        return fewer if 1 <= fewer < min(failed) else None
    below, above = max(n for n in (0, *passed) if n < min(failed)), min(failed)
    between = round((below * above) ** 0.5)
    narrow = len(failed) > 1 or not below < between < above or above / below < RISE**0.75
    return None if narrow else between


def available_bytes() -> int:
    """Memory that may still be used on this machine."""
    rows = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    found = next(row for row in rows if row.startswith("MemAvailable:"))
    return 1024 * int(found.split()[1])


def _add(total: Saturated, more: Saturated) -> None:
    total.utterances += more.utterances
    total.failed += more.failed
    total.cpu_s += more.cpu_s
    total.wall_s += more.wall_s
    total.texts |= more.texts
    for size, count in more.batches.items():
        total.batches[size] = total.batches.get(size, 0) + count
