"""What the autoscaler asks of the line and of its machines, besides the provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from agent.scaling.provider import Machine


@dataclass(frozen=True, slots=True)
class Line:
    """What LiveKit's rooms say."""

    active: int
    """Callers with an agent that holds them on a machine."""
    unserved: int
    """Callers without any."""
    after_hours: int
    """Callers on the answer path."""
    calls: frozenset[str]
    """Ids of all of them; those not seen before are arrivals."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a machine says of itself."""

    calls: int
    unsent: int
    ready: bool
    draining: bool
    capacity: int
    """Calls it takes at once; 0 = it does not say."""


class Signals(Protocol):
    """Where the autoscaler reads, besides the provider. Every error is an AgentError."""

    async def line(self) -> Line:
        """Look at all rooms of the line."""
        ...

    async def word(self, machine: Machine) -> Word:
        """Ask a machine."""
        ...

    async def drain(self, machine: Machine) -> None:
        """Tell a machine to take no more calls; may be repeated."""
        ...
