"""Rules and a model's answer become one understood turn, field by field (pure).

What the rules are sure of stays. An empty or doubtful field takes the model's value only where the
caller's own words carry it and our tables read it; danger that the rules found is never taken
back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from agent.complaint import Category, Decision, Intent, Place, Slot, Topic, UnderstoodTurn
from agent.tamil.normalize import clean
from agent.tamil.words import Word, split_words
from agent.understanding.hearing import PLACES, STORY
from agent.understanding.model_answer import ModelAnswer, quoted
from agent.understanding.rules import TurnContext
from agent.understanding.topics import IN_DANGER, SETTLED

Reader = Callable[[str, Slot | None, TurnContext | None], UnderstoodTurn]
"""How our tables read words in the light of a question: ``Rules.understand``."""

_MODEL = "model"
_MODEL_SCORE = 0.7
"""How much a model's word counts; it says itself nothing that could be compared."""
_SURE = 0.75
"""From this confidence on the rules' category is not asked about."""
_MOST_DAYS = 36_500
_LONG_STORY = 14
"""Words of a story from which on a place or a time not found is worth asking for."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """What the rules leave open in one turn."""

    purpose: bool = False
    """Why the caller phones, and what the trouble is."""
    place: bool = False
    days: bool = False

    def __bool__(self) -> bool:
        return self.purpose or self.place or self.days


def doubt_of(turn: UnderstoodTurn, expecting: Slot | None) -> Doubt:
    """What is worth asking a model about; nothing where tables and digits decide.

    Args:
        turn: as the rules read it.
        expecting: the question that was open.
    """
    if turn.emergency or not turn.text or turn.asks is not None or turn.topic in SETTLED:
        return Doubt()
    placed = turn.place is not None and (bool(turn.place.candidates) or turn.place.outside)
    if expecting in PLACES:
        return Doubt(place=(not placed or not _sure_of(turn, "place")) and turn.answer is None)
    if expecting is Slot.DAYS:
        return Doubt(days=turn.days is None and turn.answer is None)
    if expecting not in STORY or turn.answer is not None:
        return Doubt()
    if turn.intent in (Intent.STATUS, Intent.HUMAN, Intent.ABUSE) and not _disputed(turn):
        return Doubt()
    unsure = _least_sure(turn) < _SURE
    # Who tells so much mostly says where and since when; tables may have missed it.
    search = unsure or len(turn.text.split()) >= _LONG_STORY
    return Doubt(
        purpose=unsure,
        place=not _sure_of(turn, "place") if placed else search,
        days=not _sure_of(turn, "days") if turn.days is not None else search,
    )


def _sure_of(turn: UnderstoodTurn, field: str) -> bool:
    """Tell whether the rules found a value that nothing else in the words speaks against."""
    return all(d.score >= _SURE for d in turn.decisions if d.field == field)


def _least_sure(turn: UnderstoodTurn) -> float:
    if turn.intent is None:
        return 0.0
    if _disputed(turn):
        return 0.0
    if turn.intent is not Intent.COMPLAINT:
        return 1.0
    if not turn.categories or turn.categories == (Category.OTHER,):
        return 0.0
    return min((d.score for d in turn.decisions if d.field == "category"), default=0.0)


def _disputed(turn: UnderstoodTurn) -> bool:
    """Tell whether tables and classifier disagree about why the caller phones."""
    return any(d.field == "intent" and d.score < _SURE for d in turn.decisions)


def reconcile(
    turn: UnderstoodTurn,
    answer: ModelAnswer,
    read: Reader,
    expecting: Slot | None,
    context: TurnContext | None = None,
) -> UnderstoodTurn:
    """Return the turn with what the model found in it.

    Args:
        turn: as the rules read it.
        answer: as the model reads it.
        read: our tables.
        expecting: the question that was open.
        context: what earlier turns left open.
    """
    doubt = doubt_of(turn, expecting)
    text = clean(turn.text)
    words = split_words(text)
    if not doubt or not words:
        return turn
    if doubt.purpose:
        turn = _with_purpose(turn, answer, text, words)
    if doubt.place:
        turn = _with_place(turn, answer, text, words, read, context)
    if doubt.days:
        turn = _with_days(turn, answer, text, words, read)
    return turn


def _with_purpose(
    turn: UnderstoodTurn, answer: ModelAnswer, text: str, words: Sequence[Word]
) -> UnderstoodTurn:
    danger = quoted(text, words, answer.emergency_words)
    if danger is not None and answer.intent is Intent.EMERGENCY:
        danger_reason = _reason("emergency", "yes")
        return replace(
            turn,
            intent=Intent.EMERGENCY,
            categories=(Category.EMERGENCY,),
            emergency=True,
            topic=turn.topic if turn.topic in IN_DANGER else None,
            decisions=(*_without(turn, "category", "intent"), danger_reason),
        )
    told = tuple(
        dict.fromkeys(
            trouble.code
            for trouble in answer.complaints
            if trouble.code is not Category.EMERGENCY
            and quoted(text, words, trouble.words) is not None
        )
    )
    told = tuple(c for c in told if c is not Category.OTHER or len(told) == 1)
    if told and answer.intent in (None, Intent.COMPLAINT):
        reasons = tuple(_reason("category", code) for code in told)
        return replace(
            turn,
            intent=Intent.COMPLAINT,
            categories=told,
            topic=None if turn.topic is Topic.ANGER else turn.topic,
            decisions=(*_without(turn, "category", "intent"), *reasons),
        )
    said_so = quoted(text, words, answer.intent_words) is not None
    other = answer.intent not in (None, Intent.COMPLAINT, Intent.EMERGENCY)
    if said_so and other and answer.intent is not None and not turn.categories:
        # A trouble that was heard is never given up for it: that would lose a complaint.
        reason = _reason("intent", answer.intent)
        kept = _without(turn, "intent")
        return replace(turn, intent=answer.intent, decisions=(*kept, reason))
    return turn


def _with_place(
    turn: UnderstoodTurn,
    answer: ModelAnswer,
    text: str,
    words: Sequence[Word],
    read: Reader,
    context: TurnContext | None,
) -> UnderstoodTurn:
    span = quoted(text, words, answer.place_words)
    if span is None or turn.intent in (Intent.ABUSE, Intent.WRONG_NUMBER):
        return turn
    found = read(span.text, Slot.PLACE, context).place
    if found is None or not (found.candidates or found.outside):
        return turn
    known = {c.number for c in turn.place.candidates} if turn.place is not None else set()
    meant = {c.number for c in found.candidates}
    if known and known <= meant:
        return turn  # the rules read more than these words: a district said apart, a road
    reason = _reason("place", _numbers(found))
    return replace(turn, place=found, decisions=(*_without(turn, "place"), reason))


def _with_days(
    turn: UnderstoodTurn, answer: ModelAnswer, text: str, words: Sequence[Word], read: Reader
) -> UnderstoodTurn:
    span = quoted(text, words, answer.days_words)
    days = read(span.text, Slot.DAYS, None).days if span is not None else None
    if span is None and turn.days is not None and _quotes_trouble(text, words, answer):
        # It read the story and found no time in it: the rules took one that means another thing.
        return replace(turn, days=None, decisions=_without(turn, "days"))
    if days is None or days > _MOST_DAYS:
        return turn
    reason = _reason("days", str(days))
    return replace(turn, days=days, decisions=(*_without(turn, "days"), reason))


def _quotes_trouble(text: str, words: Sequence[Word], answer: ModelAnswer) -> bool:
    return any(quoted(text, words, trouble.words) is not None for trouble in answer.complaints)


def _numbers(place: Place) -> str:
    return " ".join(str(c.number) for c in place.candidates) or "outside"


def _reason(field: str, value: str) -> Decision:
    return Decision(field, str(value), _MODEL, "the caller's own words", _MODEL_SCORE)


def _without(turn: UnderstoodTurn, *fields: str) -> tuple[Decision, ...]:
    return tuple(d for d in turn.decisions if d.field not in fields)
