"""A worker asked from outside."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from pydantic import SecretStr

from agent.errors import KeyRefused, ProviderAway
from agent.scaling.worker_port import WorkerPort
from tests.loopback import on_loopback


@asynccontextmanager
async def worker(status=200, body=None):
    heard = []

    async def answer(request):
        heard.append((request.method, request.path, request.headers.get("Authorization")))
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_route("*", "/{what}", answer)
    async with on_loopback(app) as address:
        port = WorkerPort(f"http://{address}", SecretStr("hunter2"))
        try:
            yield port, heard
        finally:
            await port.aclose()


async def test_a_worker_that_is_ready_says_so():
    async with worker(body={"ready": True, "missing": []}) as (port, heard):
        assert (await port.readiness()).ready
    assert heard == [("GET", "/ready", "Bearer hunter2")]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"ready": False, "missing": ["livekit", "ears"]}, "missing: livekit, ears"),
        ({"ready": False, "missing": {"database": "away"}}, "missing: database"),
        ({"missing": ["a b", 7]}, "it answers with status 503"),
        ("rubbish", "it answers with status 503"),
        (None, "it answers with status 503"),
    ],
)
async def test_what_is_missing_is_told(body, why):
    async with worker(503, body) as (port, _):
        readiness = await port.readiness()
    assert (readiness.ready, readiness.why) == (False, why)


async def test_a_machine_that_is_away_is_not_ready_and_its_calls_are_unknown():
    async with worker() as (port, _):
        pass
    assert not (await port.readiness()).ready
    with pytest.raises(ProviderAway):
        await port.drain_state()
    await port.aclose()


@pytest.mark.parametrize(
    ("calls", "unsent", "draining", "empty"),
    [(0, 0, True, True), (1, 0, True, False), (0, 3, True, False), (0, 0, False, False)],
)
async def test_a_machine_may_go_when_it_drains_and_nothing_is_left(calls, unsent, draining, empty):
    body = {"draining": draining, "active_calls": calls, "unsent": unsent}
    async with worker(body=body) as (port, heard):
        assert (await port.drain()).empty is empty
        assert (await port.drain_state()).empty is empty
    assert [one[:2] for one in heard] == [("POST", "/drain"), ("GET", "/drain")]


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"draining": True, "active_calls": 0},
        {"draining": True, "active_calls": -1, "unsent": 0},
        {"draining": True, "active_calls": None, "unsent": 0},
        {"draining": "yes", "active_calls": 0, "unsent": 0},
        {"draining": True, "active_calls": False, "unsent": 0},
    ],
)
async def test_a_doubtful_answer_is_never_taken_for_empty(body):
    async with worker(body=body) as (port, _):
        with pytest.raises(ProviderAway, match="did not say"):
            await port.drain_state()


@pytest.mark.parametrize("status", [401, 403])
async def test_another_secret_is_told(status):
    async with worker(status, {"error": "no"}) as (port, _):
        with pytest.raises(KeyRefused, match="CONTROL__TOKEN"):
            await port.drain()
