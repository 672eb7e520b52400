"""One server of the proving ground: started beside us, watched, ended with us."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from agent.control import tether
from agent.errors import AgentError, UsageError

_STOP_S = 3.0
"""From SIGTERM to SIGKILL. LiveKit would wait for its callers to hang up."""
_PAUSE_S = 0.05
_LAST_LINES = 4
_LAST_BYTES = 4096
_LINE_LETTERS = 300


class ToolMissing(UsageError):
    """A program the proving ground needs is not installed."""


class ServerFailed(AgentError):
    """A server of the proving ground ended, or did not answer in time; its last words are told."""

    retryable = True


def find_program(name: str) -> Path | None:
    """Path of a program: on PATH, or where ``.ci/install-servers`` puts it; None: nowhere."""
    found = shutil.which(name)
    if found is None:
        own = os.getenv("KURAL_SERVERS") or str(Path.home() / ".cache" / "kural" / "servers")
        found = shutil.which(name, path=own)
    # Not resolved: redis-server is a link to a program that looks at the name it is called by.
    return Path(found).absolute() if found else None


def program(name: str) -> str:
    """Path of a program.

    Raises:
        ToolMissing: it is not installed.
    """
    found = find_program(name)
    if found is None:
        raise ToolMissing(f"{name} is not installed: run .ci/run, which installs what is missing.")
    return str(found)


class ServerProcess:
    """A server with its output in a file. One task at a time may start and stop it.

    The kernel ends it when the thread that started it does, so also when we are killed.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        name: str = "",
    ) -> None:
        """Take what is run, and where its output goes.

        Args:
            command: absolute path of the program, and its arguments.
            log: file its output is appended to.
            environment: all its variables; None for ours.
            folder: its working folder; None for ours.
            name: what it is called in errors; empty for that of the program.
        """
        self.log = log
        self.name = name or Path(command[0]).name
        """What it is called in errors."""
        self._command = tuple(command)
        self._environment = environment
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Its process id; 0 before its first start."""
        return self._process.pid if self._process else 0

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def code(self) -> int | None:
        """Its exit status; None while it runs, and before its first start."""
        return self._process.returncode if self._process else None

    async def start(self) -> None:
        """Start it; nothing happens when it runs.

        Raises:
            OSError: no process, or the log cannot be written.
        """
        if self.alive:
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-IS", str(Path(tether.__file__)), str(os.getpid())),
                *self._command,
                env=self._environment,
                cwd=self._folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    async def ready(self, answers: Callable[[], Awaitable[bool]], *, within_s: float) -> None:
        """Wait until ``answers`` returns True.

        Raises:
            ServerFailed: it ended, or did not answer in time.
        """
        try:
            async with asyncio.timeout(within_s):
                while not await answers():
                    if not self.alive:
                        raise ServerFailed(f"{self.name} ended at its start: {self.last_words()}")
                    await asyncio.sleep(_PAUSE_S)
        except TimeoutError:
            raise ServerFailed(
                f"{self.name} did not answer within {within_s:g} s: {self.last_words()}"
            ) from None

    async def stop(self, *, within_s: float = _STOP_S) -> int | None:
        """End it: SIGTERM, and SIGKILL when it is still there after ``within_s``.

        Returns:
            Its exit status; None when it never ran.
        """
        if self._process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            if self.alive:
                self._process.terminate()
        try:
            async with asyncio.timeout(within_s):
                return await self._process.wait()
        except TimeoutError:
            return await self.kill()
        finally:  # also when our own stop is cut short
            if self.alive:
                self.signal_kill()

    async def kill(self) -> int | None:
        """End it as a power cut would, and take its exit status."""
        self.signal_kill()
        return await self._process.wait() if self._process else None

    def signal_kill(self) -> None:
        """Send it SIGKILL and wait for nothing."""
        with contextlib.suppress(ProcessLookupError):
            if self._process is not None and self.alive:
                self._process.kill()

    def last_words(self) -> str:
        """The last lines of its output on one line; a word about silence when there are none."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - _LAST_BYTES))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            lines = []
        told = [line.strip()[:_LINE_LETTERS] for line in lines if line.strip()]
        return " / ".join(told[-_LAST_LINES:]) or "it said nothing."
