"""``python agent.py start`` as a process of its own, asked over its control port."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from agent.lab.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-of-the-tests"
PATIENCE_S = 240.0
"""For whatever a busy machine takes long for; nothing is asserted about time."""


class WorkerProcess:
    """A worker in DATA_DIR ``folder``, which others may share; `async with` ends it in any case."""

    def __init__(self, stack, folder, *, calls, name, **settings):
        self.folder, self.calls = folder, calls
        port, worker_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / f"{name}.log"
        self._env = (
            {key: value for key, value in os.environ.items() if "__" not in key}
            | stack.environment()
            | {
                "DATA_DIR": str(folder),
                "LIVEKIT__MAX_CALLS": str(calls),
                "CONTROL__PORT": str(port),
                "CONTROL__WORKER_PORT": str(worker_port),
                "CONTROL__TOKEN": TOKEN,
                "SPEECH__ALLOW_DEMO_MODEL": "true",
                "LIVEKIT__OVERLOAD_CALLS": "0",  # these tests are of the worker alone
                # As in service: LiveKit hears of a place that frees up to 2.5 s later.
                "LIVEKIT__REDISPATCH": "true",
                "PYTHONPATH": str(ROOT),
            }
            | settings
        )
        self.process: Any = None

    async def __aenter__(self):
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - it does not wait
                [sys.executable, str(ROOT / "agent.py"), "start"],
                env=self._env,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )
        return self

    async def __aexit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        await asyncio.to_thread(self.process.wait)

    async def until_ready(self):
        """Registered, with ears, voice and database."""

        async def ready():
            return (await self._get("/ready"))[0] == HTTPStatus.OK

        await self.until(ready)
        return self

    async def state(self):
        """GET /drain."""
        return json.loads((await self._get("/drain"))[1])

    async def active(self):
        """Calls it is in."""
        return (await self.state())["active_calls"]

    async def metrics(self):
        """GET /metrics."""
        return (await self._get("/metrics"))[1]

    def signal(self, number=signal.SIGTERM):
        """Send the process a signal."""
        self.process.send_signal(number)

    async def exit_code(self):
        """Wait for its end."""
        return await asyncio.to_thread(self.process.wait, PATIENCE_S)

    async def until(self, condition):
        """Wait until it holds; a worker that ends meanwhile fails with its log."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if self.process.poll() is not None:
                    raise AssertionError(f"the worker ended:\n{self.log()}")
                try:
                    if await condition():
                        return
                except aiohttp.ClientConnectionError:
                    pass
                await asyncio.sleep(0.1)

    def has(self, caller):
        """Whether this worker answered the caller."""
        return caller.call_id in self._log.read_text(encoding="utf-8", errors="replace")

    def log(self):
        """The end of what it wrote."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-6000:]

    async def _get(self, path):
        async with aiohttp.ClientSession() as client, client.get(f"{self.url}{path}") as answer:
            return answer.status, await answer.text()
