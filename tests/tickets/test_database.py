from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from agent.errors import ConfigurationError
from agent.tickets.database import READ_ONLY, Database, DatabaseAway, open_engine, sqlite_file
from agent.tickets.store import TicketStore


def _database(path: Path) -> Database:
    return Database(open_engine(f"sqlite:///{path / 'kural.db'}"))


@pytest.mark.parametrize("url", ["", "nonsense", "mysqlx://a/b", "sqlite://", "sqlite:///:memory:"])
def test_a_url_that_cannot_keep_tickets_stops_the_start(url: str) -> None:
    with pytest.raises(ConfigurationError):
        open_engine(url)


def test_an_error_about_the_url_never_repeats_its_password() -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_engine("nodriver://user:hunter2@host/kural")
    assert "hunter2" not in str(caught.value)


def test_a_shared_database_needs_a_shared_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="TICKETS__ENCRYPTION_KEY"):
        TicketStore.open("postgresql+psycopg://localhost/kural", data_dir=tmp_path)


def test_sqlite_keeps_every_commit_and_lets_readers_read(tmp_path: Path) -> None:
    database = _database(tmp_path)
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    database.close()


def test_a_visit_gives_up_in_time_when_the_work_hangs(tmp_path: Path) -> None:
    database, release = _database(tmp_path), threading.Event()
    with pytest.raises(DatabaseAway, match=r"within 0\.05 s"):
        database.visit(lambda _: release.wait(30), within_s=0.05)
    release.set()
    database.visit(lambda _: None, within_s=30)
    database.close()


def test_a_database_that_hangs_many_visits_is_refused_at_once(tmp_path: Path) -> None:
    database, release = _database(tmp_path), threading.Event()
    hanging = 0
    with ThreadPoolExecutor(20) as pool:

        def visit() -> None:
            database.visit(lambda _: release.wait(30), within_s=0.2)

        for future in [pool.submit(visit) for _ in range(20)]:
            with pytest.raises(DatabaseAway) as caught:
                future.result()
            hanging += "within" in str(caught.value)
    release.set()
    assert 1 <= hanging <= 8
    deadline = time.monotonic() + 30
    while any(thread.name == "ticket-database" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    database.visit(lambda _: None, within_s=30)
    database.close()


def test_more_visits_than_fit_wait_their_turn_in_a_database_that_answers(tmp_path: Path) -> None:
    """Twenty calls of one process at the same moment; none may be told that it is away."""
    database = _database(tmp_path)
    gate = threading.Barrier(20)

    def visit(index: int) -> int:
        gate.wait()
        return database.visit(lambda _: index, within_s=10)

    with ThreadPoolExecutor(20) as pool:
        assert sorted(pool.map(visit, range(20))) == list(range(20))
    database.close()


def test_who_waits_for_his_turn_waits_no_longer_than_he_said(tmp_path: Path) -> None:
    database, release = _database(tmp_path), threading.Event()
    with ThreadPoolExecutor(9) as pool:
        hanging = [
            pool.submit(lambda: database.visit(lambda _: release.wait(30), within_s=20))
            for _ in range(8)
        ]
        time.sleep(0.2)
        began = time.monotonic()
        with pytest.raises(DatabaseAway):
            database.visit(lambda _: None, within_s=0.3)
        assert 0.2 < time.monotonic() - began < 1.5
        release.set()
        for future in hanging:
            future.result()
    database.close()


def test_a_database_says_whether_it_answers(tmp_path: Path) -> None:
    database = _database(tmp_path)
    assert database.answers(5.0)
    other = sqlite3.connect(tmp_path / "kural.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert not database.answers(0.2)
    other.close()
    assert database.answers(5.0)
    database.close()


def test_a_server_that_is_gone_without_a_word_is_given_up_in_seconds(postgres_url: str) -> None:
    database = Database(open_engine(postgres_url))
    with database.engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        assert raw.info.get_parameters()["tcp_user_timeout"] == "5000"
    database.close()


def test_a_refusal_says_its_kind_and_no_value(tmp_path: Path) -> None:
    database = _database(tmp_path)
    with pytest.raises(DatabaseAway) as caught:
        database.visit(
            lambda connection: connection.execute(text("SELECT :x FROM nowhere"), {"x": "மீனா"}),
            within_s=30,
        )
    assert "OperationalError" in str(caught.value)
    assert "மீனா" not in str(caught.value)
    database.close()


def test_a_bug_in_the_work_is_not_taken_for_a_database_that_is_away(tmp_path: Path) -> None:
    database = _database(tmp_path)
    with pytest.raises(ZeroDivisionError):
        database.visit(lambda _: 1 // 0, within_s=30)
    database.close()


def test_who_only_reads_takes_no_write_lock(tmp_path: Path) -> None:
    database = _database(tmp_path)
    database.visit(lambda _: None, within_s=30)
    reader = database.engine.connect().execution_options(**{READ_ONLY: True})
    reader.exec_driver_sql("SELECT count(*) FROM ticket")
    writer = sqlite3.connect(tmp_path / "kural.db", timeout=0)
    writer.execute("INSERT INTO number_block VALUES (1, 2, 'm', '2026-01-01 00:00:00')")
    writer.commit()
    writer.close()
    reader.close()
    database.close()


def test_processes_that_start_together_make_the_tables_once(tmp_path: Path) -> None:
    databases = [_database(tmp_path) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda each: each.visit(lambda _: None, within_s=30), databases))
    for database in databases:
        database.close()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////data/kural.db", Path("/data/kural.db")),
        ("sqlite:///kural.db", Path("kural.db")),
        ("sqlite:///file:/data/kural.db?mode=ro&uri=true", None),
        ("postgresql://host/kural", None),
        ("nonsense", None),
    ],
)
def test_the_file_of_a_url_is_known_when_there_is_one(url: str, path: Path | None) -> None:
    assert sqlite_file(url) == path
