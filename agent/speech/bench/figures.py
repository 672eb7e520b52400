"""What the bench finds out: plain figures, and the percentiles of them (pure)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from agent.speech.bench.arms import Arm

SLO_S = 0.5
"""From the end of an utterance to its words, for 95 of 100."""
PARTS = ("queue", "features", "encode", "decode", "transport")
"""Where the time of an answer goes, in this order."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Of seconds; infinite where an answer never came."""

    p50: float
    p95: float
    p99: float


def quantiles(values: Iterable[float]) -> Quantiles:
    """The nearest ranks; all zero for nothing."""
    ordered = sorted(values)
    if not ordered:
        return Quantiles(0.0, 0.0, 0.0)

    def rank(share: float) -> float:
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    return Quantiles(rank(0.5), rank(0.95), rank(0.99))


@dataclass(frozen=True, slots=True)
class Answer:
    """How one utterance fared."""

    latency_s: float
    """From the end of its speech to its words; infinite when they never came."""
    parts: dict[str, float] = field(default_factory=dict)
    """Seconds by name of :data:`PARTS`."""
    refused: bool = False
    """The ears said no in good time."""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """Some time of open load on one arm."""

    arm: Arm
    sessions: int
    seconds: float
    asked: int
    refused: int
    lost: int
    """Not answered before the deadline."""
    latency: Quantiles
    parts: dict[str, Quantiles]

    @property
    def passed(self) -> bool:
        """Whether callers would have been content: a refused or lost utterance counts as late."""
        return self.latency.p95 <= SLO_S


def step_of(arm: Arm, sessions: int, seconds: float, answers: Sequence[Answer]) -> Step:
    """Sum up some time of open load."""
    heard = [answer for answer in answers if answer.parts]
    return Step(
        arm=arm,
        sessions=sessions,
        seconds=seconds,
        asked=len(answers),
        refused=sum(answer.refused for answer in answers),
        lost=len(answers) - len(heard) - sum(answer.refused for answer in answers),
        latency=quantiles(answer.latency_s for answer in answers),
        parts={part: quantiles(answer.parts[part] for answer in heard) for part in PARTS},
    )


@dataclass(slots=True)
class Saturated:
    """An arm that always has enough to do, over all rounds."""

    arm: Arm
    utterances: int = 0
    failed: int = 0
    cpu_s: float = 0.0
    """Of the arm's process, user and system."""
    wall_s: float = 0.0
    batches: dict[int, int] = field(default_factory=dict)
    """Size -> how often."""
    texts: dict[int, str] = field(default_factory=dict)
    """Number of the clip -> its words."""

    @property
    def per_cpu_s(self) -> float:
        """Utterances for a second of CPU."""
        return self.utterances / self.cpu_s if self.cpu_s else 0.0

    @property
    def per_s(self) -> float:
        """Utterances for a second of the clock on the wall."""
        return self.utterances / self.wall_s if self.wall_s else 0.0

    @property
    def mean_batch(self) -> float:
        """Utterances of a decoding."""
        count = sum(self.batches.values())
        return sum(size * n for size, n in self.batches.items()) / count if count else 1.0


@dataclass(frozen=True, slots=True)
class Memory:
    """What an arm holds after so many sessions at once."""

    arm: Arm
    sessions: int
    pss_bytes: int
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Transport:
    """The link alone, with 5 s of sound in each of 64 requests."""

    spread: Quantiles
    """64 are open all the time, begun one by one as callers do."""
    burst: Quantiles
    """All 64 are sent at the same moment; the last waits for the bytes of the others."""
    requests: int


@dataclass(slots=True)
class Findings:
    """Everything of one run."""

    machine: dict[str, str | int | float]
    plan: dict[str, str | int | float]
    saturated: dict[Arm, Saturated] = field(default_factory=dict)
    memory: list[Memory] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    transport: Transport | None = None
    notes: list[str] = field(default_factory=list)
    """What was left out, and why."""

    @property
    def arms(self) -> list[Arm]:
        """Those measured, in the order of :class:`Arm`."""
        return [arm for arm in Arm if arm in self.saturated]

    def capacity(self, arm: Arm) -> int:
        """Most sessions within the promise; 0 when not even the fewest tried were.

        A step above one that failed does not count: it was luck.
        """
        steps = sorted((s for s in self.steps if s.arm is arm), key=lambda s: s.sessions)
        most = 0
        for step in steps:
            if not step.passed:
                break
            most = step.sessions
        return most

    @property
    def on_gpu(self) -> bool:
        """Then seconds of CPU say little."""
        return self.plan.get("device") == "cuda"

    def ratio(self, above: Arm, below: Arm, *, by_clock: bool = False) -> float | None:
        """Utterances for a second of CPU (or of the clock) of one arm over another's."""
        if above not in self.saturated or below not in self.saturated:
            return None
        one, other = self.saturated[above], self.saturated[below]
        over, under = (one.per_s, other.per_s) if by_clock else (one.per_cpu_s, other.per_cpu_s)
        return over / under if under else None

    def session_ratio(self, above: Arm, below: Arm) -> float | None:
        """Sessions in time of one arm over another's."""
        under = self.capacity(below)
        return self.capacity(above) / under if under and above in self.saturated else None

    def same_words(self, one: Arm, other: Arm) -> float | None:
        """Share of the clips that both wrote down in the same words."""
        if one not in self.saturated or other not in self.saturated:
            return None
        first, second = self.saturated[one].texts, self.saturated[other].texts
        both = first.keys() & second.keys()
        return sum(first[i] == second[i] for i in both) / len(both) if both else None
