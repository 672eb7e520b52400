"""How a ticket stands, for a caller who asks: its state, and whether it is his own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from agent.errors import TicketError
from agent.tickets.models import CALL, TICKET
from agent.tickets.store import WITHIN_S

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from agent.tickets.store import TicketStore


@dataclass(frozen=True, slots=True)
class Standing:
    """What may be said of a ticket."""

    status: str
    """Life-cycle state, e.g. ``IN_PROGRESS``."""
    mine: bool
    """It was filed from the caller's number, or for it."""


def standing(store: TicketStore, number: str, caller: str) -> Standing | None:
    """How a ticket stands; None when there is none or the database is away.

    Args:
        store: the tickets.
        number: nine digits.
        caller: number the call comes from; empty when hidden.
    """

    def look(connection: Connection) -> Standing | None:
        query = (
            select(TICKET.c.status, TICKET.c.phone_hash, CALL.c.caller_hash)
            .select_from(TICKET.outerjoin(CALL, TICKET.c.call_id == CALL.c.id))
            .where(TICKET.c.number == number)
        )
        row = connection.execute(query).first()
        if row is None:
            return None
        known = set(store.cipher.phone_hashes(caller))
        return Standing(row.status, bool(known & {row.phone_hash, row.caller_hash}))

    try:
        return store.database.look(look, within_s=WITHIN_S)
    except TicketError:
        return None
