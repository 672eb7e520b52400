"""In which hours the line is served in full: day and night, every day, on working days (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from agent.errors import UsageError
from agent.tickets.office_hours import OfficeHours

if TYPE_CHECKING:
    from collections.abc import Container

_DAILY = "Mon-Sun 08:00-20:00"
_OFFICE = "Mon-Fri 08:00-20:00"

MODES: Final = {
    "always": "day and night",
    "daily": "08:00-20:00 every day, feasts too",
    "office": "08:00-20:00 on working days",
}
"""Hours that have a name (the three modes of the original guide), in words."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Hours of full service. Immutable; may be shared."""

    text: str
    """As it was given."""
    hours: OfficeHours | None
    """None is day and night."""
    free: Container[date] | None
    """Days without service; the public holidays of Tamil Nadu when None."""

    @classmethod
    def parse(cls, text: str, setting: str) -> Schedule:
        """Read ``always``, ``daily``, ``office`` or terms such as ``Mon-Sat 07:00-21:30``.

        Args:
            text: the hours; terms of one's own rest on public holidays.
            setting: the option or setting they were given as, for the message.

        Raises:
            UsageError: neither.
        """
        name = text.strip().lower()
        if name == "always":
            return cls(name, None, None)
        if name == "daily":
            return cls(name, OfficeHours.parse(_DAILY, setting), ())
        if name == "office":
            return cls(name, OfficeHours.parse(_OFFICE, setting), None)
        try:
            return cls(text, OfficeHours.parse(text, setting), None)
        except UsageError:
            raise UsageError(
                f"{setting} must be always, daily, office or hours such as 'Mon-Fri 10:00-17:45'."
            ) from None

    def is_open(self, now: datetime) -> bool:
        """Whether calls are served in full at that moment (timezone-aware)."""
        if self.hours is None:
            return True
        minute = now.replace(second=0, microsecond=0)
        return _open(self, minute)

    def is_open_within(self, now: datetime, ahead: timedelta) -> bool:
        """Whether it is open now or that much later."""
        return self.is_open(now) or self.is_open(now + ahead)

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


@lru_cache(maxsize=4096)
def _open(schedule: Schedule, minute: datetime) -> bool:
    """Hours are given by the minute, so one answer holds for all of it."""
    return schedule.hours is None or schedule.hours.is_open(minute, schedule.free)
