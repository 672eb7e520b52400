"""Tickets as files people and programs open; this module writes CSV and JSON lines.

The CSV begins with a byte order mark (without it Excel shows Tamil as noise), ends its lines with
CRLF (RFC 4180), and puts an apostrophe before anything a spreadsheet would take for a formula
(OWASP, "CSV injection") or whose leading zero it would drop. Ticket and mobile numbers never start
with 0 and have at most 11 digits, so spreadsheets keep every digit of them as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import IO, Any, Final, Protocol

from agent.tickets.columns import COLUMNS, EVENT_COLUMNS, Column, Kind, Record
from agent.tickets.extract import Extract

TICK: Final = 500
"""Rows between two reports of progress."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MISREAD = re.compile(r" *[=+\-@\t\r\n＝＋－＠]|0[0-9]+\Z")
"""What a spreadsheet takes for a formula, and digits whose leading zero it would drop."""
_FIRST_CHARACTERS = frozenset(" =+-@＝＋－＠0")
"""Without one of these at its beginning no printable text can match the above."""
_MISREAD_AT_ALL = _FIRST_CHARACTERS | frozenset("\t\r\n")

Convert = Callable[[Any], Any]


class Writer(Protocol):
    """One format being written. Rows go in one by one and are not kept."""

    private: bool
    """Whether it shows what callers and staff said, so that it must be decrypted."""

    def write(self, ticket: Record) -> None:
        """Add a ticket."""

    def write_event(self, event: Record) -> None:
        """Add an event; only after all tickets."""

    def finish(self) -> None:
        """Write what is still to be written; the file stays open."""

    def abandon(self) -> None:
        """Let go of everything; what was written is of no use. Does no harm after finish."""


def export(
    extract: Extract,
    writers: Sequence[Writer],
    *,
    events: bool = False,
    done: Callable[[int], None] = lambda _: None,
) -> int:
    """Write everything into all writers, read once; returns how many tickets there were.

    Args:
        extract: what to write.
        writers: take every row; they are finished, or abandoned when anything fails.
        events: whether events follow the tickets.
        done: called now and then with the number of rows that came to those before.

    Raises:
        TicketError: something was encrypted with another key, or is damaged.
        SQLAlchemyError: the database cannot be read.
        OSError: a file cannot be written.
    """
    private = any(writer.private for writer in writers)
    try:
        count = _pour(extract.tickets(private=private), [each.write for each in writers], done)
        if events:
            _pour(extract.events(), [each.write_event for each in writers], done)
        for writer in writers:
            writer.finish()
    finally:
        for writer in writers:
            writer.abandon()
    return count


def _pour(
    rows: Iterable[Record], sinks: Sequence[Callable[[Record], None]], done: Callable[[int], None]
) -> int:
    count = 0
    for row in rows:
        for sink in sinks:
            sink(row)
        count += 1
        if count % TICK == 0:
            done(TICK)
    done(count % TICK)
    return count


class CsvWriter:
    """CSV for spreadsheets; ``out`` is opened as UTF-8 with ``newline=""``."""

    private = True

    def __init__(self, out: IO[str], events: IO[str] | None = None) -> None:
        """Write the headers."""
        self._tickets, self._events = out, events
        out.write(_header(COLUMNS))
        if events is not None:
            events.write(_header(EVENT_COLUMNS))

    def write(self, ticket: Record) -> None:
        """Add a line to the file of tickets."""
        self._tickets.write(_line(ticket, _TICKET_CELLS))

    def write_event(self, event: Record) -> None:
        """Add a line to the file of events, if there is one."""
        if self._events is not None:
            self._events.write(_line(event, _EVENT_CELLS))

    def finish(self) -> None:
        """Every line is written already."""

    def abandon(self) -> None:
        """Nothing is held."""


class JsonLinesWriter:
    """One JSON object a line. Unknown is null, never an empty text."""

    private = True

    def __init__(self, out: IO[str], events: IO[str] | None = None) -> None:
        """Bind the files."""
        self._tickets, self._events = out, events
        self._encode = json.JSONEncoder(ensure_ascii=False).encode

    def write(self, ticket: Record) -> None:
        """Add a line to the file of tickets."""
        self._line(self._tickets, _TICKET_NAMES, ticket)

    def write_event(self, event: Record) -> None:
        """Add a line to the file of events, if there is one."""
        if self._events is not None:
            self._line(self._events, _EVENT_NAMES, event)

    def finish(self) -> None:
        """Every line is written already."""

    def abandon(self) -> None:
        """Nothing is held."""

    def _line(self, out: IO[str], names: Sequence[str], values: Record) -> None:
        out.write(self._encode(dict(zip(names, values, strict=True))) + "\n")


def safe_text(text: str) -> str:
    """A text a spreadsheet shows as it is: no formula, no lost zero, no control characters."""
    if text.isprintable():
        if text[:1] not in _FIRST_CHARACTERS:
            return text  # nearly all: a tenth of the time of looking closer
    else:
        text = without_controls(text)
    return "'" + text if _MISREAD.match(text) else text


def is_misread(text: str) -> bool:
    """Whether a spreadsheet that guesses would make something else of this text."""
    return text[:1] in _MISREAD_AT_ALL and _MISREAD.match(text) is not None


def without_controls(text: str) -> str:
    """A text without the control characters no file format has a place for."""
    return _CONTROL.sub("", text)


def seats_text(seats: Sequence[int]) -> str:
    """Numbers of seats in one cell."""
    return "|".join(map(str, seats))


def _header(columns: Sequence[Column]) -> str:
    return "\ufeff" + ",".join(column.name for column in columns) + "\r\n"


def _line(row: Record, converters: Sequence[Convert]) -> str:
    # The csv module takes twice as long: it looks every letter up in its line terminator.
    pairs = zip(row, converters, strict=True)
    cells = ["" if cell is None else convert(cell) for cell, convert in pairs]
    return ",".join(cells) + "\r\n"


def _field(text: str) -> str:
    """A field as RFC 4180 wants it."""
    if '"' in text:
        return '"' + text.replace('"', '""') + '"'
    if "," in text or "\n" in text or "\r" in text:
        return f'"{text}"'
    return text


def _safe_field(text: str) -> str:
    return _field(safe_text(text))


_TO_CSV: Final[dict[Kind, Convert]] = {
    Kind.CODE: lru_cache(maxsize=4096)(_field),
    Kind.TEXT: _safe_field,
    Kind.DIGITS: _safe_field,
    Kind.NUMBER: str,
    Kind.FLAG: {True: "yes", False: "no"}.__getitem__,
    Kind.UTC: str,
    Kind.IST: str,
    Kind.SEATS: seats_text,
}
_TICKET_CELLS = [_TO_CSV[column.kind] for column in COLUMNS]
_EVENT_CELLS = [_TO_CSV[column.kind] for column in EVENT_COLUMNS]
_TICKET_NAMES = [column.name for column in COLUMNS]
_EVENT_NAMES = [column.name for column in EVENT_COLUMNS]
