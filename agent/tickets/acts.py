"""What a caller does to tickets besides filing: a line in the journal, and in the database once.

An act is synced to the journal before the caller hears of it, and done in the database at once or,
when that was away, by whoever replays the journal. Everything it does there has a key made of the
call and the ticket, so that doing it again adds nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, select

from agent.complaint import ActKind
from agent.tickets.casework import Casework
from agent.tickets.events import CITIZEN
from agent.tickets.journal import JournalLine, Kind
from agent.tickets.lifecycle import IllegalMove
from agent.tickets.models import CALLBACK, EVENT, RATING
from agent.tickets.names import load_names
from agent.tickets.store import TicketStore

RIGHTS: Final = frozenset({"see", "correct", "erase"})
"""What may be asked for by :attr:`ActKind.REQUEST`."""
_REASON = re.compile(r"[a-z_]{1,30}")
_GRADE = re.compile(r"[1-5]")
REFUSED: Final = "refused"
"""In a line: what an earlier line tells was not allowed, and the caller heard so."""


_ON_TICKETS: Final = frozenset({ActKind.REOPEN, ActKind.VERIFY, ActKind.REPORT_AGAIN})
_OWED: Final = frozenset({ActKind.CALL_BACK, ActKind.REQUEST})


@dataclass(frozen=True, slots=True)
class Adopted:
    """A partial ticket of an earlier call that this call completes."""

    index: int
    """Issue index in this call."""
    number: str
    key: str
    """Its idempotency key."""
    base: int
    """Revisions of its rows by this call count from here, above all of the earlier call."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing a caller did."""

    kind: ActKind
    number: str | None
    value: str
    at: datetime
    """UTC."""
    phone: str | None = None
    """Whom to call back."""
    adopted: tuple[Adopted, ...] = ()
    """What a ``resume`` completes."""

    @property
    def key(self) -> str:
        """Names it within its call: a second act of the same key is the same act."""
        return act_key(self.kind, self.number, self.value)

    @property
    def reason(self) -> str | None:
        """Reason in table ``callback``, when a call is owed because of it."""
        return owed_reason(self.kind, self.value)


def act_key(kind: ActKind, number: str | None, value: str) -> str:
    """Name of an act within its call; a grade may be changed, so it is not part of the name."""
    return f"{kind}:{value}" if kind in _OWED or kind is ActKind.RESUME else f"{kind}:{number}"


def owed_reason(kind: ActKind, value: str) -> str | None:
    """Reason in table ``callback``: ``human``, or ``rights_erase`` for a request."""
    if kind is ActKind.REQUEST:
        return f"rights_{value}"
    return value if kind is ActKind.CALL_BACK else None


def what_is_wrong(kind: ActKind, number: str | None, value: str) -> str:
    """One sentence about an act that makes no sense; empty when it does."""
    if kind in _ON_TICKETS and not number:
        return "Say which ticket is meant."
    if kind is ActKind.RATE and not _GRADE.fullmatch(value):
        return "A grade is a number from 1 to 5."
    if kind is ActKind.REQUEST and value not in RIGHTS:
        return f"A request is one of {', '.join(sorted(RIGHTS))}."
    if kind is ActKind.CALL_BACK and not _REASON.fullmatch(value):
        return "The reason of a call-back is one word in small letters."
    if kind is ActKind.RESUME and not value:
        return "Say which call is gone on with."
    return ""


def do_acts(store: TicketStore, call_id: str, acts: Iterable[Act], *, within_s: float) -> list[Act]:
    """Do in the database what was done on the phone, each once; calls owed have rows of their own.

    Args:
        store: the database.
        call_id: of the call.
        acts: in their order.
        within_s: patience with the database, for each.

    Returns:
        Those that are not allowed (any more): reopening what is open, and the like.

    Raises:
        NoSuchTicket: the ticket is not in the database (yet).
        DatabaseAway: it does not answer; trying again is safe.
    """
    work = Casework(store, load_names(), within_s=within_s)
    refused = []
    for act in acts:
        try:
            _do(work, call_id, act)
        except IllegalMove:
            refused.append(act)
    return refused


def _do(work: Casework, call_id: str, act: Act) -> None:
    number = act.number or ""
    match act.kind:
        case ActKind.REOPEN:
            work.reopen(number, CITIZEN, call_id=call_id)
        case ActKind.VERIFY:
            work.confirm(number, mended=True, call_id=call_id)
        case ActKind.REPORT_AGAIN:
            work.report_again(number, CITIZEN, call_id=call_id)
        case ActKind.RATE:
            work.rate(act.number, score=int(act.value), call_id=call_id, at=act.at)
        case ActKind.CALL_BACK | ActKind.REQUEST | ActKind.RESUME:
            pass  # rows of table callback are stored with the call, a ticket when it is filed


def undone(
    store: TicketStore, lines: Sequence[JournalLine], *, owed_only: bool = False
) -> list[str]:
    """Acts a journal tells of and the database does not know, like ``reopen 100000009``.

    Args:
        store: the database.
        lines: of one journal.
        owed_only: only calls and answers we owe, which nothing can forbid.

    Raises:
        SQLAlchemyError: the database cannot be read.
    """
    told: dict[str, tuple[ActKind, str | None, str]] = {}
    for line in lines:
        if line.kind is Kind.ACT:
            data = line.data
            kind, number, value = ActKind(data["act"]), data["number"], data["value"]
            key = act_key(kind, number, value)
            if owed_only and kind not in _OWED:
                continue
            if data.get(REFUSED):
                told.pop(key, None)
            else:
                told[key] = (kind, number, value)
    if not told:
        return []
    call_id = lines[0].call_id
    with store.database.engine.connect() as connection:
        return [
            f"{kind} {number or value}"
            for kind, number, value in told.values()
            if not _is_known(connection, call_id, kind, number, value)
        ]


def _is_known(
    connection: Connection, call_id: str, kind: ActKind, number: str | None, value: str
) -> bool:
    column: Any
    where: ColumnElement[bool]
    if kind in _ON_TICKETS:
        column, where = EVENT.c.id, EVENT.c.key == event_key(kind, number or "", call_id)
    elif kind in _OWED:
        reason = owed_reason(kind, value)
        column = CALLBACK.c.id
        where = (CALLBACK.c.call_id == call_id) & (CALLBACK.c.reason == reason)
    elif kind is ActKind.RATE:
        column = RATING.c.id
        where = (RATING.c.call_id == call_id) & (RATING.c.number == number)
    else:
        return True  # the ticket it completes is compared by its number
    return connection.execute(select(column).where(where)).first() is not None


def event_key(kind: ActKind, number: str, call_id: str) -> str:
    """Key of the event in the history of the ticket."""
    word = "again" if kind is ActKind.REPORT_AGAIN else kind.value
    return f"{number}:{word}:{call_id}"
