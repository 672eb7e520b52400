"""Does what a call left in the database say what the caller meant? Pure: rows in, marks out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from rapidfuzz import fuzz

from agent.callers.expected import Expected
from agent.callers.outcome import NO_TRACES, Traces
from agent.callers.script_file import CALLER_ID
from agent.callers.words import same_words
from agent.complaint import Intent
from agent.tamil.normalize import clean
from agent.tamil.sound import sound_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agent.callers.outcome import OutcomeRow

_EXACT = (
    "outcome", "partial", "needs_listening", "callback", "consent", "reported_again", "reopened",
    "verified", "rating", "request", "resumes",
)  # fmt: skip
"""Fields about the call as a whole: compared exactly, required when they are named."""
REQUIRED = frozenset({"intent", "tickets", "category", "constituency", "phone", *_EXACT})
"""A call passes when these are right; the other fields are reported and counted."""
LOOSE_SCORE = 75.0
"""Names and landmarks match from this similarity on (0..100): spellings and case endings vary."""
_WHOLE_WORD = 4
"""Letters from which "begins with it" means "is it with an ending": உமா is not உமாபதி."""
_TICKET_INTENTS = frozenset({Intent.COMPLAINT, Intent.EMERGENCY})


class Cause(StrEnum):
    """Where a wrong field went wrong."""

    HEARD = "heard"
    """The words the agent got are not the words that were said."""
    UNDERSTOOD = "understood"
    """It got the right words and read them wrongly."""
    ASKED = "asked"
    """It never asked, or the caller never answered."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One field of one call."""

    want: Any
    got: Any
    ok: bool
    cause: Cause | None = None
    """Set on a wrong field when the dialogue tells."""

    def to_json(self) -> dict[str, Any]:
        """The mark as the report holds it."""
        marked = {"want": self.want, "got": self.got, "ok": self.ok}
        return marked | ({"cause": self.cause.value} if self.cause else {})


@dataclass(frozen=True, slots=True)
class Said:
    """One turn of the caller, as far as grading needs it."""

    answers: str
    """The word of turn_slots, or the question a default answer was for."""
    text: str
    """What was said."""
    heard: str | None
    """What the agent got; None when it got nothing."""


_DECIDED_BY = {
    "constituency": frozenset({"place", "district", "area"}),
    "place": frozenset({"place", "district", "area"}),
    "phone": frozenset({"phone", "same_number"}),
    "landmark": frozenset({"landmark"}),
    "days": frozenset({"days", "complaint"}),
    "name": frozenset({"name"}),
    "tickets": frozenset({"complaint", "confirm"}),
    "consent": frozenset({"consent"}),
    "rating": frozenset({"rating"}),
    "reopened": frozenset({"fixed", "status"}),
    "verified": frozenset({"fixed", "status"}),
    "reported_again": frozenset({"same_issue", "complaint"}),
    "resumes": frozenset({"resume"}),
    "request": frozenset({"right", "complaint", "info"}),
}
"""Which turns of the caller decide a field; all others are decided by how he opens."""
_OPENINGS = frozenset(
    {"complaint", "status", "info", "human", "abuse", "wrong", "unclear", "clarify", "ticket"}
)


def grade(
    expected: Expected,
    rows: Sequence[OutcomeRow],
    caller: str,
    said: Sequence[Said],
    traces: Traces = NO_TRACES,
) -> dict[str, Mark]:
    """Mark every field the script names.

    Args:
        expected: what the rows must say.
        rows: the tickets of the call, or its one call row; empty when it left nothing.
        caller: the number the call came from.
        said: the caller's turns, to tell why a field is wrong.
        traces: what the call did besides its own tickets.

    Returns:
        Field name -> mark; a field is absent when the script does not name it.
    """
    marks = {
        name: mark
        for name, judge in _JUDGES.items()
        if (mark := judge(expected, rows, caller)) is not None
    } | _traced(expected, rows, traces)
    return {
        name: mark if mark.ok else Mark(mark.want, mark.got, ok=False, cause=find_cause(name, said))
        for name, mark in marks.items()
    }


