"""One conversation in sound: a caller who waits for the agent to fall silent, then speaks.

The caller reacts 0.3 to 0.6 s after the agent's last sound, as people do (a speaker change on the
telephone takes about 0.2 s, plus the thought). He speaks over it only where his script says so, and
then murmurs or begins to answer early (agent/callers/overlap.py). The answer's delay is measured on
the two waveforms, not from events.
"""

from __future__ import annotations

import asyncio
import random
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.callers.audio_io import LINE_RATE, AgentLine, CallerLine
from agent.callers.clock import WallClock
from agent.callers.keypresses import press_keys
from agent.callers.measures import Trace, audible_spans
from agent.callers.overlap import Manners, Overlap
from agent.callers.play_typed import MAX_TURNS
from agent.callers.watch import Ask, exchange_of

if TYPE_CHECKING:
    from livekit.agents import AgentSession

    from agent.callers.clock import Clock
    from agent.callers.played import Exchange, Listener
    from agent.callers.scripted_caller import Utterance
    from agent.callers.speakers import Speaker
    from agent.callers.watch import CallWatch
    from agent.complaint import Call
    from agent.conversation.intake import Intake

REACTION_S = (0.3, 0.6)
"""How long a caller waits after the agent's last sound."""
STUCK_AFTER_S = 30.0
"""A caller who hears nothing for this long hangs up: several times the agent's own patience."""
VOICELESS_AFTER_S = 4.0
"""Words that have not become sound by now never will; the caller answers all the same."""
_STEP_S = 0.02


@dataclass(slots=True)
class _Pending:
    """The exchange that is not over: what the agent answers decides its last fields."""

    ask: Ask
    said: Utterance
    voice_ended_at: float | None
    """None: the caller stayed silent."""
    turns_before: int
    cut_off: bool


class _Over(Exception):
    """The line is closed; the message says how."""


