"""Requests over real sockets: answers, errors, cancellation, and peers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.errors import (
    ConfigurationError,
    EngineBusy,
    EngineUnavailable,
    VoiceUnavailable,
)
from agent.speech import framestream, link, link_client
from agent.speech.frames import FrameDecoder, encode
from agent.speech.link import Frame, Handler, Kind, LinkClient, Responder, serve

Serving = Callable[..., AbstractAsyncContextManager[None]]


async def echo(frame: Frame, respond: Responder) -> None:
    for number in range(int(frame.header.get("times", 1))):
        await respond.data({"number": number, **frame.header}, frame.payload)


@asynccontextmanager
async def serving(url: str, handler: Handler = echo, *, token: str = "") -> AsyncIterator[None]:
    ready = asyncio.Event()
    task = asyncio.create_task(serve(url, handler, token=token, ready=ready))
    waiting = asyncio.create_task(ready.wait())
    try:
        async with asyncio.timeout(5):
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield
    finally:
        waiting.cancel()
        task.cancel()
        await asyncio.wait({task, waiting})


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"unix://{tmp_path / 'run' / 'x.sock'}"


@pytest.fixture
async def client(url: str) -> AsyncIterator[LinkClient]:
    client = LinkClient(url)
    yield client
    await client.aclose()


async def ask(client: LinkClient, payload: bytes = b"", **header: object) -> list[Frame]:
    async with contextlib.aclosing(client.request(header, payload, deadline_s=5)) as answer:
        return [frame async for frame in answer]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_an_answer_comes_in_pieces_and_in_order(url: str, client: LinkClient) -> None:
    async with serving(url):
        got = await ask(client, "வணக்கம்".encode(), times=5, word="தண்ணி")
    assert [frame.header["number"] for frame in got] == [0, 1, 2, 3, 4]
    assert {frame.header["word"] for frame in got} == {"தண்ணி"}
    assert {frame.payload.decode() for frame in got} == {"வணக்கம்"}


async def test_many_requests_share_one_connection_without_mixing(
    url: str, client: LinkClient
) -> None:
    async with serving(url):
        answers = await asyncio.gather(
            *(ask(client, bytes([n]) * 5000, times=n % 4) for n in range(50))
        )
    for number, got in enumerate(answers):
        assert [frame.payload for frame in got] == [bytes([number]) * 5000] * (number % 4)


async def test_a_payload_of_many_megabytes_comes_back(url: str, client: LinkClient) -> None:
    payload = os.urandom(12_000_000)
    async with serving(url):
        assert (await ask(client, payload))[0].payload == payload


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (EngineBusy("The queue is full."), EngineBusy),
        (VoiceUnavailable("No voice."), VoiceUnavailable),
    ],
)
async def test_an_error_arrives_as_its_own_class_with_its_sentence(
    url: str, client: LinkClient, raised: Exception, expected: type[Exception]
) -> None:
    async def fail(frame: Frame, respond: Responder) -> None:
        raise raised

    async with serving(url, fail):
        with pytest.raises(expected, match=str(raised)):
            await ask(client)


async def test_a_fault_in_a_handler_fails_that_request_and_nothing_else(
    url: str, client: LinkClient
) -> None:
    async def sometimes(frame: Frame, respond: Responder) -> None:
        if frame.header.get("bad"):
            raise ZeroDivisionError("secret words")
        await echo(frame, respond)

    async with serving(url, sometimes):
        with pytest.raises(EngineUnavailable) as caught:
            await ask(client, bad=True)
        assert "secret" not in str(caught.value)
        assert len(await ask(client)) == 1


async def test_closing_an_answer_early_cancels_the_handler(url: str, client: LinkClient) -> None:
    cancelled = asyncio.Event()

    async def endless(frame: Frame, respond: Responder) -> None:
        try:
            await respond.data({})
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with serving(url, endless), asyncio.timeout(5):
        async with contextlib.aclosing(client.request({}, deadline_s=5)) as answer:
            await anext(answer)
        await cancelled.wait()


async def test_a_caller_who_is_gone_cancels_his_handlers(url: str, client: LinkClient) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def endless(frame: Frame, respond: Responder) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with serving(url, endless), asyncio.timeout(5):
        asking = asyncio.create_task(ask(client))
        await started.wait()
        await client.aclose()
        await cancelled.wait()
        with pytest.raises(EngineUnavailable):
            await asking


async def test_a_missed_deadline_is_an_unavailable_engine_and_cancels(
    url: str, client: LinkClient
) -> None:
    cancelled = asyncio.Event()

    async def sleepy(frame: Frame, respond: Responder) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with serving(url, sleepy), asyncio.timeout(5):
        with pytest.raises(EngineUnavailable, match="in time"):
            async for _ in client.request({}, deadline_s=0.05):
                pass
        await cancelled.wait()


async def test_with_a_gap_the_deadline_is_for_the_first_frame_and_each_gap_has_its_own(
    url: str, client: LinkClient
) -> None:
    async def slowly(frame: Frame, respond: Responder) -> None:
        for number in range(int(frame.header["times"])):
            await respond.data({"number": number})
            await asyncio.sleep(0.2)
        if frame.header["hang"]:
            await asyncio.sleep(60)

    async with serving(url, slowly):
        asked = client.request({"times": 6, "hang": False}, deadline_s=0.7, gap_s=0.7)
        assert len([frame async for frame in asked]) == 6
        got = []
        with pytest.raises(EngineUnavailable, match="in time"):  # noqa: PT012 - first frames come
            async for frame in client.request(
                {"times": 2, "hang": True}, deadline_s=0.7, gap_s=0.7
            ):
                got.append(frame)
        assert len(got) == 2


async def test_without_a_server_the_engine_is_unavailable_and_found_again_later(
    url: str, client: LinkClient
) -> None:
    with pytest.raises(EngineUnavailable):
        await ask(client)
    async with serving(url):
        assert len(await ask(client)) == 1
    with pytest.raises(EngineUnavailable):
        await ask(client)
    async with serving(url):
        assert len(await ask(client)) == 1


async def test_requests_in_flight_fail_when_the_server_stops(url: str, client: LinkClient) -> None:
    started = asyncio.Event()

    async def endless(frame: Frame, respond: Responder) -> None:
        started.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(10):
        async with serving(url, endless):
            asking = asyncio.create_task(ask(client))
            await started.wait()
        with pytest.raises(EngineUnavailable):
            await asking


async def test_tcp_needs_the_right_token(client: LinkClient) -> None:
    url = f"tcp://127.0.0.1:{free_port()}"
    async with serving(url, token="right"):
        for token in ("", "wrong", "வேறு"):
            stranger = LinkClient(url, token=token)
            with pytest.raises(EngineUnavailable, match="token is wrong"):
                await ask(stranger)
            await stranger.aclose()
        friend = LinkClient(url, token="right")
        assert len(await ask(friend)) == 1
        await friend.aclose()


@pytest.mark.parametrize("url", ["tcp://0.0.0.0:1", "tcp://10.0.0.1:1", "tcp://example.org:1"])
async def test_tcp_open_to_the_network_without_a_token_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="SPEECH__TOKEN"):
        await serve(url, echo)


async def _raw(path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(path)


async def _last_frame(reader: asyncio.StreamReader) -> Frame | None:
    async with asyncio.timeout(5):
        try:
            got = FrameDecoder().feed(await reader.read())
        except ConnectionError:
            return None
    return got[-1] if got else None


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        encode(Frame(Kind.REQUEST, 1)),
        encode(Frame(Kind.HELLO)) + encode(Frame(Kind.DATA, 1)),
        encode(Frame(Kind.HELLO)) + encode(Frame(Kind.REQUEST, 0)),
        encode(Frame(Kind.HELLO)).replace(b"KRAL\x01", b"KRAL\x02"),
        encode(Frame(Kind.HELLO))[:-2] + b"no",
        b"KRAL\x01\x02" + bytes(4) + b"\xff" * 8,
    ],
    ids=["http", "no hello", "data", "id 0", "version", "not json", "oversized"],
)
async def test_nonsense_is_answered_with_an_error_and_hung_up_on(
    url: str, client: LinkClient, sent: bytes
) -> None:
    async with serving(url):
        reader, writer = await _raw(url.removeprefix("unix://"))
        writer.write(sent)
        last = await _last_frame(reader)
        writer.close()
        assert last is not None
        assert last.kind is Kind.ERROR
        assert last.header["error"] == "ProtocolError"
        assert len(await ask(client)) == 1


async def test_a_request_id_used_twice_is_a_protocol_error(url: str) -> None:
    async def endless(frame: Frame, respond: Responder) -> None:
        await asyncio.Event().wait()

    async with serving(url, endless):
        reader, writer = await _raw(url.removeprefix("unix://"))
        writer.write(encode(Frame(Kind.HELLO)) + encode(Frame(Kind.REQUEST, 5)) * 2)
        last = await _last_frame(reader)
        writer.close()
    assert last is not None
    assert "already open" in last.header["message"]


async def test_too_many_open_requests_are_refused_as_busy_and_the_rest_lives(
    url: str, client: LinkClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "MAX_OPEN_REQUESTS", 2)
    release = asyncio.Event()

    async def wait(frame: Frame, respond: Responder) -> None:
        await release.wait()
        await respond.data({})

    async with serving(url, wait), asyncio.timeout(5):
        asking = [asyncio.create_task(ask(client)) for _ in range(3)]
        done, _ = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        with pytest.raises(EngineBusy):
            done.pop().result()
        release.set()
        results = await asyncio.gather(*asking, return_exceptions=True)
        assert [len(r) for r in results if isinstance(r, list)] == [1, 1]


async def test_a_trickling_frame_is_cut_off(
    url: str, client: LinkClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(framestream, "FRAME_TIMEOUT_S", 0.2)
    async with serving(url), asyncio.timeout(10):
        reader, writer = await _raw(url.removeprefix("unix://"))
        writer.write(encode(Frame(Kind.HELLO)))
        raw = encode(Frame(Kind.REQUEST, 1, {}, bytes(1000)))
        reading = asyncio.create_task(_last_frame(reader))
        for byte in raw:
            if reading.done():
                break
            writer.write(bytes([byte]))
            await asyncio.sleep(0.01)
        last = await reading
        writer.close()
        assert last is not None
        assert "not finished in time" in last.header["message"]
        assert len(await ask(client)) == 1


async def test_a_silent_stranger_is_cut_off(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "HELLO_TIMEOUT_S", 0.05)
    async with serving(url):
        reader, writer = await _raw(url.removeprefix("unix://"))
        last = await _last_frame(reader)
        writer.close()
    assert last is not None
    assert "HELLO" in last.header["message"]


async def test_a_peer_that_does_not_read_is_cut_off(
    url: str, client: LinkClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(framestream, "WRITE_TIMEOUT_S", 0.1)
    ended = asyncio.Event()

    async def flood(frame: Frame, respond: Responder) -> None:
        try:
            while frame.header.get("flood"):
                await respond.data({}, bytes(1_000_000))
        finally:
            ended.set()

    async with serving(url, flood), asyncio.timeout(10):
        _, writer = await _raw(url.removeprefix("unix://"))
        writer.write(encode(Frame(Kind.HELLO)) + encode(Frame(Kind.REQUEST, 1, {"flood": True})))
        await ended.wait()
        writer.close()
        assert await ask(client) == []


async def test_an_answer_nobody_reads_is_dropped_before_it_fills_the_memory(
    url: str, client: LinkClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_client, "MAX_UNREAD_BYTES", 100_000)
    async with serving(url), asyncio.timeout(5):
        async with contextlib.aclosing(
            client.request({"times": 50}, bytes(20_000), deadline_s=5)
        ) as answer:
            await anext(answer)
            await ask(client)  # meanwhile the rest has come
            with pytest.raises(EngineUnavailable, match="faster than"):
                async for _ in answer:
                    pass
        assert len(await ask(client)) == 1


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=4),
    st.sampled_from([b"", encode(Frame(Kind.HELLO)), b"KRAL\x01\x02"]),
)
def test_no_garbage_ever_stops_the_server(
    tmp_path: Path, chunks: list[bytes], before: bytes
) -> None:
    """Each example: strangers write garbage, then a friend is still served."""
    asyncio.run(_attack(f"unix://{tmp_path / 'g.sock'}", [before, *chunks]))


async def _attack(url: str, chunks: list[bytes]) -> None:
    async with serving(url):
        reader, writer = await _raw(url.removeprefix("unix://"))
        for chunk in chunks:
            writer.write(chunk)
            await asyncio.sleep(0)
        with contextlib.suppress(ConnectionError):
            writer.write_eof()
            await _last_frame(reader)
        writer.close()
        friend = LinkClient(url)
        assert len(await ask(friend)) == 1
        await friend.aclose()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _exists(path: Path) -> bool:
    return path.exists()


async def test_the_socket_file_is_private_and_gone_afterwards(url: str) -> None:
    path = Path(url.removeprefix("unix://"))
    async with serving(url):
        assert _mode(path) == 0o600
        assert _mode(path.parent) == 0o700
    assert not _exists(path)


async def test_a_socket_left_by_a_killed_server_is_taken_over(url: str, client: LinkClient) -> None:
    path = Path(url.removeprefix("unix://"))
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with serving(url):
        assert len(await ask(client)) == 1


async def test_a_second_server_is_refused_and_the_first_goes_on(
    url: str, client: LinkClient
) -> None:
    async with serving(url):
        with pytest.raises(ConfigurationError, match="already answers"):
            await serve(url, echo)
        assert len(await ask(client)) == 1


async def test_a_socket_of_somebody_else_who_answers_is_left_alone(url: str) -> None:
    path = Path(url.removeprefix("unix://"))
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(ConfigurationError, match="already answers"):
            await serve(url, echo)
        assert _exists(path)


def test_a_file_that_is_no_socket_is_never_removed(url: str) -> None:
    path = Path(url.removeprefix("unix://"))
    path.parent.mkdir()
    path.write_text("precious")
    with pytest.raises(ConfigurationError, match="not a socket"):
        asyncio.run(serve(url, echo))
    assert path.read_text() == "precious"


async def test_a_folder_too_deep_for_a_socket_name_still_works(tmp_path: Path) -> None:
    url = f"unix://{tmp_path / ('d' * 90) / ('e' * 90) / 'x.sock'}"
    async with serving(url):
        client = LinkClient(url)
        assert len(await ask(client)) == 1
        await client.aclose()


@pytest.mark.parametrize(
    "url",
    ["", "x", "http://a:1", "unix://relative.sock", "unix://", "tcp://host", "tcp://h:99999"],
)
def test_a_wrong_address_is_one_sentence(url: str) -> None:
    with pytest.raises(ConfigurationError, match="unix:///path"):
        LinkClient(url)


async def test_a_taken_port_is_one_sentence() -> None:
    url = f"tcp://127.0.0.1:{free_port()}"
    async with serving(url):
        with pytest.raises(ConfigurationError, match="cannot be opened"):
            await serve(url, echo)
