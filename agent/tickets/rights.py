"""What a citizen may ask for besides erasure: to have data put right, to take a consent back."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, null, select, update

from agent.errors import UsageError
from agent.tickets.audit import Person, add_access
from agent.tickets.erasure import NothingToErase
from agent.tickets.erasure_files import delete_sound
from agent.tickets.events import add_event
from agent.tickets.models import ATTACHMENT, CONSENT, TICKET, EventKind
from agent.tickets.records import RECORDING, Row
from agent.tickets.sealed_columns import SEALED
from agent.tickets.store import TicketStore
from agent.tickets.upkeep_lock import upkeep_alone

WITHIN_S: Final = 10.0
MAY_CORRECT: Final = ("name", "phone", "place", "landmark", "description")
_LETTERS: Final = 4_000


def correct(store: TicketStore, number: str, person: Person, values: dict[str, str]) -> None:
    """Put right what a ticket says of a person; an empty text takes it away.

    The history says which fields, never what they held.

    Args:
        store: the database.
        number: of the ticket.
        person: who does it, and why.
        values: new texts by field, of :data:`MAY_CORRECT`.

    Raises:
        UsageError: there is no such ticket, it was erased, or nothing is to be corrected.
        DatabaseAway: the database does not answer; nothing was changed.
    """
    if not values or set(values) - set(MAY_CORRECT):
        raise UsageError(f"Say what is to be corrected: {', '.join(MAY_CORRECT)}.")
    if any(len(text) > _LETTERS for text in values.values()):
        raise UsageError(f"A text has at most {_LETTERS} letters.")
    tickets = next(each for each in SEALED if each.table is TICKET)
    fields = sorted(values)

    def work(connection: Connection) -> None:
        query = select(TICKET).where(TICKET.c.number == number).with_for_update()
        row = connection.execute(query).mappings().first()
        if row is None:
            raise UsageError(f"There is no ticket {number} in this database.")
        if row["erased_at"] is not None:
            raise UsageError(f"Ticket {number} was erased: there is nothing to correct.")
        now = store.clock()
        changed: Row = {"updated_at": now}
        for name, text in values.items():
            context = tickets.contexts[name](dict(row))
            changed[name] = store.cipher.seal(text.strip(), context) if text.strip() else null()
            if name in tickets.hashes:
                changed |= tickets.hashes_of(name, text, store.cipher)
        connection.execute(update(TICKET).where(TICKET.c.number == number).values(changed))
        add_event(
            connection, store.cipher, number, now, EventKind.CORRECTED, person.who,
            facts={"fields": fields},
        )  # fmt: skip
        add_access(connection, person, "correct", {"ticket": number, "fields": fields}, now)

    store.database.visit(work, within_s=WITHIN_S)


def withdraw_recording(store: TicketStore, number: str, person: Person) -> int:
    """Take back the consent to be recorded: the sound of the call goes, the complaint stays.

    Sound that lies on other machines goes with their next upkeep.

    Returns:
        How many files were deleted on this machine.

    Raises:
        NothingToErase: there is no such ticket.
        DatabaseAway: the database does not answer; nothing was changed.
    """

    def work(connection: Connection) -> str:
        query = select(TICKET.c.call_id).where(TICKET.c.number == number)
        call_id = connection.execute(query).scalar()
        if call_id is None:
            raise NothingToErase(f"There is no ticket {number} in this database.")
        now = store.clock()
        given = (CONSENT.c.call_id == call_id) & (CONSENT.c.kind == RECORDING)
        standing = given & CONSENT.c.withdrawn_at.is_(None)
        changed = connection.execute(update(CONSENT).where(standing).values(withdrawn_at=now))
        if not changed.rowcount and connection.execute(select(CONSENT.c.id).where(given)).first():
            return str(call_id)  # withdrawn before
        if not changed.rowcount:  # nothing was answered, and it is withdrawn all the same
            row = {"call_id": call_id, "kind": RECORDING, "version": "", "granted": None}
            connection.execute(CONSENT.insert().values(**row, at=now, withdrawn_at=now))
        sound = (ATTACHMENT.c.call_id == call_id) & ATTACHMENT.c.deleted_at.is_(None)
        connection.execute(update(ATTACHMENT).where(sound).values(deleted_at=now))
        add_access(connection, person, "withdraw", {"ticket": number, "kind": RECORDING}, now)
        return str(call_id)

    with upkeep_alone(store.data_dir):
        call_id = store.database.visit(work, within_s=WITHIN_S)
        return delete_sound(store.data_dir, call_id)
