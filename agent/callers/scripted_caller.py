"""How a scripted caller behaves: (what was said so far, the question asked) -> what he says next.

Pure. The rules are those of the example calls (tests/data/calls/README.md): the first turn is the
opening; after that a question is answered by its slot, not by position; each turn is used once, a
question asked again repeats that turn, twice at most; interjections come where they stand.
Whether he hangs up is part of what he does; how he speaks is not (agent/callers/caller_voice.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from agent.callers.script_file import CALLER_ID, ScriptedCall, keys_of
from agent.complaint import Slot

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_REPEATS = 2
"""How often one turn is said again when its question is asked again."""
YES = "ஆமா"
DEFAULT_ANSWERS: Mapping[Slot, str] = MappingProxyType(
    {
        Slot.CONSENT: "சரி",  # yes, go on
        Slot.DANGER: "இல்ல",  # no
        Slot.REPEAT: "வேண்டாம்",  # no need
        Slot.SAME_NUMBER: "இல்ல",  # no
        Slot.RESUME: "இல்ல",  # no
        Slot.SAME_ISSUE: "இல்ல, புதுசு",  # no, something new
        Slot.FIXED: "தெரியல",  # I don't know
        Slot.RATING: "",
        Slot.CHOICE: "[2]",  # call me back
        Slot.ADULT: "இல்ல",  # no
        Slot.LANGUAGE: "[1]",  # Tamil
        Slot.RIGHT: "[1]",  # tell me
        Slot.CALL_BACK: "[1]",  # yes
    }
)
"""What a caller without a turn for it says to a question; :data:`DONT_KNOW` to any other. A spoken
note then holds the opening once more."""
DONT_KNOW = "தெரியல"
"""The answer to any question the script has no turn for: "I don't know"."""

_INTERJECTIONS = frozenset({"abuse", "human", "unclear", "silence", "safety", "close"})
"""Turns that come where they stand in the order, whatever was asked."""
_EARLY = frozenset(
    {Slot.CONSENT, Slot.RESUME, Slot.SAME_ISSUE, Slot.ADULT, Slot.LANGUAGE, Slot.CALL_BACK}
)
"""Questions that may come before the caller has told why he calls."""
ANSWERED_BY: Mapping[Slot, tuple[str, ...]] = MappingProxyType(
    {
        Slot.COMPLAINT: ("complaint", "status", "info", "wrong", "ticket"),
        Slot.CLARIFY: ("clarify", "complaint"),
        Slot.PLACE: ("place", "area", "district"),
        Slot.AREA: ("area", "district", "place"),
        Slot.DISTRICT: ("district", "area", "place"),
        Slot.TICKET: ("ticket", "status"),
        Slot.CORRECTION: ("correction", "clarify", "wrong"),
        Slot.SAME_NUMBER: ("same_number", "phone"),
    }
)
"""Words of turn_slots that answer a question, best first; other questions by their own name.
Only the first word the script has at all is used: "which district?" is answered with the place
again when the caller has no better answer."""


class Origin(StrEnum):
    """Where an utterance comes from."""

    SCRIPT = "script"
    REPEAT = "repeat"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Utterance:
    """What the caller says now."""

    text: str
    """Empty: the caller stays silent; in brackets: pressed on the keypad."""
    origin: Origin
    turn: int | None = None
    """Index in ``caller_turns_ta``; None for a default answer."""
    question: Slot | None = None
    """The question it answers."""
    hangs_up: bool = False
    """The caller hangs up in the middle of it; at once when there is nothing to say."""

    @property
    def keys(self) -> str:
        """What is pressed on the keypad; empty for words and silence."""
        return keys_of(self.text)


@dataclass(frozen=True, slots=True)
class CallerState:
    """What the caller has said so far."""

    used: frozenset[int] = frozenset()
    repeats: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    """Turn index -> how often it was said again."""
    opened: bool = False
    """Has told why he calls."""


def respond(
    script: ScriptedCall, state: CallerState, asked: Slot | None
) -> tuple[CallerState, Utterance]:
    """The caller's next utterance.

    Args:
        script: the caller's side of the call.
        state: what was said so far.
        asked: the question now open; None when the agent spoke without asking anything.
    """
    after, said = _respond(script, state, asked)
    if asked is None or asked is not script.hangs_up_at:
        return after, said
    if script.hangs_up_while_speaking and said.text and not said.keys:
        return after, replace(said, hangs_up=True)
    return state, Utterance("", Origin.SCRIPT, question=asked, hangs_up=True)


def _respond(
    script: ScriptedCall, state: CallerState, asked: Slot | None
) -> tuple[CallerState, Utterance]:
    if asked in _EARLY and asked.value not in script.turn_slots:
        return state, _default(script, asked)
    if not state.opened and asked not in _EARLY:
        return _say(script, replace(state, opened=True), _opening(script, state.used), asked)
    answer = _answering_turn(script, state, asked)
    interjection = _due_interjection(script, state, answer)
    if interjection is not None:
        return _say(script, state, interjection, asked)
    if answer is None or state.repeats.get(answer, 0) >= MAX_REPEATS:
        return state, _default(script, asked)
    return _say(script, state, answer, asked)


def all_texts(script: ScriptedCall) -> tuple[str, ...]:
    """Every text this caller may speak, so that a voice can be made ready before the call."""
    said = (*script.caller_turns_ta, *DEFAULT_ANSWERS.values(), YES, DONT_KNOW)
    return tuple(dict.fromkeys(text for text in said if text and not keys_of(text)))


def _opening(script: ScriptedCall, used: frozenset[int] = frozenset()) -> int:
    """The first turn that answers nothing which may be asked before it."""
    words = list(enumerate(script.turn_slots))
    story = [i for i, word in words if word not in _EARLY and i not in used]
    others = [i for i, word in words if word != Slot.CONSENT]
    return next(iter(story or others), 0)


def _answering_turn(script: ScriptedCall, state: CallerState, asked: Slot | None) -> int | None:
    """The turn that answers the question: unused first, else the one to repeat."""
    if asked is None or _denies_same_number(script, asked):
        return None
    for word in ANSWERED_BY.get(asked, (asked.value,)):
        turns = [i for i, slot in enumerate(script.turn_slots) if slot == word]
        if turns:
            return _unused_or_last(state, turns)
    if asked is Slot.COMPLAINT:
        return _opening(script)
    return None


def _unused_or_last(state: CallerState, turns: Sequence[int]) -> int:
    return next((i for i in turns if i not in state.used), turns[-1])


def _denies_same_number(script: ScriptedCall, asked: Slot) -> bool:
    """A caller who has a number to give says no to "this same number?" and waits to be asked.

    So does one who will press it: his first key would be an answer, or a call for help.
    """
    if asked is not Slot.SAME_NUMBER or "same_number" in script.turn_slots:
        return False
    turns = zip(script.turn_slots, script.caller_turns_ta, strict=True)
    if any(slot == "phone" and keys_of(text) for slot, text in turns):
        return True
    phone = script.expected.phone if script.expected else None
    return phone is not None and phone != CALLER_ID


def _due_interjection(script: ScriptedCall, state: CallerState, answer: int | None) -> int | None:
    """The interjection that stands before everything else the caller could say now."""
    unused = [i for i in range(len(script.turn_slots)) if i not in state.used]
    interjections = [i for i in unused if script.turn_slots[i] in _INTERJECTIONS]
    if not interjections:
        return None
    first = interjections[0]
    stands_first = first == unused[0]
    before_the_answer = answer in unused and first < (answer or 0)
    return first if stands_first or before_the_answer else None


def _say(
    script: ScriptedCall, state: CallerState, turn: int, asked: Slot | None
) -> tuple[CallerState, Utterance]:
    text = script.caller_turns_ta[turn]
    if turn not in state.used:
        used = replace(state, used=state.used | {turn})
        return used, Utterance(text, Origin.SCRIPT, turn, asked)
    repeats = {**state.repeats, turn: state.repeats.get(turn, 0) + 1}
    again = replace(state, repeats=MappingProxyType(repeats))
    return again, Utterance(text, Origin.REPEAT, turn, asked)


def _default(script: ScriptedCall, asked: Slot | None) -> Utterance:
    if asked is None or asked is Slot.CLOSE:
        return Utterance("", Origin.DEFAULT, question=asked)
    if asked is Slot.SAME_NUMBER and script.expected and script.expected.phone == CALLER_ID:
        return Utterance(YES, Origin.DEFAULT, question=asked)
    if asked is Slot.VOICE_NOTE:
        return Utterance(script.caller_turns_ta[_opening(script)], Origin.DEFAULT, question=asked)
    return Utterance(DEFAULT_ANSWERS.get(asked, DONT_KNOW), Origin.DEFAULT, question=asked)
