"""What can be traced to a person is gone, what is counted stays; on both databases."""

from __future__ import annotations

import base64
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, text

from agent.complaint import Call, Complaint, Intent
from agent.tickets.audit import Person, accesses
from agent.tickets.casework import Casework
from agent.tickets.erasure import (
    NothingToErase,
    erase_again,
    erase_caller,
    erase_returned_calls,
    erase_ticket,
)
from agent.tickets.erasure_files import finish_erasures
from agent.tickets.forwarder import check, replay
from agent.tickets.journal import read_journal
from agent.tickets.ledger import CallLedger
from agent.tickets.models import ATTACHMENT, CALL, CALLBACK, OUTBOX, TICKET, TicketStatus
from agent.tickets.names import load_names
from agent.tickets.records import callback_context, outbox_context
from agent.tickets.rewriting import journals
from agent.tickets.rights import correct, withdraw_recording
from agent.tickets.sealed_columns import SEALED
from agent.tickets.store import TicketStore
from agent.tickets.story import StoryLines
from agent.tickets.voice_notes import VoiceNotes

PERSON = Person("lakshmi", "the citizen asked for it")
KEY = base64.b64encode(bytes(range(32))).decode()
COUNTED = (
    "constituency_no",
    "category",
    "priority",
    "created_at",
    "status",
    "days_since",
    "intent",
)


@pytest.fixture
def office(make_store, database_url: str) -> TicketStore:
    store: TicketStore = make_store(database_url, key=KEY)
    return store


def one_call(store: TicketStore, call: Call, *complaints: Complaint) -> tuple[str, ...]:
    ledger = CallLedger.open(store, call)
    ledger.consent(True, version="v1")
    ledger.note(complaints, Intent.COMPLAINT)
    numbers = ledger.file(complaints).numbers
    ledger.close("filed", Intent.COMPLAINT)
    VoiceNotes(store.data_dir, store.cipher).keep(call.id, 1, bytes(3200))
    return numbers


def beside(store: TicketStore, call: Call, number: str) -> None:
    """A call-back, a message, a note and an entry of the sound, as they arise around a ticket."""
    Casework(store, load_names()).note(number, "ravi", "மீனா வீட்டுக்குப் போனேன்")
    cipher, now = store.cipher, store.clock()
    back = {
        "call_id": call.id, "reason": "human", "number": number, "created_at": now,
        "phone": cipher.seal("9500123456", callback_context(call.id, "human")),
        "phone_hash": cipher.phone_hash("9500123456"),
    }  # fmt: skip
    message = {
        "key": "sms:1", "kind": "sms", "created_at": now, "attempts": 0,
        "payload": cipher.seal(f'{{"ticket": "{number}"}}', outbox_context("sms:1")),
    }  # fmt: skip
    sound = {
        "call_id": call.id, "kind": "voice_note", "machine": "m1", "seconds": 1.0,
        "created_at": now, "file": f"voice_notes/{call.id}-0001.wav.sealed", "size_bytes": 9,
    }  # fmt: skip
    with store.database.engine.begin() as connection:
        connection.execute(CALLBACK.insert().values(back))
        connection.execute(OUTBOX.insert().values(message))
        connection.execute(ATTACHMENT.insert().values(sound))


def row(store: TicketStore, number: str) -> dict[str, object]:
    with store.database.engine.connect() as connection:
        query = select(TICKET).where(TICKET.c.number == number)
        return dict(connection.execute(query).mappings().one())


def sealed_left(store: TicketStore) -> list[str]:
    """Columns in which anything is sealed still, of all rows."""
    with store.database.engine.connect() as connection:
        return [
            str(column)
            for table in SEALED
            for column in table.columns
            if connection.execute(select(column).where(column.is_not(None))).first()
        ]


def told(store: TicketStore) -> list[Complaint]:
    """Everything this machine's journals say."""
    found: list[Complaint] = []
    for path in journals(store.journal_dir):
        lines = read_journal(path).lines
        story = StoryLines(lines[0].call_id, store.cipher).retell(lines)
        assert story.call.caller == ""
        found += [*story.complaints, *(each.complaint for each in story.filings.values())]
    return found


