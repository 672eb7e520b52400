"""The proving ground itself: servers that start, answer, come back and go away with us."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from livekit import api

from agent.errors import UsageError
from agent.lab import probes
from agent.lab.ports import LOOPBACK, free_port, free_ports
from agent.lab.server_process import ServerFailed, ServerProcess, ToolMissing, program
from agent.lab.stack import NUMBERS, ServerName, Stack, missing_tools

MISSING = missing_tools()
needs_servers = pytest.mark.skipif(
    bool(MISSING), reason=f"not installed (.ci/run installs it): {', '.join(MISSING)}"
)


@pytest.mark.livekit
@needs_servers
async def test_every_server_answers_and_the_line_is_made(tmp_path: Path):
    """Trunk and rule are what docs say: all numbers, a room a call, our agent in it."""
    async with Stack(tmp_path / "stack") as stack:
        ports = stack.ports
        assert await probes.redis_answers(ports.redis)
        assert await probes.livekit_answers(ports.livekit)
        assert await probes.sip_answers(ports.sip)
        async with stack.client() as client:
            trunks = await client.sip.list_inbound_trunk(api.ListSIPInboundTrunkRequest())
            rules = await client.sip.list_dispatch_rule(api.ListSIPDispatchRuleRequest())
        assert [list(trunk.numbers) for trunk in trunks.items] == [list(NUMBERS)]
        assert trunks.items[0].ringing_timeout.seconds == 20
        assert [agent.agent_name for agent in rules.items[0].room_config.agents] == ["kural"]


@pytest.mark.livekit
@needs_servers
@pytest.mark.parametrize("name", ["redis", "livekit", "sip"])
async def test_a_server_that_is_killed_comes_back_with_the_line(tmp_path: Path, name: ServerName):
    """Trunk and rule outlive the restart of any of the three."""
    async with Stack(tmp_path / "stack") as stack:
        server = stack.server(name)
        first = server.pid
        stack.kill(name)
        await stack.restart(name)
        assert server.pid != first
        assert await _numbers(stack) == list(NUMBERS)


async def _numbers(stack: Stack) -> list[str]:
    """The trunk's numbers, asked until LiveKit has found Redis again."""
    async with asyncio.timeout(60), stack.client() as client:
        while True:
            try:
                trunks = await client.sip.list_inbound_trunk(api.ListSIPInboundTrunkRequest())
                return list(trunks.items[0].numbers)
            except api.TwirpError:
                await asyncio.sleep(0.1)


@pytest.mark.livekit
@needs_servers
async def test_two_stacks_run_side_by_side_and_leave_nothing(tmp_path: Path):
    """Every port and file is a stack's own; when the block ends, so have its servers."""
    async with (
        Stack(tmp_path / "one", sip=False) as one,
        Stack(tmp_path / "two", sip=False) as two,
    ):
        assert one.url != two.url
        assert one.api_secret != two.api_secret
        servers = [stack.server("livekit") for stack in (one, two)]
    assert not any(server.alive for server in servers)
    with pytest.raises(UsageError):
        _ = one.url


@pytest.mark.livekit
@needs_servers
def test_its_servers_end_when_we_are_killed(tmp_path: Path):
    """A test that is killed leaves no server behind."""
    code = (
        "import asyncio, pathlib, sys\n"
        "from agent.lab.stack import Stack\n"
        "async def main():\n"
        "    async with Stack(pathlib.Path(sys.argv[1]), sip=False) as stack:\n"
        "        print(*(stack.server(n).pid for n in ('redis', 'livekit')), flush=True)\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "stack")], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child, child.stdout:
        pids = [int(pid) for pid in child.stdout.readline().split()]
        assert len(pids) == 2
        handles = [os.pidfd_open(pid) for pid in pids]
        child.send_signal(signal.SIGKILL)
    for handle in handles:
        ends = select.poll()  # they are not our children: their end cannot be waited for
        ends.register(handle, select.POLLIN)
        assert ends.poll(30_000)
        os.close(handle)


async def test_a_server_that_ends_at_its_start_says_why(tmp_path: Path):
    """The last lines of its log are the error."""
    code = "print('first'); raise SystemExit('the port is taken')"
    server = ServerProcess((sys.executable, "-c", code), tmp_path / "log")
    await server.start()

    async def never() -> bool:
        return False

    with pytest.raises(ServerFailed, match=r"ended at its start: first / the port is taken$"):
        await server.ready(never, within_s=60)
    assert await server.stop() == 1


async def test_a_server_that_ignores_sigterm_is_killed(tmp_path: Path):
    """And what it was waiting for costs nobody a hanging test."""
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True)\n"
    server = ServerProcess(
        (sys.executable, "-c", code + "time.sleep(600)"), tmp_path / "log", environment={}
    )
    await server.start()

    async def up() -> bool:
        return server.log.read_text() == "up\n"

    await server.ready(up, within_s=60)
    assert await server.stop(within_s=0.1) == -signal.SIGKILL
    assert not server.alive


def test_a_missing_program_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KURAL_SERVERS", "/nonexistent")
    assert missing_tools("no-such-server", "sh") == ["no-such-server"]
    with pytest.raises(ToolMissing, match=r"no-such-server is not installed: run \.ci/run"):
        program("no-such-server")


def test_servers_are_found_where_they_are_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    built = tmp_path / "livekit-built-here"
    built.write_text("#!/bin/sh\n")
    built.chmod(0o755)
    monkeypatch.setenv("KURAL_SERVERS", str(tmp_path))
    assert program("livekit-built-here") == str(built)


def test_free_ports_can_be_bound():
    ports = free_ports()
    for kind, port in (
        (socket.SOCK_STREAM, ports.redis),
        (socket.SOCK_STREAM, ports.livekit),
        (socket.SOCK_DGRAM, ports.media),
        (socket.SOCK_DGRAM, ports.sip),
    ):
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.bind((LOOPBACK, port))
    first, last = ports.sound
    assert 1024 < first < last < 32_768


async def test_nobody_answers_at_a_free_port():
    port = free_port()
    assert not await probes.redis_answers(port)
    assert not await probes.livekit_answers(port)
    assert not await probes.sip_answers(port)
    assert await probes.http_body(port, "/worker") is None
