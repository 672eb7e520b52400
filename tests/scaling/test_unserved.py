"""Whom to dispatch when: single cases by name, and properties over random evenings."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.scaling.unserved import (
    NOTHING,
    Ask,
    Decision,
    Patience,
    Rules,
    SeenDispatch,
    SeenRoom,
    Target,
    decide,
)

T0 = 1_780_000_000.0
"""Some second of LiveKit's clock."""
RULES = Rules()
ALONE = Rules(overload=False)
PATIENCE = RULES.patience
FIRST = SeenDispatch(Target.MAIN, T0)
"""LiveKit's own dispatch at the beginning of the room."""


def room(
    sid: str = "RM_a",
    *,
    callers: int = 1,
    caller_at: float = T0,
    answered: bool = False,
    dispatches: tuple[SeenDispatch, ...] = (FIRST,),
) -> SeenRoom:
    return SeenRoom(sid, f"call-{sid}", callers, caller_at, answered, dispatches)


def looks(*pairs: tuple[float, SeenRoom], rules: Rules = RULES) -> list[Decision]:
    """Decide at each (seconds after T0, the one room there is)."""
    memory, seen = NOTHING, []
    for after_s, one in pairs:
        decision = decide(memory, (one,), T0 + after_s, rules)
        memory = decision.memory
        seen.append(decision)
    return seen


def asked(decisions: list[Decision]) -> list[Target | None]:
    return [d.asks[0].target if d.asks else None for d in decisions]


def play(until_s: float, rules: Rules = RULES, step_s: float = 0.1) -> list[tuple[float, Target]]:
    """A room that nobody ever answers, looked at every ``step_s``: what is asked when."""
    memory, found = NOTHING, []
    for step in range(int(until_s / step_s) + 1):
        now = T0 + step * step_s
        decision = decide(memory, (room(),), now, rules)
        memory = decision.memory
        found += [(round(now - T0, 1), ask.target) for ask in decision.asks]
    return found


def test_a_call_that_has_just_come_is_left_to_livekit():
    (decision,) = looks((1.0, room()))
    assert not decision.asks
    assert (decision.waiting, decision.unserved) == (1, 0)
    assert decision.next_at == pytest.approx(T0 + PATIENCE.first_s)


def test_a_call_nobody_takes_gets_the_agent_three_times_and_the_overload_agent_at_twelve_seconds():
    assert play(18.0) == [
        (3.0, Target.MAIN),
        (6.0, Target.MAIN),
        (9.0, Target.MAIN),
        (12.0, Target.OVERLOAD),
        (15.0, Target.MAIN),
        (18.0, Target.OVERLOAD),
    ]


def test_without_an_overload_agent_only_the_agent_is_called():
    assert {target for _, target in play(60.0, ALONE)} == {Target.MAIN}


