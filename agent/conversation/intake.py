"""Intake: the one LiveKit agent. A thin shell that brings events to the dialogue.

Turns, silence, keys, notes and the clock go in; sentences come out through :class:`FlowLLM` (turns)
or ``session.say`` (everything the caller did not say a word for).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from livekit.agents import Agent, llm, stt

from agent.complaint import Slot, UnderstoodTurn
from agent.conversation.dialogue import Spoken
from agent.conversation.flow_llm import FlowLLM
from agent.conversation.keypad import ALONE_S, NUMBERS, WAITING, Keypad, Run
from agent.conversation.listening import Listening
from agent.conversation.speaking import Speaking
from agent.conversation.turn_end import waits
from agent.conversation.vigil import Due, Limits, Vigil
from agent.conversation.voice_note import kept_sound

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Coroutine

    from livekit import rtc
    from livekit.agents import (
        AgentSession,
        ErrorEvent,
        ModelSettings,
        SpeechCreatedEvent,
        UserStateChangedEvent,
    )
    from livekit.agents.voice import SpeechHandle

    from agent.conversation.dialogue import Dialogue
    from agent.settings import CallSettings

_TICK_S = 0.2
"""How often the clock of a call is looked at."""
_OFFERED_AFTER = 2
"""Silences after which key 1 asks for a call back (flows/manners.py)."""
_TYPED_KEYS = re.compile(r"[0-9*#]{1,12}")
HOLD_ON = "hold_on"
"""Prompt said when an answer takes long; a script may lack it."""
LISTENING = "listening"
"""Prompt said to a caller who thinks, before he is asked whether he is there."""
_MAYBE_SPOKE_S = 1.2
"""So long after a voice that left no words the caller is told that he was not heard."""


class Intake(Agent):
    """Takes one call from the notice to the last word."""

    def __init__(
        self, dialogue: Dialogue, settings: CallSettings, *, limits: Limits | None = None
    ) -> None:
        self.done = asyncio.Event()
        """Set when the last word of the call has been spoken."""
        self._dialogue = dialogue
        self._settings = settings
        self._limits = limits or Limits(settings.max_call_s)
        self._vigil = Vigil(self._limits, 0.0)
        self._keypad = Keypad()
        self._keys = asyncio.Lock()
        self._run = Run()
        self._speaking = Speaking(lambda: self.session)
        self._listening = Listening(
            dialogue,
            self._speaking,
            begins_number=self._tune_to,
            settled=self._settle,
            unread=self._on_unread,
        )
        self._handle: SpeechHandle | None = None
        self._committing = self._ending_note = False
        self._encouraged = False
        """He was told since his last turn that we listen."""
        self._over_noise = False
        """The next reply is to a line that does not fall silent: only words stop it."""
        self._work: set[asyncio.Task[None]] = set()
        self._ticking: asyncio.Task[None] | None = None
        self._flow_llm = FlowLLM(
            dialogue,
            spoken_input=self._spoken_input,
            commit_typed=self._commit_typed,
            on_speak=self._on_speak,
        )
        super().__init__(instructions="", llm=self._flow_llm)

    @property
    def dialogue(self) -> Dialogue:
        """The conversation behind this agent."""
        return self._dialogue

    # -- the session's hooks -----------------------------------------------------------------

    async def on_enter(self) -> None:
        """Speak the notice at once; slow work comes after."""
        self.session.on("speech_created", self._on_speech_created)
        self.session.on("user_state_changed", self._on_user_state)
        self.session.on("error", self._on_error)
        self._dialogue.speak_first = self._speak_first
        self._dialogue.before_close = self._hang_up
        self._vigil = Vigil(self._limits, _now())
        self._ticking = asyncio.create_task(self._watch_clock(), name="call clock")
        greeting = self._dialogue.greet()
        self._tune(greeting)
        self._speaking.call_into_the_line(greeting.text)  # who calls from a market hears it too

    async def on_exit(self) -> None:
        """Wait for what was begun: a half-stored turn is worse than a late one."""
        self.session.off("speech_created", self._on_speech_created)
        self.session.off("user_state_changed", self._on_user_state)
        self.session.off("error", self._on_error)
        self._dialogue.speak_first = None
        self._stop_clock()
        if self._work:
            await asyncio.gather(*self._work, return_exceptions=True)

    async def stt_node(
        self, audio: AsyncIterable[rtc.AudioFrame], model_settings: ModelSettings
    ) -> AsyncIterator[stt.SpeechEvent]:
        """What the ears make of the caller's sound, sifted."""

        async def tapped() -> AsyncIterator[rtc.AudioFrame]:
            async for frame in audio:
                self._listening.sound(frame)
                yield frame

        ears = Agent.default.stt_node(self, tapped(), model_settings)
        async with contextlib.aclosing(ears) as events:
            async for event in events:
                sifted = self._listening.sift(event)
                over = event.type is stt.SpeechEventType.END_OF_SPEECH
                if over and not self._committing and not self._listening.words:
                    self._vigil.answered()  # what has no words needs no answer
                if sifted is not None:
                    yield sifted

    async def on_user_turn_completed(
        self,
        turn_ctx: llm.ChatContext,
        new_message: llm.ChatMessage,
    ) -> None:
        """The turn is final: make it durable before LiveKit lets a word of the reply out."""
        words = new_message.raw_text_content or ""
        self._listening.turn_taken()
        self._keypad.forget()
        self._vigil.owe(_now())
        if words.strip():
            self._progressed()
        self._committing = True
        try:
            await self._keep_note()
            await self._dialogue.commit(words)
        finally:
            self._committing = False
        self._flow_llm.committed_message = new_message.id

    # -- what happens without words ----------------------------------------------------------

    async def silence(self) -> None:
        """The caller has said nothing for the limit."""
        if self.done.is_set():
            return
        self._vigil.silenced(_now())
        if self._dialogue.state.expect is Slot.VOICE_NOTE:
            await self._end_note()
        else:
            self._speak(await self._dialogue.silence())

    def _on_unread(self, sure: bool) -> None:
        self._own(self.not_heard() if sure else self._not_heard_unless_he_goes_on())

    async def _not_heard_unless_he_goes_on(self) -> None:
        """A voice left no words: a cough, or an answer on a bad line. Who says more is heard."""
        since = self._vigil.progress
        await asyncio.sleep(_MAYBE_SPOKE_S)
        now = _now()
        if self._vigil.progress != since or self._vigil.owed or not self._speaking.is_quiet:
            return
        if self._vigil.may_be_silent(now):  # a dog that barks on counts no faster than silence
            self._vigil.silenced(now)
            await self.not_heard()

    async def not_heard(self) -> None:
        """The caller spoke and the ears could not make words of it: say so, ask again."""
        if not self.done.is_set() and self._dialogue.state.expect is not Slot.VOICE_NOTE:
            self._speak(await self._dialogue.commit_turn(UnderstoodTurn(text="")))

    async def key(self, digit: str) -> None:
        """The caller pressed a key; the next key waits until this one is dealt with."""
        run = self._run.add(digit, _now())
        asked = self._dialogue.state.expect in NUMBERS
        if digit in WAITING and not asked and len(run) == 1:
            await asyncio.sleep(ALONE_S)  # "9" alone is danger, the first of ten digits is not
            if self._run.keys != digit:
                return
        async with self._keys:
            if self.done.is_set():
                return
            self._progressed()
            state = self._dialogue.state
            if digit == "#" and state.expect is Slot.VOICE_NOTE:
                await self._end_note()
                return
            turn = self._turn_of(digit, run, asked=asked)
            self._dialogue.keyed_digits = self._keypad.digits
            if turn is None:
                return
            self._run.end()
            await self._keep_note()
            self._vigil.owe(_now())
            await self._speaking.fall_silent(force=turn.emergency)
            self._speak(await self._dialogue.commit_turn(turn))

    def _turn_of(self, digit: str, run: str, *, asked: bool) -> UnderstoodTurn | None:
        state = self._dialogue.state
        if len(run) > 1 and not asked:
            return self._run.number(state.expect)
        offered = "1" if state.unheard >= _OFFERED_AFTER else ""
        return self._keypad.press(digit, state.expect, state.digits, offered)

    def press(self, digit: str) -> None:
        """The same for event handlers that cannot wait; the work is owned by this agent."""
        self._own(self.key(digit))

    async def _commit_typed(self, line: str) -> Spoken:
        """Who types "1" or a number means keys; a line that is no answer by key is words."""
        spoken = None
        keys = line.strip()
        number = len(keys) > 1 and self._dialogue.state.expect not in NUMBERS
        if _TYPED_KEYS.fullmatch(keys) and not number:  # a number is one: its 9 cries no danger
            for key in keys:
                state = self._dialogue.state
                turn = self._keypad.press(key, state.expect, state.digits)
                self._dialogue.keyed_digits = self._keypad.digits
                if turn is not None:
                    spoken = await self._dialogue.commit_turn(turn)
        return spoken or await self._dialogue.commit(line)

    # -- the spoken note ---------------------------------------------------------------------

    async def _end_note(self) -> None:
        """The note is over: keep it, then go on."""
        if self._ending_note:
            return
        self._ending_note = True
        try:
            seconds = await self._keep_note()
            if seconds:
                self._progressed()
            self._vigil.owe(_now())
            self._speak(await self._dialogue.note_over(seconds))
        finally:
            self._ending_note = False

    async def _keep_note(self) -> float:
        """Stop recording; the seconds of speech that are kept."""
        note = self._listening.take_note()
        keep = self._dialogue.services.keep_note
        if note is None or keep is None:
            return 0.0
        sound = kept_sound(note)
        return sound.seconds if sound.pcm and await keep(sound.pcm) else 0.0

    async def _hang_up(self) -> None:
        """The call is about to be closed: what was said of a note still counts."""
        self._stop_clock()
        if self._listening.noting and (seconds := await self._keep_note()):
            await self._dialogue.note_over(seconds)

    # -- the clock ---------------------------------------------------------------------------

    async def _watch_clock(self) -> None:
        while not self.done.is_set():
            await asyncio.sleep(_TICK_S)
            quiet = self._speaking.is_quiet and not self._listening.noting
            for due in self._vigil.due(_now(), quiet=quiet):
                self._own(self._do(due))
            if self._listening.note_is_over:
                self._own(self._end_note())

    async def _do(self, due: Due) -> None:
        match due:
            case Due.HOLD:
                self._speaking.hold_on(self._dialogue.sentence(HOLD_ON))
            case Due.ENOUGH:
                self._take_turn_in_noise()
            case Due.SHORT:
                self._speak(await self._dialogue.time_short())
            case Due.OVER:
                await self._say_good_bye()
            case Due.SILENCE if self._spoken_input():
                await self._call_into_the_line()

    async def _say_good_bye(self) -> None:
        """The longest time of a call is over, whatever the flow makes of it."""
        await self._keep_note()
        await self._speaking.fall_silent(force=True)
        spoken = await self._dialogue.time_short(over=True)
        self._speak(Spoken(replace(spoken.step, end=True), spoken.text))

    def _settle(self, so: bool) -> None:
        self._vigil.settled(_now(), so=so)

    def _take_turn_in_noise(self) -> None:
        """The answer is there, only the line does not fall silent: answer over the noise."""
        if self._listening.words and not self._committing:
            self._over_noise = True
            self.session.commit_user_turn()

    async def _call_into_the_line(self) -> None:
        """Nothing of the caller for a minute but noise, or a story without an end."""
        self._vigil.silenced(_now())
        if self._vigil.owed:
            return
        if self._listening.words:
            self._take_turn_in_noise()
            return
        await self._speaking.fall_silent(force=True)
        if self._dialogue.state.expect is Slot.VOICE_NOTE:
            await self._end_note()
            return
        spoken = await self._dialogue.silence()
        self._tune(spoken)
        self._finish_if_over(spoken, self._speaking.call_into_the_line(spoken.text))

    def _progressed(self) -> None:
        self._vigil.progressed(_now())
        self._encouraged = False

    def _stop_clock(self) -> None:
        if self._ticking is not None:
            self._ticking.cancel()

    # -- speaking ----------------------------------------------------------------------------

    def _speak(self, spoken: Spoken) -> None:
        """Say something that is no reply to a turn of speech."""
        self._tune(spoken)
        handle = self._speaking.say(spoken.text, protected=spoken.step.uninterruptible)
        self._finish_if_over(spoken, handle)

    async def _speak_first(self, spoken: Spoken, wait: bool) -> bool:
        """Say what must be heard while a slow effect of the same commit runs."""
        if not self._spoken_input() or self.done.is_set():
            return False
        text, protected = spoken.text, spoken.step.uninterruptible
        if wait:
            return await self._speaking.say_and_wait(text, protected=protected)
        return self._speaking.say(text, protected=protected) is not None

    def _on_speak(self, spoken: Spoken) -> None:
        """FlowLLM is about to hand over a reply."""
        self._tune(spoken)
        handle, over_noise = self._handle, self._over_noise
        self._over_noise = False
        if handle is not None and not handle.interrupted:
            if spoken.step.uninterruptible:
                handle.allow_interruptions = False
            elif over_noise:
                self._speaking.insist(handle)
        self._finish_if_over(spoken, handle)

    def _finish_if_over(self, spoken: Spoken, handle: SpeechHandle | None) -> None:
        """The call ends with the last word, or at once when nobody says it."""
        if spoken.step.end and handle is not None:
            handle.add_done_callback(lambda _: self.done.set())
        elif spoken.step.end:
            self.done.set()

    def _tune(self, spoken: Spoken) -> None:
        """A step is taken: nothing is owed any more, and the next answer is waited for."""
        self._vigil.answered()
        if spoken.step.expect is Slot.VOICE_NOTE and self._spoken_input():
            if not self._listening.noting:
                self._listening.begin_note()
        elif self._listening.noting:
            self._listening.take_note()
        self._tune_to(False)

    def _tune_to(self, number_begun: bool) -> None:
        """How long to wait after the caller stops depends on what was asked, and on what came."""
        expect = self._dialogue.state.expect
        shortest, longest = waits(expect, self._settings, number_begun=number_begun)
        self.session.update_options(endpointing_opts={"min_delay": shortest, "max_delay": longest})

    def _spoken_input(self) -> bool:
        session: AgentSession[Any] = self.session
        return session.input.audio is not None and session.input.audio_enabled

    # -- events ------------------------------------------------------------------------------

    def _on_speech_created(self, event: SpeechCreatedEvent) -> None:
        if event.source == "generate_reply":  # what ``say`` speaks is no reply of the flow's
            self._handle = event.speech_handle

    def _on_user_state(self, event: UserStateChangedEvent) -> None:
        self._listening.voice(speaking=event.new_state == "speaking")
        if event.new_state == "away":
            self._own(self._on_away())
        elif event.new_state == "speaking":
            if not self._committing:
                self._vigil.answered()
        elif self._listening.undecoded:
            self._vigil.owe(_now())

    def _on_error(self, event: ErrorEvent) -> None:
        if isinstance(event.error, stt.STTError):
            self._own(self.not_heard())

    async def _on_away(self) -> None:
        if not self._spoken_input():
            return  # who types may think as long as he likes
        # Counts as activity, so that the clock starts again after our own sentence.
        self.session.reset_away_timer()
        if not self._vigil.may_be_silent(_now()) or self._vigil.owed or self.done.is_set():
            return
        if not self._encouraged and self._dialogue.state.expect is not Slot.VOICE_NOTE:
            self._encouraged = True
            if self._speaking.say(self._dialogue.sentence(LISTENING)) is not None:
                return
        await self.silence()

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)


def _now() -> float:
    return asyncio.get_running_loop().time()
