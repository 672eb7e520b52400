"""What happens to tickets after the call, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from agent.complaint import Call, Complaint
from agent.tickets.casework import Casework, NoSuchTicket
from agent.tickets.ledger import CallLedger
from agent.tickets.lifecycle import IllegalMove
from agent.tickets.models import TICKET, TicketStatus
from agent.tickets.names import load_names
from agent.tickets.store import TicketStore

S = TicketStatus
START = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)  # a Monday


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def office(make_store, database_url: str, clock: Clock) -> TicketStore:
    store: TicketStore = make_store(database_url, key=b64key(), clock=clock)
    return store


def b64key() -> str:
    return "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture
def work(office: TicketStore) -> Casework:
    return Casework(office, load_names())


def file(store: TicketStore, call: Call, complaint: Complaint, call_id: str = "job-1") -> str:
    ledger = CallLedger.open(store, replace(call, id=call_id))
    (number,) = ledger.file([complaint]).numbers
    ledger.close("filed", complaint.intent)
    return number


def row(store: TicketStore, number: str):
    with store.database.engine.connect() as connection:
        query = select(TICKET).where(TICKET.c.number == number)
        return connection.execute(query).mappings().one()


def kinds(work: Casework, number: str) -> list[str]:
    return [event["kind"] for event in work.history(number)]


def test_a_ticket_begins_with_its_history_and_its_due_date(work, office, call, water) -> None:
    number = file(office, call, water)
    (event,) = work.history(number)
    assert (event["actor"], event["from_status"], event["to_status"]) == ("line", None, "NEW")
    assert row(office, number)["due_at"] == datetime(2026, 11, 19, 12, 15, tzinfo=UTC)


def test_the_office_works_a_ticket_to_its_end(work, office, call, water) -> None:
    number = file(office, call, water)
    work.move(number, S.ACKNOWLEDGED, "lakshmi")
    work.assign(number, "ravi", "lakshmi", note="குழாய் ஆய்வு")
    work.move(number, S.IN_PROGRESS, "ravi")
    work.move(number, S.RESOLVED, "ravi")
    change = work.confirm(number, mended=True)
    assert change.new is S.VERIFIED_CLOSED
    assert [event["to_status"] for event in work.history(number)] == [
        "NEW", "ACKNOWLEDGED", "ASSIGNED", "IN_PROGRESS", "RESOLVED", "VERIFIED_CLOSED",
    ]  # fmt: skip
    assert row(office, number)["assigned_to"] == "ravi"


def test_notes_are_encrypted_and_masked(work, office, call, water) -> None:
    number = file(office, call, water)
    work.note(number, "ravi", "மீனா வீட்டுக்குப் போனேன்")
    with office.database.engine.connect() as connection:
        stored = connection.execute(text("SELECT note FROM event WHERE note IS NOT NULL")).scalar()
    assert "மீனா".encode() not in bytes(stored)
    assert [e["note"] for e in work.history(number)][-1] == "***"
    assert [e["note"] for e in work.history(number, unmask=True)][-1] == "மீனா வீட்டுக்குப் போனேன்"


def test_what_may_not_follow_changes_nothing(work, office, call, water) -> None:
    number = file(office, call, water)
    before = dict(row(office, number))
    for act in (
        lambda: work.move(number, S.VERIFIED_CLOSED, "ravi"),
        lambda: work.move(number, S.REJECTED, "ravi", reason="not_ours"),
        lambda: work.transfer(number, 999, "ravi", note="x"),
        lambda: work.transfer(number, 11, "ravi", note="x"),
        lambda: work.transfer(number, 12, "ravi", note=" "),
        lambda: work.merge(number, number, "ravi"),
        lambda: work.merge(number, "100000009", "ravi"),
        lambda: work.reopen(number, "ravi"),
        lambda: work.assign(number, " ", "ravi"),
        lambda: work.note(number, "ravi", ""),
        lambda: work.correct(number, "ravi", category="NONSENSE"),
        lambda: work.rate(number, score=6, call_id="x"),
    ):
        with pytest.raises((IllegalMove, NoSuchTicket)):
            act()
    assert dict(row(office, number)) == before
    assert kinds(work, number) == ["status"]
    with pytest.raises(NoSuchTicket):
        work.move("999999999", S.ACKNOWLEDGED, "ravi")


def test_not_ours_is_transferred_with_number_and_reason(work, office, call, water) -> None:
    number = file(office, call, water)
    due = row(office, number)["due_at"]
    work.assign(number, "ravi", "lakshmi")
    work.transfer(number, 12, "lakshmi", note="தெரு அடுத்த தொகுதி")
    after = row(office, number)
    assert (after["constituency_no"], after["status"], after["due_at"]) == (12, "TRANSFERRED", due)
    assert after["assigned_to"] is None
    last = list(work.history(number))[-1]
    assert (last["kind"], last["facts"]) == ("transferred", {"to_seat": 12, "from_seat": 11})
    work.transfer(number, 13, "kavitha", note="அங்கும் இல்லை")
    assert row(office, number)["constituency_no"] == 13


def test_the_clock_stands_while_the_citizen_is_waited_for(work, office, clock, call, water) -> None:
    number = file(office, call, water)
    due = row(office, number)["due_at"]
    work.move(number, S.IN_PROGRESS, "ravi")
    work.move(number, S.WAITING_CITIZEN, "ravi")
    clock.now += timedelta(days=5)
    assert work.escalate() == []
    work.move(number, S.IN_PROGRESS, "ravi")
    assert row(office, number)["due_at"] == due + timedelta(days=5)


def test_what_is_overdue_rises_once_a_level(work, office, clock, call, water) -> None:
    number = file(office, call, water)
    clock.now = row(office, number)["due_at"] + timedelta(minutes=1)
    assert [(c.number, c.level) for c in work.escalate()] == [(number, 1)]
    assert work.escalate() == []
    clock.now += timedelta(days=3)
    assert [c.level for c in work.escalate()] == [2]
    clock.now = START + timedelta(days=21)
    assert [c.level for c in work.escalate()] == [3]
    assert kinds(work, number) == ["status", "escalated", "escalated", "escalated"]


def test_resolved_but_not_mended_is_reopened_one_level_higher(work, office, call, water) -> None:
    number = file(office, call, water)
    work.move(number, S.IN_PROGRESS, "ravi")
    work.move(number, S.RESOLVED, "ravi")
    change = work.confirm(number, mended=False)
    assert (change.new, change.level) == (S.REOPENED, 1)
    after = row(office, number)
    assert (after["reopened"], after["resolved_at"]) == (1, None)


def test_a_merge_counts_for_the_other_and_can_be_undone(work, office, call, water) -> None:
    first, second = (file(office, call, water, each) for each in ("a", "b"))
    work.report_again(second, "line", call_id="c")
    work.merge(second, first, "ravi")
    assert row(office, first)["reports"] == 3
    assert (row(office, second)["status"], row(office, second)["duplicate_of"]) == (
        "DUPLICATE_OF", first,
    )  # fmt: skip
    with pytest.raises(IllegalMove):
        work.merge(first, second, "ravi")
    work.reopen(second, "ravi", note="வேறு தெரு")
    assert row(office, first)["reports"] == 1
    assert row(office, second)["duplicate_of"] is None


def test_the_same_caller_counts_once_a_call(work, office, call, water) -> None:
    number = file(office, call, water)
    assert work.report_again(number, "line", call_id="second") == 2
    assert work.report_again(number, "line", call_id="second") == 2
    assert work.report_again(number, "line", call_id="third") == 3


def test_twelve_people_are_a_suggestion_never_a_merge(work, office, clock, call, water) -> None:
    numbers = [file(office, call, water, f"c{n}") for n in range(12)]
    clock.now += timedelta(days=30)
    late = file(office, call, water, "late")
    cluster = work.similar(numbers[5])
    assert cluster is not None
    assert (cluster.number, cluster.reports, len(cluster.others)) == (numbers[0], 12, 11)
    assert late not in cluster.others
    assert all(row(office, number)["status"] == "NEW" for number in numbers)
    clock.now = START + timedelta(days=1)
    (found,) = work.clusters(constituency=11)
    assert (found["reports"], found["category"]) == (13, "WATER")


def test_a_correction_moves_the_due_date_and_is_kept(work, office, call, water) -> None:
    number = file(office, call, water)
    work.correct(number, "ravi", category="ROAD", note="குழாய் இல்லை, பள்ளம்")
    after = row(office, number)
    assert after["category"] == "ROAD"
    assert after["due_at"] > START + timedelta(days=14)
    last = list(work.history(number))[-1]
    assert last["facts"] == {"category": "ROAD", "from_category": "WATER"}


def test_a_grade_counts_once_a_call(work, office, call, water) -> None:
    number = file(office, call, water)
    work.rate(number, score=2, call_id="c")
    work.rate(number, score=4, call_id="c")
    with office.database.engine.connect() as connection:
        assert connection.execute(text("SELECT score FROM rating")).scalars().all() == [4]
