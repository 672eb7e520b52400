from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.check_digit import is_valid
from agent.complaint import Call, Complaint, Intent
from agent.tickets.forwarder import replay
from agent.tickets.journal import Kind, read_journal
from agent.tickets.ledger import CallLedger, Filed, TicketStore
from agent.tickets.repository import Search, Ticket

StoreMaker = Callable[..., TicketStore]


def _tickets(store: TicketStore) -> list[Ticket]:
    return list(store.repository.search(Search(), unmask=True))


def test_a_call_becomes_a_ticket_a_call_row_and_a_put_away_journal(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(store, call)
    ledger.consent(True)
    ledger.note([replace(water, name=None, phone=None)], Intent.COMPLAINT)
    ledger.note([water], Intent.COMPLAINT)
    filed = ledger.file([water])
    assert filed.stored
    assert is_valid(filed.numbers[0])
    assert ledger.close("filed", Intent.COMPLAINT, [water]) == filed
    (ticket,) = _tickets(store)
    assert ticket.number == filed.numbers[0]
    assert (ticket.category, ticket.priority, ticket.status) == ("WATER", "high", "NEW")
    assert (ticket.constituency_no, ticket.locality_en) == (11, "Tondiarpet")
    assert (ticket.name, ticket.phone, ticket.days_since) == ("மீனா", "9500123456", 5)
    assert ticket.description == water.description
    assert ticket.landmark == water.landmark
    assert (ticket.partial, ticket.consent, ticket.linked_to) == (False, True, None)
    (record,) = store.repository.calls(unmask=True)
    assert (record.id, record.outcome, record.intent) == ("job-1", "filed", "complaint")
    assert (record.caller, record.turns, record.consent) == ("+919500123456", 2, True)
    assert not list(store.journal_dir.glob("*.jsonl"))
    kinds = [line.kind for line in read_journal(store.done_dir / "job-1.jsonl").lines]
    assert kinds == [
        Kind.OPENED, Kind.CONSENT, Kind.HEARD, Kind.HEARD, Kind.FILED, Kind.STORED, Kind.CLOSED,
        Kind.STORED,
    ]  # fmt: skip


def test_the_number_is_in_the_journal_and_the_row_stored_when_it_is_returned(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    number = CallLedger.open(store, call).file([water]).numbers[0]
    lines = read_journal(store.journal_dir / "job-1.jsonl").lines
    assert [line.data["tickets"][0]["number"] for line in lines if line.kind is Kind.FILED] == [
        number
    ]
    assert store.repository.get(number) is not None


def test_two_complaints_of_a_call_are_linked_tickets(
    store: TicketStore, call: Call, water: Complaint, sewage: Complaint
) -> None:
    ledger = CallLedger.open(store, call)
    first, second = ledger.file([water, sewage]).numbers
    assert [ticket.linked_to for ticket in _tickets(store)] == [None, first]
    third = replace(sewage, description="குப்பை")
    assert ledger.file([water, sewage, third]).numbers[:2] == (first, second)
    assert [ticket.linked_to for ticket in _tickets(store)] == [None, first, first]
    ledger.close("filed", Intent.COMPLAINT)


def test_an_open_place_keeps_all_its_seats_and_guesses_none(
    store: TicketStore, call: Call, sewage: Complaint
) -> None:
    CallLedger.open(store, replace(call, constituency=191)).file([sewage])
    (ticket,) = _tickets(store)
    assert ticket.constituency_no is None
    assert [seat["number"] for seat in ticket.candidates] == [191, 193]


def test_the_dialled_seat_counts_when_no_place_was_understood_and_says_so(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    CallLedger.open(store, replace(call, constituency=8)).file([replace(water, place=None)])
    (ticket,) = _tickets(store)
    assert ticket.constituency_no == 8
    assert ticket.decisions[-1]["evidence"] == "dialled-number"


def test_filing_again_returns_the_same_number_and_updates_the_row(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(store, call)
    first = ledger.file([replace(water, name=None)])
    assert ledger.file([water]) == first
    assert ledger.file([water]) == first
    (ticket,) = _tickets(store)
    assert (ticket.number, ticket.name) == (first.numbers[0], "மீனா")
    filed = [line for line in _lines(store) if line == Kind.FILED]
    assert len(filed) == 2


def test_what_was_said_after_filing_reaches_the_row_when_the_call_closes(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(store, call)
    number = ledger.file([replace(water, landmark=None)]).numbers[0]
    ledger.close("filed", Intent.COMPLAINT, [water])
    ticket = store.repository.get(number)
    assert ticket is not None
    assert ticket.landmark == water.landmark


def test_a_ticket_the_desk_works_on_is_not_rewritten(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(store, call)
    number = ledger.file([water]).numbers[0]
    with store.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ticket SET status = 'IN_PROGRESS'")
    ledger.file([replace(water, days=99)])
    ticket = store.repository.get(number)
    assert ticket is not None
    assert (ticket.days_since, ticket.status) == (5, "IN_PROGRESS")


@pytest.mark.parametrize(
    ("change", "intent", "tickets"),
    [
        ({}, Intent.COMPLAINT, 1),
        ({"place": None, "description": ""}, Intent.COMPLAINT, 1),
        ({"category": None}, Intent.COMPLAINT, 1),
        ({"category": None}, Intent.HUMAN, 1),
        ({"category": None, "description": "  "}, Intent.COMPLAINT, 0),
        ({}, Intent.STATUS, 0),
        ({}, Intent.WRONG_NUMBER, 0),
        ({"intent": Intent.INFO}, Intent.COMPLAINT, 0),
        ({"category": None}, Intent.ABUSE, 0),
        ({}, Intent.ABUSE, 1),
    ],
)
def test_what_was_noted_but_never_filed_becomes_partial_when_there_is_enough(
    change: dict[str, Any], intent: Intent, tickets: int, store: TicketStore, call: Call,
    water: Complaint,
) -> None:  # fmt: skip
    ledger = CallLedger.open(store, call)
    ledger.note([replace(water, **change)], intent)
    closed = ledger.close("hangup", intent)
    found = _tickets(store)
    assert [ticket.number for ticket in found] == list(closed.numbers)
    assert len(found) == tickets
    assert all(ticket.partial and ticket.status == "NEW" for ticket in found)
    (record,) = store.repository.calls()
    assert record.intent == intent.value


def test_closing_with_nothing_left_makes_no_ticket(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(store, call)
    ledger.note([water], Intent.COMPLAINT)
    assert ledger.close("withdrawn", Intent.COMPLAINT, []) == Filed((), stored=True)
    assert _tickets(store) == []


def test_closing_twice_is_closing_once(store: TicketStore, call: Call, water: Complaint) -> None:
    ledger = CallLedger.open(store, call)
    ledger.note([water], Intent.COMPLAINT)
    assert ledger.close("hangup", Intent.COMPLAINT) == ledger.close("lost", Intent.INFO, [])
    ledger.note([water], Intent.COMPLAINT)
    assert len(_tickets(store)) == 1


def test_no_words_names_or_numbers_lie_open_on_disk(
    store: TicketStore, call: Call, water: Complaint, tmp_path: Path
) -> None:
    ledger = CallLedger.open(store, call)
    ledger.note([water], Intent.COMPLAINT)
    ledger.file([water])
    ledger.close("filed", Intent.COMPLAINT)
    store.close()
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in ("மீனா", "9500123456", "அப்பல்லோ", "தண்ணியே"):
        assert secret.encode() not in everything
        assert secret.encode("unicode_escape") not in everything


def test_another_process_of_the_same_call_goes_on_where_the_first_stopped(
    make_store: StoreMaker, call: Call, water: Complaint, sewage: Complaint
) -> None:
    first = CallLedger.open(make_store(), call)
    first.consent(True)
    first.note([water], Intent.COMPLAINT)
    number = first.file([water]).numbers[0]
    assert first._journal is not None
    first._journal.close()  # as the kernel does when a process dies
    second = CallLedger.open(make_store(), call)
    assert second.numbers == (number,)
    both = second.file([water, sewage])
    assert both.numbers[0] == number
    second.close("filed", Intent.COMPLAINT, [water, sewage])
    found = _tickets(make_store())
    assert [ticket.number for ticket in found] == list(both.numbers)
    assert all(ticket.consent for ticket in found)


def test_many_calls_at_once_in_one_process_share_a_store(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    def run(index: int) -> str:
        ledger = CallLedger.open(store, replace(call, id=f"job-{index}"))
        ledger.note([water], Intent.COMPLAINT)
        filed = ledger.file([water])
        ledger.close("filed", Intent.COMPLAINT)
        return filed.numbers[0]

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(run, range(24)))
    replay(store)
    assert sorted(ticket.number for ticket in _tickets(store)) == sorted(numbers)
    assert len(set(numbers)) == 24


def _lines(store: TicketStore) -> list[Kind]:
    return [line.kind for line in read_journal(store.journal_dir / "job-1.jsonl").lines]
