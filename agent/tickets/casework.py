"""What staff, the citizen and the clock do with a ticket, each as one transaction with its history.

Every act locks the ticket's row, asks :mod:`agent.tickets.lifecycle` whether it may happen, changes
the row and adds an event; what is not allowed changes nothing. Nothing is ever merged by itself:
:meth:`Casework.similar` suggests, a person decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select, update

from agent.errors import TicketError
from agent.tickets.calendar import OUTER_LIMIT, first_due
from agent.tickets.events import CITIZEN, SYSTEM, add_event, history
from agent.tickets.lifecycle import DONE, OPEN, RUNNING, IllegalMove, Rejection, check_move
from agent.tickets.models import EVENT, RATING, TICKET, EventKind, TicketStatus
from agent.tickets.names import Names
from agent.tickets.records import Row
from agent.tickets.store import TicketStore

WITHIN_S = 10.0
"""Nobody is on the line: the database may take longer than during a call."""
_NOTE_LETTERS = 2_000
HIGHEST_LEVEL = 3
_SAME_AREA_DAYS = 14
"""A trouble told by several people within so many days may be one."""
_S = TicketStatus


class NoSuchTicket(TicketError):
    """There is no ticket of this number."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an act did."""

    number: str
    old: TicketStatus
    new: TicketStatus
    due_at: datetime | None
    level: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """Tickets that may be about one thing."""

    number: str
    """The oldest open one."""
    reports: int
    """How many times it was told in all: "12 people report this"."""
    others: tuple[str, ...]
    """Numbers of the later ones."""


