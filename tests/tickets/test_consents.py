"""What a caller agreed to: with the version of the wording, stored with the call, once."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sqlalchemy import select

from agent.complaint import Call, Complaint, Intent
from agent.tickets.forwarder import replay
from agent.tickets.journal import Kind, encode_line
from agent.tickets.ledger import CallLedger
from agent.tickets.models import CONSENT
from agent.tickets.records import ABROAD, RECORDING
from agent.tickets.store import TicketStore

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture
def office(make_store, database_url: str) -> TicketStore:
    store: TicketStore = make_store(database_url, key=KEY)
    return store


def rows(store: TicketStore) -> list[tuple[object, ...]]:
    columns = (CONSENT.c.call_id, CONSENT.c.kind, CONSENT.c.version, CONSENT.c.granted)
    with store.database.engine.connect() as connection:
        query = select(*columns).order_by(CONSENT.c.call_id, CONSENT.c.kind)
        return [tuple(row) for row in connection.execute(query)]


def test_consents_are_stored_with_the_call(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(office, call)
    ledger.consent(None, version="a1")
    ledger.consent(True, version="a1")
    ledger.consent(False, version="a1", kind=ABROAD)
    ledger.file([water])
    assert rows(office) == []
    ledger.close("filed", Intent.COMPLAINT)
    assert rows(office) == [
        ("job-1", "abroad", "a1", False), ("job-1", "recording", "a1", True),
    ]  # fmt: skip
    (path,) = office.done_dir.iterdir()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    told = [line["data"] for line in lines if line["kind"] == "consent"]
    assert told[1] == {"granted": True, "kind": "recording", "version": "a1"}


def test_a_replay_stores_them_too_and_once(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(office, call)
    ledger.consent(True, version="a1")
    ledger.note([water], Intent.COMPLAINT)
    assert ledger._journal is not None
    ledger._journal.close()  # the process is gone
    replay(office)
    (path,) = office.done_dir.iterdir()
    path.rename(office.journal_dir / path.name)
    replay(office)
    assert rows(office) == [("job-1", RECORDING, "a1", True)]


def test_a_journal_from_before_wordings_had_versions_is_replayed(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(office, replace(call, id="old"))
    ledger.note([water], Intent.COMPLAINT)
    assert ledger._journal is not None
    path, seq = ledger._journal.path, ledger._journal.seq
    ledger._journal.close()
    with path.open("ab") as file:
        file.write(encode_line(seq + 1, office.clock(), "old", Kind.CONSENT, {"granted": True}))
    assert replay(office).tickets == 1
    assert rows(office) == [("old", RECORDING, "unversioned", True)]
    (ticket,) = office.repository.search()
    assert ticket.consent is True
