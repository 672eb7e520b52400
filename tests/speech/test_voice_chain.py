"""Pool, cloud and embedded voice behind the voice process: whatever fails, speech is heard."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from agent.observability import allowlist
from agent.settings import CloudSettings, DeepgramSettings, Settings, TtsSettings
from agent.speech.espeak import Espeak
from agent.speech.joins import SAMPLE_RATE
from agent.speech.link import LinkClient
from agent.speech.voice import VoiceClient, serve_voice
from agent.speech.voice_chain import Request, VoiceChain
from agent.speech.voice_engine import Chunk
from agent.speech.voice_health import all_well
from agent.speech.voice_http import VoiceServer, parse_bind, serve_http
from tests.speech.tts_instance import Instance, instances

SENTENCE = "தெருவில் மூன்று நாளாக குடிநீர் வரவில்லை"
SPOKEN_S = 2.6


def settings(made: list[Instance], **more: object) -> Settings:
    given: dict[str, object] = {"first_audio_s": 0.6} | more
    return Settings(
        tts_api_urls=",".join(each.url for each in made),
        tts=TtsSettings.model_validate(given),
    )


@pytest.fixture(autouse=True)
def _no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@contextlib.asynccontextmanager
async def voice_of(tmp_path: Path, chain: VoiceChain) -> AsyncIterator[VoiceClient]:
    url = f"unix://{tmp_path / 'voice.sock'}"
    ready = asyncio.Event()
    task = asyncio.create_task(serve_voice(url, ready=ready, chain=chain))
    client = VoiceClient(url, deadline_s=1.5)
    try:
        await ready.wait()
        yield client
    finally:
        await client.aclose()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_well(client: VoiceClient) -> None:
    async with asyncio.timeout(10):
        while not all_well(await client.stat()):  # noqa: ASYNC110 - another's state
            await asyncio.sleep(0.02)


async def said(client: VoiceClient, text: str = SENTENCE, voice: str = "ta") -> bytes:
    chunks = client.synthesize(text, voice=voice, rate=165)
    return b"".join([chunk async for chunk in chunks])


def sounds(pcm: bytes) -> bool:
    samples = np.frombuffer(pcm, np.int16).astype(int)
    return len(samples) > 2 * SAMPLE_RATE and int(np.abs(samples).max()) > 5_000


async def spoken_by(client: VoiceClient) -> dict[str, int]:
    return {name: count for name, count in (await client.stat())["spoken"].items() if count}


async def test_an_instance_speaks_for_tamil_and_the_embedded_voice_for_the_rest(tmp_path: Path):
    async with (
        instances(2) as made,
        voice_of(tmp_path, VoiceChain(settings(made))) as client,
    ):
        await until_well(client)
        assert sounds(await said(client))
        assert len(await said(client, "water", voice="en")) > 0.3 * SAMPLE_RATE
        assert await said(client, " ... ") == b""
        assert await spoken_by(client) == {"pool": 1, "embedded": 1}
        assert (await client.stat())["fell_back_ratio"] == 0.5


async def test_with_all_instances_gone_the_embedded_voice_speaks_and_the_caller_hears_all(
    tmp_path: Path,
):
    async with instances(3) as made, voice_of(tmp_path, VoiceChain(settings(made))) as client:
        await until_well(client)
        for each in made:
            await each.stop()
        spoken = [await said(client) for _ in range(8)]
        found = await client.stat()
    assert all(sounds(pcm) for pcm in spoken)
    assert found["spoken"]["embedded"] == 8
    assert {row["state"] for row in found["instances"]} <= {"out", "suspect", "well"}


async def test_with_all_instances_hanging_every_caller_hears_speech_in_his_time(tmp_path: Path):
    async with instances(2) as made, voice_of(tmp_path, VoiceChain(settings(made))) as client:
        await until_well(client)
        for each in made:
            each.fault = "slow"
        spoken = await asyncio.gather(*(said(client) for _ in range(8)))
        found = await client.stat()
    assert all(sounds(pcm) for pcm in spoken)  # the client's own deadline is 1.5 s
    assert found["spoken"]["embedded"] == 8
    assert [row["state"] for row in found["instances"]] == ["out", "out"]


@pytest.mark.parametrize("fault", ["stall", "break"])
async def test_where_an_instance_breaks_off_the_embedded_voice_says_the_rest(
    tmp_path: Path, fault: str
):
    async with instances(1) as made, voice_of(tmp_path, VoiceChain(settings(made))) as client:
        await until_well(client)
        made[0].fault = fault
        pcm = await said(client)
        assert await spoken_by(client) == {"mixed": 1}
    assert 0.9 * SPOKEN_S < len(pcm) / 2 / SAMPLE_RATE < 1.6 * SPOKEN_S


async def test_a_caller_who_stops_listening_stops_the_instance(tmp_path: Path):
    async with (
        instances(1, pace=1.0) as made,
        voice_of(tmp_path, VoiceChain(settings(made))) as client,
    ):
        await until_well(client)
        chunks = client.synthesize(SENTENCE, voice="ta", rate=165)
        assert await anext(chunks)
        await chunks.aclose()
        async with asyncio.timeout(2):
            while made[0].stats.open:  # noqa: ASYNC110 - another's count
                await asyncio.sleep(0.002)
        assert made[0].stats.cancelled == 1
        assert (await client.stat())["open"] == 0


async def test_an_answer_longer_than_the_deadline_is_heard_to_its_end(tmp_path: Path):
    """The deadline is for the first sound: a sentence takes as long as it takes."""
    async with (
        instances(1, pace=0.9) as made,
        voice_of(tmp_path, VoiceChain(settings(made))) as client,
    ):
        await until_well(client)
        pcm = await said(client)
        assert await spoken_by(client) == {"pool": 1}
    assert len(pcm) / 2 / SAMPLE_RATE == pytest.approx(SPOKEN_S, abs=0.3)


async def test_an_instance_more_is_used_without_a_restart_and_one_less_is_not(tmp_path: Path):
    async with instances(2) as made:
        chain = VoiceChain(settings(made[:1]))
        async with voice_of(tmp_path, chain) as client:
            await until_well(client)
            assert chain.configure(settings(made))
            await until_well(client)
            await asyncio.gather(*(said(client) for _ in range(4)))
            assert chain.configure(settings(made[1:]))
            assert [row["url"] for row in (await client.stat())["instances"]] == [made[1].url]
            before = made[0].stats.asked
            assert sounds(await said(client))
            assert made[0].stats.asked == before
            assert chain.configure(settings([]))
            assert sounds(await said(client))
    assert made[1].stats.asked > 2


async def test_a_pool_may_be_set_after_the_start(tmp_path: Path):
    async with instances(1) as made:
        chain = VoiceChain(settings([]))
        async with voice_of(tmp_path, chain) as client:
            assert sounds(await said(client))
            chain.configure(settings(made))
            await until_well(client)
            assert sounds(await said(client))
            assert await spoken_by(client) == {"pool": 1, "embedded": 1}


async def test_words_never_begin_to_leave_while_callers_were_told_that_they_stay():
    abroad = Settings(tts_api_urls="https://voice.example.org", cloud=CloudSettings(allowed=True))
    async with VoiceChain(settings([])) as chain:
        assert not chain.configure(abroad)
        assert chain.stat()["instances"] == []
    told = Settings(
        cloud=CloudSettings(allowed=True),
        deepgram=DeepgramSettings.model_validate({"api_key": "k"}),
    )
    async with VoiceChain(told) as chain:
        assert chain.configure(abroad)
        assert len(chain.stat()["instances"]) == 1


async def test_check_has_every_instance_speak_a_word(tmp_path: Path):
    async with instances(2) as made:
        made[1].fault = "silence"
        async with voice_of(tmp_path, VoiceChain(settings(made))) as client:
            found = await client.check()
    assert [row["state"] for row in found["instances"]] == ["well", "out"]
    assert found["instances"][1]["last_error"] == "silence"


async def test_each_request_leaves_one_line_without_its_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    async with instances(2) as made, voice_of(tmp_path, VoiceChain(settings(made))) as client:
        await until_well(client)
        await said(client)
    [line] = [record for record in caplog.records if record.message == "spoken"]
    found = allowlist.fields(vars(line))
    assert found["instance"] in ("1-of-2", "2-of-2")
    assert (found["source"], found["outcome"], found["attempts"]) == ("pool", "answered", 1)
    assert float(found["first_audio_s"]) > 0
    assert not any(word in caplog.text for word in SENTENCE.split())


async def test_the_metrics_say_who_spoke(tmp_path: Path):
    async with instances(1) as made, voice_of(tmp_path, VoiceChain(settings(made))) as client:
        await until_well(client)
        await said(client)
        link = LinkClient(f"unix://{tmp_path / 'voice.sock'}")
        frames = [frame async for frame in link.request({"op": "metrics"}, deadline_s=2.0)]
        await link.aclose()
    text = frames[0].payload.decode()
    assert 'kural_voice_requests_total{outcome="answered",source="pool"} 1.0' in text
    assert 'kural_voice_instances{state="well"} 1.0' in text


async def test_a_request_that_must_stay_is_not_spoken_abroad():
    """The instance is on this machine; that it counts as abroad is the address's business."""
    async with instances(1) as made, VoiceChain(settings(made)) as chain:
        pool = chain._pool
        assert pool is not None
        pool.policy.resize([(made[0].url, True)])
        await pool.check_all()

        async def embedded(text: str) -> AsyncGenerator[Chunk, None]:
            yield Chunk(text.encode(), "embedded")

        for home, source in ((True, "embedded"), (False, "pool")):
            request = Request(SENTENCE, "ta", 165, home=home)
            async for _ in chain.speak(request, embedded):
                pass
            assert request.source == source


async def test_our_own_instance_over_http_is_one_of_a_pool(tmp_path: Path):
    engine = Espeak()
    server = VoiceServer(engine, voice="ta")
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    bind = parse_bind("127.0.0.1:0", "")
    task = asyncio.create_task(serve_http(bind, server, engine, started.set_result))
    try:
        given = Settings(tts_api_urls=await started)
        async with voice_of(tmp_path, VoiceChain(given)) as client:
            await until_well(client)
            whole = await said(client)
            assert sounds(whole)
            assert await spoken_by(client) == {"pool": 1}
            heard: list[str] = []
            async for _ in client.synthesize(
                SENTENCE, voice="ta", rate=165, on_engine=heard.append
            ):
                pass
            assert set(heard) == {"pool tts-1 ta"}
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
