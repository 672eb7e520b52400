"""Messages to others that must not be lost or doubled: table ``outbox``.

The message about an emergency is stored in the transaction that stores its ticket, so there is none
without the other. Who sends it takes it first (:func:`take`), for a while in which nobody else
does, and then says that it arrived or when to try again. A receiver knows a message by its key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, select, update

from agent.complaint import Priority
from agent.errors import TicketError
from agent.tickets.cipher import Cipher
from agent.tickets.models import OUTBOX, TICKET
from agent.tickets.records import Row, outbox_context

if TYPE_CHECKING:
    from agent.tickets.store import TicketStore

ALERT: Final = "alert"
"""Kind of the messages about emergencies."""
FIRST_DELAY_S: Final = 10.0
"""The call that files an emergency tells of it itself; after so long others look after it."""
TAKEN_S: Final = 30.0
"""Who takes a message has so long to send it, before it counts as not sent."""
BACK_OFF_S: Final = (
    10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 28_800.0, 28_800.0,
)  # fmt: skip
"""Between a try in vain and the next: 13 tries within 24 hours, then it is given up."""
NEWS_FOR: Final = timedelta(hours=24)
"""An emergency that comes to the database later than this is no alert any more."""
_UNTOLD: Final = "simulated"
"""Channel of calls that are no emergencies of anybody."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was taken to be sent."""

    id: int
    key: str
    attempts: int
    """Tries so far, this one included."""
    ticket: str
    """Number of the ticket it is about."""


def alert_key(number: str) -> str:
    """Key of the message about one emergency."""
    return f"{ALERT}:{number}"


def alert_row(ticket: Row, cipher: Cipher, now: datetime) -> Row | None:
    """Row of table ``outbox`` for a row of table ``ticket``; None when nobody is to be told."""
    if ticket["priority"] != Priority.EMERGENCY.value or ticket["channel"] == _UNTOLD:
        return None
    if now - ticket["created_at"] > NEWS_FOR:
        return None
    key = alert_key(ticket["number"])
    return {
        "key": key,
        "kind": ALERT,
        "payload": cipher.seal(json.dumps({"ticket": ticket["number"]}), outbox_context(key)),
        "created_at": now,
        "next_at": now + timedelta(seconds=FIRST_DELAY_S),
        "attempts": 0,
    }


def due(store: TicketStore, *, limit: int, within_s: float) -> list[str]:
    """Keys of the alerts to be sent now, the longest due first.

    Raises:
        DatabaseAway: the database does not answer.
    """
    query = (
        select(OUTBOX.c.key)
        .where(OUTBOX.c.kind == ALERT, OUTBOX.c.next_at <= store.clock())
        .order_by(OUTBOX.c.next_at)
        .limit(limit)
    )
    return store.database.look(lambda c: list(c.execute(query).scalars()), within_s=within_s)


def take(store: TicketStore, key: str, *, at_once: bool, within_s: float) -> Message | bool | None:
    """Take one message, so that nobody else sends it meanwhile.

    Args:
        store: the database.
        key: of the message.
        at_once: also before it is due, if nobody has tried yet: the call itself sends it.
        within_s: patience with the database.

    Returns:
        The message; True when it arrived before; False when it is not to be sent now: somebody else
        has it, it is not due, or it was given up; None when there is none.

    Raises:
        DatabaseAway: the database does not answer.
    """

    def work(connection: Connection) -> Message | bool | None:
        query = select(OUTBOX).where(OUTBOX.c.key == key).with_for_update()
        row = connection.execute(query).mappings().first()
        if row is None:
            return None
        if row["done_at"] is not None:
            return True
        now, next_at = store.clock(), row["next_at"]
        first = at_once and row["attempts"] == 0
        if next_at is None or (next_at > now and not first):
            return False
        attempts = row["attempts"] + 1
        values = {"attempts": attempts, "next_at": now + timedelta(seconds=TAKEN_S)}
        connection.execute(update(OUTBOX).where(OUTBOX.c.id == row["id"]).values(values))
        number = _number(dict(row), store.cipher)
        return Message(row["id"], key, attempts, number)

    return store.database.visit(work, within_s=within_s)


def arrived(store: TicketStore, message: Message, *, within_s: float) -> None:
    """The message was received and somebody knows: it is never sent again.

    Raises:
        DatabaseAway: the database does not answer; it will be sent again, with the same key.
    """
    _change(store, message, {"done_at": store.clock(), "next_at": None}, within_s)


def try_again(store: TicketStore, message: Message, *, within_s: float) -> bool:
    """The message did not arrive; False when that was the last try.

    Raises:
        DatabaseAway: the database does not answer; it is tried again after :data:`TAKEN_S`.
    """
    pauses = BACK_OFF_S[message.attempts - 1 : message.attempts]
    next_at = store.clock() + timedelta(seconds=pauses[0]) if pauses else None
    _change(store, message, {"next_at": next_at}, within_s)
    return bool(pauses)


def about(store: TicketStore, number: str, *, within_s: float) -> Mapping[str, Any] | None:
    """What may be told of a ticket to whoever is on duty: codes and names of our tables, no words.

    Raises:
        DatabaseAway: the database does not answer.
    """
    names = ("number", "priority", "category", "constituency_no", "locality_en", "created_at",
             "erased_at")  # fmt: skip
    query = select(*(TICKET.c[name] for name in names)).where(TICKET.c.number == number)

    def work(connection: Connection) -> Mapping[str, Any] | None:
        row = connection.execute(query).mappings().first()
        return dict(row) if row is not None and row["erased_at"] is None else None

    return store.database.look(work, within_s=within_s)


def _number(row: Row, cipher: Cipher) -> str:
    try:
        told = json.loads(cipher.unseal(bytes(row["payload"]), outbox_context(row["key"])))
        return str(told["ticket"])
    except (TicketError, ValueError, KeyError):
        return ""  # another key, or of another program: given up after its tries


def _change(store: TicketStore, message: Message, values: Row, within_s: float) -> None:
    change = update(OUTBOX).where(OUTBOX.c.id == message.id).values(values)
    store.database.visit(lambda connection: connection.execute(change), within_s=within_s)
