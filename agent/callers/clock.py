"""The clock a simulated line runs on, so that tests can run it in virtual time."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """A monotonic clock one can sleep on."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        ...

    async def sleep_until(self, when: float) -> None:
        """Return at ``when`` (same scale as :meth:`now`), at once when that has passed."""
        ...


class WallClock:
    """The machine's own monotonic clock."""

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    async def sleep_until(self, when: float) -> None:
        """Sleep on the event loop; yields once even when the moment has passed."""
        await asyncio.sleep(max(0.0, when - time.monotonic()))
