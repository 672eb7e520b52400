"""A disk that vanishes with its machine: a number is final only when somebody else has it too."""

from __future__ import annotations

import base64
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from agent.complaint import Call, Complaint, Intent
from agent.control.forwarding import Forwarder
from agent.errors import ConfigurationError
from agent.settings import Settings, TicketSettings
from agent.tickets.durability import Durability, durability_of
from agent.tickets.forwarder import replay
from agent.tickets.journal import read_journal
from agent.tickets.ledger import CallLedger
from agent.tickets.models import CALLBACK
from agent.tickets.postgres_server import PostgresMissing, PrivatePostgres, private_postgres
from agent.tickets.received import replay_received
from agent.tickets.records import callback_context
from agent.tickets.repository import Search, Ticket
from agent.tickets.second_copy import Receiver
from agent.tickets.store import TicketStore
from tests.tickets.conftest import ReceivingMachine

StoreMaker = Callable[..., TicketStore]
KEY = base64.b64encode(bytes(range(32))).decode()
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def own_postgres() -> Iterator[PrivatePostgres]:
    """A server that a test may stop."""
    try:
        with private_postgres() as server:
            yield server
    except PostgresMissing as missing:
        pytest.skip(str(missing))


def tickets(store: TicketStore) -> list[Ticket]:
    return list(store.repository.search(Search(), unmask=True))


def owed(store: TicketStore) -> list[tuple[str, str, str | None, str | None]]:
    """Call, reason, number and phone of every call that is owed."""
    with store.database.engine.connect() as connection:
        rows = connection.execute(select(CALLBACK).order_by(CALLBACK.c.id)).mappings().all()
    return [
        (
            row["call_id"],
            row["reason"],
            row["number"],
            row["phone"]
            and store.cipher.unseal(
                bytes(row["phone"]), callback_context(row["call_id"], row["reason"])
            ),
        )
        for row in rows
    ]


def vanishing(machine: ReceivingMachine | None = None) -> Durability:
    receiver = Receiver(machine.url, machine.token) if machine else None
    return Durability(journal=False, receiver=receiver)


def lock(path: Path) -> sqlite3.Connection:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    return other


def test_with_the_database_there_a_number_is_final(
    make_store: StoreMaker, call: Call, water: Complaint
) -> None:
    store = make_store(durability=vanishing())
    filed = CallLedger.open(store, call).file([water])
    assert (filed.stored, filed.provisional) == (True, False)
    assert owed(store) == []


def test_with_the_database_away_no_number_is_final_and_a_call_is_owed(
    make_store: StoreMaker, call: Call, water: Complaint, tmp_path: Path
) -> None:
    store = make_store(durability=vanishing())
    other = lock(tmp_path / "kural.db")
    ledger = CallLedger.open(store, call)
    filed = ledger.file([water])
    assert (len(filed.numbers), filed.stored, filed.provisional) == (1, False, True)
    ledger.close("provisional", Intent.COMPLAINT)
    other.close()
    replay(store)
    assert [ticket.number for ticket in tickets(store)] == list(filed.numbers)
    assert owed(store) == [("job-1", "provisional", filed.numbers[0], "9500123456")]
    replay(store)
    assert len(owed(store)) == 1


def test_a_call_that_somebody_has_made_is_not_opened_again_by_a_replay(
    make_store: StoreMaker, call: Call, water: Complaint, tmp_path: Path
) -> None:
    store = make_store(durability=vanishing())
    other = lock(tmp_path / "kural.db")
    ledger = CallLedger.open(store, call)
    ledger.file([water])
    other.close()
    replay(store)
    with store.database.engine.begin() as connection:
        connection.execute(CALLBACK.update().values(done_at=store.clock(), number=None))
    ledger.close("provisional", Intent.COMPLAINT)
    assert owed(store) == [("job-1", "provisional", None, "9500123456")]


def test_nothing_of_a_caller_lies_open_in_a_journal_or_row_of_a_call_back(
    make_store: StoreMaker, call: Call, water: Complaint, tmp_path: Path,
    second_machine: ReceivingMachine,
) -> None:  # fmt: skip
    store = make_store(durability=Durability(journal=False, receiver=Receiver(NOWHERE)))
    other = lock(tmp_path / "kural.db")
    ledger = CallLedger.open(store, call)
    assert ledger.file([water]).provisional
    other.close()
    ledger.close("provisional", Intent.COMPLAINT)
    body = (store.done_dir / "job-1.jsonl").read_bytes()
    receiver = Receiver(second_machine.url, second_machine.token)
    receiver.post(call.id, body)
    receiver.close()
    store.close()
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b'"kind":"callback"' in everything
    for secret in ("மீனா", "9500123456", "அப்பல்லோ", "தண்ணியே"):
        assert secret.encode() not in everything
        assert secret.encode("unicode_escape") not in everything