class SpokenConversation:
    """Talks through the two lines until somebody hangs up. For one call."""

    def __init__(
        self,
        session: AgentSession[Call],
        intake: Intake,
        watch: CallWatch,
        speaker: Speaker,
        listener: Listener | None,
        manners: Manners | None = None,
    ) -> None:
        """Take a session with sound, not yet started, the observer it has, and the caller."""
        self._session = session
        self._intake = intake
        self._watch = watch
        self._speaker = speaker
        self._listener = listener
        self._manners = manners or Manners()
        self._clock: Clock = WallClock()
        self._pending: _Pending | None = None
        self._answered = 0
        self._shown = 0
        self._shown_turns = 0
        self._closed = False
        self._began_at = 0.0
        self._chosen: list[float] = []
        self._pressed: list[tuple[float, float]] = []
        self._ended_at = 0.0

    async def run(self, exchanges: list[Exchange], *, seed: str, speed: float) -> str:
        """Talk to the end; ``exchanges`` is filled as it goes.

        Returns:
            How the call ended, as far as the caller can tell.
        """
        number = zlib.crc32(seed.encode())
        self._reaction = random.Random(number)
        self._speed = speed
        self._exchanges = exchanges
        self._caller_line = CallerLine(
            self._clock, speed=speed, seed=number, effects=self._manners.effects
        )
        self._session.on("close", lambda _: self._note_close())
        async with AgentLine(self._clock, speed=speed) as self._agent_line:
            self._session.input.audio = self._caller_line
            self._session.output.audio = self._agent_line
            self._overlap = Overlap(
                self._manners, self._clock, number, speed=speed, agent_line=self._agent_line
            )
            self._began_at = self._clock.now()
            try:
                await self._session.start(self._intake, record=False)
                return await self._talk()
            except _Over as over:
                return str(over)
            finally:
                self._close_pending()
                self._ended_at = self._clock.now()
                self._caller_line.hang_up()

    @property
    def greeting_s(self) -> float | None:
        """Wall seconds from answering to the agent's first sound."""
        first = self._agent_line.first_sound_after(self._began_at)
        return None if first is None else round(first - self._began_at, 3)

    def trace(self) -> Trace:
        """When who was heard, once the call is over."""
        return Trace(
            self._began_at,
            self._ended_at,
            audible_spans(self._agent_line.track, self._speed),
            (*self._caller_line.spoken, *self._pressed),
            tuple(self._chosen),
            tuple(self._overlap.barge_ins),
            tuple(self._overlap.murmurs),
            self._speed,
            tuple(ask.at for ask in self._watch.asks),
        )

    async def _talk(self) -> str:
        for _ in range(MAX_TURNS):
            ask = await self._next_question()
            self._close_pending()
            said = None if ask.end else self._speaker.respond(ask.slot)
            if said is None:
                self._exchanges.append(exchange_of(ask, self._began_at))
                return self._intake.dialogue.state.outcome if ask.end else "hung_up"
            if said.hangs_up and not said.text:
                self._exchanges.append(exchange_of(ask, self._began_at))
                return "hung_up"
            await self._say(ask, said)
            if said.hangs_up:
                return "hung_up"
        return "too_long"

    async def _say(self, ask: Ask, said: Utterance) -> None:
        if self._listener is not None:
            self._listener.caller_speaks(self._clock.now() - self._began_at, said)
        pending = self._pending = _Pending(ask, said, None, len(self._watch.turns), cut_off=False)
        if said.keys:
            began = self._clock.now()
            await press_keys(self._intake, said.keys, speed=self._speed)
            self._pressed.append((began, self._clock.now()))
            return
        sound = self._speaker.sound(said) if said.text else None
        if sound is None or not sound.size:
            self._chosen.append(self._clock.now())
            return
        talked_over = self._agent_line.busy
        self._caller_line.say(sound)
        if said.hangs_up:
            await self._hang_up_within(len(sound) / LINE_RATE / self._speed)
            return
        ended_at = await self._caller_line.wait_said()
        early = len(self._watch.asks) > self._answered
        pending.cut_off = early and not talked_over
        if not (talked_over and (early or self._agent_line.busy)):
            pending.voice_ended_at = ended_at

    async def _hang_up_within(self, seconds: float) -> None:
        """Cut the line in the middle of an utterance that takes so many wall seconds."""
        began = self._clock.now()
        await self._pass(seconds / 2)
        self._caller_line.hang_up()
        self._caller_line.spoken.append((began, self._clock.now()))

    async def _next_question(self) -> Ask:
        """Wait until it is the caller's turn.

        The agent has said something new and has fallen silent long enough, or the caller does not
        wait for that.
        """
        while True:
            hears_out = await self._until_silent()
            seen = len(self._watch.asks)
            if self._watch.asks[-1].end or not hears_out:
                break
            low, high = REACTION_S
            await self._pass(self._reaction.uniform(low, high) / self._speed)
            if len(self._watch.asks) == seen and self._is_silent():
                break
        self._answered = len(self._watch.asks)
        return self._watch.asks[-1]

    async def _until_silent(self) -> bool:
        """Wait for the end of the agent's new words; False when the caller breaks in on them."""
        waiting_since = self._clock.now()
        while True:
            if self._closed:
                raise _Over("error")
            self._show()
            if self._agent_line.busy:
                waiting_since = self._clock.now()
            if len(self._watch.asks) > self._answered:
                self._overlap.murmur(self._watch.asks[-1], self._caller_line)
                if self._overlap.interrupts(self._watch.asks[-1]):
                    return False
            if self._has_spoken() and self._is_silent():
                return True
            if self._clock.now() - waiting_since > STUCK_AFTER_S:
                raise _Over("stuck")
            await self._pass(_STEP_S)

    def _has_spoken(self) -> bool:
        """Whether the agent's latest words are new and have sounded (or never will)."""
        asks = self._watch.asks
        if len(asks) <= self._answered or not (asks[-1].text or asks[-1].end):
            return False
        if self._agent_line.first_sound_after(asks[-1].at) is not None:
            return not asks[-1].end or self._intake.done.is_set()
        return self._clock.now() - asks[-1].at > VOICELESS_AFTER_S

    def _is_silent(self) -> bool:
        return (
            not self._agent_line.busy
            and self._session.current_speech is None
            and self._session.agent_state in ("listening", "idle")
        )

    def _delay(self) -> float | None:
        """Wall seconds from the end of the caller's voice to the agent's first sound."""
        pending = self._pending
        if pending is None or pending.voice_ended_at is None or pending.cut_off:
            return None
        if len(self._watch.turns) <= pending.turns_before:
            return None  # the agent spoke because of the silence, not because of the turn
        first = self._agent_line.first_sound_after(pending.voice_ended_at)
        return None if first is None else round(first - pending.voice_ended_at, 3)

    def _close_pending(self) -> None:
        """Keep the exchange that is now over."""
        pending = self._pending
        if pending is None:
            return
        heard = " ".join(filter(None, self._watch.turns[pending.turns_before :]))
        exchange = exchange_of(
            pending.ask,
            self._began_at,
            pending.said,
            heard=heard or None,
            delay_s=self._delay(),
            cut_off=pending.cut_off,
        )
        self._exchanges.append(exchange)
        self._pending = None

    def _show(self) -> None:
        """Tell the listener what has happened since the last time."""
        if self._listener is None:
            return
        watch, pending = self._watch, self._pending
        for heard in watch.turns[self._shown_turns :]:
            self._shown_turns += 1
            if pending is not None:
                self._listener.agent_heard(pending.said, heard)
        for ask in watch.asks[self._shown :]:
            if ask.text and self._agent_line.first_sound_after(ask.at) is None:
                return
            self._shown += 1
            self._listener.agent_speaks(exchange_of(ask, self._began_at), self._delay())
        if numbers := watch.take_numbers():
            self._listener.tickets_filed(numbers)

    async def _pass(self, seconds: float) -> None:
        await self._clock.sleep_until(self._clock.now() + seconds)
        await asyncio.sleep(0)

    def _note_close(self) -> None:
        self._closed = True
