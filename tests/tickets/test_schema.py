from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from agent.tickets import migrations
from agent.tickets.database import Database, DatabaseAway, open_engine
from agent.tickets.models import KuralTable
from agent.tickets.schema import FIRST, HEAD, downgrade, prepare, revision_of, upgrade

_OLD_TICKET = {
    "number": "100000009", "call_id": "c1", "issue_index": 0, "idempotency_key": "c1:0",
    "channel": "phone", "intent": "complaint", "category": "WATER", "priority": "high",
    "candidates": "[]", "decisions": "[]", "partial": False, "confidential": False,
    "created_at": "2026-11-20 04:30:00.000000", "revision": 3,
}  # fmt: skip


@pytest.fixture
def engine(database_url: str):
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


def _insert_as_the_first_revision_did(engine: Engine, **more: object) -> None:
    row = {**_OLD_TICKET, **more}
    names = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    with engine.begin() as connection:
        connection.execute(text(f"INSERT INTO ticket ({names}) VALUES ({values})"), row)


def _form(engine: Engine) -> list[object]:
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, KuralTable.metadata))


def test_the_newest_revision_is_the_one_the_program_asks_for() -> None:
    files = Path(next(iter(migrations.__path__))).joinpath("versions").glob("r[0-9]*.py")
    assert max(path.name[1:5] for path in files) == HEAD


def test_an_empty_database_gets_the_newest_form(engine: Engine) -> None:
    with engine.begin() as connection:
        assert revision_of(connection) is None
        prepare(connection)
        assert revision_of(connection) == HEAD
    assert _form(engine) == []


def test_revision_by_revision_comes_to_the_same_form(engine: Engine) -> None:
    with engine.begin() as connection:
        upgrade(connection)
    assert _form(engine) == []


def test_up_and_down_and_up_again_with_tickets_in_it(engine: Engine) -> None:
    with engine.begin() as connection:
        upgrade(connection, FIRST)
    _insert_as_the_first_revision_did(engine, status="CLOSED")
    with engine.begin() as connection:
        upgrade(connection)
        row = connection.execute(text("SELECT status, reports, level, due_at FROM ticket")).one()
        assert row == ("VERIFIED_CLOSED", 1, 0, None)
        connection.execute(text("UPDATE ticket SET status = 'WAITING_CITIZEN'"))
        downgrade(connection, FIRST)
        assert connection.execute(text("SELECT status FROM ticket")).scalar() == "IN_PROGRESS"
        names = {column["name"] for column in inspect(connection).get_columns("ticket")}
        assert "due_at" not in names
        upgrade(connection)
        assert connection.execute(text("SELECT count(*) FROM ticket")).scalar() == 1
    assert _form(engine) == []


def test_a_worker_of_the_revision_before_goes_on_writing(engine: Engine) -> None:
    with engine.begin() as connection:
        upgrade(connection)
    _insert_as_the_first_revision_did(engine, status="NEW")
    with engine.begin() as connection:
        assert connection.execute(text("SELECT reports FROM ticket")).scalar() == 1


def test_a_file_from_before_there_were_revisions_is_brought_up_to_date(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'old.db'}")
    with engine.begin() as connection:
        upgrade(connection, FIRST)
        connection.execute(text("DROP TABLE alembic_version"))
    _insert_as_the_first_revision_did(engine, status="NEW")
    database = Database(engine)
    assert database.visit(revision_of, within_s=20) == HEAD
    assert _form(engine) == []
    database.close()


def test_an_older_database_on_a_server_waits_for_a_person(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    with engine.begin() as connection:
        upgrade(connection, FIRST)
    database = Database(engine)
    with pytest.raises(DatabaseAway, match="run kural tickets migrate"):
        database.visit(revision_of, within_s=20)
    database.close()


def test_a_newer_database_is_used_as_it_is(engine: Engine) -> None:
    with engine.begin() as connection:
        prepare(connection)
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        prepare(connection)
        assert revision_of(connection) == "9999"