def passed(marks: dict[str, Mark]) -> bool:
    """Whether every required field that was marked is right."""
    return all(mark.ok for name, mark in marks.items() if name in REQUIRED)


def main_cause(marks: dict[str, Mark]) -> str:
    """The cause of the first required field that is wrong; empty when the call passed."""
    wrong = (mark for name, mark in marks.items() if name in REQUIRED and not mark.ok)
    return next((mark.cause.value for mark in wrong if mark.cause), "")


def find_cause(field: str, said: Sequence[Said]) -> Cause:
    """Why a field is wrong: not asked, not heard, or not understood."""
    deciding = [turn for turn in said if turn.answers in _DECIDED_BY.get(field, _OPENINGS)]
    if not deciding:
        return Cause.ASKED
    if any(not same_words(turn.text, turn.heard) for turn in deciding):
        return Cause.HEARD
    return Cause.UNDERSTOOD


def alike(want: str, got: str) -> bool:
    """Whether two names or landmarks are the same one: case endings and scripts may differ."""
    wanted, given = _sound(want), _sound(got)
    if not wanted or not given:
        return False
    score = max(fuzz.ratio(wanted, given), fuzz.token_set_ratio(wanted, given))
    joined = wanted.replace(" ", "")
    whole = len(joined) >= _WHOLE_WORD and given.replace(" ", "").startswith(joined)
    return whole or score >= LOOSE_SCORE


def _sound(text: str) -> str:
    words = re.findall(r"[\w\u0b80-\u0bff]+", clean(text))
    return " ".join(filter(None, map(sound_key, words)))


def _last_ten(phone: str | None) -> str | None:
    digits = re.sub(r"\D", "", phone or "")
    return digits[-10:] or None


def _first(rows: Sequence[OutcomeRow]) -> OutcomeRow | None:
    return rows[0] if rows else None


def _intent(expected: Expected, rows: Sequence[OutcomeRow], _: str) -> Mark | None:
    if not expected.says("intent"):
        return None
    want = expected.intent.value if expected.intent else None
    got = sorted({row.intent for row in rows if row.intent})
    return Mark(want, _shown(got), ok=bool(rows) and _shown(got) == want)


def _tickets(expected: Expected, rows: Sequence[OutcomeRow], _: str) -> Mark | None:
    if not expected.says("intent") and not expected.says("tickets"):
        return None
    want = _wanted_tickets(expected)
    tickets = [row for row in rows if row.ticket]
    linked = all(row.linked_to == tickets[0].ticket for row in tickets[1:])
    got: Any = len(tickets) if linked else f"{len(tickets)}, not linked"
    return Mark(want, got, ok=got == want)


def _wanted_tickets(expected: Expected) -> int:
    """The number the script names; else one a complaint, none where a known ticket takes it."""
    if expected.tickets is not None:
        return expected.tickets
    if expected.intent not in _TICKET_INTENTS or expected.reported_again or expected.reopened:
        return 0
    return len(expected.categories or (None,))


def _category(expected: Expected, rows: Sequence[OutcomeRow], _: str) -> Mark | None:
    if not expected.says("category") and not expected.says("categories"):
        return None
    wanted = expected.categories or ((expected.category,) if expected.category else ())
    want = sorted(category.value for category in wanted)
    got = sorted(row.category for row in rows if row.category)
    return Mark(_shown(want), _shown(got), ok=want == got)


def _constituency(expected: Expected, rows: Sequence[OutcomeRow], _: str) -> Mark | None:
    if not expected.says("constituency_no"):
        return None
    want = expected.constituency_no
    if want is None and expected.constituency_candidates:
        open_seats = sorted(expected.constituency_candidates)
        kept = [sorted(row.candidates) if row.constituency is None else [row.constituency]
                for row in rows]  # fmt: skip
        return Mark(open_seats, kept[0] if kept else None, ok=_all(kept, open_seats))
    got = [row.constituency for row in rows]
    return Mark(want, got[0] if got else None, ok=_all(got, want))


def _all(got: Sequence[Any], want: Any) -> bool:
    return bool(got) and all(value == want for value in got)


