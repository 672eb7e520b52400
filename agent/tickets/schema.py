"""The form of the ticket database: made when it is empty, brought up to date revision by revision.

Revisions only add: columns that may be empty or have a default in the database, and tables. So a
worker of the revision before goes on writing while others run the new one, and a rolling update
needs no pause. A database without a revision that holds tickets is of the first one, 0001.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, inspect, text

from agent.errors import TicketError
from agent.tickets.models import KuralTable

HEAD: Final = "0004"
"""The newest revision; a test compares it with ``migrations/versions``."""
FIRST: Final = "0001"
_LOCK = 234_0001
"""Name of our advisory lock in PostgreSQL: one process at a time changes the form."""


class OutdatedSchema(TicketError):
    """A database on a server is of an older revision; a person says when it is upgraded."""


def prepare(connection: Connection) -> None:
    """Make the tables of an empty database; bring an SQLite file up to date.

    A database that is newer than this program is used as it is.

    Raises:
        OutdatedSchema: a server's database is older: ``kural tickets migrate`` upgrades it.
    """
    revision = revision_of(connection)
    if revision is not None and revision >= HEAD:
        return
    with _alone(connection):
        revision = revision_of(connection)
        if revision is None:
            create(connection)
        elif revision < HEAD:
            if connection.dialect.name != "sqlite":
                raise OutdatedSchema(
                    f"The ticket database is of revision {revision}, this program needs {HEAD}: "
                    "run kural tickets migrate."
                )
            upgrade(connection)


def revision_of(connection: Connection) -> str | None:
    """The revision of a database; None when it is empty."""
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" in tables:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if found is not None:
            return str(found)
    return FIRST if "ticket" in tables else None


def create(connection: Connection) -> None:
    """Make all tables of the newest revision and note which one it is."""
    from alembic import command

    KuralTable.metadata.create_all(connection)
    command.stamp(_config(connection), "head")


def upgrade(connection: Connection, to: str = "head") -> None:
    """Apply the revisions that are missing, up to ``to``."""
    from alembic import command

    config = _config(connection)
    if revision_of(connection) == FIRST:
        command.stamp(config, FIRST)
    command.upgrade(config, to)


def downgrade(connection: Connection, to: str) -> None:
    """Take revisions back, down to ``to``. What only they had a place for is lost."""
    from alembic import command

    command.downgrade(_config(connection), to)


def _config(connection: Connection) -> Any:
    # Alembic is read only where the form changes: a call never does, and starts faster without.
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "agent.tickets:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Nobody else changes the form meanwhile; an SQLite writer is alone already."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:name)"), {"name": _LOCK})
    yield
