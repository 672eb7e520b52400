"""``kural voice`` as an operator runs it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return os.environ | {"DATA_DIR": str(tmp_path / "var"), "PYTHONPATH": str(PROJECT)}


def kural(env: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "agent", *arguments],
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )


def until_healthy(env: dict[str, str]) -> dict[str, object]:
    end = time.monotonic() + 30
    while (done := kural(env, "voice", "health")).returncode != 0:
        assert time.monotonic() < end, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_answers_until_it_is_told_to_stop_and_ends_well(
    env: dict[str, str], tmp_path: Path, number: signal.Signals
):
    with subprocess.Popen([sys.executable, "-m", "agent", "voice", "serve"], env=env) as process:
        assert until_healthy(env)["pid"] == process.pid
        process.send_signal(number)
        assert process.wait(10) == 0
    assert not (tmp_path / "var" / "run" / "voice.sock").exists()


def test_a_second_voice_at_one_address_is_refused_in_one_sentence(env: dict[str, str]):
    with subprocess.Popen([sys.executable, "-m", "agent", "voice", "serve"], env=env) as process:
        until_healthy(env)
        done = kural(env, "voice", "serve")
        process.terminate()
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_health_without_a_voice_is_one_sentence_and_exit_code_1(env: dict[str, str]):
    done = kural(env, "voice", "health")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1


def test_an_address_that_makes_no_sense_is_wrong_use(env: dict[str, str]):
    done = kural(env | {"SPEECH__VOICE_URL": "http://example.test"}, "voice", "serve")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
