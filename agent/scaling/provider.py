"""Where machines come from: what an autoscaler asks of a provider, and nothing more.

A provider is RunPod, a Kubernetes Deployment or this machine itself. None of them takes an
idempotency key, so the *name* of a machine is one: ``kural-<env>-<slot>``. Every change begins
with a list of what is there, and :meth:`Provider.create` gives back the machine that bears the
name already instead of buying a second one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

PREFIX = "kural"
"""Begins the name of every machine of ours; what is called otherwise is not touched."""


class Stock(StrEnum):
    """How likely the next machine of a type can be had, in the provider's own words."""

    NONE = "NONE"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


class MachineState(StrEnum):
    """How far a machine is."""

    STARTING = "STARTING"
    """It is paid for and carries no calls yet."""
    RUNNING = "RUNNING"
    """Its container runs; whether it answers calls, its own ``/ready`` says."""
    FAILED = "FAILED"
    """It stopped by itself or broke: it answers no call and may still cost money."""
    ENDING = "ENDING"
    """It was told to go and is still listed."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A type of machine that can be asked for."""

    type_name: str
    """The provider's id of the type, as :meth:`Provider.create` takes it."""
    usd_per_hour: float
    """Price of one such machine; 0.0 where the provider charges nothing."""
    stock: Stock
    vcpus: int
    """Least number of virtual CPUs; 0 = not known before it runs."""
    memory_gb: float
    """Least main memory in 10^9 bytes; 0.0 = not known before it runs."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that exists, or that the provider still charges for."""

    id: str
    """The provider's own name of it."""
    name: str
    """Ours, see :func:`machine_name`."""
    type_name: str
    state: MachineState
    usd_per_hour: float
    """What it costs now, as billed; the provider's word, not the catalogue's."""
    created_at: datetime | None
    """When it was asked for (UTC), or None where the provider does not say."""
    address: str
    """Base URL of its control port (``/ready``, ``/drain``), empty while it has none."""


class Provider(Protocol):
    """Creates, lists and ends machines. Safe to share within one event loop.

    Every method raises :class:`~agent.errors.ProviderError` of one kind or another; whether to try
    again is its ``retryable``. No method waits longer than its client's deadline.
    """

    async def offers(self) -> list[Offer]:
        """Types that may be asked for, in the order of the settings; without stock ones too."""
        ...

    async def machines(self) -> list[Machine]:
        """All machines of this environment by the name, also broken ones; none of anybody else.

        Never a partial list: what cannot be read whole raises.
        """
        ...

    async def create(self, name: str, types: Sequence[str]) -> Machine:
        """Give the machine of this name: the one there is, or a new one of the first type in stock.

        Raises:
            NoStock: none of the types can be had now.
            OutcomeUnknown: it may or may not exist: count it as existing until a list says no.
        """
        ...

    async def terminate(self, machine_id: str) -> None:
        """End a machine for good; one that is gone already is no error.

        The caller has made sure that it holds neither a call nor an unsent line.
        """
        ...

    def log_hint(self, machine: Machine) -> str:
        """Where a person reads what the machine printed: one sentence without secrets."""
        ...

    async def aclose(self) -> None:
        """Close connections; machines that a provider keeps only with us end as well."""
        ...


def machine_name(env: str, slot: int) -> str:
    """Name of the machine in a slot, counted from 1: ``kural-prod-3``."""
    return f"{PREFIX}-{env}-{slot}"


def slot_of(name: str, env: str) -> int | None:
    """Which slot a name stands for; None for machines of others and of other environments."""
    found = re.fullmatch(rf"{PREFIX}-{re.escape(env)}-([1-9]\d{{0,5}})", name)
    return int(found[1]) if found else None


def free_name(env: str, taken: Iterable[str]) -> str:
    """The name of the lowest free slot, ``taken`` being the names in use or perhaps in use."""
    slots = {slot_of(name, env) for name in taken}
    return machine_name(env, next(n for n in range(1, len(slots) + 2) if n not in slots))
