"""What a machine does for its tickets by the clock."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from agent.complaint import Call, Category, Complaint, Intent
from agent.control.upkeep import Upkeep
from agent.settings import RetentionSettings
from agent.tickets.ledger import CallLedger
from agent.tickets.store import TicketStore

LONG_AGO = datetime.now(UTC) - timedelta(days=40)


@pytest.fixture
def store(tmp_path: Path):
    opened = TicketStore.open(f"sqlite:///{tmp_path / 'kural.db'}", data_dir=tmp_path)
    ledger = CallLedger.open(replace(opened, clock=lambda: LONG_AGO), Call("old", LONG_AGO))
    ledger.file([Complaint(category=Category.WATER, description="தண்ணி வரல")])
    ledger.close("filed", Intent.COMPLAINT)
    yield opened
    opened.close()


def level(store: TicketStore) -> int:
    with store.database.engine.connect() as connection:
        return int(connection.execute(text("SELECT level FROM ticket")).scalar_one())


def test_overdue_tickets_rise_and_old_journals_go_by_themselves(store: TicketStore) -> None:
    for path in store.done_dir.iterdir():
        os.utime(path, (LONG_AGO.timestamp(), LONG_AGO.timestamp()))
    assert list(store.done_dir.iterdir())
    upkeep = Upkeep(store, RetentionSettings(journals_days=30))
    upkeep.start()
    try:
        deadline = time.monotonic() + 30
        while (level(store) == 0 or list(store.done_dir.iterdir())) and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        upkeep.stop()
    assert level(store) == 3
    assert not list(store.done_dir.iterdir())


def test_a_database_that_is_away_ends_no_upkeep(tmp_path: Path) -> None:
    url = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    store = TicketStore.open(url, data_dir=tmp_path, key=key, reserve=False)
    upkeep = Upkeep(store, RetentionSettings())
    upkeep.once(with_retention=True)
    store.close()
