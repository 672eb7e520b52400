"""What a worker with its calls takes of the machine: processor, memory, files, threads. Linux only.

Read from /proc, because it must be cheap: a reading of twenty processes takes some milliseconds.
Memory is PSS (proportional set size: a page that three processes share counts a third in each), so
that the parts add up to the whole.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Role = Literal["worker", "ears", "voice", "call"]
ROLES: tuple[Role, ...] = ("worker", "ears", "voice", "call")
"""``worker``: the main process and what it keeps for itself; ``call``: a process that holds one
call, or waits for one."""

_TICKS = os.sysconf("SC_CLK_TCK")
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)
_PRIVATE = re.compile(r"^Private_(?:Clean|Dirty):\s+(\d+) kB", re.MULTILINE)
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """One process at one moment."""

    pid: int
    parent: int
    role: Role
    cpu_s: float
    """Processor time since its start, system included."""
    pss_mb: float = 0.0
    """MiB."""
    private_mb: float = 0.0
    """Of these what no other process shares: what would be free without this one. MiB."""
    files: int = 0
    """Open file descriptors, sockets included."""
    threads: int = 0
    name: str = ""
    """What it runs: ``start``, ``engine``, ``voice``, ``redispatch``, ``fork server`` ..."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All processes of a worker at one moment."""

    at: float
    """Clock time (monotonic)."""
    processes: tuple[Process, ...]

    def pss_mb(self, *roles: Role) -> float:
        """Memory of some roles together (none named: of all), MiB."""
        return sum(p.pss_mb for p in self.processes if not roles or p.role in roles)

    @property
    def files(self) -> int:
        """Open files of all processes."""
        return sum(process.files for process in self.processes)

    @property
    def threads(self) -> int:
        """Threads of all processes."""
        return sum(process.threads for process in self.processes)

    @property
    def call_processes(self) -> tuple[Process, ...]:
        """Processes for calls, the largest first: those that hold one hold more than the others."""
        calls = (process for process in self.processes if process.role == "call")
        return tuple(sorted(calls, key=lambda process: -process.private_mb))


def read_tree(root: int) -> Reading:
    """Look at a process and all its descendants. Processes that end meanwhile are left out."""
    parents = _parents()
    pids = _descendants(root, parents)
    commands = {pid: _command(pid) for pid in pids}
    found = [
        _process(pid, parents[pid], role_of(pid, parents, commands), name_of(commands[pid]))
        for pid in pids
    ]
    return Reading(time.monotonic(), tuple(each for each in found if each is not None))


def name_of(command: str) -> str:
    """A short name of what a command line of ours runs; its program where it is not ours."""
    if "multiprocessing." in command:
        return "fork server" if "forkserver" in command else "resource tracker"
    ours = re.search(r"(?: -m agent|agent\.py)(?: --[\w-]+ [A-Z]+)* ([a-z-]+)", command)
    return ours[1] if ours else Path(command.partition(" ")[0]).name


def role_of(pid: int, parents: dict[int, int], commands: dict[int, str]) -> Role:
    """What a process of a worker is for, by its command and that of its parent.

    Call processes are forked by multiprocessing's fork server, so they look like it.
    """
    command = commands.get(pid, "")
    if " -m agent engine" in command:
        return "ears"
    if " -m agent voice" in command:
        return "voice"
    forked = "multiprocessing.forkserver" in command
    if forked and "multiprocessing.forkserver" in commands.get(parents.get(pid, 0), ""):
        return "call"
    above = commands.get(parents.get(pid, 0))
    return role_of(parents[pid], parents, commands) if above is not None else "worker"


def cores_used(readings: Sequence[Reading]) -> dict[Role, float]:
    """Mean number of processor cores each role kept busy between the first and last reading.

    A process that began in between counts from nothing, one that ended up to its last reading.
    """
    used = dict.fromkeys(ROLES, 0.0)
    if len(readings) < 2 or readings[-1].at <= readings[0].at:
        return used
    seconds = readings[-1].at - readings[0].at
    before: dict[int, float] = {p.pid: p.cpu_s for p in readings[0].processes}
    for reading in readings[1:]:
        for process in reading.processes:
            used[process.role] += max(0.0, process.cpu_s - before.get(process.pid, 0.0)) / seconds
            before[process.pid] = process.cpu_s
    return used


def _process(pid: int, parent: int, role: Role, name: str) -> Process | None:
    folder = _PROC / str(pid)
    try:
        fields = _after_name(folder / "stat")
        memory = (folder / "smaps_rollup").read_text(encoding="ascii")
        pss = _PSS.search(memory)
        return Process(
            pid,
            parent,
            role,
            (int(fields[11]) + int(fields[12])) / _TICKS,
            int(pss.group(1)) / 1024 if pss else 0.0,
            sum(map(int, _PRIVATE.findall(memory))) / 1024,
            len(os.listdir(folder / "fd")),  # noqa: PTH208 - only how many
            int(fields[17]),
            name,
        )
    except OSError:
        return None


def _parents() -> dict[int, int]:
    """Every process of the machine -> the one that started it."""
    found = {}
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            try:
                found[int(folder.name)] = int(_after_name(folder / "stat")[1])
            except OSError:
                continue
    return found


def _after_name(stat: Path) -> list[str]:
    """Fields of a stat file from the third on; the second, a name, may hold spaces."""
    return stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()


def _descendants(root: int, parents: dict[int, int]) -> list[int]:
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    pids, waiting = [], [root] if root in parents else []
    while waiting:
        pid = waiting.pop()
        pids.append(pid)
        waiting += children.get(pid, [])
    return pids


def _command(pid: int) -> str:
    try:
        raw = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ""
    return " ".join(_texts(raw.split(b"\0")))


def _texts(parts: Iterable[bytes]) -> list[str]:
    return [part.decode("utf-8", "replace") for part in parts]
