"""`python agent.py console --text` on a terminal, offline, with no LIVEKIT_* variable."""

from __future__ import annotations

import contextlib
import ctypes.util
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.settings import PROJECT_DIR

LIMIT_S = 90
NEEDS_PORTAUDIO = pytest.mark.skipif(
    ctypes.util.find_library("portaudio") is None,
    reason="the console needs the PortAudio library (Debian: libportaudio2)",
)


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIVEKIT")}
    own = {"DATA_DIR": str(folder), "CONTROL__WORKER_PORT": "0"}  # a console may run beside
    return kept | own | {"TERM": "xterm", "COLUMNS": "120"}


def converse(folder: Path, turns: list[tuple[str, str]]) -> str:
    """Wait for a word on the screen, type a line; again for each turn. What the screen showed."""
    ours, theirs = pty.openpty()
    console = subprocess.Popen(
        [sys.executable, "agent.py", "console", "--text"],
        cwd=PROJECT_DIR,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(folder),
        start_new_session=True,
    )
    os.close(theirs)
    screen, left = "", list(turns)
    until = time.monotonic() + LIMIT_S
    try:
        while left and time.monotonic() < until:
            if select.select([ours], [], [], 0.5)[0]:
                screen += os.read(ours, 65536).decode(errors="replace")
            if left[0][0] in screen:
                _, answer = left.pop(0)
                if answer:
                    time.sleep(1)  # a person reads before she types
                    screen = ""
                    os.write(ours, f"{answer}\r".encode())
    finally:
        os.killpg(console.pid, signal.SIGTERM)
        drain(ours, console)
        os.close(ours)
    assert not left, screen[-3000:]
    return screen


def drain(screen: int, console: subprocess.Popen[bytes]) -> None:
    """Read what is drawn until the console is gone: a screen nobody reads holds it up."""
    until = time.monotonic() + LIMIT_S
    while console.poll() is None and time.monotonic() < until:
        if select.select([screen], [], [], 0.2)[0]:
            with contextlib.suppress(OSError):  # nobody draws any more
                os.read(screen, 65536)
    if console.poll() is None:
        os.killpg(console.pid, signal.SIGKILL)
        raise AssertionError("the console did not end")


@NEEDS_PORTAUDIO
def test_a_typed_conversation_goes_from_the_notice_to_the_first_questions(tmp_path: Path):
    converse(
        tmp_path,
        [
            ("வணக்கம்", ""),
            ("Type to talk", "சரி"),
            ("பிரச்சனை என்ன", "எங்க தெருவுல அஞ்சு நாளா தண்ணி வரல"),
            ("எந்த ஊர்", "பல்லடம்"),
            ("அடையாளம்", ""),
        ],
    )


@pytest.mark.parametrize("command", ["start", "dev"])
def test_a_worker_without_livekit_settings_says_what_is_missing(tmp_path: Path, command: str):
    done = subprocess.run(
        [sys.executable, "agent.py", command],
        cwd=PROJECT_DIR,
        capture_output=True,
        env=environment(tmp_path),
        timeout=60,
        check=False,
    )
    said = done.stderr.decode()
    assert done.returncode == 2
    assert said.count("\n") == 1
    for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "secrets.example.txt"):
        assert name in said


def test_the_demo_model_refuses_phone_callers(tmp_path: Path):
    given = {
        "LIVEKIT_URL": "ws://127.0.0.1:1",
        "LIVEKIT_API_KEY": "key",
        "LIVEKIT_API_SECRET": "secret",
    }
    done = subprocess.run(
        [sys.executable, "agent.py", "start"],
        cwd=PROJECT_DIR,
        capture_output=True,
        env=environment(tmp_path) | given,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "SPEECH__ALLOW_DEMO_MODEL" in done.stderr.decode()
