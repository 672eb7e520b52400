"""CallLedger: the one door between a call and its durable record.

The order is fixed: journal line synced -> row stored -> number returned. When the database is away
the number still comes, from a block this machine holds, and the forwarder brings the row later.
When the journal's disk fails, a row in the database is durable enough, or the line on a second
machine. When all fail, no number leaves. What is only on a disk that vanishes with its machine is
kept under a number that is *provisional*: it must not be spoken, and we owe the caller a call.
All methods block; a call runs them in a thread, one at a time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.complaint import ActKind, Call, Complaint, Intent
from agent.errors import NumbersExhausted, TicketError, TicketNotSaved
from agent.tickets.acting import Acting, Outcome
from agent.tickets.database import DatabaseAway, NumberTaken
from agent.tickets.journal import LOCK_WAIT_S, Journal, JournalLine, Kind
from agent.tickets.recorder import Recorder
from agent.tickets.records import (
    RECORDING,
    UNVERSIONED,
    CallBack,
    Consent,
    Ending,
    Filing,
    Owed,
)
from agent.tickets.store import WITHIN_S, TicketStore
from agent.tickets.story import CallStory, StoryLines
from agent.tickets.voice_notes import VoiceNotes, seconds_of

__all__ = ["CallLedger", "Filed", "TicketStore"]

COPY_WAIT_S = 0.3
"""How long a caller waits for the second machine to have one line more, after the database."""
SETTLE_PAUSE_S = 0.5
"""Between two tries to write down a call that nothing has taken yet."""
MOST_ISSUES = 8
"""Complaints of a broken call that are gone on with, at most."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Filed:
    """Tickets of a call. They may be spoken of unless they are provisional."""

    numbers: tuple[str, ...]
    """In the order of the complaints."""
    stored: bool
    """The rows are in the database; else they are in the journal and on their way."""
    provisional: bool = False
    """One of them at least would be lost with this machine: speak none that was not spoken."""


