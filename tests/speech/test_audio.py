"""Every odd sound file is read or refused in one sentence."""

from __future__ import annotations

import os
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from agent.errors import UnreadableInput, UsageError
from agent.speech.audio import (
    AudioClip,
    Samples,
    level_dbfs,
    read_audio,
    resample,
    to_float,
    to_int16,
    write_wav,
)


def tone(seconds: float, rate: int, hertz: float = 440.0, peak: float = 0.5) -> Samples:
    time = np.arange(int(seconds * rate)) / rate
    return to_int16(peak * np.sin(2 * np.pi * hertz * time))


def loudest_hertz(clip: AudioClip) -> float:
    spectrum = np.abs(np.fft.rfft(to_float(clip.samples)))
    return float(np.argmax(spectrum)) * clip.sample_rate / len(clip.samples)


def encode(path: Path, codec: str, rate: int, layout: str = "mono", seconds: float = 1.0) -> Path:
    """A tone in any format PyAV writes."""
    channels = 2 if layout == "stereo" else 1
    samples = np.repeat(tone(seconds, rate), channels).reshape(1, -1)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout)
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
        to_codec = av.AudioResampler(
            format=stream.codec_context.format,
            layout=layout,
            rate=rate,
            frame_size=stream.codec_context.frame_size or None,
        )
        for piece in [*to_codec.resample(frame), *to_codec.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout"),
    [
        ("a.wav", "pcm_s16le", 16_000, "mono"),
        ("a.wav", "pcm_s24le", 48_000, "stereo"),
        ("a.wav", "pcm_s32le", 44_100, "mono"),
        ("a.wav", "pcm_f32le", 22_050, "stereo"),
        ("a.wav", "pcm_f64le", 16_000, "mono"),
        ("a.wav", "pcm_u8", 8_000, "mono"),
        ("a.wav", "pcm_mulaw", 8_000, "mono"),
        ("a.wav", "pcm_alaw", 8_000, "stereo"),
        ("a.mp3", "libmp3lame", 44_100, "stereo"),
        ("a.ogg", "libopus", 48_000, "mono"),
        ("a.flac", "flac", 16_000, "mono"),
        ("a.m4a", "aac", 44_100, "stereo"),
    ],
)
@pytest.mark.parametrize("wanted", [None, 16_000])
def test_every_common_kind_of_file_gives_the_same_tone(
    tmp_path: Path, name: str, codec: str, rate: int, layout: str, wanted: int | None
) -> None:
    clip = read_audio(encode(tmp_path / name, codec, rate, layout), sample_rate=wanted)
    assert clip.sample_rate == (wanted or rate)
    assert clip.samples.dtype == np.int16
    assert clip.duration_s == pytest.approx(1.0, abs=0.08)
    assert loudest_hertz(clip) == pytest.approx(440, abs=2)
    assert level_dbfs(clip.samples) == pytest.approx(-9, abs=1)


def test_a_name_with_tamil_spaces_and_colons_is_read(tmp_path: Path) -> None:
    path = encode(tmp_path / "http: புகார் 1%20.wav", "pcm_s16le", 8_000)
    assert read_audio(path).duration_s == pytest.approx(1.0)


def _text(path: Path) -> None:
    path.write_text("எங்க தெருவில தண்ணி வரல\n" * 50)


def _image(path: Path) -> None:
    with av.open(str(path), "w", format="image2") as container:
        stream: Any = container.add_stream("png", rate=1)
        stream.width = stream.height = 16
        stream.pix_fmt = "rgb24"
        frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _no_samples(path: Path) -> None:
    write_wav(path, np.zeros(0, np.int16), 16_000)


def _header_only(path: Path) -> None:
    write_wav(path, tone(1, 16_000), 16_000)
    path.write_bytes(path.read_bytes()[:20])


