"""``kural engine`` as its own process: ready, asked, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.errors import EngineUnavailable
from agent.speech.ears_client import EarsClient
from tests.speech.conftest import SAID, Speak


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if "__" not in name}
    return {**kept, "DATA_DIR": str(folder), "PYTHONUNBUFFERED": "1", **more}


@pytest.fixture
def ears(saying_model_dir: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Running ears; the socket lies under ``tmp_path``."""
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", "engine"],
        env=environment(tmp_path, SPEECH__MODEL=str(saying_model_dir), SPEECH__DEVICE="cpu"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def test_the_ears_say_one_line_when_they_are_ready_then_answer_then_stop(
    ears: subprocess.Popen[str], tmp_path: Path, speak: Speak
) -> None:
    assert ears.stdout is not None
    line = ears.stdout.readline()
    assert line.startswith("ears ready: sayer (ta, demonstration model) at unix://")
    heard = asyncio.run(_ask(tmp_path, speak("தண்ணி வரல", after=0.3).tobytes()))
    assert heard == SAID
    ears.send_signal(signal.SIGTERM)
    rest, _ = ears.communicate(timeout=10)
    assert rest == ""
    assert ears.returncode == 0
    assert not (tmp_path / "run" / "ears.sock").exists()


async def _ask(folder: Path, pcm: bytes) -> str:
    client = EarsClient(f"unix://{folder}/run/ears.sock")
    try:
        return (await client.transcribe(pcm)).text
    finally:
        await client.aclose()


def test_ears_that_were_killed_are_replaced_at_the_same_address(
    ears: subprocess.Popen[str], saying_model_dir: Path, tmp_path: Path
) -> None:
    assert ears.stdout is not None
    ears.stdout.readline()
    ears.kill()
    ears.wait()
    with pytest.raises(EngineUnavailable):
        asyncio.run(_ask(tmp_path, bytes(3200)))
    again = subprocess.Popen(
        [sys.executable, "-m", "agent", "engine", "--model", str(saying_model_dir)],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert again.stdout is not None
    assert again.stdout.readline().startswith("ears ready")
    assert asyncio.run(_ask(tmp_path, bytes(3200))) == ""
    again.send_signal(signal.SIGINT)
    again.communicate(timeout=10)
    assert again.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--model", "/nowhere/model"], "is missing"),
        (["--url", "http://ears"], "must look like"),
        (["--url", "tcp://0.0.0.0:0"], "SPEECH__TOKEN"),
    ],
)
def test_what_cannot_run_is_one_sentence_and_exit_code_two(
    saying_model_dir: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    result = CliRunner().invoke(
        main,
        ["engine", "--model", str(saying_model_dir), *arguments],
        env={"DATA_DIR": str(tmp_path), "SPEECH__DEVICE": "cpu"},
    )
    assert result.exit_code == 2
    assert says in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
