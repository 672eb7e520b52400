"""What the office owes citizens: calls, and answers about their data (table ``callback``)."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, select, update

from agent.errors import UsageError
from agent.tickets.database import READ_ONLY
from agent.tickets.masking import mask_phone
from agent.tickets.models import CALLBACK
from agent.tickets.records import Row, callback_context
from agent.tickets.store import TicketStore

WITHIN_S = 10.0
_SHOWN = ("id", "created_at", "reason", "number", "constituency_no", "call_id")


def owed(
    store: TicketStore, *, constituency: int | None = None, unmask: bool = False
) -> Iterator[Row]:
    """Yield what nobody has done yet, oldest first.

    Args:
        store: the database.
        constituency: only of this seat; what has no seat is for everybody.
        unmask: phone numbers in full; the caller of this function has audited it.

    Raises:
        TicketError: a number was encrypted with another key, or is damaged.
        SQLAlchemyError: the database cannot be read.
    """
    query = select(CALLBACK).where(CALLBACK.c.done_at.is_(None))
    if constituency is not None:
        seat = CALLBACK.c.constituency_no
        query = query.where((seat == constituency) | seat.is_(None))
    query = query.order_by(CALLBACK.c.created_at, CALLBACK.c.id)
    with store.database.engine.connect().execution_options(**{READ_ONLY: True}) as connection:
        for row in connection.execute(query).mappings():
            phone = None
            if row["phone"] is not None:
                context = callback_context(row["call_id"], row["reason"])
                phone = store.cipher.unseal(bytes(row["phone"]), context)
            shown = {name: row[name] for name in _SHOWN}
            yield {**shown, "phone": phone if unmask else mask_phone(phone)}


def settle_owed(store: TicketStore, id: int, who: str) -> Row:  # noqa: A002  it is called so
    """Say that it is done; returns what it was, without the number.

    Raises:
        UsageError: there is none of this id, it is done already, or nobody is named.
        DatabaseAway: the database does not answer; nothing was changed.
    """
    if not who.strip():
        raise UsageError("--done needs --as WHO: it is written down.")

    def work(connection: Connection) -> Row:
        query = select(CALLBACK).where(CALLBACK.c.id == id).with_for_update()
        row = connection.execute(query).mappings().first()
        if row is None:
            raise UsageError(f"Nothing of the id {id} is owed: kural tickets owed lists them.")
        if row["done_at"] is not None:
            raise UsageError(f"{id} was done by {row['done_by']} already.")
        values = {"done_at": store.clock(), "done_by": who.strip()}
        connection.execute(update(CALLBACK).where(CALLBACK.c.id == id).values(values))
        return {name: row[name] for name in _SHOWN}

    return store.database.visit(work, within_s=WITHIN_S)
