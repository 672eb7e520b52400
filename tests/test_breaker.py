"""A service that fails is left alone for a growing time and found again."""

from __future__ import annotations

import pytest

from agent.breaker import FIRST_WAIT_S, LONGEST_WAIT_S, OPEN_AFTER, Breaker, Way


def away(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(OPEN_AFTER):
        breaker.failed(now)
    return breaker


def test_it_is_asked_until_it_failed_three_times_in_a_row() -> None:
    breaker = Breaker()
    for _ in range(OPEN_AFTER - 1):
        breaker.failed(0.0)
        assert breaker.way(0.0) is Way.ASK
    breaker.failed(0.0)
    assert breaker.way(0.0) is Way.AVOID
    assert breaker.away


def test_an_answer_in_between_starts_the_count_again() -> None:
    breaker = Breaker()
    for _ in range(10):
        breaker.failed(0.0)
        breaker.failed(0.0)
        breaker.answered()
    assert breaker.way(0.0) is Way.ASK


def test_one_request_tries_when_the_time_has_come_and_the_others_do_not() -> None:
    breaker = away()
    assert breaker.way(FIRST_WAIT_S - 0.01) is Way.AVOID
    assert breaker.way(FIRST_WAIT_S) is Way.TRY
    assert breaker.way(FIRST_WAIT_S) is Way.AVOID


def test_the_time_doubles_up_to_its_limit() -> None:
    breaker = away()
    now, waits = 0.0, []
    for _ in range(8):
        before = now
        while breaker.way(now) is Way.AVOID:
            now += 0.5
        waits.append(now - before)
        breaker.failed(now)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_WAIT_S, LONGEST_WAIT_S, LONGEST_WAIT_S]


def test_an_answer_makes_it_well_and_the_waits_short_again() -> None:
    breaker = away()
    assert breaker.way(5.0) is Way.TRY
    breaker.failed(5.0)
    breaker.answered()
    assert breaker.way(5.0) is Way.ASK
    for _ in range(OPEN_AFTER):
        breaker.failed(6.0)
    assert breaker.way(6.0 + FIRST_WAIT_S) is Way.TRY


@pytest.mark.parametrize("later", [FIRST_WAIT_S, 100.0])
def test_a_try_that_is_never_reported_blocks_nobody(later: float) -> None:
    breaker = away()
    assert breaker.way(10.0) is Way.TRY
    assert breaker.way(10.0 + later) is Way.TRY
