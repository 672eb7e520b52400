"""The pool's policy, in time that is an argument."""

from __future__ import annotations

import collections

import pytest
from hypothesis import given, strategies
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from agent.speech.instances import Outcome, Place, Rules, State, Wait, quantile
from agent.speech.pool import Pool

URLS = [f"http://10.0.0.{number}:8000" for number in range(1, 7)]


def pool(count: int, rules: Rules | None = None, *, abroad: int = 0) -> Pool:
    made = Pool(rules)
    made.resize((url, number < abroad) for number, url in enumerate(URLS[:count]))
    return made


def well(count: int, rules: Rules | None = None, *, abroad: int = 0) -> Pool:
    made = pool(count, rules, abroad=abroad)
    for place in made.probes(0.0):
        made.done(place, Outcome.ANSWERED, 0.0, first_audio_s=0.1)
    return made


def states(of: Pool) -> list[str]:
    return [row["state"] for row in of.snapshot()]


def fail(of: Pool, place: Place | None, now: float) -> None:
    assert place is not None
    of.done(place, Outcome.FAILED, now, error="status")


def fail_until_out(of: Pool, number: int, now: float) -> None:
    """Three requests in a row fail on one instance."""
    url = URLS[number]
    for _ in range(3):
        fail(of, of.again(now, [each for each in URLS if each != url]), now)


def test_an_instance_counts_only_after_it_was_heard():
    fresh = pool(2)
    assert fresh.ask(0.0) is None
    first, second = fresh.probes(0.0)
    assert fresh.probes(0.0) == []
    fresh.done(first, Outcome.ANSWERED, 0.1, first_audio_s=0.1)
    fresh.done(second, Outcome.FAILED, 0.1, error="html")
    assert states(fresh) == ["well", "out"]
    assert fresh.ask(0.2) is not None


def test_ten_requests_at_once_are_spread_evenly():
    five = well(5)
    places = [five.ask(1.0) for _ in range(10)]
    used = collections.Counter(place.instance.number for place in places if place)
    assert used == dict.fromkeys(range(1, 6), 2)


def test_the_quicker_of_two_equally_busy_is_taken():
    two = pool(2)
    for place, took_s in zip(two.probes(0.0), (0.3, 0.1), strict=True):
        two.done(place, Outcome.ANSWERED, 0.0, first_audio_s=took_s)
    first, second = two.ask(1.0), two.ask(1.0)
    assert first is not None
    assert second is not None
    assert (first.instance.number, second.instance.number) == (2, 1)


def test_one_more_than_the_limit_waits_and_gets_the_place_that_becomes_free():
    one = well(1, Rules(limit=2))
    held = [one.ask(1.0), one.ask(1.0)]
    assert one.ask(1.0) is None
    wait = one.wait(1.0, 2.0)
    assert wait is not None
    assert one.serve(1.1) == []
    assert held[0] is not None
    one.done(held[0], Outcome.ANSWERED, 1.2)
    assert one.serve(1.2) == [wait]
    assert wait.place is not None
    assert wait.place.held


def test_who_waits_is_served_before_who_comes():
    one = well(1, Rules(limit=1))
    held = one.ask(1.0)
    wait = one.wait(1.0, 5.0)
    assert held is not None
    one.done(held, Outcome.ANSWERED, 1.5)
    assert one.ask(1.5) is None
    assert one.serve(1.5) == [wait]


def test_a_wait_ends_without_a_place_when_its_time_or_all_hope_is_gone():
    one = well(1, Rules(limit=1))
    held = one.ask(1.0)
    late, hopeful = one.wait(1.0, 2.0), one.wait(1.0, 9.0)
    assert one.serve(2.0) == [late]
    assert late is not None
    assert late.place is None
    fail(one, held, 2.0)
    for _ in range(2):
        fail(one, one.again(2.1, ()), 2.1)
    assert one.serve(2.2) == [hopeful]
    assert hopeful is not None
    assert hopeful.place is None
    assert states(one) == ["out"]
    assert one.wait(2.2, 9.0) is None


def test_a_queue_that_is_full_refuses():
    one = well(1, Rules(limit=1, queue=2))
    one.ask(1.0)
    assert [one.wait(1.0, 2.0) is None for _ in range(3)] == [False, False, True]


