"""Recorded callers: cut at silences, read from every odd file, written again."""

import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.callers.audio_io import LINE_RATE
from agent.callers.recording import (
    GAP_S,
    MAX_RECORDING_S,
    load_recording,
    split_turns,
    write_recording,
)
from agent.callers.script_file import ScriptedCall
from agent.errors import UnreadableInput

TURNS = (1.3, 0.4, 2.0)


def voice(seconds: float, rate: int = LINE_RATE) -> np.ndarray:
    """Something as loud and as uneven as speech."""
    time = np.arange(round(seconds * rate)) / rate
    return (
        3000 * np.sin(2 * np.pi * 220 * time) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time))
    ).astype(np.int16)


def caller(
    *turns: float, gap_s: float = 1.2, rate: int = LINE_RATE, noise: float = 0.0
) -> np.ndarray:
    gap = np.zeros(round(gap_s * rate), np.int16)
    sound = np.concatenate([part for turn in turns for part in (gap, voice(turn, rate))] + [gap])
    hiss = np.random.default_rng(1).normal(0, noise, len(sound)) if noise else 0
    return (sound + hiss).astype(np.int16)


def written(path: Path, pcm: np.ndarray, rate: int = LINE_RATE, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(pcm, channels).astype("<i2").tobytes())
    return path


@pytest.mark.parametrize("noise", [0.0, 5.0, 60.0, 200.0])
def test_turns_are_what_lies_between_long_silences(noise: float) -> None:
    clips = split_turns(caller(*TURNS, noise=noise))
    assert [len(clip) / LINE_RATE for clip in clips] == pytest.approx(
        [turn + 0.24 for turn in TURNS], abs=0.08
    )


def test_a_pause_inside_a_turn_does_not_end_it() -> None:
    digits = np.concatenate([voice(0.5), np.zeros(round(0.7 * LINE_RATE), np.int16), voice(0.5)])
    assert len(split_turns(digits)) == 1
    assert len(split_turns(caller(0.5, 0.5, gap_s=GAP_S + 0.1))) == 2


def test_clicks_and_silence_are_no_turns() -> None:
    click = np.zeros(3 * LINE_RATE, np.int16)
    click[LINE_RATE : LINE_RATE + 100] = 20_000
    assert split_turns(click) == ()
    assert split_turns(np.zeros(LINE_RATE, np.int16)) == ()
    assert split_turns(np.zeros(0, np.int16)) == ()
    assert split_turns(np.random.default_rng(1).normal(0, 20, LINE_RATE).astype(np.int16)) == ()


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (16000, 2), (44100, 1), (48000, 2)])
def test_any_rate_and_stereo_are_read(tmp_path: Path, rate: int, channels: int) -> None:
    path = written(tmp_path / "call.wav", caller(*TURNS, rate=rate), rate, channels)
    recorded = load_recording(path)
    assert len(recorded.clips) == 3
    assert recorded.script.id == "call"
    assert recorded.script.expected is None


def encoded(path: Path, codec: str, rate: int, pcm: np.ndarray) -> Path:
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(
            format=stream.format.name,
            layout="mono",
            rate=rate,
            frame_size=stream.frame_size or 1024,
        )
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("name", "codec"), [("call.mp3", "libmp3lame"), ("call.wav", "pcm_s24le")])
def test_mp3_and_24_bits_are_read(tmp_path: Path, name: str, codec: str) -> None:
    path = encoded(tmp_path / name, codec, 16000, caller(*TURNS))
    assert len(load_recording(path).clips) == 3


def odd_files(folder: Path) -> dict[str, tuple[Path, str]]:
    image = folder / "image.wav"
    image.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    (folder / "empty.wav").touch()
    (folder / "folder.wav").mkdir()
    return {
        "missing": (folder / "none.wav", "does not exist"),
        "folder": (folder / "folder.wav", "folder"),
        "empty": (folder / "empty.wav", "is empty"),
        "image": (image, "no sound"),
        "no samples": (written(folder / "none.wav.wav", np.zeros(0, np.int16)), "no sound"),
        "silent": (written(folder / "silent.wav", np.zeros(32000, np.int16)), "holds no speech"),
        "too long": (
            written(
                folder / "long.wav", np.zeros(round((MAX_RECORDING_S + 5) * 4000), np.int16), 4000
            ),
            "longer than 15 minutes",
        ),
    }


@pytest.mark.parametrize(
    "kind", ["missing", "folder", "empty", "image", "no samples", "silent", "too long"]
)
def test_what_is_no_recorded_caller_gets_one_sentence(tmp_path: Path, kind: str) -> None:
    path, told = odd_files(tmp_path)[kind]
    with pytest.raises(UnreadableInput) as caught:
        load_recording(path)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_sidecar_says_who_calls_and_what_is_expected(tmp_path: Path) -> None:
    path = written(tmp_path / "one.wav", caller(*TURNS))
    sidecar = {"id": "R09", "expected": {"category": "WATER"}}
    path.with_suffix(".json").write_text(json.dumps(sidecar))
    script = load_recording(path).script
    assert (script.id, script.caller) == ("R09", "+910000000009")
    assert script.expected is not None


def test_a_sidecar_that_describes_other_turns_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "one.wav", caller(*TURNS))
    described = {"caller_turns_ta": ["a", "b"], "turn_slots": ["complaint", "place"]}
    path.with_suffix(".json").write_text(json.dumps(described))
    with pytest.raises(UnreadableInput, match=r"3 turns .* describes 2"):
        load_recording(path)


def test_what_is_written_is_read_back_turn_for_turn(tmp_path: Path) -> None:
    script = ScriptedCall(
        id="D01",
        caller_turns_ta=("தண்ணி வரல", "பல்லடம்", "ஆமா"),
        turn_slots=("complaint", "place", "confirm"),
    )
    path = tmp_path / "new" / "call.wav"
    write_recording(path, script, [voice(turn, 8000) for turn in TURNS])
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
    recorded = load_recording(path)
    assert recorded.script == script
    assert len(recorded.clips) == 3
