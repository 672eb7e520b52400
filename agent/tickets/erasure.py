"""Erasing what can be traced to a person: of one ticket, of a caller, or when its time is over.

Constituency, category, priority, dates, status and the history's codes stay, so counts stay true;
an event ``erased`` and a row of the audit say what was done. It can be done any number of times.
A machine erases its own journals and sound; what lies on others, and journals of calls that were
live, is taken by :func:`finish_erasures`, which every machine runs from time to time.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    func,
    null,
    or_,
    select,
    update,
)

from agent.errors import TicketError
from agent.tickets.audit import Person, add_access
from agent.tickets.erasure_files import (
    calls_telling,
    erase_files,
    erased_in_journals,
    indexes_of,
    told_by,
)
from agent.tickets.events import SYSTEM, add_to_each
from agent.tickets.forwarder import replay
from agent.tickets.models import ATTACHMENT, CALL, CALLBACK, EVENT, OUTBOX, TICKET, EventKind
from agent.tickets.records import Row, outbox_context
from agent.tickets.store import TicketStore
from agent.tickets.upkeep_lock import upkeep_alone

WITHIN_S: Final = 30.0
_AT_ONCE: Final = 200
_TICKET_FIELDS: Final = (
    "place", "landmark", "name", "phone", "phone_hash", "phone_last4_hash", "description",
    "reasons", "locality_en", "locality_ta",
)  # fmt: skip
_CALL_FIELDS: Final = (
    "caller", "caller_hash", "caller_last4_hash", "locality_en", "locality_ta",
)  # fmt: skip

logger = logging.getLogger(__name__)


class NothingToErase(TicketError):
    """There is no such ticket, or nobody called from this number."""


@dataclass(slots=True)
class ErasureReport:
    """What was erased; all zero when it had been erased before."""

    tickets: list[str] = field(default_factory=list)
    """Numbers of the tickets that are bare now, and were not."""
    calls: int = 0
    notes: int = 0
    """Notes of the history."""
    callbacks: int = 0
    messages: int = 0
    """Messages about them that were waiting or sent."""
    files: int = 0
    """Voice notes and recordings."""
    journals: int = 0
    live: list[str] = field(default_factory=list)
    """Ids of calls that go on: their journals are left, and taken by the next upkeep."""

    @property
    def changed(self) -> bool:
        """Whether there was anything to erase."""
        return bool(self.tickets or self.calls or self.notes or self.callbacks or self.messages
                    or self.files or self.journals)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """Whose data: tickets by number, calls by id."""

    numbers: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    """Of these everything goes, also what was said about other tickets."""
    by: str = "ticket"
    """``ticket``, ``caller`` or ``retention``, for the history."""


def erase_ticket(
    store: TicketStore, number: str, person: Person, *, dry_run: bool = False
) -> ErasureReport:
    """Erase one ticket: its words, name, number, notes and call-backs.

    The sound and the caller's number of its call go too: nobody can part them from it.

    Raises:
        NothingToErase: there is no such ticket.
        DatabaseAway: the database does not answer; nothing was erased.
        UsageError: another upkeep is at work.
    """
    return _erase(store, Target((number,)), person, dry_run)


def erase_caller(
    store: TicketStore, phone: str, person: Person, *, dry_run: bool = False
) -> ErasureReport:
    """Erase all tickets and calls of a phone number, in whatever way it is written.

    Raises:
        NothingToErase: nobody called from it or left it.
        DatabaseAway: the database does not answer; nothing was erased.
        UsageError: another upkeep is at work.
    """
    hashes = store.cipher.phone_hashes(phone)
    with upkeep_alone(store.data_dir):
        replay(store)
    target = store.database.visit(lambda c: _of_caller(c, hashes), within_s=WITHIN_S)
    if not (target.numbers or target.calls):
        raise NothingToErase("There is no ticket and no call of this number.")
    return _erase(store, target, person, dry_run)


def _of_caller(connection: Connection, hashes: Sequence[str]) -> Target:
    called = connection.execute(select(CALL.c.id).where(CALL.c.caller_hash.in_(hashes))).scalars()
    calls = list(called)
    back = select(CALLBACK.c.call_id).where(CALLBACK.c.phone_hash.in_(hashes))
    calls += [each for each in connection.execute(back).scalars() if each not in calls]
    theirs = or_(TICKET.c.phone_hash.in_(hashes), told_by(calls))
    numbers = connection.execute(select(TICKET.c.number).where(theirs)).scalars()
    return Target(tuple(numbers), tuple(calls), "caller")


def _erase(store: TicketStore, target: Target, person: Person, dry_run: bool) -> ErasureReport:
    with upkeep_alone(store.data_dir):
        replay(store)  # so that what waits in a journal has its row, and the row is erased
        report = erase_rows(store, target, person, dry_run=dry_run)
        if not dry_run:
            _finish(store, target, report)
    return report


def _finish(store: TicketStore, target: Target, report: ErasureReport) -> None:
    """Take this machine's files of what has just been erased in the database."""
    query = calls_telling(or_(TICKET.c.number.in_(target.numbers), told_by(target.calls)))
    calls = store.database.visit(lambda c: set(c.execute(query).scalars()), within_s=WITHIN_S)
    calls |= set(target.calls)
    found = store.database.visit(lambda c: indexes_of(c, calls), within_s=WITHIN_S)
    for call_id, indexes in found.items():
        gone = erase_files(store, call_id, indexes)
        report.files += gone.files
        report.journals += gone.journals
        report.live += [call_id] * gone.live
    scrub(store)


