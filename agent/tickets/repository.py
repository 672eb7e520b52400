"""TicketRepository: tickets and calls in the database, written once, read masked by default."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, Table, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from agent.errors import NumbersExhausted, TicketError
from agent.tickets.cipher import Cipher
from agent.tickets.database import READ_ONLY
from agent.tickets.events import LINE, add_event
from agent.tickets.masking import mask_person, mask_phone, mask_text
from agent.tickets.models import (
    ATTACHMENT,
    CALL,
    CALLBACK,
    CONSENT,
    NUMBER_BLOCK,
    OUTBOX,
    TELLING,
    TICKET,
    EventKind,
    TicketStatus,
)
from agent.tickets.numbering import FIRST_SERIAL, LAST_SERIAL, serial_of
from agent.tickets.outbox import alert_row
from agent.tickets.records import (
    COMPLETES,
    CONSENTS,
    SOUNDS,
    TELLINGS,
    Row,
    open_caller,
    open_private,
)

_FETCH_ROWS = 500
_PRIVATE = ("place", "landmark", "name", "phone", "description")
_NEVER_REWRITTEN = frozenset({"id", "number", "idempotency_key", "created_at", "status"})


@dataclass(frozen=True, slots=True)
class Ticket:
    """One ticket as a reader sees it."""

    number: str
    call_id: str
    issue_index: int
    linked_to: str | None
    channel: str
    intent: str
    category: str | None
    priority: str
    constituency_no: int | None
    candidates: tuple[Row, ...]
    """Seats still open: ``{"number", "name_en", "score", "evidence"}``, best first."""
    locality_en: str | None
    locality_ta: str | None
    place: str | None
    landmark: str | None
    name: str | None
    phone: str | None
    description: str | None
    days_since: int | None
    status: str
    partial: bool
    confidential: bool
    needs_listening: bool
    """What was said is only in the sound of its call."""
    consent: bool | None
    decisions: tuple[Row, ...]
    created_at: datetime
    """UTC."""
    masked: bool
    """Name and phone are shortened (hidden when confidential), long numbers blotted out."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call as a reader sees it."""

    id: str
    started_at: datetime
    ended_at: datetime | None
    channel: str
    dialled: str
    caller: str | None
    intent: str | None
    category: str | None
    priority: str | None
    constituency_no: int | None
    candidates: tuple[Row, ...]
    locality_en: str | None
    locality_ta: str | None
    outcome: str
    consent: bool | None
    turns: int
    masked: bool


_TICKET_COLUMNS = [
    TICKET.c.idempotency_key,
    *(TICKET.c[name] for name in Ticket.__slots__ if name in TICKET.c),
]
_CALL_COLUMNS = [CALL.c[name] for name in CallRecord.__slots__ if name in CALL.c]


@dataclass(frozen=True, slots=True)
class Search:
    """Which tickets; every field narrows it further."""

    constituency: int | None = None
    since: datetime | None = None
    """Created at or after this time."""
    until: datetime | None = None
    """Created before this time."""
    status: str | None = None
    category: str | None = None
    call_id: str | None = None
    phone_hash: str | None = None
    """From :meth:`Cipher.phone_hash`."""
    phone: str | None = None
    """A phone number in any way of writing."""
    last_four: str | None = None
    """Its last four digits."""
    needs_listening: bool | None = None


def conditions(search: Search, cipher: Cipher) -> list[ColumnElement[bool]]:
    """What a query for these tickets asks of table ``ticket``."""
    equal = {
        TICKET.c.constituency_no: search.constituency,
        TICKET.c.status: search.status,
        TICKET.c.category: search.category,
        TICKET.c.call_id: search.call_id,
        TICKET.c.phone_hash: search.phone_hash,
        TICKET.c.needs_listening: search.needs_listening,
    }
    asked = [column == value for column, value in equal.items() if value is not None]
    if search.since is not None:
        asked.append(TICKET.c.created_at >= search.since)
    if search.until is not None:
        asked.append(TICKET.c.created_at < search.until)
    if search.phone is not None:
        asked.append(TICKET.c.phone_hash.in_(cipher.phone_hashes(search.phone)))
    if search.last_four is not None:
        asked.append(TICKET.c.phone_last4_hash.in_(cipher.last_four_hashes(search.last_four)))
    return asked


