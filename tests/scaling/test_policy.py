"""What the policy decides, and what it never does."""

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.scaling.fleet import (
    Choice,
    Drain,
    Memory,
    Order,
    Phase,
    Reading,
    Seen,
    State,
    Terminate,
)
from agent.scaling.policy import plan
from agent.scaling.policy_config import Config, phases
from agent.scaling.schedule import Schedule
from agent.scaling.tiers import load_tiers
from agent.tickets.calendar import IST

NOON = datetime(2026, 11, 4, 12, 0, tzinfo=IST)
NIGHT = datetime(2026, 11, 4, 23, 0, tzinfo=IST)
ADA = "NVIDIA RTX 4000 Ada Generation"
BIG = "NVIDIA GeForce RTX 4090"
CHOICES = (Choice(ADA, 39, 0.28), Choice(BIG, 60, 0.74))
TIERS = load_tiers()
ALWAYS = Config(Schedule.parse("always", "x"), TIERS)
DAILY = Config(Schedule.parse("daily", "x"), TIERS)


def reading(now, calls=0, unsent=0, ready=True, draining=False, age_s=1.0):
    return Reading(now - timedelta(seconds=age_s), calls, unsent, ready, draining)


def machine(number, now, calls=0, **more):
    told = {"unsent", "ready", "draining", "age_s"} & set(more)
    said = reading(now, calls, **{name: more.pop(name) for name in told})
    seen = Seen(f"id{number}", f"kural-t-{number}", ADA, 0.28, now - timedelta(hours=2), 39, said)
    return replace(seen, **more)


def state(now, machines=(), **more):
    active = sum(one.reading.calls for one in machines if one.reading)
    given_ = {
        "machines": tuple(machines),
        "choices": CHOICES,
        "active": active,
        "unserved": 0,
        "after_hours": 0,
        "arrived": 0,
        "read_at": now,
        "spent_today_usd": 0.0,
    }
    return State(**(given_ | more))


def kinds(decision):
    return [type(action) for action in decision.actions]


def test_an_empty_line_in_its_hours_orders_one_machine():
    decision = plan(state(NOON), NOON, ALWAYS)
    assert decision.actions == (Order((ADA, BIG)),)
    assert "Order a NVIDIA RTX 4000" in decision.why[0]


def test_the_first_machine_is_ordered_before_the_hours_begin():
    early = datetime(2026, 11, 4, 7, 40, tzinfo=IST)
    assert not plan(state(early), early, DAILY).actions
    shortly = early + timedelta(minutes=13)
    assert kinds(plan(state(shortly), shortly, DAILY)) == [Order]


def test_callers_whom_nobody_answers_bring_machines_at_once():
    full = [machine(1, NOON, calls=39)]
    decision = plan(state(NOON, full, unserved=25), NOON, ALWAYS)
    assert kinds(decision) == [Order]
    assert decision.figures is not None
    assert decision.figures.want == 64


def test_machines_on_their_way_are_counted():
    coming = replace(machine(2, NOON), reading=None, created_at=NOON - timedelta(minutes=3))
    decision = plan(state(NOON, [machine(1, NOON, calls=30), coming], unserved=12), NOON, ALWAYS)
    assert not decision.actions


def test_a_machine_that_never_came_up_is_not_counted_on():
    late = replace(machine(2, NOON), reading=None, created_at=NOON - timedelta(minutes=30))
    decision = plan(state(NOON, [machine(1, NOON, calls=30), late], unserved=12), NOON, ALWAYS)
    assert kinds(decision) == [Order]


def test_one_too_many_goes_after_five_minutes_and_not_before():
    memory = Memory()
    for minute in range(12):
        now = NOON + timedelta(minutes=minute)
        two = [machine(1, now, calls=3), machine(2, now, calls=1)]
        decision = plan(state(now, two, memory=memory), now, ALWAYS)
        memory = decision.memory
        if decision.actions:
            break
    assert minute == 5
    assert decision.actions == (Drain("id2"),)


def test_a_moment_of_need_begins_the_ten_minutes_anew():
    memory = Memory(surplus_since=NOON - timedelta(hours=1))
    busy = [machine(1, NOON, calls=30), machine(2, NOON, calls=20)]
    decision = plan(state(NOON, busy, memory=memory), NOON, ALWAYS)
    assert decision.memory.surplus_since is None


def test_of_machines_with_as_few_calls_the_dearest_goes():
    memory = Memory(surplus_since=NOON - timedelta(hours=1))
    dear = replace(machine(3, NOON), type_name=BIG, usd_per_hour=0.74)
    two = [machine(1, NOON), dear, machine(2, NOON, calls=2)]
    assert plan(state(NOON, two, memory=memory), NOON, ALWAYS).actions == (Drain("id3"),)