def test_a_disk_that_is_kept_is_durable_by_itself(
    make_store: StoreMaker, call: Call, water: Complaint, tmp_path: Path
) -> None:
    store = make_store()
    other = lock(tmp_path / "kural.db")
    assert not CallLedger.open(store, call).file([water]).provisional
    other.close()


def test_an_acknowledgement_of_the_second_machine_makes_a_number_final(
    make_store: StoreMaker, call: Call, water: Complaint, tmp_path: Path,
    second_machine: ReceivingMachine,
) -> None:  # fmt: skip
    store = make_store(durability=vanishing(second_machine))
    other = lock(tmp_path / "kural.db")
    ledger = CallLedger.open(store, call)
    ledger.consent(True)
    ledger.note([water], Intent.COMPLAINT)
    filed = ledger.file([water])
    assert (filed.stored, filed.provisional) == (False, False)
    here = read_journal(store.journal_dir / "job-1.jsonl")
    there = read_journal(second_machine.folder / "job-1.jsonl")
    assert there.lines == here.lines
    other.close()


def test_when_the_second_machine_is_back_within_the_call_the_number_becomes_final(
    make_store: StoreMaker, call: Call, water: Complaint, tmp_path: Path,
    second_machine: ReceivingMachine,
) -> None:  # fmt: skip
    second_machine.stop()
    store = make_store(durability=vanishing(second_machine))
    other = lock(tmp_path / "kural.db")
    ledger = CallLedger.open(store, call)
    first = ledger.file([water])
    assert first.provisional
    second_machine.start()
    again = ledger.file([water])
    assert (again.numbers, again.provisional) == (first.numbers, False)
    other.close()


def test_another_process_of_the_same_call_goes_on_with_the_second_copy(
    make_store: StoreMaker, call: Call, water: Complaint, second_machine: ReceivingMachine
) -> None:
    first = CallLedger.open(make_store(durability=vanishing(second_machine)), call)
    first.note([water], Intent.COMPLAINT)
    assert first._recorder.is_copied(5.0)
    assert first._journal is not None
    first._journal.close()  # as the kernel does when a process dies
    store = make_store(durability=vanishing(second_machine))
    second = CallLedger.open(store, call)
    assert not second.file([water]).provisional
    second.close("filed", Intent.COMPLAINT)
    assert second._recorder.is_copied(5.0)
    here = read_journal(store.done_dir / "job-1.jsonl")
    assert read_journal(second_machine.folder / "job-1.jsonl").lines == here.lines


def test_a_second_machine_that_lost_its_disk_gets_the_whole_call_again(
    make_store: StoreMaker, call: Call, water: Complaint, second_machine: ReceivingMachine
) -> None:
    store = make_store(durability=vanishing(second_machine))
    ledger = CallLedger.open(store, call)
    ledger.note([water], Intent.COMPLAINT)
    assert ledger._recorder.is_copied(5.0)
    (second_machine.folder / "job-1.jsonl").unlink()
    ledger.note([water], Intent.COMPLAINT)
    assert ledger._recorder.is_copied(5.0)
    here = read_journal(store.journal_dir / "job-1.jsonl")
    assert read_journal(second_machine.folder / "job-1.jsonl").lines == here.lines


def test_a_long_call_goes_over_in_pieces_a_receiver_takes(
    make_store: StoreMaker, call: Call, water: Complaint, second_machine: ReceivingMachine
) -> None:
    second_machine.stop()
    store = make_store(durability=vanishing(second_machine))
    ledger = CallLedger.open(store, call)
    for _ in range(30):
        ledger.note([replace(water, description="தண்ணி வரல " * 2000)], Intent.COMPLAINT)
    assert (store.journal_dir / "job-1.jsonl").stat().st_size > 2**21  # twice what one takes
    second_machine.start()
    assert ledger._recorder.is_copied(20.0)


