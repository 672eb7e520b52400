import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent import cli, worker
from agent.observability import telemetry

ROOT = Path(__file__).parents[2]
NAME = "ORT_DISABLE_TELEMETRY"


def left_behind(home, code):
    """The files a Python program leaves in a fresh home folder."""
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"HOME": str(home), "PATH": ""},
        check=True,
        timeout=300,
    )
    return list(home.rglob("*"))


def test_onnxruntime_leaves_no_device_id(tmp_path):
    """Nor does it report, which it prepares at its import."""
    code = "from agent.observability import telemetry; telemetry.refuse(); import onnxruntime"
    assert left_behind(tmp_path, code) == []


@pytest.mark.parametrize(
    ("start", "arguments"), [(cli.main, ["--version"]), (worker.main, ["start"])]
)
def test_both_programs_refuse_at_their_start(monkeypatch, capsys, start, arguments):
    monkeypatch.setenv(NAME, "0")
    monkeypatch.delenv(NAME)
    monkeypatch.setenv("CONTROL__PORT", "no port")  # the worker goes no further
    monkeypatch.setattr(sys, "argv", ["kural", *arguments])
    with pytest.raises(SystemExit):
        start(arguments)
    assert os.environ[NAME] == "1"
    capsys.readouterr()


def test_whoever_sets_it_otherwise_is_heeded(monkeypatch):
    monkeypatch.setenv(NAME, "0")
    telemetry.refuse()
    assert os.environ[NAME] == "0"
