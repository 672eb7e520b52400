"""Hang-up at any moment leaves nothing behind: no task, no open file, no thread of our own."""

from __future__ import annotations

import asyncio
import gc
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.complaint import Call
from agent.settings import Settings
from agent.wiring import Parts, build_parts, build_session
from tests.conversation.spoken_call import spoken_call

TURNS = ("ஆமா", "எங்க தெருவுல அஞ்சு நாளா தண்ணி வரல", "பல்லடம்", "கோயில் பக்கத்துல", "முருகன்", "ஆமா", "ஆமா")


def open_files() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


async def typed_call(parts: Parts, name: str, turns: int) -> None:
    """A typed call that is hung up after so many turns."""
    call = Call(id=name, started_at=datetime.now(UTC), caller="+919500123456")
    session, intake = build_session(parts, call, audio=False)
    await session.start(intake, record=False)
    for said in TURNS[:turns]:
        if not intake.done.is_set():
            await session.run(user_input=said)
    await intake.dialogue.close("hung_up")
    await session.aclose()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files in /proc")
async def test_typed_calls_hung_up_after_any_turn_leave_nothing(tmp_path: Path):
    parts = build_parts(Settings(data_dir=tmp_path), audio=False)
    await typed_call(parts, "local-warm-up", len(TURNS))
    tasks, files = asyncio.all_tasks(), open_files()
    for turns in range(len(TURNS) + 1):
        await typed_call(parts, f"local-{turns}", turns)
    await asyncio.sleep(0.1)
    assert asyncio.all_tasks() == tasks
    assert open_files() <= files
    parts.store.close()


@pytest.mark.parametrize("moment", ["notice", "turn", "reply", "key", "note"])
async def test_a_spoken_call_hung_up_at_any_moment_leaves_no_task(tmp_path: Path, moment: str):
    tasks = asyncio.all_tasks()
    async with spoken_call(tmp_path, seconds=2.0) as call:
        await call.agent_is("speaking")
        if moment == "turn":
            call.ears.begin()
            await asyncio.sleep(0.1)
        elif moment == "reply":
            call.ears.say(TURNS[1])
            await asyncio.sleep(0.3)
        elif moment == "key":
            call.intake.press("1")
        elif moment == "note":
            call.intake._listening.begin_note()
            await asyncio.sleep(0.1)
    await asyncio.sleep(0.1)
    assert {t.get_name() for t in asyncio.all_tasks() - tasks} == set()
