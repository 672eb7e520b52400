from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from agent.tickets.calendar import (
    CLOSES,
    IST,
    due_at,
    first_due,
    is_working_day,
    public_holidays,
)  # fmt: skip

NONE: frozenset[date] = frozenset()


def ist(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=IST)


@pytest.mark.parametrize(
    ("told", "days", "due"),
    [
        ("2026-11-16T11:00", 3, "2026-11-19T17:45"),  # Monday
        ("2026-11-19T11:00", 3, "2026-11-24T17:45"),  # Thursday: the weekend does not count
        ("2026-11-16T18:00", 0, "2026-11-17T17:45"),  # after closing time
        ("2026-11-21T09:00", 1, "2026-11-24T17:45"),  # Saturday: from Monday on
        ("2026-11-16T00:10", 0, "2026-11-16T17:45"),
    ],
)
def test_terms_count_working_days(told: str, days: int, due: str) -> None:
    assert due_at(ist(told), days, NONE) == ist(due)


def test_holidays_do_not_count() -> None:
    pongal = frozenset({date(2026, 1, 14), date(2026, 1, 15), date(2026, 1, 16)})
    assert due_at(ist("2026-01-13T11:00"), 1, pongal) == ist("2026-01-19T17:45")


def test_the_holidays_are_those_of_tamil_nadu() -> None:
    free = public_holidays()
    assert date(2026, 1, 15) in free  # Thiruvalluvar Day
    assert not is_working_day(date(2027, 8, 15), free)
    assert is_working_day(date(2026, 11, 16), free)


def test_a_time_of_another_zone_is_read_in_india() -> None:
    evening = datetime.fromisoformat("2026-11-16T12:20:00+00:00")  # 17:50 IST
    assert due_at(evening, 0, NONE) == ist("2026-11-17T17:45")


def test_danger_counts_by_the_clock() -> None:
    told = ist("2026-11-21T23:00")
    assert first_due(told, "emergency", 3) - told == timedelta(hours=4)
    assert first_due(told, "high", 3).time() == CLOSES
