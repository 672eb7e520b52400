"""When a service that failed is asked again (the time is an argument)."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

OPEN_AFTER = 3
"""Failures in a row after which a service counts as away."""
FIRST_WAIT_S = 1.0
"""First time it is left alone; doubled after each try in vain."""
LONGEST_WAIT_S = 30.0
_LARGEST_STATE = 4_096


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
        # Further away than any wait: the clock was set back.
        if now < self._next_try <= now + LONGEST_WAIT_S:
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

    def state(self) -> bytes:
        """What it knows, for another process."""
        return json.dumps([self._failures, self._wait_s, self._next_try]).encode()

    def restore(self, state: bytes) -> None:
        """Take over what another process knows; what cannot be read changes nothing."""
        try:
            failures, wait_s, next_try = json.loads(state)
            known = (int(failures), float(wait_s), None if next_try is None else float(next_try))
        except (ValueError, TypeError):
            return
        self._failures, self._wait_s, self._next_try = known


class SharedBreaker:
    """One breaker for all processes of a machine: its state lies in a small file.

    So a service that failed three calls is left alone by the fourth at once. The file is locked
    for microseconds and never synced; where it cannot be used, each process counts for itself.
    """

    def __init__(self, path: Path) -> None:
        """Begin with what other processes know.

        Args:
            path: the file; its folder is made when it is first needed.
        """
        self._path = path
        self._own = Breaker()

    def way(self, now: float) -> Way:
        """As :meth:`Breaker.way`; ``now`` is wall-clock time, which processes share."""
        with self._shared() as breaker:
            return breaker.way(now)

    def answered(self) -> None:
        """As :meth:`Breaker.answered`."""
        with self._shared() as breaker:
            breaker.answered()

    def failed(self, now: float) -> None:
        """As :meth:`Breaker.failed`."""
        with self._shared() as breaker:
            breaker.failed(now)

    @contextlib.contextmanager
    def _shared(self) -> Iterator[Breaker]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            yield self._own
            return
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            before = os.pread(handle, _LARGEST_STATE, 0)
            self._own.restore(before)
            yield self._own
            after = self._own.state()
            if after != before:
                with contextlib.suppress(OSError):  # a full disk: the own count goes on
                    os.pwrite(handle, after, 0)
                    os.ftruncate(handle, len(after))
        finally:
            os.close(handle)
