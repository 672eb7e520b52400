"""What every pod of an environment is like: image, size, and the settings it gets from ours."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from agent.errors import ConfigurationError
from agent.settings import Settings

MIN_CUDA = "12.0"
"""Least CUDA of a GPU host: our cuBLAS is one of CUDA 12, whose minor versions run on each other's
drivers (CUDA compatibility guide of NVIDIA)."""
_ALL_IN_ONE = "python agent.py start"  # the engine-gpu image alone would only run the ears
_PORT = 8080


@dataclass(frozen=True, slots=True)
class PodPlan:
    """What every pod of an environment is like."""

    env: str
    """Environment, part of the name."""
    image: str
    """Container image."""
    gpu: bool
    """GPU pods, or else CPU pods."""
    types: tuple[str, ...]
    """Ids of the types that may be used, the preferred first."""
    min_vcpus: int = 4
    min_memory_gb: int = 8
    """In 10^9 bytes."""
    disk_gb: int = 20
    """Container disk in 10^9 bytes. CPU pods with 10 found no host, with 20 they did (reports of
    September 2026)."""
    data_centers: tuple[str, ...] = ()
    """Where they may be; empty = anywhere."""
    registry: str = ""
    """Id of a credential for the image; empty = it is public."""
    command: str = ""
    """What runs instead of the image's own command; empty = that one."""
    port: int = 8080
    """The control port in the container."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables of the container; holds secrets."""


def plan_of(settings: Settings, *, gpu: bool | None = None) -> PodPlan:
    """What the settings say pods are like.

    Args:
        settings: ours.
        gpu: GPU or CPU pods; None = as ``SCALE__INSTANCE`` says.

    Raises:
        ConfigurationError: something a pod needs is missing; the sentence names the setting.
    """
    scale = settings.scale
    gpu = scale.instance == "gpu" if gpu is None else gpu
    name = "SCALE__GPU_IMAGE" if gpu else "SCALE__IMAGE"
    return PodPlan(
        env=scale.env,
        image=_image(name, scale.gpu_image if gpu else scale.image),
        gpu=gpu,
        types=_listed(
            "SCALE__GPU_TYPES" if gpu else "SCALE__CPU_TYPES",
            scale.gpu_types if gpu else scale.cpu_types,
        ),
        min_vcpus=scale.min_vcpus,
        min_memory_gb=scale.min_memory_gb,
        disk_gb=scale.disk_gb,
        data_centers=_parts(scale.data_centers),
        registry=scale.registry,
        command=_ALL_IN_ONE if gpu else "",
        port=_PORT,
        environment=environment(settings),
    )


def bare_plan(settings: Settings) -> PodPlan:
    """Enough of a plan to list and end machines, whatever else the settings lack."""
    return PodPlan(env=settings.scale.env, image="", gpu=False, types=(), port=_PORT)


def environment(settings: Settings) -> dict[str, str]:
    """Variables of a pod: what our own environment sets, without what concerns this machine only.

    A pod's disk vanishes with it, so its tickets go to a database elsewhere, and its key is ours.

    Raises:
        ConfigurationError: a setting is missing without which a pod loses calls or tickets.
    """
    given = {name: value for name, value in _given(settings) if not name.startswith(_NOT_THEIRS)}
    _check(settings, given)
    return given | {
        "CONTROL__HOST": "0.0.0.0",  # noqa: S104 - behind the provider's proxy
        "CONTROL__PORT": str(_PORT),
        "TICKETS__DISK": "vanishing",
        "LOG__FORMAT": "json",
    }


_NOT_THEIRS = ("SCALE", "RUNPOD", "DATA_DIR", "CONTROL__HOST", "CONTROL__PORT", "TICKETS__MACHINE")
"""Beginnings of settings that belong to this machine, or that no pod may know."""
_OUR_SOCKETS = "unix://"


def _given(settings: BaseModel, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Name and text of every setting that was set, groups flattened."""
    for name in sorted(settings.model_fields_set):
        value, full = getattr(settings, name), f"{prefix}{name}".upper()
        if isinstance(value, BaseModel):
            yield from _given(value, f"{full}__")
        elif isinstance(value, SecretStr):
            yield full, value.get_secret_value()
        elif isinstance(value, bool):
            yield full, str(value).lower()
        elif isinstance(value, PurePath):
            yield full, value.as_posix()
        else:
            yield full, str(value)


def _check(settings: Settings, given: Mapping[str, str]) -> None:
    for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        if not given.get(name):
            raise ConfigurationError(f"Set {name}: a machine takes its calls from there.")
    if _only_here(settings.livekit_url):
        raise ConfigurationError(
            "LIVEKIT_URL names this machine, which a pod elsewhere cannot reach: name a server in "
            "the network."
        )
    for name, url in (
        ("SPEECH__EARS_URL", settings.speech.ears_url),
        ("SPEECH__VOICE_URL", settings.speech.voice_url),
    ):
        if url.startswith(_OUR_SOCKETS) or _only_here(url):
            raise ConfigurationError(
                f"{name} names this machine, which a pod elsewhere cannot reach: leave it empty, "
                "and the pod starts its own."
            )
    database = given.get("TICKETS__DATABASE_URL", "")
    if database.startswith("sqlite") or not (database or given.get("TICKETS__RECEIVER_URL")):
        raise ConfigurationError(
            "A pod's disk vanishes with it: set TICKETS__DATABASE_URL to a database elsewhere, or "
            "TICKETS__RECEIVER_URL to a receiver."
        )
    if not given.get("CONTROL__TOKEN"):
        raise ConfigurationError(
            "Set CONTROL__TOKEN: without it nobody can let a machine finish its calls."
        )
    if not given.get("TICKETS__ENCRYPTION_KEY"):
        raise ConfigurationError(
            "Set TICKETS__ENCRYPTION_KEY: a key that a pod makes for itself vanishes with it."
        )


def _only_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _image(name: str, image: str) -> str:
    if not image:
        raise ConfigurationError(f"Set {name} to the image that machines run, with its tag.")
    tail = image.rpartition("/")[2]
    if ":" not in tail and "@" not in tail:
        raise ConfigurationError(
            f"{name} has no tag: machines started on different days would run different versions."
        )
    return image


def _listed(name: str, text: str) -> tuple[str, ...]:
    if not (parts := _parts(text)):
        raise ConfigurationError(f"{name} is empty: name at least one type.")
    return parts


def _parts(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
