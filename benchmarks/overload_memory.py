"""Memory of the overload agent, calls as threads of one process against a process each.

``PYTHONPATH=. python benchmarks/overload_memory.py [CALLS]`` (8 unless told) starts a LiveKit of
its own, lets so many callers be answered, and prints PSS of the agent's processes before and
during.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
from livekit import api, rtc
from livekit.agents import JobExecutorType

from agent.lab.server_process import ServerProcess
from agent.lab.stack import Stack
from agent.settings import OVERLOAD_AGENT, PROJECT_DIR

RUN = (
    "import asyncio, os, sys\n"
    "os.environ['LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE'] = '0'\n"
    "from livekit.agents import JobExecutorType\n"
    "from agent import settings\n"
    "from agent.observability import logs\n"
    "from agent.overload.command import serve\n"
    "from agent.overload.server import build_server\n"
    "if __name__ == '__main__':\n"
    "    logs.configure('INFO', 'json')\n"
    "    how = JobExecutorType[sys.argv[1]]\n"
    "    asyncio.run(serve(build_server(settings.load(), executor=how)))\n"
)


def pss_mb(pid: int) -> float:
    """Of a process and all it started, in 10^6 bytes."""
    root = psutil.Process(pid)
    family = [root, *root.children(recursive=True)]
    return float(sum(one.memory_full_info().pss for one in family)) / 1e6


async def call(stack: Stack, name: str) -> rtc.Room:
    """One caller who is answered; he stays in the line."""
    room, answered = rtc.Room(), asyncio.Event()
    room.on("track_subscribed", lambda *_: answered.set())
    agents = [api.RoomAgentDispatch(agent_name=OVERLOAD_AGENT)]
    token = (
        api.AccessToken(stack.api_key, stack.api_secret)
        .with_identity(name)
        .with_attributes({"sip.phoneNumber": "+919500012345"})
        .with_grants(api.VideoGrants(room_join=True, room=name))
        .with_room_config(api.RoomConfiguration(agents=agents))
    )
    await room.connect(stack.url, token.to_jwt())
    await asyncio.wait_for(answered.wait(), 120.0)
    return room


async def measure(how: JobExecutorType, calls: int) -> None:
    """Print one line of the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script, log = folder / "run.py", folder / "log"
        script.write_text(RUN)
        async with Stack(folder / "stack", sip=False) as stack, AsyncExitStack() as line:
            env = dict(os.environ) | stack.environment()
            env |= {"PYTHONPATH": str(PROJECT_DIR), "DATA_DIR": str(folder / "var")}
            env |= {"LIVEKIT__OVERLOAD_CALLS": str(calls)}
            agent = ServerProcess(
                (sys.executable, str(script), how.name), log, folder=folder, environment=env
            )
            await agent.start()
            line.push_async_callback(agent.stop)
            while b"overload agent registered" not in log.read_bytes():  # noqa: ASYNC110
                await asyncio.sleep(0.2)
            await asyncio.sleep(10.0)
            idle = pss_mb(agent.pid)
            rooms = [await call(stack, f"call-{number}") for number in range(calls)]
            for room in rooms:
                line.push_async_callback(room.disconnect)
            busy = pss_mb(agent.pid)
            each = (busy - idle) / calls
            during = f"{calls} calls {busy:4.0f} MB, each {each:5.1f} MB"
            print(f"{how.name:8} idle {idle:4.0f} MB, {during}")


async def main() -> None:
    """Both ways."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    for how in (JobExecutorType.THREAD, JobExecutorType.PROCESS):
        await measure(how, calls)


if __name__ == "__main__":
    asyncio.run(main())
