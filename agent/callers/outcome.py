"""What a call left in the database, read back through the repository."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from agent.tickets.database import DatabaseAway
from agent.tickets.repository import CallRecord, Search, Ticket

if TYPE_CHECKING:
    from agent.tickets.repository import TicketRepository


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

    def to_json(self) -> dict[str, Any]:
        """The row as the report holds it."""
        return asdict(self) | {"candidates": list(self.candidates)}


def rows_of(repository: TicketRepository, call_id: str, caller: str) -> tuple[OutcomeRow, ...]:
    """The tickets of a call in the order they were filed, else the row of the call, else nothing.

    Args:
        repository: the database the call wrote to.
        call_id: the call.
        caller: the number it came from.

    Raises:
        TicketError: the rows cannot be opened with this key.
        DatabaseAway: the database cannot be read.
    """
    try:
        return _rows(repository, call_id, caller)
    except SQLAlchemyError:
        raise DatabaseAway(
            "The rows of the call cannot be read back from the database: see to its disk, then "
            "run kural tickets replay."
        ) from None


def _rows(repository: TicketRepository, call_id: str, caller: str) -> tuple[OutcomeRow, ...]:
    tickets = list(repository.search(Search(call_id=call_id), unmask=True))
    if tickets:
        return tuple(map(_of_ticket, sorted(tickets, key=lambda t: t.issue_index)))
    calls = repository.calls(caller=caller, unmask=True)
    return tuple(_of_call(call) for call in calls if call.id == call_id)


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
