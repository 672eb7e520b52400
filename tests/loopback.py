"""Stand-ins for servers of others, on a free port of this machine."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web


@contextlib.asynccontextmanager
async def on_loopback(app: web.Application, **options: Any) -> AsyncIterator[str]:
    """Serve for the time of the block; gives HOST:PORT. ``options`` go to the AppRunner."""
    runner = web.AppRunner(app, **({"access_log": None, "shutdown_timeout": 0.1} | options))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield "{}:{}".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()
