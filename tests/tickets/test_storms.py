"""The short forms of the storms in benchmarks/: kills, outages and races on real databases."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.tickets.conftest import ROOT

pytestmark = pytest.mark.usefixtures("postgres_server")  # skips where PostgreSQL is not installed


def run(name: str, *arguments: str) -> str:
    """What a benchmark prints; its exit code says whether every promise was kept."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / name), *arguments],
        capture_output=True, text=True, timeout=300, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return done.stdout


def test_killed_at_random_moments_no_promise_is_broken() -> None:
    said = run("storm_of_kills.py", "--short")
    storms = re.findall(
        r"^(\w+): (\d+) kills .* (\d+) acknowledged, (\d+) lost, (\d+) doubled, (\d+) numbers",
        said,
        re.MULTILINE,
    )
    assert [storm[0] for storm in storms] == ["sqlite", "postgresql", "server"]
    assert sum(int(storm[1]) for storm in storms) == 45
    for _, _, acknowledged, *broken in storms:
        assert int(acknowledged) > 0
        assert broken == ["0", "0", "0"]


def test_with_the_database_away_every_caller_gets_a_number_and_every_row_follows() -> None:
    said = run("database_outage.py", "--seconds", "3", "--how", "kill", "pause", "vanishing")
    found = re.findall(r"^(\w+), 3 s: 20 calls, .*\((\d+) calls provisional\)", said, re.MULTILINE)
    assert found == [("kill", "0"), ("pause", "0"), ("vanishing", "20")]


def test_eight_processes_of_two_machines_never_get_the_same_number() -> None:
    said = run("ticket_numbers.py", "--numbers", "1600")
    assert said.startswith("1600 numbers by 8 processes of 2 machines (m0 800, m1 800)")
    assert "0 given twice, 0 not valid" in said
