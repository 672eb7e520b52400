"""Live speech when the voice process comes and goes, at one level whoever speaks."""

from pathlib import Path

import numpy as np
import pytest

from agent.speech import live_voice
from agent.speech.embedded import embedded_engine
from agent.speech.joins import SAMPLE_RATE, silence
from agent.speech.level import TARGET_DBOV, active_level_dbov
from agent.speech.live_voice import LiveVoice
from agent.speech.voice import VoiceClient, one_shot
from agent.speech.voice_book import Speaker, VoiceBook
from tests.speech.test_voice import serving

TEXT = "மாரியம்மன் கோயில் பக்கத்தில் தெருவிளக்கு எரியவில்லை. மூன்று நாளாக குடிநீர் வரவில்லை."
TA = Speaker("ta", 165)


async def heard(live: LiveVoice, text: str = TEXT) -> tuple[np.ndarray, set[str]]:
    sounds = [sound async for sound in live.speak(text)]
    pcm = b"".join(sound.pcm for sound in sounds)
    return np.frombuffer(pcm, np.int16), {sound.source for sound in sounds}


def live_of(url: str, book: VoiceBook | None = None) -> LiveVoice:
    return LiveVoice(VoiceClient(url), TA, book=book, engine=embedded_engine())


async def test_the_voice_and_the_one_shot_are_played_at_one_level(tmp_path: Path):
    raw = np.frombuffer(await one_shot(TEXT, voice="ta", rate=165), np.int16)
    book = VoiceBook(tmp_path)
    book.note(TA, embedded_engine(), active_level_dbov(raw, SAMPLE_RATE))
    url = f"unix://{tmp_path / 'voice.sock'}"
    async with serving(url):
        through, by = await heard(live_of(url, book))
    alone, by_itself = await heard(live_of(url, book))
    assert (by, by_itself) == ({"voice"}, {"subprocess"})
    for sound in (through, alone):
        assert active_level_dbov(sound, SAMPLE_RATE) == pytest.approx(TARGET_DBOV, abs=0.3)
    assert not np.array_equal(raw[:5_000], through[:5_000])


async def test_without_a_book_the_sound_is_passed_on_as_it_is(tmp_path: Path):
    url = f"unix://{tmp_path / 'voice.sock'}"
    async with serving(url):
        through, _ = await heard(live_of(url))
    raw = await one_shot(TEXT, voice="ta", rate=165)
    assert abs(through.size - len(raw) // 2) < 200


async def test_a_voice_that_is_not_there_is_soon_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Refused connections cost nothing: only a slow failure keeps a call away for long."""
    monkeypatch.setattr(live_voice, "AWAY_QUICKLY_S", 0.0)
    url = f"unix://{tmp_path / 'voice.sock'}"
    live = live_of(url)
    assert (await heard(live, "ஊர்"))[1] == {"subprocess"}
    async with serving(url):
        assert (await heard(live, "ஊர்"))[1] == {"voice"}


async def test_a_voice_that_hangs_is_not_asked_for_every_sentence(tmp_path: Path):
    """A peer that accepts and never speaks: the second sentence does not wait for it."""
    import asyncio

    taken = 0

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        taken += 1
        await reader.read()
        writer.close()

    path = tmp_path / "voice.sock"
    server = await asyncio.start_unix_server(never, path)
    client = VoiceClient(f"unix://{path}", deadline_s=0.6, connect_timeout_s=0.6)
    live = LiveVoice(client, TA, book=None, engine=embedded_engine())
    for _ in range(3):
        assert (await heard(live, "ஊர்"))[1] == {"subprocess"}
    await client.aclose()
    server.close()
    assert taken == 1


async def test_a_text_without_sound_is_silence_not_an_outage(tmp_path: Path):
    url = f"unix://{tmp_path / 'voice.sock'}"
    async with serving(url):
        sound, by = await heard(live_of(url), "...")
    assert (sound.size, by) == (0, {"voice"})
    assert silence(0.0) == b""
