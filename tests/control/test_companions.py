"""Programs beside a worker: real processes that are started, killed, orphaned."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.control.companions import Companion, Companions, companions_of
from agent.settings import LiveKitSettings, Settings

LIMIT_S = 60.0
VOICE = Companion("voice", ("voice", "serve"))
"""A program of ours that runs until it is ended and needs nothing."""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Of a machine that knows no LiveKit; the programs read the environment themselves."""
    for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        monkeypatch.setenv(name, "")
    return Settings(data_dir=tmp_path / "var")


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_one_that_dies_comes_back_and_the_last_goes_with_us(settings):
    with Companions(settings, (VOICE,), first_wait_s=0.05) as kept:
        until(lambda: kept.pids, "not started")
        first = kept.pids["voice"]
        os.kill(first, signal.SIGKILL)
        until(lambda: kept.pids.get("voice", first) != first, "not started again")
        second = kept.pids["voice"]
    assert not alive(first)
    assert not alive(second)
    assert not kept.pids


def test_of_two_workers_over_one_folder_one_keeps_it_and_the_other_takes_over(settings):
    with ExitStack() as first_worker:
        first = first_worker.enter_context(Companions(settings, (VOICE,)))
        until(lambda: first.pids, "not started")
        with Companions(settings, (VOICE,)) as second:
            until(lambda: second.declined, "did not look")
            assert not second.pids
            first_worker.close()
            until(lambda: second.pids, "not taken over")


def test_a_program_that_refuses_its_settings_does_not_hurry_or_hurt(settings):
    wrong = Companion("wrong", ("redispatch",))
    with Companions(settings, (wrong,), first_wait_s=0.05):
        log = settings.data_dir / "log" / "wrong.log"
        until(
            lambda: log.is_file() and log.read_text().count("LiveKit cannot be asked") >= 2,
            "not tried again",
        )


def test_what_is_beside_a_worker_that_is_killed_dies_with_it(settings):
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from agent.control.companions import Companion, Companions\n"
        "from agent.settings import Settings\n"
        "with Companions(Settings(data_dir=Path(sys.argv[1])),"
        " (Companion('voice', ('voice', 'serve')),)) as kept:\n"
        "    while not kept.pids: time.sleep(0.05)\n"
        "    print(kept.pids['voice'], flush=True)\n"
        "    time.sleep(600)\n"
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", script, str(settings.data_dir)], stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    pid = int(worker.stdout.readline())
    assert alive(pid)
    worker.kill()
    worker.wait()
    worker.stdout.close()
    until(lambda: not alive(pid), "outlived its worker")


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, ["overload", "redispatch"]),
        ({"overload_calls": 0}, ["redispatch"]),
        ({"redispatch": False}, ["overload"]),
    ],
)
def test_settings_say_what_runs_beside_a_worker(given, names):
    settings = Settings(livekit=LiveKitSettings(**given))
    assert [one.name for one in companions_of(settings)] == names
