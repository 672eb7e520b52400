"""Every encrypted column of the database, with the context it is sealed under and its hashes.

One table for all who must find them all: the check at the start, the change of keys, erasure. A new
encrypted column belongs here; a test compares this table with the models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    LargeBinary,
    Table,
    func,
    select,
    update,
)

from agent.errors import TicketError
from agent.tickets.cipher import Cipher
from agent.tickets.database import Database
from agent.tickets.events import note_context
from agent.tickets.models import CALL, CALLBACK, EVENT, OUTBOX, TICKET
from agent.tickets.records import (
    PRIVATE_FIELDS,
    Row,
    callback_context,
    outbox_context,
)

_BATCH: Final = 200
_WITHIN_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class SealedTable:
    """The encrypted columns of one table."""

    table: Table
    key: str
    """Primary key, by which the rows are gone through."""
    needs: tuple[str, ...]
    """Columns that the contexts are made of."""
    contexts: Mapping[str, Callable[[Row], str]]
    """Encrypted column -> context of a row's value."""
    hashes: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    """Encrypted column of a phone number -> its columns of keyed hashes: whole, last four."""

    @property
    def columns(self) -> tuple[Column[Any], ...]:
        """The encrypted columns."""
        return tuple(self.table.c[name] for name in self.contexts)

    @property
    def order(self) -> Column[Any]:
        """The primary key."""
        return self.table.c[self.key]

    def hashes_of(self, name: str, phone: str, cipher: Cipher) -> Row:
        """The columns of keyed hashes beside the phone number in column ``name``."""
        whole, last_four = self.hashes[name]
        values: Row = {whole: cipher.phone_hash(phone)}
        if last_four is not None:
            values[last_four] = cipher.last_four_hash(phone)
        return values


def _ticket(name: str) -> Callable[[Row], str]:
    return lambda row: f"{row['idempotency_key']}/{name}"


SEALED: Final = (
    SealedTable(
        TICKET, "id", ("idempotency_key",),
        {name: _ticket(name) for name in PRIVATE_FIELDS},
        {"phone": ("phone_hash", "phone_last4_hash")},
    ),
    SealedTable(
        CALL, "id", ("id",),
        {"caller": lambda row: f"{row['id']}/caller"},
        {"caller": ("caller_hash", "caller_last4_hash")},
    ),
    SealedTable(
        EVENT, "id", ("number", "at"),
        {"note": lambda row: note_context(row["number"], row["at"])},
    ),
    SealedTable(
        CALLBACK, "id", ("call_id", "reason"),
        {"phone": lambda row: callback_context(row["call_id"], row["reason"])},
        {"phone": ("phone_hash", None)},
    ),
    SealedTable(
        OUTBOX, "id", ("key",), {"payload": lambda row: outbox_context(row["key"])},
    ),
)  # fmt: skip
"""All encrypted columns."""


def key_byte(column: Column[Any]) -> ColumnElement[Any]:
    """The first byte of a sealed value, in SQLite and PostgreSQL alike: the id of its key."""
    return func.substr(column, 1, 1, type_=LargeBinary)


def fill_last_fours(database: Database, cipher: Cipher) -> int:
    """Give rows of an older revision their hash of the last four digits; returns how many.

    Raises:
        DatabaseAway: the database does not answer; the rest follows next time.
    """
    filled = 0
    for table in SEALED:
        for name, (_, last_four) in table.hashes.items():
            if last_four is not None:
                filled += _fill(database, cipher, table, name, last_four)
    return filled


def _fill(database: Database, cipher: Cipher, table: SealedTable, name: str, missing: str) -> int:
    filled, last = 0, None
    columns = dict.fromkeys((table.key, *table.needs, name))
    query = (
        select(*(table.table.c[each] for each in columns))
        .where(table.table.c[name].is_not(None), table.table.c[missing].is_(None))
        .order_by(table.order)
        .limit(_BATCH)
    )

    def work(connection: Connection) -> list[Any]:
        nonlocal filled
        rows = query if last is None else query.where(table.order > last)
        seen = [dict(row) for row in connection.execute(rows).mappings()]
        for row in seen:
            with suppress(TicketError):
                phone = cipher.unseal(bytes(row[name]), table.contexts[name](row))
                values = table.hashes_of(name, phone, cipher)
                same = table.order == row[table.key]
                connection.execute(update(table.table).where(same).values(values))
                filled += values[missing] is not None
        return [row[table.key] for row in seen]

    while keys := database.visit(work, within_s=_WITHIN_S):
        last = keys[-1]
    return filled
