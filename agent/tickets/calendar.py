"""When a ticket is due: working days of Tamil Nadu's offices, in Indian Standard Time (pure).

Offices work from Monday to Friday but for public holidays, 10:00 to 17:45. A term of N days ends
when the office closes on the Nth working day after the day it was told; what is told after closing
time counts from the next working day. Danger counts by the clock.

Holidays: package ``holidays`` (MIT), India with those of Tamil Nadu. Feasts by the moon are its
estimates for years to come, so a due date far ahead may move by a day.
"""

from __future__ import annotations

from collections.abc import Container
from datetime import date, datetime, time, timedelta, timezone
from functools import cache
from typing import Final

import holidays

IST: Final = timezone(timedelta(hours=5, minutes=30), "IST")
"""Indian Standard Time: one zone, no summer time."""
OPENS: Final = time(10, 0)
CLOSES: Final = time(17, 45)
_SATURDAY = 5
EMERGENCY: Final = timedelta(hours=4)
"""An emergency is due by the clock, day and night."""
OUTER_LIMIT: Final = timedelta(days=21)
"""Nothing stays open longer without reaching the highest level."""


@cache
def public_holidays() -> Container[date]:
    """Public holidays of Tamil Nadu, of any year."""
    return holidays.country_holidays("IN", subdiv="TN")


def is_working_day(day: date, free: Container[date]) -> bool:
    """Whether the offices work on that day."""
    return day.weekday() < _SATURDAY and day not in free


def due_at(told: datetime, working_days: int, free: Container[date] | None = None) -> datetime:
    """When a term ends.

    Args:
        told: when the complaint was made, timezone-aware.
        working_days: length of the term; 0 is "the same working day".
        free: holidays; those of Tamil Nadu when None.

    Returns:
        Closing time of the last day, IST.
    """
    free = public_holidays() if free is None else free
    local = told.astimezone(IST)
    day = local.date()
    if local.time() > CLOSES or not is_working_day(day, free):
        day = _next_working_day(day, free)
    for _ in range(working_days):
        day = _next_working_day(day, free)
    return datetime.combine(day, CLOSES, IST)


def first_due(told: datetime, priority: str, working_days: int) -> datetime:
    """When a complaint is due: by the clock in danger, else by its category's working days."""
    if priority == "emergency":
        return told + EMERGENCY
    return due_at(told, working_days)


def _next_working_day(day: date, free: Container[date]) -> date:
    day += timedelta(days=1)
    while not is_working_day(day, free):
        day += timedelta(days=1)
    return day
