"""What a machine does for its tickets by the clock: overdue ones rise, what is not needed goes.

Once an hour the levels of overdue tickets are raised; once a day everything goes that has been
kept as long as the settings say. Every machine does both: the first happens once per ticket whoever
comes first, the second is about its own journals and sound too.
"""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agent.errors import AgentError
from agent.tickets.casework import Casework
from agent.tickets.names import load_names
from agent.tickets.retention import keep_only_what_is_needed

if TYPE_CHECKING:
    from agent.settings import RetentionSettings
    from agent.tickets.store import TicketStore

logger = logging.getLogger(__name__)

EVERY_S = 3600.0
_STOP_S = 3.0
DAILY = 24
"""Rounds of :data:`EVERY_S` between two looks for what may go."""


class Upkeep:
    """Runs from :meth:`start` to :meth:`stop` on a thread of its own. Does not own the store."""

    def __init__(
        self, store: TicketStore, retention: RetentionSettings, *, every_s: float = EVERY_S
    ) -> None:
        self._store = store
        self._retention = retention
        self._every_s = every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Begin; the first round comes at once, off the caller's thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a long round is left behind with it: it is safe to be cut off."""
        self._over.set()
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        rounds = 0
        while not self._over.is_set():
            self.once(with_retention=rounds % DAILY == 0)
            rounds += 1
            self._over.wait(self._every_s)

    def once(self, *, with_retention: bool) -> None:
        """Do one round; what fails is logged and tried again in the next."""
        try:
            raised = Casework(self._store, load_names()).escalate()
            if raised:
                logger.info("tickets escalated", extra={"tickets": len(raised)})
            if with_retention:
                keep_only_what_is_needed(self._store, self._retention, datetime.now(UTC))
        except (AgentError, OSError) as exc:
            logger.warning("upkeep not done", extra={"error": type(exc).__name__})
