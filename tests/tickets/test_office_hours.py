"""When an office is open."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from agent.errors import ConfigurationError
from agent.tickets.calendar import IST
from agent.tickets.office_hours import OfficeHours

WEEK = OfficeHours.parse("Mon-Fri 10:00-17:45, Sat 10:00-13:00")


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of March 2026, whose second day is a Monday."""
    return datetime(2026, 3, day, hour, minute, tzinfo=IST)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        (at(2, 9, 59), False),
        (at(2, 10), True),
        (at(2, 17, 44), True),
        (at(2, 17, 45), False),
        (at(7, 12), True),
        (at(7, 13), False),
        (at(8, 12), False),
    ],
)
def test_hours_are_those_of_the_weekday(moment: datetime, is_open: bool):
    assert WEEK.is_open(moment, free=()) is is_open


def test_a_public_holiday_is_free():
    assert not WEEK.is_open(datetime(2026, 1, 26, 12, tzinfo=IST))
    assert not WEEK.is_open(at(2, 12), free=(date(2026, 3, 2),))


def test_a_term_may_go_over_the_week_end():
    late = OfficeHours.parse("Sat-Mon 8:00-20:00")
    assert [late.is_open(at(day, 12), free=()) for day in range(1, 8)] == [
        True, True, False, False, False, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "always", "Mon 10-17", "Mon-Fri 17:00-10:00", "Foo 10:00-11:00", "Mon 10:00-25:00"]
)
def test_what_cannot_be_read_is_refused_in_one_sentence(text: str):
    with pytest.raises(ConfigurationError, match="CALL__TRANSFER_HOURS"):
        OfficeHours.parse(text)
