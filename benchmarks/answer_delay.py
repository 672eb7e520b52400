"""Caller stops, agent speaks: the delay at 1, 4 and 8 calls at once, with speculation and without.

Usage: ``python benchmarks/answer_delay.py [--calls 1 4 8] [--scripts FILE...]``. Each call is a
process of its own (``kural call``), all share one ears and one voice process as in production, and
the delay is measured on the two waveforms: last audible sample of the caller, first of the agent.
``added`` is what the recogniser itself adds: from the end of the silence that ends an utterance to
its words. Progress goes to standard error, the table to standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from agent.control.supervisor import Supervisor
from agent.settings import PROJECT_DIR, Settings

SCRIPTS = sorted((PROJECT_DIR / "tests" / "data" / "calls" / "spoken").glob("D0*.json"))
NEVER_S = 9.0
"""A silence no utterance reaches: nothing is decoded on suspicion."""


@dataclass(slots=True)
class Arm:
    """One way to run, with what it came to."""

    calls: int
    speculate: bool
    quick_s: list[float] = field(default_factory=list)
    """Delays of turns whose words answer the question at once."""
    patient_s: list[float] = field(default_factory=list)
    """Delays of stories and numbers: they hold an intended wait."""
    added_s: list[float] = field(default_factory=list)
    passed: int = 0
    cut_offs: int = 0


def play(arm: Arm, scripts: list[Path], settings: Settings, folder: Path) -> None:
    """Play `arm.calls` calls at once and keep their delays."""
    environment = os.environ | {
        "SPEECH__EARS_URL": settings.ears_url,
        "SPEECH__VOICE_URL": settings.voice_url,
        "LOG__FORMAT": "json",
    }
    if not arm.speculate:
        environment["SPEECH__SPECULATE_AFTER_S"] = str(NEVER_S)
    running = []
    for number in range(arm.calls):
        out = folder / f"{arm.calls}-{arm.speculate}-{number}"
        out.mkdir()
        command = [sys.executable, "-m", "agent", "--log-level", "INFO", "call"]
        command += [str(scripts[number % len(scripts)]), "--report", str(out / "report.json")]
        command += ["--data-dir", str(out / "var")]
        with (out / "log").open("wb") as log:
            process = subprocess.Popen(
                command, env=environment, stdout=subprocess.DEVNULL, stderr=log
            )
        running.append((process, out))
    for process, out in running:
        process.wait()
        _keep(arm, out)


def _keep(arm: Arm, out: Path) -> None:
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    arm.passed += report["summary"]["passed"]
    arm.cut_offs += report["summary"]["cut_offs"]
    patient = {"complaint", "phone", "ticket", "days"}
    for call in report["calls"]:
        for turn in call["dialogue"]:
            if turn["delay_s"] is not None:
                kept = arm.patient_s if turn["asked"] in patient else arm.quick_s
                kept.append(turn["delay_s"])
    for line in (out / "log").read_text(encoding="utf-8").splitlines():
        if line.startswith("{") and '"utterance heard"' in line:
            arm.added_s.append(json.loads(line)["recogniser_s"])


def table(arms: list[Arm]) -> str:
    """The arms as a Markdown table."""
    head = "calls at once | decoded on suspicion | short answers p50 / p95 | stories and numbers"
    head += " p50 / p95 | recogniser added p50 / p95 | right | cut off"
    lines = [f"| {head} |", "|" + " --- |" * (head.count("|") + 1)]
    for arm in arms:
        cells = [str(arm.calls), "yes" if arm.speculate else "no"]
        cells += [_percentiles(v) for v in (arm.quick_s, arm.patient_s)]
        cells += [_percentiles(arm.added_s, "ms"), f"{arm.passed}/{arm.calls}", str(arm.cut_offs)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _percentiles(values: list[float], unit: str = "s") -> str:
    if not values:
        return "-"
    p50, p95 = np.percentile(values, [50, 95])
    if unit == "ms":
        return f"{1000 * p50:.0f} / {1000 * p95:.0f} ms"
    return f"{p50:.2f} / {p95:.2f} s"


def main() -> None:
    """Read the command line, play all arms, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--scripts", type=Path, nargs="+", default=SCRIPTS)
    args = parser.parse_args()
    arms = [Arm(calls, speculate) for calls in args.calls for speculate in (True, False)]
    with tempfile.TemporaryDirectory(prefix="kural-delay-") as name:
        settings = Settings(data_dir=Path(name) / "var")
        supervisor = Supervisor(settings)
        supervisor.start()
        try:
            for arm in arms:
                how = "with" if arm.speculate else "without"
                print(f"{arm.calls} at once, {how} speculation ...", file=sys.stderr, flush=True)
                play(arm, args.scripts, settings, Path(name))
        finally:
            supervisor.stop()
    print(table(arms))


if __name__ == "__main__":
    main()
