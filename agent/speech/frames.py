"""Frames on the wire between call processes and the ears or the voice (pure: bytes in, bytes out).

A frame is 18 bytes of fixed head, a JSON object, and raw bytes (mostly audio)::

    magic "KRAL" | version u8 | kind u8 | request id u32 | header length u32 | payload length u32

All numbers are big-endian. Anything else is a :class:`~agent.errors.ProtocolError`: lengths are
checked before a single byte is kept, so a stranger cannot make us hold more than one frame.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from agent.errors import ProtocolError

MAGIC = b"KRAL"
VERSION = 1
MAX_HEADER_BYTES = 64 * 1024
MAX_PAYLOAD_BYTES = 16 * 1024 * 1024
"""About 8 minutes of 16 kHz int16: far more than one utterance."""

_HEAD = struct.Struct("!4sBBIII")


class Kind(IntEnum):
    """What a frame is for."""

    HELLO = 1
    """First frame of either side; the client's carries the token."""
    REQUEST = 2
    DATA = 3
    """A piece of the answer; a request may have any number of them."""
    END = 4
    """The answer is complete."""
    ERROR = 5
    """The request failed; header ``{"error": class name, "message": one sentence}``. With
    request id 0 it is about the connection, which closes."""
    CANCEL = 6
    """The client no longer wants the answer."""


_KINDS = frozenset(int(kind) for kind in Kind)


@dataclass(frozen=True, slots=True)
class Frame:
    """One message. ``request_id`` 0 belongs to the connection itself."""

    kind: Kind
    request_id: int = 0
    """0 .. 2**32 - 1, chosen by the client, unique among its open requests."""
    header: dict[str, Any] = field(default_factory=dict)
    """A JSON object, at most 64 KiB as UTF-8."""
    payload: bytes = b""
    """At most 16 MiB."""


def encode(frame: Frame) -> bytes:
    """The bytes of ``frame``.

    Raises:
        ProtocolError: the header or the payload is too large, or the header is not JSON.
    """
    try:
        text = json.dumps(frame.header, ensure_ascii=False, separators=(",", ":"))
        header = text.encode("utf-8")
        head = _HEAD.pack(
            MAGIC, VERSION, frame.kind, frame.request_id, len(header), len(frame.payload)
        )
    except (TypeError, ValueError, RecursionError, struct.error):
        raise ProtocolError("This frame cannot be written: its header is not JSON.") from None
    _check_sizes(len(header), len(frame.payload))
    return b"".join((head, header, frame.payload))


class FrameDecoder:
    """Cuts a byte stream into frames, however the network chopped it. One per connection."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._frame_bytes = 0

    @property
    def pending(self) -> bool:
        """Whether a frame has begun and is not complete yet."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes of the stream; give the frames they complete, in order.

        Raises:
            ProtocolError: the stream is not ours or breaks a limit; it cannot be read further.
        """
        self._buffer += data
        frames = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> Frame | None:
        if not self._frame_bytes and not self._measure():
            return None
        if len(self._buffer) < self._frame_bytes:
            return None
        raw = bytes(self._buffer[: self._frame_bytes])
        del self._buffer[: self._frame_bytes]
        self._frame_bytes = 0
        return _parse(raw)

    def _measure(self) -> bool:
        """Learn the length of the next frame from its head; False while the head is short."""
        if len(self._buffer) < _HEAD.size:
            # Refuse a stranger at the first wrong byte instead of waiting for a whole head.
            if not MAGIC.startswith(bytes(self._buffer[: len(MAGIC)])):
                raise ProtocolError("The other side does not speak this protocol.")
            return False
        magic, version, kind, _, header_bytes, payload_bytes = _HEAD.unpack_from(self._buffer)
        if magic != MAGIC:
            raise ProtocolError("The other side does not speak this protocol.")
        if version != VERSION:
            raise ProtocolError(
                f"The other side speaks version {version} of this protocol, we speak {VERSION}; "
                "run the same release on both."
            )
        if kind not in _KINDS:
            raise ProtocolError("A frame of an unknown kind came.")
        _check_sizes(header_bytes, payload_bytes)
        self._frame_bytes = _HEAD.size + header_bytes + payload_bytes
        return True


def _parse(raw: bytes) -> Frame:
    _, _, kind, request_id, header_bytes, _ = _HEAD.unpack_from(raw)
    end = _HEAD.size + header_bytes
    try:
        header = json.loads(raw[_HEAD.size : end].decode("utf-8"))
    except (ValueError, RecursionError):
        raise ProtocolError("A frame came whose header is not JSON.") from None
    if not isinstance(header, dict):
        raise ProtocolError("A frame came whose header is not a JSON object.")
    return Frame(Kind(kind), request_id, header, raw[end:])


def _check_sizes(header_bytes: int, payload_bytes: int) -> None:
    if header_bytes > MAX_HEADER_BYTES:
        raise ProtocolError(f"A frame header is larger than {MAX_HEADER_BYTES} bytes.")
    if payload_bytes > MAX_PAYLOAD_BYTES:
        raise ProtocolError(f"A frame payload is larger than {MAX_PAYLOAD_BYTES} bytes.")
