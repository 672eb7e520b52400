"""Which status of a ticket may follow which, and why not (pure).

::

    NEW -> ACKNOWLEDGED -> ASSIGNED -> IN_PROGRESS <-> WAITING_CITIZEN
                                           |
                                        RESOLVED -> VERIFIED_CLOSED

Steps forward may be left out up to IN_PROGRESS. RESOLVED is what the office says, VERIFIED_CLOSED
what the citizen says: nothing is closed that was not resolved first. TRANSFERRED and REOPENED stand
where NEW stands. A ticket that is "not ours" is transferred, never rejected.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from agent.errors import TicketError
from agent.tickets.models import TicketStatus

_S = TicketStatus
_LEAVE = frozenset({_S.REJECTED, _S.DUPLICATE_OF, _S.TRANSFERRED})
_BACK = frozenset({_S.REOPENED})
_FRESH = frozenset({_S.ACKNOWLEDGED, _S.ASSIGNED, _S.IN_PROGRESS}) | _LEAVE

NEXT: Mapping[TicketStatus, frozenset[TicketStatus]] = {
    _S.NEW: _FRESH,
    _S.TRANSFERRED: _FRESH,
    _S.REOPENED: _FRESH | {_S.RESOLVED},
    _S.ACKNOWLEDGED: frozenset({_S.ASSIGNED, _S.IN_PROGRESS, _S.WAITING_CITIZEN}) | _LEAVE,
    _S.ASSIGNED: frozenset({_S.IN_PROGRESS, _S.WAITING_CITIZEN, _S.RESOLVED}) | _LEAVE,
    _S.IN_PROGRESS: frozenset({_S.ASSIGNED, _S.WAITING_CITIZEN, _S.RESOLVED}) | _LEAVE,
    _S.WAITING_CITIZEN: frozenset({_S.IN_PROGRESS, _S.RESOLVED}) | _LEAVE,
    _S.RESOLVED: frozenset({_S.VERIFIED_CLOSED}) | _BACK,
    _S.VERIFIED_CLOSED: _BACK,
    _S.REJECTED: _BACK,
    _S.DUPLICATE_OF: _BACK,
}
"""What may follow each status."""

UNTOUCHED = frozenset({_S.NEW, _S.TRANSFERRED, _S.REOPENED})
"""Nobody of the office has looked at it yet."""
DONE = frozenset({_S.RESOLVED, _S.VERIFIED_CLOSED, _S.REJECTED, _S.DUPLICATE_OF})
"""The office owes nothing more."""
OPEN = frozenset(TicketStatus) - DONE
RUNNING = OPEN - {_S.WAITING_CITIZEN}
"""The clock of the due date runs."""


class Rejection(StrEnum):
    """Why a ticket may be rejected; "not our constituency" is no reason, that is a transfer."""

    NO_COMPLAINT = "no_complaint"
    """A question, a test call, or words nobody can act on."""
    COURT = "court"
    """A court has the matter."""
    PRIVATE = "private"
    """A dispute between private people."""
    NOT_FOUND = "not_found"
    """The place was visited and nothing is wrong there."""
    NO_POWER = "no_power"
    """No office of the state can act: say which one can."""


class IllegalMove(TicketError):
    """This status cannot follow that one; the sentence says what can."""


def check_move(old: TicketStatus, new: TicketStatus) -> None:
    """Refuse what may not follow.

    Raises:
        IllegalMove: with the reason, and what is possible instead.
    """
    if new in NEXT[old]:
        return
    if old == new:
        raise IllegalMove(f"The ticket is {old} already.")
    if new == _S.VERIFIED_CLOSED:
        raise IllegalMove(
            f"A ticket that is {old} cannot be closed: it is RESOLVED by the office first, and "
            "closed when the citizen has confirmed it."
        )
    if new == _S.REOPENED:
        raise IllegalMove(f"The ticket is {old}: only what was finished can be reopened.")
    if new == _S.NEW:
        raise IllegalMove("No ticket becomes NEW again: reopen it.")
    possible = ", ".join(sorted(NEXT[old]))
    raise IllegalMove(f"A ticket that is {old} cannot become {new}; possible: {possible}.")
