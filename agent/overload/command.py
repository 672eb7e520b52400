"""``kural overload``: answers calls while the line is full."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from typing import TYPE_CHECKING

import click

from agent import settings as settings_module
from agent.errors import ConfigurationError
from agent.observability import logs

if TYPE_CHECKING:
    from livekit.agents import AgentServer

logger = logging.getLogger(__name__)


@click.command()
def command() -> None:
    """Answer calls while every worker is full: recorded sentences, a call-back by key.

    `python agent.py start` runs it by itself. Ctrl-C or SIGTERM ends it when the calls that are on
    have ended, a second one at once.
    """
    settings = settings_module.load()
    if not settings.livekit.overload_calls:
        raise ConfigurationError("LIVEKIT__OVERLOAD_CALLS is 0: there is no overload agent to run.")
    given = (settings.livekit_url, settings.livekit_api_key, settings.livekit_api_secret)
    if not all(str(one) for one in given):
        raise ConfigurationError(
            "The overload agent needs LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET. "
            "See secrets.example.txt."
        )
    # Read at import: models of the call processes, which nothing here asks.
    os.environ["LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE"] = "0"
    from agent.overload.server import build_server

    logs.guard_root_handlers()
    asyncio.run(serve(build_server(settings)))


async def serve(server: AgentServer) -> None:
    """Run until a signal comes, then let calls end."""
    signals: asyncio.Queue[int] = asyncio.Queue()
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, signals.put_nowait, one)
    running = asyncio.create_task(server.run(), name="overload agent")
    stop = asyncio.create_task(signals.get())
    try:
        await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            await _drain(server, signals)
    finally:
        stop.cancel()
        with contextlib.suppress(Exception):
            await server.aclose()
        await asyncio.gather(stop, return_exceptions=True)
    await running


async def _drain(server: AgentServer, signals: asyncio.Queue[int]) -> None:
    draining = asyncio.create_task(server.drain())
    again = asyncio.create_task(signals.get())
    await asyncio.wait({draining, again}, return_when=asyncio.FIRST_COMPLETED)
    for task in (draining, again):
        task.cancel()
    done = await asyncio.gather(draining, again, return_exceptions=True)
    if isinstance(done[0], TimeoutError):
        logger.warning("calls cut off", extra={"active": len(server.active_jobs)})
