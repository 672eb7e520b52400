"""The end of a turn follows from whether the question was answered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from livekit.agents import llm

from agent.complaint import Slot
from agent.conversation.dialogue import Dialogue
from agent.conversation.script import Script
from agent.conversation.turn_end import THRESHOLD, AnswerTurnDetector, waits
from agent.settings import CallSettings
from agent.tickets.ledger import CallLedger
from agent.tickets.store import TicketStore
from agent.understanding.extract import Extractor
from agent.understanding.rules import Rules
from tests.conversation.test_preflight import new_call

TO_PHONE = (
    "ஆமா",
    "எங்க தெருவுல அஞ்சு நாளா தண்ணி வரல",
    "பல்லடம்",
    "கோயில் பக்கத்துல",
    "முருகன்",
    "இல்ல",
)


@pytest.fixture(scope="module")
def rules() -> Rules:
    return Rules.load()


@pytest.fixture
def dialogue(tmp_path: Path, rules: Rules) -> Dialogue:
    store = TicketStore.open(f"sqlite:///{tmp_path / 'kural.db'}", data_dir=tmp_path)
    call = new_call()
    return Dialogue(
        Script.load(CallSettings().prompts_dir),
        Extractor(rules),
        CallLedger.open(store, call),
        look_up=lambda _: None,
        caller=call.caller,
    )


async def finished(dialogue: Dialogue, text: str) -> bool:
    context = llm.ChatContext.empty()
    context.add_message(role="user", content=text)
    return await AnswerTurnDetector(dialogue).predict_end_of_turn(context) >= THRESHOLD


async def after(dialogue: Dialogue, turns: Sequence[str]) -> Slot | None:
    for turn in turns:
        await dialogue.commit(turn)
    return dialogue.state.expect


async def test_ten_digits_are_the_end_and_six_are_not(dialogue: Dialogue):
    assert await after(dialogue, TO_PHONE) is Slot.PHONE
    assert not await finished(dialogue, "ஒம்பது எட்டு நாலு ரெண்டு ஒண்ணு ஒண்ணு")
    assert await finished(dialogue, "ஒம்பது எட்டு நாலு ரெண்டு ஒண்ணு ஒண்ணு மூணு அஞ்சு ஏழு ஆறு")
    assert dialogue.state.phone is None


async def test_a_known_place_is_the_end_and_half_a_name_is_not(dialogue: Dialogue):
    assert await after(dialogue, TO_PHONE[:2]) is Slot.PLACE
    assert await finished(dialogue, "பல்லடம்")
    assert not await finished(dialogue, "அது வந்து")


async def test_an_emergency_never_waits(dialogue: Dialogue):
    assert await after(dialogue, TO_PHONE[:3]) is Slot.LANDMARK
    assert await finished(dialogue, "பக்கத்து வீட்டுல தீ பிடிச்சிருச்சு")


async def test_nothing_said_is_no_end(dialogue: Dialogue):
    empty = llm.ChatContext.empty()
    assert await AnswerTurnDetector(dialogue).predict_end_of_turn(empty) < THRESHOLD


def test_waits_follow_the_question():
    settings = CallSettings()
    short, story = (waits(slot, settings) for slot in (Slot.CONFIRM, Slot.COMPLAINT))
    assert short == (settings.min_endpointing_s, settings.max_endpointing_s)
    assert story[0] == settings.story_endpointing_s


def test_the_longer_wait_for_digits_holds_only_while_a_number_is_incomplete():
    settings = CallSettings()
    begun = waits(Slot.PHONE, settings, number_begun=True)
    assert begun == (settings.min_endpointing_s, settings.digits_endpointing_s)
    assert waits(Slot.PHONE, settings) == (settings.min_endpointing_s, settings.max_endpointing_s)
    assert waits(Slot.PLACE, settings, number_begun=True)[1] == settings.max_endpointing_s


async def test_some_digits_begin_a_number_and_ten_complete_it(dialogue: Dialogue):
    assert await after(dialogue, TO_PHONE) is Slot.PHONE
    assert dialogue.begins_number("ஒம்பது எட்டு நாலு ரெண்டு ஒண்ணு ஒண்ணு")
    assert not dialogue.begins_number("ஒம்பது எட்டு நாலு ரெண்டு ஒண்ணு ஒண்ணு மூணு அஞ்சு ஏழு ஆறு")
    assert not dialogue.begins_number("ஒரு நிமிஷம்")


async def test_a_number_begun_by_keys_is_continued_by_voice(dialogue: Dialogue):
    assert await after(dialogue, TO_PHONE) is Slot.PHONE
    dialogue.keyed_digits = "98421"
    assert await finished(dialogue, "ஒண்ணு மூணு அஞ்சு ஏழு ஆறு")
    await dialogue.commit("ஒண்ணு மூணு அஞ்சு ஏழு ஆறு")
    assert dialogue.state.phone == "9842113576"
    assert dialogue.keyed_digits == ""
