"""The second copy of a call's journal: its lines on their way to another machine.

A thread of the call sends every line to a journal receiver (``kural tickets receive``) as soon as
it is written here. Nobody waits for it, except who must know before a number is spoken. A receiver
that is away is asked again until the call is over and its lines are there, or its process ends.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime
from typing import Any
from urllib.parse import quote

from agent.errors import TicketError
from agent.tickets.journal import Kind, encode_line

POST_WITHIN_S = 1.5
"""Longest wait for a receiver to connect, and for each answer."""
RETRY_S = 0.5
AFTER_CALL_S = 60.0
"""How long a call's lines are still offered to a receiver that is away, after its end."""
MOST_BYTES = 512 * 1024
"""Of lines in one request; half of what a receiver takes."""

logger = logging.getLogger(__name__)


class ReceiverAway(TicketError):
    """The receiver did not acknowledge; trying again is safe."""

    retryable = True


class CopyBehind(TicketError):
    """The receiver holds fewer lines than we thought."""

    def __init__(self, seq: int) -> None:
        """Remember ``seq``, the last line it holds."""
        super().__init__("The journal receiver misses earlier lines.")
        self.seq = seq


class CopyRefused(TicketError):
    """The receiver will never take these lines: another token, or another journal of that name."""


class Receiver:
    """The second machine. One a process; share it between threads."""

    def __init__(self, url: str, token: str = "") -> None:
        """Name it; nothing is connected before the first line.

        Args:
            url: base URL, without a slash at its end.
            token: its bearer token; empty where it wants none.
        """
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._lock = threading.Lock()
        self._client: Any = None
        self._closed = False

    def post(self, call_id: str, lines: bytes) -> int:
        """Send journal lines of a call; returns the last ``seq`` that is synced over there.

        Raises:
            ReceiverAway: no answer, or none that acknowledges.
            CopyBehind: lines before these are missing there.
            CopyRefused: it will not take them.
        """
        status, seq = self._ask("POST", f"/{quote(call_id, safe='')}", lines)
        if status == 200 and seq is not None:
            return seq
        if status == 409 and seq is not None:
            raise CopyBehind(seq)
        if status in (400, 409, 413):
            raise CopyRefused(f"The journal receiver refused ({status}).")
        raise ReceiverAway(f"The journal receiver could not take it ({status}).")

    def check(self) -> None:
        """Ask whether it is there and knows us; writes nothing.

        Raises:
            ReceiverAway: it does not answer as a receiver does.
            CopyRefused: it wants another token.
        """
        status, _ = self._ask("GET", "", b"")
        if status != 200:
            raise ReceiverAway(f"The journal receiver answers {status}.")

    def _ask(self, method: str, path: str, content: bytes) -> tuple[int, int | None]:
        """Status, and the ``seq`` the answer names."""
        import httpx2  # here: only a process with a receiver pays for the import

        url = f"{self._url}/v1/journals{path}"
        try:
            answer = self._connected().request(method, url, content=content, headers=self._headers)
            body = answer.json() if answer.content else {}
            seq = body.get("seq") if isinstance(body, dict) else None
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, RuntimeError):  # closed meanwhile
            raise ReceiverAway("The journal receiver did not answer.") from None
        if answer.status_code == 401:
            raise CopyRefused("The journal receiver wants another TICKETS__RECEIVER_TOKEN.")
        return answer.status_code, seq if type(seq) is int else None

    def close(self) -> None:
        """Close its connections; nothing is sent any more."""
        with self._lock:
            self._closed = True
            if self._client is not None:
                self._client.close()
                self._client = None

    def _connected(self) -> Any:
        import httpx2

        with self._lock:
            if self._closed:
                raise CopyRefused("The connection to the journal receiver is closed.")
            if self._client is None:
                self._client = httpx2.Client(timeout=POST_WITHIN_S, trust_env=False)
            return self._client


class SecondCopy:
    """The lines of one call, sent in order by a thread of its own."""

    def __init__(self, receiver: Receiver, call_id: str) -> None:
        """Begin without lines; the thread starts with the first."""
        self._receiver = receiver
        self._call_id = call_id
        self._lines: list[bytes] = []
        self._there = 0
        """How many of them the receiver has acknowledged."""
        self._refused = False
        self._over_at: float | None = None
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, kind: Kind, data: dict[str, Any], at: datetime) -> None:
        """Send one more line when those before it are there; does not wait."""
        with self._news:
            seq = len(self._lines) + 1
            self._lines.append(encode_line(seq, at, self._call_id, kind, data))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="second-copy", daemon=True)
                self._thread.start()
            self._news.notify_all()

    def wait(self, within_s: float) -> bool:
        """Whether the receiver has every line added so far; waits at most ``within_s`` for it."""
        with self._news:
            wanted = len(self._lines)
            self._news.wait_for(lambda: self._refused or self._there >= wanted, max(0.0, within_s))
            return not self._refused and self._there >= wanted

    def close(self) -> None:
        """No more lines come; the thread ends when the receiver has all, or after a minute."""
        with self._news:
            self._over_at = time.monotonic() + AFTER_CALL_S
            self._news.notify_all()

    def _run(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._over_at or self._there < len(self._lines))
                batch = self._next_batch()
                if not batch or (self._over_at and time.monotonic() > self._over_at):
                    return
            if not self._send(batch):
                return

    def _next_batch(self) -> list[bytes]:
        batch: list[bytes] = []
        size = 0
        for line in self._lines[self._there :]:
            size += len(line)
            if batch and size > MOST_BYTES:
                break
            batch.append(line)
        return batch

    def _send(self, batch: list[bytes]) -> bool:
        """Send lines; False when there is no use in going on."""
        last = self._there + len(batch)
        try:
            seq = self._receiver.post(self._call_id, b"".join(batch))
        except CopyBehind as behind:
            if behind.seq >= self._there:  # not behind: it holds another journal of this name
                return self._give_up()
            seq = behind.seq
        except ReceiverAway:
            time.sleep(RETRY_S)  # a new line does not shorten it
            return True
        except CopyRefused:
            return self._give_up()
        else:
            if seq != last:  # it may hold no line that we have not sent
                return self._give_up()
        with self._news:
            self._there = seq
            self._news.notify_all()
        return True

    def _give_up(self) -> bool:
        logger.warning("journal receiver refuses", extra={"call_id": self._call_id})
        with self._news:
            self._refused = True
            self._news.notify_all()
        return False
