"""The shell around the flow: a real session, with lines and ears of our own making."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.complaint import Answer, Slot
from agent.conversation import dialogue as dialogue_module
from agent.conversation import intake as intake_module
from agent.conversation.flow import advance
from agent.conversation.intake import HOLD_ON
from agent.conversation.ports import Services
from agent.conversation.script import Script
from agent.conversation.steps import Event, FlowState, NoteOver, Silence, Step, TimeShort
from agent.conversation.vigil import Limits
from agent.settings import CallSettings
from tests.conversation.spoken_call import SpokenCall, spoken_call

STORY = "எங்க தெருவுல அஞ்சு நாளா தண்ணி வரல"
FIRE = "பக்கத்து வீட்டுல தீ பிடிச்சிருச்சு காப்பாத்துங்க"
NEVER = Limits(max_call_s=900.0)


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """Every event the flow is given, as it is given."""
    seen: list[Event] = []

    def spy(state: FlowState, event: Event, *args: object) -> Step:
        seen.append(event)
        return advance(state, event, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(dialogue_module, "advance", spy)
    return seen


async def until(there: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    while not there():  # noqa: ASYNC110 -- nobody tells of it
        await asyncio.sleep(0.02)


def open_question(call: SpokenCall, slot: Slot) -> None:
    """Let a question be open that the flow comes to by a longer way."""
    dialogue = call.intake.dialogue
    dialogue._state = replace(dialogue.state, expect=slot)


# -- nods and interruptions ----------------------------------------------------------------------


async def test_a_nod_over_the_notice_stops_nobody_and_is_no_turn(tmp_path: Path):
    async with spoken_call(tmp_path, seconds=1.5) as call:
        await call.agent_is("speaking")
        notice = call.session.current_speech
        assert notice is not None
        call.ears.say("ம்ம்")
        call.ears.say("சரி சரி")
        await notice.wait_for_playout()
        assert not notice.interrupted
        assert call.watch.turns == []


async def test_an_answer_over_the_notice_stops_it(tmp_path: Path):
    async with spoken_call(tmp_path, seconds=20.0) as call:
        await call.agent_is("speaking")
        notice = call.session.current_speech
        assert notice is not None
        call.ears.say(STORY)
        await until(lambda: bool(call.watch.turns))
        assert notice.interrupted
        assert call.watch.turns[0].text == STORY


async def test_a_nod_after_the_question_is_the_answer(tmp_path: Path):
    async with spoken_call(tmp_path) as call:
        await call.agent_is("speaking")
        await call.agent_is("listening")
        call.ears.say("ஆமா")
        await until(lambda: bool(call.watch.turns))
        assert call.watch.turns[0].answer is Answer.YES


async def test_an_emergency_stops_what_is_heard_to_its_end_and_nothing_else_does(tmp_path: Path):
    async with spoken_call(tmp_path, seconds=20.0) as call:
        await call.agent_is("speaking")
        number = call.session.current_speech
        assert number is not None
        number.allow_interruptions = False
        call.intake._speaking._calling = None  # a ticket number, which words do not stop either
        call.ears.say("அப்புறம் இன்னொரு விஷயம் சொல்லணும்")
        call.ears.say(FIRE)
        await until(lambda: bool(call.watch.turns))
        assert number.interrupted
        assert [turn.text for turn in call.watch.turns] == [FIRE]
        assert call.watch.turns[0].emergency


# -- keys ----------------------------------------------------------------------------------------


async def test_keys_are_taken_one_after_the_other(tmp_path: Path):
    async with spoken_call(tmp_path, seconds=5.0) as call:
        await call.agent_is("speaking")
        await call.intake.key("1")
        call.intake.press("0")
        await until(lambda: len(call.watch.turns) == 2)
        assert [turn.expecting for turn in call.watch.turns] == [Slot.CONSENT, Slot.COMPLAINT]


async def test_a_phone_number_keyed_in_too_early_is_no_cry_for_help(tmp_path: Path):
    async with spoken_call(tmp_path) as call:
        open_question(call, Slot.NAME)
        for key in "9842113576":
            call.intake.press(key)
        await until(lambda: call.intake.dialogue.state.phone is not None)
        assert call.intake.dialogue.state.phone == "9842113576"
        assert not call.intake.dialogue.state.emergency


async def test_nine_alone_is_a_cry_for_help(tmp_path: Path):
    async with spoken_call(tmp_path) as call:
        open_question(call, Slot.NAME)
        await call.intake.key("9")
        assert call.intake.dialogue.state.emergency


async def test_a_key_is_not_lost_over_what_is_heard_to_its_end(tmp_path: Path):
    async with spoken_call(tmp_path, seconds=1.0) as call:
        await call.agent_is("speaking")
        number = call.session.current_speech
        assert number is not None
        number.allow_interruptions = False
        await call.intake.key("1")
        assert call.intake.dialogue.state.consent is True
        await number.wait_for_playout()
        assert not number.interrupted


async def test_a_number_goes_from_keys_to_voice(tmp_path: Path):
    async with spoken_call(tmp_path) as call:
        open_question(call, Slot.PHONE)
        for key in "98421":
            await call.intake.key(key)
        call.ears.say("ஒண்ணு மூணு அஞ்சு ஏழு ஆறு")
        await until(lambda: call.intake.dialogue.state.phone is not None)
        assert call.intake.dialogue.state.phone == "9842113576"


# -- silence -------------------------------------------------------------------------------------


async def test_noise_does_not_keep_a_call_alive(tmp_path: Path, events: list[Event]):
    limits = Limits(max_call_s=900.0, cap_s=0.3, apart_s=0.3)
    async with spoken_call(tmp_path, limits=limits) as call:
        call.ears.begin()  # a lorry goes by, and it never ends
        await call.intake.done.wait()
        assert sum(isinstance(event, Silence) for event in events) >= 3
        assert call.watch.turns == []


async def test_a_story_without_an_end_is_taken_as_told_so_far(tmp_path: Path, events: list[Event]):
    settings = CallSettings(min_endpointing_s=0.05, story_endpointing_s=0.05)
    limits = Limits(max_call_s=900.0, cap_s=1.0, apart_s=5.0)
    async with spoken_call(tmp_path, limits=limits, settings=settings) as call:
        await call.intake.key("1")
        call.ears.begin()
        call.ears.end(STORY)
        call.ears.begin()  # and he goes on
        await until(lambda: len(call.watch.turns) == 2)
        assert call.watch.turns[1].text == STORY


# -- the spoken note -----------------------------------------------------------------------------


async def test_a_note_is_kept_whatever_becomes_of_its_words(tmp_path: Path, events: list[Event]):
    kept: list[bytes] = []

    async def keep(pcm: bytes) -> bool:
        kept.append(pcm)
        return True

    async with spoken_call(tmp_path, services=Services(keep_note=keep)) as call:
        await call.agent_is("speaking")
        await call.agent_is("listening")
        open_question(call, Slot.VOICE_NOTE)
        call.intake._listening.begin_note()
        call.line.level = 500
        call.ears.begin()
        await asyncio.sleep(1.0)
        call.ears.end("ஏதோ கேக்குது")
        await asyncio.sleep(0.2)
        await call.intake.key("#")
        (over,) = (event for event in events if isinstance(event, NoteOver))
        assert over.seconds == len(kept[0]) / 32_000
        assert over.seconds > 0.8
        assert call.watch.turns == []


async def test_a_note_that_cannot_be_kept_counts_for_nothing(tmp_path: Path, events: list[Event]):
    async with spoken_call(tmp_path) as call:
        open_question(call, Slot.VOICE_NOTE)
        call.intake._listening.begin_note()
        call.ears.begin()
        await asyncio.sleep(1.0)
        await call.intake.key("#")
        assert [e for e in events if isinstance(e, NoteOver)] == [NoteOver(0.0)]


async def test_a_hang_up_in_a_note_keeps_what_was_said(tmp_path: Path, events: list[Event]):
    kept: list[bytes] = []

    async def keep(pcm: bytes) -> bool:
        kept.append(pcm)
        return True

    async with spoken_call(tmp_path, services=Services(keep_note=keep)) as call:
        open_question(call, Slot.VOICE_NOTE)
        call.intake._listening.begin_note()
        call.ears.begin()
        await asyncio.sleep(1.0)
    assert len(kept) == 1
    assert isinstance(events[-1], NoteOver)


async def test_danger_gets_out_of_a_note(tmp_path: Path):
    async with spoken_call(tmp_path) as call:
        open_question(call, Slot.VOICE_NOTE)
        call.intake._listening.begin_note()
        call.ears.say(FIRE)
        await until(lambda: bool(call.watch.turns))
        assert call.watch.turns[0].emergency


# -- the clock -----------------------------------------------------------------------------------


def without_hold_on() -> Script:
    script = Script.load(CallSettings().prompts_dir)
    return Script({name: p for name, p in script.prompts.items() if name != HOLD_ON})


def slow_look_up(release: threading.Event) -> Services:
    def look_up(_: str) -> None:
        release.wait(20)

    return Services(look_up=look_up)


async def test_who_waits_for_an_answer_hears_that_we_are_at_it(tmp_path: Path):
    release = threading.Event()
    limits = replace(NEVER, hold_after_s=0.2)
    services = slow_look_up(release)
    async with spoken_call(tmp_path, limits=limits, services=services) as call:
        said: list[str] = []
        call.session.on("speech_created", lambda event: said.append(event.source))
        await call.intake.key("1")
        await call.agent_is("listening")
        said.clear()
        call.ears.say("என் புகார் நிலவரம் என்ன 204103274")
        open_question(call, Slot.TICKET)
        await until(lambda: "say" in said)
        await call.agent_is("speaking")
        assert call.intake._speaking.floor.speaking is False
        release.set()
        await call.intake.done.wait()
        assert said.count("say") == 1


async def test_a_script_without_the_sentence_keeps_quiet_and_goes_on(tmp_path: Path):
    limits = replace(NEVER, hold_after_s=0.0)
    async with spoken_call(tmp_path, limits=limits, script=without_hold_on()) as call:
        await call.agent_is("speaking")
        await call.agent_is("listening")
        call.ears.say("ஆமா")
        await until(lambda: bool(call.watch.turns))
        assert call.intake.dialogue.sentence(HOLD_ON) == ""


async def test_a_long_call_is_warned_then_ended(tmp_path: Path, events: list[Event]):
    limits = Limits(max_call_s=1.0, polite_s=0.2)
    async with spoken_call(tmp_path, limits=limits) as call:
        await call.intake.done.wait()
    assert [e for e in events if isinstance(e, TimeShort)] == [TimeShort(), TimeShort(over=True)]


# -- a bad line, and a caller who thinks ---------------------------------------------------------


async def notice_over(call: SpokenCall) -> None:
    """Wait until the notice is spoken, and forget its prompts."""
    notice = call.session.current_speech
    if notice is not None:
        await notice.wait_for_playout()
    await call.agent_is("listening")
    call.watch.prompts()


async def test_the_notice_is_stopped_by_words_and_not_by_a_voice_without_any(tmp_path: Path):
    async with spoken_call(tmp_path, seconds=20.0) as call:
        await call.agent_is("speaking")
        notice = call.session.current_speech
        assert notice is not None
        assert not notice.allow_interruptions
        call.ears.say("ம்ம்")
        call.ears.unread("no_speech")
        await asyncio.sleep(0.2)
        assert not notice.interrupted
        call.ears.say(STORY)
        await until(lambda: notice.interrupted)


@pytest.mark.parametrize("reason", ["loop", "script", "runaway"])
async def test_a_voice_whose_words_are_lost_is_told_so_at_once(tmp_path: Path, reason: str):
    async with spoken_call(tmp_path) as call:
        await notice_over(call)
        call.ears.unread(reason)
        await until(lambda: "not_heard" in call.watch.prompts())


async def test_a_sound_that_may_have_been_a_voice_is_asked_about_unless_words_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(intake_module, "_MAYBE_SPOKE_S", 0.3)
    async with spoken_call(tmp_path) as call:
        await notice_over(call)
        call.ears.unread("no_speech")
        await until(lambda: "not_heard" in call.watch.prompts())
        await call.agent_is("listening")
        call.ears.unread("no_speech")
        call.ears.say(STORY)
        await until(lambda: bool(call.watch.turns))
        await asyncio.sleep(0.5)
        assert "not_heard" not in call.watch.prompts()


async def test_who_thinks_is_encouraged_once_and_then_asked_whether_he_is_there(
    tmp_path: Path, events: list[Event]
):
    async with spoken_call(tmp_path) as call:
        await call.agent_is("listening")
        await call.intake._on_away()
        assert Silence() not in events
        assert call.session.current_speech is not None
        await call.agent_is("listening")
        await call.intake._on_away()
        assert events[-1] == Silence()
        call.intake._vigil.silenced(-100.0)
        call.ears.say(STORY)
        await until(lambda: bool(call.watch.turns))
        seen = len(events)
        await call.agent_is("listening")
        await call.intake._on_away()  # a new question: he may think again
        assert Silence() not in events[seen:]


async def test_an_answer_in_a_room_that_never_falls_silent_is_taken(tmp_path: Path):
    limits = Limits(max_call_s=900.0, enough_s=0.5)
    async with spoken_call(tmp_path, limits=limits) as call:
        await call.agent_is("listening")
        open_question(call, Slot.DAYS)
        call.ears.begin()
        call.ears.clause("அஞ்சு நாளா")  # and the line sounds on: no end of speech
        await until(lambda: bool(call.watch.turns))
        assert call.watch.turns[0].days == 5
