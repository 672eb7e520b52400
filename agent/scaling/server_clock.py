"""LiveKit's clock, read off its answers: rooms and dispatches carry its times, not ours."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from email.utils import parsedate_to_datetime

_ANSWERS = 60
"""So many answers are looked at; a clock that was set is followed after as many."""


class ServerClock:
    """Time of a server that dates its answers to the second (HTTP ``Date``).

    A date is cut to the second, so it is behind by 0 to 1 s; the one that is least behind, of many,
    is right to a few milliseconds. Until one has come, our own clock counts.

    Args:
        now: our own clock: Unix time in seconds.
        steady: a clock of seconds that is never set.
    """

    def __init__(self, now: Callable[[], float], steady: Callable[[], float]) -> None:
        self._now = now
        self._steady = steady
        self._ahead: deque[float] = deque(maxlen=_ANSWERS)

    def answered(self, date: str | None) -> None:
        """An answer has just come with this date; one that is no date is ignored."""
        try:
            sent = parsedate_to_datetime(date or "").timestamp()
        except (TypeError, ValueError):
            return
        self._ahead.append(sent - self._steady())

    def now(self) -> float:
        """The server's Unix time, in seconds."""
        return self._steady() + max(self._ahead) if self._ahead else self._now()
