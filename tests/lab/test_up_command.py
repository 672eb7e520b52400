"""`kural lab up`: what it refuses, and a line that takes calls until it is told to stop."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.lab import probes
from agent.lab.stack import missing_tools

MISSING = missing_tools()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--number", "4428592828"], "--number 4428592828: write it like +914400000001"),
        (["--number", "+914400000001=0"], "write it like"),
        (["--number", "+914400000001", "--number", "+914400000001=3"], "is there twice"),
        (["--calls", "0"], "--calls must be a whole number from 1 to 100."),
        (["--calls", "many"], "--calls must be a whole number from 1 to 100."),
    ],
)
def test_wrong_options_are_one_sentence(options: list[str], sentence: str):
    result = CliRunner().invoke(main, ["lab", "up", *options])
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_missing_programs_are_named_with_the_script_that_installs_them(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("KURAL_SERVERS", "/nonexistent")
    result = CliRunner().invoke(main, ["lab", "up"])
    assert result.exit_code == 2
    assert result.stderr == (
        "kural: Not installed: redis-server, livekit-server, livekit-sip. "
        "Run .ci/run, which installs them.\n"
    )


@pytest.mark.skipif(bool(MISSING), reason=f"not installed (.ci/run): {', '.join(MISSING)}")
def test_a_folder_whose_name_is_too_long_for_sockets_is_refused(tmp_path: Path):
    result = CliRunner().invoke(main, ["lab", "up", "--folder", str(tmp_path / ("x" * 90))])
    assert result.exit_code == 2
    assert "--folder is too long" in result.stderr


@pytest.mark.livekit
@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=f"not installed (.ci/run): {', '.join(MISSING)}")
def test_the_line_takes_calls_until_ctrl_c_and_leaves_nothing(short_folder: Path):
    """Numbers, address and folder as JSON; then SIGINT ends every process, exit 0."""
    command = [sys.executable, "-m", "agent", "lab", "up", "--json", "--calls", "1"]
    line = subprocess.Popen(
        [*command, "--number", "+914400000001=18", "--folder", str(short_folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"SPEECH__EARS_URL": "", "SPEECH__VOICE_URL": ""},
    )
    with line:
        assert line.stdout is not None
        assert line.stderr is not None
        told = json.loads(line.stdout.readline() or line.stderr.read())
        address = told["dial"][0]
        assert address.startswith("sip:+914400000001@127.0.0.1:")
        assert asyncio.run(probes.sip_answers(int(address.rpartition(":")[2])))
        line.send_signal(signal.SIGINT)
        assert line.wait(timeout=120) == 0
    assert not asyncio.run(probes.sip_answers(int(address.rpartition(":")[2])))
    assert Path(told["environment_file"]).stat().st_mode & 0o077 == 0
