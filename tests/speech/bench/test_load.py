"""The load: when callers speak, and who answers how."""

from __future__ import annotations

import numpy as np
import pytest

from agent.speech.bench.load import answer_of, arrivals
from agent.speech.bench.run import next_level
from agent.speech.transcript import Transcript


def test_calls_speak_six_times_a_minute_and_in_turn() -> None:
    plan = arrivals(20, 60.0, 7, np.random.default_rng(3))
    assert len(plan) == 120
    times = [one.at_s for one in plan]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] < 60
    assert [one.session for one in plan[:40]] == [*range(20), *range(20)]
    assert {one.clip for one in plan} == set(range(7))


def test_calls_come_as_they_like() -> None:
    """Gaps of a Poisson process spread as much as they last; an even beat would hide queues."""
    times = [one.at_s for one in arrivals(1000, 20.0, 5, np.random.default_rng(3))]
    gaps = np.diff(times)
    assert np.std(gaps) == pytest.approx(np.mean(gaps), rel=0.1)


def test_a_short_step_of_few_calls_is_not_empty() -> None:
    assert len(arrivals(1, 1.0, 5, np.random.default_rng(0))) == 3


def test_what_the_other_side_did_not_see_is_transport() -> None:
    timings = {
        "queue_s": 0.1, "vad_s": 0.01, "mel_s": 0.02, "encode_s": 0.03, "decode_s": 0.04,
        "total_s": 0.2, "batch": 3,
    }  # fmt: skip
    answer = answer_of(Transcript("x", 0.5, "ta", 1.0, timings), 0.25)
    assert answer.parts == pytest.approx(
        {"queue": 0.1, "features": 0.03, "encode": 0.03, "decode": 0.04, "transport": 0.05}
    )


@pytest.mark.parametrize(
    ("tried", "following"),
    [
        ({10: True}, 15),
        ({1: True}, 2),
        ({10: True, 15: True}, 22),
        ({10: True, 15: False}, 12),
        ({10: True, 15: False, 12: True}, None),
        ({10: True, 15: False, 12: False}, None),
        ({1: True, 2: False}, None),
        ({10: False}, 4),
        ({10: False, 4: False}, 2),
        ({1: False}, None),
    ],
)
def test_more_are_tried_until_it_is_too_many_then_once_between(
    tried: dict[int, bool], following: int | None
) -> None:
    assert next_level(tried) == following
