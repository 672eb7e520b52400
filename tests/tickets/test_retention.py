"""What has been kept long enough goes, and nothing that is still needed."""

from __future__ import annotations

import base64
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from agent.complaint import Call, Complaint, Intent
from agent.settings import RetentionSettings
from agent.tickets.audit import accesses
from agent.tickets.casework import Casework
from agent.tickets.ledger import CallLedger
from agent.tickets.models import CALL, CALLBACK, OUTBOX, TICKET, TicketStatus
from agent.tickets.names import load_names
from agent.tickets.owed import owed, settle_owed
from agent.tickets.repository import Search
from agent.tickets.retention import RetentionReport, keep_only_what_is_needed
from agent.tickets.sealed_files import file_context, write_whole
from agent.tickets.store import TicketStore
from agent.tickets.voice_notes import VoiceNotes

KEY = base64.b64encode(bytes(range(32))).decode()
DAYS = RetentionSettings(
    recordings_days=30, voice_notes_days=90, words_days=365, journals_days=30, callers_days=90
)
FILED = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)


@pytest.fixture
def office(make_store, database_url: str) -> TicketStore:
    store: TicketStore = make_store(database_url, key=KEY, clock=lambda: FILED)
    return store


def one_call(store: TicketStore, call: Call, complaint: Complaint) -> str:
    call = replace(call, started_at=FILED)
    ledger = CallLedger.open(store, call)
    (number,) = ledger.file([complaint]).numbers
    ledger.close("filed", Intent.COMPLAINT)
    VoiceNotes(store.data_dir, store.cipher).keep(call.id, 1, bytes(3200))
    folder = store.data_dir / "recordings"
    folder.mkdir(exist_ok=True)
    path = folder / f"{call.id}-0001.wav.sealed"
    write_whole(path, store.cipher.seal_bytes(b"sound", file_context(path)))
    for each in (path, *store.done_dir.iterdir(), *store.data_dir.glob("voice_notes/*")):
        os.utime(each, (FILED.timestamp(), FILED.timestamp()))
    return number


def finish(store: TicketStore, number: str) -> None:
    work = Casework(store, load_names())
    work.move(number, TicketStatus.IN_PROGRESS, "ravi")
    work.move(number, TicketStatus.RESOLVED, "ravi")


def kept(store: TicketStore, days: int, **more) -> RetentionReport:
    return keep_only_what_is_needed(store, DAYS, FILED + timedelta(days=days), **more)


def counts(store: TicketStore) -> tuple[int, int]:
    """Tickets and calls that can be traced to a person."""
    with store.database.engine.connect() as connection:
        tickets = select(func.count()).select_from(TICKET).where(TICKET.c.description.is_not(None))
        calls = select(func.count()).select_from(CALL).where(CALL.c.caller_hash.is_not(None))
        return connection.execute(tickets).scalar_one(), connection.execute(calls).scalar_one()


def test_everything_goes_in_its_own_time(office: TicketStore, call: Call, water: Complaint) -> None:
    finish(office, one_call(office, call, water))
    assert kept(office, 29).total == 0
    assert kept(office, 31) == RetentionReport(recordings=1, journals=1)
    assert kept(office, 91) == RetentionReport(callers=1, voice_notes=1)
    assert counts(office) == (1, 0)
    assert kept(office, 366) == RetentionReport(tickets=1)
    assert counts(office) == (0, 0)
    assert kept(office, 366).total == 0
    actions = [
        (row["who"], row["action"], row["facts"]) for row in accesses(office.database.engine)
    ]
    assert actions == [
        ("system", "retain", {"recordings": 1, "journals": 1}),
        ("system", "retain", {"callers": 1, "voice_notes": 1}),
        ("system", "retain", {"tickets": 1}),
    ]


