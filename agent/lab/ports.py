"""Free ports on loopback for servers that cannot choose their own."""

from __future__ import annotations

import random
import socket
from dataclasses import dataclass
from itertools import count as counted

from agent.errors import UsageError

LOOPBACK = "127.0.0.1"
_SOUND_PORTS = 400
"""UDP ports for telephone sound; a call takes one, and keeps it for a while after its end."""
_SOUND_FROM, _SOUND_TO = 20_000, 32_000
"""Below the ports Linux gives to outgoing connections (32768 to 60999)."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the servers of one stack listen."""

    redis: int
    livekit: int
    """WebSocket and API, TCP."""
    media: int
    """Sound of all rooms, UDP."""
    sip: int
    """Telephone signalling, UDP and TCP."""
    sound: tuple[int, int]
    """First and last port of telephone sound, UDP."""


def free_ports() -> Ports:
    """Ports that were free a moment ago; another program may still be quicker.

    Raises:
        UsageError: none is free.
    """
    first = free_sound_ports(_SOUND_PORTS)
    return Ports(
        redis=free_port(),
        livekit=free_port(),
        media=free_port(udp=True),
        sip=free_port(udp=True, tcp=True),
        sound=(first, first + _SOUND_PORTS - 1),
    )


def free_sound_ports(count: int) -> int:
    """First of ``count`` UDP ports, even, as telephones want it (RFC 3550, section 11).

    Which of them are free only shows in the call: telephones and SIP skip those that are not.
    """
    return random.randrange(_SOUND_FROM, _SOUND_TO - count, 2)


def free_port(*, tcp: bool | None = None, udp: bool = False) -> int:
    """A port of loopback that nobody listens on, for TCP unless told otherwise.

    Args:
        tcp: free for TCP; None: unless ``udp`` is asked for.
        udp: free for UDP.

    Raises:
        UsageError: none was found.
    """
    kinds = [socket.SOCK_STREAM] if tcp or (tcp is None and not udp) else []
    kinds += [socket.SOCK_DGRAM] if udp else []
    for attempt in counted():
        port = 0
        try:
            for kind in kinds:
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind((LOOPBACK, port))
                    port = probe.getsockname()[1]
        except OSError:
            if attempt > 100:
                break
        else:
            return port
    raise UsageError("No free port is left on this machine: end programs that hold them.")
