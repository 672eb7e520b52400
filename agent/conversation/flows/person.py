"""A person instead of the machine: transfer, call-back; a spoken note where nothing is understood.

No time is ever promised. A call-back is spoken of only when it is durably owed, a ticket is filed
first when a trouble was told.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.complaint import ActKind, Answer, Category, Intent, Slot
from agent.conversation.complaints import complaints
from agent.conversation.moves import act, aside, ask, end, file, next_step, said
from agent.conversation.questions import question
from agent.conversation.steps import Line, Step, Transfer
from agent.conversation.taking import take

if TYPE_CHECKING:
    from agent.complaint import UnderstoodTurn
    from agent.conversation.steps import FlowState

HUMAN, NOT_UNDERSTOOD, SILENT, OVERLOAD = "human", "not_understood", "silent", "overload"
"""Reasons of a call-back."""
MAX_TRIES = 2


def on_human(state: FlowState, turn: UnderstoodTurn, *, angry: bool = False) -> Step:
    """A person is asked for, by voice, by key 0 or by anger."""
    if state.filed and state.person_noted:
        return end(state, state.outcome, Line("callback_noted"), Line("closing_status"))
    if state.filed:
        return act(replace(state, person=HUMAN), ActKind.CALL_BACK, state.filed[0], HUMAN)
    taken, _ = take(state, turn)
    lead = Line("anger") if angry else Line("human")
    if state.person:
        if state.asides >= MAX_TRIES:
            return file_or_owe(taken)
        return aside(taken, lead)
    kind = taken.intent if taken.categories else Intent.HUMAN
    wanted = replace(taken, person=HUMAN, intent=kind, tries=0, unheard=0)
    if state.terms.can_transfer:
        return Step(replace(wanted, expect=None), (Line("connecting"),), effects=(Transfer(),))
    return next_step(_unasked(wanted), lead)


def file_or_owe(state: FlowState) -> Step:
    """Ask nothing more: what was told becomes a ticket, the call-back a row."""
    if state.categories and complaints(state):
        return file(state)
    return act(state, ActKind.CALL_BACK, None, state.person or HUMAN)


def after_transfer(state: FlowState, *, ok: bool) -> Step:
    """Somebody took the call, or nobody did within 25 s."""
    if ok:
        return end(state, "transferred")
    return next_step(_unasked(state), Line("nobody_free"))


def after_call_back(state: FlowState, *, done: bool) -> Step:
    """Say that the office calls, only where that is kept."""
    state = replace(state, person_noted=done)
    outcome = "human" if state.person == HUMAN else "callback"
    if state.filed:
        outcome = state.outcome
    if not (state.phone or state.caller):
        return end(state, outcome, Line("no_number"), Line("closing_status"))
    line = Line("callback_noted" if done else "not_noted")
    return end(state, outcome, line, Line("closing_status"))


# -- not understood ---------------------------------------------------------------------------


def ask_choice(state: FlowState) -> Step:
    """Nothing could be made of the story twice: a note, or a call-back, by key."""
    return ask(replace(state, failures=state.failures + 1), Slot.CHOICE)


def on_choice(state: FlowState, turn: UnderstoodTurn) -> Step | None:
    """The answer by key (or yes and no); None: words that tell a trouble after all."""
    if turn.categories:
        return None
    if turn.digits == "1" or turn.answer is Answer.YES:
        return ask(state, Slot.VOICE_NOTE)
    if turn.digits == "2" or turn.answer is Answer.NO:
        # What nobody could make out would only mislead whoever calls back.
        return owe(replace(state, description=""), NOT_UNDERSTOOD)
    return choice_again(state)


def choice_again(state: FlowState) -> Step:
    """Put the choice twice; then the note is taken, which needs no key."""
    if state.tries + state.repeats + 1 < MAX_TRIES:
        return said(replace(state, tries=state.tries + 1), *question(state))
    return ask(state, Slot.VOICE_NOTE)


def on_note(state: FlowState, seconds: float) -> Step:
    """The note is over: it becomes a numbered ticket, or nothing was said."""
    state = replace(state, closed=state.closed | {Slot.VOICE_NOTE, Slot.CHOICE})
    if seconds <= 0:
        silent = replace(state, intent=state.intent or Intent.WRONG_NUMBER)
        return end(silent, "wrong_number", Line("closing_silent"))
    kept = replace(
        state,
        listening=True,
        intent=Intent.COMPLAINT,
        categories=state.categories or (Category.OTHER,),
        tries=0,
        unheard=0,
    )
    return next_step(kept, Line("note_kept"))


def on_words(state: FlowState, turn: UnderstoodTurn) -> Step:
    """The note came as words (who types speaks in no other way): they are kept to be read."""
    told = replace(
        state,
        listening=True,
        intent=Intent.COMPLAINT,
        categories=state.categories or turn.categories or (Category.OTHER,),
        description=f"{state.description} {turn.text}".strip(),
        closed=state.closed | {Slot.VOICE_NOTE, Slot.CHOICE},
        tries=0,
        unheard=0,
    )
    return next_step(told)


def owe(state: FlowState, reason: str) -> Step:
    """Owe a call-back for a reason; a hidden number is asked for first."""
    wish = replace(state, person=reason, intent=state.intent or Intent.HUMAN, tries=0)
    return next_step(wish)


def _unasked(state: FlowState) -> FlowState:
    """Whoever wants a person is not asked what he was asked when he said so."""
    if state.expect in (None, Slot.CONSENT):
        return replace(state, closed=state.closed | {Slot.CONSENT})
    return state
