"""A caller who talks over the notice is heard, and the notice stops. Real ears, voice and lines."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from agent.callers.audio_io import AgentLine, CallerLine
from agent.callers.caller_voice import render_all, voice_for
from agent.callers.clock import WallClock
from agent.complaint import Call, UnderstoodTurn
from agent.control.supervisor import Supervisor
from agent.conversation.steps import Step
from agent.recordings import render_fixed_prompts
from agent.settings import Settings
from agent.speech.audio import Samples
from agent.speech.voice import VoiceClient
from agent.wiring import build_parts, build_session

STORY = "எங்க ஊர்ல தெரு விளக்கு எரியல"
RATE = 22_050

pytestmark = pytest.mark.slow


class Watch:
    """Keeps the turns and knows when the second sentence is about to come."""

    def __init__(self) -> None:
        self.turns: list[UnderstoodTurn] = []
        self.asked_twice = asyncio.Event()
        self._asked = 0

    def asked(self, step: Step, text: str) -> None:
        self._asked += 1
        if self._asked == 2:
            self.asked_twice.set()

    def heard(self, turn: UnderstoodTurn) -> None:
        self.turns.append(turn)

    def filed(self, numbers: tuple[str, ...]) -> None:
        pass

    def closed(self, outcome: str) -> None:
        pass


async def interrupt(settings: Settings, story: Samples, *, after_s: float) -> tuple[Watch, float]:
    """Talk over the notice; the turns heard and the seconds of the notice that were played."""
    parts = build_parts(settings)
    notice = await render_fixed_prompts(settings, parts.script)
    assert notice.complete
    call = Call(id="local-barge-in", started_at=datetime.now(UTC), caller="+910000000001")
    watch, clock = Watch(), WallClock()
    session, intake = build_session(parts, call, observer=watch)
    caller = CallerLine(clock)
    async with AgentLine(clock) as agent, asyncio.timeout(60):
        session.input.audio, session.output.audio = caller, agent
        await session.start(intake, record=False)
        await asyncio.sleep(after_s)
        caller.say(story)
        await watch.asked_twice.wait()
        played_s = np.count_nonzero(agent.heard()) / RATE
        caller.hang_up()
        await intake.dialogue.close("hung_up")
        await session.aclose()
    parts.store.close()
    return watch, played_s


async def test_a_caller_who_talks_over_the_notice_is_heard(tmp_path: Path):
    settings = Settings(data_dir=tmp_path)
    async with Supervisor(settings):
        voice = VoiceClient(settings.voice_url)
        story = (await render_all(voice, [STORY], voice_for("D02")))[STORY]
        await voice.aclose()
        watch, played_s = await interrupt(settings, story, after_s=2.0)
    assert watch.turns, "the caller was not heard at all"
    assert len(watch.turns[0].text.split()) >= 3
    assert played_s < 6.0, "the notice takes eleven seconds and went on"
