"""Tickets a script says exist before the call: put into the database as if filed earlier."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agent.callers.script_file import CALLER_ID, ScriptedCall, SeedTicket
from agent.complaint import Call, Complaint, Place, Priority, SeatCandidate
from agent.tickets.records import Filing, Row, ticket_row

if TYPE_CHECKING:
    from agent.tickets.store import TicketStore

CHANNEL = "simulated"
"""Marks calls and tickets that no citizen made."""


def seed_tickets(store: TicketStore, script: ScriptedCall) -> None:
    """Store the tickets of a script; one that is there already stays as it is. Blocks on disk.

    Raises:
        DatabaseAway: the database took nothing.
        NumberTaken: a number of the script belongs to another ticket.
    """
    if script.seed_tickets:
        store.save([_row(store, script, seed) for seed in script.seed_tickets])


def _row(store: TicketStore, script: ScriptedCall, seed: SeedTicket) -> Row:
    phone = script.caller if seed.phone == CALLER_ID else seed.phone
    # Named after the ticket alone: two scripts, or two runs, may ask for the same one.
    call = Call(id=f"seed-{seed.ticket}", started_at=datetime.now(UTC), channel=CHANNEL)
    complaint = Complaint(
        category=seed.category, priority=Priority.NORMAL, place=_place(seed), phone=phone
    )
    filing = Filing(
        index=0, number=seed.ticket, complaint=complaint, at=call.started_at, revision=0
    )
    return ticket_row(call, filing, None, None, store.cipher) | {"status": seed.status}


def _place(seed: SeedTicket) -> Place | None:
    if seed.constituency_no is None:
        return None
    seat = SeatCandidate(
        number=seed.constituency_no,
        name_en="",
        name_ta="",
        district_en="",
        district_ta="",
        score=1.0,
        evidence="seed",
    )
    return Place(spoken="", locality_en=None, locality_ta=None, candidates=(seat,))
