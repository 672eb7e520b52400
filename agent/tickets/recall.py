"""What the store knows of the number a call comes from, before the first question is asked.

Phones are shared, so nothing here may be told before the caller has confirmed it, and confidential
tickets are never recalled: whoever else holds the phone must not learn of them. This is the only
place where the words of an earlier call are opened during a call.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, or_, select

from agent.complaint import (
    BrokenCall,
    Category,
    Complaint,
    KnownTicket,
    Place,
    Recalled,
    SeatCandidate,
)
from agent.errors import TicketError
from agent.tickets.forwarder import journals
from agent.tickets.journal import journal_name, lock_journal, read_journal
from agent.tickets.lifecycle import OPEN
from agent.tickets.models import CALL, TICKET
from agent.tickets.names import load_names
from agent.tickets.records import Row, idempotency_key, open_private
from agent.tickets.store import TicketStore
from agent.tickets.story import CallStory, StoryLines

WITHIN_S = 0.3
RESUME_WITHIN_S = 1_800.0
MOST = 3
"""Open tickets that are recalled."""
_OPEN = tuple(status.value for status in OPEN)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Unfinished:
    """The latest call that left something unfinished."""

    call_id: str
    told: dict[str, Complaint]
    """By key of the ticket it makes."""
    number: str | None = None


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the database tells."""

    tickets: tuple[Row, ...]
    partial: tuple[Row, ...]
    """Of the latest call that left partial tickets."""
    complete: frozenset[str]
    """Those of the keys it was asked about that are no partial tickets any more."""


def recall(
    store: TicketStore,
    caller: str,
    within_s: float = WITHIN_S,
    *,
    resume_within_s: float = RESUME_WITHIN_S,
    call_id: str = "",
) -> Recalled:
    """What is known of a number; never raises, and knows nothing when there is no time.

    Args:
        store: journals and database of this machine.
        caller: number the call comes from; empty when hidden.
        within_s: how long it may take.
        resume_within_s: how long ago a call may have broken off to be gone on with.
        call_id: the present call, which is not its own past.
    """
    hashes = store.cipher.phone_hashes(caller)
    if not hashes:
        return Recalled()
    began = time.monotonic()
    since = store.clock() - timedelta(seconds=resume_within_s)
    left: _Unfinished | None = None
    rows = _Rows((), (), frozenset())
    try:
        left = _in_journals(store, hashes, since, call_id, began + within_s / 2)
        keys = tuple(left.told) if left else ()
        rows = store.database.look(
            lambda connection: _in_database(connection, hashes, since, call_id, keys),
            within_s=max(0.0, began + within_s - time.monotonic()),
        )
        if left is not None and rows.complete.issuperset(left.told):
            left = None
        if left is None and rows.partial:
            left = _told_before(store, rows.partial)
    except (TicketError, OSError) as exc:
        logger.warning("caller not recalled", extra={"error": type(exc).__name__})
    again = left.call_id if left else None
    shown = [row for row in rows.tickets if not (row["partial"] and row["call_id"] == again)]
    broken = _broken(left) if left else None
    return Recalled(tuple(map(_open_ticket, shown[:MOST])), broken)


def _in_database(
    connection: Connection,
    hashes: Sequence[str],
    since: datetime,
    call_id: str,
    keys: Sequence[str],
) -> _Rows:
    calls = select(CALL.c.id).where(CALL.c.caller_hash.in_(hashes))
    mine = or_(TICKET.c.phone_hash.in_(hashes), TICKET.c.call_id.in_(calls))
    standing = (
        TICKET.c.status.in_(_OPEN), TICKET.c.erased_at.is_(None), ~TICKET.c.confidential,
    )  # fmt: skip
    query = select(TICKET).where(mine, *standing)
    # The broken call may have left partial tickets, which are not shown.
    latest = query.order_by(TICKET.c.created_at.desc(), TICKET.c.id.desc()).limit(4 * MOST)
    ended = (
        select(CALL.c.id)
        .join(TICKET, TICKET.c.call_id == CALL.c.id)
        .where(CALL.c.caller_hash.in_(hashes), CALL.c.ended_at >= since, CALL.c.id != call_id)
        .where(TICKET.c.partial, *standing)
        .order_by(CALL.c.ended_at.desc())
        .limit(1)
    )
    partial = select(TICKET).where(TICKET.c.call_id.in_(ended), TICKET.c.partial, *standing)
    complete = select(TICKET.c.idempotency_key).where(
        TICKET.c.idempotency_key.in_(keys), ~TICKET.c.partial
    )
    return _Rows(
        tuple(dict(row) for row in connection.execute(latest).mappings()),
        tuple(dict(row) for row in connection.execute(
            partial.order_by(TICKET.c.issue_index)).mappings()),
        frozenset(connection.execute(complete).scalars()) if keys else frozenset(),
    )  # fmt: skip


