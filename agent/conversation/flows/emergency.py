"""Somebody is in danger: 112 first, what not to do, the place in one turn, a ticket, an alert.

Nothing here ever says that help is on its way: only that somebody on duty has confirmed, and only
when he has.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.complaint import Category, Intent, Slot, Topic
from agent.conversation.moves import file, next_step, past_consent
from agent.conversation.steps import Line
from agent.conversation.taking import take, take_more
from agent.understanding.second_opinion import LEARNED

if TYPE_CHECKING:
    from agent.complaint import UnderstoodTurn
    from agent.conversation.steps import FlowState, Step

_ADVICE = {
    "wire": "emergency_wire",
    "wire down": "emergency_wire",
    "sparks": "emergency_wire",
    "shock": "emergency_wire",
    "health": "emergency_ambulance",
    "accident": "emergency_ambulance",
    "breath": "emergency_ambulance",
    "snake": "emergency_ambulance",
    "violence": "emergency_violence",
    "arson": "emergency_violence",
    "suicide": "emergency_despair",
}
"""Names of dangers (emergency.toml) -> the sentence for them; any other gets the common one."""
DANGEROUS = frozenset({Category.FLOOD, Category.WOMENCHILD})
"""Troubles after which it is always asked whether somebody is in danger now."""
DOUBTED = frozenset(
    {Category.POWER, Category.HOSPITAL, Category.DOGS, Category.SEWAGE, Category.HOUSING}
)
"""Troubles after which it is asked when the two readers of the story disagree."""
_OTHER_MATTERS = frozenset(
    {
        Slot.RESUME, Slot.SAME_ISSUE, Slot.FIXED, Slot.RATING, Slot.CHOICE, Slot.VOICE_NOTE,
        Slot.ADULT, Slot.LANGUAGE, Slot.CALL_BACK, Slot.CLOSE,
    }
)  # fmt: skip
"""Questions of side flows, among which nothing is asked about a danger."""
_DISPUTED = 0.6


def on_emergency(state: FlowState, turn: UnderstoodTurn) -> Step:
    """A danger is told, in whatever state of the call."""
    state = past_consent(state)
    if state.filed:
        urgent = take_more(state, turn, (Category.EMERGENCY,))
        return file(replace(urgent, emergency=True, alerted=None))
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
        unheard=0,
        foreign=0,
        person="",
        # Where only keys are heard nothing can be asked: 112, and a ticket at once.
        hurried=state.hurried or state.expect is Slot.CALL_BACK,
    )
    return replace(next_step(urgent, advice(turn)), uninterruptible=True)


def advice(turn: UnderstoodTurn) -> Line:
    """Whom to call and what not to do, by the danger that was heard."""
    if turn.topic is Topic.DESPAIR:
        return Line("emergency_despair")
    heard = (d.value for d in turn.decisions if d.field in ("emergency", Slot.DANGER))
    return Line(next((_ADVICE[name] for name in heard if name in _ADVICE), "emergency"))


def believed(state: FlowState, turn: UnderstoodTurn) -> bool:
    """Whether a danger counts at once.

    One that is only suspected (:func:`suspects`) is asked about; where that cannot be, after a
    ticket, among the questions of another matter or when the caller wants something else, it is
    believed, unless the caller has said already that nobody is in danger.
    """
    if turn.emergency:
        return True
    elsewhere = bool(state.filed) or state.expect in _OTHER_MATTERS
    other = turn.intent not in (None, Intent.COMPLAINT)
    return suspects(turn) and Slot.DANGER not in state.closed and (elsewhere or other)


def suspects(turn: UnderstoodTurn) -> bool:
    """Whether the tables name a danger and the rest of the story speaks against it."""
    return any(d.field == Slot.DANGER and d.value != LEARNED for d in turn.decisions)


def asks_first(state: FlowState, turn: UnderstoodTurn) -> bool:
    """Whether it is asked if somebody is in danger before anything else in the turn is answered."""
    if not suspects(turn) or Slot.DANGER in state.closed or state.emergency:
        return False
    return state.expect is not Slot.DANGER


def doubts_danger(state: FlowState, turn: UnderstoodTurn) -> bool:
    """Whether it must be asked if somebody is in danger now."""
    if Slot.DANGER in state.closed or state.emergency or turn.emergency:
        return False
    if any(d.field == Slot.DANGER for d in turn.decisions) or DANGEROUS & set(turn.categories):
        return True
    disputed = any(d.field == "intent" and d.score <= _DISPUTED for d in turn.decisions)
    return disputed and bool(DOUBTED & set(turn.categories))
