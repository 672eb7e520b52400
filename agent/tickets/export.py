"""Tickets as files people and programs open: CSV for spreadsheets, JSON lines for programs.

Both stream: memory stays flat however many tickets there are. The CSV begins with a byte order mark
(without it Excel shows Tamil as noise), ends its lines with CRLF (RFC 4180), and puts an
apostrophe before anything a spreadsheet would take for a formula (OWASP, "CSV injection") or whose
leading zero it would drop. Ticket and mobile numbers never start with 0 and have at most 11 digits,
so spreadsheets keep every digit of them as they are.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import IO, Any, Final

from agent.tickets.calendar import IST
from agent.tickets.names import Names
from agent.tickets.repository import Ticket

COLUMNS: Final = (
    "ticket",
    "created",
    "created_ist",
    "channel",
    "constituency",
    "constituency_en",
    "constituency_ta",
    "candidates",
    "category",
    "category_en",
    "category_ta",
    "priority",
    "intent",
    "description_ta",
    "place",
    "locality_en",
    "landmark",
    "days_since",
    "name",
    "phone",
    "consent",
    "confidential",
    "status",
    "partial",
    "linked_to",
    "call_id",
)
"""Columns of the CSV and keys of the JSON, in this order."""

Writer = Callable[[Iterable[Ticket], IO[str], Names], int]

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MISREAD = re.compile(r" *[=+\-@\t\r\n＝＋－＠]|0[0-9]+\Z")
"""What a spreadsheet takes for a formula, and digits whose leading zero it would drop."""
_FIRST_CHARACTERS = frozenset(" =+-@＝＋－＠0")
"""Without one of these at its beginning no printable text can match the above."""


def write_csv(tickets: Iterable[Ticket], out: IO[str], names: Names) -> int:
    """Write tickets for a spreadsheet; returns how many.

    ``out`` must be opened with ``newline=""`` and UTF-8.
    """
    out.write("\ufeff")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    count = 0
    for ticket in tickets:
        writer.writerow(_cells(_values(ticket, names)))
        count += 1
    return count


def write_jsonl(tickets: Iterable[Ticket], out: IO[str], names: Names) -> int:
    """Write one JSON object a line; returns how many. Unknown is null, never an empty text."""
    count = 0
    for ticket in tickets:
        values = (None if value == "" else value for value in _values(ticket, names))
        entry = dict(zip(COLUMNS, values, strict=True))
        out.write(json.dumps(entry, ensure_ascii=False) + "\n")
        count += 1
    return count


WRITERS: Final[dict[str, Writer]] = {"csv": write_csv, "jsonl": write_jsonl}
"""Writers by the name of their format."""


def safe_text(text: str) -> str:
    """A text a spreadsheet shows as it is: no formula, no lost zero, no control characters."""
    if text.isprintable():
        if text[:1] not in _FIRST_CHARACTERS:
            return text  # nearly all: a tenth of the time of looking closer
    else:
        text = _CONTROL.sub("", text)
    return "'" + text if _MISREAD.match(text) else text


def _values(ticket: Ticket, names: Names) -> tuple[Any, ...]:
    seat_en, seat_ta = names.seat(ticket.constituency_no)
    category_en, category_ta = names.category(ticket.category)
    return (
        ticket.number,
        _utc(ticket.created_at),
        ticket.created_at.astimezone(IST).strftime("%Y-%m-%d %H:%M:%S"),
        ticket.channel,
        ticket.constituency_no,
        seat_en,
        seat_ta,
        [seat["number"] for seat in ticket.candidates],
        ticket.category,
        category_en,
        category_ta,
        ticket.priority,
        ticket.intent,
        ticket.description,
        ticket.place,
        ticket.locality_en,
        ticket.landmark,
        ticket.days_since,
        ticket.name,
        ticket.phone,
        ticket.consent,
        ticket.confidential,
        ticket.status,
        ticket.partial,
        ticket.linked_to,
        ticket.call_id,
    )


def _cells(values: Iterable[Any]) -> list[Any]:
    """Values as the csv module shall write them; it makes nothing of None and digits of int."""
    return [
        value if value is None else safe_text(value) if type(value) is str else _cell(value)
        for value in values
    ]


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "|".join(map(str, value)) if isinstance(value, list) else value


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
