"""Frames over an asyncio stream, with the time limits both ends of a link keep."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from agent.errors import ProtocolError
from agent.speech.frames import Frame, FrameDecoder, encode

FRAME_TIMEOUT_S = 10.0
"""Longest time from the first byte of a frame to its last (slow-loris guard)."""
WRITE_TIMEOUT_S = 10.0
"""Longest wait for a peer that does not read what we send."""
LINGER_S = 1.0
"""How long a refused peer may go on sending before it is cut off."""
_CHUNK_BYTES = 64 * 1024


class FrameStream:
    """One connection, framed. One reader, any number of writers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @property
    def closing(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._writer.is_closing()

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """Frames until the peer hangs up between two of them. Call once.

        Raises:
            ProtocolError: garbage, or a frame that does not get on.
            ConnectionError: the peer hung up inside a frame.
        """
        decoder = FrameDecoder()
        loop = asyncio.get_running_loop()
        deadline: float | None = None
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    data = await self._reader.read(_CHUNK_BYTES)
            except TimeoutError:
                raise ProtocolError("A frame was begun and not finished in time.") from None
            if not data:
                if decoder.pending:
                    raise ConnectionResetError
                return
            frames = decoder.feed(data)
            # The clock of a frame runs from its first byte, however often a byte trickles in.
            if not decoder.pending:
                deadline = None
            elif deadline is None or frames:
                deadline = loop.time() + FRAME_TIMEOUT_S
            for frame in frames:
                yield frame

    def write(self, frame: Frame) -> None:
        """Queue one small frame without waiting; nothing happens on a closed connection.

        Raises:
            ProtocolError: the frame is too large or its header is not JSON.
        """
        data = encode(frame)
        if not self._writer.is_closing():
            self._writer.write(data)

    async def send(self, frame: Frame) -> None:
        """Write one frame and wait until the peer keeps up.

        Raises:
            ProtocolError: the frame is too large or its header is not JSON.
            ConnectionError: the peer is gone, or does not read (then it is hung up on).
        """
        data = encode(frame)
        if self._writer.is_closing():
            raise ConnectionResetError
        self._writer.write(data)
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                await self._writer.drain()
        except TimeoutError:
            self._writer.transport.abort()
            raise ConnectionAbortedError from None

    async def refuse(self, frame: Frame) -> None:
        """Send a last frame and hang up so that the peer can read it.

        What the peer still sends is read and thrown away for a second: closing on unread bytes
        would reset the connection, and the peer would lose our last frame.
        """
        self.write(frame)
        try:
            async with asyncio.timeout(LINGER_S):
                if self._writer.can_write_eof():  # TLS knows no half-closed connection
                    self._writer.write_eof()
                while await self._reader.read(_CHUNK_BYTES):
                    pass
        except (TimeoutError, OSError, RuntimeError):
            pass  # it goes on, or is gone already

    def close(self) -> None:
        """Hang up after what was written, without waiting."""
        self._writer.close()

    async def aclose(self) -> None:
        """Hang up, giving the peer a second to take what was written."""
        self._writer.close()
        try:
            async with asyncio.timeout(1.0):
                await self._writer.wait_closed()
        except (TimeoutError, OSError):
            self._writer.transport.abort()
