"""A disk that is full under the journal: what still works, and what the caller is told."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.complaint import Call, Complaint, Intent
from agent.errors import NumbersExhausted, TicketNotSaved
from agent.tickets.forwarder import replay
from agent.tickets.journal import Kind, read_journal
from agent.tickets.ledger import CallLedger
from agent.tickets.repository import Search, Ticket
from agent.tickets.store import TicketStore
from tests.tickets.test_vanishing_disk import owed

StoreMaker = Callable[..., TicketStore]


class SmallDisk:
    """A disk of its own under the journals of a data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave not one byte."""
        with self._filler.open("ab", buffering=0) as file:
            while shutil.disk_usage(self.folder).free:
                file.write(bytes(4096))

    def free(self) -> None:
        """Somebody has made room."""
        self._filler.unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs to be root, and allowed to mount a disk in memory")
    yield SmallDisk(folder)
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Only the journals lie on it."""
    with small_disk(tmp_path / "journal") as disk:
        yield disk


@pytest.fixture
def whole_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """The whole data folder lies on it: journals and leased numbers."""
    with small_disk(tmp_path / "data") as disk:
        yield disk


@pytest.fixture
def story(water: Complaint) -> Complaint:
    """Longer than what may be left of a page of the disk."""
    return replace(water, description="எங்க வீட்டுக் கொழாய்ல தண்ணியே வரல " * 400)


def tickets(store: TicketStore) -> list[Ticket]:
    return list(store.repository.search(Search(), unmask=True))


def lock(path: Path) -> sqlite3.Connection:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    return other


def test_the_database_alone_makes_the_number_durable_and_the_journal_catches_up(
    disk: SmallDisk, store: TicketStore, call: Call, story: Complaint
) -> None:
    ledger = CallLedger.open(store, call)
    ledger.note([story], Intent.COMPLAINT)
    disk.fill()
    ledger.note([replace(story, days=6)], Intent.COMPLAINT)
    filed = ledger.file([replace(story, days=6)])
    assert (filed.stored, filed.provisional) == (True, False)
    disk.free()
    ledger.close("filed", Intent.COMPLAINT)
    assert [ticket.number for ticket in tickets(store)] == list(filed.numbers)
    reading = read_journal(store.done_dir / "job-1.jsonl")
    assert not reading.damaged
    assert [line.kind for line in reading.lines] == [
        Kind.OPENED, Kind.HEARD, Kind.HEARD, Kind.FILED, Kind.STORED, Kind.CLOSED, Kind.STORED,
    ]  # fmt: skip


def test_with_the_database_away_as_well_a_call_is_owed_and_written_down_when_there_is_room(
    disk: SmallDisk, store: TicketStore, call: Call, story: Complaint, tmp_path: Path
) -> None:
    ledger = CallLedger.open(store, call)
    disk.fill()
    other = lock(tmp_path / "kural.db")
    with pytest.raises(TicketNotSaved):
        ledger.file([story])
    assert not ledger.call_back(story.phone)  # nothing has it: it must not be promised
    assert ledger.close("not_saved", Intent.COMPLAINT, [story]).numbers == ()
    assert not ledger.settle(0.1)
    other.close()
    disk.free()


@pytest.mark.parametrize("first_back", ["disk", "database"])
def test_what_nothing_took_is_written_down_by_whoever_is_back_first(
    first_back: str, disk: SmallDisk, store: TicketStore, call: Call, story: Complaint,
    tmp_path: Path,
) -> None:  # fmt: skip
    ledger = CallLedger.open(store, call)
    disk.fill()
    other = lock(tmp_path / "kural.db")
    with pytest.raises(TicketNotSaved):
        ledger.file([story])
    ledger.call_back(story.phone)
    ledger.close("not_saved", Intent.COMPLAINT, [story])
    if first_back == "disk":
        disk.free()
        assert ledger.settle(5.0)
        other.close()
        assert tickets(store) == []
        replay(store)
    else:
        other.close()
        assert ledger.settle(5.0)
        disk.free()
    (ticket,) = tickets(store)
    assert owed(store) == [("job-1", "disk_full", ticket.number, "9500123456")]
    assert [record.outcome for record in store.repository.calls()] == ["not_saved"]
    replay(store)
    assert (len(tickets(store)), len(owed(store))) == (1, 1)


def test_a_call_that_was_recorded_has_nothing_to_settle(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(store, call)
    ledger.file([water])
    ledger.close("filed", Intent.COMPLAINT)
    assert ledger.settle(60.0)


def test_with_the_whole_disk_full_number_and_row_come_from_the_database(
    whole_disk: SmallDisk, make_store: StoreMaker, call: Call, story: Complaint
) -> None:
    store = make_store(data_dir=whole_disk.folder, block_size=10)
    ledger = CallLedger.open(store, call)
    whole_disk.fill()
    filed = ledger.file([story])
    assert (len(filed.numbers), filed.stored) == (1, True)
    assert ledger.file([story]) == filed
    ledger.close("filed", Intent.COMPLAINT)
    assert [ticket.number for ticket in tickets(store)] == list(filed.numbers)
    whole_disk.free()
    assert len(store.take_numbers(5)) == 5


def test_with_the_whole_disk_full_and_the_database_away_a_call_is_owed(
    whole_disk: SmallDisk, make_store: StoreMaker, call: Call, story: Complaint, tmp_path: Path
) -> None:
    store = make_store(data_dir=whole_disk.folder)
    ledger = CallLedger.open(store, call)
    whole_disk.fill()
    other = lock(tmp_path / "kural.db")
    with pytest.raises((NumbersExhausted, TicketNotSaved)):
        ledger.file([story])
    assert not ledger.call_back(story.phone)
    ledger.close("not_saved", Intent.COMPLAINT, [story])
    other.close()
    whole_disk.free()
    assert ledger.settle(5.0)
    replay(store)
    (ticket,) = tickets(store)
    assert owed(store) == [("job-1", "disk_full", ticket.number, "9500123456")]


def test_with_the_database_on_a_full_disk_the_number_comes_and_the_row_when_there_is_room(
    tmp_path: Path, make_store: StoreMaker, call: Call, story: Complaint
) -> None:
    with small_disk(tmp_path / "db") as disk:
        store = make_store(f"sqlite:///{disk.folder / 'kural.db'}")
        disk.fill()
        ledger = CallLedger.open(store, call)
        filed = ledger.file([story] * 3)
        assert (len(filed.numbers), filed.stored, filed.provisional) == (3, False, False)
        ledger.close("filed", Intent.COMPLAINT)
        disk.free()
        replay(store)
        assert [ticket.number for ticket in tickets(store)] == list(filed.numbers)
        store.close()
