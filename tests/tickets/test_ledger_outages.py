"""What a call gets when database, journal, disk or numbers fail it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.check_digit import is_valid
from agent.complaint import Call, Complaint, Intent
from agent.errors import NumbersExhausted, TicketNotSaved
from agent.tickets.disk import make_folder
from agent.tickets.forwarder import replay
from agent.tickets.journal import Kind, read_journal
from agent.tickets.ledger import CallLedger, Filed, TicketStore
from agent.tickets.repository import Search, Ticket

StoreMaker = Callable[..., TicketStore]
_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def _tickets(store: TicketStore) -> list[Ticket]:
    return list(store.repository.search(Search(), unmask=True))


def _lock_database(path: Path) -> sqlite3.Connection:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    return other


def test_with_the_database_locked_the_number_still_comes_and_the_row_later(
    store: TicketStore, call: Call, water: Complaint, tmp_path: Path
) -> None:
    other = _lock_database(tmp_path / "kural.db")
    ledger = CallLedger.open(store, call)
    filed = ledger.file([water])
    assert not filed.stored
    assert is_valid(filed.numbers[0])
    closed = ledger.close("filed", Intent.COMPLAINT)
    assert closed == filed
    other.close()
    assert _tickets(store) == []
    report = replay(store)
    assert (report.replayed, report.tickets, report.partial, report.lost) == (1, 1, 0, 0)
    assert [ticket.number for ticket in _tickets(store)] == list(filed.numbers)
    assert replay(store).tickets == 0


def test_when_the_database_comes_back_in_the_call_the_rows_are_brought_then(
    store: TicketStore, call: Call, water: Complaint, tmp_path: Path
) -> None:
    other = _lock_database(tmp_path / "kural.db")
    ledger = CallLedger.open(store, call)
    assert not ledger.file([water]).stored
    other.close()
    assert ledger.close("filed", Intent.COMPLAINT).stored
    assert len(_tickets(store)) == 1
    assert not list(store.journal_dir.glob("*.jsonl"))


@pytest.mark.parametrize("kind", ["read-only", "a folder", "not a database", "no folder"])
def test_with_a_database_that_cannot_be_written_the_number_still_comes(
    kind: str, make_store: StoreMaker, call: Call, water: Complaint, tmp_path: Path
) -> None:
    make_store().close()
    urls = {
        "read-only": f"sqlite:///file:{tmp_path / 'kural.db'}?mode=ro&uri=true",
        "a folder": f"sqlite:///{tmp_path}",
        "not a database": f"sqlite:///{tmp_path / 'text.db'}",
        "no folder": f"sqlite:///{tmp_path / 'missing' / 'kural.db'}",
    }
    (tmp_path / "text.db").write_bytes(b"no database at all, only words " * 99)
    ledger = CallLedger.open(make_store(urls[kind]), call)
    filed = ledger.file([water])
    assert (len(filed.numbers), filed.stored) == (1, False)
    ledger.close("filed", Intent.COMPLAINT)
    healthy = make_store()
    replay(healthy)
    assert [ticket.number for ticket in _tickets(healthy)] == list(filed.numbers)


def test_a_database_that_was_away_from_the_first_start_gives_no_guessed_number(
    make_store: StoreMaker, call: Call, water: Complaint, tmp_path: Path
) -> None:
    ledger = CallLedger.open(make_store(f"sqlite:///{tmp_path / 'missing' / 'kural.db'}"), call)
    with pytest.raises(NumbersExhausted):
        ledger.file([water])
    assert ledger.close("not_saved", Intent.COMPLAINT) == Filed((), stored=False)
    healthy = make_store()
    assert replay(healthy).partial == 1
    (ticket,) = _tickets(healthy)
    assert ticket.description == water.description


def test_the_reserve_lasts_through_an_outage_longer_than_a_block(
    make_store: StoreMaker, call: Call, water: Complaint, tmp_path: Path
) -> None:
    store = make_store(block_size=2)
    other = _lock_database(tmp_path / "kural.db")
    ledger = CallLedger.open(store, call)
    filed = ledger.file([water] * 20)
    assert len(set(filed.numbers)) == 20
    with pytest.raises(NumbersExhausted):
        ledger.file([water] * 21)
    other.close()
    ledger.close("filed", Intent.COMPLAINT, [water] * 21)
    found = _tickets(store)
    assert [ticket.number for ticket in found[:20]] == list(filed.numbers)
    assert [ticket.partial for ticket in found] == [False] * 20 + [True]


@pytest.mark.parametrize(("block_size", "held"), [(1, 10), (100, 1000), (1000, 2000), (9000, 9000)])
def test_a_machine_holds_numbers_ahead_but_not_too_many(
    block_size: int, held: int, make_store: StoreMaker
) -> None:
    store = make_store(block_size=block_size)
    assert store.book.remaining() == held
    store.take_numbers(held // 2)
    store.top_up()
    assert held <= store.book.remaining() <= held + block_size // 2


def test_filing_again_while_the_number_file_fails_leases_no_empty_block(
    make_store: StoreMaker, call: Call, water: Complaint, tmp_path: Path
) -> None:
    """An empty block would sit where every next one must begin: no machine could lease again."""
    store = make_store(key=_KEY)
    ledger = CallLedger.open(store, call)
    filed = ledger.file([water])
    store.book.close()
    for file in tmp_path.glob("numbers.db*"):
        file.unlink()
    (tmp_path / "numbers.db").mkdir()
    assert ledger.file([replace(water, days=9)]) == filed
    assert store.take_numbers(0) == []
    assert len(store.take_numbers(1)) == 1
    other = make_store(data_dir=tmp_path / "other", machine="m2", key=_KEY)
    assert other.book.remaining() > 0


def test_two_machines_with_one_database_never_share_a_number(
    make_store: StoreMaker, call: Call, water: Complaint, tmp_path: Path
) -> None:
    numbers: list[str] = []
    stores = [
        make_store(data_dir=tmp_path / name, machine=name, block_size=1, key=_KEY)
        for name in ("m1", "m2", "m3")
    ]
    for turn in range(15):
        for store in stores:
            ledger = CallLedger.open(store, replace(call, id=f"{store.machine}-{turn}"))
            numbers += ledger.file([water]).numbers
            ledger.close("filed", Intent.COMPLAINT)
    assert len(set(numbers)) == 45


def test_a_database_restored_from_a_backup_leads_to_no_number_twice(
    make_store: StoreMaker, call: Call, water: Complaint, tmp_path: Path
) -> None:
    used = CallLedger.open(make_store(block_size=1), call).file([water]).numbers
    for file in tmp_path.glob("kural.db*"):
        file.unlink()
    store = make_store(block_size=1)
    fresh = [store.take_numbers(1)[0] for _ in range(30)]
    assert not set(used) & set(fresh)


def test_a_new_database_that_was_filled_from_journals_leases_behind_their_numbers(
    make_store: StoreMaker, call: Call, water: Complaint, tmp_path: Path
) -> None:
    """Another machine has leased those, and this database never knew of it."""
    lost = make_store(f"sqlite:///{tmp_path / 'lost.db'}", machine="m1", key=_KEY)
    ledger = CallLedger.open(lost, call)
    number = ledger.file([water] * 3).numbers[-1]
    ledger._recorder.close()
    new = make_store(f"sqlite:///{tmp_path / 'new.db'}", machine="m1", key=_KEY, reserve=False)
    replay(new)
    stranger = make_store(
        f"sqlite:///{tmp_path / 'new.db'}", data_dir=tmp_path / "m2", machine="m2", key=_KEY
    )
    assert int(stranger.take_numbers(1)[0]) > int(number)


def test_a_number_another_machine_used_is_replaced_before_it_is_spoken(
    make_store: StoreMaker, call: Call, water: Complaint, tmp_path: Path
) -> None:
    """A disk image copied with its numbers.db and its host name."""
    first, clone = make_store(), tmp_path / "clone"
    first.book.close()
    make_folder(clone)
    for file in ("numbers.db", "secret.key"):
        (clone / file).write_bytes((tmp_path / file).read_bytes())
    second = make_store(data_dir=clone)
    a = CallLedger.open(first, call).file([water])
    b = CallLedger.open(second, replace(call, id="job-2")).file([water])
    assert (a.stored, b.stored) == (True, True)
    assert a.numbers != b.numbers
    assert sorted(ticket.number for ticket in _tickets(first)) == sorted(a.numbers + b.numbers)


def test_with_the_journal_folder_broken_a_stored_row_is_durable_enough(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    store.journal_dir.write_text("a file where the folder should be")
    ledger = CallLedger.open(store, call)
    ledger.note([water], Intent.COMPLAINT)
    filed = ledger.file([water])
    assert filed.stored
    assert ledger.close("filed", Intent.COMPLAINT) == filed
    assert [ticket.number for ticket in _tickets(store)] == list(filed.numbers)
    assert [record.outcome for record in store.repository.calls()] == ["filed"]


def test_with_journal_and_database_broken_no_number_leaves(
    store: TicketStore, call: Call, water: Complaint, tmp_path: Path
) -> None:
    store.journal_dir.write_text("a file where the folder should be")
    other = _lock_database(tmp_path / "kural.db")
    ledger = CallLedger.open(store, call)
    with pytest.raises(TicketNotSaved):
        ledger.file([water])
    assert ledger.numbers == ()
    assert ledger.close("not_saved", Intent.COMPLAINT, [water]) == Filed((), stored=False)
    other.close()


def test_after_both_failed_trying_again_uses_the_same_number(
    store: TicketStore, call: Call, water: Complaint, tmp_path: Path
) -> None:
    """The first attempt may still reach the database after we gave up on it."""
    store.journal_dir.write_text("a file where the folder should be")
    other = _lock_database(tmp_path / "kural.db")
    ledger = CallLedger.open(store, call)
    with pytest.raises(TicketNotSaved):
        ledger.file([water])
    reserved = list(ledger._reserved.values())
    store.journal_dir.unlink()
    assert list(ledger.file([water]).numbers) == reserved
    other.close()
    ledger.close("filed", Intent.COMPLAINT)
    kinds = [line.kind for line in read_journal(store.done_dir / "job-1.jsonl").lines]
    assert kinds[:2] == [Kind.OPENED, Kind.FILED]
    assert [ticket.number for ticket in _tickets(store)] == reserved


FULL_DISK = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from agent.complaint import Call, Category, Complaint, Intent
from agent.errors import AgentError
from agent.tickets.ledger import CallLedger, TicketStore
data_dir, limit = Path(sys.argv[1]), int(sys.argv[2])
store = TicketStore.open(f"sqlite:///{data_dir / 'kural.db'}", data_dir=data_dir)
ledger = CallLedger.open(store, Call("job-1", datetime.now(UTC)))
story = Complaint(category=Category.WATER, description="தண்ணி வரல " * 4000)
for _ in range(6):
    ledger.note([story], Intent.COMPLAINT)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
try:
    filed = ledger.file([Complaint(category=Category.WATER, description="தண்ணி வரல")])
    print(*filed.numbers, filed.stored, flush=True)
except AgentError as exc:
    print(type(exc).__name__, flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


def test_on_a_full_disk_nothing_is_promised_and_the_noted_words_survive(
    make_store: StoreMaker, tmp_path: Path
) -> None:
    """RLIMIT_FSIZE: the kernel refuses every write of the child, as a full disk does."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), "1"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["NumbersExhausted"]
    store = make_store(machine="")
    assert replay(store).partial == 1
    assert len(_tickets(store)) == 1


def test_when_only_the_journal_is_full_the_stored_row_carries_the_number(
    make_store: StoreMaker, tmp_path: Path
) -> None:
    """The journal is longer than the limit, the database's own log is not."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), str(600_000)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    number, stored = done.stdout.split()
    assert stored == "True"
    store = make_store(machine="")
    assert [ticket.number for ticket in _tickets(store)] == [number]
    replay(store)
    assert [ticket.number for ticket in _tickets(store)] == [number]
