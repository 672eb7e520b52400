"""Brings leftovers of crashed calls and of a database that was away into the database.

A thread beside the worker: at the start, then every half minute. It leaves live calls alone (their
journals are locked) and may run on several machines at once: rows are written at most once.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from agent.errors import TicketError
from agent.tickets.forwarder import replay

if TYPE_CHECKING:
    from agent.tickets.store import TicketStore

logger = logging.getLogger(__name__)

EVERY_S = 30.0
"""Between two looks; an outage of the database is noticed by calls themselves."""


class Forwarding:
    """Runs the forwarder from :meth:`start` to :meth:`stop`. Owns its thread, not the store."""

    def __init__(self, store: TicketStore, *, every_s: float = EVERY_S) -> None:
        self._store = store
        self._every_s = every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="forwarder", daemon=True)

    def start(self) -> None:
        """Begin; the first look happens at once, off the caller's thread."""
        self._thread.start()

    def stop(self) -> None:
        """Let the look that is under way end, and end the thread."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._look()
            if self._over.wait(self._every_s):
                return

    def _look(self) -> None:
        try:
            replay(self._store)
        except (TicketError, OSError) as exc:
            logger.warning("leftovers not replayed", extra={"error": type(exc).__name__})