@pytest.mark.parametrize(
    ("calls", "unsent", "age_s", "goes"),
    [(0, 0, 1, True), (1, 0, 1, False), (0, 1, 1, False), (0, 0, 90, False)],
    ids=["empty", "a call", "an unsent line", "an old reading"],
)
def test_a_drained_machine_goes_only_when_it_is_empty_by_its_own_word(calls, unsent, age_s, goes):
    one = machine(2, NOON, calls=calls, unsent=unsent, draining=True, age_s=age_s)
    decision = plan(state(NOON, [machine(1, NOON), one]), NOON, ALWAYS)
    assert (Terminate("id2") in decision.actions) is goes


def test_the_last_machine_stays_in_the_hours():
    memory = Memory(surplus_since=NOON - timedelta(hours=9), idle_since=NOON - timedelta(hours=9))
    assert not plan(state(NOON, [machine(1, NOON)], memory=memory), NOON, DAILY).actions


def test_outside_hours_the_last_one_goes_after_half_an_hour_and_only_with_an_answer_path():
    for minutes, config, goes in (
        (29, DAILY, False),
        (31, DAILY, True),
        (31, replace(DAILY, answer_path_calls=0), False),
        (31, ALWAYS, False),
    ):
        since = NIGHT - timedelta(minutes=minutes)
        memory = Memory(surplus_since=since, idle_since=since)
        decision = plan(state(NIGHT, [machine(1, NIGHT)], memory=memory), NIGHT, config)
        assert bool(decision.actions) is goes, (minutes, config)


def test_a_busy_night_brings_a_machine():
    assert not plan(state(NIGHT, after_hours=2), NIGHT, DAILY).actions
    assert kinds(plan(state(NIGHT, after_hours=8), NIGHT, DAILY)) == [Order]
    busy = Memory(arrivals_per_s=0.12, arrivals_at=NIGHT)
    assert kinds(plan(state(NIGHT, after_hours=3, memory=busy), NIGHT, DAILY)) == [Order]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"failed": "LiveKit does not answer"}, "LiveKit does not answer"),
        ({"read_at": NOON - timedelta(seconds=61)}, "61 s old"),
    ],
)
def test_what_cannot_be_read_holds_everything(wrong, said):
    drained = machine(2, NOON, draining=True)
    memory = Memory(surplus_since=NOON - timedelta(hours=1))
    seen = state(NOON, [machine(1, NOON), drained], unserved=50, memory=memory, **wrong)
    decision = plan(seen, NOON, ALWAYS)
    assert not decision.actions
    assert said in decision.why[0]
    assert decision.memory.surplus_since is None


def test_a_silent_machine_is_replaced_and_kept():
    silent = machine(1, NOON, calls=4, age_s=120)
    decision = plan(state(NOON, [silent], active=4), NOON, ALWAYS)
    assert kinds(decision) == [Order]
    assert any("does not answer" in why for why in decision.why)


def test_an_orphan_goes_when_all_calls_were_elsewhere_for_long_enough():
    orphan = replace(machine(2, NOON), reading=None, created_at=NOON - timedelta(hours=1))
    long = NOON - timedelta(minutes=31)
    for since, accounted, active, goes in (
        (NOON - timedelta(hours=2), long, 5, True),
        (NOON - timedelta(hours=2), NOON - timedelta(minutes=29), 5, False),
        (NOON - timedelta(minutes=40), long, 5, False),
        (NOON - timedelta(hours=2), long, 6, False),
    ):
        memory = Memory(since=since, accounted_since=accounted)
        seen = state(NOON, [machine(1, NOON, calls=5), orphan], active=active, memory=memory)
        decision = plan(seen, NOON, ALWAYS)
        assert (Terminate("id2") in decision.actions) is goes, (since, accounted, active)


def test_a_broken_machine_goes_but_not_with_lines_on_it():
    broken = replace(machine(2, NOON, draining=True), alive=False)
    assert Terminate("id2") in plan(state(NOON, [machine(1, NOON), broken]), NOON, ALWAYS).actions
    for how in ({"unsent": 3, "draining": True}, {"calls": 1, "draining": True}, {}):
        kept = replace(machine(2, NOON, **how), alive=False)
        decision = plan(state(NOON, [machine(1, NOON), kept]), NOON, ALWAYS)
        assert not decision.actions
        assert any("for a person" in why for why in decision.why)
    old = replace(machine(2, NOON, unsent=3, age_s=86_401), alive=False)
    assert Terminate("id2") in plan(state(NOON, [machine(1, NOON), old]), NOON, ALWAYS).actions


