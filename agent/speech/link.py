"""Framed link between call processes and the ears or the voice: the answering side.

A connection starts with HELLO from the client (with the token, when one is set) and HELLO back.
Then any number of requests run side by side: REQUEST is answered by DATA frames and END, or by
ERROR; CANCEL or a closed connection cancels the handler. A peer that sends garbage, stalls in the
middle of a frame or does not read gets an ERROR frame and is hung up on; the server lives.

``frames`` holds the bytes, ``framestream`` the time limits, ``link_client`` the calling side.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from agent.errors import (
    AgentError,
    ConfigurationError,
    EngineBusy,
    EngineUnavailable,
    ProtocolError,
)
from agent.speech.address import Address, bound_unix_socket, parse_url
from agent.speech.frames import Frame, Kind
from agent.speech.framestream import FrameStream
from agent.speech.link_client import LinkClient

__all__ = ["Frame", "Handler", "Kind", "LinkClient", "Responder", "serve"]

_log = logging.getLogger(__name__)

HELLO_TIMEOUT_S = 5.0
"""A peer that does not introduce itself in this time is hung up on."""
MAX_OPEN_REQUESTS = 64
"""Requests one connection may have open; one more is refused as busy."""
MAX_CONNECTIONS = 1024
"""Connections a server keeps; one more is hung up on at once."""


class Responder:
    """Sends the pieces of one answer. Belongs to the handler it was given to."""

    def __init__(self, stream: FrameStream, request_id: int) -> None:
        self._stream = stream
        self._request_id = request_id

    async def data(self, header: Mapping[str, Any], payload: bytes = b"") -> None:
        """Send one DATA frame; waits while the client reads slower than we write.

        Raises:
            ProtocolError: header or payload is too large.
            ConnectionError: the client is gone (or did not read); let it pass through.
        """
        await self._stream.send(Frame(Kind.DATA, self._request_id, dict(header), payload))


Handler = Callable[[Frame, Responder], Awaitable[None]]
"""Answers one REQUEST. Returning ends the answer, an AgentError becomes an ERROR frame, and
cancellation means that the client no longer listens."""


async def serve(
    url: str,
    handler: Handler,
    *,
    token: str = "",
    ready: asyncio.Event | None = None,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Answer at ``url`` until cancelled; then every handler is cancelled and awaited.

    Args:
        url: ``unix:///path`` (mode 0600), ``tcp://host:port`` or ``tcps://host:port``.
        handler: called in its own task for every request, several at a time.
        token: what clients must present; may be empty on a unix socket or on loopback only.
        ready: set once connections are accepted.
        tls: certificate and key for ``tcps``, from :func:`agent.speech.tls.server_context`.

    Raises:
        ConfigurationError: the address is wrong, taken, or open to the network without a token.
    """
    address = parse_url(url)
    if not address.loopback and not token:
        raise ConfigurationError(
            "Ears or voice would answer the whole network without a secret; set SPEECH__TOKEN."
        )
    if address.tls and tls is None:
        raise ConfigurationError(
            "An address that begins with tcps:// needs a certificate; set SPEECH__TLS_CERT and "
            "SPEECH__TLS_KEY."
        )
    connections = _Connections(handler, token)
    async with contextlib.AsyncExitStack() as stack:
        if address.path is not None:
            bound = stack.enter_context(bound_unix_socket(address.path))
            server = await asyncio.start_unix_server(
                connections.accept, backlog=MAX_CONNECTIONS, sock=bound
            )
        else:
            server = await _start_tcp(address, connections, tls)
        stack.push_async_callback(connections.aclose)
        stack.callback(server.close)
        if ready is not None:
            ready.set()
        await asyncio.get_running_loop().create_future()  # until cancelled


async def _start_tcp(
    address: Address, connections: _Connections, tls: ssl.SSLContext | None
) -> asyncio.Server:
    options: dict[str, Any] = {"backlog": MAX_CONNECTIONS}
    if address.tls:
        options |= {"ssl": tls, "ssl_handshake_timeout": HELLO_TIMEOUT_S}
    try:
        return await asyncio.start_server(connections.accept, address.host, address.port, **options)
    except OSError as exc:
        raise ConfigurationError(
            f"Port {address.port} cannot be opened ({exc.strerror}); choose another one."
        ) from None


