"""A journal without what its caller said: numbers, seats, categories and times stay.

What is left tells the same counts: stored anew after a lost database, it makes the same tickets,
without a word, a name or a number of the caller in them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from agent.complaint import Call, Complaint, SeatCandidate
from agent.errors import TicketError
from agent.tickets.cipher import Cipher
from agent.tickets.journal import JournalLine, Kind
from agent.tickets.records import seal_json, unseal_json
from agent.tickets.rewriting import SEALED, Data, rewrite

ERASED: Final = "erased"
"""Beside a ticket of a ``filed`` line: its words were taken out."""
_Complaints = tuple[Complaint, ...]


def strip(path: Path, cipher: Cipher, indexes: Collection[int] | None) -> bool | None:
    """Take the caller and some complaints out of a journal that nobody holds.

    Damaged lines go: nobody can tell what they hold.

    Args:
        path: the journal.
        cipher: opens and seals it.
        indexes: issue indexes of the complaints; None for all of the call.

    Returns:
        Whether anything changed; None when its call is live or it is gone.

    Raises:
        OSError: the disk does not take it.
        TicketError: it was sealed with another key.
    """
    return rewrite(path, lambda line: _stripped(line, cipher, indexes), keep_damaged=False)


def bare(complaint: Complaint) -> Complaint:
    """What may be counted of a complaint: intent, category, priority, seats, days."""
    place = complaint.place
    if place is not None:
        seats = tuple(_bare_seat(seat) for seat in place.candidates)
        place = replace(place, spoken="", locality_en=None, locality_ta=None, candidates=seats)
    return Complaint(
        intent=complaint.intent,
        category=complaint.category,
        priority=complaint.priority,
        place=place,
        days=complaint.days,
        confidential=complaint.confidential,
        needs_listening=complaint.needs_listening,
    )


def _bare_seat(seat: SeatCandidate) -> SeatCandidate:
    return replace(seat, evidence="")


def _stripped(line: JournalLine, cipher: Cipher, indexes: Collection[int] | None) -> Data:
    data, context = line.data, f"journal/{line.call_id}"

    def changed(sealed: str, kind: Any, change: Callable[[Any], Any]) -> str:
        try:
            told = unseal_json(sealed, kind, cipher, context)
        except TicketError:
            return seal_json(change(None), kind, cipher, context)
        less = change(told)
        return sealed if less == told else seal_json(less, kind, cipher, context)

    def chosen(complaints: _Complaints | None) -> _Complaints:
        return tuple(
            bare(each) if indexes is None or index in indexes else each
            for index, each in enumerate(complaints or ())
        )

    match line.kind:
        case Kind.OPENED:

            def nobody(call: Call | None) -> Call:
                return replace(call or Call(line.call_id, line.at), caller="", labels={})

            return {**data, SEALED: changed(data[SEALED], Call, nobody)}
        case Kind.HEARD | Kind.CLOSED:
            return {**data, SEALED: changed(data[SEALED], _Complaints, chosen)}
        case Kind.FILED:
            tickets = []
            for ticket in data["tickets"]:
                if indexes is None or ticket["index"] in indexes:
                    sealed = changed(ticket[SEALED], Complaint, lambda c: bare(c or Complaint()))
                    ticket = {**ticket, SEALED: sealed, ERASED: True}
                tickets.append(ticket)
            return {**data, "tickets": tickets}
        case Kind.CALLBACK | Kind.ACT if SEALED in data:
            return {**data, SEALED: changed(data[SEALED], str | None, lambda _: None)}
        case _:
            return data
