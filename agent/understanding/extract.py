"""The ladder: rules, a language model where they are unsure, its fallback, rules alone.

Rules read every turn at once. Only what they leave open is asked, and what the model says is held
against the caller's own words and our tables (:mod:`agent.understanding.reconcile`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field

from agent.complaint import Slot, UnderstoodTurn
from agent.errors import ExtractionFailed
from agent.understanding.chain import Answered, ModelChain
from agent.understanding.reconcile import doubt_of, reconcile
from agent.understanding.rules import Rules, TurnContext

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Tally:
    """How turns were understood in this process."""

    turns: int = 0
    asked: int = 0
    """Turns a model was asked about."""
    failed: int = 0
    """Of these, turns nobody answered."""

    @property
    def share(self) -> float:
        """Part of the turns a model was asked about, 0..1."""
        return self.asked / self.turns if self.turns else 0.0


@dataclass(frozen=True, slots=True)
class _Early:
    """A model asked about a turn before it was final."""

    said: str
    asked: Slot | None
    answer: asyncio.Task[Answered]


@dataclass(slots=True)
class Extractor:
    """Reads the turns of calls. Shared by the calls of a process."""

    rules: Rules
    chain: ModelChain | None = None
    """None = rules alone."""
    tally: Tally = field(default_factory=Tally)
    _early: dict[str, _Early] = field(default_factory=dict)
    """At most one for each call."""

    def at_once(
        self, text: str, expecting: Slot | None = None, context: TurnContext | None = None
    ) -> UnderstoodTurn:
        """What the rules read, without waiting."""
        return self.rules.understand(text, expecting, context)

    def prepare(
        self,
        text: str,
        expecting: Slot | None = None,
        context: TurnContext | None = None,
        *,
        call: str = "",
    ) -> None:
        """Ask the model now about what may be the whole turn; :meth:`understand` fetches it.

        Args:
            text: the words as heard so far.
            expecting: the question that is open.
            context: what earlier turns left open.
            call: id of the call.
        """
        turn = self.rules.understand(text, expecting, context)
        if self.chain is None or not doubt_of(turn, expecting):
            return
        known = self._early.get(call)
        if known is not None and (known.said, known.asked) == (turn.text, expecting):
            return
        self.forget(call)
        task = asyncio.create_task(self.chain.ask(turn.text, expecting, call))
        task.add_done_callback(_seen)
        self._early[call] = _Early(turn.text, expecting, task)

    def forget(self, call: str) -> None:
        """Drop what was asked early: the call is over, or went on otherwise."""
        early = self._early.pop(call, None)
        if early is not None:
            early.answer.cancel()

    async def understand(
        self,
        text: str,
        expecting: Slot | None = None,
        context: TurnContext | None = None,
        *,
        call: str = "",
    ) -> UnderstoodTurn:
        """What one utterance means; never worse than the rules, never later than the deadline.

        Args:
            text: the words as heard.
            expecting: the question that was open.
            context: what earlier turns left open.
            call: id of the call.
        """
        turn = self.rules.understand(text, expecting, context)
        self.tally.turns += 1
        if self.chain is None or not doubt_of(turn, expecting):
            self.forget(call)
            return turn
        self.tally.asked += 1
        began = time.monotonic()
        try:
            answered = await self._answer(self.chain, turn.text, expecting, call)
        except ExtractionFailed:
            self.tally.failed += 1
            self._log("rules", began)
            return turn
        read = self.rules.understand
        settled = reconcile(turn, answered.answer, read, expecting, context)
        self._log(answered.by, began)
        return settled

    async def aclose(self) -> None:
        """Hang up on the models."""
        for call in list(self._early):
            self.forget(call)
        if self.chain is not None:
            await self.chain.aclose()

    async def _answer(
        self, chain: ModelChain, said: str, asked: Slot | None, call: str
    ) -> Answered:
        early = self._early.pop(call, None)
        if early is not None and (early.said, early.asked) == (said, asked):
            try:
                return await early.answer
            finally:
                early.answer.cancel()  # the call ended while it waited
        if early is not None:
            early.answer.cancel()
        return await chain.ask(said, asked, call)

    @staticmethod
    def _log(route: str, began: float) -> None:
        extra = {"route": route, "model_s": round(time.monotonic() - began, 3)}
        logger.info("language model asked", extra=extra)


def _seen(task: asyncio.Task[Answered]) -> None:
    """Take note of a failure that nobody waits for, so that it is not reported as forgotten."""
    if not task.cancelled():
        task.exception()