def test_three_failures_in_a_row_put_an_instance_out_and_a_success_between_does_not():
    three = well(3)
    others = URLS[1:3]
    for outcome in (Outcome.FAILED, Outcome.FAILED, Outcome.ANSWERED, Outcome.FAILED):
        place = three.again(1.0, others)
        assert place is not None
        three.done(place, outcome, 1.0)
    assert states(three) == ["well", "well", "well"]
    for _ in range(2):
        fail(three, three.again(1.0, others), 1.0)
    assert states(three) == ["out", "well", "well"]
    assert three.again(1.0, others) is None


def test_the_wait_of_one_that_is_out_doubles_with_each_probe_in_vain_and_is_forgiven_later():
    two = well(2)
    fail_until_out(two, 0, 100.0)
    assert two.probes(104.9) == []
    [place] = two.probes(105.0)
    fail(two, place, 105.0)
    assert two.probes(114.9) == []
    [place] = two.probes(115.0)
    two.done(place, Outcome.ANSWERED, 115.0, first_audio_s=0.1)
    assert states(two) == ["well", "well"]
    for _ in range(10):
        again = two.ask(116.0)
        assert again is not None
        two.done(again, Outcome.ANSWERED, 116.0)
    assert [row["failures"] for row in two.snapshot()] == [0, 0]


def test_at_most_half_are_out_while_somebody_is_well_and_suspects_are_asked_last():
    four = well(4, Rules(extra_reserve=100.0))
    for number in range(3):
        fail_until_out(four, number, 1.0)
    assert states(four) == ["out", "out", "suspect", "well"]
    asked = [four.ask(2.0) for _ in range(6)]
    assert [place.instance.number if place else None for place in asked] == [4, 4, 4, 4, 3, None]


def test_when_nobody_is_well_all_are_out_and_no_caller_waits_for_them():
    three = well(3)
    for number in range(3):
        fail_until_out(three, number, 1.0)
    assert states(three) == ["out"] * 3
    assert three.ask(1.1) is None
    assert three.wait(1.1, 9.0) is None


def test_one_that_says_it_is_busy_rests_for_a_moment_and_is_not_ejected():
    one = well(1)
    for now in (1.0, 3.0, 5.0, 7.0):
        place = one.ask(now)
        assert place is not None
        one.done(place, Outcome.BUSY, now)
        assert one.ask(now + 0.9) is None
    assert states(one) == ["well"]


def test_retries_and_hedges_are_at_most_a_tenth_of_the_requests_after_the_reserve():
    two = well(2, Rules(limit=1000))
    extra = 0
    for _ in range(1000):
        two.ask(1.0)
        extra += two.again(1.0, [URLS[0]]) is not None
    assert extra == pytest.approx(110, abs=1)


def test_nothing_is_asked_twice_before_enough_is_known():
    one = well(1)
    assert one.hedge_after_s() is None
    for number in range(100):
        place = one.ask(1.0)
        assert place is not None
        one.done(place, Outcome.ANSWERED, 1.0, first_audio_s=number / 100)
    assert one.hedge_after_s() == pytest.approx(0.95)


def test_words_that_must_stay_go_to_instances_of_the_own_network_only():
    two = well(2, Rules(limit=1), abroad=1)
    place = two.ask(1.0, home=True)
    assert place is not None
    assert place.instance.number == 2
    assert two.ask(1.0, home=True) is None
    assert two.ask(1.0) is not None
    abroad = well(1, abroad=1)
    assert abroad.wait(1.0, 9.0, home=True) is None


def test_a_place_given_back_twice_is_free_once():
    one = well(1)
    place, other = one.ask(1.0), one.ask(1.0)
    assert place is not None
    assert other is not None
    one.done(place, Outcome.ANSWERED, 1.0)
    one.done(place, Outcome.FAILED, 1.0)
    assert one.snapshot()[0]["outstanding"] == 1


def test_an_instance_more_is_probed_and_then_serves_those_who_wait():
    one = well(1, Rules(limit=1))
    one.ask(1.0)
    wait = one.wait(1.0, 9.0)
    one.resize((url, False) for url in URLS[:2])
    [probe] = one.probes(1.1)
    assert probe.instance.number == 2
    one.done(probe, Outcome.ANSWERED, 1.2, first_audio_s=0.1)
    assert one.serve(1.2) == [wait]


