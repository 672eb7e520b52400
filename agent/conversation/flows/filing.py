"""A complaint from its last question to its number: asked again, read back, filed, told. Pure.

An unanswered question is asked twice at most, what the caller takes back is asked again, and a
number is spoken only after the store has said that it is durable.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.complaint import ActKind, Answer, Category, Intent, Slot
from agent.conversation.complaints import complaints
from agent.conversation.flows import person
from agent.conversation.flows.emergency import on_emergency
from agent.conversation.flows.manners import aside_line
from agent.conversation.flows.status import without_number
from agent.conversation.moves import ask, end, file, next_step, said
from agent.conversation.questions import first_missing, goes_on, question, question_again
from agent.conversation.readback import (
    filed_lines,
    not_saved_lines,
    noted_lines,
    promise_lines,
    read_back,
)
from agent.conversation.steps import Act, Alert, Line, Step
from agent.conversation.taking import (
    CORRECTABLE,
    MAX_CORRECTIONS,
    is_told,
    new_troubles,
    take_more,
)

if TYPE_CHECKING:
    from agent.complaint import UnderstoodTurn
    from agent.conversation.steps import FlowState

MAX_TRIES = 2
"""A question is put twice at most; then the call goes on without its answer."""
MAX_REPEATS = 3


# -- asked again ------------------------------------------------------------------------------


def again(before: FlowState, state: FlowState, turn: UnderstoodTurn) -> Step:
    """The open question was not answered: ask once more in other words, then go on without."""
    slot = state.expect
    assert slot is not None  # noqa: S101 -- a question is open
    # Kept, not only said: else a caller who says the same piece for ever is asked for ever.
    if goes_on(before, turn) and state.digits == turn.digits:
        return said(state, Line("digits_more"))
    tries = state.tries + 1
    if tries < MAX_TRIES:
        learned = _facts(state) != _facts(before)
        asked = replace(state, tries=tries, digits="")
        return said(asked, *question_again(asked, turn, learned=learned))
    return _give_up(replace(state, tries=0, closed=state.closed | {slot}, digits=""), slot)


def _facts(state: FlowState) -> tuple[object, ...]:
    return (state.categories, state.landmark, state.days, state.name, state.phone)


def _give_up(state: FlowState, slot: Slot) -> Step:
    """Go on without an answer; without the one thing a call is about, offer note and call-back."""
    if slot is Slot.PHONE and state.corrections == 0 and not state.confidential:
        # Better the number she calls from than none (domain.md, "Phones"); it is read back.
        state = replace(state, phone=state.caller or None)
    if slot is Slot.TICKET:
        return without_number(state)
    if slot is Slot.COMPLAINT and not state.categories:
        if state.intent is Intent.INFO:
            return end(state, "info", Line("closing_status"))
        return person.ask_choice(state)
    if state.place is not None and state.place.outside and not state.emergency:
        # No seat of ours: a ticket would go to nobody.
        return end(replace(state, intent=Intent.INFO), "info", Line("closing_outside"))
    return next_step(state)


# -- danger, read-back ------------------------------------------------------------------------


def on_danger(state: FlowState, turn: UnderstoodTurn) -> Step:
    """The answer to "is anybody in danger?"; only a yes makes it an emergency."""
    closed = replace(state, closed=state.closed | {Slot.DANGER})
    if turn.answer is Answer.YES:
        return on_emergency(closed, turn)
    if turn.answer is None and state.tries == 0 and not turn.categories:
        return said(replace(state, tries=1), Line("sorry"), *question(state))
    return next_step(replace(closed, tries=0, unheard=0))


def after_confirm(before: FlowState, state: FlowState, turn: UnderstoodTurn) -> Step:
    """The read-back was answered.

    Args:
        before: as it was when it was read back.
        state: with the turn taken in.
        turn: the answer.
    """
    part = turn.corrects if turn.corrects in CORRECTABLE else None
    changed = turn.correction or part is not None or turn.answer is Answer.NO
    more = new_troubles(state, turn) if not changed else ()
    if more:
        return next_step(take_more(state, turn, more))
    if turn.answer is Answer.YES and not changed:
        return file(state)
    if not changed and turn.answer is None and state.tries == 0:
        return said(replace(state, tries=1), Line("sorry"), Line("readback_end"))
    if not changed or state.corrections >= MAX_CORRECTIONS:
        return file(state)
    if part is not None and read_back(state) == state.last and first_missing(state) is None:
        # He corrects what is right already: read once more, then it stands.
        if before.tries:
            return file(state)
        return said(replace(state, tries=1), *read_back(state))
    if part is not None:  # counted when it was taken back
        return next_step(replace(state, tries=0))
    return ask(replace(state, corrections=state.corrections + 1), Slot.CORRECTION)


def on_withdrawal(state: FlowState) -> Step:
    """The caller wants no complaint after all: what was told is not kept."""
    empty = type(state)(
        terms=state.terms,
        language=state.language,
        caller=state.caller,
        seat=state.seat,
        consent=state.consent,
        intent=Intent.INFO,
    )
    return end(empty, "refused", Line("closing_withdrawn"))


# -- filed ------------------------------------------------------------------------------------


def on_filed(state: FlowState, *, provisional: bool) -> Step:
    """First whatever must be durable or known before the number is spoken, then the number."""
    outcome = "provisional" if provisional else "listening" if state.listening else "filed"
    if state.hurried:
        outcome = "too_long"
    state = replace(state, outcome=outcome, expect=None)
    if state.emergency and state.alerted is None:
        return Step(state, (), effects=(Alert(state.filed[-1]),))
    return speak(state)


def speak(state: FlowState, *, owed: bool | None = None) -> Step:
    """Say the numbers that may be spoken and were not; of the others, that they come later.

    Args:
        state: everything was filed.
        owed: whether the call-back asked for is durable; None when it was not tried just now.
    """
    if state.person and not state.person_noted:
        owe = Act(ActKind.CALL_BACK, state.filed[0], state.person, state.phone)
        return Step(replace(state, expect=None), (), effects=(owe,))
    more: tuple[Line, ...] = ()
    if owed is not None:
        more = (Line("callback_noted" if owed else "not_noted"),)
    if state.alerted:
        more = (*more, Line("alert_taken"))
    provisional = state.outcome == "provisional"
    if provisional:
        told = replace(state, expect=Slot.REPEAT, tries=0)
        lines = noted_lines(complaints(state)[0].phone, emergency=state.emergency)
    else:
        new = state.filed[len(state.told) :]
        told = replace(state, expect=Slot.REPEAT, tries=0, told=state.filed)
        lines = filed_lines(_lead(state), new, state.language)
    if state.hurried:
        step = end(told, "too_long", *lines, *more, Line("time_over"))
    else:
        say = (*lines, *more, Line("ask_repeat"))
        step = Step(replace(told, last=say), say)
    return replace(step, uninterruptible=True)


def _lead(state: FlowState) -> str:
    if state.emergency:
        return "emergency_filed"
    return "note_filed" if state.listening else "ticket_filed"


def on_not_filed(state: FlowState, call_back: bool | None) -> Step:
    """Neither journal nor database took it: no number, the truth, and what is owed."""
    outcome = state.outcome if state.filed else "not_saved"
    return end(state, outcome, *not_saved_lines(call_back, emergency=state.emergency))


def after_ticket(state: FlowState, turn: UnderstoodTurn) -> Step:
    """The number was said: say it again, take another trouble, or close."""
    more = new_troubles(state, turn)
    unclear = state.expect is Slot.COMPLAINT and Category.OTHER not in state.categories
    if unclear and not more and is_told(turn):
        more = (Category.OTHER,)
    if more:
        return file(take_more(state, turn, more))
    announced = turn.intent is Intent.COMPLAINT and not turn.categories
    more_to_say = state.expect is Slot.REPEAT and state.repeats < MAX_REPEATS
    if more_to_say and announced:
        return ask(replace(state, repeats=state.repeats + 1), Slot.COMPLAINT)
    if more_to_say and turn.asks is not None:
        line = aside_line(state, turn.asks)
        return said(replace(state, repeats=state.repeats + 1), line, Line("ask_repeat"))
    if more_to_say and turn.answer in (Answer.YES, Answer.REPEAT):
        return _say_again(state)
    return close(state)


def _say_again(state: FlowState) -> Step:
    untold = len(state.told) < len(state.filed)
    noted = noted_lines(complaints(state)[0].phone, emergency=False) if untold else ()
    numbers = filed_lines("ticket_again", state.told, state.language)
    say = (*numbers, *noted, Line("ask_repeat"))
    state = replace(state, repeats=state.repeats + 1, last=say)
    return Step(state, say, uninterruptible=True)


def close(state: FlowState) -> Step:
    """Good-bye after filing; "registered" is said only where every number was."""
    if len(state.told) < len(state.filed):
        return end(state, state.outcome, Line("closing_status"))
    return end(state, state.outcome, *promise_lines(state), Line("closing"))
