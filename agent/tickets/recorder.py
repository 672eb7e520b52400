"""Recorder: the lines of one live call, on this machine's disk and on a second machine.

A line the disk does not take is kept in memory and written before the next one, so a disk that was
full for a while leaves no hole. The second machine gets the same lines; nobody waits for it here.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent.complaint import Call
from agent.tickets.journal import Journal, JournalLine, Kind, open_journal
from agent.tickets.second_copy import SecondCopy
from agent.tickets.store import TicketStore
from agent.tickets.story import StoryLines

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Line:
    kind: Kind
    data: dict[str, Any]
    at: datetime


class Recorder:
    """Writes down what happens in one call. Not safe between threads: the ledger locks."""

    def __init__(
        self,
        store: TicketStore,
        call: Call,
        lines: StoryLines,
        on_resume: Callable[[Sequence[JournalLine]], None],
    ) -> None:
        """Begin with the first line, not yet written.

        Args:
            store: folder, clock and second machine.
            call: whose journal it is.
            lines: makes the data of a line.
            on_resume: told the lines of an earlier process of this call, if there was one.
        """
        self._store = store
        self._call_id = call.id
        self._on_resume = on_resume
        self.journal: Journal | None = None
        """Open and locked, as soon as the disk took its first line."""
        self._told = 0
        """Lines of this process, the first included."""
        first = _Line(Kind.OPENED, lines.opened(call), store.clock())
        self._backlog = [first]
        """What the disk has not taken yet."""
        receiver = store.durability.receiver
        self._copy = SecondCopy(receiver, call.id) if receiver else None
        self._uncopied = [first]
        """Lines before it was known whether an earlier process of this call has left some."""
        self.revision = 1
        """Number of the latest line; rows that are made from it carry it."""

    def open(self, wait_s: float) -> bool:
        """Open the journal and write what it lacks; False while the disk fails."""
        written = self._write(wait_s)
        self._send()
        return written

    def append(self, kind: Kind, data: dict[str, Any]) -> bool:
        """Write one synced line, and send it; False when the disk does not take it."""
        self._told += 1
        self.revision += 1
        line = _Line(kind, data, self._store.clock())
        self._backlog.append(line)
        self._uncopied.append(line)
        return self.open(0.0)

    def is_copied(self, within_s: float) -> bool:
        """Whether the second machine has every line; waits at most ``within_s`` for it."""
        return self._copy is not None and self._copy.wait(within_s)

    @property
    def is_written(self) -> bool:
        """Whether the journal on this machine has every line."""
        return not self._backlog

    def put_away(self) -> None:
        """Move the journal to those whose rows are all stored; a damaged one stays."""
        if self.journal is None or self.journal.reading.damaged:
            return
        try:
            self.journal.move_to(self._store.done_dir)
        except OSError:
            logger.warning("journal left to replay", extra={"call_id": self._call_id})

    def close(self) -> None:
        """Let go of the journal; the second machine still gets what it lacks."""
        if self.journal is not None:
            self.journal.close()
        if self._copy is not None:
            self._copy.close()

    def _write(self, wait_s: float) -> bool:
        try:
            journal = self.journal or self._opened(wait_s)
        except OSError as exc:
            self._warn("journal cannot be opened", exc)
            return False
        try:
            while self._backlog:
                line = self._backlog[0]
                journal.append(line.kind, line.data, line.at)
                del self._backlog[0]
        except OSError as exc:
            self._warn("journal line not written", exc)
            return False
        self.revision = max(self.revision, journal.seq)
        return True

    def _opened(self, wait_s: float) -> Journal:
        journal = open_journal(self._store.journal_dir, self._call_id, wait_s=wait_s)
        self.journal = journal
        earlier = journal.reading.lines
        if earlier:
            if self._backlog and self._backlog[0].kind is Kind.OPENED:
                del self._backlog[0]
            self.revision = max(self.revision, journal.seq + len(self._backlog))
            if not self._told:
                self._uncopied = [_Line(each.kind, each.data, each.at) for each in earlier]
                self._on_resume(earlier)
        return journal

    def _send(self) -> None:
        if self._copy is not None:
            for line in self._uncopied:
                self._copy.add(line.kind, line.data, line.at)
        self._uncopied.clear()

    def _warn(self, message: str, exc: OSError) -> None:
        cause = errno.errorcode.get(exc.errno or 0, "unknown")
        logger.warning(message, extra={"call_id": self._call_id, "cause": cause})
