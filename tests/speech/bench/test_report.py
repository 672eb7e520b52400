"""What is printed, written as JSON and drawn."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from agent.errors import UsageError
from agent.speech.bench.arms import LABELS, Arm
from agent.speech.bench.figures import (
    PARTS,
    Findings,
    Memory,
    Quantiles,
    Saturated,
    Step,
    Transport,
)
from agent.speech.bench.plot import check_can_draw, draw
from agent.speech.bench.report import json_of, text_of


@pytest.fixture
def findings() -> Findings:
    machine: dict[str, str | int | float] = {
        "processor": "Abacus", "cores": 2, "load_before": 0.5, "date": "2026-11-21T00:00:00+00:00",
    }  # fmt: skip
    plan: dict[str, str | int | float] = {
        "model": "sayer", "device": "cpu", "compute_type": "int8", "beam_size": 1, "threads": 1,
    }  # fmt: skip
    found = Findings(machine, plan)
    for number, arm in enumerate(Arm):
        speed = 10 * (number + 1)
        batches = {1: 10, 8: 5} if arm is Arm.KURAL else {1: speed}
        found.saturated[arm] = Saturated(arm, speed, 0, 1.0, 2.0, batches)
        for sessions in (1, 8):
            found.memory.append(Memory(arm, sessions, 10**8 * sessions, 2 * 10**8))
        for sessions, p95 in ((10, 0.2), (20, 0.4), (30, math.inf)):
            latency = Quantiles(0.1, p95 * (number + 1) / 4, math.inf)
            parts = {part: Quantiles(0.01, 0.02, 0.03) for part in PARTS}
            found.steps.append(Step(arm, sessions, 4.0, 20, 1, 1, latency, parts))
    found.transport = Transport(Quantiles(0.001, 0.0019, 0.003), Quantiles(0.01, 0.02, 0.03), 200)
    found.notes.append("the time was over")
    return found


def test_the_table_names_every_way_and_every_verdict(findings: Findings) -> None:
    text = text_of(findings)
    for label in LABELS.values():
        assert text.count(label) >= 5
    assert "kural over the lock at 30 s 4.00x" in text
    assert "batching alone 2.00x" in text
    assert "batches of kural by size: 1: 10, 8: 5" in text
    assert "sessions at p95 <= 500 ms: lock, 30 s window 20" in text
    assert "p95 1.90 ms (under 2 ms)" in text
    assert "never" in text
    assert "Note: the time was over" in text
    assert max(len(line) for line in text.splitlines() if "  " in line) < 140


def test_the_json_has_no_number_that_json_does_not_know(findings: Findings) -> None:
    read = json.loads(json.dumps(json_of(findings), allow_nan=False))
    assert set(read) == {
        "machine", "plan", "full_queue", "ratios", "ratios_by_clock", "ratios_of_sessions",
        "same_words", "memory", "open_load", "sessions_in_time", "transport", "notes",
    }  # fmt: skip
    assert read["full_queue"]["kural"]["utterances_per_cpu_s"] == 40
    assert read["ratios"]["batching_alone"] == 2.0
    assert read["open_load"][2]["latency_s"]["p95"] is None
    assert read["sessions_in_time"]["lock-30s"] == 20


def test_a_run_that_found_nothing_is_still_a_report() -> None:
    empty = Findings(
        {"processor": "x", "cores": 1, "load_before": 0.0, "date": "x"},
        {"model": "x", "device": "cpu", "compute_type": "x", "beam_size": 1, "threads": 1},
    )
    assert "model x" in text_of(empty)
    assert json.loads(json.dumps(json_of(empty)))["transport"] is None


def test_the_picture_is_drawn_and_not_empty(findings: Findings, tmp_path: Path) -> None:
    from matplotlib.image import imread

    path = tmp_path / "bench.png"
    check_can_draw(path)
    draw(findings, path)
    picture = np.asarray(imread(path))
    assert picture.shape[0] > 500
    assert picture.shape[1] > 900
    assert len(np.unique((picture[..., :3] * 255).astype(int).reshape(-1, 3), axis=0)) > 20


@pytest.mark.parametrize("name", ["x.jpg", "x", "missing/x.png", "folder.png"])
def test_a_picture_that_cannot_be_written_is_refused_before_the_run(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UsageError):
        check_can_draw(tmp_path / name)
