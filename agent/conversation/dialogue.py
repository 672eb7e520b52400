"""One call's conversation: commits turns, runs their effects, keeps what is to be said.

The pure flow decides; this class makes it durable in the fixed order *journal synced -> row stored
-> number spoken*. Nothing here knows LiveKit. A transcript that is not final may be *considered*
(:meth:`consider`), which changes nothing: no state, no journal, no row.
"""

from __future__ import annotations

import asyncio
import logging
import unicodedata
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

from agent.complaint import Complaint, Intent, Slot, UnderstoodTurn
from agent.conversation.complaints import FILED_INTENTS, complaints
from agent.conversation.flow import advance, opening
from agent.conversation.steps import (
    FileComplaints,
    Filed,
    LookUp,
    NotFiled,
    Silence,
    Step,
    TicketFound,
    TicketUnknown,
)
from agent.conversation.taking import settles
from agent.errors import TicketError
from agent.understanding.rules import TurnContext

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.conversation.script import Script
    from agent.conversation.steps import Effect, Event, FlowState
    from agent.understanding.extract import Extractor

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class Numbered(Protocol):
    """What filing gives back."""

    @property
    def numbers(self) -> tuple[str, ...]:
        """Ticket numbers in the order of the complaints."""

    @property
    def provisional(self) -> bool:
        """Whether they may not be spoken, because this machine could still take them along."""


class Ledger(Protocol):
    """The durable record of one call; blocking, called in a thread (tickets/ledger.py)."""

    def consent(self, granted: bool | None, *, version: str) -> None:
        """Store the answer to the notice, and the version of its wording."""

    def note(self, complaints: Sequence[Complaint], intent: Intent) -> None:
        """Sync what is known after a committed turn."""

    def file(self, complaints: Sequence[Complaint]) -> Numbered:
        """Make the complaints durable and give their numbers."""

    def call_back(self, phone: str | None) -> bool:
        """Note that we owe the caller a call; whether that is durable."""

    def close(self, outcome: str, intent: Intent, complaints: Sequence[Complaint]) -> object:
        """Store the row of the call; what was noted but never filed becomes partial."""

    def settle(self, within_s: float) -> bool:
        """Try on after the end of the call until something has taken it."""


class CallObserver(Protocol):
    """Who may watch a call: simulated callers, the live view, tests. Never changes it."""

    def asked(self, step: Step, text: str) -> None:
        """``text`` is about to be spoken; ``step.expect`` is the question now open."""

    def heard(self, turn: UnderstoodTurn) -> None:
        """A turn was committed."""

    def filed(self, numbers: tuple[str, ...]) -> None:
        """The complaints are durable under these numbers."""

    def closed(self, outcome: str) -> None:
        """The call is over and its row stored."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A committed step and its words."""

    step: Step
    text: str


