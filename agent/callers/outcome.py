"""What a call left in the database, read back through the repository and the tables."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from agent.tickets.database import DatabaseAway
from agent.tickets.models import (
    CALLBACK,
    CONSENT,
    EVENT,
    RATING,
    EventKind,
    TicketStatus,
)
from agent.tickets.owed import owed
from agent.tickets.records import RECORDING
from agent.tickets.repository import CallRecord, Search, Ticket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import Connection

    from agent.callers.seeding import Seeded
    from agent.tickets.repository import TicketRepository
    from agent.tickets.store import TicketStore

_RIGHTS = "rights_"
"""With ``see``, ``correct`` or ``erase``: a row of table ``callback`` that is a wish about stored
data, not a call we owe."""
_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """One row of the report: a ticket, or the call itself when it opened none."""

    intent: str | None = None
    category: str | None = None
    constituency: int | None = None
    """The seat, or None while several are open."""
    candidates: tuple[int, ...] = field(default=())
    """Seats still open, best first."""
    place: str | None = None
    """``locality_en`` of the gazetteer, else the caller's words."""
    landmark: str | None = None
    days: int | None = None
    name: str | None = None
    phone: str | None = None
    """Call-back number of a ticket; of a call, the number it came from."""
    priority: str | None = None
    ticket: str | None = None
    """None: this is the row of the call."""
    status: str | None = None
    linked_to: str | None = None
    outcome: str | None = None
    """How the call ended; None on a ticket."""
    partial: bool = False
    """The caller was cut off before the complaint was read back."""
    needs_listening: bool = False
    """Somebody must listen to the spoken note."""

    def to_json(self) -> dict[str, Any]:
        """The row as the report holds it."""
        return asdict(self) | {"candidates": list(self.candidates)}


@dataclass(frozen=True, slots=True)
class Traces:
    """What a call did besides its own tickets."""

    outcome: str | None = None
    """How it ended, by its row; None when it left none."""
    consent: bool | None = None
    """The stored answer to the notice."""
    callback: bool = False
    """A call is owed to the caller."""
    reported_again: tuple[str, ...] = ()
    """Seeded tickets that were told once more."""
    reopened: tuple[str, ...] = ()
    verified: tuple[str, ...] = ()
    rating: int | None = None
    request: str | None = None
    """The wish about stored data that was kept: ``see``, ``correct`` or ``erase``."""
    resumed: bool = False
    """The partial ticket of a call that broke off is whole now."""

    def to_json(self) -> dict[str, Any]:
        """The traces as the report holds them."""
        lists = ("reported_again", "reopened", "verified")
        return asdict(self) | {name: list(getattr(self, name)) for name in lists}


NO_TRACES = Traces()


@dataclass(frozen=True, slots=True)
class Left:
    """All that one call left."""

    rows: tuple[OutcomeRow, ...] = ()
    """Its tickets in the order they were filed, else the row of the call, else nothing."""
    traces: Traces = NO_TRACES


def left_by(store: TicketStore, call_id: str, caller: str, since: datetime, seeded: Seeded) -> Left:
    """What a call left.

    Args:
        store: the store the call wrote to.
        call_id: the call.
        caller: the number it came from; empty when it was hidden.
        since: when it began, UTC.
        seeded: what there was before it.

    Raises:
        TicketError: the rows cannot be opened with this key.
        DatabaseAway: the database cannot be read.
    """
    rows = rows_of(store.repository, call_id, caller, seeded.broken)
    if rows and rows[0].ticket is None and rows[0].phone is None:
        # Whoever wants to be called and hides his number has told it for that.
        phones = (row["phone"] for row in owed(store, unmask=True) if row["call_id"] == call_id)
        rows = (replace(rows[0], phone=next(phones, None)), *rows[1:])
    numbers = (*seeded.tickets, *seeded.broken)
    traces = store.database.look(
        lambda connection: _traces(connection, call_id, since, numbers), within_s=_WITHIN_S
    )
    return Left(rows, _with_outcome(traces, store.repository, call_id, caller, rows, seeded))


