import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.capacity.estimate import Window, knee_of
from agent.capacity.search import Plan, next_calls
from tests.capacity.machine import Machine

QUICK = {"growth": 2.0, "width": 0.1, "windows": 1}


def search(machine, **how):
    """Run a whole search; the capacity it finds."""
    plan = Plan(machine.target_s(), **how)
    windows: list[Window] = []
    while (calls := next_calls(windows, plan)) is not None:
        windows.append(machine.window(calls))
        assert len(windows) < 60, "a search ends"
    return knee_of(windows, plan.target_s, draws=0), windows


def test_the_first_level_is_what_the_plan_says():
    assert next_calls([], Plan(1.0, first=3)) == 3
    assert next_calls([], Plan(1.0, first=3, most=1)) == 1


def test_levels_rise_by_the_factor_while_the_target_is_kept():
    windows = [Window(4, ((0.5,) * 20,))]
    assert next_calls(windows, Plan(1.0, growth=2.0)) == 8
    assert next_calls(windows, Plan(1.0, growth=2.0, most=6)) == 6
    assert next_calls(windows, Plan(1.0, growth=2.0, most=4)) is None


def test_between_a_kept_and_a_missed_level_the_middle_is_tried():
    windows = [Window(4, ((0.5,) * 20,)), Window(8, ((2.0,) * 20,))]
    assert next_calls(windows, Plan(1.0)) == 6


def test_where_both_meet_each_is_measured_as_often_as_the_plan_says_the_missed_one_first():
    windows = [Window(6, ((0.5,) * 20,)), Window(7, ((2.0,) * 20,))]
    assert next_calls(windows, Plan(1.0, windows=2)) == 7
    windows.append(windows[1])
    assert next_calls(windows, Plan(1.0, windows=2)) == 6
    windows.append(windows[0])
    assert next_calls(windows, Plan(1.0, windows=2)) is None


def test_a_machine_that_carries_nothing_is_asked_for_one_call_and_given_up():
    windows = [Window(2, ((9.0,) * 20,))]
    assert next_calls(windows, Plan(1.0, windows=1)) == 1
    windows.append(Window(1, ((9.0,) * 20,)))
    assert next_calls(windows, Plan(1.0, windows=1)) is None
    assert knee_of(windows, 1.0).calls == 0


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(knee=st.integers(3, 120), seed=st.integers(0, 10_000))
def test_the_knee_of_a_noisy_machine_is_found_within_one_call_or_a_tenth(knee, seed):
    found, _ = search(Machine(knee, seed=seed))
    assert found.reached
    assert abs(found.calls - knee) <= max(1.0, 0.12 * knee)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(knee=st.integers(3, 60), seed=st.integers(0, 10_000))
def test_a_quick_search_is_within_one_call_or_fifteen_in_a_hundred_and_short(knee, seed):
    found, windows = search(Machine(knee, seed=seed), **QUICK)
    assert abs(found.calls - knee) <= max(1.0, 0.15 * knee)
    assert len(windows) <= 11


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=15)
@given(knee=st.integers(6, 60), seed=st.integers(0, 10_000))
def test_three_runs_on_one_machine_agree(knee, seed):
    runs = [search(Machine(knee, seed=3 * seed + n), **QUICK)[0].calls for n in range(3)]
    assert max(runs) - min(runs) <= max(1.0, 0.2 * knee)


def test_one_spoilt_window_does_not_decide():
    # The level of 8 was disturbed once; those above it were carried.
    good, bad = (0.5,) * 20, (3.0,) * 4
    windows = [Window(4, (good,)), Window(8, (bad,)), Window(8, (good,)), Window(12, (good,) * 3)]
    plan = Plan(1.0, growth=2.0, windows=1)
    assert next_calls(windows, plan) == 24


@pytest.mark.parametrize("most", [5, 17])
def test_no_more_calls_are_tried_than_allowed(most):
    found, windows = search(Machine(40), most=most)
    assert max(window.calls for window in windows) == most
    assert not found.reached
    assert found.calls == most
