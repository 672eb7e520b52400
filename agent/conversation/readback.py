"""What is read back: places, durations and numbers as words, by template, never by a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.complaint import Slot
from agent.conversation.steps import Line
from agent.tamil.speller import spell_digits, spell_number, spell_phone, spell_ticket

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.conversation.steps import FlowState

TAIL_DIGITS = 4
"""The caller's number is offered by its last digits only: family phones are shared."""


def phone_tail(number: str) -> str:
    """The last four digits of a number as Tamil words."""
    digits = "".join(c for c in number if c.isdigit())
    return spell_digits(digits[-TAIL_DIGITS:], group=TAIL_DIGITS)


def filed_lines(lead: str, numbers: Iterable[str]) -> tuple[Line, ...]:
    """One line for each ticket number, spelled 3-3-3; the first one leads."""
    spelled = [spell_ticket(number) for number in numbers]
    return tuple(
        Line(lead if i == 0 else "ticket_second", {"ticket": words})
        for i, words in enumerate(spelled)
    )


def noted_lines(phone: str | None, *, emergency: bool) -> tuple[Line, ...]:
    """Say that the complaint is noted, its number comes later, and who calls whom about it."""
    lead = (Line("emergency_first"),) if emergency else ()
    return (*lead, Line("provisional" if phone else "provisional_no_phone"))


def not_saved_lines(call_back: bool | None, *, emergency: bool) -> tuple[Line, ...]:
    """Say that the complaint could not be registered, and promise no more than is sure.

    Args:
        call_back: as :class:`~agent.conversation.steps.NotFiled` has it.
        emergency: whom to call first is said before.
    """
    lead = (Line("emergency_first"),) if emergency else ()
    if call_back is None:
        return (*lead, Line("not_saved"))
    return (*lead, Line("not_saved_callback" if call_back else "not_saved_try"))


def read_back(state: FlowState) -> tuple[Line, ...]:
    """All parts the caller gave, as one sentence each, and the question whether they are right."""
    lines = [Line("readback_start")]
    if state.place is not None:
        lines.append(Line("readback_place", {"place": _place_words(state)}))
    if state.landmark:
        lines.append(Line("readback_landmark", {"landmark": state.landmark}))
    lines.extend(Line(f"issue_{category}") for category in state.categories)
    if state.days is not None:
        lines.append(_days_line(state.days))
    if state.phone and state.phone != state.caller:
        lines.append(Line("readback_phone", {"phone": spell_phone(state.phone)}))
    if state.phone and state.phone == state.caller and Slot.PHONE in state.closed:
        # Taken for want of another number: the caller must hear it to be able to refuse.
        lines.append(Line("readback_same_number"))
    lines.append(Line("readback_end"))
    return tuple(lines)


def _place_words(state: FlowState) -> str:
    place = state.place
    assert place is not None  # noqa: S101 -- checked by read_back
    return place.locality_ta or place.spoken


def _days_line(days: int) -> Line:
    if days == 0:
        return Line("readback_today")
    if days == 1:
        return Line("readback_yesterday")
    return Line("readback_days", {"days": spell_number(days)})
