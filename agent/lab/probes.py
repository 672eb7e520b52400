"""Whether a server on loopback answers in its own protocol; each asks once, briefly."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from typing import Any

from agent.lab.ports import LOOPBACK

_WITHIN_S = 1.0
_OPTIONS = (
    "OPTIONS sip:{host}:{port} SIP/2.0\r\n"
    "Via: SIP/2.0/UDP {host}:{own};branch=z9hG4bK{branch};rport\r\n"
    "Max-Forwards: 70\r\n"
    "From: <sip:probe@{host}:{own}>;tag={branch}\r\n"
    "To: <sip:{host}:{port}>\r\n"
    "Call-ID: {branch}@{host}\r\n"
    "CSeq: 1 OPTIONS\r\n"
    "Contact: <sip:probe@{host}:{own}>\r\n"
    "Content-Length: 0\r\n\r\n"
)
"""RFC 3261, section 11: how a telephone asks whether the other side is there."""


async def redis_answers(port: int) -> bool:
    """Whether Redis says PONG."""
    return (await _exchange(port, b"PING\r\n", one_line=True)).startswith(b"+PONG")


async def livekit_answers(port: int) -> bool:
    """Whether LiveKit server says that it is well (``GET /``)."""
    return b" 200 " in (await _get(port, "/")).partition(b"\r\n")[0]


async def http_body(port: int, path: str) -> Any:
    """What a server answers to ``GET path``, read as JSON; None when there is no such answer."""
    head, _, body = (await _get(port, path)).partition(b"\r\n\r\n")
    try:
        return json.loads(body) if b" 200 " in head.partition(b"\r\n")[0] else None
    except ValueError:
        return None


async def sip_answers(port: int) -> bool:
    """Whether SIP answers an OPTIONS request over UDP, with whatever status."""
    return await asyncio.to_thread(_ask_options, port)


async def _get(port: int, path: str) -> bytes:
    # HTTP/1.0: the answer comes in one piece and ends with the connection.
    return await _exchange(port, f"GET {path} HTTP/1.0\r\nHost: {LOOPBACK}\r\n\r\n".encode())


async def _exchange(port: int, request: bytes, *, one_line: bool = False) -> bytes:
    try:
        async with asyncio.timeout(_WITHIN_S):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(request)
                return (
                    await reader.read() if request.startswith(b"GET") else await reader.readline()
                )
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return b""


def _ask_options(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.settimeout(_WITHIN_S)
        line.bind((LOOPBACK, 0))
        own, branch = line.getsockname()[1], secrets.token_hex(8)
        request = _OPTIONS.format(host=LOOPBACK, port=port, own=own, branch=branch)
        try:
            line.connect((LOOPBACK, port))
            line.send(request.encode())
            return line.recv(2048).startswith(b"SIP/2.0 ")
        except OSError:
            return False
