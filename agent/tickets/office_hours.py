"""When an office is open: hours such as ``Mon-Fri 10:00-17:45``, Indian time. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time
from typing import TYPE_CHECKING

from agent.errors import ConfigurationError
from agent.tickets.calendar import IST, public_holidays

if TYPE_CHECKING:
    from collections.abc import Container
    from datetime import date

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LAST_HOUR, _LAST_MINUTE = 23, 59
_TERM = re.compile(
    r"(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?\s+"
    r"(?P<opens>\d{1,2}:\d{2})-(?P<closes>\d{1,2}:\d{2})"
)


@dataclass(frozen=True, slots=True)
class _Term:
    days: frozenset[int]
    """0 = Monday."""
    opens: time
    closes: time
    """Exclusive."""


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """Weekly hours; public holidays of Tamil Nadu are free."""

    terms: tuple[_Term, ...]

    @classmethod
    def parse(cls, text: str, setting: str = "CALL__TRANSFER_HOURS") -> OfficeHours:
        """Read one or more terms, parted by commas: ``Mon-Fri 10:00-17:45, Sat 10:00-13:00``.

        Args:
            text: the terms.
            setting: what they were given as, for the message.

        Raises:
            ConfigurationError: not of that form.
        """
        return cls(tuple(_term(part.strip().lower(), setting) for part in text.split(",")))

    def is_open(self, now: datetime, free: Container[date] | None = None) -> bool:
        """Whether it is open.

        Args:
            now: timezone-aware.
            free: holidays; those of Tamil Nadu when None.
        """
        local = now.astimezone(IST)
        if local.date() in (public_holidays() if free is None else free):
            return False
        clock = local.time()
        return any(
            local.weekday() in term.days and term.opens <= clock < term.closes
            for term in self.terms
        )


def _term(text: str, setting: str) -> _Term:
    found = _TERM.fullmatch(text)
    first, last = (found["first"], found["last"] or found["first"]) if found else ("", "")
    opens, closes = (_clock(found["opens"]), _clock(found["closes"])) if found else (None, None)
    if (
        first not in _DAYS
        or last not in _DAYS
        or opens is None
        or closes is None
        or opens >= closes
    ):
        raise ConfigurationError(
            f"{setting} is not of the form 'Mon-Fri 10:00-17:45', with more terms after commas."
        )
    span = (_DAYS.index(last) - _DAYS.index(first)) % len(_DAYS) + 1
    days = frozenset((_DAYS.index(first) + day) % len(_DAYS) for day in range(span))
    return _Term(days, opens, closes)


def _clock(text: str) -> time | None:
    """The time of ``HH:MM``; None when there is none such."""
    hour, minute = (int(part) for part in text.split(":"))
    return time(hour, minute) if hour <= _LAST_HOUR and minute <= _LAST_MINUTE else None
