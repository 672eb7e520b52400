"""What a GPU is expected to carry before one of its kind was calibrated: dated, with source."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.toml_file import load_toml

SHIPPED = Path(__file__).with_name("data") / "gpu_profiles.toml"
"""The profiles that come with this version."""


class GpuProfile(BaseModel):
    """One type of GPU. No worker accepts calls by it: that takes a calibration of the machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    memory_gb: float = Field(gt=0)
    """Of the card, in 10^9 bytes."""
    calls: int = Field(ge=0)
    """Calls at once whose turns are words within 500 ms, 95 % of them."""
    calls_800: int = Field(ge=0)
    """The same within 800 ms."""
    model: str
    """The speech model it is about."""
    standing: Literal["measured", "calculated", "assumed"]
    source: Annotated[str, Field(min_length=1)]
    date: datetime.date
    """Of the source."""


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    gpu: Annotated[dict[str, GpuProfile], Field(min_length=1)]


def load_gpu_profiles(path: Path = SHIPPED) -> Mapping[str, GpuProfile]:
    """Type of GPU -> what it is expected to carry.

    Raises:
        UnreadableInput: it is no such file; the message names the first thing that is wrong.
    """
    return load_toml(path, _File).gpu
