"""The processes of the arms: they answer alike, are weighed, and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from agent.errors import ConfigurationError
from agent.speech.bench.arms import Arm, Compute
from agent.speech.bench.clips import Clip
from agent.speech.bench.figures import PARTS
from agent.speech.bench.load import arrivals, open_load, saturate
from agent.speech.bench.process import running
from agent.speech.bench.transport import measure_transport
from tests.speech.conftest import SAID, Speak


@pytest.fixture
def compute(saying_model_dir: Path) -> Compute:
    return Compute(model=saying_model_dir)


@pytest.fixture
def clips(speak: Speak) -> list[Clip]:
    texts = ["தண்ணி வரல", "தெரு விளக்கு எரியல", "குப்பை அள்ளல"]
    return [Clip(speak(text, after=0.3)) for text in texts]


@pytest.mark.parametrize("arm", list(Arm))
async def test_every_way_answers_the_same_requests(
    arm: Arm, compute: Compute, clips: list[Clip], tmp_path: Path
) -> None:
    async with asyncio.timeout(60), running(arm, compute, tmp_path) as process:
        await process.ready
        await process.expect(2)
        found = await saturate(process, clips, in_flight=4, sessions=2, at_least_s=0.2)
        plan = arrivals(10, 1.0, len(clips), np.random.default_rng(0))
        answers = await open_load(process, plan, clips)
        memory = process.memory_bytes()
    assert set(found.texts.values()) == {SAID}
    assert found.failed == 0
    assert found.utterances % len(clips) == 0
    assert found.utterances >= len(clips)
    assert 0 < found.cpu_s < 60
    assert sum(size * n for size, n in found.batches.items()) == found.utterances
    assert len(answers) == len(plan)
    for answer in answers:
        assert answer.text == SAID
        assert set(answer.parts) == set(PARTS)
        assert sum(answer.parts.values()) == pytest.approx(answer.latency_s, abs=0.02)
    assert 10_000_000 < memory["pss"] <= memory["rss"]
    assert not alive(process.pid)


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_a_model_per_call_grows_with_the_calls_and_a_lock_does_not(
    compute: Compute, tmp_path: Path
) -> None:
    """The file is mapped for none of them: every model is a copy."""
    held = {}
    for arm in (Arm.LOCK_LONG, Arm.MODEL_EACH):
        async with asyncio.timeout(60), running(arm, compute, tmp_path) as process:
            await process.ready
            before = process.memory_bytes()["pss"]
            await process.expect(10)
            held[arm] = process.memory_bytes()["pss"] - before
    assert held[Arm.MODEL_EACH] > held[Arm.LOCK_LONG] + 1_000_000


async def test_utterances_that_never_come_back_are_lost_and_not_forgotten(
    compute: Compute, clips: list[Clip], tmp_path: Path
) -> None:
    async with asyncio.timeout(60):
        async with running(Arm.LOCK_SHORT, compute, tmp_path, deadline_s=1.0) as process:
            await process.ready
            os.kill(process.pid, signal.SIGSTOP)
            try:
                plan = arrivals(10, 0.5, len(clips), np.random.default_rng(0))
                answers = await open_load(process, plan, clips)
            finally:
                os.kill(process.pid, signal.SIGCONT)
    assert len(answers) == len(plan)
    assert {answer.latency_s for answer in answers} == {float("inf")}
    assert not any(answer.refused or answer.parts for answer in answers)


async def test_a_model_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    compute = Compute(model=tmp_path / "nothing")
    async with running(Arm.KURAL, compute, tmp_path) as process:
        with pytest.raises(ConfigurationError, match=r"kural does not start.*missing"):
            await process.ready


async def test_the_link_alone_is_timed_with_sixty_four_open(
    compute: Compute, tmp_path: Path
) -> None:
    async with asyncio.timeout(60), running(None, compute, tmp_path) as process:
        await process.ready
        found = await measure_transport(process, 1.0)
    assert found.requests == 32
    assert 0 < found.spread.p50 <= found.spread.p95 < 10
    assert 0 < found.burst.p50 <= found.burst.p95 < 10


BENCH = """
import asyncio, sys
from pathlib import Path
from agent.speech.bench.arms import Arm, Compute
from agent.speech.bench.process import running

async def main():
    compute = Compute(model=Path(sys.argv[1]))
    async with running(Arm.MODEL_EACH, compute, Path(sys.argv[2])) as process:
        await process.ready
        print(process.pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_whoever_ends_the_bench_ends_its_processes(
    number: signal.Signals, saying_model_dir: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", BENCH, str(saying_model_dir), str(tmp_path)]
    bench = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with bench:
        assert bench.stdout is not None
        child = int(bench.stdout.readline())
        bench.send_signal(number)
    end = time.monotonic() + 20
    while alive(child):
        assert time.monotonic() < end, "the arm outlived the bench"
        time.sleep(0.02)