def test_who_waits_long_is_dispatched_ever_more_rarely_but_never_given_up():
    times = [at for at, _ in play(3600.0, step_s=1.0)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert max(gaps) <= PATIENCE.slowest_s + 1.0
    assert gaps == sorted(gaps)
    assert times[-1] > 3600.0 - 2 * PATIENCE.slowest_s


def test_a_late_first_look_does_not_put_the_overload_agent_off():
    """The idle poll sees a room after up to ten seconds."""
    assert asked(looks((10.5, room()), (12.0, room()))) == [None, Target.OVERLOAD]
    assert asked(looks((8.0, room()), (11.0, room()), (12.0, room()))) == [
        Target.MAIN,
        None,
        Target.OVERLOAD,
    ]


def test_an_agent_that_has_accepted_is_waited_for():
    accepted = replace(FIRST, accepted_at=T0 + 0.5)
    one = room(dispatches=(accepted,))
    assert asked(looks((3.5, one), (5.4, one), (5.6, one))) == [None, None, Target.MAIN]


def test_a_dispatch_that_livekit_tries_again_by_itself_is_not_doubled():
    retried = replace(FIRST, made_at=T0 + 2.0, retrying=True)
    one = room(dispatches=(retried,))
    assert asked(looks((3.5, one), (6.9, one))) == [None, None]


def test_what_another_redispatcher_did_counts_as_done():
    theirs = SeenDispatch(Target.MAIN, T0 + 3.0)
    one = room(dispatches=(FIRST, theirs))
    assert asked(looks((3.2, one), (5.9, one), (6.1, one))) == [None, None, Target.MAIN]
    overload = SeenDispatch(Target.OVERLOAD, T0 + 12.0)
    one = room(dispatches=(FIRST, theirs, overload))
    assert asked(looks((12.2, one), (14.9, one), (15.1, one))) == [None, None, Target.MAIN]


def test_a_call_with_an_agent_is_left_alone():
    (decision,) = looks((100.0, room(answered=True)))
    assert not decision.asks
    assert (decision.waiting, decision.next_at) == (0, None)


def test_two_people_in_a_room_talk_to_each_other():
    (decision,) = looks((100.0, room(callers=2)))
    assert not decision.asks
    assert decision.waiting == 0


def test_a_caller_who_left_is_forgotten():
    before, after = looks((5.0, room()), (6.0, room(callers=0)))
    assert before.memory
    assert not after.memory
    assert decide(before.memory, (), T0 + 6.0, RULES).memory == {}


def test_an_agent_that_dies_in_the_middle_is_replaced_within_three_seconds_of_the_last_look():
    served = room(answered=True, dispatches=(replace(FIRST, accepted_at=T0 + 0.2),))
    lost = replace(served, answered=False)
    assert asked(looks((100.0, served), (101.0, lost), (103.1, lost), (112.1, lost))) == [
        None,
        None,
        Target.MAIN,
        Target.OVERLOAD,
    ]


def test_who_is_started_anew_does_not_take_a_call_cut_off_now_for_one_that_waited_all_along():
    lost = room(dispatches=(replace(FIRST, accepted_at=T0 + 0.2),))
    assert asked(looks((300.0, lost), (303.1, lost))) == [None, Target.MAIN]


def test_who_is_started_anew_goes_on_with_a_call_that_still_rings():
    assert asked(looks((13.0, room()))) == [Target.OVERLOAD]


def test_a_clock_behind_the_callers_arrival_waits():
    assert asked(looks((0.0, room(caller_at=T0 + 5.0)))) == [None]


# -- properties -----------------------------------------------------------------------------------

GAPS = st.lists(st.floats(0.05, 2.0), min_size=20, max_size=60)
SOMETIMES = st.lists(st.booleans(), min_size=60, max_size=60)


@given(gaps=GAPS, overload=st.booleans(), shown=SOMETIMES)
def test_never_two_dispatches_for_one_room_within_the_pause(gaps, overload, shown):
    """Whether LiveKit lists our dispatch at once, later or never."""
    rules = Rules(overload=overload)
    memory, now, asks = NOTHING, T0, list[float]()
    dispatches = [FIRST]
    for gap, visible in zip(gaps, shown, strict=False):
        now += gap
        decision = decide(memory, (room(dispatches=tuple(dispatches)),), now, rules)
        memory = decision.memory
        for ask in decision.asks:
            asks.append(now)
            if visible:
                dispatches.append(SeenDispatch(ask.target, now))
    pauses = [later - earlier for earlier, later in itertools.pairwise(asks)]
    assert all(pause >= PATIENCE.again_s - 0.03 for pause in pauses)


@given(
    arrivals=st.lists(st.floats(0.0, 30.0), min_size=1, max_size=8),
    gaps=st.lists(st.floats(0.05, 2.0), min_size=200, max_size=200),
    accepts=st.lists(st.booleans(), min_size=200, max_size=200),
)
def test_every_waiting_call_is_dispatched_in_the_end_and_none_with_an_agent(
    arrivals, gaps, accepts
):
    """Workers take a dispatch now and then; who took one is in the room 0.3 s later."""
    memory, now = NOTHING, T0
    taken = list(accepts)
    rooms = {f"RM_{i}": room(f"RM_{i}", caller_at=T0 + at) for i, at in enumerate(arrivals)}
    asked_of = {sid: list[Ask]() for sid in rooms}
    joins: dict[str, float] = {}
    for gap in gaps:
        now += gap
        for sid in [sid for sid, at in joins.items() if at <= now]:
            rooms[sid] = replace(rooms[sid], answered=True)
        here = tuple(one for one in rooms.values() if one.caller_at <= now)
        decision = decide(memory, here, now, RULES)
        memory = decision.memory
        for ask in decision.asks:
            one = rooms[ask.room.sid]
            assert not one.answered
            took = taken.pop() if taken else True
            made = SeenDispatch(ask.target, now, accepted_at=now if took else None)
            rooms[one.sid] = replace(one, dispatches=(*one.dispatches, made))
            asked_of[one.sid].append(ask)
            if took:
                joins.setdefault(one.sid, now + 0.3)
    for sid, one in rooms.items():
        longest = now - one.caller_at
        if longest > PATIENCE.first_s + 2.0:
            assert asked_of[sid], "never dispatched"
        refused = sid not in joins
        if refused and longest > PATIENCE.overload_s + 2.0:
            assert Target.OVERLOAD in {ask.target for ask in asked_of[sid]}
        assert len(asked_of[sid]) <= max(0.0, longest) / PATIENCE.again_s + 1


@given(count=st.integers(0, 6), now=st.floats(0.0, 100.0), answered=st.integers(0, 63))
def test_the_order_of_rooms_does_not_matter(count, now, answered):
    rooms = [room(f"RM_{i}", answered=bool(answered >> i & 1)) for i in range(count)]
    one = decide(NOTHING, rooms, T0 + now, RULES)
    other = decide(NOTHING, rooms[::-1], T0 + now, RULES)
    assert (one.memory, one.waiting, one.unserved, one.next_at) == (
        other.memory,
        other.waiting,
        other.unserved,
        other.next_at,
    )
    assert {a.room.sid for a in one.asks} == {a.room.sid for a in other.asks}
    assert one.waiting == sum(not r.answered for r in rooms)


@given(waited=st.floats(0.0, 4000.0), first=st.floats(1.0, 5.0), again=st.floats(1.0, 5.0))
def test_the_next_look_is_never_due_before_now_once_the_room_was_dispatched(waited, first, again):
    rules = Rules(Patience(first_s=first, again_s=again))
    decision = decide(NOTHING, (room(),), T0 + waited, rules)
    assert decision.next_at is not None
    assert decision.next_at > T0 + waited
