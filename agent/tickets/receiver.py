"""The journal receiver: takes the journals of calls on other machines, so that two disks hold them.

``POST /v1/journals/<call>`` with journal lines exactly as they were written. What is new is
appended to a journal of the same name and synced before the answer ``{"seq": N}`` says how far this
machine has it. The same lines may come any number of times. Anything that is not whole, in order
and of that call is refused with one sentence and changes nothing. ``GET /v1/journals`` tells who
has the token that the receiver is there.

======  ===========================================================
200     all lines are synced here, ``seq`` is the last
400     these are no journal lines
401     the bearer token is missing or wrong
409     with ``seq``: lines between ``seq`` and these are missing here;
        without: this machine holds another journal of that call
413     more than a request or a journal may hold
503     the disk here fails, or the journal is in use; try again
======  ===========================================================
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from agent.errors import TicketError, UsageError
from agent.tickets.disk import make_folder
from agent.tickets.journal import (
    Journal,
    JournalLine,
    decode_line,
    encode_line,
    journal_name,
    open_journal,
)

MOST_BYTES = 1024 * 1024
"""Of one request."""
MOST_JOURNAL_BYTES = 8 * 1024 * 1024
"""Of one journal: a hundred times the longest call."""
MOST_NAME = 200
"""Letters of a call's name."""
DONE = "done"
"""Folder of journals that ``kural tickets replay --from`` has stored."""
BODY_WITHIN_S = 10.0
_LOCK_WAIT_S = 1.0

logger = logging.getLogger(__name__)

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refused(TicketError):
    """Lines that are not taken."""

    def __init__(self, status: int, sentence: str, seq: int | None = None) -> None:
        """Remember the answer."""
        super().__init__(sentence)
        self.status = status
        self.seq = seq


@dataclass(frozen=True, slots=True)
class Bind:
    """Where the receiver listens."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_bind(text: str, token: str) -> Bind:
    """Read ``HOST:PORT`` (``[::1]:8090`` for IPv6).

    Raises:
        UsageError: it is none, or others could reach it and no token is set.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise UsageError("--bind is no address: write it like 127.0.0.1:8090.")
    bind = Bind(host, int(port))
    if not bind.loopback and not token:
        raise UsageError(
            "Other machines can reach this address: set TICKETS__RECEIVER_TOKEN, here and on them, "
            "or bind to 127.0.0.1."
        )
    return bind


class JournalReceiver:
    """Takes lines into the journals of one folder. Blocking; share it between threads."""

    def __init__(self, folder: Path) -> None:
        """Use a folder; it is made when it is missing.

        Raises:
            UsageError: it cannot be.
        """
        self.folder = folder
        try:
            make_folder(folder.resolve())
        except OSError as exc:
            raise UsageError(f"The folder {folder} cannot be made ({exc.strerror}).") from None

    def take(self, call_id: str, body: bytes) -> int:
        """Append and sync what is new; returns the last ``seq`` held here.

        Raises:
            Refused: the lines are wrong, or this machine cannot keep them now.
        """
        given = parse_lines(call_id, body)
        try:
            return self._take(call_id, given)
        except OSError as exc:
            logger.warning("journal lines not kept", extra={"error": type(exc).__name__})
            raise Refused(503, "The receiver cannot write this journal now.") from None

    def _take(self, call_id: str, given: list[tuple[JournalLine, bytes]]) -> int:
        first = given[0][0].seq
        name = journal_name(call_id)
        put_away = (self.folder / DONE / name).exists() and not (self.folder / name).exists()
        folder = self.folder / DONE if put_away else self.folder
        if first > 1 and not (folder / name).exists():
            raise _gap(0)
        journal = open_journal(folder, call_id, wait_s=_LOCK_WAIT_S)
        try:
            new = _new_lines(journal, given)
            if new:
                if put_away:  # the call was not over after all: it is to be replayed again
                    journal.move_to(self.folder)
                journal.append_lines(new)
            return journal.seq
        finally:
            journal.close()


