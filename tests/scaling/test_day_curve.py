"""How calls spread over a day, learned day by day."""

from datetime import datetime, timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from agent.scaling.day_curve import SLOTS, Curves, watched
from agent.scaling.fleet import Memory
from agent.scaling.foresight import arrivals_at, foreseen, remember_arrivals
from agent.scaling.policy_config import Config
from agent.scaling.schedule import Schedule
from agent.scaling.tiers import load_tiers
from agent.tickets.calendar import IST

MONDAY = datetime(2026, 11, 16, 0, 0, tzinfo=IST)
STEP_S = 60
BUSY, CALM = 10.0, 1.0
"""Calls a minute from ten to noon, and else."""
CONFIG = Config(Schedule.parse("always", "x"), load_tiers())


def calls_a_minute(moment):
    return BUSY if 10 <= moment.hour < 12 else CALM


def watch(curves, start, days, factor=1.0, without=()):
    """Watch so many days, minute by minute, but for the hours ``without``."""
    now = start
    end = start + timedelta(days=days)
    while now < end:
        then, now = now, now + timedelta(seconds=STEP_S)
        if then.hour not in without:
            curves = watched(curves, factor * calls_a_minute(then), then, now)
    return curves


def remembered(start, days, hours, factor=1.0):
    """Live through usual days, then so many hours of a day with ``factor`` times the calls."""
    memory, now = Memory(arrivals_at=start), start
    usual_until = start + timedelta(days=days)
    while now < usual_until + timedelta(hours=hours):
        share = factor if now >= usual_until else 1.0
        arrived = share * calls_a_minute(now)
        now += timedelta(seconds=STEP_S)
        memory = remember_arrivals(memory, arrived, now, CONFIG)
    return memory, now


def test_nothing_is_usual_before_a_day_was_watched():
    curves = watch(Curves(), MONDAY, 0.9)
    assert curves.usual_per_s(MONDAY + timedelta(days=1, hours=11)) is None


def test_a_day_is_known_after_it_and_free_days_borrow_it():
    curves = watch(Curves(), MONDAY, 1.1)
    tuesday, sunday = MONDAY + timedelta(days=1), MONDAY + timedelta(days=6)
    for day in (tuesday, sunday):
        assert curves.usual_per_s(day.replace(hour=11)) == pytest.approx(BUSY / 60, rel=0.02)
        assert curves.usual_per_s(day.replace(hour=15)) == pytest.approx(CALM / 60, rel=0.02)


def test_free_days_have_a_curve_of_their_own():
    saturday = MONDAY - timedelta(days=2)
    curves = watch(Curves(), saturday, 2.0, factor=0.3)
    curves = watch(curves, MONDAY, 1.1)
    assert curves.usual_per_s(MONDAY.replace(hour=11)) == pytest.approx(BUSY / 60, rel=0.02)
    assert curves.usual_per_s(saturday.replace(hour=11)) == pytest.approx(0.3 * BUSY / 60, rel=0.05)


def test_a_storm_does_not_make_later_days_stormy():
    curves = watch(watch(Curves(), MONDAY, 2.0), MONDAY + timedelta(days=2), 1.1, factor=4.0)
    assert curves.usual_per_s(MONDAY.replace(hour=11)) == pytest.approx(BUSY / 60, rel=0.05)


def test_hours_nobody_ever_watched_leave_the_others_known():
    """An autoscaler that is off at night learns the day all the same."""
    curves = watch(Curves(), MONDAY, 3.1, without=(0, 1, 2, 3, 4))
    thursday = MONDAY + timedelta(days=3)
    assert curves.usual_per_s(thursday.replace(hour=3)) is None
    assert curves.usual_per_s(thursday.replace(hour=11)) == pytest.approx(BUSY / 60, rel=0.02)


def test_a_book_from_before_the_curves_is_read():
    old = TypeAdapter(Memory).dump_python(Memory(arrivals_per_s=0.2), mode="json")
    for key in ("curves", "usual_per_s", "seen_per_s"):
        del old[key]
    memory = TypeAdapter(Memory).validate_python(old)
    assert memory.arrivals_per_s == 0.2
    assert memory.curves == Curves()


def test_hours_nobody_watched_stay_as_they_were():
    curves = watch(Curves(), MONDAY, 1.0)
    curves = watch(curves, MONDAY + timedelta(days=1), 1.1, without=(9, 10, 11))
    assert curves.usual_per_s(MONDAY.replace(hour=11)) == pytest.approx(BUSY / 60, rel=0.05)


def test_a_long_gap_counts_for_no_quarter():
    curves = watched(Curves(), 500, MONDAY, MONDAY + timedelta(hours=3))
    assert sum(curves.today.calls) == 0


def test_the_morning_is_foreseen_before_it_comes():
    memory, now = remembered(MONDAY, 2, 9.95)
    flat, _ = foreseen(4, Memory(arrivals_per_s=CALM / 60), now, 420.0, CONFIG)
    seen, _ = foreseen(4, memory, now, 420.0, CONFIG)
    assert flat == pytest.approx(4.0, rel=0.1)
    assert seen > 3 * flat


def test_the_end_of_the_busy_hours_is_foreseen_too():
    memory, now = remembered(MONDAY, 2, 12.1)
    assert memory.arrivals_per_s > 0.3 * BUSY / 60
    assert arrivals_at(memory, now + timedelta(minutes=10), CONFIG) < 0.5 * memory.arrivals_per_s


def test_a_day_of_far_more_calls_is_not_believed_to_follow_its_curve_down():
    memory, now = remembered(MONDAY, 2, 12.05, factor=4.0)
    assert arrivals_at(memory, now + timedelta(minutes=10), CONFIG) >= memory.arrivals_per_s


def test_without_a_curve_it_goes_on_as_it_was():
    memory, now = remembered(MONDAY, 0, 11.0)
    assert arrivals_at(memory, now, CONFIG) == memory.arrivals_per_s


@pytest.mark.parametrize(
    "row", ["[1.0]", f"[{', '.join(['-1.0'] * SLOTS)}]", f"[{', '.join(['NaN'] * SLOTS)}]"]
)
def test_a_damaged_curve_is_refused(row):
    text = f'{{"curves": {{"working": {{"per_s": {row}}}}}}}'
    with pytest.raises(ValidationError):
        TypeAdapter(Memory).validate_json(text)


def test_it_comes_back_from_its_file():
    memory, _ = remembered(MONDAY, 1, 1.0)
    kept = TypeAdapter(Memory)
    assert kept.validate_json(kept.dump_json(memory)) == memory
    assert memory.curves.working.days == (1,) * SLOTS
