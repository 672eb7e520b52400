"""Going on with a call that broke off: its partial tickets are completed instead of doubled.

The later call stores its complaints under the number and the key of the partial ticket, with a
revision above all of the earlier call, so that either journal may be replayed first, and twice.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, select

from agent.errors import TicketError
from agent.tickets.acts import Adopted
from agent.tickets.database import DatabaseAway
from agent.tickets.forwarder import file_the_rest
from agent.tickets.journal import Journal, journal_name, lock_journal
from agent.tickets.lifecycle import OPEN
from agent.tickets.models import TICKET
from agent.tickets.records import COMPLETES
from agent.tickets.store import TicketStore
from agent.tickets.story import StoryLines

_LOCK_PAUSE_S = 0.02


def adopt(
    store: TicketStore, call_id: str, free: Sequence[int], *, within_s: float
) -> tuple[Adopted, ...]:
    """Partial tickets that a call left, for this call to complete.

    Complaints that the earlier call only noted get their numbers now, in its own journal, as a
    replay would give them: both journals then tell the same number.

    Args:
        store: journals and database of this machine.
        call_id: of the call that broke off.
        free: issue indexes of this call that are not filed yet, as many as are wanted at most.
        within_s: patience with the database, and with a replay that holds the journal.

    Returns:
        In the order of the earlier call's complaints; empty when it left none, or it is live.
    """
    found = {each.key: each for each in _in_journal(store, call_id, within_s)}
    found |= {each.key: each for each in _in_database(store, call_id, within_s)}
    order = sorted(found.values(), key=lambda each: each.index)
    return tuple(replace(each, index=index) for index, each in zip(free, order, strict=False))


def _in_database(store: TicketStore, call_id: str, within_s: float) -> list[Adopted]:
    query = (
        select(TICKET.c.issue_index, TICKET.c.number, TICKET.c.idempotency_key, TICKET.c.revision)
        .where(TICKET.c.call_id == call_id, TICKET.c.partial, TICKET.c.erased_at.is_(None))
        .where(TICKET.c.status.in_([status.value for status in OPEN]))
    )

    def work(connection: Connection) -> list[Adopted]:
        return [
            Adopted(row.issue_index, row.number, row.idempotency_key, _above(row.revision))
            for row in connection.execute(query)
        ]

    try:
        return store.database.look(work, within_s=within_s)
    except DatabaseAway:
        return []


def _in_journal(store: TicketStore, call_id: str, within_s: float) -> list[Adopted]:
    try:
        journal = _locked(store, call_id, time.monotonic() + within_s)
    except OSError:
        return []
    if journal is None:
        return []
    try:
        if not journal.reading.lines:
            return []
        lines = StoryLines(call_id, store.cipher)
        story = lines.retell(journal.reading.lines)
        if journal.path.parent == store.journal_dir:
            file_the_rest(store, journal, lines, story)
        partial = [each for each in story.filings.values() if each.partial]
        return [
            Adopted(each.index, each.number, each.key(call_id), _above(each.base))
            for each in partial
        ]
    except TicketError:
        return []  # damaged, another key, or no numbers: it is told anew
    finally:
        journal.close()


def _locked(store: TicketStore, call_id: str, deadline: float) -> Journal | None:
    """The journal of a call that is over, waiting or put away; waits while a replay holds it."""
    name = journal_name(call_id)
    while True:
        for folder in (store.journal_dir, store.done_dir):
            journal = lock_journal(folder / name)
            if journal is not None:
                return journal
        if not (store.journal_dir / name).exists() or time.monotonic() > deadline:
            return None
        time.sleep(_LOCK_PAUSE_S)


def _above(revision: int) -> int:
    """Where the revisions of who completes it begin."""
    return (revision // COMPLETES + 1) * COMPLETES