class CallLedger:
    """The record of one call while it is live. Not shared between calls."""

    def __init__(self, store: TicketStore, call: Call) -> None:
        """Start an empty record; use :meth:`open`, which also opens the journal."""
        self._store = store
        self._story = CallStory(call)
        self._lines = StoryLines(call.id, store.cipher)
        self._recorder = Recorder(store, call, self._lines, self._resume)
        self._acting = Acting(store, self._recorder, self._lines)
        self._unstored: set[int] = set()
        self._unspoken: set[int] = set()
        """Filed, but not durable enough to be spoken of."""
        self._reserved: dict[int, str] = {}
        """Numbers taken for complaints that are not filed yet."""
        self._noted = True
        """Everything told so far is durable."""
        self._closed: Filed | None = None
        self._settled = False
        self._lock = threading.RLock()
        self._notes = VoiceNotes(store.data_dir, store.cipher)

    @classmethod
    def open(cls, store: TicketStore, call: Call) -> CallLedger:
        """Open the journal of a call; goes on where an earlier process of the same call stopped.

        A journal that cannot be opened does not end the call: the ledger tries again with every
        line, and until then only a stored row or a line on a second machine counts as durable.
        """
        ledger = cls(store, call)
        ledger._recorder.open(LOCK_WAIT_S)
        return ledger

    @property
    def numbers(self) -> tuple[str, ...]:
        """All ticket numbers of this call so far."""
        return self._story.numbers

    @property
    def _journal(self) -> Journal | None:
        """The open journal; a test lets go of it as the kernel does for a dead process."""
        return self._recorder.journal

    def consent(
        self, granted: bool | None, *, version: str = UNVERSIONED, kind: str = RECORDING
    ) -> None:
        """Record the answer to a question for consent.

        Args:
            granted: the answer; None when there was none.
            version: of the sentence that was spoken.
            kind: ``recording`` or ``abroad``.
        """
        with self._lock:
            given = Consent(kind, version, granted, self._store.clock())
            self._story.consents[kind] = given
            self._recorder.append(
                Kind.CONSENT, {"granted": granted, "kind": kind, "version": version}
            )

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
            self._recorder.append(Kind.HEARD, self._lines.heard(story.complaints, intent))

    def file(self, complaints: Sequence[Complaint]) -> Filed:
        """Make tickets of complaints; what comes back may be spoken unless it is provisional.

        For provisional tickets a call-back is noted as well, to the number the caller gave.

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
            except TicketNotSaved:
                self._noted = False
                raise
            filed = Filed(
                tuple(self._story.filings[index].number for index in range(len(complaints))),
                stored=not self._unstored,
                provisional=bool(self._unspoken.intersection(range(len(complaints)))),
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

    def call_back(self, phone: str | None) -> bool:
        """Note that we owe the caller a call, because filing failed; does not ask the database.

        It reaches the database with the rest of the call, as soon as anything takes it.

        Args:
            phone: where to; None when the caller gave no number.

        Returns:
            Whether that is durable now, so that the call may be promised.
        """
        with self._lock:
            self._owe(Owed.PROVISIONAL if self._noted else Owed.DISK_FULL, phone)
            return self._is_final() or self._recorder.is_copied(COPY_WAIT_S)

    def act(self, kind: str, number: str | None, value: str = "", phone: str | None = None) -> bool:
        """Make durable what the caller does to tickets besides filing; once a call and ticket.

        Args:
            kind: an :class:`~agent.tickets.acts.ActKind`.
            number: of the ticket it is about.
            value: what the kind asks for: a reason, a right, a grade, the id of a call.
            phone: whom to call back; None: the number the call comes from.

        Returns:
            Whether it will be as the caller said, so that it may be spoken of. False when it makes
            no sense or is not allowed (reopening an open ticket), when nothing that outlives this
            machine has it, and for ``resume`` when there is nothing to go on with.
        """
        with self._lock:
            first = max([*self._story.filings, *self._reserved], default=-1) + 1
            free = range(first, first + MOST_ISSUES)
            outcome = self._acting.act(self._story, kind, number, value, phone, free)
            if outcome is Outcome.REFUSED or kind == ActKind.RESUME:
                return outcome is Outcome.STORED
            stored = outcome is Outcome.STORED
            if stored and not self._unstored:
                self._recorder.append(Kind.STORED, {"acts": 1})
            return self._is_final(stored=stored) or self._recorder.is_copied(COPY_WAIT_S)

    def keep_note(self, pcm: bytes) -> float:
        """Keep what was said as sound, sealed; its row is stored with that of the call.

        Args:
            pcm: int16 mono at 16 kHz.

        Returns:
            Its length in seconds; 0 when there was none or it could not be kept.
        """
        if not pcm:
            return 0.0
        call_id = self._story.call.id
        with self._lock:
            path = self._notes.keep(call_id, self._notes.count(call_id) + 1, pcm)
            self._list_notes()
        return seconds_of(pcm) if path is not None else 0.0

    def _list_notes(self) -> None:
        """Write down what is kept as sound and is not listed yet."""
        call_id, sounds = self._story.call.id, self._story.sounds
        for sound in self._notes.unlisted(call_id, sounds, self._store.machine):
            sounds[sound.file] = sound
            self._recorder.append(Kind.SOUND, self._lines.sound(sound))

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
                except BaseException:
                    self._settled = True
                    raise
                finally:
                    if self._settled:
                        self._recorder.close()
                self._store.top_up()
            return self._closed

    def settle(self, within_s: float) -> bool:
        """Try on, after :meth:`close`, until a disk or a database has the call; else give up.

        Returns:
            Whether it is written down somewhere. At once, when it was when the call closed.
        """
        deadline = time.monotonic() + within_s
        while True:
            with self._lock:
                self._settled = self._settled or self._write_down()
                if self._settled or time.monotonic() > deadline:
                    self._recorder.close()
                    return self._settled
            time.sleep(SETTLE_PAUSE_S)

    def _close(self, outcome: str, intent: Intent, complaints: Sequence[Complaint] | None) -> Filed:
        story = self._story
        story.intent = intent
        if complaints is not None:
            story.complaints = tuple(complaints)
        given = dict(story.filings)
        self._list_notes()
        written = self._file_the_rest()
        closed = self._lines.closed(outcome, intent, story.turns, story.complaints)
        written &= self._recorder.append(Kind.CLOSED, closed)
        revision = self._recorder.revision
        story.ending = Ending(outcome, intent, self._store.clock(), story.turns, revision)
        stored = self._store_all()
        self._settled = stored or written or self._recorder.is_copied(0.0)
        if not self._settled:
            logger.error("call is not recorded yet", extra={"call_id": story.call.id})
            return Filed(tuple(given[index].number for index in sorted(given)), stored=False)
        return Filed(story.numbers, stored)

    def _store_all(self) -> bool:
        """Store the call with all its tickets; the journal is then done with."""
        try:
            story = self._story
            stored = self._save(story.filings, with_call=True) and self._acting.finish(story)
        except NumberTaken:
            return False
        if stored:
            tickets = len(self._story.filings)
            self._recorder.append(Kind.STORED, {"tickets": tickets, "call": True})
            self._recorder.put_away()
        return stored

    def _write_down(self) -> bool:
        """One more try for a call that nothing took when it closed."""
        if self._recorder.open(0.0) or self._recorder.is_copied(0.0):
            return True
        self._file_the_rest()
        return self._store_all()

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
        """Give numbers, journal, store; adopt the filings only when somebody holds them."""
        story = self._story
        deadline = time.monotonic() + WITHIN_S
        filings = self._number(complaints, partial=False)
        known = (*story.filings, *story.adopted)
        fresh = [index for index in filings if index not in known]
        journalled = self._write_filings(filings)
        wanted = {**{index: story.filings[index] for index in self._unstored}, **filings}
        try:
            stored = self._save(wanted)
        except NumberTaken:
            journalled, stored = self._renumber(wanted, fresh)
        final = self._is_final(stored=stored)
        copied = not final and self._recorder.is_copied(deadline - time.monotonic())
        if not (journalled or stored or copied):
            raise TicketNotSaved("Neither the journal nor the database took the ticket.")
        story.filings.update(wanted)
        self._noted = True
        if not stored:
            self._unstored.update(filings)
        elif wanted:
            self._unstored.clear()
            self._recorder.append(Kind.STORED, {"tickets": len(wanted)})
        if final or copied:
            self._unspoken.clear()
        else:
            self._keep_unspoken(filings)

    def _keep_unspoken(self, filings: dict[int, Filing]) -> None:
        """Nothing outlives this machine yet: their numbers stay unsaid, and a call is owed."""
        self._unspoken.update(filings)
        if self._unspoken:
            call_id, tickets = self._story.call.id, len(self._unspoken)
            logger.warning("numbers withheld", extra={"call_id": call_id, "tickets": tickets})
            first = self._story.filings[min(self._unspoken)]
            self._owe(Owed.PROVISIONAL, first.complaint.phone)

    def _owe(self, reason: str, phone: str | None) -> None:
        """Note a call we owe, once for each reason."""
        callbacks = self._story.callbacks
        if reason not in callbacks:
            callbacks[reason] = CallBack(reason, phone, self._store.clock())
            self._recorder.append(Kind.CALLBACK, self._lines.callback(callbacks[reason]))

    def _is_final(self, *, stored: bool = False) -> bool:
        """Whether all that was told outlives this machine, as far as we know without asking."""
        written = self._recorder.is_written
        return self._store.durability.is_final(journalled=written, stored=stored)

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
        has = (*given, *reserved, *self._story.adopted)
        fresh = [index for index, _ in complaints if index not in has]
        reserved.update(zip(fresh, self._store.take_numbers(len(fresh)), strict=True))
        now = self._store.clock()
        return self._story.filings_of(complaints, reserved, now, partial=partial)

    def _write_filings(self, filings: dict[int, Filing]) -> bool:
        """Journal filings and note the revision they got; True when there was nothing to write."""
        if not filings:
            return True
        journalled = self._recorder.append(Kind.FILED, self._lines.filed(list(filings.values())))
        for index, filing in filings.items():
            filings[index] = replace(filing, revision=self._recorder.revision)
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
            number = added.numbers[filing.key(call_id)]
            if number != filing.number:
                filings[index] = replace(filing, number=number)
                self._recorder.append(Kind.FILED, self._lines.filed([filings[index]]))
        return True

    def _keep_noted(self, complaints: tuple[Complaint, ...]) -> None:
        """Leave in the journal what got no number, for the forwarder to number."""
        if complaints != self._story.complaints:
            intent = self._story.intent or complaints[0].intent
            self._story.complaints = complaints
            self._recorder.append(Kind.HEARD, self._lines.heard(complaints, intent))
        self._noted = self._is_final() or self._recorder.is_copied(0.0)

    def _resume(self, lines: Sequence[JournalLine]) -> None:
        """Take over what an earlier process of this call has recorded."""
        try:
            self._story = self._lines.retell(lines)
        except TicketError:
            logger.warning("journal cannot be read", extra={"call_id": self._story.call.id})
            return
        self._unstored = set(self._story.filings)