def test_an_instance_taken_off_and_put_back_still_holds_what_is_open_there():
    one = well(1, Rules(limit=1))
    place = one.ask(1.0)
    assert place is not None
    one.resize([])
    assert one.ask(1.1) is None
    one.resize([(URLS[0], False)])
    assert one.ask(1.2) is None
    one.done(place, Outcome.ANSWERED, 1.3)
    assert one.ask(1.4) is not None


@given(strategies.lists(strategies.floats(0, 10), min_size=1), strategies.floats(0, 1))
def test_a_quantile_is_one_of_the_values_and_enough_are_not_above_it(values, share):
    found = quantile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


LIMIT = 2


class PoolMachine(RuleBasedStateMachine):
    """Anything may happen in any order: no place is ever lost, none is given twice."""

    places: Bundle[Place] = Bundle("places")
    waits: Bundle[Wait] = Bundle("waits")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.pool = Pool(Rules(limit=LIMIT, queue=3, hedge_samples=3))
        self.open: list[Place] = []

    def held(self, place: Place | None) -> list[Place]:
        if place is not None:
            self.open.append(place)
        return [] if place is None else [place]

    @rule(seconds=strategies.floats(0, 30))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule(urls=strategies.lists(strategies.sampled_from(URLS), unique=True))
    def resize(self, urls: list[str]) -> None:
        self.pool.resize((url, url == URLS[0]) for url in urls)
        self.take_served()

    @rule(target=places, home=strategies.booleans())
    def ask(self, home: bool):
        place = self.pool.ask(self.now, home=home)
        assert not (home and place and place.instance.abroad)
        self.held(place)
        return place

    @rule(target=places, tried=strategies.lists(strategies.sampled_from(URLS)))
    def again(self, tried: list[str]):
        place = self.pool.again(self.now, tried)
        assert place is None or place.instance.url not in tried
        self.held(place)
        return place

    @rule(target=waits, home=strategies.booleans(), within=strategies.floats(0, 20))
    def wait(self, home: bool, within: float):
        return self.pool.wait(self.now, self.now + within, home=home)

    @rule(wait=consumes(waits))
    def leave(self, wait: Wait | None) -> None:
        if wait is not None:
            self.pool.leave(wait, self.now)
            self.open = [place for place in self.open if place is not wait.place]

    @rule(everyone=strategies.booleans(), target=places)
    def probe(self, everyone: bool):
        found = self.pool.probes(self.now, everyone=everyone)
        for place in found:
            self.held(place)
        return found[0] if found else None

    @rule(
        place=consumes(places),
        outcome=strategies.sampled_from(list(Outcome)),
        took_s=strategies.one_of(strategies.none(), strategies.floats(0, 1)),
    )
    def done(self, place: Place | None, outcome: Outcome, took_s: float | None) -> None:
        if place is not None:
            self.pool.done(place, outcome, self.now, first_audio_s=took_s)
            self.open = [each for each in self.open if each is not place]
            self.take_served()

    @rule()
    def take_served(self) -> None:
        for wait in self.pool.serve(self.now):
            assert wait.over
            self.held(wait.place)

    @invariant()
    def the_counts_are_those_of_the_places(self) -> None:
        assert all(place.held for place in self.open)
        counted = collections.Counter(id(place.instance) for place in self.open)
        for place in self.open:
            assert place.instance.outstanding == counted[id(place.instance)] <= LIMIT
        assert sum(row["outstanding"] for row in self.pool.snapshot()) <= len(self.open)

    @invariant()
    def at_most_half_are_ejected_while_one_is_well(self) -> None:
        found = states(self.pool)
        if State.SUSPECT in found:
            assert State.WELL in found

    def teardown(self) -> None:
        for place in self.open:
            self.pool.done(place, Outcome.ANSWERED, self.now)
        for wait in self.pool.serve(self.now + 1000):
            if wait.place is not None:
                self.pool.leave(wait, self.now)
        assert self.pool.waiting == 0
        assert all(row["outstanding"] == 0 for row in self.pool.snapshot())


TestPoolMachine = PoolMachine.TestCase
