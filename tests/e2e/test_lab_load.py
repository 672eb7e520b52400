"""Two callers over a real LiveKit: heard, answered, their tickets in the database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import pytest

from agent.lab.stack import missing_tools
from agent.settings import PROJECT_DIR

MISSING = missing_tools("redis-server", "livekit-server")
pytestmark = [
    pytest.mark.livekit,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]


def _load(folder: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """Run ``kural lab load``; its figures."""
    report = folder / "load.json"
    done = subprocess.run(
        [sys.executable, "-m", "agent", "lab", "load", *arguments, "--report", str(report)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"DATA_DIR": str(folder / "var"), "PYTHONPATH": str(PROJECT_DIR)},
    )
    assert report.is_file(), f"exit {done.returncode}:\n{done.stdout}\n{done.stderr[-4000:]}"
    return done, json.loads(report.read_text(encoding="utf-8"))


def test_two_callers_speak_at_once_and_leave_tickets(tmp_path: Path):
    """One tells a whole complaint by voice, one hangs up: both are answered, by sound."""
    callers = tmp_path / "callers"
    callers.mkdir()
    script = json.loads((PROJECT_DIR / "examples" / "first-call.json").read_text("utf-8"))
    (callers / "D01.json").write_text(json.dumps(script), "utf-8")
    leaving = script | {"id": "D02", "hangs_up_at": "complaint", "hangs_up_while_speaking": True}
    leaving["expected"] = {"outcome": "hung_up"}
    (callers / "D02.json").write_text(json.dumps(leaving), "utf-8")

    done, found = _load(
        tmp_path, str(callers), "--calls", "2", "--ramp", "1", "--record", str(tmp_path / "wav")
    )

    (stage,) = found["stages"]
    assert (stage["calls"], stage["answered"], stage["refused"]) == (2, 2, 0), done.stderr[-3000:]
    assert done.returncode == 0
    whole = next(call for call in stage["each"] if call["id"] == "D01")
    assert whole["ended"] == "agent", whole
    assert whole["passed"], whole
    assert stage["quick"]["count"] >= 3
    assert stage["call_mb"] > 0
    assert found["worker_exit"] == 0
    recorded = sorted((tmp_path / "wav").glob("*.wav"))
    assert len(recorded) == 2
    with wave.open(str(recorded[0])) as file:
        assert file.getnchannels() == 2


def test_a_full_worker_refuses_and_nobody_is_forgotten(tmp_path: Path):
    """Two callers, one slot: one is answered, the other rings on and is counted as refused."""
    callers = tmp_path / "callers"
    callers.mkdir()
    script = json.loads((PROJECT_DIR / "examples" / "first-call.json").read_text("utf-8"))
    script |= {"hangs_up_at": "name", "expected": {"outcome": "hung_up"}}
    (callers / "D01.json").write_text(json.dumps(script), "utf-8")

    done, found = _load(tmp_path, str(callers), "--calls", "2", "--capacity", "1", "--ramp", "0")

    (stage,) = found["stages"]
    assert (stage["calls"], stage["answered"], stage["refused"]) == (2, 1, 1), done.stderr[-3000:]
    assert done.returncode == 1
