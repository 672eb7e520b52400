"""The conversation as a pure function: what is known, what is missing, what to ask next.

``advance(state, event, now) -> Step``. No clock, no network, no language model: the whole dialogue
is tested in virtual time. This module decides who answers an event: first what comes before any
question (danger, another language, insults, the wish for a person: ``flows/``), then whoever asked
the question that is open. The order of questions is that of :mod:`agent.conversation.questions`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.complaint import ActKind, Answer, Intent, Recalled, Slot, UnderstoodTurn
from agent.conversation.flows import emergency, filing, known_caller, manners, matters, person
from agent.conversation.flows import status as ticket_status
from agent.conversation.flows.manners import MAX_UNHEARD
from agent.conversation.moves import MAX_ASIDES, ask, end, file, next_step, office, said
from agent.conversation.questions import question_alone
from agent.conversation.steps import (
    Acted,
    Alerted,
    Event,
    Filed,
    FlowState,
    Line,
    NoteOver,
    NotFiled,
    Silence,
    Step,
    Terms,
    TicketFound,
    TicketUnknown,
    TimeShort,
    Transferred,
)
from agent.conversation.taking import CHECKING, contradicting, take

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["MAX_TRIES", "MAX_UNHEARD", "advance", "opening", "overload_opening"]

MAX_TRIES = filing.MAX_TRIES


def opening(caller: str = "", seat: int | None = None, terms: Terms | None = None) -> Step:
    """The first step of a call: notice and consent, in one breath."""
    held = terms or Terms()
    state = FlowState(caller=caller, seat=seat, terms=held, expect=Slot.CONSENT)
    abroad = (Line("notice_abroad"),) if held.abroad else ()
    say = (office(state, "notice"), Line("notice_recorded"), *abroad, Line("notice_choice"))
    return Step(replace(state, last=say), say)


def overload_opening(caller: str = "", seat: int | None = None, terms: Terms | None = None) -> Step:
    """The first step when no machine is free: a call-back by key, nothing that needs ears."""
    held = terms or Terms()
    state = FlowState(
        caller=caller, seat=seat, terms=held, person=person.OVERLOAD, intent=Intent.HUMAN
    )
    if not caller:
        return end(state, "callback", office(state, "notice"), Line("overload_no_number"))
    return ask(state, Slot.CALL_BACK, office(state, "notice"))


def advance(state: FlowState, event: Event, now: datetime) -> Step:
    """What follows from one event.

    Args:
        state: all the call knows.
        event: what just happened.
        now: UTC time of the event; passed in so that time-dependent rules stay pure.
    """
    if isinstance(event, UnderstoodTurn):
        return _on_turn(state, event)
    if isinstance(event, Silence):
        return manners.on_unheard(state, spoke=False)
    return _on_answer(state, event)


def _on_answer(state: FlowState, event: Event) -> Step:
    """An effect has answered, or the clock speaks."""
    match event:
        case Recalled():
            return Step(replace(state, recalled=event), ())
        case Filed(numbers, provisional):
            return filing.on_filed(replace(state, filed=numbers), provisional=provisional)
        case NotFiled(call_back):
            return filing.on_not_filed(state, call_back)
        case Alerted(acknowledged):
            return filing.speak(replace(state, alerted=acknowledged))
        case TicketFound() if state.right:
            return matters.on_right_found(state, event)
        case TicketUnknown() if state.right:
            return matters.on_right_found(state, None)
        case TicketFound():
            return ticket_status.on_found(state, event)
        case TicketUnknown():
            return ticket_status.on_unknown(state)
        case Transferred(ok):
            return person.after_transfer(state, ok=ok)
        case NoteOver(seconds):
            return person.on_note(state, seconds)
        case TimeShort(over):
            return _on_time(state, over=over)
        case Acted(kind, done):
            return _on_acted(state, kind, done=done)
        case _:
            return Step(state, ())


def _on_acted(state: FlowState, kind: ActKind, *, done: bool) -> Step:
    match kind:
        case ActKind.CALL_BACK if state.filed and state.expect is None:
            return filing.speak(replace(state, person_noted=True), owed=done)
        case ActKind.CALL_BACK:
            return person.after_call_back(state, done=done)
        case ActKind.REQUEST:
            return matters.requested(state, done=done)
        case ActKind.REPORT_AGAIN:
            return known_caller.reported_again(state, done=done)
        case ActKind.RESUME:
            return known_caller.resumed(state, done=done)
        case ActKind.RATE:
            return end(state, state.outcome, Line("closing_status"))
        case _:
            return ticket_status.after_act(state, kind, done=done)


def _on_time(state: FlowState, *, over: bool) -> Step:
    """The longest time of a call: a kind warning, then an end that keeps what was told."""
    if not over:
        return Step(state, (Line("time_short"), *question_alone(state)))
    hurried = replace(state, hurried=True, outcome="too_long")
    if state.filed or not state.categories:
        return end(hurried, "too_long", Line("time_over"))
    return file(hurried)


# -- a turn of the caller ---------------------------------------------------------------------


def _on_turn(state: FlowState, turn: UnderstoodTurn) -> Step:
    if turn.answer is Answer.REPEAT and state.last and state.expect is not Slot.REPEAT:
        repeats = state.repeats + 1
        if repeats < filing.MAX_REPEATS:
            return Step(replace(state, repeats=repeats), state.last)
        return manners.on_unheard(state, spoke=False)
    if not turn.text.strip():
        return manners.on_unheard(state, spoke=True)
    first = _before_any_question(state, turn)
    if first is not None:
        return first
    heard = replace(state, foreign=0) if turn.topic is None else state
    if manners.accepts_call_back(heard, turn):
        return person.owe(heard, person.SILENT)
    own = _own_question(heard, turn)
    if own is not None:
        return own
    if heard.filed:
        return filing.after_ticket(heard, turn)
    if turn.asks is not None and heard.asides < MAX_ASIDES:
        return manners.on_aside(heard, turn.asks)
    if heard.expect in CHECKING and turn.answer is Answer.REFUSED:
        return filing.on_withdrawal(heard)
    return _take_in(heard, contradicting(heard, turn))


def _take_in(state: FlowState, turn: UnderstoodTurn) -> Step:
    """An answer to one of our questions, or something told instead."""
    taken, answered = take(state, turn)
    if answered:
        taken = replace(taken, tries=0, unheard=0)
    if state.expect is Slot.CONFIRM:
        return filing.after_confirm(state, taken, turn)
    reopened = taken.corrections > state.corrections
    doubted = emergency.doubts_danger(taken, turn)
    if not (answered or reopened or doubted or state.expect in (None, Slot.CONSENT)):
        return filing.again(state, taken, turn)
    if doubted:
        return ask(taken, Slot.DANGER)
    if known_caller.may_resume(taken):
        return ask(taken, Slot.RESUME)
    if turn.categories and known_caller.same_issue(taken) is not None:
        return known_caller.ask_same(taken)
    return next_step(taken)


def _before_any_question(state: FlowState, turn: UnderstoodTurn) -> Step | None:
    """What is answered in every state, whatever was asked."""
    if emergency.believed(state, turn) and not state.emergency:
        return emergency.on_emergency(state, turn)
    if emergency.asks_first(state, turn):
        return ask(take(state, contradicting(state, turn))[0], Slot.DANGER)
    if turn.intent is Intent.ABUSE:
        return manners.on_abuse(state, turn)
    if state.expect in (Slot.CLOSE, Slot.VOICE_NOTE):
        return None
    topic = matters.on_topic(state, turn) if turn.topic is not None else None
    if topic is not None:
        return topic
    if turn.intent is Intent.HUMAN:
        return person.on_human(state, turn)
    if state.filed:
        return None
    return _other_purpose(state, turn)


def _other_purpose(state: FlowState, turn: UnderstoodTurn) -> Step | None:
    """The turn says that the call is about something else than a complaint."""
    if turn.intent is Intent.WRONG_NUMBER and not state.categories:
        return manners.on_wrong_number(state)
    new = turn.intent is not state.intent and not state.categories
    numbered = state.expect is Slot.COMPLAINT and turn.ticket is not None and not turn.categories
    if numbered and state.intent is not Intent.STATUS:
        return ticket_status.ask_status(replace(state, ticket=turn.ticket))
    if turn.intent is Intent.STATUS and new and state.expect is not Slot.FIXED:
        taken, _ = take(state, turn)
        return ticket_status.ask_status(taken)
    if turn.intent is Intent.INFO and new and not state.person:
        taken, _ = take(state, turn)
        return next_step(replace(taken, intent=Intent.INFO), Line("info"))
    return None


def _own_question(state: FlowState, turn: UnderstoodTurn) -> Step | None:
    """The questions of the side flows; None: the turn is read as every other."""
    match state.expect:
        case Slot.RESUME:
            return known_caller.on_resume(state, turn) or _as_story(state, turn, Slot.RESUME)
        case Slot.SAME_ISSUE if state.intent is Intent.STATUS:
            return ticket_status.on_own(state, turn)
        case Slot.SAME_ISSUE:
            return known_caller.on_same_issue(state, turn)
        case Slot.FIXED:
            return ticket_status.on_fixed(state, turn)
        case Slot.RATING:
            return ticket_status.on_rating(state, turn)
        case Slot.CHOICE:
            return person.on_choice(state, turn) or _as_story(state, turn, Slot.CHOICE)
        case Slot.VOICE_NOTE:
            return person.on_words(state, turn)
        case Slot.ADULT:
            return matters.on_adult(state, turn)
        case Slot.LANGUAGE:
            return matters.on_language_chosen(state, turn)
        case Slot.DANGER:
            return filing.on_danger(state, turn)
        case Slot.CALL_BACK:
            return _on_call_back(state, turn)
        case Slot.COMPLAINT if state.intent is Intent.INFO and turn.answer is Answer.NO:
            return end(state, "info", Line("closing_status"))
        case _:
            return None


def _as_story(state: FlowState, turn: UnderstoodTurn, instead_of: Slot) -> Step:
    """A trouble told instead of the answer to a question of ours."""
    told = replace(state, expect=Slot.COMPLAINT, closed=state.closed | {instead_of})
    return _take_in(told, turn)


def _on_call_back(state: FlowState, turn: UnderstoodTurn) -> Step:
    """Overloaded: key 1, or any yes, is a call-back; everything else says it once more."""
    if turn.digits == "1" or turn.answer is Answer.YES:
        return person.file_or_owe(state)
    if turn.answer is Answer.NO or state.tries + 1 >= MAX_TRIES:
        return end(state, "hung_up", Line("closing_status"))
    return said(replace(state, tries=state.tries + 1), *question_alone(state))
