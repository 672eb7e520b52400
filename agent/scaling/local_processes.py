"""Worker processes on this machine as machines: for trials and for tests of the autoscaler.

What exists is written down, one small file a machine under ``DATA_DIR/machines``, so that an
autoscaler that is started anew finds the workers of the one before; whether a process still is the
one that was started, its start time tells, not its number alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from agent.errors import ConfigurationError, ProviderAway
from agent.scaling.provider import Machine, MachineState, Offer, Stock, slot_of
from agent.settings import PROJECT_DIR, Settings

TYPE = "process"
"""The one type there is."""
_TETHER = PROJECT_DIR / "agent" / "control" / "tether.py"
_KILL_AFTER_S = 20.0
_SAME_START_S = 0.05  # the kernel counts in hundredths of a second


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    pid: int
    started: float
    """When the process began, as the kernel says (Unix time)."""
    port: int


class LocalProcesses:
    """A :class:`~agent.scaling.provider.Provider`. Belongs to one event loop; close it."""

    def __init__(
        self,
        settings: Settings,
        *,
        command: Sequence[str] = (sys.executable, str(PROJECT_DIR / "agent.py"), "start"),
        environment: Mapping[str, str] | None = None,
        tied: bool = False,
    ) -> None:
        """Bind folder and command; nothing is started.

        Args:
            settings: ours; workers read the same environment and ``.env``.
            command: what a machine runs.
            environment: more variables for it.
            tied: end all machines with this process and at :meth:`aclose`; otherwise they outlive
                it, as machines of other providers do.
        """
        self._env = settings.scale.env
        self._usd_per_hour = settings.scale.usd_per_hour
        self._folder = settings.data_dir.resolve() / "machines"
        self._command = tuple(command)
        self._environment = dict(environment or {})
        self._tied = tied
        self._children: set[str] = set()

    async def offers(self) -> list[Offer]:
        """One type, always in stock."""
        memory_gb = psutil.virtual_memory().total / 1e9
        return [Offer(TYPE, self._usd_per_hour, Stock.HIGH, os.cpu_count() or 1, memory_gb)]

    async def machines(self) -> list[Machine]:
        """See :class:`~agent.scaling.provider.Provider`."""
        return [self._machine(record) for record in self._records()]

    async def create(self, name: str, types: Sequence[str]) -> Machine:
        """See :class:`~agent.scaling.provider.Provider`; ``types`` has no meaning here."""
        for record in self._records():
            if record.name == name and _process(record) is not None:
                return self._machine(record)
        if slot_of(name, self._env) is None:
            raise ConfigurationError(f"{name} is no name of a machine of {self._env}.")
        try:
            record = await asyncio.to_thread(self._start, name)
        except OSError as exc:
            raise ProviderAway(f"No process could be started: {exc.strerror}.") from None
        return self._machine(record)

    async def terminate(self, machine_id: str) -> None:
        """See :class:`~agent.scaling.provider.Provider`; SIGKILL after 20 s."""
        if slot_of(machine_id, self._env) is None:
            return
        file = self._file(machine_id)
        record = self._read(file)
        if record is not None and (process := _process(record)) is not None:
            await asyncio.to_thread(_end, process)
        self._children.discard(machine_id)
        file.unlink(missing_ok=True)

    def log_hint(self, machine: Machine) -> str:
        """See :class:`~agent.scaling.provider.Provider`."""
        return f"Its output: {self._folder / machine.name / 'worker.log'}"

    async def aclose(self) -> None:
        """End the machines if they are tied to us; leave them otherwise."""
        if self._tied:
            for name in tuple(self._children):
                await self.terminate(name)

    def _start(self, name: str) -> _Record:
        folder = self._folder / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        port = _free_port()
        env = {
            **os.environ,
            **self._environment,
            "CONTROL__HOST": "127.0.0.1",
            "CONTROL__PORT": str(port),
            "CONTROL__WORKER_PORT": str(_free_port()),
            "DATA_DIR": str(folder),
        }
        tether = (sys.executable, "-IS", str(_TETHER), str(os.getpid())) if self._tied else ()
        pid = _spawn((*tether, *self._command), env, folder / "worker.log")
        self._children.add(name)
        record = _Record(name=name, pid=pid, started=_started(pid), port=port)
        _write(self._file(name), record)
        return record

    def _machine(self, record: _Record) -> Machine:
        alive = _process(record) is not None
        return Machine(
            id=record.name,
            name=record.name,
            type_name=TYPE,
            state=MachineState.RUNNING if alive else MachineState.FAILED,
            usd_per_hour=self._usd_per_hour if alive else 0.0,
            created_at=datetime.fromtimestamp(record.started, UTC),
            address=f"http://127.0.0.1:{record.port}",
        )

    def _records(self) -> list[_Record]:
        found = [self._read(file) for file in sorted(self._folder.glob("*.json"))]
        return [one for one in found if one and slot_of(one.name, self._env) is not None]

    def _read(self, file: Path) -> _Record | None:
        try:
            return _Record.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError):
            raise ProviderAway(
                f"{file} does not say which process it stands for: look for a worker that still "
                "runs, then delete the file."
            ) from None

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _spawn(command: tuple[str, ...], env: Mapping[str, str], log: Path) -> int:
    """Start a process in a session of its own; no object of ours has to outlive it."""
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        command[0],
        command,
        env,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def _process(record: _Record) -> psutil.Process | None:
    """The process of a record if it lives; a number the kernel gave away again is not it."""
    with contextlib.suppress(ChildProcessError):  # it was started by another process than this
        os.waitpid(record.pid, os.WNOHANG)  # or else no zombie stays
    try:
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.started) <= _SAME_START_S
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def _started(pid: int) -> float:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return 0.0  # it has ended already: a record of no process


def _end(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_KILL_AFTER_S)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(_KILL_AFTER_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write(file: Path, record: _Record) -> None:
    new = file.with_suffix(".new")
    new.write_text(record.model_dump_json(), encoding="utf-8")
    new.replace(file)
