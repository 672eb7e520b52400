"""When a service that failed is asked again (pure: the time is an argument)."""

from __future__ import annotations

from enum import StrEnum

OPEN_AFTER = 3
"""Failures in a row after which a service counts as away."""
FIRST_WAIT_S = 1.0
"""First time it is left alone; doubled after each try in vain."""
LONGEST_WAIT_S = 30.0


class Way(StrEnum):
    """What to do with the next request."""

    ASK = "ask"
    """The service is well."""
    TRY = "try"
    """It is away; this request may find out whether it is back, but must not depend on it."""
    AVOID = "avoid"
    """It is away."""


class Breaker:
    """Knows whether one service is away. Shared by all calls of a process, in one event loop."""

    def __init__(self) -> None:
        """Begin with a service that is well."""
        self._failures = 0
        self._wait_s = FIRST_WAIT_S
        self._next_try: float | None = None
        """Time of the next try; None while the service is well."""

    @property
    def away(self) -> bool:
        """Whether the service is left alone."""
        return self._next_try is not None

    def way(self, now: float) -> Way:
        """What to do with a request that comes ``now`` (seconds of any clock).

        ``TRY`` is said once for each waiting time: who gets it reports how it went.
        """
        if self._next_try is None:
            return Way.ASK
        if now < self._next_try:
            return Way.AVOID
        # If whoever got this never reports (its call ended), the next one tries.
        self._next_try = now + self._wait_s
        return Way.TRY

    def answered(self) -> None:
        """It did what it was asked, or refused in good time: it lives."""
        self._failures, self._wait_s, self._next_try = 0, FIRST_WAIT_S, None

    def failed(self, now: float) -> None:
        """It did not answer, or not in time."""
        self._failures += 1
        if self._next_try is not None:
            self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
            self._next_try = now + self._wait_s
        elif self._failures >= OPEN_AFTER:
            self._next_try = now + self._wait_s