class Casework:
    """All that happens to tickets after the call. Share it between threads."""

    def __init__(self, store: TicketStore, names: Names, *, within_s: float = WITHIN_S) -> None:
        """Take the open store, the names of seats and categories, and patience in seconds."""
        self._store = store
        self._names = names
        self._within_s = within_s

    # -- the office --------------------------------------------------------------------------

    def move(
        self, number: str, to: TicketStatus, by: str, *, note: str = "", reason: str = ""
    ) -> Change:
        """Give a ticket its next status.

        Args:
            number: of the ticket.
            to: the status; transfers, merges and reopenings have methods of their own.
            by: who.
            note: what the history keeps, encrypted.
            reason: a :class:`Rejection`, needed for REJECTED.

        Raises:
            IllegalMove: the status cannot follow, or the reason is missing.
            NoSuchTicket, DatabaseAway: as they say.
        """
        if to in (_S.TRANSFERRED, _S.DUPLICATE_OF, _S.REOPENED):
            raise IllegalMove(f"{to} needs to be told more: where to, of which ticket, or why.")
        facts: Row = {}
        if to is _S.REJECTED:
            facts = {"reason": _rejection(reason)}

        def change(ticket: Row, now: datetime) -> Row:
            return self._timed(ticket, to, now)

        return self._act(number, to, by, change, facts=facts, note=note)

    def assign(self, number: str, to: str, by: str, *, note: str = "") -> Change:
        """Give a ticket to somebody of the staff; one who has it already may hand it on.

        Raises:
            IllegalMove: it cannot be assigned now, or nobody is named.
        """
        if not to.strip():
            raise IllegalMove("Say to whom the ticket is assigned.")

        def change(ticket: Row, now: datetime) -> Row:
            return {**self._timed(ticket, _S.ASSIGNED, now), "assigned_to": to.strip()}

        return self._act(
            number, _S.ASSIGNED, by, change,
            kind=EventKind.ASSIGNED, facts={"to": to.strip()}, note=note, again=True,
        )  # fmt: skip

    def transfer(self, number: str, seat: int, by: str, *, note: str) -> Change:
        """Give a ticket to the office of another constituency; it keeps number and due date.

        Raises:
            IllegalMove: the seat is unknown or the same, or no note says why.
        """
        if seat not in self._names.seats:
            raise IllegalMove(f"There is no constituency {seat}.")
        if not note.strip():
            raise IllegalMove("A transfer needs a note that says why.")
        facts: Row = {"to_seat": seat}

        def change(ticket: Row, now: datetime) -> Row:
            if ticket["constituency_no"] == seat:
                raise IllegalMove(f"The ticket belongs to constituency {seat} already.")
            facts["from_seat"] = ticket["constituency_no"]
            return {
                **self._timed(ticket, _S.TRANSFERRED, now),
                "constituency_no": seat,
                "candidates": [],
                "assigned_to": None,
            }

        kind = EventKind.TRANSFERRED
        return self._act(
            number, _S.TRANSFERRED, by, change, kind=kind, facts=facts, note=note, again=True
        )

    def merge(self, number: str, into: str, by: str, *, note: str = "") -> Change:
        """Say that a ticket tells the same as another, which goes on for both.

        Raises:
            IllegalMove: they are one ticket, or the other is a duplicate itself or finished.
        """
        if number == into:
            raise IllegalMove("A ticket is not its own duplicate.")

        def change(ticket: Row, now: datetime) -> Row:
            return {**self._timed(ticket, _S.DUPLICATE_OF, now), "duplicate_of": into}

        def beside(connection: Connection, ticket: Row, now: datetime) -> None:
            other = _locked(connection, into)
            if TicketStatus(other["status"]) in DONE:
                raise IllegalMove(f"Ticket {into} is {other['status']}: it cannot stand for both.")
            told = ticket["reports"]
            _write(connection, into, {"reports": other["reports"] + told, "updated_at": now})
            add_event(
                connection, self._store.cipher, into, now, EventKind.REPORTED_AGAIN, by,
                facts={"from": number, "reports": told},
            )  # fmt: skip

        return self._act(
            number, _S.DUPLICATE_OF, by, change,
            kind=EventKind.MERGED, facts={"into": into}, note=note, beside=beside,
        )  # fmt: skip

    def reopen(self, number: str, by: str, *, note: str = "", call_id: str = "") -> Change:
        """Take up again what was finished: "closed" was not "mended". One level higher.

        Args:
            number: of the ticket.
            by: who.
            note: what the history keeps, encrypted.
            call_id: of the call that asked for it, once a call; empty when it was no call.

        Raises:
            IllegalMove: it was not finished.
        """

        def change(ticket: Row, now: datetime) -> Row:
            return {
                **self._timed(ticket, _S.REOPENED, now),
                "reopened": ticket["reopened"] + 1,
                "level": min(HIGHEST_LEVEL, ticket["level"] + 1),
                "duplicate_of": None,
            }

        def beside(connection: Connection, ticket: Row, now: datetime) -> None:
            other = ticket["duplicate_of"]
            if other is not None:  # it was no duplicate after all
                held = _locked(connection, other)
                less = max(1, held["reports"] - ticket["reports"])
                _write(connection, other, {"reports": less, "updated_at": now})

        once = f"{number}:reopen:{call_id}" if call_id else None
        return self._act(number, _S.REOPENED, by, change, note=note, beside=beside, once=once)

    def note(self, number: str, by: str, text: str) -> None:
        """Add words to the history, encrypted; the status stays.

        Raises:
            IllegalMove: there are no words.
        """
        if not text.strip():
            raise IllegalMove("A note needs words.")

        def work(connection: Connection) -> None:
            _locked(connection, number)
            now = self._store.clock()
            add_event(
                connection, self._store.cipher, number, now, EventKind.NOTE, by,
                note=_short(text),
            )  # fmt: skip
            _write(connection, number, {"updated_at": now})

        self._store.database.visit(work, within_s=self._within_s)

    def correct(
        self, number: str, by: str, *, category: str | None = None, note: str = ""
    ) -> Change:
        """Put right what was understood wrongly; the due date follows the category.

        Raises:
            IllegalMove: the category is unknown, or the ticket is finished.
        """
        if category not in self._names.categories:
            raise IllegalMove(f"There is no category {category}.")
        facts: Row = {"category": category}

        def work(connection: Connection) -> Change:
            ticket = _locked(connection, number)
            status = TicketStatus(ticket["status"])
            if status in DONE:
                raise IllegalMove(f"The ticket is {status}: reopen it first.")
            now = self._store.clock()
            facts["from_category"] = ticket["category"]
            due = first_due(ticket["created_at"], ticket["priority"], self._names.term(category))
            _write(connection, number, {"category": category, "due_at": due, "updated_at": now})
            add_event(
                connection, self._store.cipher, number, now, EventKind.CORRECTED, by,
                facts=facts, note=_short(note),
            )  # fmt: skip
            return Change(number, status, status, due, ticket["level"])

        return self._store.database.visit(work, within_s=self._within_s)

    # -- the citizen -------------------------------------------------------------------------

    def report_again(self, number: str, by: str, *, call_id: str, note: str = "") -> int:
        """Count that a trouble was told once more; returns how many times now. Once a call.

        Raises:
            IllegalMove: the ticket is finished: then it is reopened, or a new one is filed.
        """

        def work(connection: Connection) -> int:
            ticket = _locked(connection, number)
            status, key = TicketStatus(ticket["status"]), f"{number}:again:{call_id}"
            if _happened(connection, key):
                return int(ticket["reports"])
            if status in DONE:
                raise IllegalMove(f"The ticket is {status}.")
            now = self._store.clock()
            fresh = add_event(
                connection, self._store.cipher, number, now, EventKind.REPORTED_AGAIN, by,
                facts={"call": call_id}, note=_short(note), key=key,
            )  # fmt: skip
            reports: int = ticket["reports"] + fresh
            _write(connection, number, {"reports": reports, "updated_at": now})
            return reports

        return self._store.database.visit(work, within_s=self._within_s)

    def confirm(self, number: str, *, mended: bool, call_id: str = "") -> Change:
        """Take the citizen's answer to "is it really mended?": closed, or reopened and escalated.

        With a ``call_id`` it happens once a call.

        Raises:
            IllegalMove: the office has not resolved it.
        """
        if not mended:
            return self.reopen(number, CITIZEN, call_id=call_id)

        def change(ticket: Row, now: datetime) -> Row:
            return self._timed(ticket, _S.VERIFIED_CLOSED, now)

        once = f"{number}:verify:{call_id}" if call_id else None
        return self._act(number, _S.VERIFIED_CLOSED, CITIZEN, change, once=once)

    def rate(
        self, number: str | None, *, score: int, call_id: str, at: datetime | None = None
    ) -> None:
        """Keep a citizen's grade, 1 to 5; once a call and ticket, the last counts.

        ``at`` is when it was given, UTC; now when it is not said.

        Raises:
            IllegalMove: the grade is none.
        """
        if not 1 <= score <= 5:
            raise IllegalMove("A grade is a number from 1 to 5.")

        def work(connection: Connection) -> None:
            same = (RATING.c.call_id == call_id) & (RATING.c.number == number)
            row = {"score": score, "at": at or self._store.clock()}
            if connection.execute(select(RATING.c.id).where(same)).first():
                connection.execute(update(RATING).where(same).values(row))
            else:
                connection.execute(RATING.insert().values(**row, call_id=call_id, number=number))

        self._store.database.visit(work, within_s=self._within_s)

    # -- the clock ---------------------------------------------------------------------------

    def escalate(self) -> list[Change]:
        """Raise the level of what is overdue; safe to run at any time, and twice.

        Level 1 comes at the due date, 2 half a term later, 3 at the outer limit.
        """
        now = self._store.clock()
        running = [status.value for status in RUNNING]
        query = (
            select(TICKET.c.number)
            .where(TICKET.c.status.in_(running), TICKET.c.due_at < now)
            .where(TICKET.c.level < HIGHEST_LEVEL)
        )

        def work(connection: Connection) -> list[Change]:
            numbers = connection.execute(query).scalars().all()
            return [c for number in numbers if (c := self._escalated(connection, number, now))]

        return self._store.database.visit(work, within_s=self._within_s)

    def _escalated(self, connection: Connection, number: str, now: datetime) -> Change | None:
        ticket = _locked(connection, number)
        level = max(ticket["level"], _level(ticket, now))
        if level == ticket["level"]:
            return None
        status = TicketStatus(ticket["status"])
        _write(connection, number, {"level": level, "updated_at": now})
        add_event(
            connection, self._store.cipher, number, now, EventKind.ESCALATED, SYSTEM,
            facts={"level": level}, key=f"{number}:level:{level}:{ticket['reopened']}",
        )  # fmt: skip
        return Change(number, status, status, ticket["due_at"], level)

    # -- reading -----------------------------------------------------------------------------

    def history(self, number: str, *, unmask: bool = False) -> Iterator[Row]:
        """Yield the events of a ticket, oldest first; notes only unmasked.

        Raises:
            TicketError: a note was encrypted with another key.
        """
        yield from history(self._store.database.engine, self._store.cipher, number, unmask=unmask)

    def similar(self, number: str) -> Cluster | None:
        """Return what may be the same trouble: one area, one category, told within two weeks.

        Only a suggestion with a count; a person merges.

        Raises:
            NoSuchTicket: there is none of this number.
        """

        def work(connection: Connection) -> Cluster | None:
            ticket = _locked(connection, number)
            if ticket["constituency_no"] is None or not ticket["locality_en"]:
                return None
            near = timedelta(days=_SAME_AREA_DAYS)
            query = (
                select(TICKET.c.number, TICKET.c.reports)
                .where(*(TICKET.c[name] == ticket[name] for name in _AREA))
                .where(TICKET.c.created_at.between(
                    ticket["created_at"] - near, ticket["created_at"] + near))
                .where(TICKET.c.status.in_([status.value for status in OPEN]))
                .order_by(TICKET.c.created_at, TICKET.c.id)
            )  # fmt: skip
            found = connection.execute(query).all()
            if len(found) < 2:
                return None
            first, *others = found
            reports = sum(row.reports for row in found)
            return Cluster(first.number, reports, tuple(row.number for row in others))

        return self._store.database.visit(work, within_s=self._within_s)

    def clusters(self, *, constituency: int | None = None, at_least: int = 2) -> list[Row]:
        """Return areas and categories told several times and still open, the most told first."""
        opened = [status.value for status in OPEN]
        told = func.sum(TICKET.c.reports).label("reports")
        columns = [TICKET.c[name] for name in _AREA]
        since = self._store.clock() - timedelta(days=_SAME_AREA_DAYS)
        query = (
            select(*columns, told, func.count().label("tickets"), func.min(TICKET.c.number))
            .where(TICKET.c.status.in_(opened), TICKET.c.created_at >= since)
            .where(TICKET.c.constituency_no.is_not(None), TICKET.c.locality_en.is_not(None))
            .group_by(*columns)
            .having(told >= at_least)
            .order_by(told.desc(), *columns)
        )
        if constituency is not None:
            query = query.where(TICKET.c.constituency_no == constituency)
        names = (*_AREA, "reports", "tickets", "first")
        return self._store.database.visit(
            lambda connection: [
                dict(zip(names, row, strict=True)) for row in connection.execute(query)
            ],
            within_s=self._within_s,
        )

    # -- one act -----------------------------------------------------------------------------

    def _act(
        self,
        number: str,
        to: TicketStatus,
        by: str,
        change: Callable[[Row, datetime], Row],
        *,
        kind: EventKind = EventKind.STATUS,
        facts: Row | None = None,
        note: str = "",
        beside: Callable[[Connection, Row, datetime], None] | None = None,
        again: bool = False,
        once: str | None = None,
    ) -> Change:
        """Do one act.

        ``again`` lets it follow itself (handed on, transferred further); an act of the key ``once``
        that has happened is not done a second time.
        """

        def work(connection: Connection) -> Change:
            ticket = _locked(connection, number)
            old = TicketStatus(ticket["status"])
            if once is not None and _happened(connection, once):
                return Change(number, old, old, ticket["due_at"], ticket["level"])
            if not (again and old == to):
                check_move(old, to)
            now = self._store.clock()
            values = {**change(ticket, now), "status": to.value, "updated_at": now}
            if beside is not None:
                beside(connection, ticket, now)
            _write(connection, number, values)
            add_event(
                connection, self._store.cipher, number, now, kind, by,
                old=old, new=to, facts=facts, note=_short(note), key=once,
            )  # fmt: skip
            after = {**ticket, **values}
            return Change(number, old, to, after["due_at"], after["level"])

        return self._store.database.visit(work, within_s=self._within_s)

    def _timed(self, ticket: Row, to: TicketStatus, now: datetime) -> Row:
        """What a new status does to the clock: it stands while the citizen is waited for."""
        due, waiting = ticket["due_at"], ticket["waiting_since"]
        if waiting is not None and to is not _S.WAITING_CITIZEN and due is not None:
            due += now - waiting
        if to is _S.REOPENED:
            due = first_due(now, ticket["priority"], self._names.term(ticket["category"]))
        values: Row = {
            "waiting_since": now if to is _S.WAITING_CITIZEN else None,
            "due_at": due,
        }
        if to in (_S.RESOLVED, _S.REJECTED):
            values["resolved_at"] = now
        if to is _S.REOPENED:
            values["resolved_at"] = None
        return values


