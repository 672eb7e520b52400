"""The scheduler loses nobody, answers nobody twice, keeps order and gives up the cheapest first."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.speech.scheduler import Job, Kind, Limits, Refusal, Scheduler, Turned

FAR = 1e9


def job(number: int, kind: Kind = Kind.FINAL, **values: object) -> Job:
    given_values = {
        "call": f"call-{number}",
        "bucket": 500,
        "tokens": 30.0,
        "arrived_s": 0.0,
        "deadline_s": FAR,
    } | values
    return Job(id=number, kind=kind, **given_values)  # type: ignore[arg-type]


def filled(jobs: list[Job], **limits: object) -> Scheduler:
    scheduler = Scheduler(Limits(**limits))  # type: ignore[arg-type]
    for one in jobs:
        assert scheduler.submit(one, one.arrived_s) == ()
    return scheduler


def ids(batch: tuple[Job, ...]) -> list[int]:
    return [one.id for one in batch]


def test_an_empty_queue_gives_an_empty_batch() -> None:
    assert Scheduler().take(0.0) == ((), ())


def test_the_most_urgent_kind_goes_first_and_the_earliest_deadline_within_it() -> None:
    jobs = [
        job(1, Kind.INTERIM),
        job(2, Kind.CLAUSE),
        job(3, Kind.PREFLIGHT),
        job(4, Kind.FINAL, deadline_s=9.0),
        job(5, Kind.FINAL, deadline_s=8.0),
    ]
    batch, _ = filled(jobs).take(0.1)
    assert ids(batch) == [5, 4, 3, 2, 1]


def test_a_batch_has_one_context() -> None:
    scheduler = filled([job(1), job(2, bucket=1000), job(3)])
    assert ids(scheduler.take(0.1)[0]) == [1, 3]
    assert ids(scheduler.take(0.2)[0]) == [2]


def test_a_batch_is_no_larger_than_allowed() -> None:
    scheduler = filled([job(n) for n in range(1, 11)], max_batch=4)
    assert [len(scheduler.take(0.1)[0]) for _ in range(4)] == [4, 4, 2, 0]


def test_a_much_longer_item_waits_for_the_next_batch() -> None:
    scheduler = filled([job(1), job(2, tokens=100.0), job(3)])
    assert ids(scheduler.take(0.1)[0]) == [1, 3]
    assert ids(scheduler.take(0.2)[0]) == [2]


def test_a_calls_committed_words_keep_their_order_across_contexts() -> None:
    long, short = job(1, call="a", bucket=1500), job(2, call="a", deadline_s=1.0)
    scheduler = filled([long, short])
    assert ids(scheduler.take(0.1)[0]) == [1]
    assert ids(scheduler.take(0.2)[0]) == [2]


def test_a_clause_is_as_urgent_as_the_final_behind_it() -> None:
    jobs = [
        job(1, Kind.CLAUSE, call="a", bucket=1500),
        job(2, Kind.PREFLIGHT),
        job(3, Kind.FINAL, call="a"),
    ]
    assert ids(filled(jobs).take(0.1)[0]) == [1]


def test_an_expired_job_is_told_and_never_decoded() -> None:
    scheduler = filled([job(1, deadline_s=1.0), job(2)])
    batch, turned = scheduler.take(1.0)
    assert ids(batch) == [2]
    assert [(one.job.id, one.why) for one in turned] == [(1, Refusal.EXPIRED)]


def test_a_job_that_comes_too_late_is_refused_at_once() -> None:
    late = job(1, deadline_s=1.0)
    assert Scheduler().submit(late, 1.0) == (Turned(late, Refusal.EXPIRED),)


def test_an_interim_replaces_the_one_before_it() -> None:
    old = job(1, Kind.INTERIM, call="a")
    scheduler = filled([old])
    newer = job(2, Kind.INTERIM, call="a")
    assert scheduler.submit(newer, 0.1) == (Turned(old, Refusal.REPLACED),)
    assert ids(scheduler.take(0.2)[0]) == [2]


def test_an_old_interim_is_dropped() -> None:
    _, turned = filled([job(1, Kind.INTERIM)], interim_age_s=1.0).take(1.5)
    assert [one.why for one in turned] == [Refusal.EXPIRED]


@pytest.mark.parametrize("spared", [Kind.INTERIM, Kind.PREFLIGHT, Kind.CLAUSE])
def test_a_final_takes_the_place_of_something_less_urgent(spared: Kind) -> None:
    scheduler = filled([job(1), job(2, spared)], max_waiting=2)
    (turned,) = scheduler.submit(job(3), 0.0)
    assert (turned.job.id, turned.why) == (2, Refusal.FULL)
    assert ids(scheduler.take(0.1)[0]) == [1, 3]


def test_interims_go_before_speculation_and_speculation_before_clauses() -> None:
    kinds = [Kind.CLAUSE, Kind.PREFLIGHT, Kind.INTERIM]
    scheduler = filled([job(n, kind) for n, kind in enumerate(kinds)], max_waiting=3)
    gone = [scheduler.submit(job(n), 0.0)[0].job.kind for n in (10, 11, 12)]
    assert gone == [Kind.INTERIM, Kind.PREFLIGHT, Kind.CLAUSE]


def test_a_queue_full_of_finals_refuses() -> None:
    scheduler = filled([job(1), job(2)], max_waiting=2)
    third = job(3)
    assert scheduler.submit(third, 0.0) == (Turned(third, Refusal.FULL),)
    assert scheduler.waiting == 2


@pytest.mark.parametrize(
    ("waited_s", "refused"),
    [
        (0.1, []),
        (0.2, [Kind.INTERIM]),
        (0.3, [Kind.INTERIM, Kind.PREFLIGHT]),
        (0.45, [Kind.INTERIM, Kind.PREFLIGHT, Kind.FINAL, Kind.CLAUSE]),
    ],
)
def test_pressure_sheds_interims_then_speculation_then_new_calls(
    waited_s: float, refused: list[Kind]
) -> None:
    scheduler = filled([job(1)], slo_s=0.5)
    shed = {
        kind
        for number, kind in enumerate(Kind, start=2)
        if scheduler.submit(job(number, kind, deadline_s=FAR), waited_s)
    }
    assert shed == set(refused)


def test_a_call_that_was_served_is_not_shed() -> None:
    scheduler = filled([job(1, call="a"), job(2, call="b")], slo_s=0.5, max_batch=1)
    batch, _ = scheduler.take(0.0)
    scheduler.finished(batch, 0.1)
    assert scheduler.submit(job(3, call="a"), 0.49) == ()
    assert scheduler.submit(job(4, call="c"), 0.49)[0].why is Refusal.SHED


def test_pressure_falls_when_the_queue_has_been_short_for_a_while() -> None:
    scheduler = filled([job(1)])
    scheduler.take(2.0)
    assert scheduler.pressure(2.0) == pytest.approx(4.0)
    assert scheduler.pressure(60.0) == 0.0


def test_a_failed_batch_is_tried_singly_once() -> None:
    scheduler = filled([job(1), job(2), job(3)])
    batch, _ = scheduler.take(0.1)
    again, lost = scheduler.failed(batch, 0.2)
    assert ids(again) == [1, 2, 3]
    assert lost == ()
    alone = [scheduler.take(0.3)[0] for _ in range(3)]
    assert [ids(one) for one in alone] == [[1], [2], [3]]
    assert scheduler.failed(alone[1], 0.4) == ((), alone[1])
    assert scheduler.take(0.5) == ((), ())


def test_a_cancelled_job_is_gone() -> None:
    scheduler = filled([job(1)])
    assert scheduler.cancel(1)
    assert not scheduler.cancel(1)
    assert scheduler.take(0.1) == ((), ())


def test_an_id_in_use_is_a_mistake_of_the_caller() -> None:
    scheduler = filled([job(1)])
    with pytest.raises(ValueError, match="already in use"):
        scheduler.submit(job(1), 0.0)


@given(
    lengths=st.lists(st.floats(1.0, 400.0), min_size=1, max_size=40),
    max_batch=st.integers(1, 16),
)
def test_no_length_waits_for_ever(lengths: list[float], max_batch: int) -> None:
    jobs = [job(n, tokens=tokens) for n, tokens in enumerate(lengths)]
    scheduler = filled(jobs, max_batch=max_batch)
    taken: list[int] = []
    for _ in jobs:
        batch, _turned = scheduler.take(0.0)
        taken += ids(batch)
    assert sorted(taken) == list(range(len(jobs)))


class AnyUse(RuleBasedStateMachine):
    """Any order of submit, cancel, take, finished and failed."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = Limits(max_batch=4, max_waiting=8)
        self.scheduler = Scheduler(self.limits)
        self.now = 0.0
        self.next_id = 1
        self.waiting: dict[int, Job] = {}
        self.running: tuple[Job, ...] = ()
        self.singles: set[int] = set()
        self.ended: set[int] = set()

    def _end(self, one: Job) -> None:
        assert one.id not in self.ended, "answered twice"
        self.ended.add(one.id)

    def _told(self, turned: tuple[Turned, ...]) -> None:
        for one in turned:
            self._end(one.job)
            self.waiting.pop(one.job.id, None)

    @rule(
        kind=st.sampled_from(list(Kind)),
        call=st.sampled_from(["", "a", "b", "c"]),
        bucket=st.sampled_from([500, 1000]),
        tokens=st.floats(1, 300),
        patience_s=st.floats(-0.1, 2.0),
    )
    def submit(self, kind: Kind, call: str, bucket: int, tokens: float, patience_s: float) -> None:
        one = Job(self.next_id, call, kind, bucket, tokens, self.now, self.now + patience_s)
        self.next_id += 1
        turned = self.scheduler.submit(one, self.now)
        self._told(turned)
        if one not in [t.job for t in turned]:
            self.waiting[one.id] = one

    @rule(seconds=st.floats(0.0, 0.6))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.waiting)))
        assert self.scheduler.cancel(number)
        self._end(self.waiting.pop(number))

    @precondition(lambda self: not self.running)
    @rule()
    def take(self) -> None:
        batch, turned = self.scheduler.take(self.now)
        self._told(turned)
        assert not any(one.deadline_s > self.now for one in self.waiting.values()) or batch
        assert len(batch) <= self.limits.max_batch
        assert len({one.bucket for one in batch}) <= 1
        for one in batch:
            assert one.deadline_s > self.now
            assert len(batch) == 1 or not one.single
            mine = self.waiting.pop(one.id)
            if one.committed and one.call:
                earlier = [w for w in self.waiting.values() if w.call == one.call and w.committed]
                assert all(w.id > mine.id for w in earlier), "out of order"
        self.running = batch

    @precondition(lambda self: self.running)
    @rule()
    def finish(self) -> None:
        self.scheduler.finished(self.running, self.now)
        for one in self.running:
            self._end(one)
        self.running = ()

    @precondition(lambda self: self.running)
    @rule()
    def fail(self) -> None:
        again, lost = self.scheduler.failed(self.running, self.now)
        assert {one.id for one in (*again, *lost)} == {one.id for one in self.running}
        for one in again:
            assert one.id not in self.singles, "retried more than once"
            self.singles.add(one.id)
            self.waiting[one.id] = one
        for one in lost:
            self._end(one)
        self.running = ()

    @invariant()
    def nobody_is_lost(self) -> None:
        assert self.scheduler.waiting == len(self.waiting)
        known = len(self.waiting) + len(self.running) + len(self.ended)
        assert known == self.next_id - 1

    @invariant()
    def the_queue_is_bounded(self) -> None:
        assert self.scheduler.waiting <= self.limits.max_waiting + self.limits.max_batch


TestAnyUse = AnyUse.TestCase
TestAnyUse.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
