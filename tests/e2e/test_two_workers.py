"""Two workers on one real LiveKit server: every place is taken, and none twice."""

from __future__ import annotations

import asyncio
import time

import pytest

from agent.lab.stack import Stack, missing_tools
from tests.e2e.keypad_caller import KeypadCaller
from tests.e2e.worker_process import PATIENCE_S, WorkerProcess

MISSING = missing_tools("redis-server", "livekit-server")
pytestmark = [
    pytest.mark.livekit,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]


async def answered(caller):
    async with asyncio.timeout(PATIENCE_S):
        await caller.answered.wait()


async def test_eight_callers_at_once_fill_three_places_and_five(data_dir, capsys):
    callers = [KeypadCaller() for _ in range(9)]
    async with (
        Stack(data_dir / "stack", sip=False) as stack,
        # LiveKit hears of a free place up to 2.5 s later: who rings before is dispatched again.
        WorkerProcess(stack, data_dir, calls=3, name="three", LIVEKIT__REDISPATCH="true") as three,
        WorkerProcess(stack, data_dir, calls=5, name="five") as five,
    ):

        async def taken():
            return await three.active(), await five.active()

        async def one_is_free():
            return sum(await taken()) == 7

        await three.until_ready()
        await five.until_ready()
        try:
            began = time.monotonic()
            await asyncio.gather(*(caller.ring(stack) for caller in callers[:8]))
            await asyncio.gather(*(answered(caller) for caller in callers[:8]))
            took_s = time.monotonic() - began
            assert await taken() == (3, 5)
            assert "kural_load_ratio 0.7\n" in await three.metrics()
            assert "kural_calls_active 5.0\n" in await five.metrics()

            began = time.monotonic()
            await callers[0].hang_up()
            await five.until(one_is_free)
            free_s = time.monotonic() - began
            await callers[8].ring(stack)
            await answered(callers[8])
            assert await taken() == (3, 5)
        finally:
            await asyncio.gather(*(caller.hang_up() for caller in callers))
        with capsys.disabled():
            print(f"\n8 callers answered after {took_s:.1f} s, a place free after {free_s:.2f} s")
