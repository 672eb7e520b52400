"""One call's conversation: commits turns, runs their effects, keeps what is to be said.

The pure flow decides; this class makes it durable in the fixed order *journal synced -> row stored
-> number spoken*. Nothing here knows LiveKit. A transcript that is not final may be *considered*
(:meth:`consider`), which changes nothing: no state, no journal, no row.
"""

from __future__ import annotations

import asyncio
import logging
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agent.complaint import Complaint, Intent, Recalled, Slot, UnderstoodTurn
from agent.conversation.complaints import complaints
from agent.conversation.effects import Effects, in_thread
from agent.conversation.flow import advance, opening
from agent.conversation.flows.emergency import believed
from agent.conversation.ports import Services
from agent.conversation.steps import NoteOver, Silence, Step, Terms, TimeShort
from agent.conversation.taking import settles
from agent.errors import TicketError
from agent.understanding.rules import TurnContext

if TYPE_CHECKING:
    from agent.conversation.ports import CallObserver, Ledger
    from agent.conversation.script import Script
    from agent.conversation.steps import Event, FlowState, TicketFound
    from agent.understanding.extract import Extractor

logger = logging.getLogger(__name__)

RECALL_WITHIN_S = 0.3
"""How long the first turn waits for what the store knows of the caller."""
TAMIL = "ta"


@dataclass(frozen=True, slots=True)
class Spoken:
    """A committed step and its words."""

    step: Step
    text: str


SpeakFirst = Callable[[Spoken, bool], Awaitable[bool]]
"""(words, whether to wait until they were heard) -> whether they are spoken: for what must be heard
before a slow effect (an alarm, a transfer) has answered."""


