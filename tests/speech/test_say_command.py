"""``kural say`` as a user runs it."""

import asyncio
import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.speech.test_voice import client_of, serving

PROJECT = Path(__file__).resolve().parents[2]
SENTENCE = "வணக்கம், உங்கள் புகாரைச் சொல்லுங்கள்"


def say(
    tmp_path: Path, *arguments: str, stdin: bytes = b"", **env: str
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-m", "agent", "say", *arguments],
        input=stdin,
        capture_output=True,
        cwd=tmp_path,
        env=os.environ
        | {"DATA_DIR": str(tmp_path / "var"), "PYTHONPATH": str(PROJECT), "LC_ALL": "C"}
        | env,
        check=False,
    )


def sound_of(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (22_050, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def test_without_a_voice_process_the_text_is_spoken_all_the_same(tmp_path: Path):
    done = say(tmp_path, SENTENCE, "--out", "answer.wav")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"answer.wav: 2.")
    sound = sound_of(tmp_path / "answer.wav")
    assert 1.8 < sound.size / 22_050 < 3.2
    assert np.abs(sound.astype(int)).max() > 5_000
    assert not (tmp_path / "var").exists()


async def test_a_running_voice_process_is_used(tmp_path: Path):
    url = f"unix://{tmp_path / 'var' / 'run' / 'voice.sock'}"
    async with serving(url), client_of(url) as client:
        arguments = (SENTENCE, "--out", "answer.wav", "--voice", "ta+f5", "--rate", "140")
        done = await asyncio.to_thread(say, tmp_path, *arguments)
        assert (await client.stat())["served"] == 1
    assert done.returncode == 0
    assert sound_of(tmp_path / "answer.wav").size > 40_000


def test_a_phone_number_is_spoken_digit_by_digit(tmp_path: Path):
    assert say(tmp_path, "9500123456", "--out", "a.wav").returncode == 0
    assert sound_of(tmp_path / "a.wav").size / 22_050 > 4


def test_text_comes_from_standard_input_too(tmp_path: Path):
    done = say(tmp_path, "-", "--out", "a.wav", stdin=("நன்றி. " * 300).encode())
    assert done.returncode == 0
    assert sound_of(tmp_path / "a.wav").size / 22_050 > 100


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["...", "--out", "a.wav"], b"nothing that can be pronounced"),
        (["", "--out", "a.wav"], b"nothing that can be pronounced"),
        (["நன்றி", "--out", "a.mp3"], b"must end in .wav"),
        (["நன்றி", "--out", "none/a.wav"], b"does not exist"),
        (["நன்றி", "--out", "folder.wav"], b"is a folder"),
        (["நன்றி", "--out", "a.wav", "--voice", "zz"], b"unknown to espeak-ng"),
        (["நன்றி", "--out", "a.wav", "--rate", "5"], b"80 to 450"),
        (["நன்றி " * 4_000, "--out", "a.wav"], b"longer than"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(
    tmp_path: Path, arguments: list[str], sentence: bytes
):
    (tmp_path / "folder.wav").mkdir()
    done = say(tmp_path, *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert not (tmp_path / "a.wav").exists()


def test_text_in_another_encoding_is_refused(tmp_path: Path):
    done = say(tmp_path, "-", "--out", "a.wav", stdin=b"\xff\xfe\x00")
    assert done.returncode == 2
    assert b"UTF-8" in done.stderr