@dataclass(frozen=True, slots=True)
class Added:
    """What became of rows that were to be stored."""

    numbers: dict[str, str]
    """The number the database holds for each idempotency key."""
    fresh: int
    """How many were not there before."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the database has of one complaint."""

    number: str
    revision: int
    erased: bool
    """Nothing is written into it any more."""


class TicketRepository:
    """Reads and writes rows. Share it between threads; it holds nothing but the engine."""

    def __init__(self, engine: Engine, cipher: Cipher) -> None:
        """Bind the engine of :func:`agent.tickets.database.open_engine` and the key."""
        self._engine = engine
        self._cipher = cipher

    def add(self, connection: Connection, rows: Iterable[Row]) -> Added:
        """Store tickets inside the caller's transaction, each at most once.

        A key that is there already keeps its number, time and status. The rest is rewritten only
        by a newer revision and only while nobody has begun to work on the ticket, or erased it; a
        partial one is completed by a later call in any case but the last.

        Raises:
            IntegrityError: a number belongs to another key.
        """
        numbers: dict[str, str] = {}
        fresh = 0
        for row in rows:
            row = dict(row)
            tellings = row.pop(TELLINGS, ())
            key = row["idempotency_key"]
            query = select(TICKET.c.number).where(TICKET.c.idempotency_key == key)
            is_new = connection.execute(query).first() is None
            connection.execute(self._upsert(TICKET, row, "idempotency_key"))
            numbers[key] = connection.execute(query).scalar_one()
            for telling in tellings:
                statement = self._insert(TELLING).values(telling)
                connection.execute(statement.on_conflict_do_nothing())
            if is_new:
                fresh += 1
                self._begin_history(connection, row)
        return Added(numbers, fresh)

    def _begin_history(self, connection: Connection, row: Row) -> None:
        add_event(
            connection, self._cipher, row["number"], row["created_at"], EventKind.STATUS, LINE,
            new=TicketStatus.NEW, key=f"{row['number']}:new",
        )  # fmt: skip

    def add_alerts(self, connection: Connection, rows: Iterable[Row], now: datetime) -> None:
        """Tell whoever is on duty of emergencies among these tickets, each once in its life."""
        for row in rows:
            message = alert_row(row, self._cipher, now)
            if message is None:
                continue
            key = row["idempotency_key"]
            erased = select(TICKET.c.erased_at).where(TICKET.c.idempotency_key == key)
            if connection.execute(erased).scalar() is None:
                statement = self._insert(OUTBOX).values(message)
                connection.execute(statement.on_conflict_do_nothing(index_elements=["key"]))

    def add_call(self, connection: Connection, row: Row) -> None:
        """Store the row of a call inside the caller's transaction.

        With it come its sound and what its caller agreed to. The newest revision of the call
        stays; a consent that was withdrawn stays withdrawn.
        """
        columns = {name: row[name] for name in row if name not in (CONSENTS, SOUNDS)}
        connection.execute(self._upsert(CALL, columns, "id"))
        for consent in row.get(CONSENTS, ()):
            statement = self._insert(CONSENT).values(consent)
            new = {name: statement.excluded[name] for name in ("version", "granted", "at")}
            connection.execute(
                statement.on_conflict_do_update(index_elements=["call_id", "kind"], set_=new)
            )

        for sound in row.get(SOUNDS, ()):
            statement = self._insert(ATTACHMENT).values(sound)
            connection.execute(statement.on_conflict_do_nothing(index_elements=["file"]))

    def add_callbacks(self, connection: Connection, rows: Iterable[Row]) -> None:
        """Store calls we owe inside the caller's transaction, each reason of a call once.

        Until somebody has made the call, the number of its ticket may follow later.
        """
        for row in rows:
            statement = self._insert(CALLBACK).values(row)
            later = {name: statement.excluded[name] for name in ("number", "constituency_no")}
            open_still = CALLBACK.c.done_at.is_(None) & statement.excluded.number.is_not(None)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["call_id", "reason"], set_=later, where=open_still
                )
            )

    def lease_block(
        self, connection: Connection, machine: str, size: int, held: Iterable[tuple[int, int]]
    ) -> range:
        """Take ``size`` serials that no machine has had.

        ``held`` are the blocks this machine has already: they are entered again, because a
        database restored from a backup has forgotten the latest of them.

        Raises:
            IntegrityError: another machine was faster: try again.
            NumbersExhausted: all 90 million numbers are given.
            ValueError: ``size`` is not positive.
        """
        if size < 1:  # an empty block would sit where every next one must begin
            raise ValueError("a block holds at least one number")
        now = datetime.now(UTC)
        for first, last in held:
            known = {"first": first, "last": last, "machine": machine, "leased_at": now}
            statement = self._insert(NUMBER_BLOCK).values(known)
            connection.execute(statement.on_conflict_do_nothing(index_elements=["first"]))
        leased = connection.execute(select(func.max(NUMBER_BLOCK.c.last))).scalar()
        # Tickets that came from journals into a new database tell of blocks it never leased.
        used = connection.execute(select(func.max(TICKET.c.number))).scalar()
        first = max(FIRST_SERIAL, (leased or 0) + 1, serial_of(used or "0") + 1)
        last = first + size - 1
        if last > LAST_SERIAL:
            raise NumbersExhausted("All ticket numbers of eight digits are given.")
        block = {"first": first, "last": last, "machine": machine, "leased_at": now}
        connection.execute(NUMBER_BLOCK.insert().values(block))
        return range(first, last + 1)

    def get(self, number: str, *, unmask: bool = False) -> Ticket | None:
        """One ticket by its number, or None.

        Raises:
            TicketError: it was encrypted with another key, or is damaged.
            SQLAlchemyError: the database cannot be read.
        """
        query = select(*_TICKET_COLUMNS).where(TICKET.c.number == number)
        found = [self._ticket(row, unmask) for row in self._rows(query)]  # read to its end: closed
        return found[0] if found else None

    def search(self, search: Search = Search(), *, unmask: bool = False) -> Iterator[Ticket]:
        """Stream matching tickets, oldest first, in flat memory.

        Raises:
            TicketError: one was encrypted with another key, or is damaged.
            SQLAlchemyError: the database cannot be read.
        """
        query = select(*_TICKET_COLUMNS).where(*conditions(search, self._cipher))
        query = query.order_by(TICKET.c.created_at, TICKET.c.id)
        for row in self._rows(query):
            yield self._ticket(row, unmask)

    def calls(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        caller: str | None = None,
        unmask: bool = False,
    ) -> Iterator[CallRecord]:
        """Stream calls, oldest first; ``caller`` is a phone number in any way of writing.

        Raises:
            TicketError: one was encrypted with another key, or is damaged.
            SQLAlchemyError: the database cannot be read.
        """
        query = select(*_CALL_COLUMNS).order_by(CALL.c.started_at, CALL.c.id)
        if since is not None:
            query = query.where(CALL.c.started_at >= since)
        if until is not None:
            query = query.where(CALL.c.started_at < until)
        if caller is not None:
            query = query.where(CALL.c.caller_hash.in_(self._cipher.phone_hashes(caller)))
        for row in self._rows(query):
            yield self._call(row, unmask)

    def numbers_of(self, call_id: str) -> dict[int, str]:
        """Ticket numbers of one call by issue index.

        Raises:
            SQLAlchemyError: the database cannot be read.
        """
        query = select(TICKET.c.issue_index, TICKET.c.number).where(TICKET.c.call_id == call_id)
        return {row["issue_index"]: row["number"] for row in self._rows(query)}

    def held(self, keys: Collection[str]) -> dict[str, Held]:
        """What is stored by idempotency key, of those keys that have a ticket.

        Raises:
            SQLAlchemyError: the database cannot be read.
        """
        if not keys:
            return {}
        names = ("idempotency_key", "number", "revision", "erased_at")
        query = select(*(TICKET.c[name] for name in names))
        rows = self._rows(query.where(TICKET.c.idempotency_key.in_(keys)))
        return {
            row["idempotency_key"]: Held(
                row["number"], row["revision"], row["erased_at"] is not None
            )
            for row in rows
        }

    def sounds(self, number: str) -> list[Row]:
        """Sound of the calls that told of a ticket, in the order it was spoken, if it is kept.

        Raises:
            SQLAlchemyError: the database cannot be read.
        """
        ticket = select(TICKET.c.call_id).where(TICKET.c.number == number)
        same = select(TICKET.c.idempotency_key).where(TICKET.c.number == number)
        others = select(TELLING.c.call_id).where(TELLING.c.key.in_(same))
        names = ("kind", "file", "machine", "seconds", "size_bytes", "created_at", "call_id")
        query = select(*(ATTACHMENT.c[name] for name in names)).where(
            ATTACHMENT.c.call_id.in_(ticket.union(others)), ATTACHMENT.c.deleted_at.is_(None)
        )
        return list(self._rows(query.order_by(ATTACHMENT.c.created_at, ATTACHMENT.c.file)))

    def count(self) -> tuple[int, int]:
        """How many tickets there are, and how many of them the key does not open.

        Raises:
            SQLAlchemyError: the database cannot be read.
        """
        total = unreadable = 0
        for row in self._rows(select(*_TICKET_COLUMNS)):
            total += 1
            try:
                self._ticket(row, unmask=False)
            except TicketError:
                unreadable += 1
        return total, unreadable

    def _rows(self, query: Select[Any]) -> Iterator[Row]:
        options = {READ_ONLY: True, "yield_per": _FETCH_ROWS}
        with self._engine.connect().execution_options(**options) as connection:
            result = connection.execute(query)
            names = tuple(result.keys())
            for values in result:
                yield dict(zip(names, values, strict=True))

    def _insert(self, table: Table) -> Any:
        sqlite = self._engine.dialect.name == "sqlite"
        return sqlite_insert(table) if sqlite else postgresql_insert(table)

    def _upsert(self, table: Table, row: Row, key: str) -> Any:
        statement = self._insert(table).values(row)
        new = statement.excluded
        newer = (table.c.revision < new.revision) & table.c.erased_at.is_(None)
        if table is TICKET:
            # A partial ticket waits for what a later call tells, also when somebody looked at it.
            completes = table.c.partial & (new.revision >= COMPLETES)
            newer &= (table.c.status == TicketStatus.NEW.value) | completes
        rewritten = {name: new[name] for name in row if name not in _NEVER_REWRITTEN}
        return statement.on_conflict_do_update(index_elements=[key], set_=rewritten, where=newer)

    def _ticket(self, row: Row, unmask: bool) -> Ticket:
        for name in _PRIVATE:
            row[name] = open_private(row, name, self._cipher)
        if not unmask:
            _mask(row)
        del row["idempotency_key"]
        row["needs_listening"] = bool(row["needs_listening"])
        row["candidates"] = tuple(row["candidates"])
        row["decisions"] = tuple(row["decisions"])
        return Ticket(**row, masked=not unmask)

    def _call(self, row: Row, unmask: bool) -> CallRecord:
        caller = open_caller(row, self._cipher)
        row["caller"] = caller if unmask else mask_phone(caller)
        row["candidates"] = tuple(row["candidates"])
        return CallRecord(**row, masked=not unmask)


def _mask(fields: Row) -> None:
    name = fields["name"]
    for text in ("place", "landmark", "description"):
        fields[text] = mask_text(fields[text], name)
    fields["name"], fields["phone"] = mask_person(
        name, fields["phone"], confidential=fields["confidential"]
    )
