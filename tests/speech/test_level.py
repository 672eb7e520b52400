"""Active speech level after ITU-T P.56, one gain a voice, and a limiter that never clips."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.speech.espeak import Espeak
from agent.speech.joins import SAMPLE_RATE
from agent.speech.level import (
    FLOOR_DBOV,
    LARGEST_GAIN_DB,
    TARGET_DBOV,
    active_level_dbov,
    gain_db,
    levelled,
)

SENTENCES = (
    "வணக்கம், உங்கள் புகாரைச் சொல்லுங்கள். தெருவில் மூன்று நாளாக குடிநீர் வரவில்லை.",
    "மாரியம்மன் கோயில் பக்கத்தில் தெருவிளக்கு எரியவில்லை. எந்த ஊர் என்று சொல்லுங்கள்.",
)


def tone(level_dbov: float, seconds: float, rate: int = SAMPLE_RATE) -> np.ndarray:
    peak = 32_768 * 10 ** (level_dbov / 20) * np.sqrt(2)
    wave = peak * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    return np.asarray(wave, np.int16)


def spoken(text: str, voice: str, offset_db: float = 0.0) -> bytes:
    chunks: list[bytes] = []

    def take(chunk: bytes) -> bool:
        chunks.append(chunk)
        return True

    Espeak().speak(text, take, voice=voice)
    samples = np.frombuffer(b"".join(chunks), np.int16) * 10 ** (offset_db / 20)
    return samples.astype(np.int16).tobytes()


def level_of(pcm: bytes) -> float:
    return active_level_dbov(np.frombuffer(pcm, np.int16), SAMPLE_RATE)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000])
@pytest.mark.parametrize("level_dbov", [-45.0, -26.0, -12.0])
def test_a_steady_tone_has_its_own_level(level_dbov: float, rate: int):
    assert active_level_dbov(tone(level_dbov, 3.0, rate), rate) == pytest.approx(
        level_dbov, abs=0.2
    )


@pytest.mark.parametrize("pause_s", [0.5, 2.0, 6.0])
def test_pauses_do_not_count(pause_s: float):
    pause = np.zeros(round(pause_s * SAMPLE_RATE), np.int16)
    sound = np.concatenate([part for _ in range(4) for part in (tone(-22.0, 1.5), pause)])
    assert active_level_dbov(sound, SAMPLE_RATE) == pytest.approx(-22.0, abs=1.0)


def test_silence_and_nothing_have_the_floor_and_no_gain():
    for sound in (np.zeros(0, np.int16), np.zeros(20_000, np.int16), np.zeros(3, np.int16)):
        assert active_level_dbov(sound, SAMPLE_RATE) == FLOOR_DBOV
    assert gain_db(FLOOR_DBOV) == 0.0


def test_a_broken_voice_is_not_lifted_without_end():
    assert gain_db(-80.0) == LARGEST_GAIN_DB
    assert gain_db(0.0) == -LARGEST_GAIN_DB


@pytest.mark.parametrize(("voice", "offset_db"), [("ta", -9.0), ("ta", 4.0), ("ta+f5", 0.0)])
def test_two_voices_of_different_level_are_played_alike_recorded_and_live(
    voice: str, offset_db: float
):
    """The gain is measured on one text, as on prompts, and holds within 1 dB for another."""
    gain = gain_db(level_of(spoken(SENTENCES[0], voice, offset_db)))
    for text in SENTENCES:
        played = levelled(spoken(text, voice, offset_db), gain)
        assert level_of(played) == pytest.approx(TARGET_DBOV, abs=1.0)


@given(st.floats(-20, 20), st.lists(st.integers(-32_768, 32_767), max_size=200))
def test_whatever_the_gain_nothing_reaches_full_scale_or_changes_its_order(
    gain: float, values: list[int]
):
    values.sort()
    out = np.frombuffer(levelled(np.array(values, np.int16).tobytes(), gain), np.int16)
    assert len(out) == len(values)
    if gain:
        assert np.abs(out.astype(int)).max(initial=0) < 32_000
    assert (np.diff(out.astype(int)) >= 0).all()


def test_a_limited_wave_has_no_corner_that_speech_has_not():
    loud = tone(-6.0, 0.5)
    out = np.frombuffer(levelled(loud.tobytes(), 8.0), np.int16).astype(int)
    linear = np.abs(np.diff(loud.astype(int))).max() * 10 ** (8 / 20)
    assert np.abs(np.diff(out)).max() <= linear + 1  # rounding


@given(st.integers(0, 4_000))
def test_a_stream_sounds_the_same_however_it_is_cut(at: int):
    pcm = tone(-8.0, 0.1).tobytes()
    at -= at % 2
    assert levelled(pcm[:at], 7.0) + levelled(pcm[at:], 7.0) == levelled(pcm, 7.0)
