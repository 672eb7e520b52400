"""Which question comes next, and in which words it is put. Pure.

The order of questions follows the ideal call (docs/architecture.md): story, place, the one question
that separates same-named places, landmark, days, name, call-back number. Nothing is asked that was
already said.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from agent.complaint import Intent, Slot
from agent.conversation.readback import phone_tail, place_words, read_back
from agent.conversation.steps import Line
from agent.conversation.taking import is_located

if TYPE_CHECKING:
    from agent.complaint import UnderstoodTurn
    from agent.conversation.steps import FlowState

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
    Slot.DANGER: "ask_danger",
    Slot.RESUME: "ask_resume",
    Slot.SAME_ISSUE: "ask_same_issue",
    Slot.FIXED: "ask_fixed",
    Slot.RATING: "ask_rating",
    Slot.CHOICE: "ask_choice",
    Slot.VOICE_NOTE: "ask_voice_note",
    Slot.ADULT: "ask_adult",
    Slot.LANGUAGE: "ask_language",
    Slot.CALL_BACK: "ask_call_back",
}
_ASK_AGAIN = {
    Slot.COMPLAINT: "ask_complaint_again",
    Slot.PLACE: "ask_place_again",
    Slot.PHONE: "ask_phone_again",
    Slot.TICKET: "ask_ticket_again",
}
_WHOLE = {Slot.PHONE: 10, Slot.TICKET: 9}
"""Digits of a whole number."""
PUTS: Mapping[str, Slot] = MappingProxyType(
    {prompt: slot for table in (_ASK, _ASK_AGAIN) for slot, prompt in table.items()}
    | {
        "notice_choice": Slot.CONSENT,
        "ask_place_inside": Slot.PLACE,
        "ask_else": Slot.COMPLAINT,
        "abuse_calm": Slot.COMPLAINT,
        "digits_more": Slot.PHONE,
        "readback_end": Slot.CONFIRM,
    }
)
"""Prompt -> the question that is open once it was spoken, for whoever only hears the agent."""


def first_missing(state: FlowState) -> Slot | None:
    """The first question of this kind of call that is still open, or None."""
    return next((slot for slot in _wanted(state) if not _is_known(state, slot)), None)


def question(state: FlowState) -> tuple[Line, ...]:
    """The open question; at the read-back all of it."""
    if state.expect is Slot.CONFIRM:
        return read_back(state)
    if state.expect is None or state.expect not in _ASK:
        return ()
    return (_filled(state, Line(_ASK[state.expect])),)


def question_alone(state: FlowState) -> tuple[Line, ...]:
    """The open question without what was read back before it."""
    return (Line("readback_end"),) if state.expect is Slot.CONFIRM else question(state)


def question_again(state: FlowState, turn: UnderstoodTurn, *, learned: bool) -> tuple[Line, ...]:
    """The open question once more, in words that fit what was said instead of an answer.

    Args:
        state: its ``expect`` is the question.
        turn: what was said.
        learned: whether the turn told something else that was wanted.
    """
    slot = state.expect
    if learned:
        return question(state)
    if slot is Slot.PLACE and turn.place is not None:
        if turn.place.outside:
            return (Line("ask_place_inside"),)
        return (Line("ask_place_again"),)
    if slot is None or slot is Slot.PLACE or slot not in _ASK_AGAIN:
        return (Line("sorry"), *question(state))
    return (Line(_ASK_AGAIN[slot]),)


def goes_on(before: FlowState, turn: UnderstoodTurn) -> bool:
    """Whether a number is being said in pieces and this turn added one."""
    whole = _WHOLE.get(before.expect, 0) if before.expect else 0
    gathered = turn.digits.startswith(before.digits) and len(turn.digits) > len(before.digits)
    return gathered and len(turn.digits) < whole


def _wanted(state: FlowState) -> tuple[Slot, ...]:
    """The questions of this kind of call, in order."""
    separate = _separating(state)
    number = () if state.caller else (Slot.PHONE,)
    if state.hurried:
        return ()
    if state.person and state.person != "human":
        return number  # nothing else was understood, or nothing can be
    if state.child:
        return (Slot.COMPLAINT, Slot.PLACE, *separate)
    if state.listening:
        return (Slot.SAME_NUMBER, Slot.PHONE) if state.caller else (Slot.PHONE,)
    match state.intent:
        case _ if state.right:
            return (Slot.TICKET,)
        case Intent.STATUS:
            return (Slot.TICKET,)
        case Intent.EMERGENCY:
            return (Slot.PLACE, *separate)
        case _ if state.person:
            # Without any number nobody could ever call back.
            return (Slot.PLACE, *separate, *number)
        case Intent.INFO:
            return (Slot.PLACE, *separate)
        case _:
            same = Slot.SAME_NUMBER if state.caller else Slot.PHONE
            return (
                Slot.COMPLAINT,
                Slot.PLACE,
                *separate,
                Slot.LANDMARK,
                Slot.DAYS,
                Slot.NAME,
                same,
                Slot.PHONE,
            )


def _separating(state: FlowState) -> tuple[Slot, ...]:
    if state.place is None or state.place_asked_back or state.place.question is None:
        return ()
    return (state.place.question,)


def _is_known(state: FlowState, slot: Slot) -> bool:
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


def _filled(state: FlowState, line: Line) -> Line:
    if line.prompt == "ask_same_number":
        return Line(line.prompt, {"digits": phone_tail(state.caller, state.language)})
    if line.prompt in ("ask_district", "ask_area") and state.place is not None:
        return Line(line.prompt, {"place": place_words(state.place, state.language)})
    return line
