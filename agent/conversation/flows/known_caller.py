"""A caller whose number the store knows: a call that broke off, a complaint that is open.

Phones are shared: nothing of what is stored is told before the caller has confirmed it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.complaint import ActKind, Answer, Intent, KnownTicket, Slot
from agent.conversation.moves import act, ask, end, next_step, said
from agent.conversation.questions import question
from agent.conversation.readback import again_lines
from agent.conversation.steps import Line

if TYPE_CHECKING:
    from agent.complaint import UnderstoodTurn
    from agent.conversation.steps import FlowState, Step

MAX_TRIES = 2


def may_resume(state: FlowState) -> bool:
    """Whether to ask if the call that broke off goes on."""
    broken = state.recalled.broken
    return broken is not None and Slot.RESUME not in state.closed and not state.categories


def on_resume(state: FlowState, turn: UnderstoodTurn) -> Step | None:
    """The answer to "shall we go on from there?"; None: the turn is to be read as a story."""
    broken = state.recalled.broken
    if turn.answer is Answer.YES and broken is not None:
        state = replace(state, closed=state.closed | {Slot.RESUME})
        return act(state, ActKind.RESUME, broken.number, broken.call_id)
    if turn.categories:
        return None
    if turn.answer is None and state.tries + 1 < MAX_TRIES:
        return said(replace(state, tries=state.tries + 1), Line("sorry"), *question(state))
    return next_step(replace(state, closed=state.closed | {Slot.RESUME}))


def resumed(state: FlowState, *, done: bool) -> Step:
    """Take over what the broken call knew; when that cannot be kept, begin anew."""
    broken = state.recalled.broken
    if broken is None or not done:
        return next_step(state)
    known = replace(
        state,
        continues=broken,
        intent=Intent.COMPLAINT if broken.categories else state.intent,
        categories=broken.categories,
        description=broken.description,
        place=broken.place,
        landmark=broken.landmark,
        days=broken.days,
        name=broken.name,
        phone=broken.phone,
    )
    return next_step(known, Line("resumed"))


def same_issue(state: FlowState) -> KnownTicket | None:
    """The open ticket of this number that may be about what was just told.

    A place that lies elsewhere makes it another one.
    """
    if Slot.SAME_ISSUE in state.closed or state.continues is not None or state.emergency:
        return None
    seats = {c.number for c in state.place.candidates} if state.place is not None else set()
    for ticket in state.recalled.tickets:
        elsewhere = bool(seats) and ticket.constituency is not None
        if ticket.category in state.categories and not (
            elsewhere and ticket.constituency not in seats
        ):
            return ticket
    return None


def ask_same(state: FlowState) -> Step:
    """Ask whether it is the one that is open."""
    return ask(state, Slot.SAME_ISSUE)


def on_same_issue(state: FlowState, turn: UnderstoodTurn) -> Step:
    """The answer: one more report of a known ticket, or a new complaint."""
    ticket = same_issue(state)
    if turn.answer is Answer.YES and ticket is not None:
        known = replace(state, ticket=ticket.number, closed=state.closed | {Slot.SAME_ISSUE})
        return act(known, ActKind.REPORT_AGAIN, ticket.number)
    if turn.answer is None and not turn.text.strip() and state.tries + 1 < MAX_TRIES:
        return said(replace(state, tries=state.tries + 1), *question(state))
    return next_step(replace(state, closed=state.closed | {Slot.SAME_ISSUE}, tries=0))


def reported_again(state: FlowState, *, done: bool) -> Step:
    """Say which ticket was told once more; one that takes no more reports is filed anew."""
    if not done or state.ticket is None:
        return next_step(replace(state, ticket=None))
    # Nothing of this call is a complaint of its own: a partial ticket would be the clone.
    told = replace(state, categories=(), description="")
    step = end(told, "again", *again_lines(state), Line("closing_status"))
    return replace(step, uninterruptible=True)
