"""``kural voice`` as an operator runs it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
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
    while (done := kural(env, "voice", "health", "--json")).returncode != 0:
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


def test_health_shows_every_instance_to_people_and_to_programs(env: dict[str, str]):
    """One instance that speaks, one that is not there; the exit code says that one is missing."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env |= {"TTS_API_URLS": f"http://127.0.0.1:{port}/v1,http://127.0.0.1:9"}
    instance = [sys.executable, "-m", "tests.speech.tts_instance", "--port", str(port)]
    serve = [sys.executable, "-m", "agent", "voice", "serve"]
    with (
        subprocess.Popen(instance, env=env, cwd=PROJECT) as speaking,
        subprocess.Popen(serve, env=env) as process,
    ):
        try:
            end = time.monotonic() + 30
            while True:
                told = kural(env, "voice", "health", "--all", "--json")
                rows = json.loads(told.stdout)["instances"] if told.stdout else []
                if rows and rows[0]["state"] == "well":
                    break
                assert time.monotonic() < end, told.stderr
            shown = kural(env, "voice", "health")
        finally:
            process.terminate()
            speaking.terminate()
    assert [row["state"] for row in rows] == ["well", "out"]
    assert rows[0]["p50_s"] > 0
    assert rows[1]["last_error"] == "refused"
    assert (told.returncode, shown.returncode) == (1, 1)
    assert "1 of 2 instances well" in shown.stdout
    assert f"http://127.0.0.1:{port}\n" in shown.stdout


def test_health_without_a_pool_is_well(env: dict[str, str]):
    with subprocess.Popen([sys.executable, "-m", "agent", "voice", "serve"], env=env) as process:
        until_healthy(env)
        done = kural(env, "voice", "health", "--all")
        process.terminate()
    assert done.returncode == 0
    assert "no instances set" in done.stdout


def test_an_address_that_makes_no_sense_is_wrong_use(env: dict[str, str]):
    done = kural(env | {"SPEECH__VOICE_URL": "http://example.test"}, "voice", "serve")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_serve_http_is_an_instance_for_those_who_have_the_token(env: dict[str, str]):
    command = [sys.executable, "-m", "agent", "voice", "serve", "--http", "127.0.0.1:0"]
    env = env | {"SPEECH__TOKEN": "hush"}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        assert said.startswith("voice answers at http://127.0.0.1:")
        body = json.dumps({"model": "any", "input": "வணக்கம்", "voice": "ta"}).encode()
        url = said.removeprefix("voice answers at ")
        request = urllib.request.Request(url, body, {"Authorization": "Bearer hush"})
        with urllib.request.urlopen(request) as answer:
            assert answer.read(4) == b"RIFF"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--http", "8090"),
        ("--http", "0.0.0.0:8090"),
        ("--model", "no-such-folder"),
        ("--model", "models/demo-ta"),
    ],
)
def test_serve_refuses_what_cannot_work_in_one_sentence(
    env: dict[str, str], arguments: tuple[str, str]
):
    done = kural(env, "voice", "serve", *arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
