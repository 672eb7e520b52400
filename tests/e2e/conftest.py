"""Plays calls through the `kural` command, as a person would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parent.parent
CALLS = TESTS / "data" / "calls"


@dataclass(frozen=True, slots=True)
class Run:
    """What one `kural` command left."""

    code: int
    out: str
    err: str
    report: dict[str, Any]

    @property
    def passed(self) -> dict[str, bool]:
        return {call["id"]: call["passed"] for call in self.report["calls"]}

    def misses(self) -> str:
        wrong = [call for call in self.report["calls"] if not call["passed"]]
        return json.dumps([(c["id"], c["cause"], c["fields"]) for c in wrong], ensure_ascii=False)


def run_kural(arguments: Sequence[str], folder: Path, *, timeout_s: float) -> Run:
    """Run `kural call` with a report and its data under ``folder``."""
    report = folder / "report.json"
    command = [sys.executable, "-m", "agent", "--log-level", "INFO", "call", *arguments]
    done = subprocess.run(
        [*command, "--report", str(report), "--data-dir", str(folder / "var")],
        capture_output=True,
        timeout=timeout_s,
        check=False,
        env=os.environ | {"DATA_DIR": str(folder / "var"), "LOG__FORMAT": "json"},
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert report.is_file(), f"no report, exit {done.returncode}:\n{out[-2000:]}\n{err[-4000:]}"
    return Run(done.returncode, out, err, json.loads(report.read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def play() -> Callable[..., Run]:
    """Run `kural call`."""
    return run_kural


@pytest.fixture(scope="session")
def prompt_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All fixed prompts as sound, rendered once for all workers of the tests."""
    folder = tmp_path_factory.mktemp("prompts")
    subprocess.run(
        [sys.executable, "-m", "agent", "prompts", "render"],
        env=os.environ | {"DATA_DIR": str(folder)},
        cwd=TESTS.parent,
        timeout=600,
        check=True,
    )
    return folder / "prompts"


@pytest.fixture
def data_dir(prompt_cache: Path) -> Iterator[Path]:
    """DATA_DIR of workers, with prompts. Its name is short: those of sockets have to be."""
    with tempfile.TemporaryDirectory(prefix="kural-", dir="/tmp") as name:
        folder = Path(name)
        shutil.copytree(prompt_cache, folder / "prompts", copy_function=os.link)
        yield folder
