"""Rows read back after a call; the traces of what it did are tested with the seeding of tickets."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.callers.outcome import left_by, rows_of
from agent.callers.seeding import NOTHING_SEEDED
from agent.complaint import Call, Category, Complaint, Intent
from agent.tickets.database import DatabaseAway
from agent.tickets.ledger import CallLedger
from agent.tickets.models import CALLBACK
from agent.tickets.store import TicketStore


def test_a_database_without_tables_is_told_in_one_sentence(tmp_path: Path) -> None:
    """So it looks after a call on a full disk: the journal has the call, no table was made."""
    store = TicketStore.open(f"sqlite:///{tmp_path / 'kural.db'}", data_dir=tmp_path, reserve=False)
    try:
        with pytest.raises(DatabaseAway, match="kural tickets replay"):
            rows_of(store.repository, "job-1", "+910000000001")
    finally:
        store.close()


def test_a_call_that_is_broken_off_is_read_back_with_its_answers(tmp_path: Path) -> None:
    store = TicketStore.open(f"sqlite:///{tmp_path / 'kural.db'}", data_dir=tmp_path)
    began = datetime.now(UTC)
    ledger = CallLedger.open(store, Call("sim-1", began))
    ledger.consent(False, version="1")
    ledger.note([Complaint(category=Category.WATER)], Intent.COMPLAINT)
    ledger.close("hung_up", Intent.COMPLAINT)
    try:
        left = left_by(store, "sim-1", "", began, NOTHING_SEEDED)
        assert [(row.category, row.partial) for row in left.rows] == [("WATER", True)]
        assert (left.traces.outcome, left.traces.consent) == ("hung_up", False)
        assert (left.traces.callback, left.traces.request) == (False, None)
        assert left_by(store, "sim-2", "", began, NOTHING_SEEDED).rows == ()
    finally:
        store.close()


@pytest.mark.parametrize(
    ("reasons", "callback", "wish"),
    [
        (["human"], True, None),
        (["rights_erase"], False, "erase"),
        (["rights_see", "human"], True, "see"),
    ],
)
def test_a_wish_about_stored_data_is_no_call_that_is_owed(
    tmp_path: Path, reasons: list[str], callback: bool, wish: str | None
) -> None:
    store = TicketStore.open(f"sqlite:///{tmp_path / 'kural.db'}", data_dir=tmp_path)
    now = datetime.now(UTC)
    rows = [{"call_id": "sim-1", "reason": reason, "created_at": now} for reason in reasons]
    store.database.visit(lambda c: c.execute(CALLBACK.insert(), rows), within_s=5)
    try:
        traces = left_by(store, "sim-1", "", now, NOTHING_SEEDED).traces
        assert (traces.callback, traces.request) == (callback, wish)
    finally:
        store.close()
