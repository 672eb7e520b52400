"""The HTTP side of a redispatcher: signed events, counts, bad requests."""

from __future__ import annotations

import asyncio
import base64
import datetime
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from livekit import api

from agent.errors import ConfigurationError, UsageError
from agent.observability.metrics import Meters
from agent.scaling.livekit_rooms import LiveKitRooms
from agent.scaling.redispatch import Redispatcher
from agent.scaling.webhooks import BODY_BYTES, address, build_app, listening
from tests.scaling.test_redispatch import LIMIT_S, dispatcher_of, settings_of, until
from tests.scaling.twirp_server import KEY, SECRET, TwirpServer, twirp_server

JOINED = json.dumps({"event": "participant_joined", "room": {"name": "call-a"}})


def signed(body: str, *, secret: str = SECRET, of: str | None = None) -> dict[str, str]:
    """The header LiveKit sends with an event."""
    token = (
        api.AccessToken(KEY, secret)
        .with_ttl(datetime.timedelta(minutes=5))
        .with_sha256(base64.b64encode(hashlib.sha256((of or body).encode()).digest()).decode())
    )
    return {"Authorization": token.to_jwt()}


@dataclass(slots=True)
class Side:
    server: TwirpServer
    dispatcher: Redispatcher
    url: str
    http: aiohttp.ClientSession

    async def post(self, body: str | bytes, headers: dict[str, str]) -> tuple[int, str]:
        async with self.http.post(self.url + "/webhook", data=body, headers=headers) as answer:
            return answer.status, await answer.text()

    async def get(self, path: str) -> tuple[int, str]:
        async with self.http.get(self.url + path) as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def side() -> AsyncIterator[Side]:
    async with twirp_server() as server, LiveKitRooms(settings_of(server)) as rooms:
        meters = Meters()
        dispatcher = dispatcher_of(rooms, meters=meters)
        app = build_app(dispatcher, settings_of(server), meters)
        async with listening(app, "127.0.0.1", 0) as port, aiohttp.ClientSession() as http:
            yield Side(server, dispatcher, f"http://127.0.0.1:{port}", http)


async def test_a_signed_event_makes_the_loop_look_at_once(side):
    loop = asyncio.create_task(side.dispatcher.run())
    await until(lambda: "ListRooms" in side.server.calls, "no first look")
    side.server.call("call-a", ago_s=4.0)  # the next look of its own would come in ten seconds
    assert await side.post(JOINED, signed(JOINED)) == (200, "")
    async with asyncio.timeout(LIMIT_S):
        await until(lambda: side.server.asked, "not woken")
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, JOINED),
        ({"Authorization": "Bearer nonsense"}, JOINED),
        (signed(JOINED, secret="another-secret-of-enough-letters-here"), JOINED),
        (signed(JOINED, of="other words"), JOINED),
        (signed("{"), "{"),
    ],
)
async def test_what_is_not_signed_is_refused_in_a_sentence(side, headers, body):
    status, text = await side.post(body, headers)
    assert (status, text) == (401, "This event is not signed with our LiveKit key.\n")


async def test_odd_bodies_are_refused_and_the_server_lives(side):
    assert (await side.post(b"\xff\xfe", {}))[0] == 400
    assert (await side.post(b"x" * (BODY_BYTES + 1), {}))[0] == 413
    assert (await side.get("/webhook"))[0] == 405
    assert (await side.get("/health"))[0] in (200, 503)


async def test_counts_are_given_to_programs(side):
    assert (await side.get("/health"))[0] == 503
    side.server.call("call-a", ago_s=4.0)
    await side.dispatcher.once()
    status, text = await side.get("/unserved")
    assert status == 200
    assert json.loads(text) == {"unserved": 1, "waiting": 1, "calls": 1, "answers": True}
    assert "kural_calls_unserved 1.0" in (await side.get("/metrics"))[1]
    assert (await side.get("/health"))[0] == 200


async def test_a_port_that_is_taken_is_said(side):
    port = int(side.url.rsplit(":", 1)[1])
    app = build_app(side.dispatcher, settings_of(side.server), Meters())
    with pytest.raises(ConfigurationError, match="--listen"):
        async with listening(app, "127.0.0.1", port):
            pass


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:0", ("::1", 0)), ("box:8090", ("box", 8090))],
)
def test_addresses(text, wanted):
    assert address(text) == wanted


@pytest.mark.parametrize("text", ["", "80", ":80", "host:", "host:x", "host:٣", "host:70000"])
def test_no_addresses(text):
    with pytest.raises(UsageError):
        address(text)
