"""Hard callers in text, through the real agent: corrections, asides, pieces, anger, danger.

Each script holds something that once went wrong (its ``notes`` say what).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

HARD = Path(__file__).resolve().parent.parent / "data" / "calls" / "hard"


def test_every_hard_call_leaves_the_expected_rows(play: Callable[..., Any], tmp_path: Path):
    run = play([str(HARD), "--text"], tmp_path, timeout_s=300)
    assert sorted(run.passed) == sorted(path.stem for path in HARD.glob("*.json"))
    assert all(run.passed.values()), run.misses()
    assert run.code == 0
