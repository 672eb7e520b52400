"""Prices and assumptions with unit, standing, source and date, read from a file."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.capacity.gpu_profiles import load_gpu_profiles
from agent.errors import UnreadableInput
from agent.toml_file import load_toml

SHIPPED = Path(__file__).with_name("data") / "prices.toml"
"""The prices that come with this version."""

NAMES = frozenset(
    "inr_per_usd days hours_a_day peak blocking headroom trust extra_hours volume_gb volume_usd"
    " one_server_usd server_vcpu call_vcpu media_calls ship_usd ship_calls ship_minutes scale_usd"
    " scale_minutes agent_minute_usd sip_minute_usd trunk_minute_inr number_inr gst llm_asks"
    " llm_tokens_in llm_tokens_out llm_usd_in llm_usd_out".split()
)
"""What the cost model asks for, all of it and nothing else."""

_LEAST = {
    "inr_per_usd": "1",
    "one_server_usd": "1",
    "server_vcpu": "1",
    "call_vcpu": "0.001",
    "media_calls": "1",
    "days": "1",
    "hours_a_day": "1",
    "peak": "1",
}


class Price(BaseModel):
    """One number that somebody measured, quoted, calculated or assumed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: Annotated[Decimal, Field(ge=0, le=1_000_000_000, allow_inf_nan=False)]
    unit: Annotated[str, Field(min_length=1)]
    standing: Literal["measured", "quoted", "calculated", "assumed", "given"]
    """``given`` is what the user of the command said."""
    source: Annotated[str, Field(min_length=1)]
    date: datetime.date | None = None
    """Of the source, or on which it was read; None only for what is given."""


class Gpu(BaseModel):
    """One type of GPU machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    usd_per_hour: Price
    calls: Price
    """Calls at once that its ears carry, before trust and headroom; of its profile
    (agent/capacity/data/gpu_profiles.toml) where the file does not say."""


class Prices(BaseModel):
    """Everything the cost model knows. Immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: dict[str, Price]
    gpu: Annotated[dict[str, Gpu], Field(min_length=1)]

    def with_rate(self, inr_per_usd: Decimal) -> Prices:
        """Return the same prices at another exchange rate, marked as given by the user."""
        given = Price(value=inr_per_usd, unit="INR/USD", standing="given", source="--rate")
        return self.model_copy(update={"value": {**self.value, "inr_per_usd": given}})


def load_prices(path: Path = SHIPPED) -> Prices:
    """Read a file of prices in the form of ``agent/scaling/data/prices.toml``.

    Raises:
        UnreadableInput: it is not such a file; the message names the first thing that is wrong.
    """
    prices = load_toml(path, Prices, exact=True, complete=_add_calls)
    _check(path, prices)
    return prices


def _add_calls(raw: dict[str, Any]) -> None:
    """What a type of GPU carries, from its profile where the file does not say."""
    machines = raw.get("gpu")
    profiles = load_gpu_profiles()
    for name, machine in machines.items() if isinstance(machines, dict) else ():
        profile = profiles.get(name)
        if profile is None or not isinstance(machine, dict) or "calls" in machine:
            continue
        told = profile.model_dump(include={"standing", "source", "date"})
        machine["calls"] = told | {"value": profile.calls, "unit": "calls"}


def _check(path: Path, prices: Prices) -> None:
    missing, unknown = NAMES - set(prices.value), set(prices.value) - NAMES
    for what, names in (("lacks", missing), ("has an unknown", unknown)):
        if names:
            raise UnreadableInput(f"{path} {what} value: {', '.join(sorted(names))}.")
    for name, least in _LEAST.items():
        if prices.value[name].value < Decimal(least):
            raise UnreadableInput(f"{path}, value.{name}: must be at least {least}.")
    if not 0 < prices.value["blocking"].value < 1:
        raise UnreadableInput(f"{path}, value.blocking: must be above 0 and below 1.")
    for name in ("headroom", "trust"):
        if not 0 < prices.value[name].value <= 1:
            raise UnreadableInput(f"{path}, value.{name}: must be above 0 and at most 1.")
    _check_machines(path, prices)
    listed = [
        *prices.value.items(),
        *((name, gpu.usd_per_hour) for name, gpu in prices.gpu.items()),
    ]
    listed += [(name, gpu.calls) for name, gpu in prices.gpu.items()]
    for name, price in listed:
        if price.date is None:
            raise UnreadableInput(f"{path}, {name}: has no date.")


def _check_machines(path: Path, prices: Prices) -> None:
    headroom = prices.value["headroom"].value
    kept = headroom * prices.value["trust"].value
    if all(gpu.calls.value * kept < 1 for gpu in prices.gpu.values()):
        raise UnreadableInput(f"{path}: no GPU type carries a call after headroom.")
    server = prices.value["server_vcpu"].value / prices.value["call_vcpu"].value
    if server * headroom < 1:
        raise UnreadableInput(f"{path}: a server of server_vcpu carries no call after headroom.")
