"""Days and times as people write them on a command line."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from agent.errors import UsageError
from agent.tickets.calendar import IST


def moment(option: str, text: str, *, end_of_day: bool = False) -> datetime | None:
    """A day or a time, in IST unless it names its zone; a day as an end includes itself.

    Raises:
        UsageError: it is none.
    """
    if not text:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            day = date.fromisoformat(text) + timedelta(days=1 if end_of_day else 0)
            found = datetime.combine(day, time(), IST)
        else:
            found = datetime.fromisoformat(text)
            found = found if found.tzinfo else found.replace(tzinfo=IST)
        found.astimezone(UTC)  # the database counts in UTC, where year 1 and 9999 end earlier
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} is not a date: write it like 2026-11-20 or 2026-11-20T15:30."
        ) from None
    return found
