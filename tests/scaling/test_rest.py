"""One exchange with a provider: bounded in time and size."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from agent.errors import ConfigurationError, ProviderAway
from agent.scaling import rest
from agent.scaling.rest import Rest


@asynccontextmanager
async def saying(answer: bytes, *, close=True):
    """A server that sends these bytes whatever it is asked."""

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if not close:
            await over.wait()
        writer.close()

    over = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = Rest(
        "The server",
        f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
        headers=lambda: {"Authorization": "Bearer hunter2"},
        within_s=0.5 if not close else 20.0,
    )
    try:
        yield client
    finally:
        over.set()
        await client.aclose()
        server.close()
        await server.wait_closed()


def answer(body: bytes, status="200 OK", length=None) -> bytes:
    length = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\nX-One: 1\r\n\r\n".encode() + body


async def test_status_headers_and_json_come_back_whatever_the_status():
    async with saying(answer(b'{"a": [1]}', "418 Teapot")) as client:
        got = await client.ask("GET", "/x")
    assert (got.status, got.headers["x-one"], got.body) == (418, "1", {"a": [1]})


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"[" * 100_000])
async def test_what_is_no_json_is_nothing(body):
    async with saying(answer(body)) as client:
        assert (await client.ask("GET", "/x")).body is None


@pytest.mark.parametrize(
    "sent", [b"", b"rubbish\r\n\r\n", answer(b'{"a"', length=100), b"HTTP/1.1 200 OK\r\n"]
)
async def test_half_an_answer_may_have_been_carried_out(sent):
    async with saying(sent) as client:
        with pytest.raises(ProviderAway) as caught:
            await client.ask("POST", "/x", body={})
    assert caught.value.sent


async def test_an_answer_that_drips_for_ever_ends_at_the_deadline():
    async with saying(answer(b"{", length=1000), close=False) as client:
        with pytest.raises(ProviderAway, match="in time") as caught:
            await client.ask("GET", "/x")
    assert caught.value.sent


async def test_an_answer_without_end_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(rest, "_LARGEST_ANSWER", 1000)
    async with saying(answer(b" " * 5000)) as client:
        with pytest.raises(ProviderAway, match="more than we read"):
            await client.ask("GET", "/x")


async def test_a_redirect_is_not_followed():
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"
    async with saying(moved) as client:
        assert (await client.ask("GET", "/x")).status == 302


@pytest.mark.parametrize("url", ["", "runpod", "ftp://a", "http://", "http://a:99999", "://"])
async def test_an_address_that_is_none_is_a_wrong_setting(url):
    client = Rest("RunPod", url, headers=dict)
    with pytest.raises(ConfigurationError, match="address of RunPod"):
        await client.ask("GET", "/x")
    await client.aclose()


async def test_no_sentence_holds_the_key():
    async with saying(b"") as client:
        with pytest.raises(ProviderAway) as caught:
            await client.ask("GET", "/x")
    assert "hunter2" not in str(caught.value) + repr(client)
