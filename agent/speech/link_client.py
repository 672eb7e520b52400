"""The calling side of the link (see ``link`` for the conversation, ``frames`` for the bytes)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from agent.errors import AgentError, EngineUnavailable, ProtocolError
from agent.speech.address import Address, parse_url, reachable
from agent.speech.frames import Frame, Kind
from agent.speech.framestream import FrameStream
from agent.speech.tls import client_context

MAX_UNREAD_BYTES = 32 * 1024 * 1024
"""Answer bytes kept for a reader that does not come; beyond it that request fails."""


class LinkClient:
    """One connection to ears or voice, opened when needed and again after it broke.

    Shared by all requests of one event loop. Not for several loops or threads.
    """

    def __init__(
        self, url: str, *, token: str = "", connect_timeout_s: float = 2.0, tls_ca: str = ""
    ) -> None:
        """Remember where to connect; nothing is connected yet.

        Args:
            url: ``unix:///path``, ``tcp://host:port`` or ``tcps://host:port``.
            token: the shared secret of a TCP connection.
            connect_timeout_s: until the other side has said HELLO.
            tls_ca: PEM file to trust on ``tcps``; empty = what the system trusts.

        Raises:
            ConfigurationError: the URL or the file is wrong.
        """
        self._address = parse_url(url)
        self._tls = client_context(tls_ca) if self._address.tls else None
        self._token = token
        self._connect_timeout_s = connect_timeout_s
        self._connection: _Connection | None = None
        self._connecting: asyncio.Task[_Connection] | None = None

    async def request(
        self,
        header: Mapping[str, Any],
        payload: bytes = b"",
        *,
        deadline_s: float,
        gap_s: float | None = None,
    ) -> AsyncGenerator[Frame, None]:
        """Ask; give the DATA frames of the answer, then end.

        Close the iterator (``contextlib.aclosing``) to cancel the request on the other side.

        Args:
            header: a JSON object.
            payload: raw bytes, at most 16 MiB.
            deadline_s: seconds from now in which the whole answer must have come.
            gap_s: then only the first frame must have come by the deadline, and each further one
                in this time after the one before: for answers as long as speech.

        Raises:
            EngineUnavailable: no connection, it broke, or the deadline passed.
            AgentError: what the other side raised, as the same class.
            ProtocolError: header or payload is too large.
        """
        deadline = asyncio.get_running_loop().time() + deadline_s
        connection = await self._connected(deadline)
        answer = connection.open(header, payload)
        try:
            while (frame := await answer.next(deadline)) is not None:
                yield frame
                if gap_s is not None:
                    deadline = asyncio.get_running_loop().time() + gap_s
        except _DeadlinePassed:
            connection.close_request(answer)
            connection.give_up_if_silent(answer)
            raise
        finally:
            connection.close_request(answer)

    async def aclose(self) -> None:
        """Hang up; open requests fail with EngineUnavailable."""
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()
            await asyncio.wait({connecting})
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.aclose()

    async def _connected(self, deadline: float) -> _Connection:
        if self._connection is not None and self._connection.alive:
            return self._connection
        if self._connecting is None:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())
            # Looked at even when every waiting request was cancelled meanwhile.
            self._connecting.add_done_callback(lambda done: done.cancelled() or done.exception())
        connecting = self._connecting
        try:
            async with asyncio.timeout_at(deadline):
                # Shielded: several requests may wait for one attempt, one may be cancelled.
                return await asyncio.shield(connecting)
        except TimeoutError:
            raise EngineUnavailable("Ears or voice could not be reached in time.") from None
        except asyncio.CancelledError:
            if connecting.cancelled():
                raise EngineUnavailable("The link to ears or voice was closed.") from None
            raise

    async def _connect(self) -> _Connection:
        try:
            old, self._connection = self._connection, None
            if old is not None:
                await old.aclose()
            async with asyncio.timeout(self._connect_timeout_s):
                self._connection = await _introduce(self._address, self._token, self._tls)
        except ssl.SSLCertVerificationError:
            raise EngineUnavailable(
                "The certificate of ears or voice is not trusted or not for this host name; "
                "check SPEECH__TLS_CA and the address."
            ) from None
        except (OSError, TimeoutError, ProtocolError) as exc:
            said = f" {exc}" if isinstance(exc, ProtocolError) else ""
            raise EngineUnavailable(
                f"Ears or voice do not answer at their address.{said}"
            ) from None
        else:
            return self._connection
        finally:
            self._connecting = None


async def _introduce(address: Address, token: str, tls: ssl.SSLContext | None) -> _Connection:
    if address.path is not None:
        with reachable(address.path) as name:
            stream = FrameStream(*await asyncio.open_unix_connection(name))
    else:
        reader, writer = await asyncio.open_connection(address.host, address.port, ssl=tls)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        stream = FrameStream(reader, writer)
    frames = stream.frames()
    try:
        # In clear on tcp://, which is for loopback, a private network or a tunnel.
        await stream.send(Frame(Kind.HELLO, header={"token": token} if token else {}))
        _check_hello(await anext(frames, None))
    except BaseException:
        await frames.aclose()
        stream.close()
        raise
    return _Connection(stream, frames)


def _check_hello(answer: Frame | None) -> None:
    if answer is None:
        raise ConnectionResetError
    if answer.kind is not Kind.HELLO:
        raise _connection_error(answer)


class _DeadlinePassed(EngineUnavailable):
    """Told apart inside this module only: the connection itself may still be good."""


class _Answer:
    """The frames of one open request that its reader has not taken yet."""

    def __init__(self, request_id: int) -> None:
        self.request_id = request_id
        self.ended = False
        """END or ERROR was received: there is nothing left to cancel."""
        self.touched = False
        """Anything at all came on the connection since the question was sent."""
        self._frames: asyncio.Queue[Frame | AgentError] = asyncio.Queue()
        self._unread_bytes = 0

    def put(self, frame: Frame) -> None:
        self.ended = frame.kind in (Kind.END, Kind.ERROR)
        self._unread_bytes += len(frame.payload)
        if self._unread_bytes > MAX_UNREAD_BYTES:
            self.fail(EngineUnavailable("The answer came faster than it was read; it is dropped."))
        else:
            self._frames.put_nowait(frame)

    def fail(self, error: AgentError) -> None:
        self._frames.put_nowait(error)

    async def next(self, deadline: float) -> Frame | None:
        """The next DATA frame, or None at the end."""
        try:
            if self._frames.empty():
                async with asyncio.timeout_at(deadline):
                    item = await self._frames.get()
            else:
                item = self._frames.get_nowait()
        except TimeoutError:
            raise _DeadlinePassed("The answer did not come in time.") from None
        if isinstance(item, AgentError):
            raise item
        self._unread_bytes -= len(item.payload)
        if item.kind is Kind.ERROR:
            raise _error_of(item)
        return None if item.kind is Kind.END else item


class _Connection:
    """An open connection after HELLO; its task hands incoming frames to their requests."""

    def __init__(self, stream: FrameStream, frames: AsyncGenerator[Frame, None]) -> None:
        self._stream = stream
        self._frames = frames
        self._open: dict[int, _Answer] = {}
        self._last_id = 0
        self.alive = True
        self._task = asyncio.get_running_loop().create_task(self._receive())

    def open(self, header: Mapping[str, Any], payload: bytes) -> _Answer:
        self._last_id = self._last_id % 0xFFFFFFFF + 1
        answer = _Answer(self._last_id)
        self._stream.write(Frame(Kind.REQUEST, self._last_id, dict(header), payload))
        self._open[self._last_id] = answer
        return answer

    def close_request(self, answer: _Answer) -> None:
        """Forget the request; tell the other side when it is still at work."""
        if self._open.pop(answer.request_id, None) is None or answer.ended:
            return
        self._stream.write(Frame(Kind.CANCEL, answer.request_id))

    def give_up_if_silent(self, answer: _Answer) -> None:
        """After a missed deadline: a peer that sent nothing meanwhile is taken for dead."""
        if not answer.touched and not self._open:
            self.alive = False
            self._stream.close()

    async def aclose(self) -> None:
        self._stream.close()
        self._task.cancel()
        await asyncio.wait({self._task})
        await self._stream.aclose()

    async def _receive(self) -> None:
        reason = "The link to ears or voice broke."
        try:
            async with contextlib.aclosing(self._frames):
                async for frame in self._frames:
                    self._hand_over(frame)
        except ProtocolError as exc:
            reason = str(exc)
        except ConnectionError:
            pass
        finally:
            self.alive = False
            self._stream.close()
            for answer in self._open.values():
                answer.fail(EngineUnavailable(reason))

    def _hand_over(self, frame: Frame) -> None:
        if frame.request_id == 0:
            raise _connection_error(frame)
        for answer in self._open.values():
            answer.touched = True
        if (wanted := self._open.get(frame.request_id)) is not None:
            wanted.put(frame)


def _connection_error(frame: Frame) -> ProtocolError:
    return ProtocolError(str(frame.header.get("message", "It does not speak this protocol.")))


def _error_of(frame: Frame) -> AgentError:
    """The error an ERROR frame speaks of, as the class its name says."""
    found = _error_classes(AgentError).get(str(frame.header.get("error")), EngineUnavailable)
    return found(str(frame.header.get("message", "The other side gave no reason.")))


def _error_classes(root: type[AgentError]) -> dict[str, type[AgentError]]:
    classes = {root.__name__: root}
    for child in root.__subclasses__():
        classes |= _error_classes(child)
    return classes
