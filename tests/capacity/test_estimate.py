import itertools
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.capacity.estimate import NEVER_S, Window, carried, fitted, knee_of


def window(calls, p95_s, turns=40):
    return Window(calls, ((p95_s,) * turns,))


def test_the_knee_lies_between_the_last_kept_and_the_first_missed_level():
    knee = knee_of([window(10, 0.5), window(20, 2.0)], 1.0)
    assert knee.calls == pytest.approx(15.0)
    assert knee.reached
    assert (knee.low, knee.high) == (knee.calls, knee.calls)


def test_windows_of_one_level_are_put_together():
    [(calls, p95_s)] = fitted([window(4, 0.5), window(4, 0.5, turns=2)])
    assert calls == 4
    assert p95_s == pytest.approx(0.5)


def test_a_curve_that_falls_is_levelled():
    heights = [p95 for _, p95 in fitted([window(2, 0.9), window(4, 0.4), window(8, 0.8)])]
    assert heights == sorted(heights)
    assert heights[0] == pytest.approx(math.sqrt(0.9 * 0.4))


def test_a_turn_without_an_answer_counts_as_the_longest_wait():
    lost = Window(5, ((0.5,) * 9 + (NEVER_S,),))
    assert (lost.turns, lost.lost) == (10, 1)
    assert lost.p95_s > 1.0


def test_levels_without_a_turn_say_nothing():
    assert fitted([Window(3, ((), ()))]) == []
    assert carried([], 1.0) == (0, None)
    knee = knee_of([], 1.0)
    assert (knee.calls, knee.reached) == (0.0, False)
    assert math.isnan(Window(3, ()).p95_s)


def test_the_interval_holds_the_knee_and_is_the_same_for_the_same_seed():
    windows = [
        Window(4, tuple((0.4, 0.5, 0.6 + 0.02 * n) for n in range(4))),
        Window(6, tuple((0.5, 0.7, 0.8 + 0.1 * n) for n in range(6))),
    ]
    one, other = knee_of(windows, 1.0, seed=3), knee_of(windows, 1.0, seed=3)
    assert one == other
    assert one.low <= one.calls <= one.high
    assert one.high > one.low


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.integers(1, 60), st.lists(st.floats(0.01, 30.0), min_size=1, max_size=20)),
        min_size=1,
        max_size=12,
    )
)
def test_the_fitted_curve_rises_whatever_was_measured(levels):
    curve = fitted([Window(calls, (tuple(delays),)) for calls, delays in levels])
    assert [c for c, _ in curve] == sorted({calls for calls, _ in levels})
    heights = [height for _, height in curve]
    assert all(b >= a - 1e-9 for a, b in itertools.pairwise(heights))
