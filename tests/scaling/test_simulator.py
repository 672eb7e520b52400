"""The line in virtual time: places, waits, cuts and money."""

from datetime import datetime
from decimal import Decimal

import numpy as np
import pytest

from agent.scaling.demand import DAY_S, Calls
from agent.scaling.machine_mix import MachineType
from agent.scaling.rivals import Fixed
from agent.scaling.schedule import Schedule
from agent.scaling.simulator import BEFORE_S, World
from agent.scaling.tiers import ColdStart
from agent.tickets.calendar import IST

TWO = MachineType("two", 2, Decimal("1.00"))
COLD = ColdStart(median_s=120.0, p95_s=180.0)
MIDNIGHT = datetime(2026, 11, 4, tzinfo=IST)


def calls(*pairs, days=1):
    arrives, lasts = zip(*pairs, strict=True)
    return Calls(np.array(arrives, dtype=float), np.array(lasts, dtype=float), days)


def world(made, hours="always", **more):
    return World(made, Schedule.parse(hours, "x"), MIDNIGHT, COLD, **more)


class Scripted:
    """Does what a function of the world says, every minute."""

    period_s = 60.0

    def __init__(self, step):
        self._step = step

    def step(self, line):
        self._step(line)


def test_calls_beyond_the_places_wait_and_are_served_when_one_is_free():
    line = world(calls((1000, 300), (1001, 300), (1295, 60)))
    tally = line.run(Fixed(TWO, 1, always=True))
    assert (tally.in_hours, tally.in_time, tally.late, tally.unserved) == (3, 3, 0, 0)
    assert tally.waits_s == [5.0]
    assert tally.wait_s(0.5) == 0.0
    assert tally.wait_s(1.0) == 5.0


def test_who_finds_no_place_in_twelve_seconds_gets_the_answer_path():
    line = world(calls((1000, 300), (1001, 300), (1100, 60)))
    tally = line.run(Fixed(TWO, 1, always=True))
    assert (tally.in_time, tally.unserved, tally.nobody) == (2, 1, 0)
    assert tally.share_in_time == pytest.approx(2 / 3)


def test_the_answer_path_has_an_end_too():
    line = world(calls(*[(1000 + n, 30) for n in range(5)]), path_calls=2)
    tally = line.run(Scripted(lambda line: None))
    assert (tally.unserved, tally.nobody) == (5, 3)


def test_outside_hours_the_answer_path_answers_where_no_machine_is():
    line = world(calls((3600, 60), (12 * 3600, 60)), hours="daily")
    tally = line.run(Fixed(TWO, 1, always=False))
    assert (tally.in_hours, tally.in_time, tally.after_path, tally.after_full) == (1, 1, 1, 0)


def test_a_machine_that_ends_takes_its_calls_with_it():
    def end_at_noon(line):
        if line.now_s == -BEFORE_S:
            line.order(TWO)
        if line.now_s == DAY_S / 2:
            line.end(next(iter(line.hosts.values())))

    line = world(calls((DAY_S / 2 - 70, 30), (DAY_S / 2 - 10, 60)))
    tally = line.run(Scripted(end_at_noon))
    assert tally.cut == 1
    assert line.active == 0


def test_a_machine_costs_from_its_order_to_its_end_and_takes_calls_when_it_is_ready():
    def one_hour(line):
        if line.now_s == 3600:
            line.order(TWO)
        if line.now_s == 7200:
            line.end(next(iter(line.hosts.values())))

    line = world(calls((3601, 30), (3600 + 900, 30)))
    tally = line.run(Scripted(one_hour))
    assert tally.cost_usd == pytest.approx(1.0)
    assert tally.machine_hours == pytest.approx(1.0)
    assert (tally.in_time, tally.unserved, tally.starts) == (1, 1, 1)


def test_getting_ready_before_the_first_day_costs_nothing():
    tally = world(calls((1000, 30))).run(Fixed(TWO, 1, always=True))
    assert tally.cost_usd == pytest.approx(24.0)
    assert tally.starts == 0


def test_a_draining_machine_gets_no_more_calls():
    def drain(line):
        if line.now_s == -BEFORE_S:
            line.order(TWO)
        if line.now_s == 600:
            next(iter(line.hosts.values())).draining = True

    tally = world(calls((500, 400), (700, 30))).run(Scripted(drain))
    assert (tally.in_time, tally.unserved, tally.cut) == (1, 1, 0)


def test_the_same_seed_gives_the_same_run():
    random = np.random.default_rng(5)
    made = Calls(np.sort(random.uniform(0, DAY_S, 800)), random.exponential(240, 800), 1)
    first, again = (world(made, seed=3).run(Fixed(TWO, 2, always=True)) for _ in range(2))
    assert first == again
