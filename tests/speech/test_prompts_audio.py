"""The cache of rendered prompts, on a real disk, filled by the real voice."""

import asyncio
import json
import threading
import wave
from collections.abc import AsyncGenerator
from pathlib import Path

import numpy as np
import pytest

from agent.errors import UnreadableInput, VoiceUnavailable
from agent.speech.joins import SAMPLE_RATE
from agent.speech.prompts_audio import PromptCache, render_prompts
from agent.speech.voice import VoiceClient, one_shot
from tests.speech.test_voice import serving

GREETING = "வணக்கம், உங்கள் புகாரைச் சொல்லுங்கள்"
TEXTS = [GREETING, "உங்கள் இடம்", "நன்றி."]
PCM = np.arange(1, 4_001, dtype=np.int16).tobytes()


@pytest.fixture
def cache(tmp_path: Path) -> PromptCache:
    return PromptCache(tmp_path / "prompts", "ta", 165)


def fresh(cache: PromptCache, tmp_path: Path) -> PromptCache:
    """Another process's view: same folder, nothing in memory."""
    return PromptCache(tmp_path / "prompts", cache.voice, cache.rate)


async def speak(text: str) -> AsyncGenerator[bytes, None]:
    yield await one_shot(text, voice="ta", rate=165)


def only_file(tmp_path: Path) -> Path:
    (found,) = (tmp_path / "prompts").glob("*.wav")
    return found


async def test_render_through_a_voice_process_and_read_back(cache: PromptCache, tmp_path: Path):
    url, seen = f"unix://{tmp_path / 'voice.sock'}", list[tuple[int, int]]()
    async with serving(url):
        client = VoiceClient(url)
        report = await render_prompts(cache, client, TEXTS, lambda *at: seen.append(at))
        again = await render_prompts(cache, client, TEXTS)
        await client.aclose()
    assert (report.wanted, report.rendered, report.cached, report.failed) == (3, 3, 0, ())
    assert (again.rendered, again.cached, again.complete) == (0, 3, True)
    assert seen == [(1, 3), (2, 3), (3, 3)]
    pcm = fresh(cache, tmp_path).get(GREETING)
    assert pcm is not None
    assert 1.8 < len(pcm) / 2 / SAMPLE_RATE < 3.2


async def test_a_rendered_prompt_is_a_wav_file_that_any_player_opens(
    cache: PromptCache, tmp_path: Path
):
    await cache.render_missing([GREETING], speak)
    with wave.open(str(only_file(tmp_path))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (22_050, 1, 2)
        assert file.readframes(file.getnframes()) == cache.get(GREETING)
    listed = json.loads((tmp_path / "prompts" / "index.json").read_text(encoding="utf-8"))
    assert [row["text"] for row in listed] == [GREETING]


async def test_the_recording_starts_and_ends_without_silence(cache: PromptCache):
    await cache.render_missing([GREETING], speak)
    pcm = cache.get(GREETING)
    assert pcm is not None
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, np.int16).astype(int)) >= 100)
    assert loud[0] <= SAMPLE_RATE * 0.013
    assert len(pcm) // 2 - loud[-1] <= SAMPLE_RATE * 0.027


def test_what_was_never_rendered_is_none(cache: PromptCache):
    assert cache.get(GREETING) is None
    assert cache.get("") is None


def test_spaces_and_composition_do_not_matter(cache: PromptCache):
    cache.put("பொது  இடம்\n", PCM)
    assert cache.get("ப" + "\u0bc6\u0bbe" + "து இடம்") == PCM
    assert cache.get(", பொது இடம்") == PCM


@pytest.mark.parametrize(
    "other",
    [
        {"voice": "ta+f5"},
        {"rate": 170},
        {"pitch": 40},
        {"engine": "espeakng-loader 0.0"},
    ],
)
def test_another_voice_rate_pitch_or_engine_has_its_own_recordings(
    cache: PromptCache, tmp_path: Path, other: dict[str, object]
):
    cache.put(GREETING, PCM)
    chosen = {"voice": "ta", "rate": 165} | other
    assert PromptCache(tmp_path / "prompts", **chosen).get(GREETING) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"",
        lambda raw: raw[:3],
        lambda raw: raw[:44],
        lambda raw: raw[:-1],
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw + b"\0\0",
        lambda raw: raw[:-700] + b"\xff" + raw[-699:],
        lambda raw: raw.replace(b"krl ", b"junk"),
        lambda raw: raw.replace(b'"key"', b'"kez"'),
        lambda raw: raw.replace(b'{"key"', b'["key"'),
        lambda raw: b"\0" * len(raw),
        lambda raw: b"not audio at all, and certainly no RIFF header in here",
    ],
)
async def test_a_damaged_file_is_never_half_read_and_rendered_anew(
    cache: PromptCache, tmp_path: Path, damage: object
):
    await cache.render_missing([GREETING], speak)
    path = only_file(tmp_path)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    other = fresh(cache, tmp_path)
    assert other.get(GREETING) is None
    report = await other.render_missing([GREETING], speak)
    assert (report.rendered, report.cached) == (1, 0)
    assert fresh(cache, tmp_path).get(GREETING)


