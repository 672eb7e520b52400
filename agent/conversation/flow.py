"""The conversation as a pure function: what is known, what is missing, what to ask next.

``advance(state, event, now) -> Step``. No clock, no network, no language model: the whole dialogue
is tested in virtual time. The order of questions follows the ideal call (docs/architecture.md):
consent, story, place, the one question that separates same-named places, landmark, days, name,
call-back number, read-back, ticket. Nothing is asked that was already said, and an unanswered
question is asked twice at most.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.complaint import Answer, Category, Intent, Slot, UnderstoodTurn
from agent.conversation.complaints import complaints
from agent.conversation.readback import filed_lines, phone_tail, read_back
from agent.conversation.steps import (
    Event,
    FileComplaints,
    Filed,
    FlowState,
    Line,
    LookUp,
    NotFiled,
    Silence,
    Step,
    TicketFound,
    TicketUnknown,
)
from agent.conversation.taking import CORRECTABLE, MAX_CORRECTIONS, is_located, take

if TYPE_CHECKING:
    from datetime import datetime

MAX_TRIES = 2
"""A question is put twice at most; then the call goes on without its answer."""
MAX_UNHEARD = 3
"""Silences before a polite good-bye (6 s each: 20 s in all, peers.md section 4)."""
MAX_REPEATS = 3
MAX_INSULTS = 3

_ASK = {
    Slot.COMPLAINT: "ask_complaint",
    Slot.PLACE: "ask_place",
    Slot.DISTRICT: "ask_district",
    Slot.AREA: "ask_area",
    Slot.LANDMARK: "ask_landmark",
    Slot.DAYS: "ask_days",
    Slot.NAME: "ask_name",
    Slot.SAME_NUMBER: "ask_same_number",
    Slot.PHONE: "ask_phone",
    Slot.CORRECTION: "ask_correction",
    Slot.REPEAT: "ask_repeat",
    Slot.TICKET: "ask_ticket",
}
_WHOLE = {Slot.PHONE: 10, Slot.TICKET: 9}
"""Digits of a whole number."""
_ASK_AGAIN = {
    Slot.COMPLAINT: "ask_complaint_again",
    Slot.PLACE: "ask_place_again",
    Slot.PHONE: "ask_phone_again",
    Slot.TICKET: "ask_ticket_again",
}


def opening(caller: str = "", seat: int | None = None) -> Step:
    """The first step of a call: notice and consent, in one breath."""
    state = FlowState(caller=caller, seat=seat, expect=Slot.CONSENT)
    say = (Line("notice"),)
    return Step(replace(state, last=say), say)


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
        return _on_unheard(state, "still_there")
    return _on_store(state, event)


def _on_store(state: FlowState, event: Filed | NotFiled | TicketFound | TicketUnknown) -> Step:
    match event:
        case Filed(numbers):
            filed = replace(state, filed=numbers, outcome="filed", expect=Slot.REPEAT, tries=0)
            lead = "emergency_filed" if state.emergency else "ticket_filed"
            say = (*filed_lines(lead, numbers), Line("ask_repeat"))
            return Step(replace(filed, last=say), say, uninterruptible=True)
        case NotFiled():
            return _end(state, "not_saved", Line("not_saved"))
        case TicketFound(_, status):
            return _end(state, "status", Line(f"status_{status}"), Line("closing_status"))
        case TicketUnknown():
            return _end(state, "status", Line("status_unknown"), Line("closing_status"))


def _on_turn(state: FlowState, turn: UnderstoodTurn) -> Step:
    if turn.answer is Answer.REPEAT and state.last and state.expect is not Slot.REPEAT:
        return Step(state, state.last)
    if not turn.text.strip():
        return _on_unheard(state, "not_heard")
    special = _on_special_intent(state, turn)
    if special is not None:
        return special
    taken, answered = take(state, turn)
    if answered:
        taken = replace(taken, tries=0, unheard=0)
    return _after(taken, turn, answered=answered)


def _on_special_intent(state: FlowState, turn: UnderstoodTurn) -> Step | None:
    if turn.emergency and not state.emergency and not state.filed:
        return _on_emergency(state, turn)
    if turn.intent is Intent.ABUSE:
        return _on_abuse(state)
    if state.expect is Slot.CLOSE or state.filed:
        return None
    if turn.intent is Intent.HUMAN and state.intent is not Intent.HUMAN:
        taken, _ = take(state, turn)
        return _next(replace(taken, intent=Intent.HUMAN), Line("human"))
    if turn.intent is Intent.WRONG_NUMBER and not state.categories:
        return _end(replace(state, intent=Intent.WRONG_NUMBER), "wrong_number", Line("wrong"))
    new = turn.intent is not state.intent and not state.categories
    if turn.intent in (Intent.STATUS, Intent.INFO) and new:
        taken, _ = take(state, turn)
        lead = (Line("info"),) if turn.intent is Intent.INFO else ()
        return _next(replace(taken, intent=turn.intent), *lead)
    return None


def _on_emergency(state: FlowState, turn: UnderstoodTurn) -> Step:
    taken, _ = take(state, turn)
    urgent = replace(
        taken,
        emergency=True,
        intent=Intent.EMERGENCY,
        categories=(Category.EMERGENCY,),
        days=0,
        tries=0,
    )
    step = _next(urgent, Line("emergency"))
    return replace(step, uninterruptible=True)


def _on_abuse(state: FlowState) -> Step:
    insults = state.insults + 1
    state = replace(state, insults=insults)
    if insults >= MAX_INSULTS:
        intent = state.intent or Intent.ABUSE
        return _end(replace(state, intent=intent), "abuse", Line("abuse_end"))
    lead = Line("abuse_calm" if insults == 1 else "abuse_warn")
    if state.expect is Slot.CONSENT:
        state = replace(state, closed=state.closed | {Slot.CONSENT}, expect=Slot.COMPLAINT)
        return Step(replace(state, last=(lead,)), (lead,))
    return Step(state, (lead, *_question(state)))


def _on_unheard(state: FlowState, prompt: str) -> Step:
    unheard = state.unheard + 1
    state = replace(state, unheard=unheard)
    if state.filed:
        return _end(state, "filed", Line("closing"))
    if unheard >= MAX_UNHEARD:
        if complaints(state):
            return Step(replace(state, outcome="silent"), (Line("closing_silent"),), end=True)
        silent = replace(state, intent=state.intent or Intent.WRONG_NUMBER)
        return _end(silent, "wrong_number", Line("closing_silent"))
    if state.expect is Slot.CONSENT:
        state = replace(state, closed=state.closed | {Slot.CONSENT}, expect=Slot.COMPLAINT)
    return Step(state, (Line(prompt), *_question(state)))


def _after(state: FlowState, turn: UnderstoodTurn, *, answered: bool) -> Step:
    """The step after a turn was taken in: the next question, or this one again."""
    if state.filed:
        return _after_ticket(state, turn)
    if state.expect is Slot.CONFIRM:
        return _after_confirm(state, turn)
    if answered or state.expect in (None, Slot.CONSENT):
        return _next(state)
    return _again(state, turn)


def _again(state: FlowState, turn: UnderstoodTurn) -> Step:
    """The open question was not answered: ask once more in other words, then go on without."""
    slot = state.expect
    assert slot is not None  # noqa: S101 -- narrowed by _after
    tries = state.tries + 1
    if tries < MAX_TRIES:
        if 0 < len(turn.digits) < _WHOLE.get(slot, 0):
            return _ask(replace(state, tries=tries), Line("digits_more"))
        again = Line(_ASK_AGAIN.get(slot, _ASK[slot]))
        lead = () if slot in _ASK_AGAIN else (Line("sorry"),)
        return _said(replace(state, tries=tries), (*lead, *_fill(state, again)))
    given_up = replace(state, tries=0, closed=state.closed | {slot}, digits="")
    if slot is Slot.PHONE and state.caller:
        # Better the number she calls from than none (domain.md, "Phones").
        given_up = replace(given_up, phone=state.caller)
    if slot is Slot.COMPLAINT and not complaints(given_up):
        return _end(
            replace(given_up, intent=given_up.intent or Intent.WRONG_NUMBER),
            "wrong_number",
            Line("closing_silent"),
        )
    return _next(given_up)


def _after_confirm(state: FlowState, turn: UnderstoodTurn) -> Step:
    part = turn.corrects if turn.corrects in CORRECTABLE else None
    changed = turn.correction or part is not None or turn.answer is Answer.NO
    if turn.answer is Answer.YES and not changed:
        return _file(state)
    if not changed and turn.answer is None and state.tries == 0:
        return _said(replace(state, tries=1), (Line("sorry"), Line("readback_end")))
    if not changed or state.corrections >= MAX_CORRECTIONS:
        return _file(state)
    if part is not None:  # counted when it was taken back
        return _next(replace(state, tries=0))
    return _ask(replace(state, expect=Slot.CORRECTION, corrections=state.corrections + 1, tries=0))


def _after_ticket(state: FlowState, turn: UnderstoodTurn) -> Step:
    wants_again = turn.answer in (Answer.YES, Answer.REPEAT)
    if state.expect is Slot.REPEAT and wants_again and state.repeats < MAX_REPEATS:
        say = (*filed_lines("ticket_again", state.filed), Line("ask_repeat"))
        state = replace(state, repeats=state.repeats + 1, last=say)
        return Step(state, say, uninterruptible=True)
    return _end(state, "filed", Line("closing"))


def _next(state: FlowState, *lead: Line) -> Step:
    """Ask for the first thing that is missing, or read back, or file."""
    if state.intent is Intent.STATUS and state.ticket is not None:
        return Step(replace(state, expect=None), (), effects=(LookUp(state.ticket),))
    for slot in _wanted(state):
        if not _known(state, slot):
            return _ask(replace(state, expect=slot), *lead)
    match state.intent:
        case Intent.STATUS:
            return _end(state, "status", *lead, Line("status_unknown"), Line("closing_status"))
        case Intent.HUMAN:
            return _end(state, "human", *lead, Line("closing_human"))
        case Intent.INFO:
            return _end(state, "info", *lead, Line("closing_info"))
        case Intent.EMERGENCY:
            return _file(state)
        case _:
            say = (*lead, *read_back(state))
            return _said(replace(state, expect=Slot.CONFIRM, tries=0), say)


def _wanted(state: FlowState) -> tuple[Slot, ...]:
    """The questions of this kind of call, in order."""
    separate = _separating(state)
    match state.intent:
        case Intent.STATUS:
            return (Slot.TICKET,)
        case Intent.HUMAN | Intent.INFO | Intent.EMERGENCY:
            return (Slot.PLACE, *separate)
        case _:
            number = Slot.SAME_NUMBER if state.caller else Slot.PHONE
            return (
                Slot.COMPLAINT,
                Slot.PLACE,
                *separate,
                Slot.LANDMARK,
                Slot.DAYS,
                Slot.NAME,
                number,
                Slot.PHONE,
            )


def _separating(state: FlowState) -> tuple[Slot, ...]:
    if state.place is None or state.place_asked_back or state.place.question is None:
        return ()
    return (state.place.question,)


def _known(state: FlowState, slot: Slot) -> bool:
    if slot in state.closed:
        return True
    match slot:
        case Slot.COMPLAINT:
            return bool(state.categories)
        case Slot.PLACE:
            return is_located(state.place)
        case Slot.LANDMARK:
            return state.landmark is not None
        case Slot.DAYS:
            return state.days is not None
        case Slot.NAME:
            return state.name is not None
        case Slot.SAME_NUMBER | Slot.PHONE:
            return state.phone is not None
        case _:
            return False


def _ask(state: FlowState, *lead: Line) -> Step:
    if state.expect in (Slot.DISTRICT, Slot.AREA):
        state = replace(state, place_asked_back=True)
    return _said(state, (*lead, *_question(state)))


def _question(state: FlowState) -> tuple[Line, ...]:
    if state.expect is Slot.CONFIRM:
        return read_back(state)
    if state.expect is None or state.expect not in _ASK:
        return ()
    return _fill(state, Line(_ASK[state.expect]))


def _fill(state: FlowState, line: Line) -> tuple[Line, ...]:
    if line.prompt == "ask_same_number":
        return (Line(line.prompt, {"digits": phone_tail(state.caller)}),)
    if line.prompt in ("ask_district", "ask_area") and state.place is not None:
        return (Line(line.prompt, {"place": state.place.locality_ta or state.place.spoken}),)
    return (line,)


def _said(state: FlowState, say: tuple[Line, ...]) -> Step:
    return Step(replace(state, last=say), say)


def _file(state: FlowState) -> Step:
    return Step(replace(state, expect=None), (), effects=(FileComplaints(),))


def _end(state: FlowState, outcome: str, *say: Line) -> Step:
    ended = replace(state, outcome=outcome, expect=Slot.CLOSE, last=say)
    return Step(ended, say, end=True)
