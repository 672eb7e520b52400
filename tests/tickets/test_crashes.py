"""Processes killed with SIGKILL at every stage of a call: nothing is lost, nothing is doubled."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.tickets.forwarder import check, replay
from agent.tickets.journal import Kind, read_journal
from agent.tickets.repository import Search, Ticket
from agent.tickets.store import TicketStore

HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
StoreMaker = Callable[..., TicketStore]


def _start(data_dir: Path, stage: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(HERE / "killed_call.py"), str(data_dir), stage],
        stdout=subprocess.PIPE, text=True, env=ENVIRONMENT,
    )  # fmt: skip


def _kill_at(data_dir: Path, stage: str) -> list[str]:
    """Run a call up to a stage, kill it there; returns the numbers the caller had heard."""
    child = _start(data_dir, stage)
    assert child.stdout is not None
    heard: list[str] = []
    for line in child.stdout:
        name, *heard = line.split()
        if name == stage:
            break
    child.kill()
    child.communicate(timeout=30)
    return heard


def _tickets(store: TicketStore) -> list[Ticket]:
    return list(store.repository.search(Search(), unmask=True))


def test_killed_after_opening_there_is_a_lost_call_and_no_ticket(
    tmp_path: Path, make_store: StoreMaker
) -> None:
    _kill_at(tmp_path, "opened")
    store = make_store(machine="")
    report = replay(store)
    assert (report.replayed, report.lost, report.tickets) == (1, 1, 0)
    assert [record.outcome for record in store.repository.calls()] == ["lost"]


def test_killed_after_a_note_the_complaints_become_linked_partial_tickets(
    tmp_path: Path, make_store: StoreMaker
) -> None:
    _kill_at(tmp_path, "noted")
    store = make_store(machine="")
    report = replay(store)
    assert (report.lost, report.tickets, report.partial) == (1, 2, 2)
    first, second = _tickets(store)
    assert (first.partial, first.status, first.consent, first.name) == (True, "NEW", True, "மீனா")
    assert second.linked_to == first.number
    assert (replay(store).tickets, len(_tickets(store))) == (0, 2)


def test_killed_between_journal_and_row_the_promised_numbers_are_stored(
    tmp_path: Path, make_store: StoreMaker
) -> None:
    """The database is locked from outside, so that the child cannot get past the journal."""
    make_store(machine="").close()
    other = sqlite3.connect(tmp_path / "kural.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    child = _start(tmp_path, "filed")
    path = tmp_path / "journal" / "job-1.jsonl"
    promised: list[str] = []
    deadline = time.monotonic() + 30
    while not promised and time.monotonic() < deadline:
        time.sleep(0.02)
        lines = read_journal(path).lines if path.exists() else ()
        promised = [
            ticket["number"]
            for line in lines
            if line.kind is Kind.FILED
            for ticket in line.data["tickets"]
        ]
    child.kill()
    child.communicate(timeout=30)
    other.close()
    store = make_store(machine="")
    assert _tickets(store) == []
    assert check(store).missing == promised
    report = replay(store)
    assert (report.tickets, report.partial) == (2, 0)
    assert [ticket.number for ticket in _tickets(store)] == promised
    assert check(store).is_clean


@pytest.mark.parametrize("stage", ["filed", "closed"])
def test_killed_after_the_number_was_heard_it_is_there_once(
    stage: str, tmp_path: Path, make_store: StoreMaker
) -> None:
    heard = _kill_at(tmp_path, stage)
    store = make_store(machine="")
    replay(store)
    replay(store)
    assert [ticket.number for ticket in _tickets(store)] == heard
    assert not any(ticket.partial for ticket in _tickets(store))
    assert len(list(store.repository.calls())) == 1
