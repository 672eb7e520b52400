import asyncio
import os
import time

import psutil
import pytest

from agent.callers.isolation import with_database
from agent.callers.sources import CallSource
from agent.capacity.estimate import NEVER_S
from agent.errors import EngineError
from agent.lab.calibration import _running
from agent.lab.line_cost import line_cost
from agent.lab.made_calls import made_scripts
from agent.lab.slot import _Burning
from agent.lab.slots import Turn, delays_of
from agent.settings import Settings

WITHIN_S = 120.0
"""Longest wait for anything here, on a machine that others use as well."""


async def until(holds):
    """Wait for a condition."""
    for _ in range(round(WITHIN_S / 0.1)):
        if holds():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it never held")


def turn(slot, ends_at, delay_s=None, *, quick=True, heard=True):
    return Turn(slot, ends_at, quick, over=True, delay_s=delay_s, heard=heard)


def test_delays_are_those_of_short_answers_that_ended_in_the_window_by_slot():
    turns = [
        turn(0, 9.9, 0.4),
        turn(0, 10.0, 0.5),
        turn(1, 11.0, 0.6),
        turn(0, 12.0, 0.7, quick=False),
        turn(0, 20.0, 0.8),
    ]
    assert delays_of(turns, 10.0, 20.0, NEVER_S) == ((0.5,), (0.6,))


def test_a_turn_nobody_answered_counts_and_one_taken_too_early_does_not():
    turns = [turn(0, 11.0, heard=False), turn(0, 12.0, heard=True), turn(0, 13.0, 99.0)]
    assert delays_of(turns, 10.0, 20.0, NEVER_S) == ((NEVER_S, NEVER_S),)


async def test_a_simulated_line_takes_a_small_share_of_a_core():
    cores = await line_cost(0.5)
    assert 0.0 < cores < 1.0


def test_a_burning_block_takes_processor_and_ends_with_the_block():
    before = time.process_time()
    with _Burning(0.5):
        end = time.monotonic() + WITHIN_S
        while time.process_time() - before < 0.1 and time.monotonic() < end:
            time.sleep(0.01)
    assert time.process_time() - before >= 0.1
    with _Burning(0.0):
        pass


@pytest.mark.slow
async def test_slots_hold_real_calls_hang_up_when_told_and_leave_nothing_behind(tmp_path):
    settings = Settings(data_dir=tmp_path)
    settings = with_database(settings, f"sqlite:///{tmp_path / 'calls.db'}")
    sources = [CallSource(tmp_path, script) for script in made_scripts(2)]
    async with _running(settings, sources, lambda _: None) as (slots, meter):
        async with asyncio.timeout(WITHIN_S):
            assert await slots.line_cost(0.2) > 0
            await slots.talk(2, 0.0)
            await meter.begin()
            await until(lambda: sum(each.delay_s is not None for each in slots.turns) >= 3)
            usage = await meter.end(lag.seconds for lag in slots.lags)
            pids = slots.pids
            await slots.talk(1, 0.0)
            await slots.talk(0, 0.0)
        assert len(pids) == 2
        assert {each.slot for each in slots.turns} == {0, 1}
        assert usage.call_cores > 0
        assert usage.ears_cores > 0
        assert usage.call_mb > 1
        assert 0 < usage.free_memory <= 1
        assert meter.ears_facts["model"]
        assert slots.broken == 0
        os.kill(pids[0], 9)
        await slots.talk(1, 0.0)
        with pytest.raises(EngineError, match="A call process died"):
            await slots.talk(0, 0.0)
    await until(lambda: not any(map(psutil.pid_exists, pids)))
