"""How does my complaint stand? By number, or by the number the caller phones from.

Only a state of the life-cycle is ever told. Whether it is "really mended" is asked of whoever calls
from the ticket's own number; a no takes it up again, one level higher.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.complaint import ActKind, Answer, Intent, Slot
from agent.conversation.moves import act, ask, end, next_step, said
from agent.conversation.questions import question
from agent.conversation.steps import Act, Line, LookUp, Step

if TYPE_CHECKING:
    from agent.complaint import UnderstoodTurn
    from agent.conversation.steps import FlowState, TicketFound

MAX_TRIES = 2


def ask_status(state: FlowState) -> Step:
    """Begin: with the number said already, with the caller's own ticket, or by asking."""
    state = replace(state, intent=Intent.STATUS)
    offered = Slot.SAME_ISSUE in state.closed
    if state.ticket is None and state.recalled.tickets and not offered:
        return ask(state, Slot.SAME_ISSUE)
    return next_step(state)


def on_own(state: FlowState, turn: UnderstoodTurn) -> Step:
    """The answer to "is it about the complaint from this number?"."""
    state = replace(state, closed=state.closed | {Slot.SAME_ISSUE})
    if turn.ticket is not None:
        return next_step(replace(state, ticket=turn.ticket))
    if turn.answer is Answer.YES:
        number = state.recalled.tickets[0].number
        known = replace(state, ticket=number, expect=None)
        return Step(known, (), effects=(LookUp(number),))
    return next_step(state)


def on_found(state: FlowState, found: TicketFound) -> Step:
    """Tell the state; ask whether it is mended when the office says so."""
    state = replace(state, found=found, outcome="status")
    status = Line(f"status_{found.status}")
    if found.mine and found.status == "RESOLVED":
        return ask(state, Slot.FIXED, status)
    return _otherwise(state, status)


def on_unknown(state: FlowState) -> Step:
    """No such ticket, or the store is away."""
    return _otherwise(replace(state, ticket=None), Line("status_unknown"))


def without_number(state: FlowState) -> Step:
    """The number was not said in two tries: the office calls, unless a trouble was told too."""
    state = replace(state, closed=state.closed | {Slot.TICKET})
    if state.right:
        return end(state, "info", Line("right_refused"), Line("closing_status"))
    if state.categories:
        return _otherwise(state, Line("status_no_number"))
    wish = replace(state, person="status", tries=0)
    return next_step(wish, Line("status_no_number"))


def _otherwise(state: FlowState, line: Line) -> Step:
    """A trouble told together with the question is not lost."""
    if state.categories:
        told = replace(state, intent=Intent.COMPLAINT, outcome="open", ticket=None)
        return next_step(told, line)
    return end(state, "status", line, Line("closing_status"))


def on_fixed(state: FlowState, turn: UnderstoodTurn) -> Step:
    """The answer to "is it really mended?"."""
    number = state.ticket
    match turn.answer:
        case Answer.YES:
            return act(state, ActKind.VERIFY, number)
        case Answer.NO:
            return act(state, ActKind.REOPEN, number)
        case _ if turn.categories:
            return act(state, ActKind.REOPEN, number)  # what is told again is not mended
        case _ if state.tries + 1 < MAX_TRIES:
            return said(replace(state, tries=state.tries + 1), Line("sorry"), *question(state))
        case _:
            return end(state, "status", Line("closing_status"))


def after_act(state: FlowState, kind: ActKind, *, done: bool) -> Step:
    """The citizen's word is kept, or cannot be now."""
    if not done:
        return end(state, "status", Line("not_noted"), Line("closing_status"))
    if kind is ActKind.REOPEN:
        return end(state, "reopened", Line("reopened"), Line("closing_status"))
    return ask(replace(state, outcome="status"), Slot.RATING, Line("verified"))


def on_rating(state: FlowState, turn: UnderstoodTurn) -> Step:
    """One key from 1 to 5; anything else skips it."""
    thanks = end(state, "status", Line("closing_status"))
    if turn.digits in ("1", "2", "3", "4", "5"):
        rate = Act(ActKind.RATE, state.ticket, turn.digits)
        return Step(replace(state, expect=None), (), effects=(rate,))
    return thanks
