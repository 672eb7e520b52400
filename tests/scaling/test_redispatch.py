"""The loop against a server that speaks LiveKit's API: what it asks, what it does about faults."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from livekit.protocol.models import ParticipantInfo, ParticipantPermission
from pydantic import SecretStr

from agent.errors import ConfigurationError
from agent.observability.metrics import Meters
from agent.scaling.livekit_rooms import LiveKitRooms
from agent.scaling.redispatch import IDLE_S, WATCHED_S, Acted, Redispatcher
from agent.scaling.redispatch_command import command
from agent.scaling.unserved import Rules, Target
from agent.settings import LiveKitSettings, Settings
from tests.scaling.twirp_server import KEY, SECRET, Kind, TwirpServer, twirp_server

LIMIT_S = 30.0


@pytest.fixture
async def server() -> AsyncIterator[TwirpServer]:
    async with twirp_server() as one:
        yield one


def settings_of(server: TwirpServer, *, secret: str = SECRET, prefix: str = "call-") -> Settings:
    return Settings(
        livekit_url=server.url,
        livekit_api_key=SecretStr(KEY),
        livekit_api_secret=SecretStr(secret),
        livekit=LiveKitSettings(room_prefix=prefix),
    )


@pytest.fixture
async def rooms(server: TwirpServer) -> AsyncIterator[LiveKitRooms]:
    async with LiveKitRooms(settings_of(server), within_s=2.0) as one:
        yield one


def dispatcher_of(rooms: LiveKitRooms, **more: object) -> Redispatcher:
    return Redispatcher(rooms, Rules(), apart_s=0.0, **more)  # type: ignore[arg-type]


async def until(condition, what: str) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110 -- a stranger's state, it tells nobody
            await asyncio.sleep(0.01)
    assert condition(), what


# -- what it does ---------------------------------------------------------------------------------


async def test_a_call_without_an_agent_is_dispatched_again(server, rooms):
    server.call("call-a", ago_s=4.0)
    server.dispatched("call-a", "kural", ago_s=4.0)
    acted: list[Acted] = []
    looked = await dispatcher_of(rooms, report=acted.append).once()
    assert server.asked == [("call-a", "kural")]
    assert (looked.unserved, looked.waiting, looked.calls) == (1, 1, 1)
    assert acted[0].room == "RM_call-a"
    assert acted[0].done


async def test_after_twelve_seconds_the_overload_agent_is_sent(server, rooms):
    server.call("call-a", ago_s=13.0)
    await dispatcher_of(rooms).once()
    assert server.asked == [("call-a", "kural-overload")]


async def test_a_call_with_an_agent_is_left_alone_and_not_looked_into_every_time(server, rooms):
    server.call("call-a", ago_s=60.0)
    server.answer("call-a")
    one = dispatcher_of(rooms)
    for _ in range(5):
        looked = await one.once()
    assert not server.asked
    assert server.calls.count("ListParticipants") == 1
    assert looked.pause_s == WATCHED_S


async def test_an_overload_agent_is_an_agent_and_a_strangers_recorder_is_none(server, rooms):
    server.call("call-a", ago_s=5.0)
    server.answer("call-a", "kural-overload")
    server.call("call-b", ago_s=5.0)
    server.answer("call-b", "somebody's recorder")
    await dispatcher_of(rooms).once()
    assert server.asked == [("call-b", "kural")]


async def test_nobody_is_sent_where_nobody_waits(server, rooms):
    left = server.call("call-left", ago_s=9.0, attributes={"sip.callStatus": "hangup"})
    gone = server.call("call-gone", ago_s=9.0)
    server.people[gone].clear()
    pair = server.call("call-pair", ago_s=9.0)
    server.join(pair, "sip_colleague", ago_s=5.0, kind=Kind.SIP)
    seen = server.call("call-watched", ago_s=9.0)
    server.people[seen].clear()
    server.join(
        seen,
        "a supervisor",
        ago_s=9.0,
        kind=Kind.STANDARD,
        permission=ParticipantPermission(hidden=True),
    )
    looked = await dispatcher_of(rooms).once()
    assert not server.asked, left
    assert looked.waiting == 0


async def test_callers_by_browser_count_in_our_rooms_only(server, rooms):
    for name in ("call-web", "meeting"):
        server.call(name, ago_s=5.0)
        server.people[name].clear()
        server.join(name, "somebody", ago_s=5.0, kind=Kind.STANDARD)
    await dispatcher_of(rooms).once()
    assert server.asked == [("call-web", "kural")]


async def test_a_phone_call_elsewhere_is_ours_when_our_agent_was_dispatched_to_it(server, rooms):
    server.call("other-ours", ago_s=5.0)
    server.dispatched("other-ours", "kural", ago_s=5.0)
    server.call("other-theirs", ago_s=5.0)
    server.dispatched("other-theirs", "their-bot", ago_s=5.0)
    await dispatcher_of(rooms).once()
    assert server.asked == [("other-ours", "kural")]


async def test_an_accepted_dispatch_is_waited_for(server, rooms):
    server.call("call-a", ago_s=4.0)
    server.dispatched("call-a", "kural", ago_s=3.9, accepted=True)
    looked = await dispatcher_of(rooms).once()
    assert not server.asked
    assert looked.unserved == 1


async def test_the_first_line_is_counted_and_the_counters_are_exposed(server, rooms):
    meters = Meters()
    server.call("call-a", ago_s=4.0)
    await dispatcher_of(rooms, meters=meters).once()
    text = meters.expose().decode()
    assert "kural_calls_unserved 1.0" in text
    assert 'kural_redispatches_total{outcome="asked",role="main"} 1.0' in text


async def test_two_redispatchers_that_look_at_the_same_moment_mostly_send_one(server):
    """Who comes second sees what the first has done; both at once is the agents' matter."""
    server.call("call-a", ago_s=4.0)
    async with LiveKitRooms(settings_of(server)) as first, LiveKitRooms(settings_of(server)) as two:
        one, other = dispatcher_of(first), dispatcher_of(two)
        one_seen, other_seen = await asyncio.gather(first.look(), two.look())
        assert one_seen[0].dispatches == other_seen[0].dispatches == ()
        await one.once()
        await other.once()
    assert server.asked == [("call-a", "kural")]


