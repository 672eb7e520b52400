"""Five hundred typed calls in one process: what is left behind?

Usage: ``python benchmarks/leaks.py [--calls 500]``. Every call is hung up after another number of
turns, four at a time. Counted after a first round and at the end: tasks of the event loop, open
files, threads, resident memory. Exit 1 when tasks, files or threads have grown.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from agent.complaint import Call
from agent.observability import logs
from agent.settings import Settings
from agent.wiring import Parts, build_parts, build_session

TURNS = ("ஆமா", "எங்க தெருவுல அஞ்சு நாளா தண்ணி வரல", "பல்லடம்", "கோயில் பக்கத்துல", "முருகன்", "ஆமா", "ஆமா")
AT_ONCE = 4
SLACK = 2
"""Threads and files the runtime may hold for itself beyond the first round."""


async def call(parts: Parts, number: int) -> None:
    """One call, hung up after ``number`` turns, modulo the longest."""
    told = Call(id=f"local-{number}", started_at=datetime.now(UTC), caller="+919500123456")
    session, intake = build_session(parts, told, audio=False)
    await session.start(intake, record=False)
    for said in TURNS[: number % (len(TURNS) + 1)]:
        if not intake.done.is_set():
            await session.run(user_input=said)
    await intake.dialogue.close("hung_up")
    await session.aclose()


async def calls(parts: Parts, numbers: range) -> None:
    """Some calls, four at a time."""
    for first in numbers[::AT_ONCE]:
        batch = range(first, min(first + AT_ONCE, numbers.stop))
        await asyncio.gather(*(call(parts, number) for number in batch))
        sys.stderr.write(f"\r{batch.stop} calls")


def held() -> dict[str, int]:
    """What the process holds now."""
    gc.collect()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return {
        "tasks": len(asyncio.all_tasks()),
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
        "rss_kb": int(resident.split()[1]),
    }


async def run(count: int) -> int:
    """Play them all; the exit code."""
    with tempfile.TemporaryDirectory(prefix="kural-leaks-") as folder:
        parts = build_parts(Settings(data_dir=Path(folder)), audio=False)
        await calls(parts, range(50))
        before, began = held(), time.perf_counter()
        await calls(parts, range(50, 50 + count))
        await asyncio.sleep(0.5)
        after = held()
        parts.store.close()
    took_s = time.perf_counter() - began
    sys.stdout.write(f"\n{count} calls in {took_s:.1f} s\n")
    for name, value in before.items():
        sys.stdout.write(f"{name:8} {value:8} -> {after[name]:8}\n")
    grown = [name for name in ("tasks", "files", "threads") if after[name] > before[name] + SLACK]
    return 1 if grown else 0


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--calls", type=int, default=500)
    given = parser.parse_args()
    logs.configure("CRITICAL", "text")
    sys.exit(asyncio.run(run(given.calls)))


if __name__ == "__main__":
    main()
