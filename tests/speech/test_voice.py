"""The voice process and its client, over a real socket with the real library."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from agent.errors import ConfigurationError, UnreadableInput, VoiceUnavailable
from agent.speech.link import Frame, LinkClient, Responder, serve
from agent.speech.voice import VOICE_SAMPLE_RATE, VoiceClient, one_shot, serve_voice

SENTENCE = "வணக்கம், உங்கள் புகாரைச் சொல்லுங்கள்"
LONG = ("தெருவில் மூன்று நாளாக குடிநீர் வரவில்லை. " * 48)[:2_000]


@contextlib.asynccontextmanager
async def serving(url: str, token: str = "", max_requests: int = 32) -> AsyncIterator[None]:
    ready = asyncio.Event()
    task = asyncio.create_task(serve_voice(url, token, ready=ready, max_requests=max_requests))
    waiter = asyncio.create_task(ready.wait())
    try:
        await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield
    finally:
        waiter.cancel()
        task.cancel()
        await asyncio.gather(task, waiter, return_exceptions=True)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"unix://{tmp_path / 'voice.sock'}"


@contextlib.asynccontextmanager
async def client_of(
    url: str, token: str = "", deadline_s: float = 3.0
) -> AsyncIterator[VoiceClient]:
    client = VoiceClient(url, token, deadline_s=deadline_s)
    try:
        yield client
    finally:
        await client.aclose()


async def whole(client: VoiceClient, text: str, **sound: object) -> bytes:
    chosen = {"voice": "ta", "rate": 165, **sound}
    chunks = client.synthesize(text, **chosen)  # type: ignore[arg-type]
    return b"".join([chunk async for chunk in chunks])


async def test_a_sentence_comes_back_as_audible_sound_in_small_chunks(url: str):
    async with serving(url), client_of(url) as client:
        chunks = [chunk async for chunk in client.synthesize(SENTENCE, voice="ta", rate=165)]
    sound = np.frombuffer(b"".join(chunks), np.int16)
    assert 1.8 < sound.size / VOICE_SAMPLE_RATE < 3.2
    assert np.abs(sound.astype(int)).max() > 5_000
    assert len(chunks) > 20


async def test_text_without_letters_gives_no_chunk(url: str):
    async with serving(url), client_of(url) as client:
        assert await whole(client, " ... ") == b""


async def test_several_clients_are_served_side_by_side(url: str):
    async with serving(url), contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(client_of(url)) for _ in range(4)]
        sounds = await asyncio.gather(*(whole(client, SENTENCE) for client in clients * 3))
        assert (await clients[0].stat())["served"] == 12
    assert min(map(len, sounds)) > 2 * VOICE_SAMPLE_RATE


async def test_stat_says_what_runs_and_how_much_it_did(url: str):
    async with serving(url), client_of(url) as client:
        await whole(client, SENTENCE)
        said = await client.stat()
    assert said["engine"].startswith("espeak-ng 1.")
    assert (said["sample_rate"], said["served"], said["open"]) == (VOICE_SAMPLE_RATE, 1, 0)


async def test_a_client_that_closes_early_stops_the_voice(url: str):
    async with serving(url), client_of(url) as client:
        async with aclosing(client.synthesize(LONG, voice="ta", rate=165)) as chunks:
            assert await anext(chunks)
        async with asyncio.timeout(5):
            while (await client.stat())["open"]:  # noqa: ASYNC110 - it is another process's count
                await asyncio.sleep(0.01)
        said = await client.stat()
        assert said["served"] == 0
        assert len(await whole(client, SENTENCE)) > 2 * VOICE_SAMPLE_RATE


async def test_one_request_more_than_allowed_is_refused_and_later_ones_are_not(url: str):
    async with serving(url, max_requests=2), client_of(url, deadline_s=60.0) as client:
        sounds = await asyncio.gather(
            *(whole(client, LONG) for _ in range(6)), return_exceptions=True
        )
        refused = [sound for sound in sounds if isinstance(sound, VoiceUnavailable)]
        assert len(refused) == 4
        assert all("too many" in str(error) for error in refused)
        assert (await client.stat())["refused"] == 4
        assert await whole(client, SENTENCE)


@pytest.mark.parametrize("sound", [{"voice": "zz"}, {"rate": 5}, {"pitch": 100}])
async def test_a_wrong_voice_or_value_keeps_its_class_over_the_wire(
    url: str, sound: dict[str, object]
):
    async with serving(url), client_of(url) as client:
        with pytest.raises(ConfigurationError):
            await whole(client, "வணக்கம்", **sound)
        assert await whole(client, "வணக்கம்")


async def test_too_long_a_text_never_reaches_the_voice(url: str):
    async with client_of(url) as client:
        with pytest.raises(UnreadableInput, match="split it"):
            await whole(client, "வணக்கம் " * 12_000)


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ({"op": "sing"}, "operations say, stat"),
        ({}, "operations say, stat"),
        ({"op": "say"}, "wrong text"),
        ({"op": "say", "text": 5}, "wrong text"),
        ({"op": "say", "text": "x" * 2_001}, "wrong text"),
        ({"op": "say", "text": "x", "rate": "fast"}, "wrong rate"),
        ({"op": "say", "text": "x", "voice": None}, "wrong voice"),
    ],
)
async def test_a_request_that_makes_no_sense_is_answered_with_one_sentence(
    url: str, header: dict[str, object], error: str
):
    async with serving(url), client_of(url) as client:
        link = LinkClient(url)
        with pytest.raises(Exception, match=error):
            async for _ in link.request(header, deadline_s=2.0):
                pass
        await link.aclose()
        assert await whole(client, "வணக்கம்")


async def test_the_client_says_in_which_time_and_whether_the_words_must_stay(url: str):
    asked = []

    async def answer(frame: Frame, _: Responder) -> None:
        asked.append((frame.header["within_s"], frame.header["home"]))

    ready = asyncio.Event()
    task = asyncio.create_task(serve(url, answer, ready=ready))
    await ready.wait()
    refused: list[str] = []
    client = VoiceClient(url, deadline_s=1.5, may_leave=lambda: not refused)
    await whole(client, SENTENCE)
    refused.append("no")
    await whole(client, SENTENCE)
    await client.aclose()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert asked == [(1.5, False), (1.5, True)]


async def test_without_a_voice_process_the_client_says_so(url: str):
    async with client_of(url) as client:
        with pytest.raises(VoiceUnavailable, match="does not answer"):
            await whole(client, SENTENCE)
        with pytest.raises(VoiceUnavailable):
            await client.stat()


async def test_the_client_finds_a_voice_that_came_back(url: str):
    async with client_of(url) as client:
        async with serving(url):
            assert await whole(client, "வணக்கம்")
        with pytest.raises(VoiceUnavailable):
            await whole(client, "வணக்கம்")
        async with serving(url):
            assert await whole(client, "வணக்கம்")


async def test_a_wrong_token_is_a_voice_that_does_not_answer():
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    async with serving(url, "right"):
        async with client_of(url, "wrong") as client:
            with pytest.raises(VoiceUnavailable):
                await whole(client, "வணக்கம்")
        async with client_of(url, "right") as client:
            assert await whole(client, "வணக்கம்")


async def test_the_one_shot_speaks_without_any_voice_process():
    sound = np.frombuffer(await one_shot(SENTENCE, voice="ta", rate=165), np.int16)
    assert 1.8 < sound.size / VOICE_SAMPLE_RATE < 3.2
    assert np.abs(sound.astype(int)).max() > 5_000


async def test_the_one_shot_says_in_one_sentence_why_it_cannot_speak():
    with pytest.raises(ConfigurationError, match=r"^This voice is unknown[^\n]*$"):
        await one_shot("ரகசியம்", voice="zz", rate=165)


async def test_a_one_shot_that_takes_too_long_is_ended():
    with pytest.raises(VoiceUnavailable, match="in time"):
        await one_shot(SENTENCE, voice="ta", rate=165, deadline_s=0.001)