def test_no_caller_waits_longer_for_a_second_machine_that_hangs(
    make_store: StoreMaker, call: Call, water: Complaint, tmp_path: Path,
    second_machine: ReceivingMachine,
) -> None:  # fmt: skip
    store = make_store(durability=vanishing(second_machine))
    other = lock(tmp_path / "kural.db")
    assert second_machine._process is not None
    second_machine._process.send_signal(19)  # SIGSTOP
    ledger = CallLedger.open(store, call)
    began = time.monotonic()
    ledger.note([water], Intent.COMPLAINT)
    assert time.monotonic() - began < 0.5
    assert ledger.file([water]).provisional
    assert time.monotonic() - began < 2.2
    other.close()


@pytest.mark.parametrize("token", ["", "wrong"])
def test_a_second_machine_that_does_not_know_us_counts_for_nothing(
    token: str, make_store: StoreMaker, call: Call, water: Complaint, tmp_path: Path,
    second_machine: ReceivingMachine,
) -> None:  # fmt: skip
    stranger = Durability(journal=False, receiver=Receiver(second_machine.url, token))
    store = make_store(durability=stranger)
    other = lock(tmp_path / "kural.db")
    began = time.monotonic()
    assert CallLedger.open(store, call).file([water]).provisional
    assert time.monotonic() - began < 1.8
    other.close()


def test_when_the_machine_vanishes_what_was_spoken_comes_from_the_second_one(
    make_store: StoreMaker, call: Call, water: Complaint, sewage: Complaint, tmp_path: Path,
    second_machine: ReceivingMachine,
) -> None:  # fmt: skip
    pod = tmp_path / "pod"
    make_store().close()
    store = make_store(data_dir=pod, key=KEY, durability=vanishing(second_machine))
    other = lock(tmp_path / "kural.db")
    ended = CallLedger.open(store, call)
    spoken = ended.file([water, sewage])
    ended.close("filed", Intent.COMPLAINT)
    cut = CallLedger.open(store, replace(call, id="job-2"))
    noted = cut.file([water])
    cut.note([water, sewage], Intent.COMPLAINT)
    assert not spoken.provisional
    assert cut._recorder.is_copied(5.0)
    assert ended._recorder.is_copied(5.0)
    shutil.rmtree(pod)
    other.close()

    new = make_store(data_dir=tmp_path / "new", machine="m2", key=KEY)
    folder = second_machine.folder
    report = replay_received(new, folder, quiet_s=900)
    assert (report.replayed, report.live, report.tickets, report.partial) == (1, 1, 3, 0)
    assert {t.number for t in tickets(new)} == {*spoken.numbers, *noted.numbers}
    report = replay_received(new, folder, quiet_s=900)
    assert (report.replayed, report.live, report.tickets) == (0, 1, 0)
    report = replay_received(new, folder, quiet_s=900, over=True)
    assert (report.replayed, report.lost, report.tickets, report.partial) == (1, 1, 1, 1)
    assert [r.outcome for r in new.repository.calls()] == ["filed", "lost"]
    assert replay_received(new, folder, quiet_s=0).tickets == 0
    assert {path.name for path in (folder / "done").iterdir()} == {"job-1.jsonl", "job-2.jsonl"}


def test_a_call_that_was_quiet_for_longer_than_a_call_lasts_is_over(
    make_store: StoreMaker, call: Call, water: Complaint, second_machine: ReceivingMachine
) -> None:
    early = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)
    store = make_store(
        data_dir=second_machine.folder.parent / "pod", key=KEY, clock=lambda: early,
        durability=vanishing(second_machine),
    )  # fmt: skip
    ledger = CallLedger.open(store, call)
    ledger.note([water], Intent.COMPLAINT)
    assert ledger._recorder.is_copied(5.0)
    new = make_store(data_dir=second_machine.folder.parent / "new", machine="m2", key=KEY)
    assert replay_received(new, second_machine.folder, quiet_s=900).partial == 1


def test_tickets_the_database_lost_come_back_from_journals_that_were_put_away(
    make_store: StoreMaker, call: Call, water: Complaint, second_machine: ReceivingMachine
) -> None:
    store = make_store(durability=vanishing(second_machine))
    ledger = CallLedger.open(store, call)
    (number,) = ledger.file([water]).numbers
    ledger.close("filed", Intent.COMPLAINT)
    assert ledger._recorder.is_copied(5.0)
    assert replay_received(store, second_machine.folder, quiet_s=900).replayed == 1
    with store.database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM ticket")
    report = replay_received(store, second_machine.folder, quiet_s=900)
    assert (report.restored, report.tickets) == (1, 1)
    assert [ticket.number for ticket in tickets(store)] == [number]


