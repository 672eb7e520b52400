"""A worker brings home what a killed call left behind."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from agent.complaint import Call, Category, Complaint, Intent
from agent.control.forwarding import Forwarding
from agent.tickets.ledger import CallLedger
from agent.tickets.store import TicketStore


def test_a_journal_left_behind_becomes_a_partial_ticket_while_the_worker_runs(tmp_path: Path):
    store = TicketStore.open(f"sqlite:///{tmp_path / 'kural.db'}", data_dir=tmp_path)
    ledger = CallLedger.open(store, Call(id="local-left", started_at=datetime.now(UTC)))
    ledger.note([Complaint(category=Category.WATER)], Intent.COMPLAINT)
    forwarding = Forwarding(store, every_s=0.05)
    forwarding.start()
    try:
        assert list(store.repository.search()) == []  # the call is live: its journal is locked
        ledger._journal.close()  # type: ignore[union-attr] # what the end of its process does
        for _ in range(200):
            if tickets := list(store.repository.search()):
                break
            time.sleep(0.05)
    finally:
        forwarding.stop()
    assert [(t.category, t.partial) for t in tickets] == [("WATER", True)]
    store.close()
