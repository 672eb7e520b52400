"""Watches a call through the agent's own observer interface and keeps what happened in order."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.callers.played import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.callers.scripted_caller import Utterance
    from agent.complaint import Slot, UnderstoodTurn
    from agent.conversation.steps import Line, Step


@dataclass(frozen=True, slots=True)
class Ask:
    """The agent is about to say something."""

    at: float
    """Clock time at which the words were decided."""
    slot: Slot | None
    text: str
    lines: tuple[Line, ...]
    end: bool
    """These are its last words."""
    uninterruptible: bool = False
    """They are meant to be heard to their end."""


class CallWatch:
    """A :class:`~agent.conversation.dialogue.CallObserver` that keeps what it sees."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        """The clock of the call."""
        self.asks: list[Ask] = []
        self.turns: list[str] = []
        """Caller turns as the agent took them, in order."""
        self._numbers: tuple[str, ...] = ()
        self.outcome: str | None = None
        self.news = asyncio.Event()
        """Set whenever anything happens; whoever waits for it clears it."""

    def asked(self, step: Step, text: str) -> None:
        """Keep what the agent says, and the question that is open after it."""
        ask = Ask(self.now(), step.expect, text, step.say, step.end, step.uninterruptible)
        self.asks.append(ask)
        self.news.set()

    def heard(self, turn: UnderstoodTurn) -> None:
        """Keep the words the agent got."""
        self.turns.append(turn.text)
        self.news.set()

    def filed(self, numbers: tuple[str, ...]) -> None:
        """Keep the ticket numbers."""
        self._numbers = numbers
        self.news.set()

    def take_numbers(self) -> tuple[str, ...]:
        """Ticket numbers that were not taken before; empty when there are none."""
        numbers, self._numbers = self._numbers, ()
        return numbers

    def closed(self, outcome: str) -> None:
        """Keep how the call ended."""
        self.outcome = outcome
        self.news.set()


def exchange_of(
    ask: Ask,
    began_at: float,
    said: Utterance | None = None,
    *,
    heard: str | None = None,
    delay_s: float | None = None,
    cut_off: bool = False,
) -> Exchange:
    """One exchange of the dialogue from what was watched."""
    return Exchange(
        at_s=ask.at - began_at,
        asked=ask.slot,
        lines=ask.lines,
        agent=ask.text,
        said=said,
        heard=heard,
        delay_s=delay_s,
        cut_off=cut_off,
    )
