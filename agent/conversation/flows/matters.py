"""Matters with an answer of their own: a child, a court case, stored data, a language. Pure.

A real complaint always wins: these are reached only by turns that tell no trouble, or they keep the
trouble that was told beside them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.complaint import ActKind, Answer, Intent, Slot, Topic
from agent.conversation.flows import manners, person
from agent.conversation.flows.emergency import on_emergency
from agent.conversation.moves import (
    act,
    aside,
    ask,
    end,
    next_step,
    past_consent,
    said,
)
from agent.conversation.questions import question
from agent.conversation.steps import Line, LookUp, Step
from agent.conversation.taking import take

if TYPE_CHECKING:
    from agent.complaint import UnderstoodTurn
    from agent.conversation.steps import FlowState, TicketFound

_ELSEWHERE = {
    Topic.COURT: "out_court",
    Topic.RTI: "out_rti",
    Topic.FAMILY: "out_family",
    Topic.POLITICS: "out_politics",
}
_RIGHTS = {Topic.SEE_DATA: "see", Topic.CORRECT_DATA: "correct", Topic.ERASE_DATA: "erase"}
FOREIGN_TURNS = 2
"""Whole turns in another language before it is taken for the caller's own."""
MAX_TRICKS = 2


def on_topic(state: FlowState, turn: UnderstoodTurn) -> Step | None:
    """Answer the matter of a turn; None: it changes nothing about how the turn is read."""
    topic = turn.topic
    troubled = bool(turn.categories)
    match topic:
        case Topic.ENGLISH | Topic.TAMIL | Topic.OTHER_LANGUAGE:
            return _on_language(state, turn)
        case Topic.DESPAIR:
            # 112, and a ticket that is an alarm, before everything else.
            return None if state.emergency else on_emergency(state, turn)
        case Topic.CHILD if not state.child and not state.filed and Slot.ADULT not in state.closed:
            return _on_child(state, turn)
        case Topic.ANGER if not troubled and not state.person:
            return person.on_human(state, turn, angry=True)
        case Topic.MACHINE if not troubled and not state.categories:
            return manners.on_wrong_number(state)
        case Topic.STEERING | Topic.OTHERS_DATA if not troubled:
            return _on_trick(state, topic)
        case Topic.COURT | Topic.RTI | Topic.FAMILY | Topic.POLITICS:
            return None if troubled or state.categories else _on_elsewhere(state, topic)
        case Topic.SEE_DATA | Topic.CORRECT_DATA | Topic.ERASE_DATA:
            return None if troubled or state.right else _on_right(state, topic)
        case _:
            return None


# -- language ---------------------------------------------------------------------------------


def _on_language(state: FlowState, turn: UnderstoodTurn) -> Step | None:
    if turn.topic is Topic.TAMIL:
        back = replace(state, language="ta", foreign=0)
        return None if state.language == "ta" else said(back, *question(back))
    if state.language == "en" and turn.topic is Topic.ENGLISH:
        return None
    if Slot.CHOICE in state.closed:
        return None  # a note was taken, which needs no language
    if state.expect is Slot.CHOICE:
        return person.choice_again(state)
    foreign = state.foreign + 1
    state = replace(state, foreign=foreign)
    if turn.topic is Topic.OTHER_LANGUAGE and foreign >= FOREIGN_TURNS:
        return person.ask_choice(replace(state, foreign=0))
    if turn.topic is Topic.ENGLISH and (foreign >= FOREIGN_TURNS or state.expect is Slot.LANGUAGE):
        return _in_english(state, turn)
    if state.expect is Slot.LANGUAGE:
        return person.ask_choice(state)
    taken = _told(state, turn)
    return ask(replace(taken, foreign=foreign), Slot.LANGUAGE)


def on_language_chosen(state: FlowState, turn: UnderstoodTurn) -> Step:
    """The answer to "Tamil or English?": by key, or in words of either."""
    if turn.digits == "2":
        return _in_english(state, turn)
    tamil = turn.topic is Topic.TAMIL or turn.digits == "1" or turn.answer is not None
    if not tamil and not turn.categories and turn.place is None:
        return person.ask_choice(replace(state, foreign=0))
    chosen = replace(state, closed=state.closed | {Slot.LANGUAGE})
    return _go_on(_told(chosen, turn))


