from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.complaint import Call, Complaint, Intent
from agent.errors import NumbersExhausted, TicketNotSaved
from agent.tickets.disk import make_folder
from agent.tickets.forwarder import replay
from agent.tickets.journal import Kind, read_journal
from agent.tickets.ledger import CallLedger, Filed, TicketStore
from agent.tickets.numbering import is_valid
from agent.tickets.repository import Search, Ticket

StoreMaker = Callable[..., TicketStore]


def _tickets(store: TicketStore) -> list[Ticket]:
    return list(store.repository.search(Search(), unmask=True))


def _journal_text(store: TicketStore) -> str:
    return "".join(path.read_text() for path in store.journal_dir.rglob("*.jsonl"))


def test_a_call_becomes_a_ticket_a_call_row_and_a_put_away_journal(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(store, call)
    ledger.consent(True)
    ledger.note([replace(water, name=None, phone=None)], Intent.COMPLAINT)
    ledger.note([water], Intent.COMPLAINT)
    filed = ledger.file([water])
    assert filed.stored
    assert is_valid(filed.numbers[0])
    assert ledger.close("filed", Intent.COMPLAINT, [water]) == filed
    (ticket,) = _tickets(store)
    assert ticket.number == filed.numbers[0]
    assert (ticket.category, ticket.priority, ticket.status) == ("WATER", "high", "NEW")
    assert (ticket.constituency_no, ticket.locality_en) == (11, "Tondiarpet")
    assert (ticket.name, ticket.phone, ticket.days_since) == ("மீனா", "9500123456", 5)
    assert ticket.description == water.description
    assert ticket.landmark == water.landmark
    assert (ticket.partial, ticket.consent, ticket.linked_to) == (False, True, None)
    (record,) = store.repository.calls(unmask=True)
    assert (record.id, record.outcome, record.intent) == ("job-1", "filed", "complaint")
    assert (record.caller, record.turns, record.consent) == ("+919500123456", 2, True)
    assert not list(store.journal_dir.glob("*.jsonl"))
    kinds = [line.kind for line in read_journal(store.done_dir / "job-1.jsonl").lines]
    assert kinds == [
        Kind.OPENED, Kind.CONSENT, Kind.HEARD, Kind.HEARD, Kind.FILED, Kind.STORED, Kind.CLOSED,
        Kind.STORED,
    ]  # fmt: skip


def test_the_number_is_in_the_journal_and_the_row_stored_when_it_is_returned(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    number = CallLedger.open(store, call).file([water]).numbers[0]
    lines = read_journal(store.journal_dir / "job-1.jsonl").lines
    assert [line.data["tickets"][0]["number"] for line in lines if line.kind is Kind.FILED] == [
        number
    ]
    assert store.repository.get(number) is not None


def test_two_complaints_of_a_call_are_linked_tickets(
    store: TicketStore, call: Call, water: Complaint, sewage: Complaint
) -> None:
    ledger = CallLedger.open(store, call)
    first, second = ledger.file([water, sewage]).numbers
    assert [ticket.linked_to for ticket in _tickets(store)] == [None, first]
    third = replace(sewage, description="குப்பை")
    assert ledger.file([water, sewage, third]).numbers[:2] == (first, second)
    assert [ticket.linked_to for ticket in _tickets(store)] == [None, first, first]
    ledger.close("filed", Intent.COMPLAINT)


def test_an_open_place_keeps_all_its_seats_and_guesses_none(
    store: TicketStore, call: Call, sewage: Complaint
) -> None:
    CallLedger.open(store, replace(call, constituency=191)).file([sewage])
    (ticket,) = _tickets(store)
    assert ticket.constituency_no is None
    assert [seat["number"] for seat in ticket.candidates] == [191, 193]


def test_the_dialled_seat_counts_when_no_place_was_understood_and_says_so(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    CallLedger.open(store, replace(call, constituency=8)).file([replace(water, place=None)])
    (ticket,) = _tickets(store)
    assert ticket.constituency_no == 8
    assert ticket.decisions[-1]["evidence"] == "dialled-number"


def test_filing_again_returns_the_same_number_and_updates_the_row(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(store, call)
    first = ledger.file([replace(water, name=None)])
    assert ledger.file([water]) == first
    assert ledger.file([water]) == first
    (ticket,) = _tickets(store)
    assert (ticket.number, ticket.name) == (first.numbers[0], "மீனா")
    filed = [line for line in _lines(store) if line == Kind.FILED]
    assert len(filed) == 2


def test_what_was_said_after_filing_reaches_the_row_when_the_call_closes(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(store, call)
    number = ledger.file([replace(water, landmark=None)]).numbers[0]
    ledger.close("filed", Intent.COMPLAINT, [water])
    ticket = store.repository.get(number)
    assert ticket is not None
    assert ticket.landmark == water.landmark


def test_a_ticket_the_desk_works_on_is_not_rewritten(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(store, call)
    number = ledger.file([water]).numbers[0]
    with store.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ticket SET status = 'IN_PROGRESS'")
    ledger.file([replace(water, days=99)])
    ticket = store.repository.get(number)
    assert ticket is not None
    assert (ticket.days_since, ticket.status) == (5, "IN_PROGRESS")


@pytest.mark.parametrize(
    ("change", "intent", "tickets"),
    [
        ({}, Intent.COMPLAINT, 1),
        ({"place": None, "description": ""}, Intent.COMPLAINT, 1),
        ({"category": None}, Intent.COMPLAINT, 1),
        ({"category": None}, Intent.HUMAN, 1),
        ({"category": None, "description": "  "}, Intent.COMPLAINT, 0),
        ({}, Intent.STATUS, 0),
        ({}, Intent.WRONG_NUMBER, 0),
        ({"intent": Intent.INFO}, Intent.COMPLAINT, 0),
        ({"category": None}, Intent.ABUSE, 0),
        ({}, Intent.ABUSE, 1),
    ],
)
def test_what_was_noted_but_never_filed_becomes_partial_when_there_is_enough(
    change: dict[str, Any], intent: Intent, tickets: int, store: TicketStore, call: Call,
    water: Complaint,
) -> None:  # fmt: skip
    ledger = CallLedger.open(store, call)
    ledger.note([replace(water, **change)], intent)
    closed = ledger.close("hangup", intent)
    found = _tickets(store)
    assert [ticket.number for ticket in found] == list(closed.numbers)
    assert len(found) == tickets
    assert all(ticket.partial and ticket.status == "NEW" for ticket in found)
    (record,) = store.repository.calls()
    assert record.intent == intent.value


def test_closing_with_nothing_left_makes_no_ticket(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(store, call)
    ledger.note([water], Intent.COMPLAINT)
    assert ledger.close("withdrawn", Intent.COMPLAINT, []) == Filed((), stored=True)
    assert _tickets(store) == []


def test_closing_twice_is_closing_once(store: TicketStore, call: Call, water: Complaint) -> None:
    ledger = CallLedger.open(store, call)
    ledger.note([water], Intent.COMPLAINT)
    assert ledger.close("hangup", Intent.COMPLAINT) == ledger.close("lost", Intent.INFO, [])
    ledger.note([water], Intent.COMPLAINT)
    assert len(_tickets(store)) == 1


def test_no_words_names_or_numbers_lie_open_on_disk(
    store: TicketStore, call: Call, water: Complaint, tmp_path: Path
) -> None:
    ledger = CallLedger.open(store, call)
    ledger.note([water], Intent.COMPLAINT)
    ledger.file([water])
    ledger.close("filed", Intent.COMPLAINT)
    store.close()
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in ("மீனா", "9500123456", "அப்பல்லோ", "தண்ணியே"):
        assert secret.encode() not in everything
        assert secret.encode("unicode_escape") not in everything


def test_another_process_of_the_same_call_goes_on_where_the_first_stopped(
    make_store: StoreMaker, call: Call, water: Complaint, sewage: Complaint
) -> None:
    first = CallLedger.open(make_store(), call)
    first.consent(True)
    first.note([water], Intent.COMPLAINT)
    number = first.file([water]).numbers[0]
    assert first._journal is not None
    first._journal.close()  # as the kernel does when a process dies
    second = CallLedger.open(make_store(), call)
    assert second.numbers == (number,)
    both = second.file([water, sewage])
    assert both.numbers[0] == number
    second.close("filed", Intent.COMPLAINT, [water, sewage])
    found = _tickets(make_store())
    assert [ticket.number for ticket in found] == list(both.numbers)
    assert all(ticket.consent for ticket in found)


def test_many_calls_at_once_in_one_process_share_a_store(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    def run(index: int) -> str:
        ledger = CallLedger.open(store, replace(call, id=f"job-{index}"))
        ledger.note([water], Intent.COMPLAINT)
        filed = ledger.file([water])
        ledger.close("filed", Intent.COMPLAINT)
        return filed.numbers[0]

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(run, range(24)))
    replay(store)
    assert sorted(ticket.number for ticket in _tickets(store)) == sorted(numbers)
    assert len(set(numbers)) == 24


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


def _lines(store: TicketStore) -> list[Kind]:
    return [line.kind for line in read_journal(store.journal_dir / "job-1.jsonl").lines]


_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
