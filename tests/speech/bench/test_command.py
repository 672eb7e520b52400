"""``kural engine bench`` as a person types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agent.speech.audio import write_wav
from agent.speech.bench.arms import LABELS, Arm
from agent.speech.device import find_card
from tests.speech.conftest import Speak

BENCH = [sys.executable, "-m", "agent", "engine", "bench"]


def bench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*BENCH, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture
def recordings(tmp_path: Path, speak: Speak) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for number, text in enumerate(["தண்ணி வரல", "தெரு விளக்கு எரியல"]):
        write_wav(folder / f"{number}.wav", speak(text, after=0.3), 16_000)
    return folder


def test_a_short_run_measures_everything(
    saying_model_dir: Path, recordings: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "bench.png"
    done = bench(
        *("--model", saying_model_dir, "--clips", recordings, "--sessions", "30,10"),
        *("--seconds", "10", "--json", "--out", picture),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["machine"]["cores"] >= 1
    assert found["machine"]["ctranslate2"][0].isdigit()
    assert found["plan"]["model"] == "sayer"
    assert found["plan"]["clips"] == 2
    assert list(found["full_queue"]) == [arm.value for arm in Arm]
    for way in found["full_queue"].values():
        assert way["failed"] == 0
        assert way["utterances_per_cpu_s"] > 0
    assert found["same_words"]["kural_and_lock_short"] == 1.0
    assert [(s["arm"], s["sessions"]) for s in found["open_load"]].count(("kural", 10)) == 1
    assert {s["sessions"] for s in found["open_load"]} == {10, 30}
    assert {m["sessions"] for m in found["memory"]} == {1, 8}
    assert found["transport"]["in_flight_64"]["p50"] > 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert LABELS[Arm.KURAL] in done.stderr


def test_the_simulation_needs_no_model() -> None:
    done = bench("--fake", "--model", "nowhere")
    assert done.returncode == 0
    assert "always full" in done.stdout
    figures = json.loads(bench("--fake", "--json").stdout)
    assert figures["ratio"] >= 8
    assert figures["kural_sessions"] > 4 * figures["lock_sessions"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "/nowhere"], "/nowhere is missing"),
        (["--clips", "/nowhere"], "/nowhere is not a folder"),
        (["--seconds", "1"], "--seconds 1 is out of range"),
        (["--seconds", "nan"], "--seconds nan is out of range"),
        (["--sessions", "ten"], "--sessions ten is not a list"),
        (["--sessions", "0,5"], "--sessions 0,5 is not a list"),
        (["--out", "/nowhere/x.png"], "cannot be written"),
        (["--out", "x.jpg"], "does not end in .png"),
        pytest.param(
            ["--gpu"],
            "no GPU",
            marks=pytest.mark.skipif(find_card(0) is not None, reason="there is a GPU"),
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_work_is_one_sentence(arguments: list[str], said: str) -> None:
    done = bench(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert said in last
    assert last.startswith("kural: ")
    assert "Traceback" not in done.stderr


def test_a_model_folder_that_is_no_model_is_one_sentence(tmp_path: Path) -> None:
    for name in ("model.bin", "config.json", "vocabulary.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "preprocessor_config.json").write_text("{}")
    write_wav(tmp_path / "a.wav", np.ones(16_000, np.int16), 16_000)
    done = bench("--model", tmp_path, "--clips", tmp_path, "--seconds", "10")
    assert done.returncode == 2
    assert "does not start" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_ctrl_c_leaves_no_process_behind(saying_model_dir: Path, recordings: Path) -> None:
    """The arms have sessions of their own, so the terminal's signal does not reach them."""
    command = [*BENCH, "--model", str(saying_model_dir), "--clips", str(recordings)]
    command += ["--seconds", "600"]  # still at work when the signal comes
    running = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    with running:
        assert running.stderr is not None
        for line in running.stderr:
            if "full queue" in line:
                break
        children = {pid for pid in map(int, pids()) if parent_of(pid) == running.pid}
        running.send_signal(signal.SIGINT)
        rest = running.stderr.read()
    assert running.returncode == 130
    assert len(children) == len(Arm) + 1
    assert "Traceback" not in rest
    assert not [pid for pid in children if parent_of(pid)]


def pids() -> list[str]:
    return [name for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208


def parent_of(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[1])
