"""Processes killed with SIGKILL at every stage of a call: nothing is lost, nothing is doubled."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from agent.tickets.forwarder import check, replay
from agent.tickets.journal import Kind, read_journal
from agent.tickets.models import CALLBACK, RATING
from agent.tickets.repository import Search, Ticket
from agent.tickets.store import TicketStore

HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
StoreMaker = Callable[..., TicketStore]


def _start(data_dir: Path, stage: str, *broken: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(HERE / "killed_call.py"), str(data_dir), stage, *broken],
        stdout=subprocess.PIPE, text=True, env=ENVIRONMENT,
    )  # fmt: skip


def _kill_at(data_dir: Path, stage: str, *broken: str) -> list[str]:
    """Run a call up to a stage, kill it there; returns the numbers the caller had heard."""
    child = _start(data_dir, stage, *broken)
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


@pytest.mark.parametrize("stage", ["filed", "acted", "closed"])
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


def test_killed_after_an_act_it_is_done_once(tmp_path: Path, make_store: StoreMaker) -> None:
    heard = _kill_at(tmp_path, "acted")
    store = make_store(machine="")
    replay(store)
    replay(store, restore=True)
    with store.database.engine.connect() as connection:
        owed = connection.execute(select(CALLBACK.c.reason, CALLBACK.c.number)).all()
        graded = connection.execute(select(RATING.c.number, RATING.c.score)).all()
    assert [tuple(row) for row in owed] == [("human", heard[0])]
    assert [tuple(row) for row in graded] == [(heard[0], 4)]
    assert check(store).is_clean


@pytest.mark.parametrize("stage", ["opened", "resumed", "noted", "filed", "acted", "closed"])
def test_killed_while_it_goes_on_with_a_broken_call_no_ticket_is_lost_or_doubled(
    stage: str, tmp_path: Path, make_store: StoreMaker
) -> None:
    _kill_at(tmp_path, "noted")
    heard = _kill_at(tmp_path, stage, "job-1")
    store = make_store(machine="")
    for _ in range(2):
        replay(store, restore=True)
        found = _tickets(store)
        assert len(found) == 2
        assert all(ticket.partial is not bool(heard) for ticket in found)
    assert not heard or [ticket.number for ticket in found] == heard
    assert check(store).is_clean


def test_killed_at_random_moments_of_going_on_there_is_one_ticket_of_each_trouble(
    tmp_path: Path, make_store: StoreMaker
) -> None:
    rng = random.Random(7)
    for turn in range(6):
        folder = tmp_path / str(turn)
        _kill_at(folder, "noted")
        child = _start(folder, "never", "job-1")
        assert child.stdout is not None
        assert child.stdout.readline() == "opened\n"
        time.sleep(rng.random() * 0.06)
        child.kill()
        said = child.communicate(timeout=30)[0]
        heard = [line.split()[1:] for line in said.splitlines() if line.startswith("filed")]
        store = make_store(f"sqlite:///{folder / 'kural.db'}", data_dir=folder, machine="")
        replay(store)
        found = _tickets(store)
        assert len(found) == 2
        if heard:
            assert [ticket.number for ticket in found] == heard[0]
            assert not any(ticket.partial for ticket in found)
        assert check(store).is_clean