class Dialogue:
    """The conversation of one call. Commits are serialised.

    Args:
        script: the sentences.
        extractor: reads turns.
        ledger: the durable record of this call.
        look_up: gives the life-cycle state of a ticket number, or None; blocking.
        caller: number the call came from, E.164; empty when hidden.
        seat: seat of the dialled number, if it belongs to one.
        observer: may watch.
        call: id of the call.
        now: gives the time, UTC.
    """

    def __init__(
        self,
        script: Script,
        extractor: Extractor,
        ledger: Ledger,
        *,
        look_up: Callable[[str], str | None],
        caller: str = "",
        seat: int | None = None,
        observer: CallObserver | None = None,
        call: str = "",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._script = script
        self._extractor = extractor
        self._call = call
        self._ledger = ledger
        self._look_up = look_up
        self._observer = observer
        self._now = now
        self._opening = opening(caller, seat)
        self._state = self._opening.state
        self._lock = asyncio.Lock()
        self._committed = asyncio.Condition()
        self._last: Spoken | None = None
        self._commits = 0
        self._closed = False

    @property
    def state(self) -> FlowState:
        """What the call knows; only committed turns are in it."""
        return self._state

    @property
    def commits(self) -> int:
        """How many events have been committed."""
        return self._commits

    @property
    def last(self) -> Spoken | None:
        """What the latest commit says."""
        return self._last

    def greet(self) -> Spoken:
        """The notice. Speaks at once: nothing has to be durable before it."""
        return self._say(self._opening)

    def consider(self, text: str) -> Step:
        """What would follow if ``text`` were the whole turn. Leaves no trace in the call.

        A language model that would be asked about it is asked now, so that its answer is there
        when the turn is committed.
        """
        self._extractor.prepare(*self._asked(text), call=self._call)
        return advance(self._state, self._understand(text), self._now())

    def is_answered_by(self, text: str) -> bool:
        """Whether ``text`` answers the open question, or needs an answer of its own. No trace."""
        return settles(self._state, self._understand(text))

    async def commit(self, text: str) -> Spoken:
        """Take a final turn in and make its effects durable.

        Silence and keys that come while a language model is asked wait for this turn.
        """
        async with self._lock:
            said, expecting, context = self._asked(text)
            turn = await self._extractor.understand(said, expecting, context, call=self._call)
            if self._observer is not None:
                self._observer.heard(turn)
            spoken = await self._take(turn)
        return await self._announce(spoken)

    async def commit_turn(self, turn: UnderstoodTurn) -> Spoken:
        """Take in a turn that did not come as words (the keypad)."""
        if self._observer is not None:
            self._observer.heard(turn)
        return await self._commit(turn)

    async def silence(self) -> Spoken:
        """The caller has been silent for the limit."""
        return await self._commit(Silence())

    async def next_commit(self, after: int) -> Spoken:
        """Wait for the first commit numbered above ``after`` and return what it says."""
        async with self._committed:
            await self._committed.wait_for(lambda: self._commits > after)
            assert self._last is not None  # noqa: S101 -- set before the notification
            return self._last

    async def close(self, outcome: str) -> None:
        """Store how the call ended; runs once, later calls change nothing.

        Args:
            outcome: used when the flow itself had not ended, e.g. ``hung_up``.
        """
        async with self._lock:
            if self._closed:
                return
            self._closed = True
            self._extractor.forget(self._call)
            state = self._state
            ended = state.outcome if state.outcome != "open" else outcome
            told = complaints(state)
            intent = state.intent or (Intent.COMPLAINT if told else Intent.WRONG_NUMBER)
            try:
                await self._in_thread(self._ledger.close, ended, intent, told)
            except TicketError as exc:
                logger.exception("call row not stored", extra={"error": type(exc).__name__})
        if self._observer is not None:
            self._observer.closed(ended)

    async def settle(self, within_s: float) -> None:
        """After :meth:`close`: wait until some disk has the call, at most ``within_s`` seconds."""
        try:
            await self._in_thread(self._ledger.settle, within_s)
        except TicketError as exc:
            logger.exception("call not recorded", extra={"error": type(exc).__name__})

    async def _commit(self, event: Event) -> Spoken:
        async with self._lock:
            spoken = await self._take(event)
        return await self._announce(spoken)

    async def _take(self, event: Event) -> Spoken:
        """Advance by one event; the lock is held."""
        before = self._state
        step = await self._run_effects(advance(before, event, self._now()))
        self._state = step.state
        await self._journal(before, step.state)
        return self._say(step)

    async def _announce(self, spoken: Spoken) -> Spoken:
        async with self._committed:
            self._last = spoken
            self._commits += 1
            self._committed.notify_all()
        return spoken

    async def _run_effects(self, step: Step) -> Step:
        while step.effects:
            answer = await self._run(step.effects[0], step.state)
            following = advance(step.state, answer, self._now())
            step = replace(following, say=(*step.say, *following.say))
        return step

    async def _run(self, effect: Effect, state: FlowState) -> Event:
        match effect:
            case FileComplaints():
                return await self._file(state)
            case LookUp(number):
                status = await self._in_thread(self._look_up, number)
                return TicketFound(number, status) if status else TicketUnknown()
            case _:
                raise NotImplementedError(type(effect).__name__)

    async def _file(self, state: FlowState) -> Event:
        wanted = complaints(state)
        if not wanted or wanted[0].intent not in FILED_INTENTS:
            return NotFiled()
        try:
            filed = await self._in_thread(self._ledger.file, wanted)
        except TicketError as exc:
            logger.exception("ticket not saved", extra={"error": type(exc).__name__})
            phone = wanted[0].phone
            noted = await self._in_thread(self._ledger.call_back, phone)
            return NotFiled(noted if phone else None)
        if self._observer is not None and not filed.provisional:
            self._observer.filed(filed.numbers)
        return Filed(filed.numbers, filed.provisional)

    async def _journal(self, before: FlowState, after: FlowState) -> None:
        """Sync what this turn added. A full disk must not end the call: filing decides that."""
        try:
            if after.consent is not before.consent:
                version = self._script.wording(self._opening.say)
                await self._in_thread(self._ledger.consent, after.consent, version=version)
            if not after.filed:
                await self._in_thread(
                    self._ledger.note, complaints(after), after.intent or Intent.COMPLAINT
                )
        except TicketError as exc:
            logger.warning("turn not journalled", extra={"error": type(exc).__name__})

    async def _in_thread(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Blocking disk work off the loop; a hang-up must not cut it in half."""
        return await asyncio.shield(asyncio.to_thread(call, *args, **kwargs))

    def _understand(self, text: str) -> UnderstoodTurn:
        return self._extractor.at_once(*self._asked(text))

    def _asked(self, text: str) -> tuple[str, Slot | None, TurnContext]:
        state = self._state
        context = TurnContext(
            place=state.place, categories=state.categories, phone_digits=state.digits
        )
        return unicodedata.normalize("NFC", text).strip(), state.expect, context

    def _say(self, step: Step) -> Spoken:
        spoken = Spoken(step, self._script.text(step.say))
        if self._observer is not None:
            self._observer.asked(step, spoken.text)
        return spoken
