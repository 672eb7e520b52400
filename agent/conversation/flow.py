"""The conversation as a pure function: what is known, what is missing, what to ask next.

``advance(state, event, now) -> Step``. No clock, no network, no language model: the whole dialogue
is tested in virtual time. The order of questions follows the ideal call (docs/architecture.md):
consent, the questions (:mod:`agent.conversation.questions`), read-back, ticket. An unanswered
question is asked twice at most, what the caller takes back is asked again, and what he asks back is
answered without promising anything.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.complaint import Answer, Aside, Category, Intent, Slot, UnderstoodTurn
from agent.conversation.complaints import complaints
from agent.conversation.questions import (
    first_missing,
    goes_on,
    question,
    question_again,
    question_alone,
)
from agent.conversation.readback import filed_lines, not_saved_lines, noted_lines, read_back
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
from agent.conversation.taking import (
    CHECKING,
    CORRECTABLE,
    MAX_CORRECTIONS,
    contradicting,
    is_told,
    new_troubles,
    take,
    take_more,
)

if TYPE_CHECKING:
    from datetime import datetime

MAX_TRIES = 2
"""A question is put twice at most; then the call goes on without its answer."""
MAX_UNHEARD = 3
"""Silences before a polite good-bye (6 s each: 20 s in all, peers.md section 4)."""
MAX_REPEATS = 3
MAX_INSULTS = 3
MAX_ASIDES = 4
"""Questions of the caller that are answered; after them the call goes on with ours."""


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


def _on_store(state: FlowState, event: Event) -> Step:
    match event:
        case Filed(numbers, provisional):
            return _on_filed(
                replace(state, filed=numbers, expect=Slot.REPEAT, tries=0), provisional
            )
        case NotFiled(call_back):
            outcome = state.outcome if state.filed else "not_saved"
            return _end(state, outcome, *not_saved_lines(call_back, emergency=state.emergency))
        case TicketFound(_, status):
            return _end(state, "status", Line(f"status_{status}"), Line("closing_status"))
        case TicketUnknown():
            return _end(state, "status", Line("status_unknown"), Line("closing_status"))
        case _:
            return Step(state, ())


def _on_filed(state: FlowState, provisional: bool) -> Step:
    """Say the numbers that may be spoken and were not; of the others, that they come later."""
    state = replace(state, expect=Slot.REPEAT, tries=0)
    if provisional:
        filed = replace(state, outcome="provisional")
        say = (*noted_lines(_call_back(state), emergency=state.emergency), Line("ask_repeat"))
    else:
        filed = replace(state, outcome="filed", told=state.filed)
        lead = "emergency_filed" if state.emergency else "ticket_filed"
        say = (*filed_lines(lead, state.filed[len(state.told) :]), Line("ask_repeat"))
    return Step(replace(filed, last=say), say, uninterruptible=True)


def _call_back(state: FlowState) -> str | None:
    """The number the office calls about what was filed."""
    return complaints(state)[0].phone


def _on_turn(state: FlowState, turn: UnderstoodTurn) -> Step:
    if turn.answer is Answer.REPEAT and state.last and state.expect is not Slot.REPEAT:
        return Step(state, state.last)
    if not turn.text.strip():
        return _on_unheard(state, "not_heard")
    special = _on_special_intent(state, turn)
    if special is not None:
        return special
    if state.filed:
        return _after_ticket(state, turn)
    if turn.asks is not None and state.asides < MAX_ASIDES:
        return _on_aside(state, turn.asks)
    if state.expect in CHECKING and turn.answer is Answer.REFUSED:
        return _on_withdrawal(state)
    turn = contradicting(state, turn)
    taken, answered = take(state, turn)
    if answered:
        taken = replace(taken, tries=0, unheard=0)
    if state.expect is Slot.CONFIRM:
        return _after_confirm(taken, turn)
    reopened = taken.corrections > state.corrections
    if answered or reopened or state.expect in (None, Slot.CONSENT):
        return _next(taken)
    return _again(state, taken, turn)


def _on_special_intent(state: FlowState, turn: UnderstoodTurn) -> Step | None:
    if turn.emergency and not state.emergency:
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
    if state.filed:
        urgent = replace(take_more(state, turn, (Category.EMERGENCY,)), emergency=True)
        return _file(urgent)
    taken, _ = take(state, turn)
    if turn.text not in taken.description:
        # Staff must read what the danger is, whatever question it was told at.
        taken = replace(taken, description=f"{taken.description} {turn.text}".strip())
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
    calm = "abuse_calm_known" if state.categories else "abuse_calm"
    lead = Line(calm if insults == 1 else "abuse_warn")
    state = _past_consent(state)
    if state.expect is Slot.COMPLAINT and insults == 1:
        return Step(replace(state, last=(lead,)), (lead,))  # it asks for the trouble itself
    return Step(state, (lead, *question(state)))


def _on_aside(state: FlowState, asks: Aside) -> Step:
    """Answer who is speaking; who will come and when is not ours to say. Then ask on."""
    state = replace(_past_consent(state), asides=state.asides + 1, unheard=0)
    return Step(state, (_aside(asks), *question_alone(state)))


def _on_withdrawal(state: FlowState) -> Step:
    """The caller wants no complaint after all: what was told is not kept."""
    empty = FlowState(
        caller=state.caller, seat=state.seat, consent=state.consent, intent=Intent.INFO
    )
    return _end(empty, "refused", Line("closing_withdrawn"))


def _aside(asks: Aside) -> Line:
    return Line("who_we_are" if asks is Aside.WHO else "cannot_say")


def _past_consent(state: FlowState) -> FlowState:
    """The notice is not read out twice; no answer to it is no consent."""
    if state.expect is not Slot.CONSENT:
        return state
    return replace(state, closed=state.closed | {Slot.CONSENT}, expect=Slot.COMPLAINT)


def _on_unheard(state: FlowState, prompt: str) -> Step:
    unheard = state.unheard + 1
    state = replace(state, unheard=unheard)
    if state.filed:
        return _close(state)
    if unheard >= MAX_UNHEARD:
        if complaints(state):
            return Step(replace(state, outcome="silent"), (Line("closing_partial"),), end=True)
        silent = replace(state, intent=state.intent or Intent.WRONG_NUMBER)
        return _end(silent, "wrong_number", Line("closing_silent"))
    state = _past_consent(state)
    return Step(state, (Line(prompt), *question(state)))


def _again(before: FlowState, state: FlowState, turn: UnderstoodTurn) -> Step:
    """The open question was not answered: ask once more in other words, then go on without."""
    slot = state.expect
    assert slot is not None  # noqa: S101 -- a question is open
    # Kept, not only said: else a caller who says the same piece for ever is asked for ever.
    if goes_on(before, turn) and state.digits == turn.digits:
        return _said(state, (Line("digits_more"),))
    tries = state.tries + 1
    if tries < MAX_TRIES:
        learned = _facts(state) != _facts(before)
        asked = replace(state, tries=tries, digits="")
        return _said(asked, question_again(asked, turn, learned=learned))
    return _give_up(replace(state, tries=0, closed=state.closed | {slot}, digits=""), slot)


def _facts(state: FlowState) -> tuple[object, ...]:
    return (state.categories, state.landmark, state.days, state.name, state.phone)


def _give_up(state: FlowState, slot: Slot) -> Step:
    """Go on without an answer; without the one thing a call is about, end it."""
    if slot is Slot.PHONE and state.corrections == 0 and not state.confidential:
        # Better the number she calls from than none (domain.md, "Phones"); it is read back.
        state = replace(state, phone=state.caller or None)
    if slot is Slot.COMPLAINT and not complaints(state):
        wrong = replace(state, intent=state.intent or Intent.WRONG_NUMBER)
        return _end(wrong, "wrong_number", Line("closing_unclear"))
    if state.place is not None and state.place.outside and not state.emergency:
        # No seat of ours: a ticket would go to nobody.
        return _end(replace(state, intent=Intent.INFO), "info", Line("closing_outside"))
    return _next(state)


def _after_confirm(state: FlowState, turn: UnderstoodTurn) -> Step:
    part = turn.corrects if turn.corrects in CORRECTABLE else None
    changed = turn.correction or part is not None or turn.answer is Answer.NO
    more = new_troubles(state, turn) if not changed else ()
    if more:
        return _next(take_more(state, turn, more))
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
    """The number was said: say it again, take another trouble, or close."""
    more = new_troubles(state, turn)
    unclear = state.expect is Slot.COMPLAINT and Category.OTHER not in state.categories
    if unclear and not more and is_told(turn):
        more = (Category.OTHER,)
    if more:
        told = take_more(state, turn, more)
        return _file(told)
    announced = turn.intent is Intent.COMPLAINT and not turn.categories
    again = state.expect is Slot.REPEAT and state.repeats < MAX_REPEATS
    if again and announced:
        return _ask(replace(state, expect=Slot.COMPLAINT, repeats=state.repeats + 1))
    if again and turn.asks is not None:
        asked = (_aside(turn.asks), Line("ask_repeat"))
        return _said(replace(state, repeats=state.repeats + 1), asked)
    if again and turn.answer in (Answer.YES, Answer.REPEAT):
        untold = len(state.told) < len(state.filed)
        noted = noted_lines(_call_back(state), emergency=False) if untold else ()
        say = (*filed_lines("ticket_again", state.told), *noted, Line("ask_repeat"))
        state = replace(state, repeats=state.repeats + 1, last=say)
        return Step(state, say, uninterruptible=True)
    return _close(state)


def _close(state: FlowState) -> Step:
    """Good-bye after filing; "registered" is said only where every number was."""
    told = len(state.told) == len(state.filed)
    return _end(state, state.outcome, Line("closing" if told else "closing_status"))


def _next(state: FlowState, *lead: Line) -> Step:
    """Ask for the first thing that is missing, or read back, or file."""
    if state.intent is Intent.STATUS and state.ticket is not None:
        return Step(replace(state, expect=None), (), effects=(LookUp(state.ticket),))
    slot = first_missing(state)
    if slot is not None:
        return _ask(replace(state, expect=slot), *lead)
    match state.intent:
        case Intent.STATUS:
            return _end(state, "status", *lead, Line("status_no_number"), Line("closing_status"))
        case Intent.HUMAN:
            # The lead has said already that the wish is noted.
            return _end(state, "human", *lead, Line("closing_status" if lead else "closing_human"))
        case Intent.INFO:
            return _end(state, "info", *lead, Line("closing_status" if lead else "closing_info"))
        case Intent.EMERGENCY:
            return _file(state)
        case _:
            say = (*lead, *read_back(state))
            return _said(replace(state, expect=Slot.CONFIRM, tries=0), say)


def _ask(state: FlowState, *lead: Line) -> Step:
    if state.expect in (Slot.DISTRICT, Slot.AREA):
        state = replace(state, place_asked_back=True)
    return _said(state, (*lead, *question(state)))


def _said(state: FlowState, say: tuple[Line, ...]) -> Step:
    return Step(replace(state, last=say), say)


def _file(state: FlowState) -> Step:
    return Step(replace(state, expect=None), (), effects=(FileComplaints(),))


def _end(state: FlowState, outcome: str, *say: Line) -> Step:
    ended = replace(state, outcome=outcome, expect=Slot.CLOSE, last=say)
    return Step(ended, say, end=True)
