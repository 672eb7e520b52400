"""Who types may answer by keys as well as in words."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from agent.complaint import Call, Intent, Slot
from agent.conversation.intake import Intake
from agent.settings import Settings
from agent.wiring import build_parts, build_session

STORY = "எங்க தெருவுல அஞ்சு நாளா தண்ணி வரல"


def expected(intake: Intake) -> Slot | None:
    return intake.dialogue.state.expect


async def test_typed_digits_are_keys_where_keys_mean_something(tmp_path: Path):
    parts = build_parts(Settings(data_dir=tmp_path), audio=False)
    call = Call(id="local-typed", started_at=datetime.now(UTC), caller="+919500123456")
    session, intake = build_session(parts, call, audio=False)
    await session.start(intake, record=False)
    try:
        for line in ("1", STORY, "பல்லடம்", "கோயில் பக்கத்துல", "முருகன்", "2"):
            await session.run(user_input=line)
        assert (intake.dialogue.state.consent, expected(intake)) == (True, Slot.PHONE)
        await session.run(user_input="9842113576#")
        assert intake.dialogue.state.phone == "9842113576"
        assert expected(intake) is Slot.CONFIRM
        await session.run(user_input="0")
        assert intake.dialogue.state.person == "human"
    finally:
        await intake.dialogue.close("hung_up")
        await session.aclose()
        parts.store.close()


async def test_a_number_that_is_no_key_here_is_read_as_words(tmp_path: Path):
    parts = build_parts(Settings(data_dir=tmp_path), audio=False)
    call = Call(id="local-words", started_at=datetime.now(UTC), caller="+919500123456")
    session, intake = build_session(parts, call, audio=False)
    await session.start(intake, record=False)
    try:
        for line in ("1", STORY, "பல்லடம்", "7"):
            await session.run(user_input=line)
        assert intake.dialogue.state.intent is Intent.COMPLAINT
        assert intake.dialogue.commits == 4
    finally:
        await intake.dialogue.close("hung_up")
        await session.aclose()
        parts.store.close()


async def test_a_whole_number_typed_too_early_is_no_cry_for_help(tmp_path: Path):
    parts = build_parts(Settings(data_dir=tmp_path), audio=False)
    call = Call(id="local-early", started_at=datetime.now(UTC), caller="+919500123456")
    session, intake = build_session(parts, call, audio=False)
    await session.start(intake, record=False)
    try:
        for line in ("1", STORY, "பல்லடம்", "கோயில் பக்கத்துல", "9842113576"):
            await session.run(user_input=line)
        assert not intake.dialogue.state.emergency
        assert intake.dialogue.state.phone == "9842113576"
    finally:
        await intake.dialogue.close("hung_up")
        await session.aclose()
        parts.store.close()