class Dialogue:
    """The conversation of one call. Commits are serialised.

    Args:
        script: the sentences, of one language or by language; Tamil (``ta``) is among them.
        extractor: reads turns; None where only keys are heard.
        ledger: the durable record of this call.
        look_up: for who needs nothing else of ``services``.
        services: what else the call may ask for.
        terms: what holds on this line.
        caller: number the call came from, E.164; empty when hidden.
        seat: seat of the dialled number, if it belongs to one.
        observer: may watch.
        call: id of the call.
        first: the step the call begins with; None: the notice.
        now: gives the time, UTC.
    """

    def __init__(
        self,
        script: Script | Mapping[str, Script],
        extractor: Extractor | None,
        ledger: Ledger,
        *,
        look_up: Callable[[str], TicketFound | None] | None = None,
        services: Services | None = None,
        terms: Terms | None = None,
        caller: str = "",
        seat: int | None = None,
        observer: CallObserver | None = None,
        call: str = "",
        first: Step | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._scripts = script if isinstance(script, Mapping) else {TAMIL: script}
        self._reader = extractor
        self._call = call
        self._ledger = ledger
        self._services = services or Services()
        if look_up is not None:
            self._services = replace(self._services, look_up=look_up)
        self._effects = Effects(ledger, self._services, observer)
        self._observer = observer
        self._now = now
        self._opening = first or opening(caller, seat, terms)
        self._state = self._noted = self._opening.state
        self._lock = asyncio.Lock()
        self._committed = asyncio.Condition()
        self._last: Spoken | None = None
        self._commits = 0
        self._closed = False
        self._recalling: asyncio.Task[Recalled] | None = None
        self._recalled = False
        self._early: tuple[tuple[Complaint, ...], Intent] | None = None
        """What the event under way has journalled already, of ``_noted``."""
        self.keyed_digits = ""
        """Digits pressed on the keypad that no turn has taken yet."""
        self.speak_first: SpeakFirst | None = None
        """Set by who can speak while a commit goes on."""
        self.before_close: Callable[[], Awaitable[None]] | None = None
        """Awaited when the call ends, before its row is stored."""

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

    @property
    def services(self) -> Services:
        """What the call may ask for."""
        return self._services

    @property
    def local_only(self) -> bool:
        """Whether the caller refused the notice: nothing leaves the machine, no model is asked."""
        return self._state.consent is False

    def greet(self) -> Spoken:
        """The notice. Speaks at once: nothing has to be durable before it.

        What the store knows of the caller's number is fetched meanwhile.
        """
        recall = self._services.recall
        if recall is not None and self._recalling is None:
            self._recalling = asyncio.ensure_future(in_thread(recall))
        return self._say(self._opening)

    def sentence(self, prompt_id: str) -> str:
        """The words of a prompt without slots; empty when the script has none of that name."""
        script = self._script(self._state)
        return script.prompts[prompt_id].text if prompt_id in script else ""

    def consider(self, text: str) -> Step:
        """What would follow if ``text`` were the whole turn. Leaves no trace in the call.

        A language model that would be asked about it is asked now, so that its answer is there
        when the turn is committed.
        """
        if not self.local_only:
            self._extractor.prepare(*self._asked(text), call=self._call)
        return advance(self._state, self._understand(text), self._now())

    def is_answered_by(self, text: str) -> bool:
        """Whether ``text`` answers the open question, or needs an answer of its own. No trace."""
        return settles(self._state, self._understand(text))

    def begins_number(self, text: str) -> bool:
        """Whether ``text`` has digits of the number asked for, but not all of them. No trace."""
        turn = self._understand(text)
        return bool(turn.digits) and not settles(self._state, turn)

    def is_new_danger(self, text: str) -> bool:
        """Whether ``text`` tells of a danger that the call does not know yet. No trace."""
        return not self._state.emergency and believed(self._state, self._understand(text))

    async def commit(self, text: str) -> Spoken:
        """Take a final turn in and make its effects durable.

        Silence and keys that come while a language model is asked wait for this turn.
        """
        async with self._lock:
            await self._remember()
            said, expecting, context = self._asked(text)
            self.keyed_digits = ""
            if self.local_only:
                self._extractor.forget(self._call)
                turn = self._extractor.at_once(said, expecting, context)
            else:
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

    async def note_over(self, seconds: float) -> Spoken:
        """The spoken note is over; ``seconds`` of it are kept."""
        return await self._commit(NoteOver(seconds))

    async def time_short(self, *, over: bool = False) -> Spoken:
        """The longest time of a call is nearly over, or over."""
        return await self._commit(TimeShort(over))

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
        last_act, self.before_close = self.before_close, None
        if last_act is not None:
            await last_act()
        async with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._reader is not None:
                self._reader.forget(self._call)
            if self._recalling is not None:
                await asyncio.wait({self._recalling})  # a thread of 0.3 s that cannot be cut short
            state = self._state
            ended = state.outcome if state.outcome != "open" else outcome
            told = complaints(state)
            intent = state.intent or (Intent.COMPLAINT if told else Intent.WRONG_NUMBER)
            try:
                await in_thread(self._ledger.close, ended, intent, told)
            except TicketError as exc:
                logger.exception("call row not stored", extra={"error": type(exc).__name__})
        if self._observer is not None:
            self._observer.closed(ended)

    async def settle(self, within_s: float) -> None:
        """After :meth:`close`: wait until some disk has the call, at most ``within_s`` seconds."""
        try:
            await in_thread(self._ledger.settle, within_s)
        except TicketError as exc:
            logger.exception("call not recorded", extra={"error": type(exc).__name__})

    async def _commit(self, event: Event) -> Spoken:
        async with self._lock:
            await self._remember()
            spoken = await self._take(event)
        return await self._announce(spoken)

    async def _remember(self) -> None:
        """Before the first event: take in what the store knows of the caller, if it is there."""
        if self._recalling is None or self._recalled or self._closed:
            return
        self._recalled = True
        known = Recalled()
        done, _ = await asyncio.wait({self._recalling}, timeout=RECALL_WITHIN_S)
        if done and not self._recalling.cancelled() and self._recalling.exception() is None:
            known = self._recalling.result()
        self._state = advance(self._state, known, self._now()).state

    async def _take(self, event: Event) -> Spoken:
        """Advance by one event; the lock is held. After the end of the call nothing changes."""
        if self._closed:
            return Spoken(Step(self._state, (), end=True), "")
        step = advance(self._state, event, self._now())
        self._noted, self._early = self._state, None
        step = await self._effects.run_all(step, self._advance, self._let_be_heard)
        self._state = step.state
        await self._journal(self._noted, step.state)
        return self._say(step)

    def _advance(self, state: FlowState, event: Event) -> Step:
        return advance(state, event, self._now())

    async def _let_be_heard(self, step: Step, wait: bool) -> bool:
        """Let what is known so far be heard before a slow effect; whether somebody speaks it."""
        if wait:  # the effect may take the caller away
            await self._journal(self._noted, step.state)
            self._noted = step.state
            self._early = (complaints(step.state), step.state.intent or Intent.COMPLAINT)
        if self.speak_first is None:
            return False
        first = Step(step.state, step.say, uninterruptible=step.uninterruptible)
        words = Spoken(first, self._words(first))
        if not await self.speak_first(words, wait):
            return False
        if self._observer is not None:
            self._observer.asked(first, words.text)
        return True

    async def _announce(self, spoken: Spoken) -> Spoken:
        async with self._committed:
            self._last = spoken
            self._commits += 1
            self._committed.notify_all()
        return spoken

    async def _journal(self, before: FlowState, after: FlowState) -> None:
        """Sync what this turn added. A full disk must not end the call: filing decides that."""
        try:
            if after.consent is not before.consent:
                version = self._scripts[TAMIL].wording(self._opening.say)
                await in_thread(self._ledger.consent, after.consent, version=version)
            told = (complaints(after), after.intent or Intent.COMPLAINT)
            if not after.filed and told != self._early:
                await in_thread(self._ledger.note, *told)
        except TicketError as exc:
            logger.warning("turn not journalled", extra={"error": type(exc).__name__})

    @property
    def _extractor(self) -> Extractor:
        if self._reader is None:
            raise RuntimeError("this call hears no words")
        return self._reader

    def _understand(self, text: str) -> UnderstoodTurn:
        return self._extractor.at_once(*self._asked(text))

    def _asked(self, text: str) -> tuple[str, Slot | None, TurnContext]:
        state = self._state
        context = TurnContext(
            place=state.place,
            categories=state.categories,
            phone_digits=state.digits + self.keyed_digits,
        )
        return unicodedata.normalize("NFC", text).strip(), state.expect, context

    def _say(self, step: Step) -> Spoken:
        spoken = Spoken(step, self._words(step))
        if self._observer is not None:
            self._observer.asked(step, spoken.text)
        return spoken

    def _words(self, step: Step) -> str:
        return self._script(step.state).text(step.say)

    def _script(self, state: FlowState) -> Script:
        return self._scripts.get(state.language) or self._scripts[TAMIL]