def test_of_an_erased_ticket_only_what_is_counted_is_left(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    (number,) = one_call(office, call, water)
    beside(office, call, number)
    before = row(office, number)
    report = erase_ticket(office, number, PERSON)
    assert report.tickets == [number]
    assert (report.calls, report.notes, report.callbacks, report.messages) == (1, 1, 1, 1)
    assert report.journals == 1
    after = row(office, number)
    assert {name: after[name] for name in COUNTED} == {name: before[name] for name in COUNTED}
    assert sealed_left(office) == []
    assert (after["phone_hash"], after["phone_last4_hash"], after["locality_ta"]) == (None,) * 3
    assert after["erased_at"] is not None
    assert VoiceNotes(office.data_dir, office.cipher).all() == ()
    for complaint in told(office):
        assert complaint.category is water.category
        assert complaint.place is not None
        assert complaint.place.constituency == 11
        assert (complaint.name, complaint.phone, complaint.description) == (None, None, "")
        assert (complaint.landmark, complaint.place.spoken, complaint.decisions) == (None, "", ())
    with office.database.engine.connect() as connection:
        caller = connection.execute(select(CALL.c.caller_hash, CALL.c.caller_last4_hash)).one()
        assert caller == (None, None)
        assert connection.execute(select(ATTACHMENT.c.deleted_at)).scalar() is not None
    (last,) = [e for e in Casework(office, load_names()).history(number) if e["kind"] == "erased"]
    assert (last["actor"], last["facts"]) == ("lakshmi", {"by": "ticket"})
    (entry,) = accesses(office.database.engine)
    assert (entry["who"], entry["action"], entry["facts"]["tickets"]) == (
        "lakshmi", "erase", [number],
    )  # fmt: skip
    assert check(office).is_clean


def test_erasing_twice_is_erasing_once(office: TicketStore, call: Call, water: Complaint) -> None:
    (number,) = one_call(office, call, water)
    erase_ticket(office, number, PERSON)
    after = row(office, number)
    assert not erase_ticket(office, number, PERSON).changed
    assert row(office, number) == after
    assert len(list(accesses(office.database.engine))) == 1


def test_a_dry_run_only_counts(office: TicketStore, call: Call, water: Complaint) -> None:
    (number,) = one_call(office, call, water)
    before = row(office, number)
    assert erase_ticket(office, number, PERSON, dry_run=True).tickets == [number]
    assert row(office, number) == before
    assert list(accesses(office.database.engine)) == []
    assert len(VoiceNotes(office.data_dir, office.cipher).all()) == 1


def test_the_other_ticket_of_the_call_keeps_its_words(
    office: TicketStore, call: Call, water: Complaint, sewage: Complaint
) -> None:
    first, second = one_call(office, call, water, sewage)
    erase_ticket(office, first, PERSON)
    kept = office.repository.get(second, unmask=True)
    assert kept is not None
    assert kept.description == sewage.description
    words = {complaint.description for complaint in told(office)}
    assert words == {"", sewage.description}


def test_a_caller_is_erased_with_all_tickets_and_calls(
    office: TicketStore, call: Call, water: Complaint, sewage: Complaint
) -> None:
    mine = [
        *one_call(office, call, water),
        *one_call(office, replace(call, id="job-2"), sewage),
        *one_call(office, replace(call, id="job-3", caller="+919999999999"), water),
    ]
    empty = CallLedger.open(office, replace(call, id="job-4"))
    empty.close("info", Intent.INFO)
    other = replace(water, phone="9888877777", name="ரவி")
    (theirs,) = one_call(office, replace(call, id="job-5", caller="+919888877777"), other)
    report = erase_caller(office, "095001 23456", PERSON)
    assert sorted(report.tickets) == sorted(mine)
    assert report.calls == 4
    kept = office.repository.get(theirs, unmask=True)
    assert kept is not None
    assert (kept.name, kept.phone) == ("ரவி", "9888877777")
    assert "9500123456" not in str([entry["facts"] for entry in accesses(office.database.engine)])
    with pytest.raises(NothingToErase):
        erase_caller(office, "+919500123456", PERSON)


@pytest.mark.parametrize("lost", ["rows", "database"])
def test_a_replay_does_not_bring_the_words_back(
    make_store, call: Call, water: Complaint, tmp_path: Path, lost: str
) -> None:
    store = make_store()
    (number,) = one_call(store, call, water)
    erase_ticket(store, number, PERSON)
    store.close()
    if lost == "database":
        for path in tmp_path.glob("kural.db*"):
            path.unlink()
    else:
        store = make_store()
        with store.database.engine.begin() as connection:
            connection.execute(text("DELETE FROM ticket"))
        store.close()
    store = make_store()
    assert replay(store, restore=True).tickets == 1
    assert erase_again(store) == 1
    back = row(store, number)
    assert (back["constituency_no"], back["category"]) == (11, "WATER")
    assert back["erased_at"] is not None
    assert sealed_left(store) == []


def test_an_older_copy_of_the_database_is_erased_again(
    make_store, call: Call, water: Complaint, tmp_path: Path
) -> None:
    store = make_store()
    (number,) = one_call(store, call, water)
    store.close()
    shutil.copy(tmp_path / "kural.db", tmp_path / "backup.db")
    store = make_store()
    erase_ticket(store, number, PERSON)
    store.close()
    for path in tmp_path.glob("kural.db-*"):
        path.unlink()
    shutil.copy(tmp_path / "backup.db", tmp_path / "kural.db")
    store = make_store()
    assert row(store, number)["name"] is not None
    assert erase_again(store) == 1
    assert row(store, number)["name"] is None
    assert sealed_left(store) == []


def test_what_waits_in_a_journal_is_stored_first_and_erased_then(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(office, call)
    ledger.note([water], Intent.COMPLAINT)
    assert ledger._journal is not None
    ledger._journal.close()  # the process is gone
    report = erase_caller(office, call.caller, PERSON)
    assert len(report.tickets) == 1
    assert sealed_left(office) == []


def test_a_live_call_is_left_said_so_and_taken_when_it_is_over(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(office, call)
    (number,) = ledger.file([water]).numbers
    report = erase_ticket(office, number, PERSON)
    assert (report.tickets, report.live) == ([number], [call.id])
    ledger.file([replace(water, days=6)])  # the call knows nothing of it, and writes once more
    ledger.close("filed", Intent.COMPLAINT)
    assert row(office, number)["name"] is None
    assert finish_erasures(office).journals == 1
    assert erase_returned_calls(office) == 1
    assert sealed_left(office) == []
    assert {complaint.name for complaint in told(office)} == {None}


def test_another_machine_takes_its_journals_and_sound_later(
    make_store, database_url: str, call: Call, water: Complaint, tmp_path: Path
) -> None:
    there = make_store(database_url, data_dir=tmp_path / "there", key=KEY, machine="m2")
    (number,) = one_call(there, call, water)
    here = make_store(database_url, key=KEY)
    erase_ticket(here, number, PERSON)
    assert len(VoiceNotes(there.data_dir, there.cipher).all()) == 1
    gone = finish_erasures(there)
    assert (gone.journals, gone.files) == (1, 1)
    assert {complaint.name for complaint in told(there)} == {None}
    assert finish_erasures(there).journals == 0


def test_no_sealed_byte_is_left_in_the_file_of_the_database(
    make_store, call: Call, water: Complaint, tmp_path: Path
) -> None:
    store = make_store()
    (number,) = one_call(store, call, water)
    sealed = bytes(row(store, number)["description"])  # type: ignore[call-overload]
    store.database.close()
    assert sealed in (tmp_path / "kural.db").read_bytes()
    erase_ticket(store, number, PERSON)
    for path in tmp_path.glob("kural.db*"):
        assert sealed not in path.read_bytes(), path.name


def test_a_ticket_that_is_not_there_is_said(office: TicketStore) -> None:
    with pytest.raises(NothingToErase, match="There is no ticket 100000009"):
        erase_ticket(office, "100000009", PERSON)


def test_after_erasure_the_office_goes_on_with_the_ticket(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    (number,) = one_call(office, call, water)
    erase_ticket(office, number, PERSON)
    work = Casework(office, load_names())
    work.move(number, TicketStatus.IN_PROGRESS, "ravi")
    assert work.move(number, TicketStatus.RESOLVED, "ravi").new is TicketStatus.RESOLVED


def test_a_correction_is_written_down_without_what_it_says(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    (number,) = one_call(office, call, water)
    correct(office, number, PERSON, {"name": "ரவி", "phone": "98888 77777", "landmark": ""})
    ticket = office.repository.get(number, unmask=True)
    assert ticket is not None
    assert (ticket.name, ticket.phone, ticket.landmark) == ("ரவி", "98888 77777", None)
    assert row(office, number)["phone_hash"] == office.cipher.phone_hash("9888877777")
    (entry,) = accesses(office.database.engine)
    fields = ["landmark", "name", "phone"]
    assert entry["facts"] == {"ticket": number, "fields": fields}
    last = list(Casework(office, load_names()).history(number))[-1]
    assert (last["kind"], last["facts"]) == ("corrected", {"fields": fields})


def test_a_consent_taken_back_deletes_the_sound_and_keeps_the_complaint(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    (number,) = one_call(office, call, water)
    assert withdraw_recording(office, number, PERSON) == 1
    assert withdraw_recording(office, number, PERSON) == 0
    assert VoiceNotes(office.data_dir, office.cipher).all() == ()
    kept = office.repository.get(number, unmask=True)
    assert kept is not None
    assert kept.description == water.description
    with office.database.engine.connect() as connection:
        found = connection.execute(text("SELECT withdrawn_at, granted, version FROM consent")).one()
    assert found[0] is not None
    assert (bool(found[1]), found[2]) == (True, "v1")
    assert [each["action"] for each in accesses(office.database.engine)] == ["withdraw"]
