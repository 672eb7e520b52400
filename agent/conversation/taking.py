"""Taking a turn in: which of its facts change what the call knows.

A fact said before it is asked is kept, so that it is never asked again. A fact already known
changes only when its own question is open or the caller takes it back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.complaint import Answer, Category, Intent, Slot, UnderstoodTurn
from agent.conversation.steps import FlowState

if TYPE_CHECKING:
    from agent.complaint import Place

STORY_WORDS = 5
"""An answer to "what is wrong?" this long is kept as OTHER even when no keyword is in it."""
MAX_CORRECTIONS = 4
"""Taken back more often, a value stays as it was said last: the call must end some time."""
CORRECTABLE = frozenset(
    {Slot.COMPLAINT, Slot.PLACE, Slot.LANDMARK, Slot.DAYS, Slot.NAME, Slot.PHONE}
)
CHECKING = frozenset({Slot.CONFIRM, Slot.CORRECTION})
"""Questions about what was read back."""
_PLACE_SLOTS = frozenset({Slot.PLACE, Slot.DISTRICT, Slot.AREA})
_NARROW = frozenset({Slot.LANDMARK, Slot.NAME, Slot.PHONE, Slot.SAME_NUMBER, Slot.REPEAT})
"""Questions whose answers are full of place-like and number-like words that mean neither."""


def take(state: FlowState, turn: UnderstoodTurn) -> tuple[FlowState, bool]:
    """Fold one turn into the state.

    Returns:
        The new state, and whether the open question was answered (a refusal and "I don't know"
        answer it too).
    """
    slot = state.expect
    taken = _take_story(state, turn)
    taken = _take_place(taken, turn)
    taken = _take_details(taken, turn)
    taken = _take_number(taken, turn)
    taken = replace(
        taken,
        confidential=taken.confidential or turn.confidential,
        decisions=(*taken.decisions, *turn.decisions),
    )
    answered = _answers(state, taken, turn)
    if answered and slot is not None and slot is not Slot.CONFIRM:
        taken = replace(taken, closed=taken.closed | {slot})
    if slot is Slot.SAME_NUMBER and taken.phone is None and _wants_no_call(taken, turn):
        taken = replace(taken, closed=taken.closed | {Slot.PHONE})
    if turn.corrects in CORRECTABLE and taken.corrections < MAX_CORRECTIONS:
        taken = _reopen(taken, turn.corrects, turn)
    return taken, answered


def contradicting(state: FlowState, turn: UnderstoodTurn) -> UnderstoodTurn:
    """Read "ஆமா, பத்து நாளா" after five days were read back as a correction, not as a yes."""
    if state.expect is not Slot.CONFIRM or turn.corrects is not None:
        return turn
    if turn.days is not None and turn.days != state.days:
        return replace(turn, corrects=Slot.DAYS, answer=Answer.NO)
    if turn.phone is not None and turn.phone != state.phone:
        return replace(turn, corrects=Slot.PHONE, answer=Answer.NO)
    return turn


def new_troubles(state: FlowState, turn: UnderstoodTurn) -> tuple[Category, ...]:
    """Troubles named in the turn that the call does not know yet."""
    return tuple(c for c in turn.categories if c not in state.categories)


def take_more(state: FlowState, turn: UnderstoodTurn, troubles: tuple[Category, ...]) -> FlowState:
    """Add troubles told after the first; place, name and number are shared.

    Once the ticket number was said nothing is read back any more: how long these have lasted was
    neither told nor confirmed, and stays unknown.
    """
    unasked = troubles if state.filed else ()
    return replace(
        state,
        categories=(*state.categories, *troubles),
        later=(*state.later, *unasked),
        description=_joined(state.description, turn.text),
        confidential=state.confidential or turn.confidential,
        decisions=(*state.decisions, *turn.decisions),
    )


def is_told(turn: UnderstoodTurn) -> bool:
    """Whether words that name no known trouble are many enough to be one for staff to read."""
    return turn.answer is None and len(turn.text.split()) >= STORY_WORDS


def is_located(place: Place | None) -> bool:
    """Whether a place is known: its seats, or that it is a city whose part must be asked."""
    return place is not None and (bool(place.candidates) or place.question is not None)


def settles(state: FlowState, turn: UnderstoodTurn) -> bool:
    """Whether the turn is complete as it stands: nothing more has to be waited for."""
    if turn.emergency or (turn.intent is not None and turn.intent is not Intent.COMPLAINT):
        return True
    if turn.asks is not None:
        return True
    _, answered = take(state, turn)
    return answered


def _take_story(state: FlowState, turn: UnderstoodTurn) -> FlowState:
    retold = turn.corrects is Slot.COMPLAINT or (
        turn.corrects is Slot.PLACE and turn.answer is Answer.NO and turn.place is not None
    )
    if retold and state.expect in CHECKING and turn.categories:
        return replace(
            state,
            categories=turn.categories,
            later=(),
            description=_joined(state.description, turn.text),
        )
    if state.expect is Slot.CONSENT:
        if turn.answer in (Answer.YES, Answer.NO) and not turn.categories:
            return replace(state, consent=turn.answer is Answer.YES)
        if not turn.categories:
            return state
    elif state.expect not in (Slot.COMPLAINT, None) and not _still_open(state, turn):
        return state
    if turn.categories:
        return replace(
            state,
            categories=turn.categories,
            description=_joined(state.description, turn.text),
            intent=_as_complaint(state),
        )
    open_story = state.expect is Slot.COMPLAINT and state.intent is not Intent.INFO
    if open_story and turn.answer is None and turn.intent is None:
        return _take_unclear_story(state, turn)
    return state


def _as_complaint(state: FlowState) -> Intent:
    """A trouble told makes a complaint of a call that was about nothing of ours so far."""
    aimless = state.intent in (None, Intent.INFO, Intent.HUMAN)
    if aimless and (state.intent is None or state.expect is Slot.COMPLAINT):
        return Intent.COMPLAINT
    return state.intent or Intent.COMPLAINT


def _still_open(state: FlowState, turn: UnderstoodTurn) -> bool:
    """A later turn may still name the trouble when nothing was understood of it so far."""
    known = [c for c in state.categories if c is not Category.OTHER]
    return not known and bool(turn.categories) and state.expect not in _NARROW


def _take_unclear_story(state: FlowState, turn: UnderstoodTurn) -> FlowState:
    """Keep words without a known trouble; a whole sentence of them, told twice, is for staff."""
    told = replace(state, description=_joined(state.description, turn.text))
    if state.tries == 0 or len(turn.text.split()) < STORY_WORDS:
        return told
    return replace(told, categories=(Category.OTHER,), intent=state.intent or Intent.COMPLAINT)


def _take_place(state: FlowState, turn: UnderstoodTurn) -> FlowState:
    if turn.place is None:
        return state
    asked = state.expect in _PLACE_SLOTS
    if asked or turn.correction or turn.corrects is Slot.PLACE:
        if state.expect is not Slot.PLACE and not turn.place.candidates and state.place:
            return state
        if state.expect in _NARROW and turn.corrects is not Slot.PLACE:
            return state
        return replace(state, place=_with_words_before(state, turn.place))
    open_to_place = state.expect is Slot.LANDMARK or state.expect not in _NARROW
    if state.place is None and open_to_place and turn.place.candidates:
        return replace(state, place=turn.place)
    return state


def _with_words_before(state: FlowState, place: Place) -> Place:
    """Keep "அண்ணா நகர்" when the answer to "which district?" is a town that has no such row."""
    before = state.place
    if before is None or state.expect not in (Slot.DISTRICT, Slot.AREA):
        return place
    seats = {c.number for c in before.candidates}
    if not seats or seats & {c.number for c in place.candidates}:
        return place
    return replace(place, spoken=_joined(before.spoken, place.spoken))


def _take_details(state: FlowState, turn: UnderstoodTurn) -> FlowState:
    def wanted(slot: Slot) -> bool:
        return state.expect is slot or turn.corrects is slot or state.expect is Slot.CORRECTION

    if turn.landmark is not None and (state.landmark is None or wanted(Slot.LANDMARK)):
        state = replace(state, landmark=turn.landmark)
    fits_days = state.expect not in _NARROW or wanted(Slot.DAYS)
    if turn.days is not None and fits_days and (state.days is None or wanted(Slot.DAYS)):
        state = replace(state, days=turn.days)
    if turn.name is not None and (state.name is None or wanted(Slot.NAME)):
        state = replace(state, name=turn.name)
    if turn.ticket is not None:
        state = replace(state, ticket=turn.ticket)
    return state


def _take_number(state: FlowState, turn: UnderstoodTurn) -> FlowState:
    if turn.phone is not None and state.expect is not Slot.TICKET:
        return replace(state, phone=turn.phone, digits="")
    said_same = turn.same_number or (state.expect is Slot.SAME_NUMBER and turn.answer is Answer.YES)
    if said_same and state.caller and state.expect is not Slot.TICKET:
        return replace(state, phone=state.caller, digits="")
    if state.expect in (Slot.PHONE, Slot.TICKET) and turn.digits:
        return replace(state, digits=turn.digits)
    return state


def _answers(before: FlowState, after: FlowState, turn: UnderstoodTurn) -> bool:
    if turn.corrects in CORRECTABLE and turn.corrects is not before.expect:
        return before.expect in CHECKING
    if turn.answer in (Answer.UNKNOWN, Answer.REFUSED) and before.expect is not Slot.COMPLAINT:
        return True
    match before.expect:
        case Slot.CONSENT:
            return True
        case Slot.COMPLAINT:
            return bool(after.categories)
        case Slot.PLACE:
            return is_located(after.place)
        case Slot.DISTRICT | Slot.AREA:
            return after.place is not before.place
        case Slot.LANDMARK:
            return turn.landmark is not None or turn.answer is Answer.NO
        case Slot.DAYS:
            # "for many years" has no number but is an answer: the words are in the description.
            return turn.days is not None or turn.answer is Answer.NO or len(turn.text.split()) > 1
        case Slot.NAME:
            return turn.name is not None or turn.answer is Answer.NO
        case Slot.SAME_NUMBER:
            return turn.answer is not None or after.phone is not None
        case Slot.PHONE:
            return after.phone is not None
        case Slot.TICKET:
            return after.ticket is not None
        case Slot.CORRECTION:
            return True
        case _:
            return turn.answer is not None


def _wants_no_call(state: FlowState, turn: UnderstoodTurn) -> bool:
    """No number is pressed for after "do not call", or a no where a call-back may be dangerous."""
    if turn.digits:
        return False
    return turn.answer is Answer.REFUSED or (state.confidential and turn.answer is Answer.NO)


def _reopen(state: FlowState, slot: Slot, turn: UnderstoodTurn) -> FlowState:
    """Forget a value the caller took back without giving a new one, so that it is asked again."""
    reopened = replace(
        state, closed=state.closed - {slot}, tries=0, corrections=state.corrections + 1
    )
    match slot:
        case Slot.COMPLAINT if not turn.categories:
            return replace(reopened, categories=(), later=())
        case Slot.PLACE if turn.place is None:
            return replace(
                reopened, place=None, closed=reopened.closed - _PLACE_SLOTS, place_asked_back=False
            )
        case Slot.LANDMARK if turn.landmark is None:
            return replace(reopened, landmark=None)
        case Slot.DAYS if turn.days is None:
            return replace(reopened, days=None)
        case Slot.NAME if turn.name is None:
            return replace(reopened, name=None)
        case Slot.PHONE if turn.phone is None and not turn.same_number:
            return replace(reopened, phone=None, digits="")
        case _:
            return reopened


def _joined(before: str, more: str) -> str:
    return f"{before} {more}".strip()
