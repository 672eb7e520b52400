"""What a GPU is expected to carry before one of its kind was calibrated: dated, with source."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.errors import UnreadableInput

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
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).gpu
    except OSError as exc:
        raise UnreadableInput(f"{path} cannot be read ({exc.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise UnreadableInput(f"{path} is not valid TOML in UTF-8.") from None
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UnreadableInput(f"{path}, {where}: {first['msg']}.") from None
