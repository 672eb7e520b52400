"""The pool over real HTTP, with instances that speak and instances that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import aclosing

import numpy as np
import pytest

from agent.speech.attempt import PoolFailed
from agent.speech.instances import Rules
from agent.speech.joins import SAMPLE_RATE
from agent.speech.pool_http import Asking
from agent.speech.pool_voice import PROBE_WORD, PoolVoice, Told
from tests.speech.tts_instance import Instance, instances

SENTENCE = "தெருவில் மூன்று நாளாக குடிநீர் வரவில்லை"
SPOKEN_S = 2.6


@contextlib.asynccontextmanager
async def pool_of(
    made: list[Instance], *, first_audio_s: float = 3.0, **rules: object
) -> AsyncIterator[PoolVoice]:
    pool = PoolVoice()
    given = Rules(**rules)  # type: ignore[arg-type]
    pool.configure([(each.url, False) for each in made], given, Asking(key="right"), first_audio_s)
    task = asyncio.create_task(pool.run())
    try:
        async with asyncio.timeout(10):
            while not all(row["state"] == "well" for row in pool.policy.snapshot()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        yield pool
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def said(pool: PoolVoice, text: str = SENTENCE, within_s: float = 5.0) -> tuple[bytes, Told]:
    told = Told()
    spoken = pool.speak(text, voice="ta", rate=165, within_s=within_s, home=False, told=told)
    async with aclosing(spoken) as chunks:
        return b"".join([chunk async for chunk in chunks]), told


def sounds(pcm: bytes) -> bool:
    samples = np.frombuffer(pcm, np.int16).astype(int)
    return len(samples) > 2 * SAMPLE_RATE and int(np.abs(samples).max()) > 5_000


def free(pool: PoolVoice) -> bool:
    return all(row["outstanding"] == 0 for row in pool.policy.snapshot())


async def until_free(pool: PoolVoice) -> None:
    async with asyncio.timeout(5):
        while not free(pool):  # noqa: ASYNC110 - it is a count, not an event
            await asyncio.sleep(0.01)


async def test_a_sentence_is_spoken_by_an_instance_in_openais_form():
    async with instances(1) as made, pool_of(made) as pool:
        pcm, told = await said(pool)
    assert sounds(pcm)
    assert (told.instance, told.attempts, told.errors) == ("1-of-1", 1, [])
    assert made[0].bodies[-1] == {
        "model": "tts-1",
        "voice": "ta",
        "input": SENTENCE,
        "response_format": "pcm",
        "stream": True,
    }


async def test_ten_at_once_are_spread_evenly():
    async with instances(5, first_s=0.05) as made, pool_of(made) as pool:
        before = [each.stats.asked for each in made]
        spoken = await asyncio.gather(*(said(pool) for _ in range(10)))
        asked = [each.stats.asked - b for each, b in zip(made, before, strict=True)]
    assert all(sounds(pcm) for pcm, _ in spoken)
    assert asked == [2] * 5


async def test_no_instance_ever_meets_more_than_its_limit():
    async with (
        instances(2, first_s=0.02, limit=2) as made,
        pool_of(made, limit=2, queue=40, first_audio_s=8.0) as pool,
    ):
        spoken = await asyncio.gather(*(said(pool, within_s=8.0) for _ in range(24)))
        await until_free(pool)
    assert all(sounds(pcm) for pcm, _ in spoken)
    assert [each.stats.most for each in made] == [2, 2]
    assert sum(each.stats.over for each in made) == 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("status", "status"),
        ("busy", "busy"),
        ("html", "text"),
        ("html-as-pcm", "text"),
        ("json", "text"),
        ("silence", "silence"),
        ("empty", "empty"),
        ("odd", "odd"),
        ("mp3", "format"),
        ("refuse", "broke"),
    ],
)
async def test_what_is_no_speech_is_never_heard_and_another_instance_says_it(
    fault: str, error: str
):
    async with instances(2) as made, pool_of(made) as pool:
        made[0].fault = fault
        spoken = [await said(pool) for _ in range(6)]
        await until_free(pool)
    assert all(sounds(pcm) for pcm, _ in spoken)
    assert {told.instance for _, told in spoken} == {"2-of-2"}
    found = [error for _, told in spoken for error in told.errors]
    assert set(found) <= {error}
    assert len(found) <= 3


async def test_an_instance_that_failed_three_times_is_left_alone_and_comes_back_by_itself():
    async with instances(2) as made, pool_of(made, first_out_s=0.3) as pool:
        made[0].fault = "status"
        for _ in range(8):
            await said(pool)
        for _ in range(3):  # the policy may prefer the other one
            await pool.check_all()
        assert pool.policy.snapshot()[0]["state"] == "out"
        asked = len(made[0].texts)
        for _ in range(4):
            assert sounds((await said(pool))[0])
        made[0].fault = ""
        async with asyncio.timeout(5):
            while pool.policy.snapshot()[0]["state"] != "well":  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert set(made[0].texts[asked:]) == {PROBE_WORD}


async def test_one_that_is_gone_costs_no_caller_a_sentence():
    async with instances(2) as made, pool_of(made) as pool:
        await made[0].stop()
        spoken = [await said(pool) for _ in range(5)]
    assert all(sounds(pcm) for pcm, _ in spoken)
    assert {told.instance for _, told in spoken} == {"2-of-2"}


async def test_a_slow_one_is_overtaken_by_another_and_then_found_out():
    async with instances(2) as made, pool_of(made, first_audio_s=2.0, hedge_samples=4) as pool:
        for _ in range(8):
            await said(pool)
        made[0].fault = "slow"
        spoken = await asyncio.gather(*(said(pool) for _ in range(4)))
        await until_free(pool)
        row = pool.policy.snapshot()[0]
    assert all(sounds(pcm) for pcm, _ in spoken)
    assert {told.instance for _, told in spoken} == {"2-of-2"}
    assert row["last_error"] == "slow"


async def test_when_all_are_slow_the_request_fails_in_its_time():
    async with instances(2) as made, pool_of(made, first_audio_s=0.3) as pool:
        for each in made:
            each.fault = "slow"
        with pytest.raises(PoolFailed, match="slow"):
            await said(pool)
        await until_free(pool)


@pytest.mark.parametrize("fault", ["stall", "break"])
async def test_one_that_breaks_off_says_so_after_what_was_heard(fault: str):
    async with instances(1) as made, pool_of(made) as pool:
        made[0].fault = fault
        heard = b""
        told = Told()
        spoken = pool.speak(SENTENCE, voice="ta", rate=165, within_s=3.0, home=False, told=told)
        with pytest.raises(PoolFailed, match="broke"):  # noqa: PT012 - what came before counts
            async for chunk in spoken:
                heard += chunk
        assert 0.4 * SPOKEN_S < len(heard) / 2 / SAMPLE_RATE < 0.7 * SPOKEN_S
        await until_free(pool)


async def test_who_stops_listening_stops_the_instance_and_frees_the_place():
    async with instances(1, first_s=0.0, pace=1.0) as made, pool_of(made) as pool:
        told = Told()
        spoken = pool.speak(SENTENCE, voice="ta", rate=165, within_s=3.0, home=False, told=told)
        async with aclosing(spoken) as chunks:
            assert await anext(chunks)
            assert made[0].stats.open == 1
        async with asyncio.timeout(2):
            while made[0].stats.open or not free(pool):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    assert made[0].stats.cancelled == 1


async def test_who_leaves_before_the_first_sound_or_in_the_queue_leaves_nothing_behind():
    async with instances(1) as made, pool_of(made, limit=1) as pool:
        made[0].fault = "slow"
        tasks = [asyncio.create_task(said(pool)) for _ in range(4)]
        tasks.append(asyncio.create_task(said(pool)))
        await asyncio.sleep(0.1)
        tasks.append(asyncio.create_task(said(pool)))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await until_free(pool)
        assert pool.policy.waiting == 0
        made[0].fault = ""
        assert sounds((await said(pool))[0])


async def test_a_wrong_key_is_a_failure_like_any_other():
    async with instances(1, key="other") as made:
        pool = PoolVoice()
        pool.configure([(made[0].url, False)], Rules(), Asking(key="wrong"), 1.0)
        try:
            [row] = await pool.check_all()
        finally:
            await pool.aclose()
    assert (row["state"], row["last_error"]) == ("out", "status")


async def test_wav_is_understood_as_well_and_the_rate_becomes_a_speed():
    async with instances(1, sample_rate=16_000) as made:
        pool = PoolVoice()
        pool.configure([(made[0].url, False)], Rules(), Asking(form="wav"), 3.0)
        try:
            await pool.check_all()
            spoken = pool.speak(
                SENTENCE, voice="ta", rate=150, within_s=3.0, home=False, told=Told()
            )
            pcm = b"".join([chunk async for chunk in spoken])
        finally:
            await pool.aclose()
    assert len(pcm) / 2 / SAMPLE_RATE == pytest.approx(SPOKEN_S, abs=0.3)
    assert made[0].bodies[-1]["speed"] == pytest.approx(0.909)
