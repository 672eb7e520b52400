"""A worker brings home what a killed call, or an outage of the database, left behind."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.complaint import Call, Category, Complaint, Intent
from agent.control.forwarding import Forwarder
from agent.tickets.ledger import CallLedger
from agent.tickets.repository import Ticket
from agent.tickets.store import TicketStore

WATER = Complaint(category=Category.WATER)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TicketStore]:
    store = TicketStore.open(f"sqlite:///{tmp_path / 'kural.db'}", data_dir=tmp_path)
    yield store
    store.close()


def call(name: str) -> Call:
    return Call(id=name, started_at=datetime.now(UTC))


def tickets_when(store: TicketStore, there: Callable[[list[Ticket]], bool]) -> list[Ticket]:
    """The tickets as soon as they are as wanted; fails after ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if there(tickets := list(store.repository.search())):
            return tickets
        time.sleep(0.02)
    pytest.fail("the tickets did not come")


def test_a_journal_left_behind_becomes_a_partial_ticket_while_the_worker_runs(store: TicketStore):
    ledger = CallLedger.open(store, call("local-left"))
    ledger.note([WATER], Intent.COMPLAINT)
    forwarder = Forwarder(store, every_s=0.05)
    forwarder.start()
    try:
        time.sleep(0.3)
        assert list(store.repository.search()) == []  # the call is live: its journal is locked
        assert ledger._journal is not None
        ledger._journal.close()  # what the end of its process does
        tickets = tickets_when(store, lambda found: len(found) == 1)
    finally:
        forwarder.stop()
    assert [(t.category, t.partial) for t in tickets] == [("WATER", True)]


def test_when_the_database_is_back_a_live_call_has_its_rows_at_once(
    store: TicketStore, tmp_path: Path
):
    """The call has no reason to try again, and the next regular look is far away."""
    other = sqlite3.connect(tmp_path / "kural.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    ledger = CallLedger.open(store, call("local-live"))
    numbers = ledger.file([WATER, WATER]).numbers
    forwarder = Forwarder(store, every_s=3600, ask_every_s=0.05)
    forwarder.start()
    try:
        time.sleep(0.5)
        other.close()
        back = time.monotonic()
        tickets = tickets_when(store, lambda found: len(found) == 2)
        assert time.monotonic() - back < 5.0
    finally:
        forwarder.stop()
    assert [(t.number, t.partial) for t in tickets] == [(number, False) for number in numbers]
    assert ledger.close("filed", Intent.COMPLAINT).numbers == numbers
    assert len(list(store.repository.search())) == 2


def test_waking_it_does_not_wait_for_the_next_look(store: TicketStore):
    forwarder = Forwarder(store, every_s=3600)
    forwarder.start()
    try:
        time.sleep(0.3)
        ledger = CallLedger.open(store, call("local-left"))
        ledger.note([WATER], Intent.COMPLAINT)
        assert ledger._journal is not None
        ledger._journal.close()
        forwarder.wake()
        tickets_when(store, lambda found: len(found) == 1)
    finally:
        forwarder.stop()


@pytest.mark.parametrize("away", [False, True])
def test_it_stops_without_waiting_for_anything(away: bool, store: TicketStore, tmp_path: Path):
    other = sqlite3.connect(tmp_path / "kural.db", isolation_level=None)
    if away:
        other.execute("BEGIN EXCLUSIVE")
        CallLedger.open(store, call("local-left")).close("filed", Intent.COMPLAINT, [WATER])
    forwarder = Forwarder(store, every_s=3600, ask_every_s=3600)
    forwarder.start()
    time.sleep(2.0 if away else 0.2)
    began = time.monotonic()
    forwarder.stop()
    assert time.monotonic() - began < 1.5
    other.close()
