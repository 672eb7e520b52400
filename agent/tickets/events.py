"""The history of tickets: events are added, never changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from agent.tickets.cipher import Cipher
from agent.tickets.database import READ_ONLY
from agent.tickets.models import EVENT, EventKind, TicketStatus
from agent.tickets.records import Row

LINE: Final = "line"
CITIZEN: Final = "citizen"
SYSTEM: Final = "system"
"""Who did something when it was no login of the staff."""


def add_event(
    connection: Connection,
    cipher: Cipher,
    number: str,
    at: datetime,
    kind: EventKind,
    by: str,
    *,
    old: TicketStatus | None = None,
    new: TicketStatus | None = None,
    facts: Row | None = None,
    note: str = "",
    key: str | None = None,
) -> int:
    """Add one event inside the caller's transaction; returns 0 when its key is there already."""
    row: dict[str, Any] = {
        "number": number,
        "at": at,
        "kind": kind.value,
        "actor": by,
        "from_status": old.value if old else None,
        "to_status": new.value if new else None,
        "facts": facts or {},
        "note": cipher.seal(note, note_context(number, at)) if note else None,
        "key": key,
    }
    insert: Any = sqlite_insert if connection.dialect.name == "sqlite" else postgresql_insert
    statement = insert(EVENT).values(row).on_conflict_do_nothing(index_elements=["key"])
    return int(connection.execute(statement.returning(EVENT.c.id)).first() is not None)


def add_to_each(
    connection: Connection, numbers: Sequence[str], at: datetime, kind: EventKind, by: str,
    facts: Row,
) -> None:  # fmt: skip
    """Add one event to each of many tickets, once in their lives, inside the transaction."""
    if not numbers:
        return
    rows = [
        {"number": number, "at": at, "kind": kind.value, "actor": by, "facts": facts,
         "key": f"{number}:{kind.value}"}
        for number in numbers
    ]  # fmt: skip
    insert: Any = sqlite_insert if connection.dialect.name == "sqlite" else postgresql_insert
    connection.execute(insert(EVENT).on_conflict_do_nothing(index_elements=["key"]), rows)


def history(engine: Engine, cipher: Cipher, number: str, *, unmask: bool) -> Iterator[Row]:
    """Yield the events of one ticket, oldest first.

    Raises:
        TicketError: a note was encrypted with another key.
    """
    query = select(EVENT).where(EVENT.c.number == number).order_by(EVENT.c.id)
    with engine.connect().execution_options(**{READ_ONLY: True}) as connection:
        for found in connection.execute(query).mappings():
            row = dict(found)
            sealed = row.pop("note")
            row["note"] = None
            if sealed is not None:
                context = note_context(number, row["at"])
                row["note"] = cipher.unseal(bytes(sealed), context) if unmask else "***"
            del row["id"], row["key"]
            yield row


def note_context(number: str, at: datetime) -> str:
    """What a note is sealed under: its ticket and its time."""
    return f"event/{number}/{at.timestamp():.6f}/note"
