"""What one program cost: time, processor and memory, from its start to its end."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_PAUSE_S = 0.02
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one program that has ended."""

    wall_s: float
    cpu_s: float
    """Of all its processors, system included."""
    peak_mb: float
    """Most memory its first process held (MiB). Read from /proc, because what the kernel reports
    at the end also counts the moment before the program was loaded, when it was still us."""
    code: int
    """Exit status."""


def measure(
    command: Sequence[str],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    out: IO[bytes] | int | None = subprocess.DEVNULL,
) -> Cost:
    """Run a program to its end; its standard error goes to ours.

    Args:
        command: program and arguments.
        folder: where it runs; here when None.
        environment: beside ours.
        out: takes its standard output.
    """
    begun, peak_kb = time.monotonic(), 0
    process = subprocess.Popen(
        command, cwd=folder, env={**os.environ, **(environment or {})}, stdout=out
    )
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        peak_kb = max(peak_kb, _peak_kb(process.pid))
        time.sleep(_PAUSE_S)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(
        wall_s=time.monotonic() - begun,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mb=peak_kb / 1024,
        code=process.returncode,
    )


def _peak_kb(pid: int) -> int:
    try:
        found = _PEAK.search(Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    except OSError:
        return 0
    return int(found.group(1)) if found else 0
