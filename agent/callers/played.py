"""What happened in a simulated call: plain data, made by the player, read by grading and report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from agent.callers.seeding import NOTHING_SEEDED, Seeded
from agent.callers.words import same_words
from agent.complaint import Slot

if TYPE_CHECKING:
    from datetime import datetime

    from agent.callers.measures import Measures
    from agent.callers.scripted_caller import Utterance
    from agent.conversation.steps import Line

QUICK = frozenset(
    {
        Slot.CONSENT,
        Slot.PLACE,
        Slot.AREA,
        Slot.DISTRICT,
        Slot.NAME,
        Slot.SAME_NUMBER,
        Slot.CONFIRM,
        Slot.REPEAT,
        Slot.DANGER,
    }
)
"""Questions with short answers, whose delay is held against the budget. Stories, landmarks, days,
phone and ticket numbers are reported apart: there the agent waits longer on purpose."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """The agent spoke, the caller answered."""

    at_s: float
    """Wall seconds from the beginning of the call to when the agent's words were decided."""
    asked: Slot | None
    """The question then open."""
    lines: tuple[Line, ...]
    """The prompts spoken, with what filled their slots."""
    agent: str
    """The words spoken."""
    said: Utterance | None = None
    """What the caller answered; None when he said nothing more."""
    heard: str | None = None
    """What the agent got of it; None when it got nothing."""
    delay_s: float | None = None
    """From the end of the caller's voice to the agent's first sound, wall seconds; None without
    sound, when the agent did not answer this turn, or when it spoke before its end."""
    cut_off: bool = False
    """The agent took the turn before the caller had finished it."""

    @property
    def prompts(self) -> tuple[str, ...]:
        """Ids of the prompts spoken."""
        return tuple(line.prompt for line in self.lines)

    @property
    def heard_exactly(self) -> bool:
        """Whether the agent got the words that were said, whatever their punctuation."""
        return self.said is not None and same_words(self.said.text, self.heard)

    @property
    def quick(self) -> bool:
        """Whether its delay counts against the budget of short answers."""
        return self.asked in QUICK


@dataclass(frozen=True, slots=True)
class PlayedCall:
    """One call, from answer to hang-up."""

    call_id: str
    exchanges: tuple[Exchange, ...]
    outcome: str
    """How it ended: a word of the flow, or ``hung_up``, ``stuck``, ``too_long``, ``error``."""
    seconds: float
    """Length of the call, wall seconds."""
    greeting_s: float | None = None
    """From answering to the agent's first sound, wall seconds; None without sound."""
    measures: Measures | None = None
    """How it felt, in figures; None when nobody measured."""
    started_at: datetime | None = None
    """UTC; what was seeded for it happened before."""
    seeded: Seeded = NOTHING_SEEDED
    """What there was before it."""

    @property
    def turns(self) -> int:
        """Turns the caller took."""
        return sum(exchange.said is not None for exchange in self.exchanges)

    def delays(self, *, quick: bool) -> list[float]:
        """Answer delays, of short answers or of the others."""
        return [
            exchange.delay_s
            for exchange in self.exchanges
            if exchange.delay_s is not None and exchange.quick is quick
        ]


class Listener(Protocol):
    """Who wants to follow a call while it is played. Never changes it, never blocks."""

    def agent_speaks(self, exchange: Exchange, delay_s: float | None) -> None:
        """The agent says ``exchange.agent``, ``delay_s`` after the caller's last word."""

    def caller_speaks(self, at_s: float, said: Utterance) -> None:
        """The caller begins to answer, or decides to stay silent."""

    def agent_heard(self, said: Utterance, heard: str) -> None:
        """The agent took the caller's turn as ``heard``."""

    def tickets_filed(self, numbers: tuple[str, ...]) -> None:
        """The complaints are durable under these numbers."""

    def call_ended(self, outcome: str) -> None:
        """The line is closed and the row of the call stored."""
