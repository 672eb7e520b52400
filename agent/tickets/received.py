"""Journals a receiver took from other machines -> database, exactly once.

The machine they come from may be gone, or in the middle of a call. What a call was promised is
stored in every case; that a call is over, and its unfiled complaints are to become partial tickets,
counts as known only when its journal says so, when nothing came for longer than a call can last,
or when a person says so. The receiver's files are only read, and moved to ``done`` when over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from agent.errors import TicketError
from agent.tickets.acts import do_acts, undone
from agent.tickets.database import DatabaseAway
from agent.tickets.forwarder import (
    WITHIN_S,
    ReplayReport,
    damage_sentence,
    held_as_promised,
    journals,
    missing,
)
from agent.tickets.journal import JournalReading, lock_journal, read_journal
from agent.tickets.receiver import DONE
from agent.tickets.records import Ending, idempotency_key
from agent.tickets.store import TicketStore
from agent.tickets.story import LOST, CallStory, StoryLines

_Work = Callable[[TicketStore, JournalReading, ReplayReport], None]


def replay_received(
    store: TicketStore, folder: Path, *, quiet_s: float, over: bool = False
) -> ReplayReport:
    """Store what a receiver's folder holds and the database does not. Safe at any time, and twice.

    Args:
        store: the database; its own journals are not touched.
        folder: of the receiver.
        quiet_s: a call without an end is over when nothing came for so long.
        over: every call is over: the machines they come from are gone.

    Raises:
        DatabaseAway: the database cannot be read.
    """
    report = ReplayReport()
    found = list(journals(folder))

    def finish(store: TicketStore, reading: JournalReading, report: ReplayReport) -> None:
        if _finish(store, reading, report, quiet_s=0.0 if over else quiet_s):
            _put_away(folder / reading.name, reading)
            report.replayed += 1

    try:
        store.database.visit(lambda _: None, within_s=WITHIN_S)  # makes tables that are not there
        # Before a new number is taken, all that were given must be known.
        _each(store, found, report, _store_promised)
        _each(store, found, report, finish)
        _each(store, list(journals(folder / DONE)), report, _restore)
    except SQLAlchemyError:
        raise DatabaseAway("The ticket database cannot be read.") from None
    return report


def _each(store: TicketStore, paths: list[Path], report: ReplayReport, work: _Work) -> None:
    """Do the work for every journal; what one of them refuses does not stop the others."""
    for path in paths:
        try:
            reading = read_journal(path)
            if reading.lines:
                work(store, reading, report)
        except FileNotFoundError:
            continue  # another replay was faster
        except DatabaseAway:
            raise
        except TicketError as exc:
            report.waiting[path.name] = str(exc)
        except OSError as exc:
            report.waiting[path.name] = f"The file cannot be read or moved ({exc.strerror})."


def _store_promised(store: TicketStore, reading: JournalReading, report: ReplayReport) -> None:
    if reading.damaged:
        report.damaged.append(damage_sentence(reading))
    _save(store, _told(store, reading), report, with_call=False)


def _finish(
    store: TicketStore, reading: JournalReading, report: ReplayReport, *, quiet_s: float
) -> bool:
    """Store a call's end, and tickets of what it noted and never filed; False if it is live."""
    story, last = _told(store, reading), reading.lines[-1]
    quiet = (store.clock() - last.at).total_seconds() >= quiet_s
    if story.ending is None and not quiet:
        report.live += 1
        return False
    partial = _file_the_rest(store, story, last.seq)
    if story.ending is None:
        report.lost += 1
        story.ending = Ending(LOST, story.intent, last.at, story.turns, last.seq + 1)
    fresh = _save(store, story, report, with_call=True)
    report.partial += min(partial, fresh)
    return True


def _restore(store: TicketStore, reading: JournalReading, report: ReplayReport) -> None:
    """Store a call again that was stored before, when the database has lost its tickets."""
    if missing(store, reading) or undone(store, reading.lines, owed_only=True):
        _finish(store, reading, report, quiet_s=0.0)
        report.restored += 1


def _told(store: TicketStore, reading: JournalReading) -> CallStory:
    return StoryLines(reading.lines[0].call_id, store.cipher).retell(reading.lines)


def _save(store: TicketStore, story: CallStory, report: ReplayReport, *, with_call: bool) -> int:
    rows = story.rows(story.filings, store.cipher, with_call)
    added = store.save(*rows, within_s=WITHIN_S)
    report.tickets += added.fresh
    held_as_promised(story, added)
    refused = do_acts(store, story.call.id, story.acts.values(), within_s=WITHIN_S)
    report.refused += len(refused) * with_call
    return added.fresh


def _file_the_rest(store: TicketStore, story: CallStory, seq: int) -> int:
    """Number complaints that were noted, never filed; those the database has keep their number."""
    rest = story.unfiled()
    if not rest:
        return 0
    keys = {index: idempotency_key(story.call.id, index) for index, _ in rest}
    held = store.repository.held(list(keys.values()))
    numbers = {index: held[key].number for index, key in keys.items() if key in held}
    lacking = [index for index in keys if index not in numbers and index not in story.adopted]
    numbers.update(zip(lacking, store.take_numbers(len(lacking)), strict=True))
    at = story.seen_at or store.clock()
    filings = story.filings_of(rest, numbers, at, partial=True)
    story.filings.update({n: replace(each, revision=seq + 1) for n, each in filings.items()})
    return len(rest)


def _put_away(path: Path, stored: JournalReading) -> None:
    """Move the file, unless the receiver writes to it or has more by now: the next replay does."""
    journal = lock_journal(path)
    if journal is not None:
        try:
            if journal.seq == stored.lines[-1].seq:
                journal.move_to(path.parent / DONE)
        finally:
            journal.close()
