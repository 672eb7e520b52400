"""Callers who press keys, hang up in mid-sentence, interrupt and stand in a street: in real sound.

Several at once, each in a process of its own, against one pair of ears and voice.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

D01 = Path(__file__).resolve().parent.parent / "data" / "calls" / "spoken" / "D01.json"

pytestmark = pytest.mark.slow


def unruly(folder: Path, name: str, **fields: object) -> Path:
    script = json.loads(D01.read_text(encoding="utf-8")) | {"id": name} | fields
    path = folder / f"{name}.json"
    path.write_text(json.dumps(script, ensure_ascii=False), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def calls(play: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("unruly")
    turns = json.loads(D01.read_text(encoding="utf-8"))["caller_turns_ta"]
    pressed = [*turns[:4], "[9842113576#]", "[1]"]
    gone = {"outcome": "hung_up", "partial": True, "tickets": 1, "category": "WATER"}
    paths = [
        unruly(folder, "U1", interrupts=["landmark", "name"], backchannels=True),
        unruly(folder, "U2", caller_turns_ta=pressed, line={"noise": "hiss", "snr_db": 30}),
        unruly(
            folder, "U3", hangs_up_at="landmark", hangs_up_while_speaking=True, expected=gone
        ),
    ]  # fmt: skip
    run = play([*map(str, paths), "--jobs", "2"], folder, timeout_s=600)
    return {call["id"]: call for call in run.report["calls"]}


def test_all_calls_come_back_in_order_with_their_measures(calls: dict[str, Any]) -> None:
    assert list(calls) == ["U1", "U2", "U3"]
    for call in calls.values():
        assert call["outcome"] != "error"
        assert call["measures"]["dead_air_s"] > 0


def test_an_interrupting_and_murmuring_caller_is_noticed(calls: dict[str, Any]) -> None:
    measures = calls["U1"]["measures"]
    assert measures["murmurs"] >= 1
    assert len(measures["barge_ins_s"]) >= 1


def test_keys_reach_the_line_between_spoken_turns(calls: dict[str, Any]) -> None:
    heard = {turn["said"]: turn["heard"] for turn in calls["U2"]["dialogue"]}
    assert heard.get("[9842113576#]") == "9842113576"


def test_who_hangs_up_in_mid_sentence_leaves_what_was_said_before(calls: dict[str, Any]) -> None:
    assert calls["U3"]["passed"], calls["U3"]["fields"]
    assert calls["U3"]["rows"][0]["landmark"] is None
