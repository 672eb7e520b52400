"""SIGKILL in the middle of a call, through the whole agent: nothing that was said is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.settings import Settings
from agent.tickets.forwarder import replay
from agent.tickets.repository import Ticket
from agent.tickets.store import TicketStore

CHILD = Path(__file__).with_name("call_until.py")


def run_until(folder: Path, moment: str) -> list[str]:
    """Play until the moment; the numbers the caller had heard by then."""
    done = subprocess.run(
        [sys.executable, str(CHILD), str(folder), moment],
        capture_output=True,
        timeout=60,
        check=False,
        env=os.environ | {"TICKETS__DATABASE_URL": ""},
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]
    return done.stdout.decode().split()


def restart(folder: Path) -> list[Ticket]:
    """What is in the database after the next start."""
    store = TicketStore.from_settings(Settings(data_dir=folder))
    try:
        replay(store)
        replay(store)  # a second one must change nothing
        return list(store.repository.search(unmask=True))
    finally:
        store.close()


def test_a_call_killed_right_after_the_number_was_spoken_has_its_ticket(tmp_path: Path):
    heard = run_until(tmp_path, "number")
    tickets = restart(tmp_path)
    assert [t.number for t in tickets] == heard
    ticket = tickets[0]
    assert (ticket.category, ticket.constituency_no, ticket.days_since) == ("WATER", 115, 5)
    assert ticket.phone == "+910000000001"
    assert ticket.name == "முருகன்"
    assert not ticket.partial


@pytest.mark.parametrize("moment", ["place", "landmark", "name", "confirm"])
def test_a_call_killed_in_the_middle_leaves_a_partial_ticket(tmp_path: Path, moment: str):
    assert run_until(tmp_path, moment) == []
    tickets = restart(tmp_path)
    assert len(tickets) == 1
    ticket = tickets[0]
    assert ticket.partial
    assert ticket.category == "WATER"
    assert ticket.days_since == 5
    assert "குடிதண்ணி" in (ticket.description or "")
    if moment != "place":
        assert ticket.constituency_no == 115


def test_a_call_killed_before_anything_was_said_leaves_no_ticket(tmp_path: Path):
    assert run_until(tmp_path, "complaint") == []
    assert restart(tmp_path) == []
