"""Runs the effects of a step and brings their answers back as events."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from agent.conversation.complaints import FILED_INTENTS, complaints
from agent.conversation.steps import (
    Act,
    Acted,
    Alert,
    Alerted,
    FileComplaints,
    Filed,
    LookUp,
    NotFiled,
    Step,
    TicketUnknown,
    Transfer,
    Transferred,
)
from agent.errors import TicketError

if TYPE_CHECKING:
    from agent.conversation.ports import CallObserver, Ledger, Services
    from agent.conversation.steps import Effect, Event, FlowState

logger = logging.getLogger(__name__)

TRANSFER_WITHIN_S = 25.0
"""How long a caller waits for a person (peers.md section 4)."""
ALERT_WITHIN_S = 4.0
"""Twice what an alarm may take: a call must not hang on a service that hangs."""

MAX_EFFECTS = 12
"""Effects of one event, with those of their answers; a flow that wants more goes in a circle."""

P = ParamSpec("P")
T = TypeVar("T")
Advance = Callable[["FlowState", "Event"], "Step"]
BeHeard = Callable[["Step", bool], Awaitable[bool]]
"""(what is to be said, whether to wait until it was heard) -> whether it is spoken."""


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Blocking disk work off the loop; a hang-up must not cut it in half."""
    return await asyncio.shield(asyncio.to_thread(call, *args, **kwargs))


class Effects:
    """Runs effects for one call, one at a time.

    Args:
        ledger: the durable record of the call.
        services: what else may be asked.
        observer: is told of numbers.
    """

    def __init__(self, ledger: Ledger, services: Services, observer: CallObserver | None) -> None:
        self._ledger = ledger
        self._services = services
        self._observer = observer

    async def run_all(self, step: Step, advance: Advance, be_heard: BeHeard) -> Step:
        """Run every effect of a step and of what their answers lead to, in order.

        Args:
            step: the step.
            advance: gives what follows from an answer.
            be_heard: speaks the words so far before an alarm or a transfer, which take seconds.

        Returns:
            The step that remains to be said.
        """
        pending = deque(step.effects)
        for _ in range(MAX_EFFECTS):
            if not pending:
                break
            effect = pending.popleft()
            slow = isinstance(effect, Alert | Transfer)
            if slow and step.say and await be_heard(step, isinstance(effect, Transfer)):
                step = replace(step, say=())
            answer = await self.run(effect, step.state)
            following = advance(step.state, answer)
            pending.extend(following.effects)
            step = Step(
                following.state,
                (*step.say, *following.say),
                end=step.end or following.end,
                uninterruptible=step.uninterruptible or following.uninterruptible,
            )
        return step

    async def run(self, effect: Effect, state: FlowState) -> Event:
        """Do it. Whatever fails comes back as an event that says so; only cancellation raises."""
        match effect:
            case FileComplaints():
                return await self._file(state)
            case LookUp(number):
                return await in_thread(self._services.look_up, number) or TicketUnknown()
            case Act():
                return Acted(effect.kind, await self._act(effect))
            case Alert(number):
                return Alerted(await self._alert(number, state))
            case Transfer():
                return Transferred(await self._transfer())

    async def _file(self, state: FlowState) -> Event:
        wanted = complaints(state)
        if not wanted or wanted[0].intent not in FILED_INTENTS:
            return NotFiled()
        try:
            filed = await in_thread(self._ledger.file, wanted)
        except TicketError as exc:
            logger.exception("ticket not saved", extra={"error": type(exc).__name__})
            phone = wanted[0].phone
            noted = await in_thread(self._ledger.call_back, phone)
            return NotFiled(noted if phone else None)
        if self._observer is not None and not filed.provisional:
            self._observer.filed(filed.numbers)
        return Filed(filed.numbers, filed.provisional)

    async def _act(self, act: Act) -> bool:
        do = self._services.act
        if do is None:
            return False
        try:
            return await in_thread(do, act.kind.value, act.number, act.value, act.phone)
        except TicketError as exc:
            logger.exception("act not durable", extra={"error": type(exc).__name__})
            return False

    async def _alert(self, number: str, state: FlowState) -> bool:
        alarm = self._services.alarm
        told = complaints(state)
        if alarm is None or not told:
            return False
        index = state.filed.index(number) if number in state.filed else 0
        try:
            async with asyncio.timeout(ALERT_WITHIN_S):
                return await in_thread(alarm, number, told[min(index, len(told) - 1)])
        except (TimeoutError, TicketError) as exc:
            logger.warning("nobody alerted", extra={"error": type(exc).__name__})
            return False

    async def _transfer(self) -> bool:
        transferrer = self._services.transferrer
        if transferrer is None:
            return False
        try:
            async with asyncio.timeout(TRANSFER_WITHIN_S):
                return await transferrer.transfer()
        except TimeoutError:
            return False
