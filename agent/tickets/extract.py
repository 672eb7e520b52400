"""What an export holds: tickets and events as rows of values, in the order of columns.py.

Everything comes from one read transaction, so that all files of one run agree, and is streamed:
memory stays flat however many tickets there are. A row is a plain tuple and is made in one step,
because a million of them are read at a time (docs/benchmarks.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Engine,
    FromClause,
    Text,
    cast,
    func,
    select,
    type_coerce,
)
from sqlalchemy.types import NULLTYPE

from agent.tickets.calendar import IST
from agent.tickets.cipher import Cipher
from agent.tickets.columns import Record
from agent.tickets.database import READ_ONLY
from agent.tickets.events import note_context
from agent.tickets.lifecycle import DONE
from agent.tickets.masking import HIDDEN, mask_person, mask_text
from agent.tickets.models import CALL, EVENT, RATING, TICKET
from agent.tickets.names import Names
from agent.tickets.repository import Search, conditions

_FETCH_ROWS = 500
_IST_AHEAD: Final = IST.utcoffset(None)
_NAMELESS = (None, None)
_PRIVATE = ("description", "place", "landmark", "name", "phone")
_SCORE = re.compile(r'"score": (-?[\d.eE+-]+)')
_SEAT = re.compile(r'"number": (\d+)')
"""Of JSON as both databases write it, at a quarter of the time of reading it. Inside a string the
quotes would have backslashes, so no text can pass for a score or a seat."""


class Extract:
    """Tickets and events that match a search, oldest first. Belongs to one thread."""

    def __init__(
        self,
        connection: Connection,
        cipher: Cipher,
        names: Names,
        search: Search,
        *,
        unmask: bool,
        now: datetime,
    ) -> None:
        """Bind a connection whose transaction only reads; see :func:`open_extract`."""
        self._connection = connection
        self._cipher = cipher
        self._names = names
        self._asked = conditions(search, cipher)
        self._unmask = unmask
        self._results: list[CursorResult[Any]] = []
        self._now = now.astimezone(UTC).replace(tzinfo=None)

    def count(self) -> int:
        """How many tickets :meth:`tickets` gives."""
        return self._count(TICKET)

    def count_events(self) -> int:
        """How many events :meth:`events` gives."""
        return self._count(EVENT.join(TICKET, EVENT.c.number == TICKET.c.number))

    def tickets(self, *, private: bool = True) -> Iterator[Record]:
        """Yield one row a ticket, in the order of :data:`~agent.tickets.columns.COLUMNS`.

        Args:
            private: False leaves out what callers and staff said, which then is not decrypted.

        Raises:
            TicketError: one was encrypted with another key, or is damaged.
            SQLAlchemyError: the database cannot be read.
        """
        query = _tickets(private).where(*self._asked)
        for row in self._stream(query.order_by(TICKET.c.created_at, TICKET.c.id)):
            yield self._ticket(row)

    def events(self) -> Iterator[Record]:
        """Yield one row an event, in the order of ``EVENT_COLUMNS``.

        Raises:
            TicketError: a note was encrypted with another key, or is damaged.
            SQLAlchemyError: the database cannot be read.
        """
        event = EVENT.c
        query = _raw(
            event.number, event.at, event.kind, event.actor, event.from_status, event.to_status,
            cast(event.facts, Text), event.note,
        )  # fmt: skip
        query = query.join(TICKET, EVENT.c.number == TICKET.c.number).where(*self._asked)
        for row in self._stream(query.order_by(TICKET.c.created_at, TICKET.c.id, EVENT.c.id)):
            number, at, kind, actor, old, new, facts, note = row
            at, note = _moment(at), self._note(number, at, note)
            told = None if facts == "{}" else json.dumps(json.loads(facts), ensure_ascii=False)
            yield number, _utc(at), _ist(at), kind, actor, old, new, told, note

    def close(self) -> None:
        """End reading, also where it was broken off: a cursor on a server outlives its reader."""
        for result in self._results:
            result.close()

    def _count(self, source: FromClause) -> int:
        query = select(func.count()).select_from(source).where(*self._asked)
        return self._connection.execute(query).scalar_one()

    def _stream(self, query: Any) -> Iterator[Any]:
        result = self._connection.execute(query, execution_options={"yield_per": _FETCH_ROWS})
        self._results.append(result)
        yield from result

    def _ticket(self, row: Any) -> Record:
        (
            number, key, created, channel, seat, candidates, category, priority, intent,
            locality_en, locality_ta, days, consent, confidential, status, due, level, assigned_to,
            reports, reopened, duplicate_of, updated, waiting, resolved, erased, partial, listen,
            linked_to, call_id, decisions, rating, began, ended, *sealed,
        ) = row  # fmt: skip
        names, moment = self._names, _moment
        created, due, updated = moment(created), moment(due), moment(updated)
        resolved, began, ended = moment(resolved), moment(began), moment(ended)
        description, place, landmark, name, phone, note = self._open(
            number, key, sealed, confidential
        )
        scores = _SCORE.findall(decisions)
        return (
            number,
            _utc(created),
            _ist(created),
            channel,
            seat,
            *names.seats.get(seat, _NAMELESS),
            [int(found) for found in _SEAT.findall(candidates)],
            category,
            *names.categories.get(category, _NAMELESS),
            names.departments.get(category),
            priority,
            intent,
            description,
            place,
            locality_en or None,
            locality_ta or None,
            landmark,
            days,
            name,
            phone,
            None if consent is None else bool(consent),
            bool(confidential),
            status,
            due and _ist(due),
            self._is_breached(due, status, resolved or updated, waiting),
            level,
            assigned_to,
            reports,
            reopened,
            duplicate_of,
            note,
            updated and _ist(updated),
            resolved and _ist(resolved),
            rating,
            min(map(float, scores)) if scores else None,
            round((ended - began).total_seconds()) if ended and began else None,
            erased is not None,
            bool(partial),
            bool(listen),
            linked_to,
            call_id,
        )

    def _open(
        self, number: str, key: str, sealed: list[Any], confidential: bool
    ) -> tuple[str | None, ...]:
        """Description, place, landmark, name, phone and last note, as they may be seen."""
        if not sealed:
            return (None,) * (len(_PRIVATE) + 1)
        noted, note, *sealed = sealed
        note = note and self._note(number, noted, note)
        unseal = self._cipher.unseal
        description, place, landmark, name, phone = [
            None if each is None else unseal(each, f"{key}/{field}") or None
            for field, each in zip(_PRIVATE, sealed, strict=True)
        ]
        if self._unmask:
            return description, place, landmark, name, phone, note
        return (
            mask_text(description, name),
            mask_text(place, name),
            mask_text(landmark, name),
            *mask_person(name, phone, confidential=confidential),
            note,
        )

    def _note(self, number: str, at: Any, sealed: bytes | None) -> str | None:
        if sealed is None:
            return None
        if not self._unmask:
            return HIDDEN
        context = note_context(number, _moment(at).replace(tzinfo=UTC))
        return self._cipher.unseal(bytes(sealed), context)

    def _is_breached(
        self, due: datetime | None, status: str, done: datetime | None, waiting: Any
    ) -> bool | None:
        """Whether the clock ran past the due date; None when nobody knows until when it ran."""
        end = done if status in DONE else _moment(waiting) or self._now
        return None if due is None or end is None else end > due


@contextmanager
def open_extract(
    engine: Engine,
    cipher: Cipher,
    names: Names,
    search: Search,
    *,
    unmask: bool = False,
    now: datetime | None = None,
) -> Iterator[Extract]:
    """Begin to read: what comes later, or changes, while the block lasts is not seen.

    Args:
        engine: of the database.
        cipher: opens what is private.
        names: of seats, categories and departments.
        search: which tickets.
        unmask: names, phones, notes and long numbers in full; the caller has audited it.
        now: what is overdue is so at this time.

    Raises:
        SQLAlchemyError: the database cannot be read.
    """
    options: dict[str, Any] = {READ_ONLY: True}
    if engine.dialect.name != "sqlite":  # there a read transaction always sees one moment
        options["isolation_level"] = "REPEATABLE READ"
    with engine.connect().execution_options(**options) as connection:
        now = now or datetime.now(UTC)
        extract = Extract(connection, cipher, names, search, unmask=unmask, now=now)
        with closing(extract):
            yield extract


def _raw(*columns: ColumnElement[Any]) -> Any:
    """A query for values as the driver gives them: turning each into Python's takes longer."""
    return select(*(type_coerce(column, NULLTYPE) for column in columns))


