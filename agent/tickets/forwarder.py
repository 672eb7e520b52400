"""Leftovers of journals -> database, exactly once; and the proof that nothing is missing.

A journal that nobody holds belongs to a call that is over or whose process died. Its rows are
written by key, so that replaying any number of times, from any moment of a crash, stores each
ticket once. Journals of live calls are locked by them and only read: a number that was spoken while
the database was away gets its row as soon as the database is back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from agent.errors import TicketError
from agent.tickets.acts import do_acts, undone
from agent.tickets.casework import NoSuchTicket
from agent.tickets.database import DatabaseAway, NumberTaken
from agent.tickets.journal import (
    SUFFIX,
    Journal,
    JournalLine,
    JournalReading,
    Kind,
    lock_journal,
    read_journal,
)
from agent.tickets.records import Ending, idempotency_key
from agent.tickets.repository import Added, Held
from agent.tickets.store import TicketStore
from agent.tickets.story import LOST, CallStory, StoryLines
from agent.tickets.voice_notes import VoiceNotes

WITHIN_S = 10.0
"""Nobody is on the line any more: the database may take longer than during a call."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class ReplayReport:
    """What one pass over the journals did."""

    live: int = 0
    """Journals of calls that go on; left alone."""
    replayed: int = 0
    """Journals whose rows are all stored now; moved to ``journal/done``."""
    tickets: int = 0
    """Rows that were not in the database before."""
    partial: int = 0
    """Tickets made of complaints that were noted, never filed."""
    lost: int = 0
    """Calls that never said how they ended."""
    torn: int = 0
    """Journals whose last line was cut off by a crash; nobody was promised anything for it."""
    damaged: list[str] = field(default_factory=list)
    """One sentence for each damaged journal; what could be read of it is stored."""
    waiting: dict[str, str] = field(default_factory=dict)
    """Journals that could not be stored now, with the reason."""
    restored: int = 0
    """Journals put away earlier whose tickets the database had lost; stored again."""
    refused: int = 0
    """What callers did to tickets while the database was away, and what was not allowed any more
    when it came back: a ticket that was open again already, and the like."""
    away: bool = False
    """The database did not answer; what is left waits."""

    @property
    def is_clean(self) -> bool:
        """Nothing waits and nothing was damaged."""
        return not (self.damaged or self.waiting)


@dataclass(slots=True)
class CheckReport:
    """How journals and database agree."""

    tickets: int = 0
    """Rows in the database."""
    unreadable: int = 0
    """Rows the key does not open."""
    journals: int = 0
    """Journals that were compared with the database."""
    live: int = 0
    """Journals of calls that go on; not compared."""
    waiting: int = 0
    """Journals that ``kural tickets replay`` has not stored yet."""
    torn: int = 0
    """Journals whose last line was cut off by a crash."""
    missing: list[str] = field(default_factory=list)
    """Ticket numbers in a journal but not in the database."""
    undone: list[str] = field(default_factory=list)
    """What callers did to tickets and the database does not know, like ``reopen 100000009``."""
    damaged: list[str] = field(default_factory=list)
    """One sentence for each damaged or unreadable journal."""

    @property
    def is_clean(self) -> bool:
        """Nothing is missing, undone, damaged or unreadable."""
        return not (self.missing or self.undone or self.damaged or self.unreadable)


@dataclass(frozen=True, slots=True)
class Promise:
    """One ticket as its journal tells of it."""

    number: str
    partial: bool
    """Its number was not spoken."""
    base: int
    """Rows of this journal have revisions above."""


def replay(store: TicketStore, *, restore: bool = False) -> ReplayReport:
    """Store what journals hold and the database does not. Safe to run at any time, and twice.

    Returns at the first sign that the database is away; what is left waits for the next pass.

    Args:
        store: journals and database.
        restore: look through the journals put away earlier too, one query each: the way back
            after a database was lost or an older copy of it was brought back.

    Raises:
        DatabaseAway: with ``restore`` only, the database cannot be read.
    """
    report = ReplayReport()
    away = ""
    for path in journals(store.journal_dir):
        if report.away:
            report.waiting[path.name] = away
            continue
        try:
            _replay_file(store, path, report)
        except DatabaseAway as exc:
            report.away = True
            away = report.waiting[path.name] = str(exc)
        except TicketError as exc:
            report.waiting[path.name] = str(exc)
        except OSError as exc:
            report.waiting[path.name] = f"The file cannot be read or moved ({exc.strerror})."
    if restore and not report.away:
        _restore(store, report)
    if not report.away:
        store.top_up()
    if report.replayed or report.tickets or report.damaged:
        logger.info(
            "journals replayed",
            extra={"replayed": report.replayed, "tickets": report.tickets,
                   "waiting": len(report.waiting), "failed": len(report.damaged)},
        )  # fmt: skip
    return report


