from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from agent.tickets.models import CALL, TICKET, KuralTable, UtcDateTime


def test_a_time_is_stored_in_utc_and_comes_back_aware() -> None:
    kind, dialect = UtcDateTime(), sqlite.dialect()
    ist = datetime(2026, 11, 20, 15, 30, tzinfo=timezone(timedelta(hours=5.5)))
    stored = kind.process_bind_param(ist, dialect)
    assert stored == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert stored.tzinfo is UTC
    assert kind.process_result_value(stored.replace(tzinfo=None), dialect) == ist


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), sqlite.dialect())  # noqa: DTZ001


@pytest.mark.parametrize("dialect", [sqlite.dialect(), postgresql.dialect()])
def test_all_tables_can_be_written_down_for_both_databases(dialect) -> None:
    for table in KuralTable.metadata.sorted_tables:
        assert table.name in str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            assert str(index.name) in str(CreateIndex(index).compile(dialect=dialect))


def test_on_postgresql_facts_are_jsonb_and_times_have_zones() -> None:
    ddl = str(CreateTable(TICKET).compile(dialect=postgresql.dialect()))
    assert "candidates JSONB" in ddl
    assert "created_at TIMESTAMP WITH TIME ZONE" in ddl


def test_what_a_person_could_be_known_by_has_no_readable_column() -> None:
    for table, names in (
        (TICKET, ("place", "landmark", "name", "phone", "description", "reasons")),
        (CALL, ("caller",)),
    ):
        for name in names:
            assert table.c[name].type.python_type is bytes