async def test_what_was_sent_meanwhile_stops_a_dispatch_that_was_decided(server, rooms):
    server.call("call-a", ago_s=4.0)
    one = Redispatcher(rooms, Rules(), apart_s=0.3)
    looking = asyncio.create_task(one.once())
    await until(lambda: "ListDispatch" in server.calls, "no look")
    server.dispatched("call-a", "kural", ago_s=0.0)
    looks = server.calls.count("ListRooms")
    await looking
    if looks == 1:  # the dispatch came between the look and the second look
        assert not server.asked


async def test_the_loop_wakes_for_the_twelfth_second(server, rooms):
    server.call("call-a", ago_s=11.2)
    loop = asyncio.create_task(dispatcher_of(rooms).run())
    await until(lambda: server.asked, "nobody was sent")
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    assert server.asked[0] == ("call-a", "kural-overload")


# -- what may go wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["500", "slow"])
async def test_an_api_that_is_away_is_logged_once_and_the_call_is_not_forgotten(
    server, fault, caplog
):
    caplog.set_level(logging.INFO, logger="agent.scaling.redispatch")
    server.call("call-a", ago_s=1.0)
    async with LiveKitRooms(settings_of(server), within_s=0.3) as rooms:
        one = dispatcher_of(rooms)
        before = await one.once()
        if fault == "500":
            server.faults["ListRooms"] = [500, 503, 500]
        else:
            server.slow_s["ListRooms"] = 5.0
        for _ in range(3):
            looked = await one.once()
            assert not looked.answers
            assert (looked.waiting, looked.calls) == (before.waiting, before.calls)
        server.slow_s.clear()
        server.people["call-a"][0].joined_at_ms -= 5000
        assert (await one.once()).answers
    said = [record.message for record in caplog.records]
    assert said.count("LiveKit cannot be asked") == 1
    assert said.count("LiveKit answers again") == 1


async def test_a_dispatch_that_fails_is_tried_again_after_the_pause(server, rooms):
    server.call("call-a", ago_s=4.0)
    server.faults["CreateDispatch"] = [500]
    acted: list[Acted] = []
    one = dispatcher_of(rooms, report=acted.append)
    await one.once()
    assert [(a.target, a.done) for a in acted] == [(Target.MAIN, False)]
    looked = await one.once()
    assert not server.asked, "hammered at once"
    assert 0 < looked.pause_s <= 3.0