def check(store: TicketStore) -> CheckReport:
    """Compare every journal that is not live with the database.

    Raises:
        DatabaseAway: the database cannot be read.
    """
    report = CheckReport()
    try:
        store.database.visit(lambda _: None, within_s=WITHIN_S)  # makes tables that are not there
        for folder in (store.journal_dir, store.done_dir, store.damaged_dir):
            for path in journals(folder):
                reading = _read_idle(path, report)
                if reading is not None:
                    report.waiting += folder == store.journal_dir
                    _compare(store, reading, report)
        report.tickets, report.unreadable = store.repository.count()
    except SQLAlchemyError:
        raise DatabaseAway(
            "The ticket database cannot be read: check TICKETS__DATABASE_URL."
        ) from None
    return report


def journals(folder: Path) -> Iterator[Path]:
    """Yield the journal files of a folder in the order of their names."""
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.suffix == SUFFIX)


def _replay_file(store: TicketStore, path: Path, report: ReplayReport) -> None:
    journal = lock_journal(path)
    if journal is None:
        if path.exists():
            report.live += 1
            _bring_promises(store, path, report)
        return
    try:
        reading = journal.reading
        report.torn += reading.torn
        if reading.lines:
            _replay_story(store, journal, report)
        if reading.damaged or (not reading.lines and path.stat().st_size and not reading.torn):
            report.damaged.append(damage_sentence(reading))
            journal.move_to(store.damaged_dir)
        elif reading.lines:
            journal.move_to(store.done_dir)
            report.replayed += 1
        else:
            journal.remove()  # the process died before its first line was whole
    finally:
        journal.close()


def _bring_promises(store: TicketStore, path: Path, report: ReplayReport) -> None:
    """Store what a live call was promised and could not store itself; its journal is only read.

    The call may go on for minutes after the database is back, and has no reason to try again.
    """
    try:
        lines = read_journal(path).lines
    except FileNotFoundError:
        return  # the call has just ended
    if not _has_unstored(lines):
        return
    story = StoryLines(lines[0].call_id, store.cipher).retell(lines)
    rows = story.rows(story.filings, store.cipher, with_call=False)
    with suppress(NumberTaken):  # the call itself finds out, and takes another number
        report.tickets += store.save(*rows, within_s=WITHIN_S).fresh
    with suppress(NoSuchTicket):  # perhaps in a journal that comes later
        # What is not allowed any more is written down when the journal is replayed.
        do_acts(store, story.call.id, story.acts.values(), within_s=WITHIN_S)


def _has_unstored(lines: Sequence[JournalLine]) -> bool:
    """Whether something was promised after rows were stored last."""
    for line in reversed(lines):
        if line.kind is Kind.STORED:
            return False
        if line.kind in (Kind.FILED, Kind.CALLBACK, Kind.ACT):
            return True
    return False


def _restore(store: TicketStore, report: ReplayReport) -> None:
    """Store tickets again that a journal in ``done`` or ``damaged`` has and the database lacks."""
    store.database.visit(lambda _: None, within_s=WITHIN_S)  # makes tables that are not there
    for folder in (store.done_dir, store.damaged_dir):
        for path in journals(folder):
            try:
                _restore_file(store, path, report)
            except SQLAlchemyError:
                raise DatabaseAway("The ticket database cannot be read.") from None
            except TicketError as exc:
                report.waiting[path.name] = str(exc)
            except OSError as exc:
                report.waiting[path.name] = f"The file cannot be read ({exc.strerror})."


def _restore_file(store: TicketStore, path: Path, report: ReplayReport) -> None:
    reading = read_journal(path)
    if not reading.lines or not (missing(store, reading) or undone(store, reading.lines)):
        return
    journal = lock_journal(path)
    if journal is None:
        return  # another replay has it
    try:
        _replay_story(store, journal, report)
        report.restored += 1
    finally:
        journal.close()


