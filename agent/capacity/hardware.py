"""What a machine is made of, as far as it decides how many calls it carries."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from pydantic import BaseModel, ConfigDict, Field

from agent.speech.bench.machine import row

if TYPE_CHECKING:
    from agent.settings import Settings

_ASK_WITHIN_S = 5.0
_SAME_MEMORY = 0.9
"""Machines of one kind differ by what their firmware keeps; less than this share is another."""
_GB = 1e9
_CGROUP = Path("/sys/fs/cgroup")


class Hardware(BaseModel):
    """The fingerprint of a machine: its GPU, or its processor where there is none."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    processor: str
    """As the kernel names it."""
    cores: float = Field(gt=0)
    """What this process may use; a container may have a share of one."""
    memory_gb: float = Field(gt=0)
    """Main memory this process may use, in 10^9 bytes."""
    gpu: str = ""
    """Name of the GPU the ears compute on; empty = none."""
    gpu_memory_gb: float = Field(default=0.0, ge=0)
    driver: str = ""
    """Version of its driver; told, not compared."""

    def carries_what(self, measured: Hardware) -> str:
        """Why a measurement made on ``measured`` does not hold here; empty where it does.

        More cores and memory than were measured are welcome; another GPU, or another processor
        where no GPU computes, is another machine.
        """
        if self.gpu != measured.gpu:
            return f"it was made with {measured.gpu or 'no GPU'}, here is {self.gpu or 'none'}"
        if not self.gpu and self.processor != measured.processor:
            return f"it was made on {measured.processor}, here is {self.processor}"
        if self.cores < measured.cores:
            return f"it was made with {measured.cores:g} cores, here are {self.cores:g}"
        for name in ("memory_gb", "gpu_memory_gb"):
            here, there = getattr(self, name), getattr(measured, name)
            if here < _SAME_MEMORY * there:
                return f"it was made with {there:g} GB of memory, here are {here:g}"
        return ""


def this_hardware(settings: Settings) -> Hardware:
    """The machine we run on, with the GPU the settings let the ears use. Blocking, ~50 ms."""
    card = ("", 0.0, "") if settings.speech.device == "cpu" else _card(settings.speech.device_index)
    return Hardware(
        processor=row("/proc/cpuinfo", "model name") or os.uname().machine,
        cores=usable_cores(),
        memory_gb=round(usable_memory_bytes() / _GB, 1),
        gpu=card[0],
        gpu_memory_gb=card[1],
        driver=card[2],
    )


def usable_cores() -> float:
    """Cores this process may use: its affinity, or less where its container has a quota."""
    allowed = float(len(os.sched_getaffinity(0)))
    quota, _, period = _read(_CGROUP / "cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit() and int(period):
        return min(allowed, round(int(quota) / int(period), 2)) or allowed
    return allowed


def usable_memory_bytes() -> int:
    """Main memory this process may use: the machine's, or less where its container has a limit."""
    total: int = psutil.virtual_memory().total
    limit = _read(_CGROUP / "memory.max")
    return min(total, int(limit)) if limit.isdigit() and int(limit) else total


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _card(index: int) -> tuple[str, float, str]:
    """Name, memory in GB and driver of one GPU; empty where none answers."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return "", 0.0, ""
    query = "--query-gpu=name,memory.total,driver_version"
    try:
        done = subprocess.run(
            [program, f"--id={index}", query, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=_ASK_WITHIN_S,
            check=True,
        )
        name, mebibytes, driver = (part.strip() for part in done.stdout.strip().split(","))
        return name, round(int(mebibytes) * 2**20 / _GB, 1), driver
    except (OSError, ValueError, subprocess.SubprocessError):
        return "", 0.0, ""
