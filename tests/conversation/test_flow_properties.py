"""Whatever a caller does, in whatever order: promises the flow keeps in every call."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.complaint import (
    Answer,
    Aside,
    BrokenCall,
    Category,
    Intent,
    KnownTicket,
    Place,
    Recalled,
    SeatCandidate,
    Slot,
    Topic,
    UnderstoodTurn,
)
from agent.conversation.complaints import FILED_INTENTS, complaints
from agent.conversation.flow import advance, opening
from agent.conversation.script import LANGUAGES, Script
from agent.conversation.steps import (
    Act,
    Acted,
    Alert,
    Alerted,
    Event,
    FileComplaints,
    Filed,
    FlowState,
    LookUp,
    NoteOver,
    NotFiled,
    Silence,
    Step,
    Terms,
    TicketFound,
    TicketUnknown,
    TimeShort,
    Transfer,
    Transferred,
)
from agent.settings import CallSettings

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
SCRIPTS = [Script.load(CallSettings().prompts_dir, language) for language in LANGUAGES]
MOST_TURNS = 60
"""A caller who answers nothing is led to the end of the call well before this."""


def seat(number: int) -> SeatCandidate:
    return SeatCandidate(number, "S", "தொ", "D", "மா", 0.9, "test")


places = st.builds(
    lambda numbers, question, outside: Place(
        "ஊர்",
        "Town" if numbers else None,
        "ஊர்" if numbers else None,
        tuple(map(seat, numbers)),
        question if len(numbers) > 1 else None,
        outside=outside and not numbers,
    ),
    st.lists(st.integers(1, 234), max_size=4, unique=True),
    st.sampled_from([Slot.DISTRICT, Slot.AREA]),
    st.booleans(),
)
turns = st.builds(
    UnderstoodTurn,
    text=st.sampled_from(["", "ம்", "ஆமா", "அது வந்து ரொம்ப நாளா இப்படித்தான் இருக்கு"]),
    intent=st.none() | st.sampled_from(Intent),
    categories=st.lists(st.sampled_from(Category), max_size=3, unique=True).map(tuple),
    emergency=st.sampled_from([False, False, False, True]),
    place=st.none() | places,
    landmark=st.none() | st.just("கோயில்"),
    days=st.none() | st.integers(0, 400),
    name=st.none() | st.just("மீனா"),
    phone=st.none() | st.just("9842113576"),
    digits=st.sampled_from(["", "98421", "9842113576", "984211357612"]),
    same_number=st.booleans(),
    ticket=st.none() | st.just("204103274"),
    answer=st.none() | st.sampled_from(Answer),
    correction=st.booleans(),
    corrects=st.none() | st.sampled_from(Slot),
    asks=st.none() | st.none() | st.sampled_from(Aside),
    confidential=st.booleans(),
    topic=st.none() | st.none() | st.sampled_from(Topic),
)
known = st.builds(
    KnownTicket,
    st.just("204103274"),
    st.none() | st.sampled_from(Category),
    st.sampled_from(["NEW", "RESOLVED"]),
    st.none() | st.integers(1, 234),
    st.none() | st.just("ஊர்"),
)
broken = st.builds(
    BrokenCall,
    st.just("job-0"),
    st.none() | st.just("204103282"),
    st.lists(st.sampled_from(Category), max_size=2, unique=True).map(tuple),
    st.just("தண்ணி வரல"),
    st.none() | places,
    st.none(),
    st.none() | st.integers(0, 40),
    st.none(),
    st.none(),
)
recalled = st.builds(Recalled, st.lists(known, max_size=2).map(tuple), st.none() | broken)
odd = st.sampled_from([NoteOver(0.0), NoteOver(12.0), TimeShort(), TimeShort(over=True)])
events = st.builds(
    lambda first, rest: [*first, *rest],
    st.lists(recalled, max_size=1),
    st.lists(turns | turns | st.just(Silence()) | odd, min_size=1, max_size=MOST_TURNS),
)
lines = st.builds(Terms, can_transfer=st.booleans(), election=st.booleans(), abroad=st.booleans())
callers = st.sampled_from(["", "+910000000001"])


def settle(step: Step, *, saved: bool) -> Step:
    """Answer a step's effects as the store would, until there is something to say."""
    while step.effects:
        answer: Event
        match step.effects[0]:
            case FileComplaints():
                assert complaints(step.state)[0].intent in FILED_INTENTS
                numbers = tuple("204103274" for _ in complaints(step.state))
                answer = Filed(numbers) if saved else NotFiled()
            case LookUp(number):
                answer = TicketFound(number, "RESOLVED", mine=True) if saved else TicketUnknown()
            case Act(kind):
                answer = Acted(kind, done=saved)
            case Alert():
                answer = Alerted(acknowledged=saved)
            case Transfer():
                answer = Transferred(ok=saved)
        said = step.say
        step = advance(step.state, answer, NOW)
        step = replace(step, say=(*said, *step.say))
    return step


def play(
    caller: str, happened: list[Event], *, saved: bool, terms: Terms | None = None
) -> list[Step]:
    steps = [opening(caller, terms=terms)]
    for event in happened:
        if steps[-1].end:
            break
        steps.append(settle(advance(steps[-1].state, event, NOW), saved=saved))
    return steps


@given(callers, events, st.booleans(), lines)
@settings(max_examples=400, deadline=None)
def test_every_step_can_be_spoken_and_the_number_only_after_the_store(
    caller, happened, saved, terms
):
    for step, event in zip(
        play(caller, happened, saved=saved, terms=terms), [None, *happened], strict=False
    ):
        handed_on = step.state.outcome == "transferred"
        for script in SCRIPTS:
            assert script.text(step.say) or isinstance(event, Recalled) or handed_on
        numbered = [line for line in step.say if "ticket" in line.values]
        assert not numbered or step.state.filed or step.state.outcome == "again"
        assert not numbered or step.uninterruptible
        if not saved:
            assert not step.state.filed


@given(callers, events)
@settings(max_examples=200, deadline=None)
def test_what_was_said_is_never_forgotten_unless_it_was_taken_back(caller, happened):
    before = FlowState()
    for step in play(caller, happened, saved=True):
        state = step.state
        if state.outcome in ("refused", "again"):
            break
        taken_back = state.corrections > before.corrections
        if before.categories and before.categories[0] is not Category.OTHER and not taken_back:
            assert state.categories
        if before.description:
            assert before.description in state.description or state.emergency
        before = state


@given(callers, events)
@settings(max_examples=200, deadline=None)
def test_a_number_once_spoken_is_never_lost_and_never_said_for_another_complaint(caller, happened):
    before = FlowState()
    for step in play(caller, happened, saved=True):
        assert step.state.filed[: len(before.filed)] == before.filed
        if before.filed:
            assert step.state.categories[: len(before.categories)] == before.categories
            assert step.state.place == before.place
        before = step.state


@given(callers, st.lists(st.just(Silence()) | st.just(UnderstoodTurn("ம்")), min_size=MOST_TURNS))
@settings(max_examples=50, deadline=None)
def test_a_caller_who_never_answers_is_led_to_the_end(caller, happened):
    assert play(caller, happened, saved=True)[-1].end


@given(callers, turns)
@settings(max_examples=100, deadline=None)
def test_the_same_turn_again_and_again_ends_the_call(caller, turn):
    steps = play(caller, [turn] * MOST_TURNS, saved=True)
    repeats = turn.answer is Answer.REPEAT
    assert steps[-1].end or repeats
