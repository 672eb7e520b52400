"""The figures of a load run, from the calls and from what was read of the machine. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

import numpy as np

from agent.lab.usage import ROLES, Reading, cores_used
from agent.lab.web_call import KINDS, QUICK, WebCall

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

BUDGET_S = (0.65, 1.1)
"""Caller stops -> agent speaks over WebRTC, short answers: p50 and p95 (docs/architecture.md)."""
BUDGET_MB = 90.0
"""Memory a further call takes with WebRTC, MiB: what its process shares with no other."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Some durations, seconds."""

    count: int = 0
    p50: float | None = None
    p95: float | None = None

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread:
        """Of those that are known."""
        known = [value for value in values if value is not None]
        if not known:
            return cls()
        p50, p95 = np.percentile(known, [50, 95])
        return cls(len(known), round(float(p50), 3), round(float(p95), 3))


@dataclass(frozen=True, slots=True)
class Sample:
    """The machine at one moment of a stage."""

    reading: Reading
    """The worker with all its processes."""
    live: int
    """Calls in which the agent has been heard and nobody has hung up."""
    around_s: tuple[float, float] = (0.0, 0.0)
    """Processor time so far of the callers, and of LiveKit's server with Redis."""


@dataclass(frozen=True, slots=True)
class StageFigures:
    """What so many callers at once came to. Durations in seconds, memory in MiB."""

    callers: int
    calls: int
    answered: int
    refused: int
    """Rang and were not answered."""
    endings: dict[str, int]
    troubles: int
    """Calls that broke, stuck or never ended."""
    answer: Spread
    """Dialling -> first sound of the agent."""
    pickup: Spread
    """The agent's track (a telephone would stop ringing) -> its first sound."""
    quick: Spread
    """Caller stops -> agent speaks, turns of yes/no, place, category and name."""
    patient: Spread
    """The same of story, landmark, days, phone and ticket, where the agent waits on purpose."""
    kinds: dict[str, Spread]
    turns: int
    unheard: int
    """Turns the agent got no words of."""
    cut_offs: int
    """Turns in which the agent began to speak before their end."""
    graded: int
    passed: int
    wrong: dict[str, int]
    """Field -> calls in which it was not as the caller said."""
    most_live: int = 0
    cores: dict[str, float] = field(default_factory=dict)
    """Mean processor cores in use by role, and by ``callers`` and ``livekit`` beside the worker."""
    cores_per_call: float | None = None
    """Cores of the worker with ears and voice that a live call adds to an idle worker."""
    call_mb: float | None = None
    """Private memory of a process that holds a call, at the most calls: what one more takes."""
    idle_mb: float | None = None
    """The same of a process that waits for a call."""
    fixed_mb: float | None = None
    """All the rest: PSS of the whole tree without what call processes have for themselves."""
    load_average: tuple[float, float] = (0.0, 0.0)
    """Of the machine (1 minute), before and after."""

    def to_json(self) -> dict[str, Any]:
        """The figures as the report holds them."""
        return asdict(self)


def figures_of(
    callers: int,
    calls: Sequence[WebCall],
    samples: Sequence[Sample] = (),
    *,
    idle: Sequence[Sample] = (),
    load_average: tuple[float, float] = (0.0, 0.0),
) -> StageFigures:
    """The figures of a stage.

    Args:
        callers: how many called at once.
        calls: all their calls.
        samples: of the machine meanwhile; none where the worker is elsewhere.
        idle: the same before the first call.
        load_average: before and after.
    """
    turns = [turn for call in calls for turn in call.turns]
    by_kind = {
        kind: Spread.of(turn.delay_s for turn in turns if turn.kind == kind)
        for kind in (*KINDS, "keys", "other")
    }
    graded = [call for call in calls if call.passed is not None]
    endings = Counter(call.ended for call in calls)
    return StageFigures(
        callers=callers,
        calls=len(calls),
        answered=sum(call.answered for call in calls),
        refused=endings["unanswered"],
        endings={str(ended): count for ended, count in endings.items()},
        troubles=sum(endings[ended] for ended in ("error", "stuck", "too_long")),
        answer=Spread.of(call.answer_s for call in calls),
        pickup=Spread.of(call.pickup_s for call in calls),
        quick=Spread.of(turn.delay_s for turn in turns if turn.kind in QUICK),
        patient=Spread.of(
            turn.delay_s for turn in turns if turn.kind in KINDS and turn.kind not in QUICK
        ),
        kinds={kind: spread for kind, spread in by_kind.items() if spread.count},
        turns=len(turns),
        unheard=sum(turn.unheard for turn in turns),
        cut_offs=sum(turn.cut_off for turn in turns),
        graded=len(graded),
        passed=sum(bool(call.passed) for call in graded),
        wrong=dict(Counter(name for call in graded for name in call.wrong)),
        load_average=load_average,
        **_machine(calls, samples, idle),
    )


