"""Who calls in a load run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from livekit import api

from agent.callers.sources import CallSource, load_sources
from agent.complaint import Slot
from agent.errors import UsageError
from agent.lab.cast import Cast, check_callable, shortened
from agent.lab.load_command import CALLERS
from agent.lab.web_caller import Line

DEMO = load_sources((CALLERS,))


async def test_callers_come_in_turn_each_with_a_number_of_his_own():
    cast = Cast(DEMO[:2], {source.script.id: {} for source in DEMO})
    callers = [(await cast.next())[0] for _ in range(5)]
    assert [caller.id for caller in callers] == ["D01", "D02", "D01", "D02", "D01"]
    assert len({caller.number for caller in callers}) == 5


async def test_a_recording_is_named_after_its_call(tmp_path):
    cast = Cast(DEMO[:1], {"D01": {}}, record=tmp_path)
    await cast.next()
    caller, script = await cast.next()
    assert caller.record == tmp_path / "002-D01.wav"
    assert script.caller == caller.number


def test_short_callers_hang_up_early_and_expect_nothing():
    short = [source.script for source in shortened(DEMO)]
    assert {script.hangs_up_at for script in short} == {Slot.CONSENT, Slot.COMPLAINT}
    assert any(script.hangs_up_while_speaking for script in short)
    assert all(script.expected is None for script in short)
    assert "[1]" in short[1].caller_turns_ta


def test_recordings_cannot_be_cut_short():
    recorded = CallSource(Path("a.wav"), DEMO[0].script, (np.zeros(1, np.int16),))
    with pytest.raises(UsageError, match="scripted callers"):
        shortened([recorded])


def test_a_script_that_needs_the_inside_of_the_agent_is_refused_by_its_field():
    script = DEMO[0].script.model_copy(update={"backchannels": True})
    with pytest.raises(UsageError, match=r"backchannels.*kural call"):
        check_callable(CallSource(Path("a.json"), script))


def test_the_token_opens_a_room_with_the_agent_and_says_who_calls():
    line = Line("ws://127.0.0.1:1", "key", "s" * 32, "kural", dialled="+914400000001")
    claims = api.TokenVerifier("key", "s" * 32).verify(line.ticket("lab-1", "+910000000001"))
    assert claims.video is not None
    assert claims.video.room == "lab-1"
    assert claims.attributes is not None
    assert claims.attributes["sip.phoneNumber"] == "+910000000001"
    assert claims.attributes["sip.trunkPhoneNumber"] == "+914400000001"
    assert claims.room_config is not None
    assert [each.agent_name for each in claims.room_config.agents] == ["kural"]
    hidden = api.TokenVerifier("key", "s" * 32).verify(line.ticket("lab-1", ""))
    assert "sip.phoneNumber" not in (hidden.attributes or {})


def test_the_key_is_not_shown():
    assert "s" * 32 not in repr(Line("ws://127.0.0.1:1", "key", "s" * 32, "kural"))
