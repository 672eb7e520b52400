"""CallLedger: the one door between a call and its durable record.

The order is fixed: journal line synced -> row stored -> number returned. When the database is away
the number still comes, from a block this machine holds, and the forwarder brings the row later.
When the journal's disk fails, a row in the database is durable enough. When both fail, no number
leaves. All methods block; a call runs them in a thread, one at a time.
"""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent.complaint import Call, Complaint, Intent
from agent.errors import NumbersExhausted, TicketError, TicketNotSaved
from agent.tickets.database import DatabaseAway, NumberTaken
from agent.tickets.journal import LOCK_WAIT_S, Journal, Kind, open_journal
from agent.tickets.records import Ending, Filing, idempotency_key
from agent.tickets.store import TicketStore
from agent.tickets.story import CallStory, StoryLines

__all__ = ["CallLedger", "Filed", "TicketStore"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Filed:
    """Tickets that may be spoken of: every number here is durable."""

    numbers: tuple[str, ...]
    """In the order of the complaints."""
    stored: bool
    """The rows are in the database; else they are in the journal and on their way."""


class CallLedger:
    """The record of one call while it is live. Not shared between calls."""

    def __init__(self, store: TicketStore, call: Call) -> None:
        """Start an empty record; use :meth:`open`, which also opens the journal."""
        self._store = store
        self._story = CallStory(call)
        self._lines = StoryLines(call.id, store.cipher)
        self._journal: Journal | None = None
        self._revision = 0
        self._unstored: set[int] = set()
        self._reserved: dict[int, str] = {}
        """Numbers taken for complaints that are not filed yet."""
        self._closed: Filed | None = None
        self._lock = threading.RLock()

    @classmethod
    def open(cls, store: TicketStore, call: Call) -> CallLedger:
        """Open the journal of a call; goes on where an earlier process of the same call stopped.

        A journal that cannot be opened does not end the call: the ledger tries again with every
        line, and until then only a stored row counts as durable.
        """
        ledger = cls(store, call)
        ledger._ready_journal(LOCK_WAIT_S)
        return ledger

    @property
    def numbers(self) -> tuple[str, ...]:
        """All ticket numbers of this call so far."""
        return self._story.numbers

    def consent(self, granted: bool | None) -> None:
        """Record the answer to the consent question; None when there was none."""
        with self._lock:
            self._story.consent = granted
            self._append(Kind.CONSENT, {"granted": granted})

    def note(self, complaints: Sequence[Complaint], intent: Intent) -> None:
        """Record what is known after a committed turn, synced: a dropped call loses nothing.

        A disk that fails is logged, not raised: the conversation goes on.
        """
        with self._lock:
            if self._closed is not None:
                return
            story = self._story
            story.turns += 1
            story.complaints, story.intent = tuple(complaints), intent
            self._append(Kind.HEARD, self._lines.heard(story.complaints, intent))

    def file(self, complaints: Sequence[Complaint]) -> Filed:
        """Make tickets of complaints; what comes back may be spoken.

        The complaint at one index keeps its number for ever: filing it again returns that number,
        and brings its row up to date when the complaint has changed since.

        Raises:
            TicketNotSaved: neither journal nor database took it; say no number. May be retried.
            NumbersExhausted: no number can be had; the complaint stays in the journal and gets its
                ticket from the forwarder.
        """
        with self._lock:
            started = time.perf_counter()
            try:
                self._file(list(enumerate(complaints)))
            except NumbersExhausted:
                self._keep_noted(tuple(complaints))
                raise
            filed = Filed(
                tuple(self._story.filings[index].number for index in range(len(complaints))),
                stored=not self._unstored,
            )
            logger.info(
                "tickets filed",
                extra={
                    "call_id": self._story.call.id,
                    "tickets": len(filed.numbers),
                    "stored": filed.stored,
                    "file_s": round(time.perf_counter() - started, 4),
                },
            )
            return filed

    def close(
        self, outcome: str, intent: Intent, complaints: Sequence[Complaint] | None = None
    ) -> Filed:
        """End the record; complaints that were never filed become partial tickets.

        Args:
            outcome: how the call ended, a word of the flow.
            intent: why the caller phoned, as understood at the end.
            complaints: the final state, or None for what was noted last. An empty sequence says
                that nothing is left to act on.

        Returns:
            All tickets of the call. Never raises for a disk or a database: the caller has gone,
            and what is in the journal is brought by the forwarder.
        """
        with self._lock:
            if self._closed is None:
                try:
                    self._closed = self._close(outcome, intent, complaints)
                finally:
                    if self._journal is not None:
                        self._journal.close()
                self._store.top_up()
            return self._closed

    def _close(self, outcome: str, intent: Intent, complaints: Sequence[Complaint] | None) -> Filed:
        story = self._story
        story.intent = intent
        if complaints is not None:
            story.complaints = tuple(complaints)
        given = dict(story.filings)
        written = self._file_the_rest()
        closed = self._lines.closed(outcome, intent, story.turns, story.complaints)
        written &= self._append(Kind.CLOSED, closed)
        now = self._store.clock()
        story.ending = Ending(outcome, intent, now, story.turns, self._revision)
        try:
            stored = self._save(story.filings, with_call=True)
        except NumberTaken:
            stored = False
        if stored:
            self._append(Kind.STORED, {"tickets": len(story.filings), "call": True})
            self._put_away()
        elif not written:
            story.filings = given
            logger.error("call could not be recorded", extra={"call_id": story.call.id})
        return Filed(story.numbers, stored)

    def _file_the_rest(self) -> bool:
        """Number and journal what was never filed (partial) and what changed since it was filed."""
        story = self._story
        known = [each for each in enumerate(story.complaints) if each[0] in story.filings]
        filings: dict[int, Filing] = {}
        try:
            filings |= self._number(known, partial=False)
            filings |= self._number(story.unfiled(), partial=True)
        except NumbersExhausted:
            logger.warning("unfiled complaints left to replay", extra={"call_id": story.call.id})
        written = self._write_filings(filings)
        story.filings.update(filings)
        return written

    def _file(self, complaints: Sequence[tuple[int, Complaint]]) -> None:
        """Give numbers, journal, store; adopt the filings only when one of the two holds them."""
        story = self._story
        filings = self._number(complaints, partial=False)
        fresh = [index for index in filings if index not in story.filings]
        journalled = self._write_filings(filings)
        wanted = {**{index: story.filings[index] for index in self._unstored}, **filings}
        try:
            stored = self._save(wanted)
        except NumberTaken:
            journalled, stored = self._renumber(wanted, fresh)
        if not (journalled or stored):
            raise TicketNotSaved("Neither the journal nor the database took the ticket.")
        story.filings.update(wanted)
        if not stored:
            self._unstored.update(filings)
        elif wanted:
            self._unstored.clear()
            self._append(Kind.STORED, {"tickets": len(wanted)})

    def _renumber(self, wanted: dict[int, Filing], fresh: list[int]) -> tuple[bool, bool]:
        """Replace numbers that others hold; returns whether journalled, and whether stored.

        Happens only when two machines run on one copied disk image. Only numbers that were not
        spoken change; when a spoken one is taken, its row waits for a person (``tickets check``).
        """
        for index, number in zip(fresh, self._store.take_numbers(len(fresh)), strict=True):
            self._reserved[index] = number
            wanted[index] = replace(wanted[index], number=number)
        renewed = {index: wanted[index] for index in fresh}
        journalled = self._write_filings(renewed)
        wanted.update(renewed)
        try:
            return journalled, self._save(wanted)
        except NumberTaken:
            return journalled, False

    def _number(
        self, complaints: Sequence[tuple[int, Complaint]], *, partial: bool
    ) -> dict[int, Filing]:
        """Filings of complaints that are new, or differ from what was filed, by index."""
        given, reserved = self._story.filings, self._reserved
        # A number taken by an attempt that failed is used again: its row may still arrive late.
        fresh = [index for index, _ in complaints if index not in given and index not in reserved]
        reserved.update(zip(fresh, self._store.take_numbers(len(fresh)), strict=True))
        now = self._store.clock()
        filings: dict[int, Filing] = {}
        for index, complaint in complaints:
            old = given.get(index)
            if old is None:
                filings[index] = Filing(index, reserved[index], complaint, now, 0, partial)
            elif old.complaint != complaint:
                filings[index] = replace(old, complaint=complaint)
        return filings

    def _write_filings(self, filings: dict[int, Filing]) -> bool:
        """Journal filings and note the revision they got; True when there was nothing to write."""
        if not filings:
            return True
        journalled = self._append(Kind.FILED, self._lines.filed(list(filings.values())))
        for index, filing in filings.items():
            filings[index] = replace(filing, revision=self._revision)
        return journalled

    def _save(self, filings: dict[int, Filing], *, with_call: bool = False) -> bool:
        """Store rows; False when the database is away.

        ``filings`` goes on with the number the database holds for a complaint: it differs only
        when an attempt of an earlier process was not spoken and reached the database after all.
        """
        if not filings and not with_call:
            return True
        story, call_id = self._story, self._story.call.id
        try:
            added = self._store.save(*story.rows(filings, self._store.cipher, with_call))
        except DatabaseAway:
            logger.warning("database away", extra={"call_id": call_id})
            return False
        for index, filing in filings.items():
            number = added.numbers[idempotency_key(call_id, index)]
            if number != filing.number:
                filings[index] = replace(filing, number=number)
                self._append(Kind.FILED, self._lines.filed([filings[index]]))
        return True

    def _keep_noted(self, complaints: tuple[Complaint, ...]) -> None:
        """Leave in the journal what got no number, for the forwarder to number."""
        if complaints != self._story.complaints:
            intent = self._story.intent or complaints[0].intent
            self._story.complaints = complaints
            self._append(Kind.HEARD, self._lines.heard(complaints, intent))

    def _put_away(self) -> None:
        if self._journal is None or self._journal.reading.damaged:
            return
        try:
            self._journal.move_to(self._store.done_dir)
        except OSError:
            logger.warning("journal left to replay", extra={"call_id": self._story.call.id})

    def _append(self, kind: Kind, data: dict[str, Any]) -> bool:
        """Write one synced line; False when the disk does not take it."""
        self._revision += 1
        journal = self._ready_journal(0.0)
        if journal is None:
            return False
        try:
            seq = journal.append(kind, data, self._store.clock())
        except OSError as exc:
            self._warn("journal line not written", exc)
            return False
        self._revision = max(self._revision, seq)
        return True

    def _ready_journal(self, wait_s: float) -> Journal | None:
        """The journal with its first line written, or None while the disk fails."""
        call = self._story.call
        try:
            if self._journal is None:
                self._journal = open_journal(self._store.journal_dir, call.id, wait_s=wait_s)
                self._resume(self._journal)
            if self._journal.seq == 0:
                self._journal.append(Kind.OPENED, self._lines.opened(call), self._store.clock())
        except OSError as exc:
            self._warn("journal cannot be opened", exc)
            return None
        return self._journal

    def _warn(self, message: str, exc: OSError) -> None:
        cause = errno.errorcode.get(exc.errno or 0, "unknown")
        logger.warning(message, extra={"call_id": self._story.call.id, "cause": cause})

    def _resume(self, journal: Journal) -> None:
        """Take over what an earlier process of this call has recorded."""
        told_already = self._revision > 0
        self._revision = max(self._revision, journal.seq)
        if told_already or not journal.reading.lines:
            return
        try:
            self._story = self._lines.retell(journal.reading.lines)
        except TicketError:
            logger.warning("journal cannot be read", extra={"call_id": self._story.call.id})
            return
        self._unstored = set(self._story.filings)
