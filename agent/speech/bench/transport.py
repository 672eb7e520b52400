"""The link alone: how much of a delay is the way to the ears and back."""

from __future__ import annotations

import asyncio
import contextlib

import numpy as np

from agent.speech.bench.figures import Transport, quantiles
from agent.speech.bench.process import CONNECTIONS, Running
from agent.speech.link import LinkClient

IN_FLIGHT = 64
SOUND = bytes(5 * 32_000)
"""5 s at 16 kHz."""
_DEADLINE_S = 10.0


async def measure_transport(echo: Running, seconds: float, seed: int = 0) -> Transport:
    """Ask a process that only answers, with 64 requests open all the time, and all at once."""
    links = [LinkClient(echo.url) for _ in range(CONNECTIONS)]
    try:
        await asyncio.gather(*(_once(link, 0.0, 0.0) for link in links))
        spread = await _spread(links, seconds, np.random.default_rng(seed))
        burst = []
        for _ in range(3):
            burst += await asyncio.gather(
                *(_once(links[i % len(links)], 0.0, 0.0) for i in range(IN_FLIGHT))
            )
    finally:
        await asyncio.gather(*(link.aclose() for link in links))
    return Transport(quantiles(spread), quantiles(burst), len(spread))


async def _spread(links: list[LinkClient], seconds: float, rng: np.random.Generator) -> list[float]:
    """Each is held for a second, and 64 a second come: so 64 are open."""
    count = max(IN_FLIGHT, round(IN_FLIGHT * seconds))
    times = np.cumsum(rng.exponential(1 / IN_FLIGHT, count))
    asking = (_once(links[i % len(links)], float(at), 1.0) for i, at in enumerate(times))
    took = await asyncio.gather(*asking)
    return list(took[IN_FLIGHT // 2 :])  # the first ones find nobody else there


async def _once(link: LinkClient, after_s: float, hold_s: float) -> float:
    """Seconds on the way there and back."""
    await asyncio.sleep(after_s)
    loop = asyncio.get_running_loop()
    began = loop.time()
    request = link.request({"op": "echo", "hold_s": hold_s}, SOUND, deadline_s=_DEADLINE_S)
    async with contextlib.aclosing(request) as frames:
        async for frame in frames:
            return loop.time() - began - float(frame.header["held_s"])
    return float("inf")
