"""The voice as one OpenAI-shaped instance: a real server, a real client, the real library."""

import asyncio
import contextlib
import io
import json
import threading
import wave
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import numpy as np
import openai
import pytest

from agent.errors import ConfigurationError, VoiceUnavailable
from agent.speech.espeak import Espeak
from agent.speech.voice_http import HTTP_SAMPLE_RATE, VoiceServer, parse_bind, serve_http

SENTENCE = "வணக்கம், உங்கள் புகாரைச் சொல்லுங்கள்"
LONG = ("தெருவில் மூன்று நாளாக குடிநீர் வரவில்லை. " * 48)[:2_000]


class Counting(Espeak):
    """espeak-ng that can be slowed, and counts what it was made to say."""

    def __init__(self) -> None:
        super().__init__()
        self.chunks = 0
        self.fails_after: int | None = None

    def speak(
        self, text: str, sink: Any, *, voice: str = "ta", rate: int = 165, pitch: int = 50
    ) -> None:
        def take(chunk: bytes) -> bool:
            self.chunks += 1
            if self.fails_after is not None and self.chunks > self.fails_after:
                raise VoiceUnavailable("The embedded voice refused to speak.")
            return bool(sink(chunk))

        super().speak(text, take, voice=voice, rate=rate, pitch=pitch)


@contextlib.asynccontextmanager
async def serving(
    token: str = "", max_requests: int = 32, engine: Espeak | None = None
) -> AsyncIterator[tuple[str, aiohttp.ClientSession, VoiceServer]]:
    used = engine or Espeak()
    server = VoiceServer(used, voice="ta", token=token, max_requests=max_requests)
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    bind = parse_bind("127.0.0.1:0", token)
    task = asyncio.create_task(serve_http(bind, server, used, started.set_result))
    try:
        url = await started
        async with aiohttp.ClientSession() as session:
            yield url, session, server
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def asked(**fields: object) -> dict[str, object]:
    return {"model": "tts-1", "input": SENTENCE, "voice": "ta"} | fields


async def post(
    session: aiohttp.ClientSession, url: str, body: object, **options: Any
) -> tuple[aiohttp.ClientResponse, bytes]:
    sent = {"data": body} if isinstance(body, bytes) else {"json": body}
    async with session.post(f"{url}/v1/audio/speech", **sent, **options) as answer:
        return answer, await answer.read()


async def until_free(server: VoiceServer) -> None:
    async with asyncio.timeout(5):
        while server._open:  # noqa: ASYNC110 - the server's own count
            await asyncio.sleep(0.005)


async def test_pcm_comes_in_pieces_at_24_khz_with_its_rate_in_the_header():
    async with serving() as (url, session, _):
        body = asked(response_format="pcm")
        async with session.post(f"{url}/v1/audio/speech", json=body) as answer:
            pieces = [piece async for piece, _ in answer.content.iter_chunks()]
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "audio/pcm;rate=24000;channels=1"
    assert answer.headers["Transfer-Encoding"] == "chunked"
    sound = np.frombuffer(b"".join(pieces), np.int16)
    assert 1.8 < sound.size / HTTP_SAMPLE_RATE < 3.2
    assert np.abs(sound.astype(int)).max() > 5_000
    assert len(pieces) > 5


async def test_wav_is_whole_and_the_default():
    async with serving() as (url, session, _):
        answer, wav = await post(session, url, asked())
        _, pcm = await post(session, url, asked(response_format="pcm"))
    assert answer.headers["Content-Type"] == "audio/wav"
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
        read = file.readframes(10**9)
    assert len(read) == len(wav) - 44  # two renderings of espeak-ng differ by a few samples
    assert abs(len(read) - len(pcm)) < 400


async def test_speed_changes_the_length():
    async with serving() as (url, session, _):
        _, natural = await post(session, url, asked())
        _, fast = await post(session, url, asked(speed=2.0))
    assert len(fast) < 0.7 * len(natural)


async def test_it_says_which_voice_is_loaded_and_how_it_is():
    async with serving() as (url, session, _):
        await post(session, url, asked())
        async with session.get(f"{url}/v1/models") as answer:
            models = await answer.json()
        async with session.get(f"{url}/health") as answer:
            health = await answer.json()
    assert models["data"][0]["id"].startswith("espeak-ng 1.")
    assert health == {"status": "ok", "open": 0, "limit": 32, "served": 1, "refused": 0}


