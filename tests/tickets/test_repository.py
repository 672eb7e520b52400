from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.complaint import Call, Complaint, Decision
from agent.tickets.numbering import number_of
from agent.tickets.records import Filing, ticket_row
from agent.tickets.repository import Search
from agent.tickets.store import TicketStore

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def add(store: TicketStore, call: Call) -> Callable[..., str]:
    """Store one ticket; returns its number."""
    count = 0

    def put(complaint: Complaint, at: datetime = NOON, **columns: Any) -> str:
        nonlocal count
        count += 1
        filing = Filing(0, number_of(20_000_000 + count), complaint, at, revision=1)
        row = ticket_row(replace(call, id=f"job-{count}"), filing, None, True, store.cipher)
        store.save([{**row, **columns}])
        return filing.number

    return put


def test_names_and_numbers_are_masked_unless_asked_for(
    store: TicketStore, add: Callable[..., str], water: Complaint
) -> None:
    number = add(replace(water, description="நான் மீனா, 95001 23456"))
    masked, full = store.repository.get(number), store.repository.get(number, unmask=True)
    assert masked is not None
    assert full is not None
    assert (masked.name, masked.phone, masked.masked) == ("மீ***", "******3456", True)
    assert masked.description == "நான் மீ***, ***********"
    assert (full.name, full.phone, full.masked) == ("மீனா", "9500123456", False)
    assert full.description == "நான் மீனா, 95001 23456"


def test_of_a_confidential_ticket_not_even_a_letter_is_shown(
    store: TicketStore, add: Callable[..., str], water: Complaint
) -> None:
    masked = store.repository.get(add(replace(water, confidential=True)))
    assert masked is not None
    assert (masked.name, masked.phone) == ("***", "***")


def test_an_unknown_number_is_none(store: TicketStore, add: Callable[..., str], water: Complaint):
    add(water)
    assert store.repository.get("204103274") is None


def test_a_search_narrows_by_every_field(
    store: TicketStore, add: Callable[..., str], water: Complaint, sewage: Complaint
) -> None:
    a = add(water, NOON)
    b = add(sewage, NOON + timedelta(hours=1))
    c = add(water, NOON + timedelta(hours=2), status="IN_PROGRESS")
    phone_hash = store.cipher.phone_hash("+91 95001 23456")
    cases = {
        Search(): [a, b, c],
        Search(constituency=11): [a, c],
        Search(constituency=191): [],
        Search(category="SEWAGE"): [b],
        Search(status="IN_PROGRESS"): [c],
        Search(since=NOON + timedelta(hours=1)): [b, c],
        Search(until=NOON + timedelta(hours=1)): [a],
        Search(call_id="job-2"): [b],
        Search(phone_hash=phone_hash): [a, c],
        Search(constituency=11, status="NEW", since=NOON, until=NOON + timedelta(days=1)): [a],
    }
    for search, numbers in cases.items():
        assert [ticket.number for ticket in store.repository.search(search)] == numbers, search


def test_tickets_come_in_the_order_they_were_made_whatever_order_they_were_stored_in(
    store: TicketStore, add: Callable[..., str], water: Complaint
) -> None:
    late, early = add(water, NOON), add(water, NOON - timedelta(days=1))
    assert [ticket.number for ticket in store.repository.search()] == [early, late]


def test_reading_half_of_a_search_leaves_nothing_open(
    store: TicketStore, add: Callable[..., str], water: Complaint
) -> None:
    for _ in range(3):
        add(water)
    rows = store.repository.search()
    next(rows)
    rows.close()  # type: ignore[attr-defined]
    add(water)
    assert store.repository.count() == (4, 0)


def test_an_older_revision_never_overwrites_a_newer(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    number = number_of(20_000_000)
    for revision, days in ((5, 5), (3, 3), (5, 99), (7, 7)):
        filing = Filing(0, number, replace(water, days=days), NOON, revision)
        store.save([ticket_row(call, filing, None, True, store.cipher)])
    ticket = store.repository.get(number)
    assert ticket is not None
    assert ticket.days_since == 7


def test_decisions_in_clear_hold_codes_and_never_the_callers_words(
    store: TicketStore, add: Callable[..., str], water: Complaint
) -> None:
    decisions = (
        Decision("category", "WATER", "rule", "keyword:WATER.3", 0.9),
        Decision("category", "WATER", "rule", "தண்ணி வரல", 0.9),
        Decision("priority", "high", "model", "she-sounds-afraid", 0.6),
        Decision("name", "Meena", "rule", "Meena", 0.8),
        Decision("place", "தண்டையார்பேட்டை", "model", "Tondiarpet", 0.7),
    )
    ticket = store.repository.get(add(replace(water, decisions=decisions)))
    assert ticket is not None
    assert list(ticket.decisions) == [
        {"field": "category", "by": "rule", "score": 0.9, "value": "WATER",
         "evidence": "keyword:WATER.3"},
        {"field": "category", "by": "rule", "score": 0.9, "value": "WATER"},
        {"field": "priority", "by": "model", "score": 0.6, "value": "high"},
        {"field": "name", "by": "rule", "score": 0.8},
        {"field": "place", "by": "model", "score": 0.7},
    ]  # fmt: skip
    assert "Meena" not in json.dumps(ticket.decisions)


def test_calls_are_found_by_the_callers_number(store: TicketStore, call: Call) -> None:
    from agent.complaint import Intent
    from agent.tickets.ledger import CallLedger

    CallLedger.open(store, call).close("status", Intent.STATUS)
    CallLedger.open(store, replace(call, id="job-2", caller="")).close("silent", Intent.INFO)
    (record,) = store.repository.calls(caller="09500123456")
    assert (record.id, record.caller) == ("job-1", "*********3456")
    later = call.started_at + timedelta(seconds=1)
    assert len(list(store.repository.calls(since=call.started_at, until=later))) == 2
    assert list(store.repository.calls(since=later)) == []