@pytest.mark.parametrize(
    ("name", "make", "says"),
    [
        ("none.wav", lambda path: None, "does not exist"),
        ("folder.wav", Path.mkdir, "folder"),
        ("empty.wav", Path.touch, "is empty"),
        ("text.wav", _text, "not a sound file|holds no sound"),
        ("image.png", _image, "holds no sound"),
        ("nothing.wav", _no_samples, "0 samples|not a sound file"),
        ("cut.wav", _header_only, "not a sound file|holds no sound"),
        ("noise.mp3", lambda path: path.write_bytes(bytes(1000)), "not a sound file|no sound"),
        ("pipe.wav", os.mkfifo, "not an ordinary file"),
    ],
)
def test_what_is_no_sound_is_refused_in_one_sentence(
    tmp_path: Path, name: str, make: Any, says: str
) -> None:
    make(tmp_path / name)
    with pytest.raises(UnreadableInput, match=says) as caught:
        read_audio(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_with_a_zero_byte_is_refused_in_one_sentence() -> None:
    with pytest.raises(UnreadableInput):
        read_audio(Path("a\0b.wav"))


def test_a_playlist_cannot_open_other_files(tmp_path: Path) -> None:
    write_wav(tmp_path / "secret.wav", tone(1, 16_000), 16_000)
    playlist = tmp_path / "list.wav"
    playlist.write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/secret.wav\n"
    )
    with pytest.raises(UnreadableInput):
        read_audio(playlist)


def test_a_damaged_tail_does_not_lose_what_came_before(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp3", "libmp3lame", 16_000, seconds=4)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + os.urandom(300) + whole[len(whole) // 2 + 300 :])
    assert read_audio(path).duration_s > 3


def test_a_recording_that_says_it_is_too_long_is_refused_before_it_is_read(
    tmp_path: Path,
) -> None:
    """A sparse two-hour WAV: its header is read, its 230 MB are not."""
    path = tmp_path / "long.wav"
    write_wav(path, tone(1, 16_000), 16_000)
    size = 2 * 3600 * 16_000 * 2
    raw = bytearray(path.read_bytes())
    raw[4:8], raw[40:44] = (size + 36).to_bytes(4, "little"), size.to_bytes(4, "little")
    path.write_bytes(raw)
    os.truncate(path, size + 44)
    with pytest.raises(UnreadableInput, match="longer than 60 minutes"):
        read_audio(path)


def test_a_recording_that_hides_its_length_is_refused_while_it_is_read(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp3", "libmp3lame", 16_000, seconds=5)
    raw = path.read_bytes()
    path.write_bytes(raw[raw.index(b"\xff\xf3", 500) :])  # no length in front
    with pytest.raises(UnreadableInput, match=r"longer than 0\.05 minutes"):
        read_audio(path, max_duration_s=3.0)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050])
def test_a_written_file_is_read_back_to_the_sample(tmp_path: Path, rate: int) -> None:
    samples = tone(0.5, rate)
    write_wav(tmp_path / "a.wav", samples, rate)
    clip = read_audio(tmp_path / "a.wav")
    assert clip.sample_rate == rate
    assert np.array_equal(clip.samples, samples)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getparams()[:3] == (1, 2, rate)


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_wav(tmp_path / "none" / "a.wav", tone(0.1, 8_000), 8_000)
    with pytest.raises(UsageError, match="cannot be written"):
        write_wav(tmp_path, tone(0.1, 8_000), 8_000)


def test_resampling_keeps_length_level_and_pitch() -> None:
    clip = AudioClip(resample(tone(1, 22_050), 22_050, 16_000), 16_000)
    assert clip.duration_s == pytest.approx(1.0, abs=0.001)
    assert loudest_hertz(clip) == pytest.approx(440, abs=2)


def test_resampling_takes_out_what_the_new_rate_cannot_hold() -> None:
    assert level_dbfs(resample(tone(1, 48_000, 15_000), 48_000, 16_000)) < -50


def test_float_and_back_is_the_same_sample() -> None:
    every = np.arange(-32768, 32768).astype(np.int16)
    assert np.array_equal(to_int16(to_float(every)), every)


def test_too_loud_is_clipped_and_nonsense_is_silence() -> None:
    odd = np.array([2.0, -2.0, np.nan, np.inf, -np.inf], np.float32)
    assert to_int16(odd).tolist() == [32767, -32768, 0, 32767, -32768]


@pytest.mark.parametrize(
    ("samples", "dbfs"),
    [
        (np.zeros(0, np.int16), -120),
        (np.zeros(100, np.int16), -120),
        (np.full(100, -32768, np.int16), 0),
        (np.full(100, 3277, np.int16), -20),
    ],
)
def test_levels_are_in_decibels_under_full_scale(samples: Samples, dbfs: float) -> None:
    assert level_dbfs(samples) == pytest.approx(dbfs, abs=0.01)
