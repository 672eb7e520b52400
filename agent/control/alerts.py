"""Tells whoever is on duty of emergencies: a webhook that must answer that somebody knows.

The message goes out at once, during the call (:class:`Alerter`), and until it is acknowledged again
and again for a day (:class:`AlertSender`, a thread beside the upkeep). It is stored with its ticket
(:mod:`agent.tickets.outbox`) and carries a key by which the receiver knows one that comes twice. It
says number, priority, category, seat and place by the names of our tables: no words, no caller.

Acknowledged means: status 2xx and the JSON object ``{"acknowledged": true}``. What else comes back,
or nothing, is a try in vain.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agent.errors import TicketError
from agent.tickets import outbox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.complaint import Complaint
    from agent.settings import AlertSettings
    from agent.tickets.store import TicketStore

EVERY_S = 5.0
"""Between two looks for what is due."""
MOST_AT_ONCE = 20
_LARGEST_ANSWER = 16 * 1024
_DATABASE_S = 0.5
"""Patience with the database while the caller waits."""
_WITHIN_S = 10.0
"""The same when nobody waits."""

logger = logging.getLogger(__name__)


class Webhook:
    """Where alerts go. Share it between threads."""

    def __init__(self, settings: AlertSettings) -> None:
        """Remember where; nothing is connected yet."""
        self._url = settings.url
        token = settings.token.get_secret_value()
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def post(self, message: Mapping[str, Any], within_s: float) -> bool:
        """Send one message; whether it was acknowledged. Comes back in time whatever happens."""
        acknowledged = threading.Event()

        def send() -> None:
            if self._send(message, within_s):
                acknowledged.set()

        # A server that drips its answer keeps every single read short of its time limit.
        thread = threading.Thread(target=send, name="alert", daemon=True)
        thread.start()
        thread.join(within_s)
        return acknowledged.is_set()

    def _send(self, message: Mapping[str, Any], within_s: float) -> bool:
        import httpx2  # here: only who sends alerts pays for the import

        deadline = time.monotonic() + within_s
        try:
            with (
                httpx2.Client(timeout=within_s, trust_env=False) as client,
                client.stream("POST", self._url, json=message, headers=self._headers) as answer,
            ):
                body = b""
                for piece in answer.iter_bytes():
                    body += piece
                    if len(body) > _LARGEST_ANSWER or time.monotonic() > deadline:
                        return False
                told = json.loads(body) if answer.is_success else None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, RecursionError):
            return False
        return isinstance(told, dict) and told.get("acknowledged") is True


class Alerter:
    """Tells of an emergency while its caller is on the line. One a process."""

    def __init__(self, store: TicketStore, settings: AlertSettings) -> None:
        """Bind the store of the process and where alerts go; without a URL nobody is told."""
        self._store = store
        self._settings = settings
        self._webhook = Webhook(settings)

    def alert(self, number: str, complaint: Complaint | None = None) -> bool:
        """Tell of one emergency; whether somebody on duty has confirmed that he knows.

        Takes about ``ALERTS__TIMEOUT_S`` at most, and blocks: call it in a thread. What is not
        acknowledged is sent again by :class:`AlertSender` as soon as its ticket is in the database.

        Args:
            number: of the ticket, which is filed.
            complaint: what it is about, for when the database is away.
        """
        if not self._settings.url:
            return False
        deadline = time.monotonic() + self._settings.timeout_s
        taken: outbox.Message | bool | None = None
        key = outbox.alert_key(number)
        try:
            taken = outbox.take(self._store, key, at_once=True, within_s=_DATABASE_S)
        except TicketError:
            logger.warning("database away, alert goes out by itself")
        if isinstance(taken, bool):
            return taken  # it arrived before, or the sender is at it
        message = self._message(number, complaint)
        acknowledged = self._webhook.post(message, max(0.1, deadline - time.monotonic()))
        logger.info("emergency told", extra={"done": acknowledged, "attempt": 1})
        if isinstance(taken, outbox.Message):
            _note(self._store, taken, acknowledged=acknowledged, within_s=_DATABASE_S)
        return acknowledged

    def _message(self, number: str, complaint: Complaint | None) -> dict[str, Any]:
        if complaint is None:
            try:
                ticket = outbox.about(self._store, number, within_s=_DATABASE_S)
            except TicketError:
                ticket = None
            return _message(number, ticket or {})
        place = complaint.place
        return _message(number, {
            "priority": complaint.priority.value,
            "category": complaint.category.value if complaint.category else None,
            "constituency_no": place.constituency if place else None,
            "locality_en": place.locality_en if place else None,
        })  # fmt: skip


class AlertSender:
    """Sends what was not acknowledged, from :meth:`start` to :meth:`stop`. Does not own the store.

    Several machines may run one each: a message is taken by one of them.
    """

    def __init__(
        self,
        store: TicketStore,
        settings: AlertSettings,
        *,
        every_s: float = EVERY_S,
    ) -> None:
        self._store = store
        self._settings = settings
        self._webhook = Webhook(settings)
        self._every_s = every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alert-sender", daemon=True)

    def start(self) -> None:
        """Begin, if there is anybody to tell."""
        if self._settings.url:
            self._thread.start()

    def stop(self) -> None:
        """End the thread after the message it is at."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(self._settings.timeout_s + 2 * _WITHIN_S)

    def _run(self) -> None:
        while not self._over.is_set():
            self.once()
            self._over.wait(self._every_s)

    def once(self) -> int:
        """Send what is due; returns how many were acknowledged."""
        arrived = 0
        try:
            for key in outbox.due(self._store, limit=MOST_AT_ONCE, within_s=_WITHIN_S):
                if self._over.is_set():
                    break
                arrived += self._send(key)
        except TicketError as exc:
            logger.warning("alerts not sent", extra={"error": type(exc).__name__})
        return arrived

    def _send(self, key: str) -> bool:
        taken = outbox.take(self._store, key, at_once=False, within_s=_WITHIN_S)
        if not isinstance(taken, outbox.Message):
            return False  # another machine has it
        ticket = outbox.about(self._store, taken.ticket, within_s=_WITHIN_S)
        acknowledged = ticket is not None and self._webhook.post(
            _message(taken.ticket, ticket), self._settings.timeout_s
        )
        _note(self._store, taken, acknowledged=acknowledged, within_s=_WITHIN_S)
        extra = {"done": acknowledged, "attempt": taken.attempts}
        logger.info("emergency told", extra=extra)
        return acknowledged


def _note(
    store: TicketStore, message: outbox.Message, *, acknowledged: bool, within_s: float
) -> None:
    """Write down what became of a message."""
    try:
        if acknowledged:
            outbox.arrived(store, message, within_s=within_s)
        elif not outbox.try_again(store, message, within_s=within_s):
            logger.error("alert given up", extra={"attempts": message.attempts})
    except TicketError as exc:
        logger.warning("alert not noted", extra={"error": type(exc).__name__})


def _message(number: str, ticket: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object that is posted; unknown is null."""
    at: datetime = ticket.get("created_at") or datetime.now(UTC)
    return {
        "key": outbox.alert_key(number),
        "ticket": number,
        "priority": ticket.get("priority") or "emergency",
        "category": ticket.get("category"),
        "constituency": ticket.get("constituency_no"),
        "place": ticket.get("locality_en"),
        "at": at.isoformat(timespec="seconds"),
    }
