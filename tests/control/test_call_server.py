"""LiveKit's real worker against the worker's side of a LiveKit server."""

import asyncio
import time

import pytest
from livekit.agents import JobExecutorType
from livekit.protocol import agent as proto

from agent.capacity.load import LOAD_THRESHOLD
from agent.capacity.profile import Capacity
from agent.control.call_server import CallServer, only_once
from agent.control.panel import Panel
from agent.control.watch import PartsWatch
from agent.settings import Settings
from agent.tickets.store import TicketStore
from tests.control.livekit_agents_port import agents_port

CALLS = 5


async def stay(_ctx):
    """A call that goes on until LiveKit ends it."""


@pytest.fixture
async def port():
    async with agents_port() as port:
        yield port


@pytest.fixture
def panel(tmp_path):
    settings = Settings(_env_file=None, data_dir=tmp_path)
    store = TicketStore.from_settings(settings)
    watch = PartsWatch(settings)
    panel = Panel(settings, Capacity(CALLS, "setting", ""), watch, store)
    yield panel
    panel.close()
    store.close()


@pytest.fixture
async def server(port, panel):
    server = CallServer(
        job_executor_type=JobExecutorType.THREAD,
        load_fnc=panel.load,
        load_threshold=LOAD_THRESHOLD,
        num_idle_processes=CALLS,
        host="127.0.0.1",
        port=0,
        ws_url=port.url,
        api_key="key",
        api_secret="a-secret-of-thirty-two-characters",
    )
    server.rtc_session(stay, agent_name="kural", on_request=panel.on_request)
    panel.attach(server)
    panel.watch.pressure.note(0.0, time.monotonic() + 1e6)  # ears that never press
    running = asyncio.create_task(server.run())
    async with asyncio.timeout(60):
        await port.registered.wait()
    yield server
    await server.aclose()
    await running


async def until(condition):
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - a state of LiveKit's worker, without an event
            await asyncio.sleep(0.02)


async def test_simultaneous_offers_fill_every_place_and_no_more(server, port, panel):
    """The refusals leave the call to other workers, and the load is exact at every step."""
    names = [f"job-{n}" for n in range(CALLS + 4)]
    answers = await port.offer(*names)
    taken = [name for name in names if answers[name].available]
    assert len(taken) == CALLS
    assert not any(answer.terminate for answer in answers.values())
    await until(lambda: len(server.calls) == CALLS)
    full = await port.until_status(lambda status: status.job_count == CALLS)
    assert (full.status, full.load) == (proto.WS_FULL, pytest.approx(LOAD_THRESHOLD))
    for left in range(CALLS - 1, -1, -1):
        await port.end(taken.pop())
        await until(lambda left=left: len(server.calls) == left)
        assert panel.load() == pytest.approx(LOAD_THRESHOLD * left / CALLS)
    again = await port.offer("job-again")
    assert again["job-again"].available
    await port.end("job-again")
    await until(lambda: not server.calls)


async def test_registered_follows_the_connection(server, port):
    assert server.registered
    await port.drop()
    await until(lambda: not server.registered)
    port.away = False
    async with asyncio.timeout(60):
        await port.registered.wait()
    await until(lambda: server.registered)


async def test_a_drain_finishes_live_calls_takes_no_other_and_leaves_the_process(
    server, port, panel
):
    assert (await port.offer("job-1"))["job-1"].available
    await until(lambda: server.calls)
    assert panel.drain()
    assert panel.drain()
    full = await port.until_status(lambda status: status.status == proto.WS_FULL)
    assert full.job_count == 1
    assert panel.state() == {"draining": True, "active_calls": 1, "unsent": 0}
    assert "draining" in await panel.missing()
    assert not (await port.offer("job-2"))["job-2"].available
    await port.end("job-1")
    await until(lambda: panel.state()["active_calls"] == 0)
    assert await server.is_alive()


def test_a_worker_that_has_not_started_cannot_drain_yet(panel):
    assert not panel.drain()
    server = CallServer(ws_url="ws://127.0.0.1:1", api_key="key", api_secret="secret")
    panel.attach(server)
    assert not panel.drain()
    assert panel.state()["active_calls"] == 0


def test_a_second_signal_is_not_passed_on() -> None:
    seen: list[int] = []
    handler = only_once(lambda number, _frame: seen.append(number))
    handler(15, None)
    handler(15, None)
    assert seen == [15]
