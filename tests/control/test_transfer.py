"""Transfers, asked of a small server that speaks LiveKit's protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from livekit import api

from agent.control import transfer as transfer_module
from agent.control.transfer import PERSON, ColdTransfer, WarmTransfer
from tests.loopback import on_loopback

TO = "tel:+914422222222"
Answer = Callable[[], Awaitable[web.Response]]


def answers(message: object) -> Answer:
    async def respond() -> web.Response:
        body = message.SerializeToString()  # type: ignore[attr-defined]
        return web.Response(body=body, content_type="application/protobuf")

    return respond


async def refuses() -> web.Response:
    return web.json_response({"code": "unavailable", "msg": "busy"}, status=503)


async def hangs() -> web.Response:
    await asyncio.sleep(30)
    return web.Response()


@dataclass
class Server:
    """What LiveKit's API was asked, and how it answers."""

    client: api.LiveKitAPI
    answer: Answer = refuses
    asked: list[bytes] = field(default_factory=list)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async def respond(request: web.Request) -> web.Response:
        found.asked.append(await request.read())
        return await found.answer()

    app = web.Application()
    app.router.add_post("/twirp/livekit.SIP/{method}", respond)
    async with on_loopback(app) as address:
        found = Server(api.LiveKitAPI(f"http://{address}", "key", "secret" * 8))
        yield found
        await found.client.aclose()


def cold(server: Server) -> ColdTransfer:
    return ColdTransfer(server.client, "call-1", "sip_caller", TO)


async def test_a_cold_transfer_sends_the_caller_on(server: Server):
    server.answer = answers(
        api.TransferSIPParticipantResponse(
            transfer_id="t", status=api.SIPTransferStatus.STS_TRANSFER_SUCCESSFUL
        )
    )
    assert await cold(server).transfer()
    asked = api.TransferSIPParticipantRequest.FromString(server.asked[0])
    assert (asked.room_name, asked.participant_identity) == ("call-1", "sip_caller")
    assert (asked.transfer_to, asked.play_dialtone) == (TO, True)


async def test_an_older_server_that_says_nothing_has_done_it(server: Server):
    server.answer = answers(api.TransferSIPParticipantResponse())
    assert await cold(server).transfer()


async def test_a_transfer_that_failed_without_an_error_is_none(server: Server):
    server.answer = answers(
        api.TransferSIPParticipantResponse(
            transfer_id="t", status=api.SIPTransferStatus.STS_TRANSFER_FAILED
        )
    )
    assert not await cold(server).transfer()


@pytest.mark.parametrize("how", [refuses, hangs], ids=["refuses", "hangs"])
async def test_nobody_there_is_no_transfer(
    server: Server, how: Answer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(transfer_module, "_ANSWER_S", 0.2)
    server.answer = how
    async with asyncio.timeout(20):
        assert not await cold(server).transfer()
        warm = WarmTransfer(server.client, "call-1", TO, "ST_1")
        assert not await warm.transfer()
        assert not warm.bridged


async def test_a_warm_transfer_rings_the_person_into_the_room(server: Server):
    server.answer = answers(api.SIPParticipantInfo(participant_identity=PERSON))
    warm = WarmTransfer(server.client, "call-1", TO, "ST_1")
    assert await warm.transfer()
    assert warm.bridged
    asked = api.CreateSIPParticipantRequest.FromString(server.asked[0])
    assert (asked.room_name, asked.sip_trunk_id) == ("call-1", "ST_1")
    assert (asked.sip_call_to, asked.wait_until_answered) == ("+914422222222", True)


async def test_no_server_is_no_transfer():
    client = api.LiveKitAPI("http://127.0.0.1:9", "key", "secret" * 8)
    assert not await ColdTransfer(client, "call-1", "sip_caller", TO).transfer()
    await client.aclose()