_AREA = ("constituency_no", "locality_en", "category")


def _locked(connection: Connection, number: str) -> Row:
    """The row of a ticket, kept from others until the transaction ends."""
    query = select(TICKET).where(TICKET.c.number == number).with_for_update()
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NoSuchTicket(f"There is no ticket {number}.")
    return dict(row)


def _happened(connection: Connection, key: str) -> bool:
    """Whether the history holds the event of this key."""
    return connection.execute(select(EVENT.c.id).where(EVENT.c.key == key)).first() is not None


def _write(connection: Connection, number: str, values: dict[str, Any]) -> None:
    connection.execute(update(TICKET).where(TICKET.c.number == number).values(values))


def _level(ticket: Row, now: datetime) -> int:
    """1 at the due date, 2 half a term later, 3 at the outer limit."""
    due, told = ticket["due_at"], ticket["created_at"]
    if now - told >= OUTER_LIMIT and ticket["reopened"] == 0:
        return HIGHEST_LEVEL
    late = now - due
    return 0 if late < timedelta() else 1 if late < (due - told) / 2 else 2


def _rejection(reason: str) -> str:
    try:
        return Rejection(reason).value
    except ValueError:
        known = ", ".join(Rejection)
        raise IllegalMove(
            f"REJECTED needs a reason: {known}. What belongs to another office is transferred."
        ) from None


def _short(note: str) -> str:
    text = note.strip()
    if len(text) > _NOTE_LETTERS:
        raise IllegalMove(f"A note has at most {_NOTE_LETTERS} letters.")
    return text
