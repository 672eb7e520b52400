"""From what the call knows to the complaints that are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.complaint import Category, Complaint, Intent, Priority
from agent.understanding.keywords import default_priority

if TYPE_CHECKING:
    from agent.conversation.steps import FlowState

FEWEST_WORDS = 3
"""Fewer words than this, with no trouble recognised in them, are noise and no complaint."""
FILED_INTENTS = frozenset({Intent.COMPLAINT, Intent.EMERGENCY})
"""Only these become tickets; every other call leaves a row of the call."""


def complaints(state: FlowState) -> tuple[Complaint, ...]:
    """One complaint for each trouble named; they share place, name and number.

    A call that is no complaint (status, information, a human) yields one record for the row of
    the call. Nothing said yet yields none.
    """
    intent = state.intent or Intent.COMPLAINT
    categories: tuple[Category | None, ...] = state.categories
    told = state.listening or len(state.description.split()) >= FEWEST_WORDS
    if not categories and (told or intent is not Intent.COMPLAINT):
        categories = (None,)
    return tuple(_complaint(state, intent, category) for category in categories)


def _complaint(state: FlowState, intent: Intent, category: Category | None) -> Complaint:
    return Complaint(
        intent=intent,
        category=category,
        priority=_priority(intent, category),
        place=state.place,
        landmark=state.landmark,
        days=None if category in state.later else state.days,
        name=None if state.child else state.name,
        phone=_phone(state, intent),
        description=state.description,
        confidential=state.confidential,
        needs_listening=state.listening,
        decisions=state.decisions,
    )


def _priority(intent: Intent, category: Category | None) -> Priority:
    match intent:
        case Intent.EMERGENCY:
            return Priority.EMERGENCY
        case Intent.COMPLAINT:
            return default_priority(category) if category else Priority.NORMAL
        case Intent.HUMAN:
            return Priority.NORMAL
        case _:
            return Priority.LOW


def _phone(state: FlowState, intent: Intent) -> str | None:
    """In an emergency, and for who asked for a person, the caller's own number is the way back."""
    own = intent in (Intent.EMERGENCY, Intent.HUMAN) or state.child or bool(state.person)
    if state.phone is None and own:
        return state.caller or None
    return state.phone
