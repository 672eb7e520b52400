"""Seats and dialled numbers as rows with dates, on both databases."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from agent.complaint import Call
from agent.errors import UsageError
from agent.tickets.database import Database, open_engine
from agent.tickets.names import load_seats
from agent.tickets.registry import (
    SEATS_FROM,
    add_line,
    end_line,
    enter_seats,
    lines,
    seat_of,
    seats,
    with_seat,
)  # fmt: skip

DAY = date(2026, 11, 20)
LINE = "+914428592828"


@pytest.fixture
def database(database_url: str):
    database = Database(open_engine(database_url))
    yield database
    database.close()


def do(database: Database, work, *arguments):
    return database.visit(lambda connection: work(connection, *arguments), within_s=20)


def test_the_seats_are_there_from_the_first_look(database: Database) -> None:
    found = do(database, seats, DAY)
    assert len(found) == 234
    assert (found[10]["number"], found[10]["name_en"]) == (11, "Dr. Radhakrishnan Nagar")
    assert do(database, seats, SEATS_FROM - timedelta(days=1)) == []


def test_a_new_delimitation_replaces_the_seats_from_its_day(database: Database) -> None:
    do(database, seats, DAY)
    fewer = load_seats()[:200]
    assert do(database, enter_seats, fewer, DAY) == 200
    assert len(do(database, seats, DAY)) == 200
    assert len(do(database, seats, DAY - timedelta(days=1))) == 234
    with pytest.raises(UsageError, match="already"):
        do(database, enter_seats, fewer, DAY - timedelta(days=1))


@pytest.mark.parametrize("spoil", ["twice", "nameless", "empty"])
def test_a_spoilt_table_of_seats_changes_nothing(database: Database, spoil: str) -> None:
    rows = [] if spoil == "empty" else load_seats()
    if spoil == "twice":
        rows[1] = rows[0]
    if spoil == "nameless":
        rows[3] = {**rows[3], "name_ta": ""}
    with pytest.raises(UsageError):
        do(database, enter_seats, rows, DAY)
    assert len(do(database, seats, DAY)) == 234


def test_a_dialled_number_belongs_to_a_seat_from_its_day(database: Database) -> None:
    do(database, add_line, LINE, 11, DAY)
    assert do(database, seat_of, "04428592828", DAY) == 11
    assert do(database, seat_of, LINE, DAY - timedelta(days=1)) is None
    do(database, add_line, LINE, 12, DAY + timedelta(days=30))
    assert do(database, seat_of, LINE, DAY + timedelta(days=29)) == 11
    assert do(database, seat_of, LINE, DAY + timedelta(days=30)) == 12
    assert [row["valid_to"] for row in do(database, lines)] == [DAY + timedelta(days=29), None]
    assert do(database, end_line, LINE, DAY + timedelta(days=60)) == 1
    assert do(database, seat_of, LINE, DAY + timedelta(days=61)) is None


def test_wrong_lines_are_refused_in_one_sentence(database: Database) -> None:
    for number, seat in (("12", 11), ("words", 11), (LINE, 235), (LINE, 0)):
        with pytest.raises(UsageError):
            do(database, add_line, number, seat, DAY)
    do(database, add_line, LINE, None, DAY)
    with pytest.raises(UsageError, match="already"):
        do(database, add_line, LINE, 11, DAY)
    assert len(do(database, lines)) == 1


def test_a_call_knows_the_seat_it_was_dialled_for(database: Database) -> None:
    do(database, add_line, LINE, 11, SEATS_FROM)
    started = Call("c", started_at=None, dialled=LINE)  # type: ignore[arg-type]
    assert with_seat(database, started, within_s=20).constituency == 11
    hidden = Call("c", started_at=None)  # type: ignore[arg-type]
    assert with_seat(database, hidden, within_s=20).constituency is None


def test_a_database_that_is_away_costs_only_the_hint() -> None:
    database = Database(open_engine("postgresql+psycopg://nobody@127.0.0.1:1/none"))
    call = Call("c", started_at=None, dialled=LINE)  # type: ignore[arg-type]
    assert with_seat(database, call, within_s=5) == call
    database.close()
