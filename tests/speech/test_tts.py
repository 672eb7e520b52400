"""PooledTTS through the framework's own stream interface, with the real voice behind it."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from livekit.agents import APIConnectOptions, APIError
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

from agent.errors import VoiceUnavailable
from agent.speech.prompts_audio import PromptCache, render_prompts
from agent.speech.tts import PooledTTS
from agent.speech.voice import VOICE_SAMPLE_RATE, VoiceClient, one_shot
from tests.speech.test_voice import serving

FIXED = ("உங்கள் இடம்", ", சரியா?", "வணக்கம், உங்கள் புகாரைச் சொல்லுங்கள்.")
SENTENCE = "உங்கள் இடம் கொரட்டூர், சரியா?"
PROJECT = Path(__file__).resolve().parents[2]
ONCE = APIConnectOptions(max_retry=0, timeout=5.0)


def tone(level: int) -> bytes:
    """Half a second that can be told apart from speech and from other tones."""
    return np.full(VOICE_SAMPLE_RATE // 2, level, np.int16).tobytes()


@pytest.fixture
def cache(tmp_path: Path) -> PromptCache:
    return PromptCache(tmp_path / "prompts", "ta", 165)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"unix://{tmp_path / 'voice.sock'}"


@contextlib.asynccontextmanager
async def pooled(url: str, cache: PromptCache, **more: Any) -> AsyncIterator[PooledTTS]:
    client = VoiceClient(url)
    try:
        yield PooledTTS(client, cache, FIXED, voice=cache.voice, rate=cache.rate, **more)
    finally:
        await client.aclose()


async def say(
    voice: PooledTTS, *chunks: str, options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
) -> np.ndarray:
    frames = []
    async with voice.stream(conn_options=options) as stream:
        for chunk in chunks:
            stream.push_text(chunk)
        stream.end_input()
        async for event in stream:
            assert event.frame.sample_rate == VOICE_SAMPLE_RATE
            assert event.frame.num_channels == 1
            frames.append(event.frame.data.tobytes())
    return np.frombuffer(b"".join(frames), np.int16)


def seconds(sound: np.ndarray) -> float:
    return sound.size / VOICE_SAMPLE_RATE


async def test_a_sentence_is_spoken_with_nothing_recorded(url: str, cache: PromptCache):
    async with serving(url), pooled(url, cache) as voice:
        sound = await say(voice, SENTENCE)
    assert 1.3 < seconds(sound) < 3.5
    assert np.abs(sound.astype(int)).max() > 5_000


async def test_recorded_pieces_come_from_disk_and_only_the_rest_is_asked_of_the_voice(
    url: str, cache: PromptCache
):
    cache.put("உங்கள் இடம்", tone(1_111))
    cache.put("சரியா?", tone(2_222))
    async with serving(url), pooled(url, cache) as voice:
        sound = await say(voice, SENTENCE)
        served = (await voice_stat(url))["served"]
    assert served == 1
    first, last = np.flatnonzero(sound == 1_111), np.flatnonzero(sound == 2_222)
    assert first.size > 10_800
    assert last.size > 10_800
    between = sound[first[10_800] : last[-10_800]]
    assert np.abs(between.astype(int)).max() > 5_000
    assert first[0] < 0.004 * VOICE_SAMPLE_RATE


async def voice_stat(url: str) -> dict[str, Any]:
    client = VoiceClient(url)
    try:
        return await client.stat()
    finally:
        await client.aclose()


async def test_words_that_come_letter_by_letter_sound_the_same(url: str, cache: PromptCache):
    cache.put("உங்கள் இடம்", tone(1_111))
    async with serving(url), pooled(url, cache) as voice:
        whole, chopped = await say(voice, SENTENCE), await say(voice, *SENTENCE)
    assert abs(whole.size - chopped.size) < 200


async def test_a_recorded_beginning_plays_before_the_rest_of_the_text_is_known(
    url: str, cache: PromptCache
):
    cache.put("உங்கள் இடம்", tone(1_111))
    async with pooled(url, cache) as voice, voice.stream() as stream:
        stream.push_text("உங்கள் இடம் கொர")
        event = await anext(aiter(stream))
        assert np.frombuffer(event.frame.data, np.int16)[100] == 1_111


async def test_first_sound_comes_before_the_whole_is_synthesised(url: str, cache: PromptCache):
    async with serving(url), pooled(url, cache) as voice, voice.stream() as stream:
        stream.push_text("குடிநீர் வரவில்லை, தெருவிளக்கு எரியவில்லை. " * 10)
        stream.end_input()
        await anext(aiter(stream))
        assert (await voice_stat(url))["served"] == 0


async def test_closing_the_stream_stops_the_voice_at_once(url: str, cache: PromptCache):
    async with serving(url), pooled(url, cache) as voice:
        async with voice.stream() as stream:
            stream.push_text("குடிநீர் வரவில்லை " * 100)
            stream.end_input()
            await anext(aiter(stream))
        async with asyncio.timeout(5):
            while (await voice_stat(url))["open"]:  # noqa: ASYNC110 - another process's count
                await asyncio.sleep(0.01)
        assert seconds(await say(voice, "கொரட்டூர்")) > 0.3


async def test_joins_are_short_breaths_not_holes(url: str, cache: PromptCache):
    async with serving(url):
        client = VoiceClient(url)
        report = await render_prompts(cache, client, FIXED)
        await client.aclose()
        assert report.complete
        async with pooled(url, cache) as voice:
            sound = await say(voice, SENTENCE)
    loud = np.flatnonzero(np.abs(sound.astype(int)) >= 100)
    gaps_s = np.diff(loud) / VOICE_SAMPLE_RATE
    assert gaps_s.max() < 0.3
    assert loud[0] / VOICE_SAMPLE_RATE < 0.02
    assert (sound.size - loud[-1]) / VOICE_SAMPLE_RATE < 0.05


@pytest.mark.parametrize("text", [".", " ... ", "👍", "?!"])
async def test_text_without_sound_is_a_moment_of_silence_and_no_error(
    url: str, cache: PromptCache, text: str
):
    async with serving(url), pooled(url, cache) as voice:
        sound = await say(voice, text, options=ONCE)
    assert not sound.any()
    assert seconds(sound) < 0.1


async def test_an_empty_stream_ends_without_sound(url: str, cache: PromptCache):
    async with pooled(url, cache) as voice:
        assert (await say(voice, options=ONCE)).size == 0
        assert (await say(voice, "  ", options=ONCE)).size == 0


async def test_a_run_longer_than_the_voice_takes_is_spoken_in_portions(
    url: str, cache: PromptCache
):
    async with serving(url), pooled(url, cache) as voice:
        sound = await say(voice, "வணக்கம் " * 400, options=ONCE)
        assert (await voice_stat(url))["served"] > 5
    assert seconds(sound) > 100


async def test_without_a_voice_process_a_one_shot_says_the_rest(url: str, cache: PromptCache):
    cache.put("உங்கள் இடம்", tone(1_111))
    async with pooled(url, cache) as voice:
        sound = await say(voice, SENTENCE, options=ONCE)
    assert 1.3 < seconds(sound) < 3.5
    assert np.abs(sound.astype(int)).max() > 5_000


async def test_the_voice_process_is_used_again_after_it_came_back(
    url: str, cache: PromptCache, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("agent.speech.live_voice.AWAY_QUICKLY_S", 0.0)
    async with pooled(url, cache) as voice:
        await say(voice, "கொரட்டூர்", options=ONCE)
        async with serving(url):
            await say(voice, "கொரட்டூர்", options=ONCE)
            assert (await voice_stat(url))["served"] == 1


async def silent(text: str, *, voice: str, rate: int, pitch: int) -> bytes:
    raise VoiceUnavailable("No voice at all.")


async def test_with_no_voice_at_all_recorded_pieces_play_and_then_the_error_comes(
    url: str, cache: PromptCache
):
    cache.put("உங்கள் இடம்", tone(1_111))
    cache.put("சரியா?", tone(2_222))
    heard = []
    async with pooled(url, cache, fallback=silent) as voice, voice.stream() as stream:
        stream.push_text(SENTENCE)
        stream.end_input()
        with pytest.raises(APIError) as caught:  # noqa: PT012 - it comes after the sound
            async for event in stream:
                heard.append(event.frame.data.tobytes())
    sound = np.frombuffer(b"".join(heard), np.int16)
    assert np.count_nonzero(sound == 1_111) == np.count_nonzero(sound == 2_222) > 10_800
    assert not caught.value.retryable
    assert "கொரட்டூர்" not in str(caught.value)


async def test_with_no_voice_and_nothing_recorded_the_framework_may_try_again(
    url: str, cache: PromptCache
):
    tries = []

    async def counting(text: str, *, voice: str, rate: int, pitch: int) -> bytes:
        tries.append(text)
        if len(tries) == 1:
            raise VoiceUnavailable("Not yet.")
        return await one_shot(text, voice=voice, rate=rate, pitch=pitch)

    options = APIConnectOptions(max_retry=1, retry_interval=0.0, timeout=5.0)
    async with pooled(url, cache, fallback=counting) as voice:
        sound = await say(voice, "கொரட்டூர்", options=options)
    assert tries == ["கொரட்டூர்", "கொரட்டூர்"]
    assert seconds(sound) > 0.3


async def test_a_voice_that_breaks_off_in_mid_word_is_continued_by_the_next(
    url: str, cache: PromptCache
):
    """The client loses its voice after half the sound: the rest must not start all over."""
    async with serving(url):
        client = VoiceClient(url)
        whole = b"".join([x async for x in client.synthesize("கொரட்டூர்", voice="ta", rate=165)])
        broken = BreaksOff(url, after=len(whole) // 2)
        voice = PooledTTS(broken, cache, (), voice="ta", rate=165)
        sound = await say(voice, "கொரட்டூர்", options=ONCE)
        await client.aclose()
        await broken.aclose()
    assert broken.times == 2
    assert abs(2 * sound.size - len(whole)) < 0.1 * len(whole)


class BreaksOff(VoiceClient):
    """A real client whose connection is lost once, after so many bytes."""

    def __init__(self, url: str, after: int) -> None:
        super().__init__(url)
        self.times, self._after = 0, after

    async def synthesize(self, text: str, **sound: Any) -> AsyncIterator[bytes]:  # type: ignore[override]
        self.times += 1
        given = 0
        async for chunk in super().synthesize(text, **sound):
            yield chunk
            given += len(chunk)
            if self.times == 1 and given >= self._after:
                await self.aclose()
                raise VoiceUnavailable("The connection is lost.")


async def test_a_voice_process_killed_while_it_speaks_costs_no_words(url: str, cache: PromptCache):
    """A real process, SIGKILLed after the first sound: the sentence still ends."""
    text = "குடிநீர் வரவில்லை, தெருவிளக்கு எரியவில்லை. " * 40
    with voice_process(url) as pid:
        async with pooled(url, cache) as voice:
            await until_it_answers(url)
            whole = await say(voice, text, options=ONCE)
            frames: list[bytes] = []
            async with voice.stream(conn_options=ONCE) as stream:
                stream.push_text(text)
                stream.end_input()
                async for event in stream:
                    if not frames:
                        os.kill(pid, signal.SIGKILL)
                    frames.append(event.frame.data.tobytes())
    assert abs(len(b"".join(frames)) // 2 - whole.size) < VOICE_SAMPLE_RATE


@contextlib.contextmanager
def voice_process(url: str) -> Iterator[int]:
    code = f"import asyncio, agent.speech.voice as v; asyncio.run(v.serve_voice({url!r}))"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


async def until_it_answers(url: str) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            await voice_stat(url)
        except VoiceUnavailable:
            assert time.monotonic() < end
            await asyncio.sleep(0.05)
        else:
            return


async def test_the_not_streaming_interface_goes_the_same_way(url: str, cache: PromptCache):
    cache.put("உங்கள் இடம்", tone(1_111))
    async with serving(url), pooled(url, cache) as voice:
        frame = await voice.synthesize(SENTENCE).collect()
    sound = np.frombuffer(frame.data, np.int16)
    assert np.count_nonzero(sound == 1_111) > 10_800
    assert 1.0 < seconds(sound) < 3.5


async def test_twelve_calls_speak_at_once(url: str, cache: PromptCache):
    async with serving(url), contextlib.AsyncExitStack() as stack:
        voices = [await stack.enter_async_context(pooled(url, cache)) for _ in range(12)]
        sounds = await asyncio.gather(*(say(voice, SENTENCE, options=ONCE) for voice in voices))
    assert all(1.3 < seconds(sound) < 3.5 for sound in sounds)