def parse_lines(call_id: str, body: bytes) -> list[tuple[JournalLine, bytes]]:
    """Read a request: lines of that call, whole and without gaps, each with its bytes.

    Raises:
        Refused: they are not.
    """
    if not 0 < len(call_id) <= MOST_NAME or not call_id.isprintable():
        raise Refused(400, "The name of the call is empty, too long or not printable.")
    *pieces, rest = body.split(b"\n")
    if rest or not pieces:
        raise Refused(400, "The body must be journal lines, each with its line end.")
    given: list[tuple[JournalLine, bytes]] = []
    for number, piece in enumerate(pieces, start=1):
        line = decode_line(piece)
        if line is None:
            raise Refused(400, f"Line {number} is no journal line, or its checksum is wrong.")
        if line.call_id != call_id:
            raise Refused(400, f"Line {number} belongs to another call.")
        if given and line.seq != given[-1][0].seq + 1:
            raise Refused(400, f"Line {number} does not follow the one before.")
        given.append((line, piece + b"\n"))
    return given


def _new_lines(journal: Journal, given: list[tuple[JournalLine, bytes]]) -> list[bytes]:
    """Those not held yet.

    Raises:
        Refused: some are missing, or what is held differs.
    """
    held = journal.reading
    if held.damaged or (held.lines and held.lines[0].call_id != given[0][0].call_id):
        raise Refused(409, "The receiver holds another or a damaged journal of this name.")
    if given[0][0].seq > journal.seq + 1:
        raise _gap(journal.seq)
    by_seq = {line.seq: line for line in held.lines}
    for line, raw in given:
        old = by_seq.get(line.seq)
        if old is not None and encode_line(old.seq, old.at, old.call_id, old.kind, old.data) != raw:
            raise Refused(409, "The receiver holds another journal of this call.")
    new = [raw for line, raw in given if line.seq > journal.seq]
    if held.whole_bytes + sum(map(len, new)) > MOST_JOURNAL_BYTES:
        raise Refused(413, "A journal of that length is not taken.")
    return new


def _gap(seq: int) -> Refused:
    return Refused(409, "Earlier lines of this journal are missing here.", seq)


def build_app(receiver: JournalReceiver, token: str) -> web.Application:
    """The HTTP side; an empty token lets everybody in who can reach it."""

    async def post(request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                body = await request.read()
            call = request.match_info["call"]
            seq = await asyncio.to_thread(receiver.take, call, body)
        except Refused as refused:
            return _answer(refused.status, error=str(refused), seq=refused.seq)
        except web.HTTPRequestEntityTooLarge:
            return _answer(413, error=f"A request holds at most {MOST_BYTES} bytes.")
        except TimeoutError:
            return _answer(400, error="The body did not come in time.")
        return _answer(200, seq=seq)

    @web.middleware
    async def known(request: web.Request, handler: _Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if token and not hmac.compare_digest(given, f"Bearer {token}".encode()):
            return _answer(401, error="The bearer token is missing or wrong.")
        try:
            return await handler(request)
        except web.HTTPNotFound:
            return _answer(404, error="There is only POST /v1/journals/<call>.")
        except web.HTTPMethodNotAllowed:
            return _answer(405, error="There is only POST /v1/journals/<call>.")

    app = web.Application(client_max_size=MOST_BYTES, middlewares=[known])

    async def get(_request: web.Request) -> web.Response:
        return web.json_response({"receives": True})

    app.router.add_get("/v1/journals", get)
    app.router.add_post("/v1/journals/{call}", post)
    return app


def _answer(status: int, *, error: str = "", seq: int | None = None) -> web.Response:
    body: dict[str, str | int] = {"error": error} if error else {}
    if seq is not None:
        body["seq"] = seq
    return web.json_response(body, status=status)


async def serve(
    receiver: JournalReceiver, bind: Bind, token: str, started: Callable[[int], None]
) -> None:
    """Answer until cancelled; ``started`` is told the port.

    Raises:
        UsageError: the address cannot be used.
    """
    runner = web.AppRunner(build_app(receiver, token), access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, bind.host, bind.port).start()
        except OSError as exc:
            raise UsageError(
                f"The receiver cannot listen at --bind ({exc.strerror or 'unknown host'})."
            ) from None
        started(runner.addresses[0][1])
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