def _open_ticket(row: Row) -> KnownTicket:
    return KnownTicket(
        number=row["number"],
        category=_category(row["category"]),
        status=row["status"],
        constituency=row["constituency_no"],
        place_ta=row["locality_ta"],
    )


def _told_before(store: TicketStore, rows: Sequence[Row]) -> _Unfinished:
    """From the journal where this machine has it, because it knows places in full."""
    first, call_id = rows[0], rows[0]["call_id"]
    path = store.done_dir / journal_name(call_id)
    told: dict[str, Complaint] = {}
    if path.exists():
        lines = read_journal(path).lines
        told = _unfinished(StoryLines(call_id, store.cipher).retell(lines)) if lines else {}
    if not told:
        told = {row["idempotency_key"]: _complaint(store, row) for row in rows}
    return _Unfinished(call_id, told, first["number"])


def _in_journals(
    store: TicketStore, hashes: Sequence[str], since: datetime, call_id: str, deadline: float
) -> _Unfinished | None:
    """The latest call of the number whose journal waits here; it is newer than the database."""
    gone_on_with: set[str] = set()
    for path in _recent(journals(store.journal_dir), since):
        if time.monotonic() > deadline:
            return None
        story = _told_by_caller(store, path, hashes)
        if story is None or story.call.id == call_id:
            continue
        told = {k: each for k, each in _unfinished(story).items() if k not in gone_on_with}
        gone_on_with |= {each.key for each in story.adopted.values()}
        if told and story.seen_at is not None and story.seen_at >= since:
            numbers = [each.number for each in story.filings.values() if each.partial]
            return _Unfinished(story.call.id, told, numbers[0] if numbers else None)
    return None


def _recent(paths: Iterable[Path], since: datetime) -> list[Path]:
    """Files that were written since then, the latest first."""
    ages: list[tuple[float, Path]] = []
    for path in paths:
        try:
            ages.append((path.stat().st_mtime, path))
        except OSError:
            continue  # put away meanwhile
    ages.sort(reverse=True)
    return [path for age, path in ages if age >= since.timestamp()]


def _told_by_caller(store: TicketStore, path: Path, hashes: Sequence[str]) -> CallStory | None:
    """The story of a journal that nobody holds, if the call came from this number."""
    journal = lock_journal(path)
    if journal is None:
        return None
    journal.close()
    lines = journal.reading.lines
    if not lines:
        return None
    tell = StoryLines(journal.call_id, store.cipher)
    try:
        caller = tell.retell(lines[:1]).call.caller
        return tell.retell(lines) if store.cipher.phone_hash(caller) in hashes else None
    except TicketError:
        return None


def _unfinished(story: CallStory) -> dict[str, Complaint]:
    """What was told and not read back to the caller, by key, but for what is confidential."""
    told = {index: each.complaint for index, each in story.filings.items() if each.partial}
    told |= dict(story.unfiled())
    keys = {index: each.key for index, each in story.adopted.items()}
    return {
        keys.get(index) or idempotency_key(story.call.id, index): told[index]
        for index in sorted(told)
        if not told[index].confidential
    }


def _broken(left: _Unfinished) -> BrokenCall:
    told = list(left.told.values())
    return BrokenCall(
        call_id=left.call_id,
        number=left.number,
        categories=tuple(each.category for each in told if each.category),
        description=told[0].description,
        place=told[0].place,
        landmark=told[0].landmark,
        days=told[0].days,
        name=told[0].name,
        phone=told[0].phone,
    )


def _complaint(store: TicketStore, row: Row) -> Complaint:
    """A complaint from its row; of the names of its seats only what our tables hold."""
    opened = {
        name: open_private(row, name, store.cipher)
        for name in ("place", "landmark", "name", "phone", "description")
    }
    place = None
    if opened["place"] is not None or row["candidates"]:
        seats = tuple(_seat(each) for each in row["candidates"])
        spoken = opened["place"] or ""
        place = Place(spoken, row["locality_en"], row["locality_ta"], seats)
    return Complaint(
        category=_category(row["category"]),
        place=place,
        landmark=opened["landmark"],
        days=row["days_since"],
        name=opened["name"],
        phone=opened["phone"],
        description=opened["description"] or "",
    )


def _seat(candidate: dict[str, Any]) -> SeatCandidate:
    number = candidate["number"]
    english, tamil = load_names().seat(number)
    return SeatCandidate(number, english, tamil, "", "", candidate["score"], candidate["evidence"])


def _category(code: str | None) -> Category | None:
    try:
        return Category(code) if code else None
    except ValueError:
        return None  # of a newer version, or another table
