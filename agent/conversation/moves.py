"""The few moves every flow is made of: say, ask, file, end, go on to what is missing. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.complaint import ActKind, Intent, Slot
from agent.conversation.complaints import complaints
from agent.conversation.questions import first_missing, question, question_alone
from agent.conversation.readback import read_back
from agent.conversation.steps import Act, FileComplaints, Line, LookUp, Step

if TYPE_CHECKING:
    from agent.conversation.steps import FlowState

MAX_ASIDES = 4
"""So often what the caller asks back is answered; after that the call goes on with our question."""


def said(state: FlowState, *say: Line) -> Step:
    """Say something; the open question stays open."""
    return Step(replace(state, last=say), say)


def ask(state: FlowState, slot: Slot, *lead: Line) -> Step:
    """Put a question for the first time."""
    asked = replace(state, expect=slot, tries=0, repeats=state.repeats if state.filed else 0)
    if slot in (Slot.DISTRICT, Slot.AREA):
        asked = replace(asked, place_asked_back=True)
    return said(asked, *lead, *question(asked))


def aside(state: FlowState, *lead: Line) -> Step:
    """Answer something that is no answer of ours, then put the open question again."""
    state = replace(past_consent(state), asides=state.asides + 1, unheard=0)
    return Step(state, (*lead, *question_alone(state)))


def end(state: FlowState, outcome: str, *say: Line) -> Step:
    """Say the last words and hang up."""
    ended = replace(state, outcome=outcome, expect=Slot.CLOSE, last=say)
    return Step(ended, say, end=True)


def file(state: FlowState, *say: Line) -> Step:
    """Make the complaints durable; what is spoken follows from the store's answer.

    A trouble that is filed is a complaint, whatever else the call was about.
    """
    intent = Intent.EMERGENCY if state.emergency else Intent.COMPLAINT
    filed = replace(state, expect=None, intent=intent)
    return Step(filed, say, effects=(FileComplaints(),))


def act(
    state: FlowState, kind: ActKind, number: str | None = None, value: str = "", *say: Line
) -> Step:
    """Make an act of the caller durable; what is spoken follows from the store's answer."""
    wanted = Act(kind, number, value, state.phone)
    return Step(replace(state, expect=None), say, effects=(wanted,))


def office(state: FlowState, prompt: str) -> Line:
    """The sentence that says whose line this is; no member is named before an election."""
    return Line(f"{prompt}_election" if state.terms.election else prompt)


def past_consent(state: FlowState) -> FlowState:
    """The notice is not read out twice; no answer to it is no consent."""
    if state.expect is not Slot.CONSENT:
        return state
    return replace(state, closed=state.closed | {Slot.CONSENT}, expect=Slot.COMPLAINT)


def next_step(state: FlowState, *lead: Line) -> Step:
    """Ask for the first thing that is missing, or read back, or file, or end."""
    asks = state.intent is Intent.STATUS or bool(state.right)
    if asks and state.ticket is not None and state.found is None:
        return Step(replace(state, expect=None), (), effects=(LookUp(state.ticket),))
    slot = first_missing(state)
    if slot is not None:
        return ask(state, slot, *lead)
    if state.person and not state.person_noted:
        return _person(state, *lead)
    match state.intent:
        case Intent.STATUS if state.categories:
            # The trouble told with the question is not lost with the number.
            told = replace(state, intent=Intent.COMPLAINT, ticket=None)
            return next_step(told, *lead, Line("status_no_number"))
        case Intent.STATUS:
            return end(state, "status", *lead, Line("status_no_number"), Line("closing_status"))
        case Intent.INFO if state.right:
            return end(state, "info", Line("right_refused"), Line("closing_status"))
        case Intent.INFO:
            return end(state, "info", *lead, Line("closing_status" if lead else "closing_info"))
        case Intent.EMERGENCY:
            return file(state, *lead)
        case _ if state.listening or state.hurried:
            return file(state, *lead)
        case _:
            confirm = replace(state, expect=Slot.CONFIRM, tries=0)
            return said(confirm, *lead, *read_back(state))


def _person(state: FlowState, *lead: Line) -> Step:
    """A complaint that was told first is filed before the call-back is noted."""
    if state.categories and not state.filed and complaints(state):
        return file(state, *lead)
    return act(state, ActKind.CALL_BACK, None, state.person, *lead)
