"""The units in deploy/, as systemd itself reads them."""

import shutil
import subprocess
import sys

import pytest

from agent.settings import Settings
from tests.deployed import DEPLOY, KNOWN, ROOT, seconds

UNIT = DEPLOY / "kural-worker.service"
UNITS = sorted(DEPLOY.glob("*.service"))
NOT_OURS = {"HOME", "PYTHONUNBUFFERED"}
MOST_EXPOSED = 30
"""Tenths, of ten: systemd calls up to 40 OK."""


def service_section():
    """Its lines by name; the last one of a name counts."""
    section = UNIT.read_text(encoding="utf-8").partition("[Service]\n")[2].partition("\n[")[0]
    lines = [line for line in section.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_live_calls_get_the_time_to_end_and_one_signal_only():
    service = service_section()
    environment = dict(pair.split("=", 1) for pair in service["Environment"].split())
    drain_s = float(environment["LIVEKIT__DRAIN_TIMEOUT_S"])
    assert seconds(service["TimeoutStopSec"]) > drain_s > Settings().call.max_call_s
    assert service["KillMode"] == "mixed"
    assert set(environment) - NOT_OURS <= set(KNOWN)


def test_it_starts_what_is_there_without_a_wrapper():
    program, script, command = service_section()["ExecStart"].split()
    assert program.endswith("/.venv/bin/python")
    assert (ROOT / script.rpartition("/")[2]).is_file()
    assert command == "start"


def runnable(unit, tmp_path):
    """The unit with a program that exists here."""
    text = unit.read_text(encoding="utf-8")
    copy = tmp_path / unit.name
    copy.write_text(text.replace("/opt/kural/.venv/bin/python", sys.executable), encoding="utf-8")
    return copy


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on PATH"
)
def test_systemd_takes_it(unit, tmp_path):
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(runnable(unit, tmp_path))],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    about_it = [line for line in done.stderr.splitlines() if unit.name in line]
    assert about_it == []


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on PATH"
)
def test_systemd_finds_it_shut_in(unit, tmp_path):
    done = subprocess.run(
        [
            *("systemd-analyze", "security", "--offline=true", "--no-pager"),
            *(f"--threshold={MOST_EXPOSED}", str(runnable(unit, tmp_path))),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout[-300:]
