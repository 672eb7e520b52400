from __future__ import annotations

import base64
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from agent.complaint import Call, Complaint, Intent
from agent.tickets.forwarder import ReplayReport, check, replay
from agent.tickets.journal import lock_journal
from agent.tickets.ledger import CallLedger
from agent.tickets.repository import Search, Ticket
from agent.tickets.store import TicketStore

StoreMaker = Callable[..., TicketStore]


def _tickets(store: TicketStore) -> list[Ticket]:
    return list(store.repository.search(Search(), unmask=True))


def _die(ledger: CallLedger) -> None:
    """Let go of the journal as the kernel does for a dead process."""
    assert ledger._journal is not None
    ledger._journal.close()


def _noted_and_dead(store: TicketStore, call: Call, *complaints: Complaint) -> Path:
    ledger = CallLedger.open(store, call)
    ledger.note(complaints, Intent.COMPLAINT)
    _die(ledger)
    return store.journal_dir / f"{call.id}.jsonl"


def test_nothing_to_replay_is_no_trouble(store: TicketStore) -> None:
    assert replay(store) == ReplayReport()
    assert check(store).is_clean


def test_a_live_call_is_left_alone(store: TicketStore, call: Call, water: Complaint) -> None:
    ledger = CallLedger.open(store, call)
    ledger.note([water], Intent.COMPLAINT)
    assert replay(store).live == 1
    assert check(store).live == 1
    assert _tickets(store) == []
    ledger.close("hangup", Intent.COMPLAINT)
    assert len(_tickets(store)) == 1


