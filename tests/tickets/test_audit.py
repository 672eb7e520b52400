"""Who looked, and why: committed before anything is shown; the file of before is taken over."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from agent.errors import UsageError
from agent.tickets.audit import (
    AUDIT_FILE,
    TAKEN_OVER,
    Person,
    accesses,
    record_access,
    take_over,
)
from agent.tickets.store import TicketStore

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
OLD = [
    {"at": "2026-11-01T10:00:00+00:00", "who": "ravi", "reason": "கூப்பிட", "action": "show",
     "ticket": "100000009"},
    {"at": "2026-11-01T10:00:00+00:00", "who": "ravi", "reason": "கூப்பிட", "action": "show",
     "ticket": "100000009"},
    {"at": "2026-11-02T10:00:00+00:00", "who": "meena", "reason": "report", "action": "export",
     "constituency": "11"},
]  # fmt: skip


@pytest.fixture
def office(make_store, database_url: str) -> TicketStore:
    store: TicketStore = make_store(database_url, key=KEY)
    return store


def test_what_is_written_down_is_listed_by_person_time_and_ticket(office: TicketStore) -> None:
    engine, start = office.database.engine, datetime.now(UTC)
    record_access(office.database, Person(" ravi ", "a call"), "show", {"ticket": "100000009"})
    record_access(office.database, Person("meena", "report"), "export", {"constituency": "11"})
    both = list(accesses(engine))
    assert [(row["who"], row["action"]) for row in both] == [("ravi", "show"), ("meena", "export")]
    assert [row["who"] for row in accesses(engine, who="meena")] == ["meena"]
    assert [row["who"] for row in accesses(engine, number="100000009")] == ["ravi"]
    later = start + timedelta(days=1)
    assert list(accesses(engine, since=later)) == []
    assert len(list(accesses(engine, since=start, until=later))) == 2


def test_a_database_that_takes_nothing_unmasks_nothing(office: TicketStore) -> None:
    with office.database.engine.begin() as connection:
        connection.execute(text("DROP TABLE access"))
    with pytest.raises(UsageError, match="nothing is unmasked"):
        record_access(office.database, Person("ravi", "x"), "show", {})


@pytest.mark.parametrize(("who", "reason"), [("", "x"), ("x", " "), ("x" * 501, "y")])
def test_nobody_and_no_reason_are_refused(who: str, reason: str) -> None:
    with pytest.raises(UsageError, match="--as WHO and --reason WHY"):
        Person(who, reason)


def test_the_file_of_before_is_taken_over_once(office: TicketStore, tmp_path: Path) -> None:
    lines = [json.dumps(entry, ensure_ascii=False) for entry in OLD]
    content = "\n".join([lines[0], "no line at all", *lines[1:], '{"at": "torn']) + "\n"
    path = tmp_path / AUDIT_FILE
    path.write_text(content, encoding="utf-8")
    assert take_over(office.database, tmp_path) == 3
    path.write_text(content, encoding="utf-8")  # killed between the table and the renaming
    assert take_over(office.database, tmp_path) == 0
    assert take_over(office.database, tmp_path) == 0
    rows = list(accesses(office.database.engine))
    assert [(row["who"], row["at"].day) for row in rows] == [("ravi", 1), ("ravi", 1), ("meena", 2)]
    assert rows[2]["facts"] == {"constituency": "11", "line": 4}
    assert not path.exists()
    assert (tmp_path / TAKEN_OVER).read_text(encoding="utf-8") == content


def test_a_file_that_cannot_be_taken_over_stays(office: TicketStore, tmp_path: Path) -> None:
    (tmp_path / AUDIT_FILE).write_text(json.dumps(OLD[0]) + "\n")
    with office.database.engine.begin() as connection:
        connection.execute(text("DROP TABLE access"))
    with pytest.raises(UsageError, match="cannot be taken into the database"):
        take_over(office.database, tmp_path)
    assert (tmp_path / AUDIT_FILE).exists()
