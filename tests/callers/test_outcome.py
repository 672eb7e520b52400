"""Rows read back after a call: a database that is gone is one error of ours."""

from pathlib import Path

import pytest

from agent.callers.outcome import rows_of
from agent.tickets.database import DatabaseAway
from agent.tickets.store import TicketStore


def test_a_database_without_tables_is_told_in_one_sentence(tmp_path: Path) -> None:
    """So it looks after a call on a full disk: the journal has the call, no table was made."""
    store = TicketStore.open(f"sqlite:///{tmp_path / 'kural.db'}", data_dir=tmp_path, reserve=False)
    try:
        with pytest.raises(DatabaseAway, match="kural tickets replay"):
            rows_of(store.repository, "job-1", "+910000000001")
    finally:
        store.close()