def _machine(
    calls: Sequence[WebCall], samples: Sequence[Sample], idle: Sequence[Sample]
) -> dict[str, Any]:
    if len(samples) < 2:
        return {}
    busy = _cores(samples)
    spare = sum(_cores(idle)[role] for role in ROLES) if len(idle) > 1 else 0.0
    seconds = samples[-1].reading.at - samples[0].reading.at
    live_s = sum(call.seconds - call.answer_s for call in calls if call.answer_s is not None)
    most = max(sample.live for sample in samples)
    own = sum(busy[role] for role in ROLES)
    return {
        "most_live": most,
        "cores": {name: round(value, 3) for name, value in busy.items()},
        "cores_per_call": round((own - spare) * seconds / live_s, 3) if live_s else None,
        **_memory([sample for sample in samples if sample.live == most] if most else []),
    }


def _cores(samples: Sequence[Sample]) -> dict[str, float]:
    seconds = samples[-1].reading.at - samples[0].reading.at
    by_role = cores_used([sample.reading for sample in samples])
    used: dict[str, float] = {str(role): cores for role, cores in by_role.items()}
    for index, name in enumerate(("callers", "livekit")):
        spent = samples[-1].around_s[index] - samples[0].around_s[index]
        used[name] = spent / seconds if seconds > 0 else 0.0
    return used


def _memory(samples: Sequence[Sample]) -> dict[str, float | None]:
    held, waiting, fixed = [], [], []
    for sample in samples:
        processes = sample.reading.call_processes
        held += [process.private_mb for process in processes[: sample.live]]
        waiting += [process.private_mb for process in processes[sample.live :]]
        own = sum(process.private_mb for process in processes)
        fixed.append(sample.reading.pss_mb() - own)
    return {
        "call_mb": round(fmean(held), 1) if held else None,
        "idle_mb": round(fmean(waiting), 1) if waiting else None,
        "fixed_mb": round(median(fixed), 1) if fixed else None,
    }


@dataclass(frozen=True, slots=True)
class Standing:
    """A worker without calls, after so many."""

    calls: int
    processes: int
    files: int
    threads: int
    pss_mb: float
    """All processes together."""
    worker_mb: float
    """Worker, ears and voice: what lives on from call to call."""
    worker_files: int
    worker_threads: int
    private_mb: Mapping[str, float] = field(default_factory=dict)
    """Of what lives on, by name: memory no other process shares."""

    @classmethod
    def of(cls, calls: int, reading: Reading) -> Standing:
        """What a reading says."""
        lasting = [process for process in reading.processes if process.role != "call"]
        private: dict[str, float] = defaultdict(float)
        for process in lasting:
            private[process.name] += process.private_mb
        return cls(
            calls,
            len(reading.processes),
            reading.files,
            reading.threads,
            round(reading.pss_mb(), 1),
            round(sum(process.pss_mb for process in lasting), 1),
            sum(process.files for process in lasting),
            sum(process.threads for process in lasting),
            {name: round(mb, 1) for name, mb in sorted(private.items())},
        )


def growth(standings: Sequence[Standing]) -> dict[str, float]:
    """What a hundred further calls add, by the median slope between any two readings (Theil-Sen).

    The first reading is left out where there are three others: caches fill with the first calls.
    """
    counted = standings[1:] if len(standings) > 3 else standings
    names = ("processes", "worker_files", "worker_threads", "worker_mb", "pss_mb")
    return {
        name: _a_hundred_add([(each.calls, float(getattr(each, name))) for each in counted])
        for name in names
    }


def growth_by_name(standings: Sequence[Standing]) -> dict[str, float]:
    """The same of the private memory of each process that lives on, MiB."""
    counted = standings[1:] if len(standings) > 3 else standings
    names = {name for each in counted for name in each.private_mb}
    return {
        name: _a_hundred_add([(each.calls, each.private_mb.get(name, 0.0)) for each in counted])
        for name in sorted(names)
    }


def _a_hundred_add(points: Sequence[tuple[int, float]]) -> float:
    pairs = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for index, earlier in enumerate(points)
        for later in points[index + 1 :]
        if later[0] > earlier[0]
    ]
    return round(100 * median(pairs), 2) if pairs else 0.0