class _Connections:
    """Owns the task of every connection of one server."""

    def __init__(self, handler: Handler, token: str) -> None:
        self._handler = handler
        self._token = token
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= MAX_CONNECTIONS:
            _log.warning("connection refused, too many", extra={"count": len(self._tasks)})
            writer.close()
            return
        connection = _Connection(FrameStream(reader, writer), self._handler, self._token)
        task = asyncio.get_running_loop().create_task(connection.run())
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._forget(done, writer))

    def _forget(self, task: asyncio.Task[None], writer: asyncio.StreamWriter) -> None:
        self._tasks.discard(task)
        writer.close()  # a task cancelled before its first step has closed nothing
        if not task.cancelled() and (exc := task.exception()) is not None:
            _log.error("connection failed", extra={"error": type(exc).__name__})

    async def aclose(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Connection:
    """One client: reads its frames, runs its requests."""

    def __init__(self, stream: FrameStream, handler: Handler, token: str) -> None:
        self._stream = stream
        self._handler = handler
        self._token = token.encode()
        self._requests: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        try:
            async with contextlib.aclosing(self._stream.frames()) as frames:
                await self._greet(frames)
                async for frame in frames:
                    await self._take(frame)
        except ProtocolError as exc:
            await self._stream.refuse(_error_frame(0, exc))
        except ConnectionError:
            pass  # callers hang up; their requests end below
        finally:
            await self._aclose()

    async def _greet(self, frames: AsyncIterator[Frame]) -> None:
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                hello = await anext(frames, None)
        except TimeoutError:
            raise ProtocolError("No HELLO came in time.") from None
        if hello is None:
            raise ConnectionResetError
        if hello.kind is not Kind.HELLO:
            raise ProtocolError("The first frame must be HELLO.")
        presented = str(hello.header.get("token", "")).encode("utf-8", "replace")
        if not hmac.compare_digest(presented, self._token):
            _log.warning("connection refused, wrong token")
            raise ProtocolError("The token is wrong; set the same SPEECH__TOKEN on both sides.")
        await self._stream.send(Frame(Kind.HELLO))

    async def _take(self, frame: Frame) -> None:
        if frame.kind is Kind.CANCEL:
            if (task := self._requests.get(frame.request_id)) is not None:
                task.cancel()
            return
        if frame.kind is not Kind.REQUEST or frame.request_id == 0:
            raise ProtocolError("Only REQUEST and CANCEL are expected from a client.")
        if frame.request_id in self._requests:
            raise ProtocolError("This request id is already open.")
        if len(self._requests) >= MAX_OPEN_REQUESTS:
            busy = EngineBusy("This connection has too many requests open; wait for some to end.")
            await self._stream.send(_error_frame(frame.request_id, busy))
            return
        task = asyncio.get_running_loop().create_task(self._answer(frame))
        self._requests[frame.request_id] = task
        task.add_done_callback(lambda done: self._finished(frame.request_id, done))

    async def _answer(self, frame: Frame) -> None:
        try:
            await self._handler(frame, Responder(self._stream, frame.request_id))
            last = Frame(Kind.END, frame.request_id)
        except AgentError as exc:
            last = _error_frame(frame.request_id, exc)
        await self._stream.send(last)

    def _finished(self, request_id: int, task: asyncio.Task[None]) -> None:
        self._requests.pop(request_id, None)
        if task.cancelled() or (exc := task.exception()) is None:
            return
        if isinstance(exc, ConnectionError):
            return  # nobody is there to read the answer
        # A fault of ours: the client must not wait for its deadline, nor read foreign texts.
        _log.error("request failed", extra={"error": type(exc).__name__})
        failed = EngineUnavailable("The other side failed on this request; see its log.")
        self._stream.write(_error_frame(request_id, failed))

    async def _aclose(self) -> None:
        self._stream.close()  # first: we may be cancelled while we wait below
        tasks = list(self._requests.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._stream.aclose()


def _error_frame(request_id: int, error: AgentError) -> Frame:
    header = {"error": type(error).__name__, "message": str(error)[:1000]}
    return Frame(Kind.ERROR, request_id, header)
