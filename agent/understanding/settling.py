"""What a turn comes to once all of it was read: the part it corrects, a yes that was none."""

from __future__ import annotations

from dataclasses import replace

from agent.complaint import Answer, Slot, UnderstoodTurn
from agent.understanding.hearing import CHECKING, Heard

_UNSAID = "..."
"""Stands for words that are not kept."""


def told_wrong(turn: UnderstoodTurn, heard: Heard) -> UnderstoodTurn:
    """Say which part a new value at the read-back corrects, when the caller did not name it."""
    if heard.expecting not in CHECKING or turn.answer is Answer.YES:
        return turn
    named_place = turn.place is not None and bool(turn.place.candidates)
    doubtful = turn.answer is Answer.NO or turn.correction or heard.expecting is Slot.CORRECTION
    if turn.categories and doubtful and turn.corrects in (None, Slot.PLACE) and not named_place:
        return replace(turn, corrects=Slot.COMPLAINT, place=None)
    if turn.corrects is None and turn.days is not None:
        return replace(turn, corrects=Slot.DAYS)
    if turn.corrects is None and turn.landmark is not None:
        return replace(turn, corrects=Slot.LANDMARK)
    return turn


def settled(turn: UnderstoodTurn, heard: Heard) -> UnderstoodTurn:
    """Drop a yes or no that a story only happened to hold."""
    told = bool(turn.categories) or turn.intent is not None
    if told and heard.expecting in (None, Slot.COMPLAINT, Slot.CLARIFY):
        turn = replace(turn, answer=None)
    if turn.same_number and turn.answer is None and heard.expecting is Slot.SAME_NUMBER:
        turn = replace(turn, answer=Answer.YES)
    return turn if turn.text.strip() else replace(turn, text=_UNSAID)
