"""How many calls this machine carries: measured, saved, and believed only where it was measured.

``kural capacity calibrate`` writes a :class:`CapacityProfile`; a worker reads it at its start with
:func:`load_profile`. A profile of another machine, another model or other speech settings says
nothing about this one and is not used.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from agent.capacity.hardware import Hardware, this_hardware, usable_cores
from agent.errors import ConfigurationError, UnreadableInput

if TYPE_CHECKING:
    from agent.settings import Settings

PROFILE_FILE = "capacity.json"
"""Name of the profile under DATA_DIR."""
VERSION: Literal[1] = 1
"""Of the file; raised when a field changes its meaning."""
SHARE = 0.8
"""Part of the measured calls a worker accepts; the rest is for what a measurement did not see."""
DEFAULT_CALLS = 4
"""Taken without a profile: what two cores carry with the demo model (docs/benchmarks.md)."""
REMOTE = "remote"
"""Model of ears that run elsewhere: their folder is not ours to look at."""

_EDGE_BYTES = 1_000_000
_DECIDING = ("device", "compute_type", "max_batch", "cpu_threads", "voice_model", "turn_detector")
"""Speech settings that move how many calls a machine carries."""

Bound = Literal["ears", "voice", "cpu", "memory", "nothing"]
"""What gave way first; ``nothing`` = the most calls that were tried were still carried."""


class CapacityProfile(BaseModel):
    """What a calibration found, and on what."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    version: Literal[1] = VERSION
    calls: int = Field(ge=1, le=10_000)
    """Calls a worker accepts at once: ``measured_calls`` times SHARE, rounded down, at least 1."""
    measured_calls: float = Field(ge=0)
    """Most calls at once that kept the target."""
    target_p95_s: float = Field(gt=0)
    """Seconds from the caller's last sound to the agent's first that 95 % of turns had to keep."""
    bound: Bound
    """What gave way first."""
    hardware: Hardware
    model: str
    """The speech model, by its operator's name."""
    model_hash: str
    """From :func:`model_hash`; REMOTE for ears elsewhere."""
    compute_type: str = ""
    """What the ears really computed with, as they said; told, not compared."""
    speech: dict[str, str]
    """The settings that decide, from :func:`deciding_settings`."""
    source: Literal["measured", "calculated"] = "measured"
    measured_at: AwareDatetime
    command: str = ""
    """With which it can be measured again."""
    figures: dict[str, float] = Field(default_factory=dict)
    """Whatever else was measured, by name with its unit (``p95_s``, ``cpu_cores_per_call``)."""

    @model_validator(mode="after")
    def _no_more_than_measured(self) -> Self:
        if self.calls > max(1.0, self.measured_calls):
            raise ValueError("a profile cannot promise more calls than were measured")
        return self


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many calls a worker takes at once, and why so many."""

    calls: int
    source: Literal["setting", "profile", "default"]
    why: str
    """One sentence for an operator."""


def load_profile(settings: Settings) -> Capacity:
    """How many calls this machine takes at once.

    LIVEKIT__MAX_CALLS wins where it is set; then a profile of this machine, this model and these
    speech settings; else a conservative default, with a warning in ``why``. Blocking, ~0.1 s.

    Raises:
        ConfigurationError: CAPACITY__PROFILE names a file that is not there or no profile.
    """
    if settings.livekit.max_calls:
        return Capacity(settings.livekit.max_calls, "setting", "LIVEKIT__MAX_CALLS says so.")
    path = profile_path(settings)
    if not path.exists() and not settings.capacity.profile:
        return _default("this machine was never calibrated")
    try:
        profile = read_profile(path)
    except UnreadableInput as exc:
        if settings.capacity.profile:
            raise ConfigurationError(f"The setting CAPACITY__PROFILE is wrong: {exc}") from None
        return _default(f"{path} cannot be used")
    if why_not := misfit(profile, settings):
        return _default(f"the profile {path} is not used: {why_not}")
    day = profile.measured_at.date().isoformat()
    return Capacity(
        profile.calls, "profile", f"{path}, {profile.source} {day}, bound by {profile.bound}."
    )


def misfit(profile: CapacityProfile, settings: Settings, hardware: Hardware | None = None) -> str:
    """Why a profile says nothing about this machine with these settings; empty where it does.

    Args:
        profile: the profile.
        settings: what the worker would run with.
        hardware: what it would run on; None = this machine.
    """
    if other := (hardware or this_hardware(settings)).carries_what(profile.hardware):
        return other
    if profile.model_hash != model_hash(settings):
        return f"it was made with another speech model ({profile.model})"
    here = deciding_settings(settings)
    changed = [f"SPEECH__{n.upper()}" for n in here if here[n] != profile.speech.get(n)]
    return f"{', '.join(changed)} changed since" if changed else ""


def profile_path(settings: Settings) -> Path:
    """Where this machine's profile lies: CAPACITY__PROFILE, or ``capacity.json`` in DATA_DIR."""
    given = settings.capacity.profile
    return Path(given) if given else settings.data_dir / PROFILE_FILE


def read_profile(path: Path) -> CapacityProfile:
    """Read a profile.

    Raises:
        UnreadableInput: it is not there, or no profile; one sentence.
    """
    try:
        return CapacityProfile.model_validate_json(path.read_bytes())
    except OSError as exc:
        raise UnreadableInput(f"{path} cannot be read ({exc.strerror}).") from None
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UnreadableInput(f"{path} is no capacity profile: {where}: {first['msg']}.") from None


def save_profile(profile: CapacityProfile, path: Path) -> None:
    """Write a profile whole or not at all: a worker may read it at any moment.

    Raises:
        UnreadableInput: the folder cannot be written.
    """
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(profile.model_dump_json(indent=2) + "\n", encoding="utf-8")
        new.replace(path)
    except OSError as exc:
        with contextlib.suppress(OSError):
            new.unlink()
        raise UnreadableInput(f"{path} cannot be written ({exc.strerror}).") from None


def promised(measured_calls: float) -> int:
    """Calls a worker accepts of those that were measured; at least one."""
    return max(1, int(measured_calls * SHARE + 1e-9))


def deciding_settings(settings: Settings) -> dict[str, str]:
    """The speech settings that move how many calls a machine carries, as text."""
    return {name: str(getattr(settings.speech, name)) for name in _DECIDING}


def model_hash(settings: Settings) -> str:
    """Tells one speech model from another: 16 hex digits, or REMOTE for ears elsewhere.

    Names, sizes, and first and last megabyte of every file of its folder: three gigabytes read
    whole would cost a worker's start seconds. Empty when there is no such folder.
    """
    if settings.speech.ears_url:
        return REMOTE
    digest = hashlib.sha256()
    files = sorted(path for path in _files(settings.speech.model))
    for path in files:
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            digest.update(file.read(_EDGE_BYTES))
            file.seek(max(0, path.stat().st_size - _EDGE_BYTES))
            digest.update(file.read(_EDGE_BYTES))
    return digest.hexdigest()[:16] if files else ""


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []


def _default(because: str) -> Capacity:
    calls = DEFAULT_CALLS if usable_cores() >= 2 else 1
    sentence = f"A guess, since {because}: run `kural capacity calibrate`."
    return Capacity(calls, "default", sentence)
