"""Brings leftovers of crashed calls and of a database that was away into the database.

A thread beside the worker looks every two seconds; a look without leftovers costs the listing of a
folder. While the database is away it only asks whether it is back, and looks at once when it is.
Live calls are not disturbed (their journals are locked), and several machines may do this at once:
rows are written at most once. On a disk that vanishes with the machine it also brings journals of
ended calls to the second machine while the database is away.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from agent.errors import TicketError
from agent.tickets.forwarder import journals, replay
from agent.tickets.journal import lock_journal
from agent.tickets.second_copy import Receiver, ReceiverAway

if TYPE_CHECKING:
    from pathlib import Path

    from agent.tickets.store import TicketStore

logger = logging.getLogger(__name__)

EVERY_S = 2.0
"""Between two looks."""
ASK_EVERY_S = 0.5
"""Between two questions to a database that is away."""
ASK_WITHIN_S = 2.0


class Forwarder:
    """Replays journals from :meth:`start` to :meth:`stop`. Owns its thread, not the store."""

    def __init__(
        self, store: TicketStore, *, every_s: float = EVERY_S, ask_every_s: float = ASK_EVERY_S
    ) -> None:
        self._store = store
        self._every_s = every_s
        self._ask_every_s = ask_every_s
        self._over = threading.Event()
        self._news = threading.Event()
        self._copied: dict[str, int] = {}
        """Length of each waiting journal that the second machine has, by name."""
        self._thread = threading.Thread(target=self._run, name="forwarder", daemon=True)

    def start(self) -> None:
        """Begin; the first look happens at once, off the caller's thread."""
        self._thread.start()

    def wake(self) -> None:
        """Look now."""
        self._news.set()

    def stop(self) -> None:
        """Let the look that is under way end, and end the thread."""
        self._over.set()
        self._news.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            if self._look():
                self._pause(self._every_s)
            else:
                self._await_database()

    def _look(self) -> bool:
        """Replay once; False when the database is away."""
        try:
            return not replay(self._store).away
        except (TicketError, OSError) as exc:
            logger.warning("leftovers not replayed", extra={"error": type(exc).__name__})
            return True

    def _await_database(self) -> None:
        logger.warning("database away, rows wait in journals")
        while not self._over.is_set():
            self._copy_idle_journals()
            self._pause(self._ask_every_s)
            if self._store.database.answers(ASK_WITHIN_S):
                break
        self._copied.clear()

    def _copy_idle_journals(self) -> None:
        """Bring journals that wait for the database to the second machine, if this disk vanishes.

        A live call does that itself; its end, and what a crash left, would else be here alone.
        """
        durability = self._store.durability
        if durability.receiver is None or durability.journal:
            return
        for path in journals(self._store.journal_dir):
            try:
                self._copy(durability.receiver, path)
            except ReceiverAway:
                return
            except (TicketError, OSError):
                continue  # the next look may have more luck

    def _copy(self, receiver: Receiver, path: Path) -> None:
        journal = lock_journal(path)
        if journal is None:
            return
        journal.close()
        reading = journal.reading
        if reading.damaged or self._copied.get(path.name) == reading.whole_bytes:
            return
        if whole := path.read_bytes()[: reading.whole_bytes]:
            receiver.post(journal.call_id, whole)
            self._copied[path.name] = reading.whole_bytes

    def _pause(self, seconds: float) -> None:
        self._news.wait(seconds)
        if not self._over.is_set():
            self._news.clear()
