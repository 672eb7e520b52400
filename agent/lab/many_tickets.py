"""A ticket database of any size, for measuring: sealed as real ones are, nobody in it is real.

Some hundred complaints go through the same mapping as those of callers; every ticket is a copy of
one of them, with a number, times and a history of its own and its private fields sealed anew, so
that it opens only in its own row. Names are random syllables, phone numbers begin with a digit
that no Indian mobile number begins with.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table

from agent.complaint import (
    Call,
    Category,
    Complaint,
    Decision,
    Intent,
    Place,
    Priority,
    SeatCandidate,
)
from agent.tickets.cipher import Cipher
from agent.tickets.models import CALL, EVENT, RATING, TICKET, TicketStatus
from agent.tickets.names import Names, load_names
from agent.tickets.numbering import FIRST_SERIAL, number_of
from agent.tickets.records import PRIVATE_FIELDS, Ending, Filing, Row, call_row, ticket_row

BEGIN: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""Of the first ticket."""
_BETWEEN = timedelta(seconds=30)
_SHAPES = 400
_BATCH = 2_000
_SYLLABLES = ("கா", "மி", "தெ", "லோ", "வை", "ரு", "ணா", "பு", "சே", "நொ")
_WORDS = (
    "எங்க", "தெருவுல", "ரொம்ப", "நாளா", "தண்ணி", "வரல", "சாக்கடை", "அடைச்சு", "ரோடு",
    "குண்டும்", "குழியுமா", "இருக்கு", "லைட்", "எரியல", "யாரும்", "வந்து", "பாக்கல",
)  # fmt: skip
_LATER = (TicketStatus.ACKNOWLEDGED, TicketStatus.IN_PROGRESS, TicketStatus.RESOLVED)


@dataclass(frozen=True, slots=True)
class _Shape:
    """One complaint as rows, and the private texts of its ticket in clear."""

    ticket: Row
    call: Row
    private: dict[str, str]


def fill(
    engine: Engine,
    cipher: Cipher,
    count: int,
    *,
    seed: int = 1,
    done: Callable[[int], None] = lambda _: None,
) -> None:
    """Add ``count`` tickets with their calls, events and ratings to an empty database.

    The tables must be there. The same seed gives the same tickets (sealed anew).

    Args:
        engine: of the database.
        cipher: seals.
        count: how many tickets.
        seed: of the random choices.
        done: called with the number of tickets that came to those before.
    """
    rng = random.Random(seed)
    rows = _rows(_shapes(rng, cipher), cipher, rng, count)
    put = _copy if engine.dialect.name == "postgresql" else _insert
    while batch := list(islice(rows, _BATCH)):
        with engine.begin() as connection:
            for table in (CALL, TICKET, EVENT, RATING):
                put(connection, table, [row for each in batch for row in each[table.name]])
        done(len(batch))


def until(count: int) -> datetime:
    """Before this time the first ``count`` tickets were made, and no others."""
    return BEGIN + count * _BETWEEN


def _rows(
    shapes: list[_Shape], cipher: Cipher, rng: random.Random, count: int
) -> Iterator[dict[str, list[Row]]]:
    """What belongs to one ticket after the other, by table."""
    for index in range(count):
        shape = rng.choice(shapes)
        number, call_id = number_of(FIRST_SERIAL + index), f"synthetic-{index}"
        at = BEGIN + index * _BETWEEN + timedelta(milliseconds=rng.randrange(30_000))
        key = f"{call_id}:0"
        ticket = {
            **shape.ticket,
            "number": number,
            "call_id": call_id,
            "idempotency_key": key,
            "created_at": at,
            "due_at": at + timedelta(days=5),
            "updated_at": None,
            "resolved_at": None,
            **{name: cipher.seal(text, f"{key}/{name}") for name, text in shape.private.items()},
        }
        call = {**shape.call, "id": call_id, "started_at": at - timedelta(seconds=70)}
        call |= {"ended_at": at + timedelta(seconds=9), "caller": None}
        events = [_event(number, at, "line", None, "NEW")]
        if rng.random() < 0.3:
            later = at + timedelta(hours=rng.randrange(1, 300))
            ticket |= {"status": rng.choice(_LATER).value, "updated_at": later}
            if ticket["status"] == TicketStatus.RESOLVED:
                ticket["resolved_at"] = later
            events.append(_event(number, later, "staff", "NEW", ticket["status"]))
        ratings = []
        if rng.random() < 0.1:
            score = rng.randint(1, 5)
            ratings = [{"call_id": call_id, "number": number, "score": score, "at": at}]
        yield {"ticket": [ticket], "call": [call], "event": events, "rating": ratings}


