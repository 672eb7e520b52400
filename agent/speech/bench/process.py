"""An arm's process as the bench sees it: started, asked, weighed, ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from agent.errors import ConfigurationError
from agent.settings import PROJECT_DIR
from agent.speech.bench.arms import Arm, Compute
from agent.speech.bench.serving import Spec
from agent.speech.ears_client import EarsClient
from agent.speech.link import LinkClient

START_WITHIN_S = 180.0
"""A large model takes its time to load and to be run once in every shape."""
STOP_WITHIN_S = 3.0
CONNECTIONS = 8
"""In production each call process has its own; one connection takes 64 requests at a time."""
_PATIENCE_S = 300.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Running:
    """A process of an arm."""

    arm: Arm | None
    pid: int
    url: str
    ready: asyncio.Task[None]
    """To be awaited before anything is asked; raises ConfigurationError when it does not start."""
    clients: list[EarsClient] = field(default_factory=list)
    """Callers, over whom the load is spread."""
    patient: list[EarsClient] = field(default_factory=list)
    """The same, for a full queue: they wait for any time."""

    def cpu_s(self) -> float:
        """CPU time of the process and of its children that ended, user and system."""
        text = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii", errors="replace")
        ended = sum(int(ticks) for ticks in text.rpartition(")")[2].split()[13:15])
        # The process's own clock (clock_getcpuclockid(3)): ticks of 10 ms are too coarse.
        return time.clock_gettime((~self.pid << 3) | 2) + ended / _TICKS_PER_S

    def memory_bytes(self) -> dict[str, int]:
        """``pss`` (shared pages in shares) and ``rss``."""
        text = Path(f"/proc/{self.pid}/smaps_rollup").read_text(encoding="ascii")
        rows = dict(line.split(":", 1) for line in text.splitlines()[1:])
        return {name.lower(): 1024 * int(rows[name].split()[0]) for name in ("Pss", "Rss")}

    async def batches(self) -> dict[int, int]:
        """Size of a batch -> how often, since the start; empty for an arm without batches."""
        if self.arm is not Arm.KURAL:
            return {}
        stat = await self.clients[0].stat()
        return {int(size): int(count) for size, count in stat["batches"].items()}

    async def expect(self, calls: int) -> None:
        """Let it load what so many calls need.

        Raises:
            EngineError: it cannot.
        """
        if self.arm is Arm.MODEL_EACH:
            await self.ask({"op": "expect", "calls": calls}, deadline_s=START_WITHIN_S)

    async def ask(self, header: dict[str, Any], *, deadline_s: float) -> dict[str, Any]:
        """One question on a connection of its own.

        Raises:
            EngineError: it does not answer.
        """
        link = LinkClient(self.url)
        try:
            async with contextlib.aclosing(link.request(header, deadline_s=deadline_s)) as frames:
                async for frame in frames:
                    return frame.header
        finally:
            await link.aclose()
        return {}


@contextlib.asynccontextmanager
async def running(
    arm: Arm | None, compute: Compute, folder: Path, *, deadline_s: float = 8.0
) -> AsyncIterator[Running]:
    """The process of ``arm``, started, and gone at the end of the block whatever happens in it.

    Args:
        arm: None = only answers.
        compute: how it computes.
        folder: where its socket lies.
        deadline_s: of its clients.
    """
    name = arm.value if arm else "echo"
    url = f"unix://{(folder / f'{name}.sock').resolve()}"
    spec = Spec(arm=arm, url=url, compute=compute, parent=os.getpid())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agent.speech.bench.serving", spec.model_dump_json()),
        env=os.environ | {"PYTHONPATH": _python_path()},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C reaches us, and we end it in good order
    )
    clients = [EarsClient(url, deadline_s=deadline_s) for _ in range(CONNECTIONS)]
    patient = [EarsClient(url, deadline_s=_PATIENCE_S) for _ in range(CONNECTIONS)]
    ready = asyncio.create_task(_until_ready(process, name))
    try:
        yield Running(arm, process.pid, url, ready, clients, patient)
    finally:
        ready.cancel()
        await asyncio.wait({ready})
        await asyncio.gather(*(client.aclose() for client in clients + patient))
        await _end(process)


async def _until_ready(process: asyncio.subprocess.Process, name: str) -> None:
    output = cast("asyncio.StreamReader", process.stdout)  # we asked for the pipe
    try:
        async with asyncio.timeout(START_WITHIN_S):
            line = await output.readline()
    except TimeoutError:
        line = b""
    said = json.loads(line) if line.startswith(b"{") else {}
    if not said.get("ready"):
        why = said.get("error") or "Its process ended or hangs."
        raise ConfigurationError(f"The arm {name} does not start: {why}")


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_WITHIN_S):
            await process.wait()
    except TimeoutError:
        pass
    finally:  # also when our own end is cut short
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _python_path() -> str:
    return os.pathsep.join(filter(None, (str(PROJECT_DIR), os.getenv("PYTHONPATH"))))
