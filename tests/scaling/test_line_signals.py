"""What is read of rooms and workers, over the protocols LiveKit and the control port speak."""

from datetime import UTC, datetime

import pytest
from aiohttp import web
from click.testing import CliRunner
from livekit import api
from livekit.protocol.models import ParticipantInfo
from pydantic import SecretStr

from agent import cli
from agent.errors import ProviderAway
from agent.scaling.line_signals import LineSignals
from agent.scaling.provider import Machine, MachineState
from agent.scaling.signals import Word
from agent.settings import Settings

KIND = ParticipantInfo.Kind


def person(kind, **attributes):
    names = {name.replace("_", "."): value for name, value in attributes.items()}
    return ParticipantInfo(identity="x", kind=kind, attributes=names)


PHONE, AGENT = person(KIND.SIP), person(KIND.AGENT, lk_agent_name="kural")
OVERLOAD = person(KIND.AGENT, lk_agent_name="kural-overload")
ROOMS = {
    "held": [PHONE, AGENT],
    "by browser": [person(KIND.STANDARD), AGENT],
    "alone": [PHONE],
    "on the path": [PHONE, OVERLOAD],
    "hung up": [person(KIND.SIP, sip_callStatus="hangup"), AGENT],
    "of others": [person(KIND.STANDARD)],
    "with a stranger": [PHONE, person(KIND.AGENT, lk_agent_name="somebody")],
    "empty": [],
}


class FakeServers:
    """LiveKit's room service and one worker's control port."""

    def __init__(self):
        self.broken: dict[str, int] = {}
        self.rooms = dict(ROOMS)
        self.drained = 0
        self.url = ""

    async def __aenter__(self):
        app = web.Application()
        app.router.add_post("/twirp/livekit.RoomService/{method}", self._rooms)
        app.router.add_get("/drain", self._state)
        app.router.add_post("/drain", self._drain)
        app.router.add_get("/ready", self._ready)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    async def _rooms(self, request):
        method = request.match_info["method"]
        if status := self.broken.get(method):
            return web.json_response({"code": "internal", "msg": "no"}, status=status)
        if method == "ListRooms":
            rooms = [
                api.Room(sid=f"RM_{name}", name=name, num_participants=len(there))
                for name, there in self.rooms.items()
            ]
            body = api.ListRoomsResponse(rooms=rooms).SerializeToString()
        else:
            asked = api.ListParticipantsRequest.FromString(await request.read())
            there = api.ListParticipantsResponse(participants=self.rooms[asked.room])
            body = there.SerializeToString()
        return web.Response(body=body, content_type="application/protobuf")

    async def _state(self, request):
        return web.json_response({"draining": False, "active_calls": 3, "unsent": 2})

    async def _ready(self, request):
        return web.json_response({"ready": True, "capacity": 39})

    async def _drain(self, request):
        self.drained += request.headers.get("Authorization") == "Bearer secret"
        return web.json_response({"draining": True, "active_calls": 3, "unsent": 2})


@pytest.fixture
async def servers():
    async with FakeServers() as fake:
        yield fake


def settings_for(servers, tmp_path):
    settings = Settings(
        livekit_url=servers.url,
        livekit_api_key=SecretStr("key"),
        livekit_api_secret=SecretStr("secret-of-at-least-thirty-two-bytes"),
        data_dir=tmp_path,
    )
    token = settings.control.model_copy(update={"token": SecretStr("secret")})
    return settings.model_copy(update={"control": token})


def machine(address):
    return Machine("1", "m1", "t", MachineState.RUNNING, 0.3, datetime.now(UTC), address)


async def test_callers_are_counted_by_who_holds_them(servers, tmp_path):
    async with LineSignals(settings_for(servers, tmp_path)) as signals:
        line = await signals.line()
    assert (line.active, line.unserved, line.after_hours) == (2, 2, 1)
    assert line.calls == {f"RM_{name}" for name in list(ROOMS)[:4]} | {"RM_with a stranger"}


@pytest.mark.parametrize("method", ["ListRooms", "ListParticipants"])
async def test_a_part_that_cannot_be_read_is_no_line(servers, tmp_path, method):
    servers.broken[method] = 500
    async with LineSignals(settings_for(servers, tmp_path)) as signals:
        with pytest.raises(ProviderAway):
            await signals.line()


async def test_a_machine_tells_calls_lines_and_capacity_and_is_drained(servers, tmp_path):
    async with LineSignals(settings_for(servers, tmp_path)) as signals:
        assert await signals.word(machine(servers.url)) == Word(3, 2, True, False, 39)
        await signals.drain(machine(servers.url))
        with pytest.raises(ProviderAway):
            await signals.word(machine("http://127.0.0.1:9"))
        with pytest.raises(ProviderAway, match="no address"):
            await signals.word(machine(""))
    assert servers.drained == 1


async def test_plan_says_what_it_sees_and_would_do_and_does_nothing(servers, tmp_path, monkeypatch):
    import asyncio

    monkeypatch.chdir(tmp_path)
    for name, value in {
        "LIVEKIT_URL": servers.url,
        "LIVEKIT_API_KEY": "key",
        "LIVEKIT_API_SECRET": "secret-of-at-least-thirty-two-bytes",
        "DATA_DIR": str(tmp_path / "data"),
        "SCALE__PROVIDER": "local",
    }.items():
        monkeypatch.setenv(name, value)
    done = await asyncio.to_thread(CliRunner().invoke, cli.main, ["scale", "plan"])
    assert done.exit_code == 0, done.output
    assert "2 calls in progress, 2 callers without an agent" in done.stdout
    assert "Order a" in done.stdout
    assert not list((tmp_path / "data").glob("machines/*"))


def test_without_a_provider_it_says_which_setting_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    for command in ("plan", "run"):
        done = CliRunner().invoke(cli.main, ["scale", command])
        assert done.exit_code == 2
        assert "SCALE__PROVIDER" in done.stderr


def test_hours_that_are_none_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SCALE__HOURS", "sometimes")
    done = CliRunner().invoke(cli.main, ["scale", "plan"])
    assert done.exit_code == 2
    assert "SCALE__HOURS must be always" in done.stderr
