"""Insults, silence, asides: what must not derail a call, and when it ends it. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.complaint import Aside, Category, Intent, Slot
from agent.conversation.complaints import complaints
from agent.conversation.flows import person
from agent.conversation.moves import aside, end, next_step, office, past_consent, said
from agent.conversation.questions import question
from agent.conversation.steps import Line, Step
from agent.conversation.taking import take

if TYPE_CHECKING:
    from agent.complaint import UnderstoodTurn
    from agent.conversation.steps import FlowState

MAX_UNHEARD = 3
"""Silences before a polite good-bye (6 s each: 20 s in all, peers.md section 4)."""
MAX_INSULTS = 3
_BY_KEY = frozenset(
    {
        Slot.CONSENT,
        Slot.CONFIRM,
        Slot.SAME_NUMBER,
        Slot.DANGER,
        Slot.RESUME,
        Slot.SAME_ISSUE,
        Slot.FIXED,
        Slot.ADULT,
        Slot.LANGUAGE,
        Slot.CALL_BACK,
    }
)
"""Questions whose own answer is key 1."""
_OFFER = "silence_offer"


def on_abuse(state: FlowState, turn: UnderstoodTurn) -> Step:
    """Calm, a warning, the end; a fault told among insults is kept."""
    insults = state.insults + 1
    fault = any(category is not Category.OTHER for category in turn.categories)
    if fault and not state.categories:
        state, _ = take(state, turn)
    state = replace(state, insults=insults)
    if insults >= MAX_INSULTS:
        intent = state.intent or Intent.ABUSE
        return end(replace(state, intent=intent), "abuse", Line("abuse_end"))
    if fault and insults == 1:
        return next_step(state, Line("abuse_calm_known"))
    calm = "abuse_calm_known" if state.categories else "abuse_calm"
    lead = Line(calm if insults == 1 else "abuse_warn")
    state = past_consent(state)
    if state.expect is Slot.COMPLAINT and insults == 1:
        return said(state, lead)  # it asks for the trouble itself
    return Step(state, (lead, *question(state)))


def on_unheard(state: FlowState, *, spoke: bool) -> Step:
    """Nothing was said, or nothing could be made of it.

    Args:
        state: as it is.
        spoke: there was a voice of which no words came.
    """
    unheard = state.unheard + 1
    state = replace(state, unheard=unheard)
    match state.expect:
        case Slot.RATING:
            return end(state, state.outcome, Line("closing_status"))
        case Slot.FIXED if unheard > 1:
            return end(state, "status", Line("closing_status"))
        case Slot.CHOICE:
            return person.choice_again(state)
        case Slot.CALL_BACK:
            return _silent_end(state)
        case Slot.VOICE_NOTE:
            return person.on_note(state, 0.0)
    if state.filed:
        told = len(state.told) == len(state.filed)
        return end(state, state.outcome, Line("closing" if told else "closing_status"))
    if spoke and unheard == 2 and not state.categories and state.expect is Slot.COMPLAINT:
        return person.ask_choice(state)
    if spoke and unheard == 2 and state.expect in _SKIPPED:
        # The ears fail: go on to what can be answered by key.
        closed = state.closed | {state.expect}
        return next_step(replace(state, closed=closed, unheard=0, tries=0), Line("not_heard"))
    if unheard >= MAX_UNHEARD:
        return _silent_end(state)
    state = past_consent(state)
    offer = unheard == 2 and state.expect not in _BY_KEY and bool(state.caller)
    if offer and not spoke:
        return said(state, Line(_OFFER))
    first = "not_heard" if spoke else "still_there"
    return Step(state, (Line(first), *question(state)))


_SKIPPED = frozenset({Slot.PLACE, Slot.AREA, Slot.DISTRICT, Slot.LANDMARK, Slot.DAYS, Slot.NAME})
"""Questions that cannot be answered by key and without which a ticket is still one."""


def accepts_call_back(state: FlowState, turn: UnderstoodTurn) -> bool:
    """Whether key 1 takes up the offer that was made after the second silence."""
    return turn.digits == "1" and state.last == (Line(_OFFER),)


def _silent_end(state: FlowState) -> Step:
    if complaints(state):
        return Step(replace(state, outcome="silent"), (Line("closing_partial"),), end=True)
    silent = replace(state, intent=state.intent or Intent.WRONG_NUMBER)
    return end(silent, "silent", Line("closing_silent"))


def on_aside(state: FlowState, asks: Aside) -> Step:
    """Answer who is speaking; who will come and when is not ours to say. Then ask on."""
    return aside(state, aside_line(state, asks))


def aside_line(state: FlowState, asks: Aside) -> Line:
    """What is answered to a question of the caller."""
    return office(state, "who_we_are") if asks is Aside.WHO else Line("cannot_say")


def on_wrong_number(state: FlowState) -> Step:
    """One polite line; no ticket."""
    wrong = replace(state, intent=Intent.WRONG_NUMBER)
    return end(wrong, "wrong_number", office(state, "wrong"))