def scrub(store: TicketStore) -> None:
    """Empty SQLite's write-ahead log, which still holds pages as they were before.

    While others read it stays as it is, and goes with the next checkpoint.
    """
    if store.database.engine.dialect.name != "sqlite":
        return
    raw = store.database.engine.raw_connection()
    try:
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    finally:
        raw.close()


def erase_rows(
    store: TicketStore,
    target: Target,
    person: Person | None,
    *,
    dry_run: bool = False,
    actor: str = "",
) -> ErasureReport:
    """Erase in the database, in one transaction with its history and audit.

    Args:
        store: the database.
        target: which tickets and calls.
        person: who, for the audit; None when the caller of this function writes it.
        dry_run: only count.
        actor: who, for the history, when it is no person.

    Raises:
        NothingToErase: there is no such ticket.
        DatabaseAway: nothing was erased.
    """

    def work(connection: Connection) -> ErasureReport:
        if connection.dialect.name == "sqlite":
            # Overwritten with zeros, not only taken out of the index of the file.
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
        report = _rows(connection, store, target, actor or (person.who if person else ""))
        if report.changed and person is not None and not dry_run:
            facts = {"by": target.by, "tickets": list(target.numbers), "calls": report.calls}
            add_access(connection, person, "erase", facts, store.clock())
        if dry_run:
            connection.rollback()
        return report

    return store.database.visit(work, within_s=WITHIN_S)


def _rows(connection: Connection, store: TicketStore, target: Target, actor: str) -> ErasureReport:
    now, report = store.clock(), ErasureReport()
    found = select(TICKET.c.number, TICKET.c.call_id).where(TICKET.c.number.in_(target.numbers))
    tickets = {row.number: row.call_id for row in connection.execute(found.with_for_update())}
    if target.by == "ticket" and not tickets:
        raise NothingToErase(f"There is no ticket {', '.join(target.numbers)} in this database.")
    mine = TICKET.c.number.in_(tickets)
    telling = connection.execute(calls_telling(mine)).scalars()
    calls = sorted({*target.calls, *tickets.values(), *telling})
    report.tickets = sorted(
        _clear(connection, TICKET.c.number, mine, _TICKET_FIELDS, _BARE_TICKET, now)
    )
    facts: Row = {"by": target.by}
    add_to_each(connection, report.tickets, now, EventKind.ERASED, actor, facts)
    theirs = CALL.c.id.in_(calls)
    report.calls = len(_clear(connection, CALL.c.id, theirs, _CALL_FIELDS, _BARE_SEATS, now))
    told = [EVENT.c.key.endswith(f":again:{each}", autoescape=True) for each in target.calls]
    noted = and_(EVENT.c.note.is_not(None), or_(EVENT.c.number.in_(tickets), *told))
    report.notes = connection.execute(update(EVENT).where(noted).values(note=null())).rowcount
    owed = or_(CALLBACK.c.call_id.in_(calls), CALLBACK.c.number.in_(tickets))
    numbered = and_(owed, or_(CALLBACK.c.phone.is_not(None), CALLBACK.c.phone_hash.is_not(None)))
    values: Row = {"phone": null(), "phone_hash": null()}
    report.callbacks = connection.execute(update(CALLBACK).where(numbered).values(values)).rowcount
    if target.by != "retention":  # which deletes messages by their own age, without opening all
        report.messages = _drop_messages(connection, store, tickets, calls)
    sound = and_(ATTACHMENT.c.call_id.in_(calls), ATTACHMENT.c.deleted_at.is_(None))
    report.files = connection.execute(
        update(ATTACHMENT).where(sound).values(deleted_at=now)
    ).rowcount
    return report


