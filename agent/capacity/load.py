"""How full a worker is, and whether one more call fits. Pure: time comes as an argument.

LiveKit's server sends no calls to a worker that reports 0.7 or more and prefers the emptier one
(docs/decisions/0005-load.md).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

LOAD_THRESHOLD = 0.7
"""What a full worker reports: the ``agents.target_load`` of LiveKit's server."""
WINDOW_S = 3.0
"""The pressure is the mean of the readings of this long: one long batch is not a full machine."""
STALE_AFTER_S = 5.0
"""The last readings are believed for this long."""
UNKNOWN_PRESSURE = 0.9
"""What counts for ears that say nothing: nearly full, so that LiveKit prefers other workers, and
not full, because a line without ears still takes voice notes, keys and call-backs."""


def load_of(active: int, capacity: int, pressure: float) -> float:
    """What a worker reports: 0.0 (empty) to LOAD_THRESHOLD (full), never more.

    Args:
        active: calls it is in.
        capacity: calls it may be in, at least 1.
        pressure: of the ears: 1.0 = an utterance waits as long as an answer may take.
    """
    # The division first: 0.7 * 3 / 3 is less than 0.7, and a full worker would look free.
    return LOAD_THRESHOLD * min(1.0, max(active / capacity, pressure, 0.0))


class Pressure:
    """What is known of the pressure of the ears. Not locked: one thread notes, others read."""

    def __init__(self) -> None:
        self._readings: deque[tuple[float, float]] = deque(maxlen=64)
        """(when, pressure), oldest first; what no longer counts is dropped with the next one."""

    def note(self, pressure: float, now_s: float) -> None:
        """Remember a reading."""
        self._readings.append((now_s, max(0.0, pressure)))

    def age_s(self, now_s: float) -> float | None:
        """Seconds since the last reading; None when there was none."""
        return now_s - self._readings[-1][0] if self._readings else None

    def at(self, now_s: float) -> float:
        """The pressure now: the mean of the last readings, or UNKNOWN_PRESSURE without any."""
        readings = tuple(self._readings)
        if not readings or now_s - readings[-1][0] > STALE_AFTER_S:
            return UNKNOWN_PRESSURE
        newest = readings[-1][0]
        counted = [value for when, value in readings if newest - when <= WINDOW_S]
        return sum(counted) / len(counted)


class Admission:
    """Counts promises beside running calls, so that simultaneous offers are never over-accepted.

    All of it happens in the worker's event loop. LiveKit reserves places too, but reckons them in
    fractions of the load, where rounding and pressure blur the last place.
    """

    def __init__(self, capacity: int) -> None:
        """Take ``capacity`` calls at most."""
        self.capacity = capacity
        self.promised = 0
        """Calls accepted that do not run yet."""

    @contextmanager
    def place(self, active: int) -> Iterator[bool]:
        """Whether there is a place for one more beside ``active`` running calls.

        It is held until the block is left: by then the call runs and counts as active, or LiveKit
        gave it to somebody else.
        """
        free = active + self.promised < self.capacity
        self.promised += free
        try:
            yield free
        finally:
            self.promised -= free
