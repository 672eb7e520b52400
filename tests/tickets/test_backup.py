"""Backups and the way back, with real databases, while calls go on."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.complaint import Call, Complaint, Intent
from agent.errors import UsageError
from agent.tickets import backup, backup_postgres
from agent.tickets.command import command
from agent.tickets.drill import drill
from agent.tickets.forwarder import replay
from agent.tickets.ledger import CallLedger
from agent.tickets.postgres_server import (
    PrivatePostgres,
    postgres_program,
    private_postgres,
)
from agent.tickets.store import TicketStore

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "var"))
    for name in ("DATABASE_URL", "ENCRYPTION_KEY", "MACHINE", "BLOCK_SIZE"):
        monkeypatch.delenv(f"TICKETS__{name}", raising=False)
    return tmp_path / "var"


@pytest.fixture
def store(make_store, data_dir: Path) -> TicketStore:
    opened: TicketStore = make_store(f"sqlite:///{data_dir / 'kural.db'}", data_dir=data_dir)
    return opened


def file(store: TicketStore, call: Call, complaint: Complaint, call_id: str) -> str:
    ledger = CallLedger.open(store, replace(call, id=call_id))
    (number,) = ledger.file([complaint]).numbers
    ledger.close("filed", Intent.COMPLAINT)
    return number


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def refused(*arguments: str) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, UsageError), result.output
    return str(result.exception)


def newest(target: Path) -> Path:
    return backup.all_backups(target)[-1]


def test_a_backup_comes_back_with_every_ticket(store, data_dir, tmp_path, call, water) -> None:
    number = file(store, call, water, "a")
    result = run("backup", "--to", str(tmp_path / "copies"))
    assert "1 tickets" in result.stdout
    folder = newest(tmp_path / "copies")
    assert not (folder / "secret.key").exists()
    shutil.move(data_dir, tmp_path / "lost")
    assert run("restore", "--from", str(folder)).exit_code == 0
    shutil.copy(tmp_path / "lost" / "secret.key", data_dir / "secret.key")
    again = TicketStore.open(f"sqlite:///{data_dir / 'kural.db'}", data_dir=data_dir)
    ticket = again.repository.get(number, unmask=True)
    assert ticket is not None
    assert ticket.name == "மீனா"
    assert file(again, call, water, "b") != number
    again.close()


def test_a_ticket_younger_than_the_copied_database_comes_from_its_journal(
    store, data_dir, tmp_path, call, water, monkeypatch
) -> None:
    """The journals are copied after the database: what is filed in between is in one of them."""
    copied = backup.copy_sqlite
    between: list[str] = []

    def copy_then_file(source: Path, target: Path, progress=None) -> None:
        copied(source, target, progress)
        if source.name == "kural.db":
            between.append(file(store, call, water, "between"))

    file(store, call, water, "before")
    monkeypatch.setattr(backup, "copy_sqlite", copy_then_file)
    folder = backup.back_up(data_dir / "kural.db", data_dir, tmp_path / "copies")
    report = drill(folder, store)
    assert (report.live, report.restored, report.missing) == (2, 2, ())
    assert len(between) == 1


def test_calls_go_on_during_a_backup(store, data_dir, tmp_path, call, water) -> None:
    stop = threading.Event()
    filed: list[str] = []

    def calls() -> None:
        while not stop.is_set():
            filed.append(file(store, call, water, f"c{len(filed)}"))

    worker = threading.Thread(target=calls)
    worker.start()
    try:
        while len(filed) < 3:
            time.sleep(0.01)
        before = set(filed)
        folder = backup.back_up(data_dir / "kural.db", data_dir, tmp_path / "copies")
    finally:
        stop.set()
        worker.join()
    report = drill(folder, store)
    assert report.live == len(filed)
    assert report.changed == 0
    assert not before & set(report.missing)


def test_a_drill_tells_what_would_be_missing(store, data_dir, tmp_path, call, water) -> None:
    file(store, call, water, "a")
    run("backup", "--to", str(tmp_path / "copies"))
    late = file(store, call, water, "late")
    folder = str(newest(tmp_path / "copies"))
    found = json.loads(run("restore", "--from", folder, "--drill", "--json").stdout)
    assert (found["live"], found["restored"], found["missing"]) == (2, 1, [late])
    assert found["rto_s"] > 0
    said = run("restore", "--from", folder, "--drill").stdout
    assert "1 of 2 tickets restored, 1 missing" in said


def test_a_damaged_backup_is_refused(store, data_dir, tmp_path, call, water) -> None:
    file(store, call, water, "a")
    folder = backup.back_up(data_dir / "kural.db", data_dir, tmp_path / "copies")
    with sqlite3.connect(folder / "kural.db") as db:
        db.execute("DELETE FROM ticket")
    assert "not what was backed up" in refused("restore", "--from", str(folder), "--drill")
    assert "is no backup" in refused("restore", "--from", str(tmp_path), "--drill")


def test_nothing_is_overwritten(store, data_dir, tmp_path, call, water) -> None:
    file(store, call, water, "a")
    run("backup", "--to", str(tmp_path / "copies"))
    folder = str(newest(tmp_path / "copies"))
    assert "there already" in refused("restore", "--from", folder)
    assert "leave --to away" in refused("restore", "--from", folder, "--drill", "--to", "x")
    assert "backup of SQLite" in refused("restore", "--from", folder, "--postgres-data", "y")
    assert "--follow is for PostgreSQL" in refused("backup", "--to", "z", "--follow")


def test_old_backups_are_thinned_out(store, data_dir, tmp_path, call, water) -> None:
    file(store, call, water, "a")
    target = tmp_path / "copies"
    for stamp in ("20260101T000000", "20260102T000000", "20260103T000000"):
        made = backup.back_up(data_dir / "kural.db", data_dir, target)
        made.rename(target / f"{backup.PREFIX}{stamp}")
    gone = backup.thin_out(target, 2)
    assert [path.name for path in gone] == ["backup-20260101T000000"]
    assert len(backup.all_backups(target)) == 2


def test_a_backup_that_cannot_be_written_leaves_nothing(store, data_dir, tmp_path) -> None:
    (tmp_path / "file").write_text("x")
    store.top_up()
    assert "could not be written" in refused("backup", "--to", str(tmp_path / "file" / "below"))


@pytest.fixture
def server(postgres_server: PrivatePostgres):
    """A server of its own: what is received is all of a server, not of one database."""
    with private_postgres() as own:
        yield own


def test_postgresql_comes_back_with_what_was_received_to_the_end(
    server, make_store, tmp_path, call, water
) -> None:
    store = make_store(server.url_of(), key=KEY)
    file(store, call, water, "before")
    target = tmp_path / "copies"
    receiver = backup_postgres.follow(server.url_of(), target)
    try:
        folder = backup_postgres.back_up(server.url_of(), target)
        for n in range(20):
            file(store, call, water, f"after{n}")
        received = _wait_until_received(server)
    finally:
        receiver.terminate()
        receiver.wait()
    assert received
    report = drill(folder, store)
    assert (report.kind, report.live, report.restored) == ("postgresql", 21, 21)
    assert (report.missing, report.changed, report.rpo_s) == ((), 0, 0.0)
    assert not replay(store).waiting


def _wait_until_received(server: PrivatePostgres) -> bool:
    import psycopg

    query = "SELECT pg_current_wal_flush_lsn() <= flush_lsn FROM pg_stat_replication"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        for _ in range(200):
            found = connection.execute(query).fetchone()
            if found and found[0]:
                return True
            time.sleep(0.05)
    return False


def test_postgresql_is_not_restored_over_anything(
    server, make_store, tmp_path, call, water
) -> None:
    store = make_store(server.url_of(), key=KEY)
    file(store, call, water, "a")
    folder = backup_postgres.back_up(server.url_of(), tmp_path / "copies")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").touch()
    with pytest.raises(UsageError, match="not empty"):
        backup_postgres.restore(folder, tmp_path / "full")
    with pytest.raises(UsageError, match="is a backup of PostgreSQL"):
        backup.restore(folder, tmp_path / "other")
    with pytest.raises(UsageError, match="pg_basebackup failed"):
        backup_postgres._run("postgresql://nobody@127.0.0.1:1/x", ["pg_basebackup", "-D", "x"])
    assert Path(postgres_program("pg_receivewal")).name == "pg_receivewal"
