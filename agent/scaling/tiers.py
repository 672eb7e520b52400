"""Which machines may be rented at how many calls at once (``data/tiers.toml``)."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.errors import UnreadableInput
from agent.scaling.machine_mix import MachineType
from agent.scaling.prices import Prices
from agent.toml_file import load_toml

SHIPPED = Path(__file__).with_name("data") / "tiers.toml"
"""The tiers that come with this version."""

_P95 = 1.6449  # standard normal quantile


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Kind(_Data):
    """A kind of machine."""

    id: Annotated[str, Field(min_length=1)]
    """As the provider calls it."""
    vcpus: Annotated[int, Field(ge=1, le=1024)]


class Tier(_Data):
    """A range of calls at once and the machines for it."""

    calls: tuple[int, int]
    """From and to, both included."""
    machines: Annotated[list[str], Field(min_length=1)]
    spare: Annotated[int, Field(ge=0, le=100)]
    """Machines beyond what the calls need."""


class ColdStart(_Data):
    """How long a machine takes from its order to its first call."""

    median_s: Annotated[float, Field(gt=0, le=7200)]
    p95_s: Annotated[float, Field(gt=0, le=7200)]

    @property
    def sigma(self) -> float:
        """Of the lognormal with this median and 95th percentile."""
        return math.log(self.p95_s / self.median_s) / _P95

    @property
    def mean_s(self) -> float:
        """Mean of that lognormal."""
        return self.median_s * math.exp(self.sigma**2 / 2)


class Tiers(_Data):
    """Everything the file says. Immutable."""

    machine: Annotated[dict[str, Kind], Field(min_length=1)]
    tier: Annotated[list[Tier], Field(min_length=1)]
    cold_start: ColdStart

    @model_validator(mode="after")
    def _whole(self) -> Tiers:
        if self.cold_start.p95_s < self.cold_start.median_s:
            raise ValueError("cold_start.p95_s must not be below median_s")
        expected = 0
        for one in self.tier:
            if one.calls[0] != expected or one.calls[1] < one.calls[0]:
                raise ValueError(f"the tier that begins at {one.calls[0]} must begin at {expected}")
            expected = one.calls[1] + 1
            if unknown := set(one.machines) - set(self.machine):
                raise ValueError(f"tier names a machine that is not listed: {min(unknown)}")
        return self

    def at(self, calls: int) -> Tier:
        """Return the tier of so many calls at once; the last one beyond its end."""
        return next((one for one in self.tier if calls <= one.calls[1]), self.tier[-1])


def load_tiers(path: Path = SHIPPED) -> Tiers:
    """Read a file in the form of ``agent/scaling/data/tiers.toml``.

    Raises:
        UnreadableInput: it is not such a file; the message names the first thing that is wrong.
    """
    return load_toml(path, Tiers)


def machine_types(tiers: Tiers, prices: Prices) -> tuple[MachineType, ...]:
    """Return the machines of the tiers with what each may be given and costs, by the price file.

    Raises:
        UnreadableInput: a machine has no price, or none of them carries a call.
    """
    value = {name: price.value for name, price in prices.value.items()}
    found = []
    for name, kind in tiers.machine.items():
        if name not in prices.gpu:
            raise UnreadableInput(f"The price file has no [gpu.{name!r}], which the tiers name.")
        gpu = prices.gpu[name]
        by_cpu = Decimal(kind.vcpus) / value["call_vcpu"]
        carried = min(gpu.calls.value * value["trust"], by_cpu) * value["headroom"]
        found.append(MachineType(name, int(carried), gpu.usd_per_hour.value))
    if all(one.calls == 0 for one in found):
        raise UnreadableInput("No machine of the tiers carries a call at these prices.")
    return tuple(found)