def _phone(expected: Expected, rows: Sequence[OutcomeRow], caller: str) -> Mark | None:
    if not expected.says("phone"):
        return None
    if expected.phone is None and not any(row.ticket for row in rows):
        return None  # the row of a call holds the number it came from, not one that was given
    want = _last_ten(caller if expected.phone == CALLER_ID else expected.phone)
    got = [_last_ten(row.phone) for row in rows]
    return Mark(want, got[0] if got else None, ok=_all(got, want))


def _exactly(
    field: str, want_of: Callable[[Expected], Any], got_of: Callable[[OutcomeRow], Any]
) -> Callable[[Expected, Sequence[OutcomeRow], str], Mark | None]:
    def judge(expected: Expected, rows: Sequence[OutcomeRow], _: str) -> Mark | None:
        row = _first(rows)
        if not expected.says(field) or (row is not None and not row.ticket and field != "priority"):
            return None
        want = want_of(expected)
        got = got_of(row) if row else None
        return Mark(want, got, ok=row is not None and want == got)

    return judge


def _loosely(
    field: str,
    wants_of: Callable[[Expected], Iterable[str | None]],
    got_of: Callable[[OutcomeRow], str | None],
) -> Callable[[Expected, Sequence[OutcomeRow], str], Mark | None]:
    def judge(expected: Expected, rows: Sequence[OutcomeRow], _: str) -> Mark | None:
        row = _first(rows)
        if not expected.says(field) or (row is not None and not row.ticket):
            return None
        wants = [want for want in wants_of(expected) if want]
        got: str = (got_of(row) if row else None) or ""
        if not wants:
            return Mark(None, got or None, ok=row is not None and not got)
        return Mark(wants[0], got or None, ok=any(alike(want, got) for want in wants))

    return judge


def _place(expected: Expected, rows: Sequence[OutcomeRow], _: str) -> Mark | None:
    if not expected.says("locality"):
        return None
    want, row = expected.locality, _first(rows)
    got = row.place if row else None
    same = want is not None and got is not None and want.casefold() == got.casefold()
    return Mark(want, got, ok=same or (want is None and row is not None and got is None))


def _traced(expected: Expected, rows: Sequence[OutcomeRow], traces: Traces) -> dict[str, Mark]:
    """Marks of the fields about the call as a whole; a null wants nothing there."""
    tickets = [row for row in rows if row.ticket]
    got: dict[str, Any] = {
        "outcome": traces.outcome,
        "partial": _same_in_all([row.partial for row in tickets]),
        "needs_listening": _same_in_all([row.needs_listening for row in tickets]),
        "callback": traces.callback,
        "consent": traces.consent,
        "reported_again": _shown(list(traces.reported_again)),
        "reopened": _shown(list(traces.reopened)),
        "verified": _shown(list(traces.verified)),
        "rating": traces.rating,
        "request": traces.request,
        "resumes": traces.resumed,
    }
    named = {name: getattr(expected, name) for name in _EXACT if expected.says(name)}
    wants = {
        name: want.value if isinstance(want, StrEnum) else want for name, want in named.items()
    }
    return {name: Mark(want, got[name], ok=want == got[name]) for name, want in wants.items()}


def _same_in_all(values: list[bool]) -> bool | str | None:
    """What is true of all tickets; None without any."""
    if len(set(values)) > 1:
        return "of some"
    return values[0] if values else None


def _shown(values: list[str]) -> Any:
    return (values[0] if values else None) if len(values) < 2 else values


_JUDGES: dict[str, Callable[[Expected, Sequence[OutcomeRow], str], Mark | None]] = {
    "intent": _intent,
    "tickets": _tickets,
    "category": _category,
    "constituency": _constituency,
    "phone": _phone,
    "priority": _exactly(
        "priority", lambda e: e.priority.value if e.priority else None, lambda row: row.priority
    ),
    "days": _exactly("days_since", lambda e: e.days_since, lambda row: row.days),
    "place": _place,
    "landmark": _loosely("landmark", lambda e: (e.landmark,), lambda row: row.landmark),
    "name": _loosely("name", lambda e: (e.name_ta, e.name), lambda row: row.name),
}
