"""Effects: every one runs, each answers, and nothing that hangs or fails ends the call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.complaint import ActKind, Call, Category, Complaint, Intent, Recalled
from agent.conversation import dialogue as dialogue_module
from agent.conversation import effects as effects_module
from agent.conversation.dialogue import Dialogue, Spoken
from agent.conversation.effects import Effects
from agent.conversation.flow import advance
from agent.conversation.ports import Services
from agent.conversation.script import Script
from agent.conversation.steps import (
    Act,
    Acted,
    Alert,
    Alerted,
    Event,
    FileComplaints,
    Filed,
    FlowState,
    Line,
    LookUp,
    Silence,
    Step,
    TicketFound,
    TicketUnknown,
    TimeShort,
    Transfer,
    Transferred,
)
from agent.errors import ExtractionFailed, TicketError
from agent.settings import CallSettings
from agent.tickets.ledger import CallLedger
from agent.tickets.store import TicketStore
from agent.understanding.extract import Extractor
from agent.understanding.rules import Rules

SCRIPT = Script.load(CallSettings().prompts_dir)
RULES = Rules.load()
TOLD = FlowState(
    intent=Intent.EMERGENCY,
    categories=(Category.EMERGENCY, Category.WATER),
    description="தீ பிடிச்சிருச்சு",
    filed=("204103274", "204103282"),
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[CallLedger]:
    store = TicketStore.open(f"sqlite:///{tmp_path / 'kural.db'}", data_dir=tmp_path)
    yield CallLedger.open(store, Call(id="local-1", started_at=datetime.now(UTC)))
    store.close()


class Person:
    """Somebody to be transferred to."""

    def __init__(self, *, answers: bool, after_s: float = 0.0) -> None:
        self.answers, self.after_s = answers, after_s

    async def transfer(self) -> bool:
        await asyncio.sleep(self.after_s)
        return self.answers


async def answer(ledger: CallLedger, services: Services, effect: object) -> Event:
    return await Effects(ledger, services, None).run(effect, TOLD)  # type: ignore[arg-type]


# -- one effect, one answer ----------------------------------------------------------------------


async def test_an_act_is_done_as_told_and_says_whether_it_is_durable(ledger: CallLedger):
    done: list[tuple[str, str | None, str, str | None]] = []

    def act(kind: str, number: str | None, value: str, phone: str | None) -> bool:
        done.append((kind, number, value, phone))
        return True

    effect = Act(ActKind.RATE, "204103274", "5")
    assert await answer(ledger, Services(act=act), effect) == Acted(ActKind.RATE, done=True)
    assert done == [("rate", "204103274", "5", None)]


async def test_an_act_nobody_can_do_or_that_fails_is_not_done(ledger: CallLedger):
    def fails(*_: object) -> bool:
        raise TicketError("The disk is full.")

    effect = Act(ActKind.REOPEN, "204103274")
    for services in (Services(), Services(act=fails)):
        assert await answer(ledger, services, effect) == Acted(ActKind.REOPEN, done=False)


async def test_an_alert_tells_of_the_complaint_of_its_number(ledger: CallLedger):
    told: list[tuple[str, Category | None]] = []

    def alarm(number: str, complaint: Complaint) -> bool:
        told.append((number, complaint.category))
        return True

    assert await answer(ledger, Services(alarm=alarm), Alert("204103282")) == Alerted(True)
    assert told == [("204103282", Category.WATER)]


async def test_nobody_alerted_is_never_an_acknowledgement(
    ledger: CallLedger, monkeypatch: pytest.MonkeyPatch
):
    def hangs(*_: object) -> bool:
        time.sleep(0.3)
        return True

    monkeypatch.setattr(effects_module, "ALERT_WITHIN_S", 0.05)
    assert await answer(ledger, Services(), Alert("204103274")) == Alerted(False)
    assert await answer(ledger, Services(alarm=hangs), Alert("204103274")) == Alerted(False)


async def test_a_transfer_says_how_it_went(ledger: CallLedger, monkeypatch: pytest.MonkeyPatch):
    for answers in (True, False):
        services = Services(transferrer=Person(answers=answers))
        assert await answer(ledger, services, Transfer()) == Transferred(answers)
    monkeypatch.setattr(effects_module, "TRANSFER_WITHIN_S", 0.05)
    nobody = Services(transferrer=Person(answers=True, after_s=20))
    assert await answer(ledger, nobody, Transfer()) == Transferred(ok=False)
    assert await answer(ledger, Services(), Transfer()) == Transferred(ok=False)


async def test_a_look_up_answers_what_the_store_knows(ledger: CallLedger):
    found = TicketFound("204103274", "IN_PROGRESS", mine=True)
    known = Services(look_up=lambda number: found if number == found.number else None)
    assert await answer(ledger, known, LookUp("204103274")) == found
    assert await answer(ledger, known, LookUp("204103282")) == TicketUnknown()


# -- several in one step -------------------------------------------------------------------------


def follow(state: FlowState, event: Event) -> Step:
    """Say the name of every answer; filing is followed by an alert."""
    line = Line(type(event).__name__)
    effects = (Alert("204103274"),) if isinstance(event, Filed) else ()
    over = isinstance(event, Transferred)
    return Step(state, (line,), effects=effects, end=over, uninterruptible=bool(effects))


async def unheard(step: Step, wait: bool) -> bool:
    return False


async def test_every_effect_of_a_step_runs_in_order_and_then_those_of_the_answers(
    ledger: CallLedger,
):
    state = replace(TOLD, filed=())
    step = Step(state, (Line("first"),), effects=(FileComplaints(), LookUp("1"), Transfer()))
    done = await Effects(ledger, Services(), None).run_all(step, follow, unheard)
    said = [line.prompt for line in done.say]
    assert said == ["first", "Filed", "TicketUnknown", "Transferred", "Alerted"]
    assert (done.end, done.uninterruptible, done.effects) == (True, True, ())


async def test_a_flow_in_a_circle_comes_to_an_end(ledger: CallLedger):
    def again(state: FlowState, event: Event) -> Step:
        return Step(state, (Line("again"),), effects=(LookUp("1"),))

    step = Step(TOLD, (), effects=(LookUp("1"),))
    done = await Effects(ledger, Services(), None).run_all(step, again, unheard)
    assert len(done.say) == effects_module.MAX_EFFECTS


async def test_what_is_known_is_heard_before_an_alarm_or_a_transfer_has_answered(
    ledger: CallLedger,
):
    heard: list[tuple[list[str], bool]] = []

    async def be_heard(step: Step, wait: bool) -> bool:
        heard.append(([line.prompt for line in step.say], wait))
        return True

    step = Step(TOLD, (Line("connecting"),), effects=(Transfer(), Alert("204103274")))
    done = await Effects(ledger, Services(), None).run_all(step, follow, be_heard)
    assert heard == [(["connecting"], True), (["Transferred"], False)]
    assert [line.prompt for line in done.say] == ["Alerted"]


# -- in a dialogue -------------------------------------------------------------------------------


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    seen: list[Event] = []

    def spy(state: FlowState, event: Event, now: datetime) -> Step:
        seen.append(event)
        return advance(state, event, now)

    monkeypatch.setattr(dialogue_module, "advance", spy)
    return seen


def talk(ledger: CallLedger, services: Services, extractor: Extractor | None = None) -> Dialogue:
    return Dialogue(SCRIPT, extractor or Extractor(RULES), ledger, services=services)


async def test_what_the_store_knows_comes_before_the_first_turn_and_once(
    ledger: CallLedger, events: list[Event]
):
    known = Recalled(tickets=())
    dialogue = talk(ledger, Services(recall=lambda: known))
    dialogue.greet()
    await dialogue.commit("ஆமா")
    await dialogue.silence()
    assert [type(event).__name__ for event in events] == ["Recalled", "UnderstoodTurn", "Silence"]
    assert events[0] is known
    await dialogue.close("hung_up")


@pytest.mark.parametrize("how", ["slow", "fails"])
async def test_a_store_that_is_slow_or_fails_delays_neither_notice_nor_turn(
    ledger: CallLedger, events: list[Event], how: str
):
    def recall() -> Recalled:
        time.sleep(0.6 if how == "slow" else 0.0)
        raise TicketError("The database is away.")

    dialogue = talk(ledger, Services(recall=recall))
    assert dialogue.greet().text
    await dialogue.silence()
    assert events == [Recalled(), Silence()]
    await dialogue.close("hung_up")


async def test_the_clock_and_the_note_are_events(ledger: CallLedger, events: list[Event]):
    dialogue = talk(ledger, Services())
    await dialogue.time_short()
    await dialogue.time_short(over=True)
    await dialogue.note_over(3.5)
    assert events[:2] == [TimeShort(), TimeShort(over=True)]
    await dialogue.close("too_long")


async def test_after_the_end_of_the_call_nothing_happens_any_more(
    ledger: CallLedger, events: list[Event]
):
    dialogue = talk(ledger, Services())
    await dialogue.close("hung_up")
    late = await dialogue.silence()
    assert (late.text, late.step.end, events) == ("", True, [])


class Refusing:
    """A language model's place in the chain; asking it is the failure this test looks for."""

    asked = 0

    async def ask(self, *_: object) -> object:
        Refusing.asked += 1
        raise ExtractionFailed("Nobody answers.")

    async def aclose(self) -> None:
        """Nothing to close."""


