"""No number, or no final one: what the caller hears is true, and the office owes a call."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select

from agent.complaint import (
    Answer,
    Call,
    Category,
    Intent,
    Place,
    SeatCandidate,
    Slot,
    UnderstoodTurn,
)
from agent.conversation.dialogue import Dialogue
from agent.conversation.flow import advance
from agent.conversation.script import Script
from agent.conversation.steps import FileComplaints, Filed, FlowState, NotFiled, Silence, Step
from agent.settings import CallSettings
from agent.tamil.speller import spell_ticket
from agent.tickets.durability import KEPT, Durability
from agent.tickets.forwarder import replay
from agent.tickets.ledger import CallLedger
from agent.tickets.models import CALLBACK
from agent.tickets.store import TicketStore
from agent.understanding.extract import Extractor
from agent.understanding.rules import Rules

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
SCRIPT = Script.load(CallSettings().prompts_dir)
FIRST, SECOND = "204103274", "204103282"
YES = UnderstoodTurn("ஆமா", answer=Answer.YES)
NO = UnderstoodTurn("இல்ல", answer=Answer.NO)
MORE = UnderstoodTurn("தெரு விளக்கு எரியல", categories=(Category.STREETLIGHT,))
SEAT = SeatCandidate(115, "Palladam", "பல்லடம்", "Tiruppur", "திருப்பூர்", 0.9, "test")
STATE = FlowState(
    caller="+919500123456",
    intent=Intent.COMPLAINT,
    categories=(Category.WATER,),
    description="தண்ணி வரல",
    place=Place("பல்லடம்", "Palladam", "பல்லடம்", (SEAT,)),
    phone="9500123456",
)


def prompts(step: Step) -> list[str]:
    return [line.prompt for line in step.say]


def filed(state: FlowState = STATE, *numbers: str, provisional: bool = True) -> Step:
    return advance(state, Filed(numbers or (FIRST,), provisional), NOW)


def test_a_provisional_number_is_not_spoken_and_a_call_is_promised():
    step = filed()
    assert prompts(step) == ["provisional", "ask_repeat"]
    assert step.uninterruptible
    assert (step.state.outcome, step.state.told) == ("provisional", ())


def test_who_gave_no_number_is_not_promised_a_call():
    step = filed(replace(STATE, phone=None))
    assert prompts(step) == ["provisional_no_phone", "ask_repeat"]


def test_asking_to_hear_it_again_brings_no_number_either():
    again = advance(filed().state, YES, NOW)
    assert prompts(again) == ["provisional", "ask_repeat"]


@pytest.mark.parametrize("event", [NO, Silence()])
def test_the_good_bye_does_not_say_that_it_is_registered(event: UnderstoodTurn | Silence):
    end = advance(filed().state, event, NOW)
    assert prompts(end) == ["closing_status"]
    assert (end.end, end.state.outcome) == (True, "provisional")


def test_when_the_next_trouble_is_final_all_numbers_are_said():
    filing = advance(filed().state, MORE, NOW)
    assert filing.effects == (FileComplaints(),)
    step = filed(filing.state, FIRST, SECOND, provisional=False)
    assert prompts(step) == ["ticket_filed", "ticket_second", "ask_repeat"]
    assert prompts(advance(step.state, NO, NOW)) == ["closing"]


def test_a_number_that_was_said_stays_said_when_the_next_is_provisional():
    first = filed(STATE, FIRST, provisional=False)
    filing = advance(first.state, MORE, NOW)
    step = filed(filing.state, FIRST, SECOND)
    assert prompts(step) == ["provisional", "ask_repeat"]
    again = advance(step.state, YES, NOW)
    assert prompts(again) == ["ticket_again", "provisional", "ask_repeat"]
    assert again.say[0].values["ticket"] == spell_ticket(FIRST)
    assert prompts(advance(again.state, NO, NOW)) == ["closing_status"]


def test_in_danger_the_number_to_call_first_is_still_said():
    urgent = replace(STATE, emergency=True, intent=Intent.EMERGENCY, alerted=False)
    assert prompts(filed(urgent))[:2] == ["emergency_first", "provisional"]
    assert prompts(advance(urgent, NotFiled(True), NOW))[0] == "emergency_first"


@pytest.mark.parametrize(
    ("call_back", "prompt"),
    [(True, "not_saved_callback"), (False, "not_saved_try"), (None, "not_saved")],
)
def test_what_is_said_when_nothing_took_it_promises_no_more_than_is_sure(
    call_back: bool | None, prompt: str
):
    step = advance(STATE, NotFiled(call_back), NOW)
    assert (prompts(step), step.end, step.state.outcome) == ([prompt], True, "not_saved")


@given(st.lists(st.sampled_from(["yes", "no", "more", "final", "provisional", "none"]), max_size=9))
@hypothesis_settings(max_examples=200, deadline=None)
def test_whatever_happens_no_number_is_spoken_that_was_only_provisional(happened: list[str]):
    """Troubles without end; each is filed finally, provisionally or not at all."""
    final: set[str] = set()
    step = filed()
    kinds = iter(happened)
    categories = iter([c for c in Category if c is not Category.WATER])
    for kind in kinds:
        if step.end:
            break
        event = YES if kind == "yes" else NO if kind == "no" else None
        if event is None:
            filing = advance(
                step.state,
                UnderstoodTurn("இன்னொண்ணு", categories=(next(categories),)),
                NOW,
            )
            if not filing.effects:
                break
            numbers = tuple(f"{i:09}" for i in range(len(filing.state.filed) + 1))
            if kind == "none":
                step = advance(filing.state, NotFiled(), NOW)
            else:
                final |= set(numbers) if kind == "final" else set()
                step = filed(filing.state, *numbers, provisional=kind != "final")
        else:
            step = advance(step.state, event, NOW)
        spoken = {line.values["ticket"] for line in step.say if "ticket" in line.values}
        assert spoken <= {spell_ticket(number) for number in final}


@pytest.mark.parametrize(
    "name",
    ["provisional", "provisional_no_phone", "not_saved_callback", "not_saved_try", "not_saved"],
)
def test_no_sentence_of_it_is_longer_than_twelve_words(name: str):
    for sentence in re.split(r"[.?]", SCRIPT.prompts[name].text):
        assert len(sentence.split()) <= 12


# -- the whole conversation, on real journal and database -----------------------------------------

ANSWERS = {
    Slot.CONSENT: "சரி",
    Slot.COMPLAINT: "எங்க தெருவுல அஞ்சு நாளா குடிதண்ணி வரல சார்",
    Slot.PLACE: "பல்லடம்",
    Slot.LANDMARK: "மாரியம்மன் கோயில் பக்கத்துல",
    Slot.NAME: "முருகன்",
    Slot.SAME_NUMBER: "ஆமா",
    Slot.CONFIRM: "ஆமா",
    Slot.REPEAT: "வேண்டாம்",
}


class Line:
    """A line whose database can be taken away; keeps every word the caller hears."""

    def __init__(self, folder: Path, durability: Durability) -> None:
        self.folder = folder
        self.store = TicketStore.open(
            f"sqlite:///{folder / 'kural.db'}", data_dir=folder / "data", durability=durability
        )
        self.other = sqlite3.connect(folder / "kural.db", isolation_level=None)

    def take_database_away(self) -> None:
        self.other.execute("BEGIN EXCLUSIVE")

    def bring_database_back(self) -> None:
        self.other.close()

    async def call(self) -> tuple[list[str], Dialogue]:
        """One call to its end; what was said, prompt by prompt."""
        call = Call("local-1", datetime.now(UTC), caller="+919500123456")
        dialogue = Dialogue(
            SCRIPT,
            Extractor(Rules.load()),
            CallLedger.open(self.store, call),
            look_up=lambda _: None,
            caller=call.caller,
            call=call.id,
        )
        spoken = dialogue.greet()
        heard = prompts(spoken.step)
        words = [spoken.text]
        while not spoken.step.end:
            slot = spoken.step.expect
            assert slot is not None
            spoken = await dialogue.commit(ANSWERS[slot])
            heard += prompts(spoken.step)
            words.append(spoken.text)
        await dialogue.close("hung_up")
        for number in dialogue.state.filed[len(dialogue.state.told) :]:
            assert spell_ticket(number) not in " ".join(words)
        return heard, dialogue

    def owed(self) -> list[tuple[str, bool]]:
        """Reason of each call owed, and whether a number to call is there."""
        query = select(CALLBACK.c.reason, CALLBACK.c.phone)
        with self.store.database.engine.connect() as connection:
            return [(reason, phone is not None) for reason, phone in connection.execute(query)]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Line]:
    line = Line(tmp_path, KEPT)
    yield line
    line.store.close()


@pytest.fixture
def vanishing(tmp_path: Path) -> Iterator[Line]:
    line = Line(tmp_path, Durability(journal=False))
    yield line
    line.store.close()


async def test_on_a_disk_that_vanishes_the_caller_hears_no_number_and_is_owed_a_call(
    vanishing: Line,
):
    vanishing.take_database_away()
    heard, dialogue = await vanishing.call()
    assert heard[-3:] == ["provisional", "ask_repeat", "closing_status"]
    vanishing.bring_database_back()
    replay(vanishing.store)
    assert vanishing.owed() == [("provisional", True)]
    (ticket,) = vanishing.store.repository.search()
    assert (ticket.number,) == dialogue.state.filed
    assert [record.outcome for record in vanishing.store.repository.calls()] == ["provisional"]


async def test_with_the_database_there_the_same_caller_hears_his_number(vanishing: Line):
    heard, _ = await vanishing.call()
    assert heard[-4:] == ["ticket_filed", "ask_repeat", "promise", "closing"]
    assert vanishing.owed() == []


async def test_when_disk_and_database_fail_the_caller_hears_the_truth_and_is_owed_a_call(
    kept: Line,
):
    kept.store.journal_dir.write_text("a file where the folder should be")
    kept.take_database_away()
    heard, dialogue = await kept.call()
    assert heard[-1] == "not_saved_try"
    kept.store.journal_dir.unlink()
    await dialogue.settle(5.0)
    kept.bring_database_back()
    replay(kept.store)
    assert kept.owed() == [("disk_full", True)]
    (ticket,) = kept.store.repository.search()
    assert (ticket.category, ticket.constituency_no) == ("WATER", 115)


async def test_without_any_number_to_give_the_complaint_is_noted_and_a_call_promised(kept: Line):
    """All leased numbers are used up and the database is away; the journal works."""
    kept.store.take_numbers(kept.store.book.remaining())
    kept.take_database_away()
    heard, _ = await kept.call()
    assert heard[-1] == "not_saved_callback"
    kept.bring_database_back()
    replay(kept.store)
    assert kept.owed() == [("provisional", True)]
    assert len(list(kept.store.repository.search())) == 1
