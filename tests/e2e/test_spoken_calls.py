"""Sound in, ticket out: spoken calls through ears, voice, turn detection, flow, journal and rows.

The callers speak with the embedded synthesiser in variants the demo model was never trained on,
through a telephone band. Calls are played at natural speed, three lines at a time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agent.settings import PROJECT_DIR

SPOKEN = Path(__file__).resolve().parent.parent / "data" / "calls" / "spoken"
FIRST_CALL = PROJECT_DIR / "examples" / "first-call.wav"
LINES = (
    (FIRST_CALL, SPOKEN / "D02.json"),
    (SPOKEN / "D03.json", SPOKEN / "D04.json"),
    (SPOKEN / "D05.json", SPOKEN / "D06.json"),
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(play: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory):
    def one(paths: tuple[Path, ...]):
        folder = tmp_path_factory.mktemp("line", numbered=True)
        return folder, play([str(path) for path in paths], folder, timeout_s=600)

    with ThreadPoolExecutor(len(LINES)) as pool:
        return list(pool.map(one, LINES))


def test_the_recorded_call_and_five_more_are_all_right(runs):
    passed = {name: ok for _, run in runs for name, ok in run.passed.items()}
    assert len(passed) == 6
    assert all(passed.values()), [run.misses() for _, run in runs]


def test_what_the_processes_logged_holds_no_tamil_word_and_no_number(runs):
    """Ears and voice log into files of their own; the call logs to stderr."""
    for folder, run in runs:
        logged = run.err + "".join(
            path.read_text(encoding="utf-8") for path in folder.rglob("log/*.log")
        )
        assert "tickets filed" in logged
        assert not re.findall(r"[\u0b80-\u0bff]+", logged)
        assert not re.findall(r"9842113576|8344112290|7010554432|0000000\d\d\d", logged)


def test_every_turn_has_an_honest_delay(runs):
    """From the end of the caller's voice on the waveform to the agent's first sound."""
    for _, run in runs:
        for call in run.report["calls"]:
            delays = [turn["delay_s"] for turn in call["dialogue"] if turn.get("delay_s")]
            assert len(delays) >= 5
            assert all(0 < delay < 10 for delay in delays)