def rows_of(
    repository: TicketRepository, call_id: str, caller: str, broken: tuple[str, ...] = ()
) -> tuple[OutcomeRow, ...]:
    """The tickets of a call in the order they were filed, else the row of the call, else nothing.

    Args:
        repository: the database the call wrote to.
        call_id: the call.
        caller: the number it came from; empty when it was hidden.
        broken: partial tickets of an earlier call; those that are whole now are this call's.

    Raises:
        TicketError: the rows cannot be opened with this key.
        DatabaseAway: the database cannot be read.
    """
    try:
        tickets = sorted(_tickets(repository, call_id, broken), key=lambda t: t.issue_index)
        if tickets:
            return tuple(map(_of_ticket, tickets))
        return tuple(map(_of_call, _calls(repository, call_id, caller)))
    except SQLAlchemyError:
        raise DatabaseAway(
            "The rows of the call cannot be read back from the database: see to its disk, then "
            "run kural tickets replay."
        ) from None


def _tickets(
    repository: TicketRepository, call_id: str, broken: tuple[str, ...]
) -> Iterator[Ticket]:
    resumed = (repository.get(number, unmask=True) for number in broken)
    whole = {ticket.number: ticket for ticket in resumed if ticket and not ticket.partial}
    yield from whole.values()
    for ticket in repository.search(Search(call_id=call_id), unmask=True):
        if ticket.number not in whole:
            yield ticket


def _calls(repository: TicketRepository, call_id: str, caller: str) -> list[CallRecord]:
    # A hidden number, or one of zeros alone, has no hash to be found by: then all are read.
    for number in dict.fromkeys((caller or None, None)):
        found = [c for c in repository.calls(caller=number, unmask=True) if c.id == call_id]
        if found:
            return found
    return []


def _with_outcome(
    traces: Traces,
    repository: TicketRepository,
    call_id: str,
    caller: str,
    rows: tuple[OutcomeRow, ...],
    seeded: Seeded,
) -> Traces:
    call = next(iter(_calls(repository, call_id, caller)), None)
    whole = {row.ticket for row in rows if row.ticket and not row.partial}
    consent = traces.consent
    if consent is None and call is not None:
        consent = call.consent
    return replace(
        traces,
        outcome=call.outcome if call else None,
        consent=consent,
        resumed=bool(seeded.broken) and whole.issuperset(seeded.broken),
    )


def _traces(
    connection: Connection, call_id: str, since: datetime, numbers: tuple[str, ...]
) -> Traces:
    events = connection.execute(
        select(EVENT.c.number, EVENT.c.kind, EVENT.c.to_status)
        .where(EVENT.c.number.in_(numbers), EVENT.c.at >= since)
        .order_by(EVENT.c.id)
    ).all()

    def moved(to: TicketStatus) -> tuple[str, ...]:
        return tuple(event.number for event in events if event.to_status == to.value)

    consent = select(CONSENT.c.granted).where(
        CONSENT.c.call_id == call_id, CONSENT.c.kind == RECORDING
    )
    rating = select(RATING.c.score).where(RATING.c.call_id == call_id)
    owed = select(CALLBACK.c.reason).where(CALLBACK.c.call_id == call_id)
    reasons = connection.execute(owed).scalars().all()
    wishes = [reason.removeprefix(_RIGHTS) for reason in reasons if reason.startswith(_RIGHTS)]
    return Traces(
        consent=connection.execute(consent).scalars().first(),
        callback=len(wishes) < len(reasons),
        reported_again=tuple(
            event.number for event in events if event.kind == EventKind.REPORTED_AGAIN.value
        ),
        reopened=moved(TicketStatus.REOPENED),
        verified=moved(TicketStatus.VERIFIED_CLOSED),
        rating=connection.execute(rating).scalars().first(),
        request=next(iter(wishes), None),
    )


def waits_for_listening(ticket: Ticket) -> bool:
    """Whether somebody must listen to what was said; False where no such column exists."""
    return bool(getattr(ticket, "needs_listening", False))


def _of_ticket(ticket: Ticket) -> OutcomeRow:
    return OutcomeRow(
        intent=ticket.intent,
        category=ticket.category,
        constituency=ticket.constituency_no,
        candidates=tuple(seat["number"] for seat in ticket.candidates),
        place=ticket.locality_en or ticket.place,
        landmark=ticket.landmark,
        days=ticket.days_since,
        name=ticket.name,
        phone=ticket.phone,
        priority=ticket.priority,
        ticket=ticket.number,
        status=ticket.status,
        linked_to=ticket.linked_to,
        partial=ticket.partial,
        needs_listening=waits_for_listening(ticket),
    )


def _of_call(call: CallRecord) -> OutcomeRow:
    return OutcomeRow(
        intent=call.intent,
        category=call.category,
        constituency=call.constituency_no,
        candidates=tuple(seat["number"] for seat in call.candidates),
        place=call.locality_en,
        phone=call.caller,
        priority=call.priority,
        outcome=call.outcome,
    )