def _event(number: str, at: datetime, actor: str, old: str | None, new: str) -> Row:
    key = f"{number}:new" if old is None else None
    return {
        "number": number, "at": at, "kind": "status", "actor": actor, "from_status": old,
        "to_status": new, "facts": "{}", "note": None, "key": key,
    }  # fmt: skip


def _insert(connection: Connection, table: Table, rows: list[Row]) -> None:
    """As SQLAlchemy would store them, at a third of its time."""
    if rows:
        names = list(rows[0])
        places = ", ".join("?" * len(names))
        connection.exec_driver_sql(
            f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({places})",  # noqa: S608  our own names
            [tuple(map(_as_text, row.values())) for row in rows],
        )


def _copy(connection: Connection, table: Table, rows: list[Row]) -> None:
    """PostgreSQL's own way in bulk."""
    if not rows:
        return
    cursor: Any = connection.connection.cursor()
    with cursor.copy(f"COPY {table.name} ({', '.join(rows[0])}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(tuple(row.values()))
    cursor.close()


def _as_text(value: Any) -> Any:
    return value.isoformat(" ", "microseconds")[:26] if isinstance(value, datetime) else value


def _shapes(rng: random.Random, cipher: Cipher) -> list[_Shape]:
    names = load_names()
    return [_shape(rng, names, cipher) for _ in range(_SHAPES)]


def _shape(rng: random.Random, names: Names, cipher: Cipher) -> _Shape:
    seat = rng.randint(1, len(names.seats))
    category = rng.choice(list(Category))
    call = Call(id="shape", started_at=BEGIN, dialled="+914400000000", caller="")
    place = "".join(rng.choices(_SYLLABLES, k=5))
    complaint = Complaint(
        category=category,
        priority=rng.choice((Priority.HIGH, Priority.NORMAL, Priority.LOW)),
        place=Place(place, f"Place {seat}", place, (_candidate(seat, names),)),
        landmark=" ".join(rng.choices(_WORDS, k=3)) if rng.random() < 0.6 else None,
        days=rng.randint(1, 30),
        name="".join(rng.choices(_SYLLABLES, k=3)) if rng.random() < 0.8 else None,
        phone=f"1{rng.randrange(10**9):09d}",
        description=" ".join(rng.choices(_WORDS, k=rng.randint(5, 18))),
        decisions=(
            Decision("category", category.value, "rule", "stem", 0.9),
            Decision("days", "5", "rule", "asked", 0.8),
            Decision("constituency", str(seat), "rule", "locality:high", 0.95),
        ),
    )  # fmt: skip
    ticket = ticket_row(call, Filing(0, "0", complaint, BEGIN, 3), None, True, cipher)
    ending = Ending("filed", Intent.COMPLAINT, BEGIN, 6, 5)
    private = {
        name: cipher.unseal(ticket[name], f"{ticket['idempotency_key']}/{name}")
        for name in PRIVATE_FIELDS
        if ticket[name] is not None
    }
    rows = (ticket, call_row(call, complaint, ending, True, cipher))
    for row in rows:
        for name, value in row.items():
            if isinstance(value, list | dict):
                row[name] = json.dumps(value)
    return _Shape(*rows, private)


def _candidate(seat: int, names: Names) -> SeatCandidate:
    english, tamil = names.seat(seat)
    return SeatCandidate(seat, english, tamil, "", "", 0.95, "locality:high")
