"""Percentiles, verdicts and ratios."""

from __future__ import annotations

import math

import pytest

from agent.speech.bench.arms import Arm
from agent.speech.bench.figures import (
    PARTS,
    Answer,
    Findings,
    Quantiles,
    Saturated,
    Step,
    quantiles,
    step_of,
)

IN_TIME = dict.fromkeys(PARTS, 0.05)


def step(sessions: int, p95: float, arm: Arm = Arm.KURAL) -> Step:
    return Step(arm, sessions, 5.0, 20, 0, 0, Quantiles(0.1, p95, p95), {})


def findings(*steps: Step, **saturated: Saturated) -> Findings:
    by_arm = {found.arm: found for found in saturated.values()}
    return Findings({}, {}, saturated=by_arm, steps=list(steps))


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([], (0, 0, 0)),
        ([3.0], (3, 3, 3)),
        (range(1, 101), (50, 95, 99)),
        ([1.0] * 94 + [math.inf] * 6, (1, math.inf, math.inf)),
        ([1.0] * 95 + [math.inf] * 5, (1, 1, math.inf)),
    ],
)
def test_percentiles_are_nearest_ranks(values: list[float], wanted: tuple[float, ...]) -> None:
    found = quantiles(values)
    assert (found.p50, found.p95, found.p99) == wanted


def test_a_refused_or_lost_utterance_counts_as_late() -> None:
    """Or an engine that refuses everybody would be the fastest."""
    good = [Answer(0.25, IN_TIME)] * 18
    assert step_of(Arm.KURAL, 5, 1.0, good).passed
    bad = step_of(Arm.KURAL, 5, 1.0, [*good, Answer(math.inf, refused=True), Answer(math.inf)])
    assert (bad.asked, bad.refused, bad.lost, bad.passed) == (20, 1, 1, False)
    assert bad.parts["queue"].p95 == 0.05


def test_capacity_ends_at_the_first_step_that_failed() -> None:
    found = findings(step(10, 0.2), step(40, 0.4), step(20, 0.9), step(80, 0.1, Arm.LOCK_LONG))
    assert found.capacity(Arm.KURAL) == 10
    assert found.capacity(Arm.LOCK_LONG) == 80
    assert found.capacity(Arm.MODEL_EACH) == 0


def test_ratios_are_of_utterances_for_a_second_of_cpu() -> None:
    ours = Saturated(Arm.KURAL, utterances=80, cpu_s=2.0, wall_s=4.0, texts={0: "a", 1: "b"})
    lock = Saturated(Arm.LOCK_LONG, utterances=10, cpu_s=1.0, wall_s=0.1, texts={0: "a", 1: "c"})
    found = findings(ours=ours, lock=lock)
    assert found.ratio(Arm.KURAL, Arm.LOCK_LONG) == 4.0
    assert found.ratio(Arm.KURAL, Arm.MODEL_EACH) is None
    assert found.same_words(Arm.KURAL, Arm.LOCK_LONG) == 0.5
    assert found.arms == [Arm.LOCK_LONG, Arm.KURAL]


def test_the_mean_batch_weighs_sizes_by_how_often_they_came() -> None:
    assert Saturated(Arm.KURAL, batches={1: 2, 8: 2}).mean_batch == 4.5
    assert Saturated(Arm.KURAL).mean_batch == 1.0