_BARE_TICKET: Final[Row] = {"candidates": [], "decisions": []}
_BARE_SEATS: Final[Row] = {"candidates": []}
"""Seats that were only possible name the places they were found by."""


def _clear(
    connection: Connection,
    name: Column[Any],
    mine: ColumnElement[bool],
    fields: Iterable[str],
    more: Row,
    now: datetime,
) -> list[str]:
    """Empty fields of the rows that were never erased, or hold something again; names them."""
    table: Table = name.table
    columns = [table.c[name] for name in fields]
    filled = or_(table.c.erased_at.is_(None), *(column.is_not(None) for column in columns))
    values = {**more, **{column.name: null() for column in columns}}
    values["erased_at"] = func.coalesce(table.c.erased_at, now)
    change = update(table).where(and_(mine, filled)).values(values).returning(name)
    return list(connection.execute(change).scalars())


def _drop_messages(
    connection: Connection, store: TicketStore, tickets: Collection[str], calls: Collection[str]
) -> int:
    """Delete messages to others that name these tickets or calls; payloads are opened to look."""
    marks = [*tickets, *calls]
    dropped: list[int] = []
    for row in connection.execute(select(OUTBOX.c.id, OUTBOX.c.key, OUTBOX.c.payload)).mappings():
        text = str(row["key"])
        try:
            text += store.cipher.unseal(bytes(row["payload"]), outbox_context(row["key"]))
        except TicketError:
            logger.warning("message cannot be opened", extra={"table": "outbox"})
        if any(mark in text for mark in marks):
            dropped.append(row["id"])
    connection.execute(delete(OUTBOX).where(OUTBOX.c.id.in_(dropped)))
    return len(dropped)


def erase_again(store: TicketStore) -> int:
    """Erase what an older copy of the database has brought back; returns how many tickets.

    This machine's journals remember which tickets were erased, as long as they are kept.

    Raises:
        DatabaseAway: the database does not answer.
    """
    numbers = sorted(erased_in_journals(store))
    back = select(TICKET.c.number).where(TICKET.c.erased_at.is_(None))
    total = 0
    for first in range(0, len(numbers), _AT_ONCE):
        some = back.where(TICKET.c.number.in_(numbers[first : first + _AT_ONCE]))
        found = store.database.visit(lambda c: c.execute(some).scalars().all(), within_s=WITHIN_S)  # noqa: B023
        if found:
            erase_rows(store, Target(tuple(found), by="restore"), None, actor=SYSTEM)
            total += len(found)
    return total


def erase_returned_calls(store: TicketStore) -> int:
    """Empty rows of calls that were live while their ticket was erased; returns how many.

    Raises:
        DatabaseAway: the database does not answer.
    """
    theirs = calls_telling(TICKET.c.erased_at.is_not(None))
    query = select(CALL.c.id).where(CALL.c.erased_at.is_(None), CALL.c.id.in_(theirs))

    def work(connection: Connection) -> int:
        mine = CALL.c.id.in_(connection.execute(query).scalars().all())
        now = store.clock()
        return len(_clear(connection, CALL.c.id, mine, _CALL_FIELDS, _BARE_SEATS, now))

    return store.database.visit(work, within_s=WITHIN_S)