def test_beyond_150_calls_there_is_a_spare_machine():
    machines = [machine(n, NOON, calls=30) for n in range(5)]
    steady = [Memory(arrivals_per_s=calls / 240, arrivals_at=NOON) for calls in (120, 150)]
    before = plan(state(NOON, machines[:4], memory=steady[0]), NOON, ALWAYS).figures
    after = plan(state(NOON, machines, memory=steady[1]), NOON, ALWAYS).figures
    assert before is not None
    assert after is not None
    assert after.want - before.want > 30 + 39


def test_after_failed_orders_it_waits():
    memory = Memory(no_order_until=NOON + timedelta(minutes=2))
    decision = plan(state(NOON, memory=memory), NOON, ALWAYS)
    assert not decision.actions
    assert "the last orders failed" in decision.why[0]


def test_without_stock_it_says_so():
    decision = plan(state(NOON, choices=()), NOON, ALWAYS)
    assert not decision.actions
    assert "no machine of a known capacity is in stock" in decision.why[0]


def test_a_dear_type_is_not_taken_where_the_money_is_only_for_the_cheap_one():
    decision = plan(state(NOON), NOON, replace(ALWAYS, usd_per_hour=0.5))
    assert decision.actions == (Order((ADA,)),)


def test_at_the_caps_it_stops_and_says_which():
    for config, said in (
        (replace(ALWAYS, usd_per_hour=0.1), "0.1 USD an hour"),
        (replace(ALWAYS, usd_per_day=0.2), "0.2 USD a day"),
        (replace(ALWAYS, max_machines=0), "0 machines"),
        (replace(ALWAYS, actions_per_hour=0), "0 actions"),
    ):
        decision = plan(state(NOON), NOON, config)
        assert not decision.actions
        assert said in " ".join(decision.why)


def test_when_the_day_is_paid_out_machines_are_drained_not_cut():
    config = replace(ALWAYS, usd_per_day=10.0)
    decision = plan(state(NOON, [machine(1, NOON, calls=9)], spent_today_usd=9.9), NOON, config)
    assert decision.actions == (Drain("id1"),)
    assert "money is spent" in decision.why[0]


def test_arrivals_are_smoothed_over_their_time():
    memory = Memory()
    for step in range(400):
        now = NOON + timedelta(seconds=15 * step)
        arrived = 3
        memory = plan(state(now, arrived=arrived, memory=memory), now, ALWAYS).memory
    assert memory.arrivals_per_s == pytest.approx(0.2, rel=0.01)