async def test_who_refuses_the_notice_is_understood_by_rules_alone(ledger: CallLedger):
    extractor = Extractor(RULES, Refusing())  # type: ignore[arg-type]
    dialogue = talk(ledger, Services(), extractor)
    unsure = "அது வந்து பாருங்க அந்த விஷயம் ரொம்ப நாளா அப்படியே கெடக்கு"
    await dialogue.commit("வேண்டாம்")
    assert dialogue.local_only
    dialogue.consider(unsure)
    await dialogue.commit(unsure)
    assert Refusing.asked == 0
    other = talk(ledger, Services(), extractor)
    await other.commit("ஆமா")
    await other.commit(unsure)
    assert Refusing.asked > 0
    await other.close("hung_up")
    await dialogue.close("hung_up")


async def test_a_transfer_is_journalled_and_heard_before_it_is_tried(
    ledger: CallLedger, monkeypatch: pytest.MonkeyPatch
):
    def flow(state: FlowState, event: Event, now: datetime) -> Step:
        if isinstance(event, Transferred):
            return Step(replace(state, outcome="transferred"), (), end=True)
        human = replace(state, intent=Intent.HUMAN)
        return Step(human, (Line("human"),), effects=(Transfer(),))

    order: list[str] = []

    class Desk:
        async def transfer(self) -> bool:
            order.append("rings")
            return True

    async def speak(spoken: Spoken, wait: bool) -> bool:
        order.append(f"{spoken.text} {wait}")
        return True

    monkeypatch.setattr(dialogue_module, "advance", flow)
    dialogue = talk(ledger, Services(transferrer=Desk()))
    dialogue.speak_first = speak
    last = await dialogue.commit("ஆள் வேணும்")
    assert order == [f"{SCRIPT.text([Line('human')])} True", "rings"]
    assert (last.text, last.step.end, last.step.state.outcome) == ("", True, "transferred")
    assert ledger._story.turns == 1
    await dialogue.close("hung_up")
