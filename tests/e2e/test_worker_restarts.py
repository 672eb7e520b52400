"""What happens to calls when a worker, LiveKit or Redis ends under them, on the real servers."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from agent.lab.stack import Stack, missing_tools
from agent.settings import Settings
from agent.tickets.store import TicketStore
from tests.e2e.keypad_caller import KeypadCaller
from tests.e2e.worker_process import PATIENCE_S, WorkerProcess

MISSING = missing_tools("redis-server", "livekit-server")
pytestmark = [
    pytest.mark.livekit,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]
EMERGENCY = "9"
YES = "1"


def tickets(folder):
    store = TicketStore.from_settings(Settings(_env_file=None, data_dir=folder), reserve=False)
    try:
        return list(store.repository.search(unmask=True))
    finally:
        store.close()


def told(folder):
    """What the caller has said so far is on disk: his call's journal goes on after its opening."""
    texts = [path.read_text(encoding="utf-8") for path in (folder / "journal").glob("*.jsonl")]
    return any(text.count("\n") > 1 for text in texts)


async def until(condition):
    """What becomes true in the database, soon."""
    async with asyncio.timeout(PATIENCE_S):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.2)


async def a_call(stack, number, keys=""):
    """Ring, be answered, press keys."""
    caller = await KeypadCaller().ring(stack, caller=number)
    async with asyncio.timeout(PATIENCE_S):
        await caller.answered.wait()
    await caller.press(keys)
    return caller


async def test_sigterm_finishes_live_calls_and_sends_new_ones_elsewhere(data_dir, capsys):
    """Twice SIGTERM, as a process group and its leader get it; the three calls have tickets."""
    async with (
        Stack(data_dir / "stack", sip=False) as stack,
        WorkerProcess(stack, data_dir, calls=3, name="first") as first,
        WorkerProcess(stack, data_dir, calls=2, name="second") as second,
    ):
        await first.until_ready()
        await second.until_ready()
        ringing = [a_call(stack, f"+91984210001{n}", EMERGENCY) for n in range(5)]
        callers = await asyncio.gather(*ringing)
        live = [caller for caller in callers if first.has(caller)]
        leaving, staying = [caller for caller in callers if caller not in live]

        async def one_has_left():
            return await second.active() == 1

        async def draining():
            return (await first.state())["draining"]

        await leaving.hang_up()
        await second.until(one_has_left)
        first.signal()
        first.signal()
        await first.until(draining)
        later = await a_call(stack, "+919842100019")
        assert second.has(later)
        assert not any(caller.over.is_set() for caller in live)
        for caller in (*live, staying, later):
            await caller.hang_up()
        began = time.monotonic()
        assert await first.exit_code() == 0
        took_s = time.monotonic() - began
        await until(lambda: len(tickets(data_dir)) == len(callers))
        with capsys.disabled():
            print(f"\nthe process ended {took_s:.1f} s after its last call")


async def test_a_worker_killed_in_a_call_loses_nothing_and_the_caller_resumes(data_dir):
    async with (
        Stack(data_dir / "stack", sip=False) as stack,
        WorkerProcess(stack, data_dir, calls=2, name="killed") as killed,
    ):
        await killed.until_ready()
        caller = await a_call(stack, "+919842100021", EMERGENCY)
        await until(lambda: told(data_dir))
        killed.signal(signal.SIGKILL)
        await killed.exit_code()
        await caller.hang_up()
        async with WorkerProcess(stack, data_dir, calls=2, name="next") as following:
            await following.until_ready()
            await until(lambda: len(tickets(data_dir)) == 1)
            assert tickets(data_dir)[0].partial
            again = await a_call(stack, "+919842100021", YES + YES)
            await again.hang_up()
            await until(lambda: "call answered" in following.log())


@pytest.mark.parametrize("server", ["livekit", "redis"])
async def test_the_next_call_works_after_a_server_was_restarted(data_dir, server):
    async with (
        Stack(data_dir / "stack", sip=False) as stack,
        WorkerProcess(stack, data_dir, calls=2, name="worker") as worker,
    ):
        await worker.until_ready()
        await (await a_call(stack, "+919842100031")).hang_up()
        await stack.restart(server)
        await worker.until_ready()
        await (await a_call(stack, "+919842100032")).hang_up()
