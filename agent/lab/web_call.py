"""One call over WebRTC as its caller lived it: plain data, and the figures taken from its sound."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from agent.complaint import Slot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agent.callers.measures import Span

Ending = Literal["agent", "caller", "unanswered", "stuck", "too_long", "error"]
"""Who ended the call: the agent, the caller as his script says, the caller because nobody picked up
(``unanswered``) or nobody spoke (``stuck``), the clock, or a failed connection."""

KINDS: Mapping[str, frozenset[Slot]] = {
    "yes or no": frozenset(
        {Slot.CONSENT, Slot.SAME_NUMBER, Slot.CONFIRM, Slot.REPEAT, Slot.DANGER,
         Slot.RESUME, Slot.SAME_ISSUE, Slot.FIXED, Slot.ADULT}
    ),
    "place": frozenset({Slot.PLACE, Slot.AREA, Slot.DISTRICT}),
    "category": frozenset({Slot.CLARIFY, Slot.CORRECTION}),
    "name": frozenset({Slot.NAME}),
    "story": frozenset({Slot.COMPLAINT}),
    "landmark, days": frozenset({Slot.LANDMARK, Slot.DAYS}),
    "phone, ticket": frozenset({Slot.PHONE, Slot.TICKET}),
}  # fmt: skip
"""Kind of turn -> the questions it answers."""
QUICK = ("yes or no", "place", "category", "name")
"""Kinds held against the budget of short answers; at the others the agent waits on purpose."""
_ONSET_S = 0.15
"""The agent's last sound may still arrive so long after the caller began."""


@dataclass(frozen=True, slots=True)
class WebTurn:
    """The caller answered."""

    asked: Slot | None
    """The question, as he understood it."""
    said_at: Span
    """Clock times at which his words began and ended on the line; equal for keys."""
    keys: bool = False
    """Pressed, not spoken."""
    unheard: bool = False
    """The agent then said that it listens, or asked whether it is heard: it got no words."""
    delay_s: float | None = None
    """From his last audible sample to the agent's first one; None when the agent did not answer
    these words, or spoke before their end."""
    cut_off: bool = False
    """The agent began to speak before he had finished."""

    @property
    def kind(self) -> str:
        """Under what it is counted."""
        if self.keys:
            return "keys"
        return next((name for name, slots in KINDS.items() if self.asked in slots), "other")


@dataclass(frozen=True, slots=True)
class WebCall:
    """One call, from dialling to hang-up; durations in seconds."""

    id: str
    """Of the script."""
    ended: Ending
    seconds: float
    answer_s: float | None = None
    """From dialling to the agent's first audible sample; None when nobody answered."""
    pickup_s: float | None = None
    """From the agent's track (where a telephone stops ringing) to that sample."""
    turns: tuple[WebTurn, ...] = ()
    trouble: str = ""
    """What went wrong, one sentence without a caller's words."""
    passed: bool | None = None
    """Whether the rows it left are right; None: not graded."""
    wrong: tuple[str, ...] = ()
    """Names of the fields that are not."""

    @property
    def answered(self) -> bool:
        """Whether the agent was heard at all."""
        return self.answer_s is not None

    def to_json(self) -> dict[str, Any]:
        """The call as the report holds it."""
        turns = [
            {
                "asked": turn.asked.value if turn.asked else None,
                "kind": turn.kind,
                "delay_s": _rounded(turn.delay_s),
                "cut_off": turn.cut_off,
                "unheard": turn.unheard,
            }
            for turn in self.turns
        ]
        told = asdict(self) | {"turns": turns, "wrong": list(self.wrong)}
        return told | {name: _rounded(told[name]) for name in ("seconds", "answer_s", "pickup_s")}


def with_delays(turns: Sequence[WebTurn], agent: Sequence[Span]) -> tuple[WebTurn, ...]:
    """Turns with what the sound of the agent says about them.

    Args:
        turns: in order.
        agent: clock times between which the agent was audible, in order.
    """
    measured = []
    for index, turn in enumerate(turns):
        began, ended = turn.said_at
        until = turns[index + 1].said_at[0] if index + 1 < len(turns) else float("inf")
        cut_off = not turn.keys and any(began + _ONSET_S < start < ended for start, _ in agent)
        still = any(start <= began + _ONSET_S and end > ended for start, end in agent)
        first = next((start for start, _ in agent if ended <= start < until), None)
        known = first is not None and not (cut_off or still or turn.unheard)
        measured.append(
            WebTurn(
                turn.asked,
                turn.said_at,
                turn.keys,
                turn.unheard,
                first - ended if known and first is not None else None,
                cut_off,
            )
        )
    return tuple(measured)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
