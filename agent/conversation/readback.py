"""What is read back: places, durations and numbers as words, by template, never by a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from agent.complaint import Slot
from agent.conversation.steps import Line
from agent.tamil import speller as tamil
from agent.tamil import speller_english as english
from agent.understanding.keywords import term_days

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.complaint import Place
    from agent.conversation.steps import FlowState

TAIL_DIGITS = 4
"""The caller's number is offered by its last digits only: family phones are shared."""


class _Speller(Protocol):
    def spell_number(self, number: int) -> str: ...
    def spell_digits(self, digits: str, group: int = 3) -> str: ...
    def spell_ticket(self, number: str) -> str: ...
    def spell_phone(self, number: str) -> str: ...


_SPELLERS: dict[str, _Speller] = {"ta": tamil, "en": english}


def phone_tail(number: str, language: str = "ta") -> str:
    """The last four digits of a number as words."""
    digits = "".join(c for c in number if c.isdigit())
    return _SPELLERS[language].spell_digits(digits[-TAIL_DIGITS:], group=TAIL_DIGITS)


def filed_lines(lead: str, numbers: Iterable[str], language: str = "ta") -> tuple[Line, ...]:
    """One line for each ticket number, spelled 3-3-3; the first one leads."""
    spelled = [_SPELLERS[language].spell_ticket(number) for number in numbers]
    return tuple(
        Line(lead if i == 0 else "ticket_second", {"ticket": words})
        for i, words in enumerate(spelled)
    )


def again_lines(state: FlowState) -> tuple[Line, ...]:
    """The ticket that was told once more, by its number, and how it stands."""
    assert state.ticket is not None  # noqa: S101 -- it was just told again
    spelled = _SPELLERS[state.language].spell_ticket(state.ticket)
    status = next((t.status for t in state.recalled.tickets if t.number == state.ticket), "NEW")
    return (Line("noted_again", {"ticket": spelled}), Line(f"status_{status}"))


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


def promise_lines(state: FlowState) -> tuple[Line, ...]:
    """What may be promised: within how many days the office has to answer, by category table.

    Nothing for an emergency, for words nobody has listened to yet, and for several troubles.
    """
    if state.emergency or state.listening or len(state.categories) != 1:
        return ()
    days = term_days(state.categories[0])
    if days is None:
        return ()
    return (Line("promise", {"days": _SPELLERS[state.language].spell_number(days)}),)


def read_back(state: FlowState) -> tuple[Line, ...]:
    """All parts the caller gave, as one sentence each, and the question whether they are right."""
    speller = _SPELLERS[state.language]
    lines = [Line("readback_start")]
    if state.place is not None:
        lines.append(Line("readback_place", {"place": place_words(state.place, state.language)}))
    if state.landmark:
        lines.append(Line("readback_landmark", {"landmark": state.landmark}))
    lines.extend(Line(f"issue_{category}") for category in state.categories)
    if state.days is not None:
        lines.append(_days_line(state.days, state.language))
    if state.phone and state.phone != state.caller:
        lines.append(Line("readback_phone", {"phone": speller.spell_phone(state.phone)}))
    if state.phone and state.phone == state.caller and Slot.PHONE in state.closed:
        # Taken for want of another number: the caller must hear it to be able to refuse.
        lines.append(Line("readback_same_number"))
    lines.append(Line("readback_end"))
    return tuple(lines)


def place_words(place: Place, language: str = "ta") -> str:
    """How a place is spoken: its name in the tables, else the caller's own words."""
    known = place.locality_en if language == "en" else place.locality_ta
    return known or place.spoken


def _days_line(days: int, language: str) -> Line:
    if days == 0:
        return Line("readback_today")
    if days == 1:
        return Line("readback_yesterday")
    return Line("readback_days", {"days": _SPELLERS[language].spell_number(days)})
