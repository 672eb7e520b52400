"""Many callers at once against a worker on a real LiveKit, stage by stage."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.errors import AgentError
from agent.lab.cast import Cast
from agent.lab.load_figures import Sample, StageFigures, Standing, figures_of, growth
from agent.lab.load_grades import Made, graded
from agent.lab.question_ear import QuestionEar
from agent.lab.stack import Stack
from agent.lab.usage import read_tree
from agent.lab.web_caller import Line, WebCaller
from agent.lab.worker_process import LabWorker
from agent.speech.bench.machine import describe
from agent.tickets.store import TicketStore

if TYPE_CHECKING:
    from agent.callers.sources import CallSource
    from agent.lab.web_call import WebCall
    from agent.settings import Settings

ROUND = 20
"""Calls between two looks at a worker whose growth is watched."""
_SAMPLE_EVERY_S = 2.0
_IDLE_S = 4.0
_AGENT_ALONE = {"LIVEKIT__OVERLOAD_CALLS": "0"}
"""Answered is who the agent itself answers, so nobody takes calls beside it."""
_CALM_WITHIN_S = 40.0
_COOL = 0.5
"""Load average of a machine that does nothing else."""
_COOLED_WITHIN_S = 180
"""The load average of a minute forgets a load of ten in so long."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the command line chose."""

    stages: tuple[int, ...]
    """Callers at once, a stage each."""
    ramp_s: float = 5.0
    """The first callers of a stage begin within so many seconds."""
    minutes: float | None = None
    """Callers of a stage call again until then; None: see ``total``."""
    total: int | None = None
    """Calls of a stage altogether; None: one a caller."""
    capacity: int | None = None
    """Calls the worker takes; None: the largest stage."""
    short: bool = False
    """Calls end at the notice or the story."""
    record: Path | None = None
    """Folder for two-track recordings."""

    @property
    def watched(self) -> bool:
        """Whether the growth of the worker is looked at."""
        return self.total is not None and self.total > ROUND


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a run came to."""

    stages: tuple[StageFigures, ...]
    calls: tuple[tuple[WebCall, ...], ...]
    """Of each stage."""
    standings: tuple[Standing, ...]
    """Of a watched worker: before, and after each round."""
    machine: dict[str, str | int | float]
    exit_code: int | None = None
    """Of the worker that was ours, after SIGTERM."""

    def to_json(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "machine": self.machine,
            "stages": [
                figures.to_json() | {"each": [call.to_json() for call in calls]}
                for figures, calls in zip(self.stages, self.calls, strict=True)
            ],
            "standings": [
                {name: getattr(each, name) for name in each.__slots__} for each in self.standings
            ],
            "growth_per_100_calls": growth(self.standings) if self.standings else None,
            "worker_exit": self.exit_code,
        }


async def run_load(
    settings: Settings,
    sources: Sequence[CallSource],
    plan: Plan,
    tell: Callable[[str], None],
    line: Line | None = None,
) -> LoadReport:
    """Make the calls.

    Args:
        settings: of the user; speech model and voice of our own worker.
        sources: who calls.
        plan: how many, how long.
        tell: shows progress.
        line: a LiveKit that runs elsewhere, with its worker; None starts both here.

    Raises:
        UsageError: a program is missing, or a script cannot be called.
        AgentError: a server did not start, or the voice failed.
    """
    # The SDK complains of every hang-up; what breaks a call is told by its ending.
    logging.getLogger("livekit").setLevel(logging.CRITICAL)
    machine = describe()
    tell("Making the callers' voices ...")
    cast = await Cast.ready(sources, short=plan.short, record=plan.record)
    if line is not None:
        run = _Run(line, QuestionEar.load(settings), cast, plan, tell)
        return LoadReport(*await run.stages(), machine)
    async with _own_line(settings, plan, tell) as (line, worker, stack):
        store = worker.store()
        try:
            ear = QuestionEar.load(worker.settings)
            run = _Run(line, ear, cast, plan, tell, worker=worker, stack=stack, store=store)
            done = await run.stages()
        finally:
            store.close()
    return LoadReport(*done, machine, worker.process.code)


@asynccontextmanager
async def _own_line(
    settings: Settings, plan: Plan, tell: Callable[[str], None]
) -> AsyncIterator[tuple[Line, LabWorker, Stack]]:
    async with AsyncExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="kural-lab-")))
        tell("Starting LiveKit ...")
        name = settings.livekit.agent_name
        stack = await ends.enter_async_context(Stack(folder / "stack", sip=False, agent_name=name))
        capacity = plan.capacity or max(plan.stages)
        tell(f"Starting a worker for {capacity} calls ...")
        worker = await ends.enter_async_context(
            LabWorker(
                folder,
                settings,
                stack.environment(),
                capacity=capacity,
                environment=_AGENT_ALONE,
            )
        )
        yield Line(stack.url, stack.api_key, stack.api_secret, name), worker, stack


class _Run:
    """The stages of one run."""

    def __init__(
        self,
        line: Line,
        ear: QuestionEar,
        cast: Cast,
        plan: Plan,
        tell: Callable[[str], None],
        *,
        worker: LabWorker | None = None,
        stack: Stack | None = None,
        store: TicketStore | None = None,
    ) -> None:
        self._line, self._ear, self._cast, self._plan, self._tell = line, ear, cast, plan, tell
        self._worker, self._stack, self._store = worker, stack, store
        self._live: set[WebCaller] = set()
        self._samples: list[Sample] = []
        self._standings: list[Standing] = []

    async def stages(
        self,
    ) -> tuple[tuple[StageFigures, ...], tuple[tuple[WebCall, ...], ...], tuple[Standing, ...]]:
        """Run all of them; figures, calls and standings in order."""
        figures, calls = [], []
        for callers in self._plan.stages:
            stage, made = await self._stage(callers)
            figures.append(stage)
            calls.append(made)
        return tuple(figures), tuple(calls), tuple(self._standings)

    async def _stage(self, callers: int) -> tuple[StageFigures, tuple[WebCall, ...]]:
        await self._calm()
        await self._cooled()
        before = os.getloadavg()[0]
        idle = await self._watched_for(_IDLE_S)
        if self._plan.watched:
            await self._stand(0)
        self._tell(f"{callers} at once ...")
        self._samples = []
        watching = asyncio.create_task(self._watch(), name="load samples")
        try:
            made = await self._all_rounds(callers)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        calls = await asyncio.to_thread(self._graded, made)
        average = (round(before, 2), round(os.getloadavg()[0], 2))
        return figures_of(callers, calls, self._samples, idle=idle, load_average=average), calls

    async def _cooled(self) -> None:
        """Wait until the load average has forgotten the stage before: what is left is others'."""
        for _ in range(_COOLED_WITHIN_S if self._samples else 0):
            if os.getloadavg()[0] <= _COOL:
                return
            await asyncio.sleep(1.0)

    async def _all_rounds(self, callers: int) -> list[Made]:
        """All calls of a stage; in rounds, with a look at the worker between, if it is watched."""
        if not self._plan.watched or self._plan.total is None:
            return await self._round(callers, self._plan.total)
        made: list[Made] = []
        while len(made) < self._plan.total:
            made += await self._round(callers, min(ROUND, self._plan.total - len(made)))
            await self._calm()
            await self._stand(len(made))
        return made

    async def _round(self, callers: int, total: int | None) -> list[Made]:
        made: list[Made] = []
        minutes = self._plan.minutes
        ends_at = None if minutes is None else time.monotonic() + 60 * minutes
        left = total if total is not None else callers if minutes is None else None

        def may_call() -> bool:
            nonlocal left
            if ends_at is not None and time.monotonic() >= ends_at:
                return False
            if left is None:
                return True
            left -= 1
            return left >= 0

        async def seat(number: int) -> None:
            await asyncio.sleep(self._plan.ramp_s * number / callers)
            while may_call():
                made.append(await self._call())

        async with asyncio.TaskGroup() as group:
            for number in range(callers):
                group.create_task(seat(number), name=f"caller {number + 1}")
        return made

    async def _call(self) -> Made:
        caller, script = await self._cast.next()
        since, web = datetime.now(UTC), WebCaller(self._line, caller, self._ear)
        self._live.add(web)
        try:
            call = await web.call()
        finally:
            self._live.discard(web)
        told = f"ended by {call.ended} after {call.seconds:.0f} s {call.trouble}".rstrip()
        self._tell(f"  {caller.id}: {told}")
        return Made(script, call, since)

    def _graded(self, made: Sequence[Made]) -> tuple[WebCall, ...]:
        if self._store is None:
            return tuple(each.call for each in made)
        return tuple(graded(self._store, each) for each in made)

    async def _watch(self) -> None:
        while self._worker is not None:
            self._samples.append(await asyncio.to_thread(self._sample))
            await asyncio.sleep(_SAMPLE_EVERY_S)

    async def _watched_for(self, seconds: float) -> list[Sample]:
        if self._worker is None:
            return []
        first = await asyncio.to_thread(self._sample)
        await asyncio.sleep(seconds)
        return [first, await asyncio.to_thread(self._sample)]

    def _sample(self) -> Sample:
        assert self._worker is not None  # noqa: S101 -- only called where one is ours
        live = sum(web.live for web in tuple(self._live))
        servers = 0.0
        if self._stack is not None:
            for name in ("livekit", "redis"):
                tree = read_tree(self._stack.server(name).pid)
                servers += sum(process.cpu_s for process in tree.processes)
        return Sample(read_tree(self._worker.pid), live, (time.process_time(), servers))

    async def _stand(self, calls: int) -> None:
        if self._worker is not None:
            reading = await asyncio.to_thread(read_tree, self._worker.pid)
            standing = Standing.of(calls, reading)
            self._standings.append(standing)
            self._tell(
                f"  after {calls} calls: {standing.processes} processes, {standing.files} files, "
                f"{standing.threads} threads, {standing.pss_mb:.0f} MB"
            )

    async def _calm(self) -> None:
        """Wait until the worker holds no call and its processes are those it keeps waiting."""
        if self._worker is None:
            return
        until, seen, since = time.monotonic() + _CALM_WITHIN_S, -1, 0.0
        while time.monotonic() < until:
            try:
                active = await self._worker.active_calls()
            except AgentError:
                active = -1
            reading = await asyncio.to_thread(read_tree, self._worker.pid)
            count = len(reading.processes)
            if active != 0 or count != seen:
                seen, since = count, time.monotonic()
            elif time.monotonic() - since >= 3.0:
                return
            await asyncio.sleep(0.5)
