"""What a script says was before the call, put into the database as if it had happened then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from agent.callers.script_file import CALLER_ID, ScriptedCall
from agent.complaint import Call, Complaint, Intent, Place, Priority, SeatCandidate
from agent.tickets.ledger import CallLedger
from agent.tickets.models import TicketStatus
from agent.tickets.records import Filing, Row, ticket_row
from agent.understanding.tables import read_csv

if TYPE_CHECKING:
    from agent.callers.beforehand import SeedBrokenCall, SeedTicket
    from agent.tickets.store import TicketStore

CHANNEL = "simulated"
"""Marks calls and tickets that no citizen made."""
FILED_AGO = timedelta(days=7)
"""How old seeded tickets are."""
MOVED_AGO = timedelta(days=1)
"""When the office gave them their present status."""
_S = TicketStatus


@dataclass(frozen=True, slots=True)
class Seeded:
    """What there was before the call."""

    tickets: tuple[str, ...] = ()
    """Numbers the script gave."""
    broken: tuple[str, ...] = ()
    """Numbers of the partial tickets of a call that broke off."""


NOTHING_SEEDED = Seeded()


def seed(store: TicketStore, script: ScriptedCall) -> Seeded:
    """Store what a script presumes; a ticket that is there already stays as it is. Blocks on disk.

    Raises:
        DatabaseAway: the database took nothing.
        NumberTaken: a number of the script belongs to another ticket.
    """
    if script.seed_tickets:
        store.save([_row(store, script, each) for each in script.seed_tickets])
    broken = _break_off(store, script, script.seed_broken_call) if script.seed_broken_call else ()
    return Seeded(tuple(each.ticket for each in script.seed_tickets), broken)


def _row(store: TicketStore, script: ScriptedCall, ticket: SeedTicket) -> Row:
    now = datetime.now(UTC)
    phone = script.caller if ticket.phone == CALLER_ID else ticket.phone
    # Named after the ticket alone: two scripts, or two runs, may ask for the same one.
    call = Call(id=f"seed-{ticket.ticket}", started_at=now - FILED_AGO, channel=CHANNEL)
    complaint = Complaint(
        category=ticket.category,
        priority=Priority.NORMAL,
        place=place_of(ticket.constituency_no),
        phone=phone,
    )
    filing = Filing(
        index=0, number=ticket.ticket, complaint=complaint, at=call.started_at, revision=0
    )
    row = ticket_row(call, filing, None, None, store.cipher)
    return row | {"status": ticket.status.value} | _moved(ticket.status, now - MOVED_AGO)


def _moved(status: TicketStatus, at: datetime) -> dict[str, Any]:
    """The columns that go with a status, as the office would have set them."""
    match status:
        case _S.NEW:
            return {}
        case _S.RESOLVED | _S.VERIFIED_CLOSED | _S.REJECTED | _S.DUPLICATE_OF:
            return {"updated_at": at, "resolved_at": at}
        case _S.WAITING_CITIZEN:
            return {"updated_at": at, "waiting_since": at}
        case _S.REOPENED:
            return {"updated_at": at, "reopened": 1, "level": 1}
        case _:
            return {"updated_at": at}


def _break_off(store: TicketStore, script: ScriptedCall, broken: SeedBrokenCall) -> tuple[str, ...]:
    """A real call of the same number, journalled and hung up, so many minutes ago."""
    then = datetime.now(UTC) - timedelta(minutes=broken.minutes_ago)
    call = Call(
        id=f"sim-broken-{script.id[:32]}-{uuid4().hex[:8]}",
        started_at=then - timedelta(minutes=1),
        caller=script.caller,
        constituency=script.dialled_constituency_no,
        channel=CHANNEL,
    )
    told = Complaint(
        category=broken.category,
        place=place_of(broken.constituency_no, broken.locality),
        landmark=broken.landmark,
        days=broken.days_since,
        name=broken.name,
        description=broken.description,
    )
    ledger = CallLedger.open(replace(store, clock=lambda: then), call)
    ledger.note([told], Intent.COMPLAINT)
    return ledger.close("hung_up", Intent.COMPLAINT, [told]).numbers


def place_of(seat: int | None, locality: str | None = None) -> Place | None:
    """A place by the tables: a seat, and a locality in it.

    Args:
        seat: number of the seat, 1 to 234.
        locality: ``locality_en`` of localities.csv; one that is not there stays without Tamil name.
    """
    if seat is None:
        return None
    row = next(row for row in read_csv("constituencies") if row["number"] == str(seat))
    localities = read_csv("localities") if locality else []
    names = [
        each["locality_ta"]
        for each in localities
        if each["constituency_no"] == str(seat) and each["locality_en"] == locality
    ]
    candidate = SeatCandidate(
        number=seat,
        name_en=row["name_en"],
        name_ta=row["name_ta"],
        district_en=row["district_en"],
        district_ta=row["district_ta"],
        score=1.0,
        evidence="seed",
    )
    name_ta = next(iter(names), None)
    return Place(
        spoken=name_ta or locality or "",
        locality_en=locality,
        locality_ta=name_ta,
        candidates=(candidate,),
    )