def _replay_story(store: TicketStore, journal: Journal, report: ReplayReport) -> None:
    lines = StoryLines(journal.call_id, store.cipher)
    story = lines.retell(journal.reading.lines)
    partial = file_the_rest(store, journal, lines, story)
    notes = VoiceNotes(store.data_dir, store.cipher)
    for sound in notes.unlisted(journal.call_id, story.sounds, store.machine):
        story.sounds[sound.file] = sound
        _write(journal, Kind.SOUND, lines.sound(sound), store)
    if story.ending is None:
        report.lost += 1
        _end(store, journal, lines, story)
    rows = story.rows(story.filings, store.cipher, with_call=True)
    added = store.save(*rows, within_s=WITHIN_S)
    report.tickets += added.fresh
    report.partial += partial
    held_as_promised(story, added)
    for act in do_acts(store, story.call.id, story.acts.values(), within_s=WITHIN_S):
        report.refused += 1
        logger.warning("act refused", extra={"call_id": story.call.id, "kind": act.kind})
        _write(journal, Kind.ACT, lines.act(act, refused=True), store)
    _write(journal, Kind.STORED, {"tickets": len(rows.tickets), "call": True}, store)


def held_as_promised(story: CallStory, added: Added) -> None:
    """Refuse to call a journal done whose promised number the database knows under another.

    Raises:
        TicketError: naming both numbers, for a person to tell the caller.
    """
    for filing in story.filings.values():
        held = added.numbers[filing.key(story.call.id)]
        if held != filing.number and not filing.partial:
            raise TicketError(
                f"Ticket {filing.number} was promised, but the database holds this complaint as "
                f"{held}: tell the caller the new number."
            )


def file_the_rest(store: TicketStore, journal: Journal, lines: StoryLines, story: CallStory) -> int:
    """Give numbers to complaints that were noted but never filed; returns how many.

    Raises:
        NumbersExhausted: none can be had.
    """
    rest = story.unfiled()
    if not rest:
        return 0
    at = story.seen_at or store.clock()
    fresh = [index for index, _ in rest if index not in story.adopted]
    numbers = dict(zip(fresh, store.take_numbers(len(fresh)), strict=True))
    filings = story.filings_of(rest, numbers, at, partial=True)
    seq = _write(journal, Kind.FILED, lines.filed(list(filings.values())), store)
    story.filings.update({n: replace(each, revision=seq) for n, each in filings.items()})
    return len(filings)


def _end(store: TicketStore, journal: Journal, lines: StoryLines, story: CallStory) -> None:
    closed = lines.closed(LOST, story.intent, story.turns, story.complaints)
    at = story.seen_at or store.clock()
    seq = _write(journal, Kind.CLOSED, closed, store)
    story.ending = Ending(LOST, story.intent, at, story.turns, seq)


def _write(journal: Journal, kind: Kind, data: dict[str, object], store: TicketStore) -> int:
    """Append a line when the disk takes it: rows do not depend on it, they are stored by key."""
    try:
        return journal.append(kind, data, store.clock())
    except OSError:
        return journal.seq + 1


def _read_idle(path: Path, report: CheckReport) -> JournalReading | None:
    """Read a journal unless it is live, gone or unreadable."""
    try:
        journal = lock_journal(path)
        if journal is None:
            report.live += path.exists()
            return None
        journal.close()
        reading = read_journal(path)
    except FileNotFoundError:
        return None
    except OSError as exc:
        report.damaged.append(f"The journal {path.name} cannot be read ({exc.strerror}).")
        return None
    report.journals += 1
    report.torn += reading.torn
    if reading.damaged:
        report.damaged.append(damage_sentence(reading))
    return reading


def _compare(store: TicketStore, reading: JournalReading, report: CheckReport) -> None:
    report.missing += missing(store, reading)
    report.undone += undone(store, reading.lines)


def missing(store: TicketStore, reading: JournalReading) -> list[str]:
    """Numbers a journal promises and the database does not hold for that complaint.

    A partial ticket may be held under another number: nobody was told the one in the journal.
    """
    promised = promises(reading.lines)
    stored = store.repository.held(promised)
    return [each.number for key, each in promised.items() if not _is_kept(each, stored.get(key))]


def _is_kept(promise: Promise, held: Held | None) -> bool:
    if held is None or (held.number != promise.number and not promise.partial):
        return False
    # Below that it is still what the earlier call told, which this one completed.
    return held.erased or held.revision >= promise.base


def promises(lines: Sequence[JournalLine]) -> dict[str, Promise]:
    """The tickets of a journal by their keys."""
    found: dict[str, Promise] = {}
    for line in lines:
        if line.kind is Kind.FILED:
            for ticket in line.data.get("tickets", ()):
                key = ticket.get("continues") or idempotency_key(line.call_id, ticket["index"])
                found[key] = Promise(
                    ticket["number"], bool(ticket.get("partial")), int(ticket.get("base", 0))
                )
    return found


def damage_sentence(reading: JournalReading) -> str:
    """What is wrong with a damaged journal, for a person."""
    try:
        reading.require_whole()
    except TicketError as exc:
        return str(exc)
    return f"The journal {reading.name} is damaged."