def test_every_shortened_file_is_refused(cache: PromptCache, tmp_path: Path):
    cache.put(GREETING, PCM)
    path, raw = only_file(tmp_path), only_file(tmp_path).read_bytes()
    for length in range(0, len(raw), 37):
        path.write_bytes(raw[:length])
        assert fresh(cache, tmp_path).get(GREETING) is None


def test_a_recording_under_anothers_name_is_refused(cache: PromptCache, tmp_path: Path):
    cache.put(GREETING, PCM)
    only_file(tmp_path).rename(tmp_path / "prompts" / f"{cache.key('நன்றி.')}.wav")
    assert fresh(cache, tmp_path).get("நன்றி.") is None


def test_a_folder_in_place_of_a_recording_is_as_good_as_missing(cache: PromptCache, tmp_path: Path):
    (tmp_path / "prompts" / f"{cache.key(GREETING)}.wav").mkdir(parents=True)
    assert cache.get(GREETING) is None


def test_memory_keeps_the_last_used_within_its_limit(tmp_path: Path):
    cache = PromptCache(tmp_path / "prompts", "ta", 165, memory_bytes=2 * len(PCM))
    for text in TEXTS:
        cache.put(text, PCM)
        assert cache.get(text) == PCM
    for path in (tmp_path / "prompts").glob("*.wav"):
        path.unlink()
    assert [cache.get(text) is not None for text in TEXTS] == [False, True, True]


async def test_single_failures_are_reported_and_the_rest_is_rendered(cache: PromptCache):
    async def sometimes(text: str) -> AsyncGenerator[bytes, None]:
        if text == "உங்கள் இடம்":
            raise UnreadableInput("No.")
        async for chunk in speak(text):
            yield chunk

    report = await cache.render_missing([*TEXTS, "..."], sometimes)
    assert (report.wanted, report.rendered) == (4, 2)
    assert set(report.failed) == {"உங்கள் இடம்", "..."}
    assert not report.complete


async def test_a_voice_that_broke_off_leaves_no_recording(cache: PromptCache):
    async def breaks(text: str) -> AsyncGenerator[bytes, None]:
        yield (await one_shot(text, voice="ta", rate=165))[:9_000]
        raise VoiceUnavailable("Gone.")

    report = await cache.render_missing([GREETING], breaks)
    assert report.failed == (GREETING,)
    assert cache.get(GREETING) is None


async def test_an_absent_voice_is_not_asked_for_every_prompt(cache: PromptCache):
    asked = list[str]()

    async def away(text: str) -> AsyncGenerator[bytes, None]:
        asked.append(text)
        raise VoiceUnavailable("Gone.")
        yield b""

    texts = [f"வாக்கியம் {number}" for number in range(20)]
    report = await cache.render_missing(texts, away)
    assert len(report.failed) == 20
    assert len(asked) == 3


async def test_a_folder_that_cannot_be_written_is_reported_not_raised(tmp_path: Path):
    (tmp_path / "prompts").write_text("a file stands where the folder should be")
    cache = PromptCache(tmp_path / "prompts", "ta", 165)
    report = await cache.render_missing([GREETING], speak)
    assert report.failed == (GREETING,)
    assert cache.get(GREETING) is None


def test_readers_beside_a_writer_see_a_whole_recording_or_none(cache: PromptCache, tmp_path: Path):
    wanted = {bytes([n, 1]) * 60_000 for n in range(6)}
    stop, seen = threading.Event(), list[bytes | None]()

    def read() -> None:
        while not stop.is_set():
            seen.append(PromptCache(tmp_path / "prompts", "ta", 165).get(GREETING))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for pcm in wanted:
        for _ in range(5):
            cache.put(GREETING, pcm)
    stop.set()
    for reader in readers:
        reader.join()
    assert set(seen) <= wanted | {None}
    assert list((tmp_path / "prompts").glob(".part-*")) == []


async def test_two_renders_into_one_folder_do_not_disturb_each_other(
    cache: PromptCache, tmp_path: Path
):
    other = fresh(cache, tmp_path)
    reports = await asyncio.gather(
        cache.render_missing(TEXTS, speak), other.render_missing(TEXTS, speak)
    )
    assert all(report.complete for report in reports)
    assert all(fresh(cache, tmp_path).get(text) for text in TEXTS)
