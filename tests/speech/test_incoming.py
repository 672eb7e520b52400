"""What comes from an instance: only speech passes."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
from hypothesis import given, strategies

from agent.speech.incoming import BadSound, Incoming
from agent.speech.joins import SAMPLE_RATE

RATE = 24_000


def tone(seconds: float, rate: int = RATE, level: int = 8_000) -> bytes:
    times = np.arange(int(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * 220 * times)).astype("<i2").tobytes()


def through(raw: bytes, kind: str = "audio/pcm", step: int = 1000, rate: int = RATE) -> bytes:
    incoming = Incoming(kind, rate)
    pieces = [incoming.push(raw[at : at + step]) for at in range(0, len(raw), step)]
    return b"".join([*pieces, incoming.finish()])


def wav(pcm: bytes, rate: int = RATE, channels: int = 1, width: int = 2) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((channels, width, rate, 0, "NONE", ""))
        writer.writeframes(pcm)
    return file.getvalue()


@given(step=strategies.integers(1, 5000))
def test_pcm_in_pieces_of_any_size_comes_out_at_our_rate_with_its_length(step: int):
    out = np.frombuffer(through(tone(0.5), step=step), np.int16)
    assert len(out) == pytest.approx(0.5 * SAMPLE_RATE, abs=2)
    assert 7_000 < np.abs(out[2000:-2000].astype(int)).max() < 9_000


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100])
def test_the_rate_is_that_of_the_header(rate: int):
    for raw, kind in (
        (tone(0.5, rate), f"audio/pcm;rate={rate}"),
        (wav(tone(0.5, rate), rate), "audio/wav"),
        (wav(tone(0.5, rate), rate), "application/octet-stream"),
    ):
        assert len(through(raw, kind)) / 2 == pytest.approx(0.5 * SAMPLE_RATE, abs=2)


def test_what_follows_the_samples_of_a_wav_file_is_no_sound():
    whole = wav(tone(0.5))
    assert len(through(whole + b"LIST" + bytes(5000), "audio/wav")) == len(
        through(whole, "audio/wav")
    )


def test_a_streamed_wav_that_does_not_know_its_length_is_read_to_the_end():
    whole = bytearray(wav(tone(0.5)))
    whole[4:8] = whole[40:44] = b"\xff\xff\xff\xff"
    assert len(through(bytes(whole), "audio/wav")) / 2 == pytest.approx(11_025, abs=2)


def test_nothing_passes_before_it_sounds_and_then_the_silence_before_it_does():
    incoming = Incoming("audio/pcm", SAMPLE_RATE)
    assert incoming.push(bytes(SAMPLE_RATE)) == b""
    assert not incoming.sounding
    given_out = incoming.push(tone(0.1, SAMPLE_RATE))
    assert len(given_out) == SAMPLE_RATE + len(tone(0.1, SAMPLE_RATE))
    assert incoming.sounding


@pytest.mark.parametrize(
    ("raw", "kind", "why"),
    [
        (tone(1), "text/html", "text"),
        (tone(1), "application/json", "text"),
        (tone(1), "audio/mpeg", "format"),
        (tone(1), "audio/pcm;rate=1000", "format"),
        (b"<!DOCTYPE html><p>" * 900, "audio/pcm", "text"),
        (b'{"error": "no voice"}' * 900, "audio/pcm", "text"),
        (b"ID3" + bytes(4000), "audio/pcm", "format"),
        (b"RIFF" + bytes(8), "audio/wav", "format"),
        (b"RIFF" + b"\xff" * 9000, "audio/wav", "format"),
        (wav(tone(1), channels=2), "audio/wav", "format"),
        (wav(tone(1), width=1), "audio/wav", "format"),
        (b"", "audio/pcm", "empty"),
        (b"\0", "audio/pcm", "odd"),
        (bytes(4001), "audio/pcm", "odd"),
        (bytes(4000), "audio/pcm", "silence"),
        (tone(1, level=20), "audio/pcm", "silence"),
    ],
)
def test_what_is_no_speech_is_said_in_one_word(raw: bytes, kind: str, why: str):
    with pytest.raises(BadSound) as caught:
        through(raw, kind)
    assert caught.value.kind == why


def test_two_seconds_of_silence_are_enough():
    incoming = Incoming("audio/pcm", RATE)
    incoming.push(bytes(2 * RATE))
    with pytest.raises(BadSound, match="silence"):
        incoming.push(bytes(2 * RATE))


def test_an_answer_without_end_is_ended():
    incoming = Incoming("audio/pcm", RATE)
    for _ in range(199):
        incoming.push(tone(1.0))
    with pytest.raises(BadSound, match="long"):
        incoming.push(tone(2.0))
