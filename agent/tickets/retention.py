"""What has been kept long enough goes, by the days of the settings; what is still needed stays.

Words of a ticket go when it has been finished long enough; sound when no ticket of its call is
open; a journal when its rows are in the database. Counts stay (:mod:`agent.tickets.erasure`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Delete,
    Select,
    Update,
    and_,
    delete,
    func,
    null,
    or_,
    select,
    update,
)

from agent.settings import RetentionSettings
from agent.tickets.audit import Person, add_access
from agent.tickets.erasure import Target, erase_returned_calls, erase_rows, scrub
from agent.tickets.erasure_files import finish_erasures
from agent.tickets.events import SYSTEM
from agent.tickets.forwarder import missing
from agent.tickets.journal import SUFFIX, lock_journal
from agent.tickets.lifecycle import DONE, OPEN
from agent.tickets.models import ATTACHMENT, CALL, CALLBACK, OUTBOX, TELLING, TICKET
from agent.tickets.sealed_columns import fill_last_fours
from agent.tickets.sealed_files import call_stem, sealed_files, stem_of
from agent.tickets.store import TicketStore
from agent.tickets.upkeep_lock import upkeep_alone

WITHIN_S: Final = 30.0
BATCH: Final = 200
_PERSON: Final = Person("system", "retention: docs/privacy.md")

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class RetentionReport:
    """What went, or with ``dry_run`` would go."""

    tickets: int = 0
    """Finished tickets whose words, name and number went."""
    callers: int = 0
    """Calls whose number went."""
    callbacks: int = 0
    messages: int = 0
    """Messages to others that were sent, or given up."""
    voice_notes: int = 0
    recordings: int = 0
    journals: int = 0
    finished: int = 0
    """Journals and files of what was erased elsewhere, or while its call was live."""

    @property
    def total(self) -> int:
        """All of it together."""
        return sum(asdict(self).values())


def keep_only_what_is_needed(
    store: TicketStore, settings: RetentionSettings, now: datetime, *, dry_run: bool = False
) -> RetentionReport:
    """Let go of everything that has been kept as long as the settings say.

    Meant for a machine's periodic upkeep, about once a day; every machine runs it, because nobody
    else reaches its journals and sound. Safe to be killed and to be run again.

    Args:
        store: database, journals, sound.
        settings: days of each kind; 0 keeps it.
        now: the time, UTC.
        dry_run: only count.

    Raises:
        DatabaseAway: the database does not answer; what is left goes next time.
        UsageError: another upkeep is at work.
        OSError: a file cannot be deleted.
    """
    report = RetentionReport()
    with upkeep_alone(store.data_dir):
        work = _Retention(store, now, dry_run)
        report.tickets = work.tickets(settings.words_days)
        report.callers = work.callers(settings.callers_days)
        report.callbacks = work.callbacks(settings.callers_days)
        report.messages = work.messages(settings.callers_days)
        report.voice_notes = work.sound("voice_notes", settings.voice_notes_days)
        report.recordings = work.sound("recordings", settings.recordings_days)
        report.journals = work.journals(settings.journals_days)
        if not dry_run:
            gone = finish_erasures(store)
            report.finished = gone.journals + gone.files + erase_returned_calls(store)
            fill_last_fours(store.database, store.cipher)
            if report.total:
                work.write_down(report)
                scrub(store)
    if report.total:
        logger.info("retention", extra={"tickets": report.tickets, "files": report.total})
    return report


class _Retention:
    def __init__(self, store: TicketStore, now: datetime, dry_run: bool) -> None:
        self._store = store
        self._now = now
        self._dry_run = dry_run

    def tickets(self, days: int) -> int:
        """Erase finished tickets as if their citizens had asked for it."""
        finished = func.coalesce(TICKET.c.resolved_at, TICKET.c.updated_at, TICKET.c.created_at)
        old = and_(
            TICKET.c.erased_at.is_(None),
            TICKET.c.status.in_([status.value for status in DONE]),
            finished < self._before(days),
        )
        if not days:
            return 0
        if self._dry_run:
            return self._count(select(func.count()).select_from(TICKET).where(old))
        total = 0
        for numbers in self._batches(TICKET.c.id, TICKET.c.number, old):
            target = Target(tuple(numbers), by="retention")
            total += len(erase_rows(self._store, target, None, actor=SYSTEM).tickets)
        return total

    def callers(self, days: int) -> int:
        """Empty the numbers of old calls; a ticket keeps the number its citizen left."""
        filled = or_(*(CALL.c[n].is_not(None) for n in ("caller", "caller_hash",
                                                        "caller_last4_hash")))  # fmt: skip
        old = and_(filled, CALL.c.started_at < self._before(days))
        if not days:
            return 0
        if self._dry_run:
            return self._count(select(func.count()).select_from(CALL).where(old))
        bare = {"caller": null(), "caller_hash": null(), "caller_last4_hash": null()}
        total = 0
        for ids in self._batches(CALL.c.id, CALL.c.id, old):
            empty = update(CALL).where(CALL.c.id.in_(ids)).values(bare)
            total += self._change(empty)
        return total

    def callbacks(self, days: int) -> int:
        """Empty the numbers of call-backs that are done."""
        filled = or_(CALLBACK.c.phone.is_not(None), CALLBACK.c.phone_hash.is_not(None))
        old = and_(filled, CALLBACK.c.done_at < self._before(days))
        if not days:
            return 0
        if self._dry_run:
            return self._count(select(func.count()).select_from(CALLBACK).where(old))
        bare = update(CALLBACK).where(old).values(phone=null(), phone_hash=null())
        return self._change(bare)

    def messages(self, days: int) -> int:
        """Delete messages to others that are done, or were given up."""
        old = and_(OUTBOX.c.next_at.is_(None), OUTBOX.c.created_at < self._before(days))
        if not days:
            return 0
        if self._dry_run:
            return self._count(select(func.count()).select_from(OUTBOX).where(old))
        return self._change(delete(OUTBOX).where(old))

    def sound(self, folder: str, days: int) -> int:
        """Delete old sound, unless a ticket of its call still waits to be worked on."""
        if not days:
            return 0
        before = self._before(days)
        old = {path: stem_of(path) for path, _ in sealed_files(self._store.data_dir / folder)
               if _age(path) < before}  # fmt: skip
        open_ones = self._open_calls() if old else set()
        gone = [path for path, stem in old.items() if stem not in open_ones]
        if not self._dry_run and gone:
            names = [f"{folder}/{path.name}" for path in gone]
            self._visit(lambda connection: self._mark_deleted(connection, names))
            for path in gone:
                path.unlink(missing_ok=True)
        return len(gone)

    def journals(self, days: int) -> int:
        """Delete journals that were put away long ago and whose tickets the database holds."""
        if not days:
            return 0
        before, gone = self._before(days), 0
        for path in _put_away(self._store.done_dir):
            if _age(path) >= before:
                continue
            journal = lock_journal(path)
            if journal is None:
                continue
            try:
                if missing(self._store, journal.reading):
                    continue  # the only copy: kural tickets replay brings it back
                gone += 1
                if not self._dry_run:
                    journal.remove()
            finally:
                journal.close()
        return gone

    def write_down(self, report: RetentionReport) -> None:
        """The audit tells what went, in numbers."""
        facts = {name: count for name, count in asdict(report).items() if count}
        self._visit(lambda c: add_access(c, _PERSON, "retain", facts, self._now))

    def _open_calls(self) -> set[str]:
        opened = TICKET.c.status.in_([status.value for status in OPEN])
        told = select(TELLING.c.call_id).join(TICKET, TICKET.c.idempotency_key == TELLING.c.key)
        query = select(TICKET.c.call_id).where(opened).union(told.where(opened))
        return {call_stem(each) for each in self._visit(lambda c: c.execute(query).scalars().all())}

    def _mark_deleted(self, connection: Connection, names: list[str]) -> None:
        for name in names:
            same = and_(ATTACHMENT.c.file == name, ATTACHMENT.c.deleted_at.is_(None))
            connection.execute(update(ATTACHMENT).where(same).values(deleted_at=self._now))

    def _batches(
        self, order: Column[Any], wanted: Column[Any], old: ColumnElement[bool]
    ) -> Iterator[list[Any]]:
        """Yield values of old rows, some at a time, without looking at a row twice."""
        query = select(order, wanted).where(old).order_by(order).limit(BATCH)
        last: Any = None
        while True:
            following = query if last is None else query.where(order > last)
            rows = self._rows(following)
            if not rows:
                return
            last = rows[-1][0]
            yield [row[1] for row in rows]

    def _rows(self, query: Select[Any]) -> list[Any]:
        return self._visit(lambda connection: list(connection.execute(query)))

    def _change(self, statement: Update | Delete) -> int:
        return self._visit(lambda connection: connection.execute(statement).rowcount)

    def _before(self, days: int) -> datetime:
        return self._now - timedelta(days=days)

    def _count(self, query: Select[int]) -> int:
        return self._visit(lambda connection: connection.execute(query).scalar_one())

    def _visit(self, work: Callable[[Connection], Result]) -> Result:
        return self._store.database.visit(work, within_s=WITHIN_S)


def _put_away(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if path.suffix == SUFFIX)


def _age(path: Path) -> datetime:
    with suppress(OSError):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return datetime.max.replace(tzinfo=UTC)