def test_a_dry_run_counts_and_touches_nothing(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    finish(office, one_call(office, call, water))
    would = kept(office, 400, dry_run=True)
    assert (would.tickets, would.callers, would.voice_notes, would.recordings, would.journals) == (
        1, 1, 1, 1, 1,
    )  # fmt: skip
    assert counts(office) == (1, 1)
    assert list(accesses(office.database.engine)) == []
    assert kept(office, 400).tickets == 1


def test_an_open_ticket_keeps_its_words_and_its_sound(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    one_call(office, call, water)
    report = kept(office, 4000)
    assert (report.tickets, report.voice_notes) == (0, 0)
    assert len(VoiceNotes(office.data_dir, office.cipher).all()) == 1


def test_a_journal_whose_ticket_the_database_lost_is_kept(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    one_call(office, call, water)
    with office.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM ticket"))
    assert kept(office, 400).journals == 0
    assert len(list(office.done_dir.iterdir())) == 1


def test_numbers_of_done_callbacks_and_sent_messages_go(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    cipher = office.cipher
    for number, done in ((1, FILED), (2, None)):
        back = {"call_id": f"c{number}", "reason": "human", "created_at": FILED, "done_at": done,
                "phone": cipher.seal("9500123456", "x"), "phone_hash": "h"}  # fmt: skip
        message = {"key": f"k{number}", "kind": "sms", "payload": cipher.seal("{}", "x"),
                   "created_at": FILED, "attempts": 1,
                   "next_at": None if done else FILED}  # fmt: skip
        with office.database.engine.begin() as connection:
            connection.execute(CALLBACK.insert().values(back))
            connection.execute(OUTBOX.insert().values(message))
    report = kept(office, 91)
    assert (report.callbacks, report.messages) == (1, 1)
    with office.database.engine.connect() as connection:
        waiting = select(CALLBACK.c.call_id).where(CALLBACK.c.phone.is_not(None))
        assert connection.execute(waiting).scalars().all() == ["c2"]
        assert connection.execute(select(OUTBOX.c.key)).scalars().all() == ["k2"]


def test_zero_days_keep_everything(office: TicketStore, call: Call, water: Complaint) -> None:
    finish(office, one_call(office, call, water))
    never = RetentionSettings(
        recordings_days=0, voice_notes_days=0, words_days=0, journals_days=0, callers_days=0
    )
    assert keep_only_what_is_needed(office, never, FILED + timedelta(days=9999)).total == 0


def test_rows_of_before_get_the_hash_of_their_last_four_digits(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    number = one_call(office, call, water)
    with office.database.engine.begin() as connection:
        connection.execute(text("UPDATE ticket SET phone_last4_hash = NULL"))
        connection.execute(text("UPDATE call SET caller_last4_hash = NULL"))
    search = Search(last_four="3456")
    assert list(office.repository.search(search)) == []
    kept(office, 1)
    assert [ticket.number for ticket in office.repository.search(search)] == [number]


def test_it_runs_to_its_end_with_many_tickets(
    make_store, call: Call, water: Complaint, tmp_path: Path
) -> None:
    from agent.tickets.numbering import number_of
    from agent.tickets.records import Filing, ticket_row

    store = make_store(clock=lambda: FILED)
    rows = [
        ticket_row(replace(call, id=f"c{n}"), Filing(0, number_of(20_000_000 + n), water, FILED, 1),
                   None, True, store.cipher) | {"status": "RESOLVED", "resolved_at": FILED}
        for n in range(450)
    ]  # fmt: skip
    store.save(rows, within_s=30)
    assert kept(store, 366).tickets == 450
    assert counts(store) == (0, 0)


def test_sound_of_a_call_that_broke_off_stays_while_the_ticket_it_began_is_open(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    first = CallLedger.open(office, call)
    first.keep_note(bytes(3_200))
    first.note([water], Intent.COMPLAINT)
    (number,) = first.close("hung_up", Intent.COMPLAINT).numbers
    second = CallLedger.open(office, replace(call, id="job-2"))
    assert second.act("resume", number, call.id)
    second.file([water])
    second.close("filed", Intent.COMPLAINT)
    for path in office.data_dir.glob("voice_notes/*"):
        os.utime(path, (FILED.timestamp(), FILED.timestamp()))
    assert kept(office, 100).voice_notes == 0
    assert len(office.repository.sounds(number)) == 1
    finish(office, number)
    assert kept(office, 100).voice_notes == 1
    assert office.repository.sounds(number) == []


def test_what_is_owed_keeps_its_number_until_it_is_done(office: TicketStore, call: Call) -> None:
    ledger = CallLedger.open(office, call)
    assert ledger.act("request", None, "erase")
    ledger.close("rights", Intent.INFO, [])
    assert kept(office, 400).callbacks == 0
    (row,) = owed(office, unmask=True)
    assert row["phone"] == "+919500123456"
    settle_owed(office, row["id"], "ravi")
    assert kept(office, 400).callbacks == 1