# --- what never happens ------------------------------------------------------------------------
calls_st = st.integers(0, 39)
readings = st.builds(
    lambda calls, unsent, ready, draining, age: reading(NOON, calls, unsent, ready, draining, age),
    calls_st,
    st.integers(0, 2),
    st.booleans(),
    st.booleans(),
    st.floats(0, 200),
)
machines_st = st.lists(
    st.builds(
        lambda said, hours, alive, ending, dear: Seen(
            "",
            "",
            BIG if dear else ADA,
            0.74 if dear else 0.28,
            NOON - timedelta(hours=hours),
            60 if dear else 39,
            said,
            alive,
            ending,
        ),
        st.none() | readings,
        st.floats(0, 5),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    max_size=8,
).map(lambda seen: tuple(replace(m, id=f"id{n}", name=f"m{n}") for n, m in enumerate(seen)))
moments = st.none() | st.floats(0, 7200).map(lambda ago: NOON - timedelta(seconds=ago))
memories = st.builds(
    Memory,
    since=moments,
    arrivals_per_s=st.floats(0, 3),
    arrivals_at=moments,
    surplus_since=moments,
    idle_since=moments,
    accounted_since=moments,
    acted=st.lists(st.just(NOON - timedelta(minutes=5)), max_size=35).map(tuple),
)
states = st.builds(
    State,
    machines=machines_st,
    choices=st.sampled_from([(), CHOICES, CHOICES[:1]]),
    active=st.integers(0, 300),
    unserved=st.integers(0, 50),
    after_hours=st.integers(0, 8),
    arrived=st.integers(0, 60),
    read_at=st.floats(-80, 80).map(lambda ago: NOON - timedelta(seconds=ago)),
    spent_today_usd=st.floats(0, 30),
    memory=memories,
    failed=st.sampled_from(["", "", "", "away"]),
)
configs = st.builds(
    lambda base, hourly, daily, most, actions: replace(
        base,
        usd_per_hour=hourly,
        usd_per_day=daily,
        max_machines=most,
        actions_per_hour=actions,
    ),
    st.sampled_from([ALWAYS, DAILY, replace(DAILY, answer_path_calls=0)]),
    st.floats(0, 5),
    st.floats(0, 40),
    st.integers(0, 8),
    st.integers(0, 30),
)
at_any_hour = st.integers(0, 23).map(lambda hour: timedelta(hours=hour - 12))


def moved(seen, shift):
    """The same state at another hour of the day."""

    def move(moment):
        return None if moment is None else moment + shift

    memory = replace(
        seen.memory,
        **{
            name: move(getattr(seen.memory, name))
            for name in ("since", "arrivals_at", "surplus_since", "idle_since", "accounted_since")
        },
        acted=tuple(move(one) for one in seen.memory.acted),
    )
    machines = tuple(
        replace(
            m,
            created_at=move(m.created_at),
            reading=None if m.reading is None else replace(m.reading, at=move(m.reading.at)),
        )
        for m in seen.machines
    )
    return replace(seen, read_at=move(seen.read_at), memory=memory, machines=machines)


@given(states, configs, at_any_hour)
@settings(max_examples=150, deadline=None)
def test_whatever_is_seen_no_call_line_or_rupee_too_many_is_lost(seen, config, shift):
    now = NOON + shift
    seen = moved(seen, shift)
    decision = plan(seen, now, config)
    by_id = {one.id: one for one in seen.machines}
    phase = {one.id: how for one, how in phases(seen, now, config)}
    assert decision.why
    if seen.failed or abs((now - seen.read_at).total_seconds()) > config.stale_s:
        assert decision.actions == ()
    hourly = sum(one.usd_per_hour for one in seen.machines)
    changes = 0
    for action in decision.actions:
        if isinstance(action, Terminate):
            one = by_id[action.id]
            said = one.reading
            if one.alive and said is not None:
                assert phase[one.id] is Phase.DRAINING
                assert (said.calls, said.unsent) == (0, 0)
                assert (now - said.at).total_seconds() <= config.stale_s
            if said is None:
                assert seen.memory.accounted_since is not None
            else:
                assert (said.calls, said.unsent, said.draining) == (0, 0, True)
        elif isinstance(action, Drain):
            changes += 1
            assert phase[action.id] is Phase.SERVING
        else:
            changes += 1
            dearest = max(c.usd_per_hour for c in seen.choices if c.type_name in action.types)
            hourly += dearest
            assert hourly <= config.usd_per_hour + 1e-9
            working = [how for how in phase.values() if how is not Phase.BROKEN]
            assert len(working) < config.max_machines
    money_up = any("money" in why for why in decision.why)
    if not money_up:
        assert changes <= max(0, config.actions_per_hour - len(seen.memory.acted))


@given(
    loads=st.lists(st.integers(0, 120), min_size=4, max_size=4),
    wobble=st.integers(0, 3),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=12, deadline=None)
def test_a_load_that_wobbles_does_not_make_machines_come_and_go(loads, wobble, seed):
    """Four levels of half an hour each, a call more or less every tick: no more changes than
    levels ask for."""
    random = Random(seed)
    machines: dict[int, list[Any]] = {}
    memory, count, changes = Memory(), 0, 0
    now = NOON
    for level in loads:
        before = changes
        for _ in range(120):
            now += timedelta(seconds=15)
            active = max(0, level + random.randint(-wobble, wobble))
            seen = _shared_out(machines, active, now)
            decision = plan(state(now, seen, active=active, memory=memory), now, ALWAYS)
            memory = decision.memory
            for action in decision.actions:
                match action:
                    case Order():
                        count += 1
                        changes += 1
                        machines[count] = [now, False]
                    case Drain(id=name):
                        changes += 1
                        machines[int(name[2:])][1] = True
                    case Terminate(id=name):
                        del machines[int(name[2:])]
        assert changes - before <= 5
        assert len(machines) >= 1


def _shared_out(machines, active, now):
    """All calls on the machines that serve, evenly."""
    seen = []
    serving = [n for n, (_, draining) in machines.items() if not draining]
    for number, (since, draining) in machines.items():
        started = now - since > timedelta(minutes=4)
        share = 0 if draining else active // max(1, len(serving))
        one = machine(number, now, calls=min(39, share), draining=draining)
        seen.append(replace(one, created_at=since, reading=one.reading if started else None))
    return seen
