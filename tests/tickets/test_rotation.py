"""Another key for everything, on both databases, while calls go on and processes are killed."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, text

from agent.complaint import Call, Complaint, Intent
from agent.errors import ConfigurationError, UsageError
from agent.tickets.audit import Person, accesses
from agent.tickets.casework import Casework
from agent.tickets.cipher import key_id_of
from agent.tickets.forwarder import check, replay
from agent.tickets.journal import read_journal
from agent.tickets.keyring import KEY_FILE, RETIRED_FILE
from agent.tickets.ledger import CallLedger
from agent.tickets.models import CALLBACK, OUTBOX, KuralTable
from agent.tickets.names import load_names
from agent.tickets.records import callback_context, outbox_context
from agent.tickets.repository import Search
from agent.tickets.rewriting import journals, map_sealed
from agent.tickets.rotation import RotationReport, rotate
from agent.tickets.sealed_columns import SEALED
from agent.tickets.store import TicketStore
from agent.tickets.voice_notes import VoiceNotes

PERSON = Person("operator", "yearly change")
OLD = base64.b64encode(bytes(range(32))).decode()
NEXT = base64.b64encode(bytes(range(1, 33))).decode()


def changed(store: TicketStore, **more) -> RotationReport:
    return rotate(store, PERSON, settle_s=0, **more)


def fill(store: TicketStore, call: Call, water: Complaint, sewage: Complaint) -> str:
    """A row in every table with sealed columns, a journal done, one that waits, a voice note."""
    ledger = CallLedger.open(store, call)
    number = ledger.file([water, sewage]).numbers[0]
    ledger.close("filed", Intent.COMPLAINT)
    Casework(store, load_names()).note(number, "ravi", "மீனா வீட்டுக்குப் போனேன்")
    cipher, now = store.cipher, store.clock()
    back = {
        "call_id": call.id, "reason": "human", "number": number, "created_at": now,
        "phone": cipher.seal("9500123456", callback_context(call.id, "human")),
        "phone_hash": cipher.phone_hash("9500123456"),
    }  # fmt: skip
    message = {
        "key": f"sms:{number}", "kind": "sms", "created_at": now, "attempts": 0,
        "payload": cipher.seal("{}", outbox_context(f"sms:{number}")),
    }  # fmt: skip
    with store.database.engine.begin() as connection:
        connection.execute(CALLBACK.insert().values(back))
        connection.execute(OUTBOX.insert().values(message))
    waits = CallLedger.open(store, replace(call, id="job-waits"))
    waits.note([water], Intent.COMPLAINT)
    assert waits._journal is not None
    waits._journal.close()  # the process is gone
    VoiceNotes(store.data_dir, cipher).keep(call.id, 1, bytes(3200))
    return number


def key_bytes(store: TicketStore) -> set[int]:
    """First bytes of everything sealed that is stored, wherever it lies."""
    found: set[int] = set()
    with store.database.engine.connect() as connection:
        for table in SEALED:
            for column in table.columns:
                query = select(column).where(column.is_not(None))
                values = [bytes(value) for value in connection.execute(query).scalars()]
                assert values or column.name == "place", f"nothing in {column}"
                found |= {value[0] for value in values}
    found |= key_bytes_of_journals(store)
    return found | {path.read_bytes()[0] for path in store.data_dir.glob("voice_notes/*.sealed")}


def test_the_table_of_sealed_columns_knows_every_binary_column_of_the_models() -> None:
    binary = {
        (table.name, column.name)
        for table in KuralTable.metadata.sorted_tables
        for column in table.columns
        if "BLOB" in str(column.type) or "BYTEA" in str(column.type)
    }
    assert binary == {(table.table.name, name) for table in SEALED for name in table.contexts}


def test_everything_is_under_the_new_key_and_the_old_one_not_needed(
    make_store, call: Call, water: Complaint, sewage: Complaint, tmp_path: Path
) -> None:
    store = make_store()
    number = fill(store, call, water, sewage)
    before = store.repository.get(number, unmask=True)
    old = (tmp_path / KEY_FILE).read_text()
    seen: list[str] = []
    report = changed(store, progress=lambda what, _done: seen.append(what))
    assert report.finished
    assert (report.journals, report.files, report.unreadable) == (2, 1, [])
    assert {"ticket", "call", "event", "callback", "outbox", "journals", "sound"} <= set(seen)
    assert (tmp_path / RETIRED_FILE).read_text() == old
    (tmp_path / RETIRED_FILE).unlink()
    fresh = make_store()
    assert key_bytes(fresh) == {report.new_id}
    assert fresh.repository.get(number, unmask=True) == before
    for search in (Search(phone="+91 95001 23456"), Search(last_four="3456")):
        assert [each.number for each in fresh.repository.search(search)] == [number]
    assert [row.id for row in fresh.repository.calls(caller=call.caller)] == [call.id]
    assert (replay(fresh).partial, check(fresh).is_clean) == (1, True)
    (entry,) = accesses(fresh.database.engine)
    assert (entry["action"], entry["facts"]["to"]) == ("rotate-key", f"{report.new_id:02x}")


def test_keys_of_the_settings_on_both_databases(
    make_store, database_url: str, call: Call, water: Complaint, sewage: Complaint
) -> None:
    store = make_store(database_url, key=OLD)
    number = fill(store, call, water, sewage)
    with pytest.raises(UsageError, match="ENCRYPTION_KEY_NEXT"):
        changed(store)
    both = make_store(database_url, key=OLD, next_key=NEXT)
    assert both.repository.get(number, unmask=True) is not None
    report = changed(both)
    assert report.finished
    assert report.new_id == key_id_of(base64.b64decode(NEXT))
    alone = make_store(database_url, key=NEXT)
    assert key_bytes(alone) == {report.new_id}
    ticket = alone.repository.get(number, unmask=True)
    assert ticket is not None
    assert ticket.name == water.name
    with pytest.raises(ConfigurationError, match="sealed with the key of id"):
        make_store(database_url, key=OLD)


def test_a_key_of_the_settings_takes_the_place_of_the_key_file(
    make_store, call: Call, water: Complaint, sewage: Complaint, tmp_path: Path
) -> None:
    number = fill(make_store(), call, water, sewage)
    old = (tmp_path / KEY_FILE).read_text()
    assert changed(make_store(next_key=NEXT)).finished
    assert (tmp_path / KEY_FILE).read_text().strip() == NEXT
    assert (tmp_path / RETIRED_FILE).read_text() == old
    ticket = make_store().repository.get(number, unmask=True)  # the setting is not needed any more
    assert ticket is not None
    assert ticket.name == water.name


def test_a_call_that_goes_on_keeps_the_old_key_until_it_has_ended(
    make_store, call: Call, water: Complaint
) -> None:
    store = make_store()
    ledger = CallLedger.open(store, call)
    ledger.note([water], Intent.COMPLAINT)
    other = make_store()  # another process
    report = changed(other)
    assert (report.finished, report.live) == (False, 1)
    (number,) = ledger.file([water]).numbers
    assert ledger.close("filed", Intent.COMPLAINT).stored
    again = changed(other)
    assert (again.finished, again.new_id) == (True, report.new_id)
    ticket = make_store().repository.get(number, unmask=True)
    assert ticket is not None
    assert ticket.name == water.name
    assert key_bytes_of_journals(other) == {report.new_id}


def key_bytes_of_journals(store: TicketStore) -> set[int]:
    found: set[int] = set()

    def seen(sealed: str) -> str:
        found.add(base64.b64decode(sealed)[0])
        return sealed

    for path in journals(store.journal_dir):
        for line in read_journal(path).lines:
            map_sealed(line.data, seen)
    return found


def test_what_does_not_open_is_named_and_keeps_the_old_key(
    make_store, call: Call, water: Complaint, sewage: Complaint, tmp_path: Path
) -> None:
    store = make_store()
    number = fill(store, call, water, sewage)
    with store.database.engine.begin() as connection:
        worse = "CAST(substr(name, 1, 20) || zeroblob(30) AS BLOB)"
        connection.execute(text(f"UPDATE ticket SET name = {worse} WHERE id = 1"))
    report = changed(store)
    assert not report.finished
    assert report.unreadable == ["ticket 1, name"]
    assert len((tmp_path / KEY_FILE).read_text().split()) == 2
    assert changed(store, leave_damaged=True).finished
    assert make_store().repository.numbers_of(call.id)[0] == number


def test_an_old_row_that_turns_up_late_brings_its_key_back(
    make_store, call: Call, water: Complaint, tmp_path: Path
) -> None:
    store = make_store()
    ledger = CallLedger.open(store, call)
    (number,) = ledger.file([water]).numbers
    ledger.close("filed", Intent.COMPLAINT)
    with store.database.engine.connect() as connection:
        late = connection.execute(text("SELECT description FROM ticket")).scalar()
    changed(store)
    with store.database.engine.begin() as connection:
        connection.execute(text("UPDATE ticket SET description = :late"), {"late": late})
    assert changed(make_store()).finished
    ticket = make_store().repository.get(number, unmask=True)
    assert ticket is not None
    assert ticket.description == water.description


def test_two_changes_at_once_are_one(make_store, call: Call, water: Complaint) -> None:
    from agent.tickets.upkeep_lock import upkeep_alone

    store = make_store()
    with (
        upkeep_alone(store.data_dir),
        pytest.raises(UsageError, match="still at work"),
        upkeep_alone(store.data_dir, wait_s=0.2),
    ):
        pass


@pytest.mark.parametrize("kills", [8, pytest.param(40, marks=pytest.mark.slow)])
def test_killed_at_any_moment_everything_stays_readable(tmp_path: Path, kills: int) -> None:
    script = Path(__file__).with_name("killed_rotation.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(kills), "234"],
        capture_output=True, text=True, check=False, timeout=540,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    print("\n".join(done.stdout.splitlines()[-3:]))
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-2500:]
    assert done.stdout.count("tickets readable") == kills
