"""Keys at the start: never a fresh one beside old data, never a wrong one unnoticed."""

from __future__ import annotations

import base64
import shutil
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from agent.complaint import Call, Complaint, Intent
from agent.errors import ConfigurationError, TicketError
from agent.tickets.cipher import key_id_of
from agent.tickets.forwarder import check
from agent.tickets.keyring import KEY_FILE, RETIRED_FILE, Keyring, new_key
from agent.tickets.ledger import CallLedger
from agent.tickets.store import TicketStore
from agent.tickets.voice_notes import VoiceNotes

OTHER = base64.b64encode(bytes(range(32))).decode()


def one_call(store: TicketStore, call: Call, water: Complaint) -> None:
    ledger = CallLedger.open(store, call)
    ledger.file([water])
    ledger.close("filed", Intent.COMPLAINT)


def only_rows(folder: Path) -> None:
    shutil.rmtree(folder / "journal")


def only_journals(folder: Path) -> None:
    for path in folder.glob("kural.db*"):
        path.unlink()


def only_sound(folder: Path) -> None:
    only_rows(folder)
    only_journals(folder)


@pytest.fixture
def left(make_store, call: Call, water: Complaint, tmp_path: Path) -> Path:
    """The folder of a machine that has taken a call and is off now."""
    store = make_store()
    one_call(store, call, water)
    VoiceNotes(tmp_path, store.cipher).keep(call.id, 1, bytes(3200))
    store.close()
    return tmp_path


@pytest.mark.parametrize("what", [lambda _: None, only_rows, only_journals, only_sound])
def test_no_fresh_key_is_made_beside_sealed_data(left: Path, make_store, what) -> None:
    what(left)
    sealed_by = key_id_of(base64.b64decode((left / KEY_FILE).read_bytes()))
    (left / KEY_FILE).unlink()
    with pytest.raises(ConfigurationError, match=f"id {sealed_by:02x}, and there is no key"):
        make_store()
    assert not (left / KEY_FILE).exists()


@pytest.mark.parametrize("what", [lambda _: None, only_rows, only_journals, only_sound])
def test_a_wrong_key_is_noticed_at_the_start(left: Path, make_store, what) -> None:
    what(left)
    for wrong in (OTHER, _same_id_as(left)):
        with pytest.raises(ConfigurationError, match=r"sealed with the key of id|opens nothing"):
            make_store(key=wrong)


def test_a_key_made_by_a_process_that_was_faster_is_used(tmp_path: Path, make_store) -> None:
    first, second = make_store(), make_store()
    assert second.cipher.unseal(first.cipher.seal("மீனா", "x"), "x") == "மீனா"


def test_one_damaged_row_among_good_ones_stops_no_start(
    left: Path, make_store, call: Call, water: Complaint
) -> None:
    store = make_store()
    for number in range(3):
        one_call(store, replace(call, id=f"more-{number}"), water)
    with sqlite3.connect(left / "kural.db") as database:
        database.execute("UPDATE ticket SET place = zeroblob(60) WHERE id = 1")
    assert check(make_store()).unreadable == 1


def test_an_empty_folder_gets_its_first_key(tmp_path: Path, make_store) -> None:
    make_store()
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600


def test_a_database_that_is_away_is_no_reason_to_refuse(tmp_path: Path, make_store) -> None:
    url = "postgresql+psycopg://kural@127.0.0.1:1/none"
    assert make_store(url, key=OTHER).cipher.key_id == key_id_of(base64.b64decode(OTHER))


def test_a_running_process_follows_a_change_of_keys(tmp_path: Path) -> None:
    ring = Keyring(tmp_path)
    ring.make()
    here, there = ring.cipher(), Keyring(tmp_path).cipher()
    old = here.seal("மீனா", "x")
    fresh = new_key(*ring.keys())
    ring.begin(fresh)
    assert there.unseal(here.seal("மீனா", "x"), "x") == "மீனா"
    assert there.seal("", "x")[0] == key_id_of(fresh)
    assert there.unseal(old, "x") == "மீனா"
    assert len(set(there.phone_hashes("9500123456"))) == 2
    ring.finish()
    assert stat.S_IMODE((tmp_path / RETIRED_FILE).stat().st_mode) == 0o600
    alone = Keyring(tmp_path).cipher()
    assert alone.key_ids == (key_id_of(fresh),)
    with pytest.raises(TicketError, match=f"another key .id {old[0]:02x}"):
        alone.unseal(old, "x")


def test_a_process_whose_key_file_is_taken_away_goes_on(tmp_path: Path) -> None:
    ring = Keyring(tmp_path)
    ring.make()
    cipher = ring.cipher()
    for broken in (lambda: ring.path.write_bytes(b"?"), ring.path.unlink):
        broken()
        assert cipher.unseal(cipher.seal("மீனா", "x"), "x") == "மீனா"


def test_last_four_digits_are_hashed_apart_from_whole_numbers(tmp_path: Path) -> None:
    cipher = Keyring(tmp_path, OTHER).cipher()
    assert cipher.last_four_hash("+91 95001 23456") in cipher.last_four_hashes("3456")
    assert cipher.phone_hash("3456") not in cipher.last_four_hashes("3456")
    assert cipher.last_four_hash("123") is None


def _same_id_as(folder: Path) -> str:
    """Another key whose sealed values begin with the same byte: one in 256."""
    wanted = key_id_of(base64.b64decode((folder / KEY_FILE).read_bytes()))
    number = 0
    while key_id_of(key := number.to_bytes(32, "big")) != wanted:
        number += 1
    return base64.b64encode(key).decode()