async def test_a_room_that_vanishes_between_look_and_dispatch_is_no_fault(server, rooms, caplog):
    server.call("call-a", ago_s=4.0)
    server.faults["CreateDispatch"] = [404]
    await dispatcher_of(rooms).once()
    server.rooms.clear()
    assert (await dispatcher_of(rooms).once()).calls == 0
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


async def test_one_room_that_cannot_be_looked_into_does_not_hide_the_others(server, rooms):
    server.call("call-a", ago_s=4.0)
    server.call("call-b", ago_s=4.0)
    server.faults["ListParticipants"] = [500]
    looked = await dispatcher_of(rooms).once()
    assert len(server.asked) == 1
    assert looked.answers


async def test_a_node_that_does_not_tell_its_dispatches_does_not_keep_us_from_ours(server, rooms):
    server.call("call-a", ago_s=4.0)
    server.faults["ListDispatch"] = [503, 503]
    await dispatcher_of(rooms).once()
    assert server.asked == [("call-a", "kural")]


async def test_a_wrong_key_ends_it_at_the_start_and_is_waited_out_later(server):
    async with LiveKitRooms(settings_of(server, secret="x" * 40)) as rooms:
        with pytest.raises(ConfigurationError, match="LIVEKIT_API_SECRET"):
            await dispatcher_of(rooms).run()
    async with LiveKitRooms(settings_of(server)) as rooms:
        one = dispatcher_of(rooms)
        loop = asyncio.create_task(one.run())
        await until(lambda: one.last.answers, "no look")
        server.faults["ListRooms"] = [401]
        one.wake()
        await until(lambda: not one.last.answers, "not noticed")
        one.wake()
        await until(lambda: one.last.answers, "not gone on")
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)


async def test_what_is_no_livekit_server_is_said(tmp_path):
    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<html>hi</html>")
        writer.close()

    web = await asyncio.start_server(page, "127.0.0.1", 0)
    given = TwirpServer()
    given.url = f"http://127.0.0.1:{web.sockets[0].getsockname()[1]}"
    async with web, LiveKitRooms(settings_of(given)) as rooms:
        assert not (await dispatcher_of(rooms).once()).answers


async def test_with_nobody_calling_it_looks_seldom(rooms):
    assert (await dispatcher_of(rooms).once()).pause_s == IDLE_S


# -- the command ----------------------------------------------------------------------------------


def environment(server: TwirpServer, tmp_path: Path) -> dict[str, str]:
    return os.environ | {
        "LIVEKIT_URL": server.url,
        "LIVEKIT_API_KEY": KEY,
        "LIVEKIT_API_SECRET": SECRET,
        "DATA_DIR": str(tmp_path / "var"),
    }


async def run_kural(server: TwirpServer, tmp_path: Path, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agent", "redispatch", *arguments),
        env=environment(server, tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    async with asyncio.timeout(60.0):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_once_prints_a_line_an_action_for_programs(server, tmp_path):
    server.call("call-a", ago_s=4.0)
    code, out, err = await run_kural(server, tmp_path, "--once", "--json")
    assert code == 0, err
    line = json.loads(out)
    assert line["target"] == "main"
    assert line["done"] is True
    assert line["unserved"] == 1
    assert server.asked == [("call-a", "kural")]


async def test_once_says_in_a_sentence_that_nobody_answers(server, tmp_path):
    server.url = "http://127.0.0.1:9"
    code, _, err = await run_kural(server, tmp_path, "--once")
    assert code == 1
    assert err.strip().splitlines()[-1].startswith("kural: LiveKit does not answer")


@pytest.mark.parametrize(
    ("arguments", "settings", "says"),
    [
        (["--listen", "8090"], {}, "HOST:PORT"),
        (["--listen", "a:99999"], {}, "HOST:PORT"),
        (["--listen", "127.0.0.1:0", "--once"], {}, "--once"),
        ([], {"LIVEKIT_URL": ""}, "LIVEKIT_URL"),
        ([], {"LIVEKIT_URL": "example.org"}, "wss://"),
        ([], {"LIVEKIT_API_SECRET": ""}, "LIVEKIT_API_SECRET"),
    ],
)
def test_wrong_use_is_one_sentence(arguments, settings, says, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    given = {"LIVEKIT_URL": "ws://127.0.0.1:9", "LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": "s"}
    for name, value in (given | settings).items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(command, arguments)
    assert says in str(result.exception)


def test_the_states_of_a_participant_that_count_are_livekits():
    assert ParticipantInfo.State.Name(ParticipantInfo.State.DISCONNECTED) == "DISCONNECTED"