def _moment(value: Any) -> Any:
    """A time, or None, as the driver gives it (SQLite: text), in UTC and without a zone.

    A time with a zone takes four times as long to write, and there are millions.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    return value.astimezone(UTC).replace(tzinfo=None)


def _utc(moment: datetime) -> str:
    return moment.isoformat("T", "seconds") + "Z"


def _ist(moment: datetime) -> str:
    return (moment + _IST_AHEAD).isoformat(" ", "seconds")


def _tickets(private: bool) -> Any:
    """The query behind :meth:`Extract.tickets`; its order is that of :meth:`Extract._ticket`."""
    ticket, last = TICKET.c, EVENT.alias("last")
    rating = (
        select(RATING.c.score)
        .where(RATING.c.number == ticket.number)
        .order_by(RATING.c.at.desc(), RATING.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    noted = (
        select(func.max(EVENT.c.id))
        .where(EVENT.c.number == ticket.number, EVENT.c.note.is_not(None))
        .scalar_subquery()
    )
    sealed = (last.c.at, last.c.note, *(ticket[name] for name in _PRIVATE)) if private else ()
    query = _raw(
        ticket.number, ticket.idempotency_key, ticket.created_at, ticket.channel,
        ticket.constituency_no, cast(ticket.candidates, Text), ticket.category, ticket.priority,
        ticket.intent, ticket.locality_en, ticket.locality_ta, ticket.days_since, ticket.consent,
        ticket.confidential, ticket.status, ticket.due_at, ticket.level, ticket.assigned_to,
        ticket.reports, ticket.reopened, ticket.duplicate_of, ticket.updated_at,
        ticket.waiting_since, ticket.resolved_at, ticket.erased_at, ticket.partial,
        ticket.needs_listening, ticket.linked_to, ticket.call_id, cast(ticket.decisions, Text),
        rating, CALL.c.started_at, CALL.c.ended_at, *sealed,
    )  # fmt: skip
    query = query.outerjoin(CALL, CALL.c.id == ticket.call_id)
    return query.outerjoin(last, last.c.id == noted) if private else query