def test_what_a_live_call_was_promised_is_stored_and_its_journal_not_touched(
    store: TicketStore, call: Call, water: Complaint, sewage: Complaint, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "kural.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    ledger = CallLedger.open(store, call)
    (number,) = ledger.file([water]).numbers
    ledger.note([water, sewage], Intent.COMPLAINT)
    assert replay(store).away
    other.close()
    path = store.journal_dir / "job-1.jsonl"
    before = path.read_bytes()
    report = replay(store)
    assert (report.live, report.tickets, report.partial, report.lost) == (1, 1, 0, 0)
    assert path.read_bytes() == before
    assert [ticket.number for ticket in _tickets(store)] == [number]
    assert replay(store).tickets == 0
    assert ledger.file([water, sewage]).numbers[0] == number
    ledger.close("filed", Intent.COMPLAINT)
    assert len(_tickets(store)) == 2


def test_a_live_call_whose_rows_are_stored_is_not_stored_again(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(store, call)
    ledger.file([water])
    with store.database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM ticket")
    assert replay(store).tickets == 0  # a STORED line stands behind the number
    ledger.close("filed", Intent.COMPLAINT)


def test_what_a_dead_call_noted_becomes_a_partial_ticket_once(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    _noted_and_dead(store, call, water)
    report = replay(store)
    assert (report.replayed, report.lost, report.tickets, report.partial) == (1, 1, 1, 1)
    assert replay(store).tickets == 0
    (ticket,) = _tickets(store)
    assert (ticket.partial, ticket.phone) == (True, "9500123456")
    (record,) = store.repository.calls()
    assert (record.outcome, record.intent, record.turns) == ("lost", "complaint", 1)


def test_a_filed_complaint_and_one_more_noted_become_two_linked_tickets(
    store: TicketStore, call: Call, water: Complaint, sewage: Complaint
) -> None:
    ledger = CallLedger.open(store, call)
    number = ledger.file([water]).numbers[0]
    ledger.note([water, sewage], Intent.COMPLAINT)
    _die(ledger)
    replay(store)
    first, second = _tickets(store)
    assert (first.number, first.partial) == (number, False)
    assert (second.linked_to, second.partial) == (number, True)


def test_a_torn_tail_costs_only_the_half_line(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    path = _noted_and_dead(store, call, water)
    with path.open("ab") as file:
        file.write(b'{"v":1,"seq":3,"at":"2026')
    report = replay(store)
    assert (report.torn, report.replayed, report.partial) == (1, 1, 1)
    assert report.is_clean
    assert check(store).is_clean


def test_an_empty_journal_is_removed(store: TicketStore, call: Call) -> None:
    store.journal_dir.mkdir()
    (store.journal_dir / "job-1.jsonl").touch()
    (store.journal_dir / "job-2.jsonl").write_bytes(b'{"v":1')
    assert replay(store).is_clean
    assert not list(store.journal_dir.rglob("*.jsonl"))


def test_of_a_damaged_journal_the_good_lines_are_stored_and_the_file_kept(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(store, call)
    ledger.note([water], Intent.COMPLAINT)
    number = ledger.file([water]).numbers[0]
    _die(ledger)
    with store.database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM ticket")
    path = store.journal_dir / "job-1.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"?" + lines[1][1:] + b"".join(lines[2:]))
    report = replay(store)
    assert "job-1.jsonl is damaged at line 2" in report.damaged[0]
    assert not report.is_clean
    assert [ticket.number for ticket in _tickets(store)] == [number]
    assert (store.damaged_dir / "job-1.jsonl").exists()
    after = check(store)
    assert (after.missing, len(after.damaged)) == ([], 1)


def test_a_journal_whose_first_line_is_damaged_still_names_its_call(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    path = _noted_and_dead(store, call, water)
    path.write_bytes(b"?" + path.read_bytes()[1:])
    assert len(replay(store).damaged) == 1
    assert [ticket.call_id for ticket in _tickets(store)] == ["job-1"]


def test_a_file_of_nonsense_is_put_aside(store: TicketStore) -> None:
    store.journal_dir.mkdir()
    (store.journal_dir / "x.jsonl").write_bytes(b"nonsense\n")
    assert len(replay(store).damaged) == 1
    assert replay(store).is_clean
    assert len(check(store).damaged) == 1


def test_with_another_key_a_journal_waits_and_nothing_is_thrown_away(
    make_store: StoreMaker, call: Call, water: Complaint
) -> None:
    stranger = make_store(key=base64.b64encode(bytes(32)).decode())  # nothing is stored yet
    first = make_store()
    path = _noted_and_dead(first, call, water)
    report = replay(stranger)
    assert "another key" in report.waiting["job-1.jsonl"]
    assert path.exists()
    assert replay(first).partial == 1
    assert check(stranger).unreadable == 1


def test_with_the_database_away_everything_waits_for_the_next_time(
    store: TicketStore, call: Call, water: Complaint, tmp_path: Path
) -> None:
    for index in range(3):
        _noted_and_dead(store, replace(call, id=f"job-{index}"), water)
    other = sqlite3.connect(tmp_path / "kural.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert len(replay(store).waiting) == 3
    assert len(replay(store).waiting) == 3
    other.close()
    report = replay(store)
    assert (report.replayed, len(report.waiting)) == (3, 0)
    assert len(_tickets(store)) == 3


def test_two_replays_at_once_store_everything_once(
    make_store: StoreMaker, call: Call, water: Complaint
) -> None:
    stores = [make_store(), make_store()]
    for index in range(20):
        _noted_and_dead(stores[0], replace(call, id=f"job-{index}"), water)
    reports: list[ReplayReport] = []
    threads = [
        threading.Thread(target=lambda each=each: reports.append(replay(each))) for each in stores
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    replay(stores[0])
    assert len(_tickets(stores[0])) == 20
    assert sum(report.replayed for report in reports) == 20


def test_check_names_a_ticket_that_left_the_database(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(store, call)
    (number,) = ledger.file([water]).numbers
    ledger.close("filed", Intent.COMPLAINT)
    assert check(store).tickets == 1
    with store.database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM ticket")
    assert check(store).missing == [number]


def test_check_holds_no_lock_that_a_call_would_miss(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    path = _noted_and_dead(store, call, water)
    assert check(store).waiting == 1
    journal = lock_journal(path)
    assert journal is not None
    journal.close()
