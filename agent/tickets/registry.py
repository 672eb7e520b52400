"""Seats and dialled numbers as rows with dates: a new member's number is a row, not code.

Which seat's office a dialled number belongs to is looked up once, when a call begins; a database
that is away then costs nothing but that hint. The seats of the delimitation of 2008 are entered
when the table is empty, from the table the understanding reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Table, or_, select, update

from agent.complaint import Call
from agent.errors import UsageError
from agent.tickets.calendar import IST
from agent.tickets.cipher import national_digits
from agent.tickets.database import Database, DatabaseAway
from agent.tickets.models import CONSTITUENCY, DIALLED_NUMBER
from agent.tickets.names import load_seats
from agent.tickets.records import Row

SEATS_FROM = date(2008, 2, 19)
"""Day of the delimitation order that the seats follow."""
_DIGITS = range(5, 14)
"""Of a number people dial, without country code: 155xxx services to land lines with their code."""


def seat_of(connection: Connection, number: str, day: date) -> int | None:
    """The seat whose office a dialled number belongs to on that day; None for a line of all."""
    digits = national_digits(number)
    if not digits:
        return None
    query = (
        select(DIALLED_NUMBER.c.constituency_no)
        .where(DIALLED_NUMBER.c.number == digits, _holds(DIALLED_NUMBER, day))
        .order_by(DIALLED_NUMBER.c.valid_from.desc())
    )
    return connection.execute(query).scalars().first()


def with_seat(database: Database, call: Call, *, within_s: float) -> Call:
    """The call with the seat of its dialled number; as it is when the database is away."""
    if not call.dialled:
        return call
    today = datetime.now(IST).date()
    try:
        seat = database.visit(
            lambda connection: seat_of(connection, call.dialled, today), within_s=within_s
        )
    except DatabaseAway:
        return call
    return call if seat is None else replace(call, constituency=seat)


def lines(connection: Connection) -> list[Row]:
    """All dialled numbers with their dates, by number and day."""
    query = select(DIALLED_NUMBER).order_by(DIALLED_NUMBER.c.number, DIALLED_NUMBER.c.valid_from)
    return [dict(row) for row in connection.execute(query).mappings()]


def add_line(connection: Connection, number: str, seat: int | None, first: date) -> None:
    """Say that a number belongs to a seat (None: to the whole state) from a day on.

    Whom it belonged to before, it does until the day before.

    Raises:
        UsageError: it is no number, there is no such seat on that day, or something was entered
            for that day or a later one.
    """
    digits = national_digits(number)
    if len(digits) not in _DIGITS:
        raise UsageError(f"{number} is not a number people can dial: write it like +914428592828.")
    if seat is not None and seat not in {row["number"] for row in seats(connection, first)}:
        raise UsageError(f"There is no constituency {seat} on {first}.")
    same = DIALLED_NUMBER.c.number == digits
    later = select(DIALLED_NUMBER.c.id).where(same, DIALLED_NUMBER.c.valid_from >= first)
    if connection.execute(later).first() is not None:
        raise UsageError(
            f"{number} has an entry from {first} or later already: end that one first."
        )
    end_line(connection, number, first - timedelta(days=1))
    row = {"number": digits, "constituency_no": seat, "valid_from": first}
    connection.execute(DIALLED_NUMBER.insert().values(row))


def end_line(connection: Connection, number: str, last: date) -> int:
    """Let a number belong to nobody after a day; returns how many entries were ended."""
    open_ended = or_(DIALLED_NUMBER.c.valid_to.is_(None), DIALLED_NUMBER.c.valid_to > last)
    statement = (
        update(DIALLED_NUMBER)
        .where(DIALLED_NUMBER.c.number == national_digits(number), open_ended)
        .where(DIALLED_NUMBER.c.valid_from <= last)
        .values(valid_to=last)
        .returning(DIALLED_NUMBER.c.id)
    )
    return len(connection.execute(statement).all())


def seats(connection: Connection, day: date) -> list[Row]:
    """The seats as they are called on that day, by number."""
    if connection.execute(select(CONSTITUENCY.c.id).limit(1)).first() is None:
        enter_seats(connection, load_seats(), SEATS_FROM)
    query = select(CONSTITUENCY).where(_holds(CONSTITUENCY, day)).order_by(CONSTITUENCY.c.number)
    return [dict(row) for row in connection.execute(query).mappings()]


def enter_seats(connection: Connection, rows: Sequence[Row], first: date) -> int:
    """Replace the table of seats from a day on, as a new delimitation does; returns how many.

    Args:
        connection: inside a transaction.
        rows: ``number``, ``name_en``, ``name_ta``, ``district_en`` of every seat.
        first: first day they hold.

    Raises:
        UsageError: a number comes twice, a name is missing, or a later table is there already.
    """
    numbers = [row["number"] for row in rows]
    if not rows or len(set(numbers)) < len(numbers):
        raise UsageError("A table of seats names every seat once.")
    if not all(row["name_en"] and row["name_ta"] and row["district_en"] for row in rows):
        raise UsageError("A table of seats gives every seat its names and its district.")
    later = select(CONSTITUENCY.c.id).where(CONSTITUENCY.c.valid_from >= first).limit(1)
    if connection.execute(later).first() is not None:
        raise UsageError(f"There are seats from {first} or later already.")
    connection.execute(
        update(CONSTITUENCY)
        .where(CONSTITUENCY.c.valid_to.is_(None))
        .values(valid_to=first - timedelta(days=1))
    )
    connection.execute(CONSTITUENCY.insert(), [{**row, "valid_from": first} for row in rows])
    return len(rows)


def _holds(table: Table, day: date) -> ColumnElement[bool]:
    ended = table.c.valid_to
    return (table.c.valid_from <= day) & or_(ended.is_(None), ended >= day)