def test_the_forwarder_brings_journals_of_ended_calls_to_the_second_machine(
    make_store: StoreMaker, call: Call, water: Complaint, tmp_path: Path,
    second_machine: ReceivingMachine,
) -> None:  # fmt: skip
    """The call ended while both were away; the second machine is back before the database."""
    unreachable = Durability(journal=False, receiver=Receiver(NOWHERE))
    store = make_store(durability=unreachable)
    other = lock(tmp_path / "kural.db")
    ledger = CallLedger.open(store, call)
    assert ledger.file([water]).provisional
    ledger.close("provisional", Intent.COMPLAINT)
    forwarder = Forwarder(make_store(durability=vanishing(second_machine)), ask_every_s=0.05)
    forwarder.start()
    path = second_machine.folder / "job-1.jsonl"
    deadline = time.monotonic() + 30
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    forwarder.stop()
    here = read_journal(store.journal_dir / "job-1.jsonl")
    assert read_journal(path).lines == here.lines
    other.close()


def test_with_a_real_server_away_twenty_callers_hear_nothing_final_and_all_are_owed_a_call(
    make_store: StoreMaker, call: Call, water: Complaint, own_postgres: PrivatePostgres
) -> None:
    store = make_store(own_postgres.url_of(), key=KEY, durability=vanishing())
    own_postgres.kill()
    forwarder = Forwarder(store, ask_every_s=0.1)
    forwarder.start()
    for index in range(20):
        ledger = CallLedger.open(store, replace(call, id=f"job-{index}"))
        assert ledger.file([water]).provisional
        if index % 2:
            ledger.close("provisional", Intent.COMPLAINT)
    own_postgres.start()
    began = time.monotonic()
    rows = (0, 0)
    while rows != (20, 20) and time.monotonic() - began < 30:
        with psycopg.connect(own_postgres.dsn) as connection:
            counts = "SELECT (SELECT count(*) FROM ticket), (SELECT count(*) FROM callback)"
            rows = connection.execute(counts).fetchone() or rows
    forwarder.stop()
    assert rows == (20, 20)
    assert time.monotonic() - began < 5.0


# -- settings ------------------------------------------------------------------------------------


def settings(tmp_path: Path, **group: object) -> Settings:
    return Settings(data_dir=tmp_path, tickets=TicketSettings(**group))


def test_by_default_the_disk_is_kept_and_nobody_else_is_asked(tmp_path: Path) -> None:
    assert durability_of(settings(tmp_path)) == Durability()


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("postgresql+psycopg://kural@db/kural", True),
        ("sqlite:////mnt/volume/kural.db", True),
        ("sqlite:///{data}/kural.db", False),
        ("sqlite:///{data}/../{name}/deeper/kural.db", False),
        ("", False),
    ],
)
def test_a_database_must_not_vanish_with_the_disk(url: str, kept: bool, tmp_path: Path) -> None:
    """It alone knows which ticket numbers were given."""
    given = SecretStr(url.format(data=tmp_path, name=tmp_path.name))
    key = SecretStr(KEY)
    found = settings(tmp_path, disk="vanishing", database_url=given, encryption_key=key)
    if kept:
        assert durability_of(found) == Durability(journal=False)
        return
    with pytest.raises(ConfigurationError, match="TICKETS__DATABASE_URL"):
        durability_of(found)


def test_a_key_must_not_vanish_with_the_disk(tmp_path: Path) -> None:
    url = SecretStr("sqlite:////mnt/volume/kural.db")
    with pytest.raises(ConfigurationError, match="TICKETS__ENCRYPTION_KEY"):
        durability_of(settings(tmp_path, disk="vanishing", database_url=url))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("10.0.0.5:8090", "not the address"),
        ("ftp://10.0.0.5", "not the address"),
        ("http://", "not the address"),
        ("http://10.0.0.5:99999", "not the address"),
        ("http://10.0.0.5/?x=1", "not the address"),
        ("http://receiver.example.org", "use https"),
    ],
)
def test_a_wrong_address_of_the_receiver_is_one_sentence(
    url: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        durability_of(settings(tmp_path, receiver_url=url))
    assert "receiver.example.org" not in str(caught.value)
