"""The load: a full queue for the arms' speed, and open load as callers make it for their delays."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from agent.errors import EngineBusy, EngineError
from agent.speech.bench.arms import Arm
from agent.speech.bench.clips import Clip
from agent.speech.bench.figures import Answer, Saturated
from agent.speech.bench.process import Running
from agent.speech.transcript import Transcript

PER_MINUTE = 6.0
"""Utterances of a session (call model; speculation and interims are left out)."""

LEAST_OF_A_STEP = 3
"""Utterances."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An utterance that ends."""

    at_s: float
    """From the beginning."""
    session: int
    clip: int


def arrivals(sessions: int, seconds: float, clips: int, rng: np.random.Generator) -> list[Arrival]:
    """Utterances of so many calls, as a Poisson process, in order.

    Their number is what is to be expected and not left to chance, or short steps of few calls
    would be empty; given it, their times are what a Poisson process gives. The calls speak in
    turn, so that no call has two utterances at the same moment.
    """
    rate = sessions * PER_MINUTE / 60
    count = max(LEAST_OF_A_STEP, round(rate * seconds))
    times = np.sort(rng.uniform(0, seconds, count))
    order = rng.permutation(clips)
    return [
        Arrival(float(at), number % sessions, int(order[number % clips]))
        for number, at in enumerate(times)
    ]


async def open_load(arm: Running, plan: Sequence[Arrival], clips: Sequence[Clip]) -> list[Answer]:
    """Ask at the planned times whether or not earlier answers came; all answers, in that order.

    A latency counts from the planned time: a sender that is late itself does not hide it.
    """
    loop = asyncio.get_running_loop()
    began = loop.time() + 0.05

    async def one(arrival: Arrival) -> Answer:
        planned = began + arrival.at_s
        await asyncio.sleep(planned - loop.time())
        client = arm.clients[arrival.session % len(arm.clients)]
        try:
            found = await client.transcribe(clips[arrival.clip].pcm, call=str(arrival.session))
        except EngineError as exc:
            return Answer(math.inf, refused=isinstance(exc, EngineBusy))
        return answer_of(found, loop.time() - planned)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(arrival)) for arrival in plan]
    return [task.result() for task in tasks]


def answer_of(found: Transcript, latency_s: float) -> Answer:
    """Where the time of an answer went; what the other side did not see is transport."""
    took = found.timings
    parts = {
        "queue": took["queue_s"],
        "features": took["vad_s"] + took["mel_s"],
        "encode": took["encode_s"],
        "decode": took["decode_s"],
        "transport": max(0.0, latency_s - took["total_s"]),
    }
    return Answer(latency_s, parts, text=found.text)


async def saturate(
    arm: Running,
    clips: Sequence[Clip],
    *,
    in_flight: int,
    sessions: int,
    at_least_s: float,
) -> Saturated:
    """Whole passes over the clips, always so many asked for, for at least that long.

    Whole passes, so that every arm is measured on the same utterances however fast it is.

    Args:
        arm: who is asked.
        clips: a pass.
        in_flight: utterances open at a time.
        sessions: calls they are said to come from; only a model per call looks at it.
        at_least_s: no pass is begun later.
    """
    done = Saturated(arm.arm) if arm.arm else None
    if done is None:
        raise ValueError("only an arm transcribes")
    work = _passes(len(clips), time.perf_counter() + at_least_s)
    before, cpu_s, began = await arm.batches(), arm.cpu_s(), time.perf_counter()

    async def caller(number: int) -> None:
        client = arm.patient[number % len(arm.patient)]
        # Nameless but for the arm that needs a name: a full queue would refuse new calls.
        call = "" if arm.arm is Arm.KURAL else str(number % sessions)
        for clip in work:
            try:
                found = await client.transcribe(clips[clip].pcm, call=call)
            except EngineError:
                done.failed += 1
                await asyncio.sleep(0.05)
            else:
                done.utterances += 1
                done.texts[clip] = found.text

    async with asyncio.TaskGroup() as group:
        for number in range(in_flight):
            group.create_task(caller(number))
    done.wall_s = time.perf_counter() - began
    done.cpu_s = arm.cpu_s() - cpu_s
    after = await arm.batches() or {1: done.utterances}
    done.batches = {
        size: count - before.get(size, 0)
        for size, count in sorted(after.items())
        if count > before.get(size, 0)
    }
    return done


def _passes(length: int, until: float) -> Iterator[int]:
    """Numbers of clips, pass after pass; shared by all who take from it."""
    while True:
        yield from range(length)
        if time.perf_counter() >= until:
            return