def _in_english(state: FlowState, turn: UnderstoodTurn) -> Step:
    english = replace(
        state, language="en", foreign=0, closed=state.closed | {Slot.LANGUAGE, Slot.CONSENT}
    )
    return _go_on(_told(english, turn))


def _go_on(state: FlowState) -> Step:
    """What was asked before the language; after another office's matter that is room for ours."""
    if state.intent is Intent.INFO and not state.categories and not state.right:
        return said(replace(state, expect=Slot.COMPLAINT, tries=1), Line("ask_else"))
    return next_step(state)


def _told(state: FlowState, turn: UnderstoodTurn) -> FlowState:
    """What the turn tells besides its language is kept."""
    if state.expect is Slot.CONSENT and turn.answer in (Answer.YES, Answer.NO):
        state = replace(state, consent=turn.answer is Answer.YES)
    state = past_consent(state)
    if state.expect is Slot.LANGUAGE:
        state = replace(state, expect=Slot.COMPLAINT if not state.categories else None)
    taken, _ = take(state, turn) if turn.categories or turn.place else (state, False)
    return taken


# -- people in need ---------------------------------------------------------------------------


def _on_child(state: FlowState, turn: UnderstoodTurn) -> Step:
    """A child phones: no name, no number is asked, nothing is recorded."""
    taken, _ = take(past_consent(state), turn) if turn.categories else (past_consent(state), False)
    return ask(replace(taken, child=True, consent=False), Slot.ADULT)


def on_adult(state: FlowState, turn: UnderstoodTurn) -> Step:
    """The answer to "is a grown-up at home?"; whoever takes the phone is asked from the start."""
    closed = replace(state, closed=state.closed | {Slot.ADULT})
    if turn.answer is Answer.YES:
        grown = replace(closed, child=False)
        return next_step(grown, Line("adult_wait"))
    taken = closed
    if turn.categories:
        taken, _ = take(replace(closed, expect=Slot.COMPLAINT), turn)
    return next_step(replace(taken, child=True))


# -- elsewhere --------------------------------------------------------------------------------


def _on_elsewhere(state: FlowState, topic: Topic) -> Step:
    """Name the right office, and leave room for a trouble that is ours."""
    if state.intent is Intent.INFO:
        return end(state, "info", Line(_ELSEWHERE[topic]), Line("closing_status"))
    asked = replace(past_consent(state), intent=Intent.INFO, expect=Slot.COMPLAINT, tries=1)
    return said(asked, Line(_ELSEWHERE[topic]), Line("ask_else"))


def _on_trick(state: FlowState, topic: Topic) -> Step | None:
    """Refuse, reveal nothing, put the open question again; a third is an answer like others."""
    if state.asides >= MAX_TRICKS:
        return None
    return aside(state, Line("others_refused" if topic is Topic.OTHERS_DATA else "only_complaints"))


# -- stored data ------------------------------------------------------------------------------


def _on_right(state: FlowState, topic: Topic) -> Step:
    """A request about one's own data; the caller's number must be that of a ticket."""
    wish = replace(past_consent(state), intent=Intent.INFO, right=_RIGHTS[topic])
    if wish.recalled.tickets:
        return _request(wish, wish.recalled.tickets[0].number)
    if wish.ticket is not None:
        return Step(replace(wish, expect=None), (), effects=(LookUp(wish.ticket),))
    return ask(wish, Slot.TICKET)


def on_right_found(state: FlowState, found: TicketFound | None) -> Step:
    """Whether the ticket is the caller's own decides."""
    if found is not None and found.mine:
        return _request(state, found.number)
    return end(state, "info", Line("right_refused"), Line("closing_status"))


def _request(state: FlowState, number: str) -> Step:
    return act(replace(state, ticket=number), ActKind.REQUEST, number, state.right)


def requested(state: FlowState, *, done: bool) -> Step:
    """The request is a row that staff see, or cannot be kept now."""
    if not done:
        return end(state, "info", Line("not_noted"), Line("closing_status"))
    return end(state, "rights", Line("right_noted"), Line("closing_status"))
