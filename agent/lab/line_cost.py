"""What the simulated callers cost: their lines with nobody at the other end."""

from __future__ import annotations

import asyncio
import time

import numpy as np
from livekit import rtc

from agent.callers.audio_io import AGENT_RATE, LINE_RATE, AgentLine, CallerLine
from agent.callers.clock import WallClock

_LINES = 4
_LOOKS_EVERY_S = 0.02
"""A caller looks so often whether it is his turn (play_spoken)."""
_SENTENCE_S = 4.0


async def line_cost(seconds: float) -> float:
    """Cores one simulated caller takes: both ends of his line, half of the time with sound.

    Args:
        seconds: how long to look.
    """
    spent, began = time.process_time(), time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(_LINES):
            group.create_task(_line(number, began + seconds))
    return (time.process_time() - spent) / (time.monotonic() - began) / _LINES


async def _line(number: int, until: float) -> None:
    clock = WallClock()
    heard = CallerLine(clock, seed=number)
    sound = np.random.default_rng(number).normal(0, 2000, round(_SENTENCE_S * LINE_RATE))
    async with AgentLine(clock) as earpiece:
        listening = asyncio.create_task(_listen(heard))
        try:
            while clock.now() < until:
                heard.say(sound.astype(np.int16))
                await _hear_out(clock, earpiece, min(until, clock.now() + _SENTENCE_S))
                await _speak(earpiece)
                await _hear_out(clock, earpiece, min(until, clock.now() + _SENTENCE_S))
        finally:
            heard.hang_up()
            await listening


async def _listen(line: CallerLine) -> None:
    async for _ in line:
        pass


async def _speak(earpiece: AgentLine) -> None:
    samples = np.full(round(_SENTENCE_S * AGENT_RATE), 1000, np.int16)
    await earpiece.capture_frame(rtc.AudioFrame(samples.tobytes(), AGENT_RATE, 1, len(samples)))
    earpiece.flush()


async def _hear_out(clock: WallClock, earpiece: AgentLine, until: float) -> None:
    began = clock.now()
    while clock.now() < until:
        earpiece.first_sound_after(began)
        await clock.sleep_until(clock.now() + _LOOKS_EVERY_S)