@pytest.mark.parametrize(
    ("body", "param", "said"),
    [
        (b"", None, "one JSON object"),
        (b"{", None, "one JSON object"),
        (b"[]", None, "one JSON object"),
        (b"\xff\xfe", None, "one JSON object"),
        ({"input": "x"}, "model", "a name"),
        (asked(input=""), "input", "1 to 2,000 characters"),
        (asked(input=5), "input", "1 to 2,000 characters"),
        (asked(input="ரகசியம்" * 400), "input", "1 to 2,000 characters"),
        (asked(input=" ... "), "input", "nothing to pronounce"),
        (asked(voice="alloy"), "voice", "unknown to espeak-ng"),
        (asked(voice="../ta"), "voice", "unknown to espeak-ng"),
        (asked(voice={"id": "x"}), "voice", "such as ta"),
        (asked(response_format="mp3"), "response_format", "pcm or wav"),
        (asked(speed=4.0), "speed", "0.5 to 2.5"),
        (asked(speed="fast"), "speed", "0.5 to 2.5"),
        (asked(stream_format="sse"), "stream_format", "audio"),
    ],
)
async def test_a_body_that_makes_no_sense_is_one_sentence_that_never_repeats_it(
    body: object, param: str | None, said: str
):
    async with serving() as (url, session, _):
        answer, raw = await post(session, url, body)
        _, fine = await post(session, url, asked())
    error = json.loads(raw)["error"]
    assert (answer.status, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert said in error["message"]
    assert "ரகசியம்" not in raw.decode()
    assert len(fine) > HTTP_SAMPLE_RATE


async def test_too_large_a_body_and_other_paths_are_refused_in_the_same_shape():
    async with serving() as (url, session, _):
        answer, raw = await post(session, url, b" " * 70_000)
        assert (answer.status, "65,536 bytes" in json.loads(raw)["error"]["message"]) == (413, True)
        async with session.get(f"{url}/v1/audio/speech") as answer:
            assert (answer.status, "error" in await answer.json()) == (405, True)
        async with session.get(f"{url}/") as answer:
            assert (answer.status, "error" in await answer.json()) == (404, True)


async def test_a_token_is_demanded_of_all_but_health():
    async with serving(token="hush") as (url, session, _):
        for headers in ({}, {"Authorization": "Bearer hus"}, {"Authorization": "hush"}):
            answer, raw = await post(session, url, asked(), headers=headers)
            assert (answer.status, json.loads(raw)["error"]["code"]) == (401, "invalid_api_key")
        answer, _ = await post(session, url, asked(), headers={"Authorization": "Bearer hush"})
        assert answer.status == 200
        async with session.get(f"{url}/v1/models") as answer:
            assert answer.status == 401
        async with session.get(f"{url}/health") as answer:
            assert answer.status == 200


async def test_openais_own_client_takes_it_for_what_it_knows():
    async with (
        serving(token="hush") as (url, _, _),
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="hush", max_retries=0) as client,
    ):
        models = await client.models.list()
        assert models.data[0].id.startswith("espeak-ng")
        request = client.audio.speech.with_streaming_response.create(
            model="tts-1", voice="ta", input=SENTENCE, response_format="pcm"
        )
        async with request as answer:
            sound = b"".join([piece async for piece in answer.iter_bytes()])
        with pytest.raises(openai.BadRequestError, match="unknown to espeak-ng"):
            await client.audio.speech.create(model="tts-1", voice="alloy", input=SENTENCE)
    assert len(sound) > 2 * HTTP_SAMPLE_RATE


def test_the_network_is_not_served_without_a_token():
    with pytest.raises(ConfigurationError, match="SPEECH__TOKEN"):
        parse_bind("0.0.0.0:8090", "")
    assert parse_bind("0.0.0.0:8090", "hush").port == 8090
    assert parse_bind("[::1]:8090", "").host == "::1"


@pytest.mark.parametrize("text", ["", "8090", "127.0.0.1", "127.0.0.1:x", "http://x:1", "h:99999"])
def test_what_is_no_address_is_refused(text: str):
    with pytest.raises(ConfigurationError, match="--http"):
        parse_bind(text, "hush")


async def test_one_request_more_than_allowed_gets_429_and_later_ones_are_served():
    async with serving(max_requests=2) as (url, session, _):
        answers = await asyncio.gather(*(post(session, url, asked(input=LONG)) for _ in range(8)))
        refused = [answer for answer, _ in answers if answer.status == 429]
        assert refused
        assert sum(answer.status == 200 for answer, _ in answers) >= 2
        assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
        answer, _ = await post(session, url, asked())
        assert answer.status == 200


async def test_a_client_that_goes_away_stops_its_synthesis_and_frees_its_place():
    engine = Counting()
    async with serving(max_requests=1, engine=engine) as (url, session, server):
        body = asked(input=LONG, response_format="pcm", speed=0.5)
        async with session.post(f"{url}/v1/audio/speech", json=body) as answer:
            assert await answer.content.readany()
            answer.close()  # hangs up
        await until_free(server)
        answer, sound = await post(session, url, asked())
    assert answer.status == 200
    assert len(sound) > HTTP_SAMPLE_RATE
    assert server._served == 1


async def test_a_client_that_hangs_up_ends_the_thread_at_the_next_chunk():
    """Waiting on the sink, so that the library cannot have finished before."""
    engine, let = Counting(), threading.Semaphore(5)
    speak = engine.speak

    def slowly(text: str, sink: Any, **sound: Any) -> None:
        def take(chunk: bytes) -> bool:
            let.acquire(timeout=10)
            return bool(sink(chunk))

        speak(text, take, **sound)

    engine.speak = slowly  # type: ignore[method-assign]
    async with serving(engine=engine) as (url, session, server):
        body = asked(input=LONG, response_format="pcm")
        async with session.post(f"{url}/v1/audio/speech", json=body) as answer:
            assert await answer.content.readany()
            answer.close()
        await until_free(server)
        before = engine.chunks
        let.release(1_000)
        await asyncio.sleep(0.1)
    assert engine.chunks - before <= 1


async def test_a_synthesis_that_breaks_off_breaks_the_answer_off():
    """A shorter answer that ends well would pass for the whole text."""
    engine = Counting()
    engine.fails_after = 5
    async with serving(engine=engine) as (url, session, _):
        with pytest.raises(aiohttp.ClientPayloadError):
            await post(session, url, asked(response_format="pcm"))
        engine.fails_after = 0
        answer, raw = await post(session, url, asked(response_format="pcm"))
        assert (answer.status, json.loads(raw)["error"]["type"]) == (503, "server_error")
        engine.fails_after = None
        answer, _ = await post(session, url, asked())
        assert answer.status == 200


async def test_a_port_that_is_taken_is_one_sentence():
    async with serving() as (url, _, _):
        port = url.rsplit(":", 1)[1]
        engine = Espeak()
        server = VoiceServer(engine, voice="ta")
        with pytest.raises(ConfigurationError, match="cannot listen at --http"):
            await serve_http(parse_bind(f"127.0.0.1:{port}", ""), server, engine, print)
