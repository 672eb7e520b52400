"""Intake: the one LiveKit agent. A thin shell that brings events to the dialogue.

Turns, silence and keys go in; sentences come out through :class:`FlowLLM` (turns) or
``session.say`` (everything the caller did not say a word for).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from livekit.agents import Agent, llm, stt

from agent.complaint import Slot, UnderstoodTurn
from agent.conversation.flow_llm import FlowLLM
from agent.conversation.keypad import Keypad

if TYPE_CHECKING:
    from livekit.agents import AgentSession, ErrorEvent, SpeechCreatedEvent, UserStateChangedEvent
    from livekit.agents.voice import SpeechHandle

    from agent.conversation.dialogue import Dialogue, Spoken
    from agent.settings import CallSettings

logger = logging.getLogger(__name__)

_OPEN = frozenset({Slot.COMPLAINT, Slot.LANDMARK, Slot.CORRECTION})
_NUMBERS = frozenset({Slot.PHONE, Slot.TICKET})


def waits(expect: Slot | None, settings: CallSettings) -> tuple[float, float]:
    """Shortest and longest wait, in seconds, after the caller stops.

    The shortest is for words that answer the question, the longest for words that do not yet.
    """
    shortest, longest = settings.min_endpointing_s, settings.max_endpointing_s
    if expect in _OPEN:
        shortest = settings.story_endpointing_s
    elif expect in _NUMBERS:
        longest = settings.digits_endpointing_s
    return shortest, max(shortest, longest)


class Intake(Agent):
    """Takes one call from the notice to the last word."""

    def __init__(self, dialogue: Dialogue, settings: CallSettings) -> None:
        self.done = asyncio.Event()
        """Set when the last word of the call has been spoken."""
        self._dialogue = dialogue
        self._settings = settings
        self._keypad = Keypad()
        self._handle: SpeechHandle | None = None
        self._work: set[asyncio.Task[None]] = set()
        self._flow_llm = FlowLLM(dialogue, spoken_input=self._spoken_input, on_speak=self._on_speak)
        super().__init__(instructions="", llm=self._flow_llm)

    @property
    def dialogue(self) -> Dialogue:
        """The conversation behind this agent."""
        return self._dialogue

    async def on_enter(self) -> None:
        """Speak the notice at once; slow work comes after."""
        self.session.on("speech_created", self._on_speech_created)
        self.session.on("user_state_changed", self._on_user_state)
        self.session.on("error", self._on_error)
        self._speak(self._dialogue.greet())

    async def on_exit(self) -> None:
        """Wait for what was begun: a half-stored turn is worse than a late one."""
        self.session.off("speech_created", self._on_speech_created)
        self.session.off("user_state_changed", self._on_user_state)
        self.session.off("error", self._on_error)
        if self._work:
            await asyncio.gather(*self._work, return_exceptions=True)

    async def on_user_turn_completed(
        self,
        turn_ctx: llm.ChatContext,
        new_message: llm.ChatMessage,
    ) -> None:
        """The turn is final: make it durable before LiveKit lets a word of the reply out."""
        await self._dialogue.commit(new_message.raw_text_content or "")
        self._flow_llm.committed_message = new_message.id

    async def silence(self) -> None:
        """The caller has said nothing for the limit."""
        if not self.done.is_set():
            self._speak(await self._dialogue.silence())

    async def not_heard(self) -> None:
        """The caller spoke and the ears could not make words of it: say so, ask again."""
        if not self.done.is_set():
            self._speak(await self._dialogue.commit_turn(UnderstoodTurn(text="")))

    async def key(self, digit: str) -> None:
        """The caller pressed a key."""
        turn = self._keypad.press(digit, self._dialogue.state.expect)
        if turn is not None and not self.done.is_set():
            await self.session.interrupt()
            self._speak(await self._dialogue.commit_turn(turn))

    def press(self, digit: str) -> None:
        """The same for event handlers that cannot wait; the work is owned by this agent."""
        self._own(self.key(digit))

    def _speak(self, spoken: Spoken) -> None:
        """Say something that is no reply to a turn of speech."""
        self._tune(spoken)
        if not spoken.text:
            return
        handle = self.session.say(spoken.text, allow_interruptions=not spoken.step.uninterruptible)
        self._finish_with(handle, spoken)

    def _on_speak(self, spoken: Spoken) -> None:
        """FlowLLM is about to hand over a reply."""
        self._tune(spoken)
        handle = self._handle
        if handle is None:
            return
        if spoken.step.uninterruptible and not handle.interrupted:
            handle.allow_interruptions = False
        self._finish_with(handle, spoken)

    def _finish_with(self, handle: SpeechHandle, spoken: Spoken) -> None:
        if spoken.step.end:
            handle.add_done_callback(lambda _: self.done.set())

    def _tune(self, spoken: Spoken) -> None:
        """How long to wait after the caller stops depends on what was asked."""
        shortest, longest = waits(spoken.step.expect, self._settings)
        self.session.update_options(endpointing_opts={"min_delay": shortest, "max_delay": longest})

    def _spoken_input(self) -> bool:
        session: AgentSession[Any] = self.session
        return session.input.audio is not None and session.input.audio_enabled

    def _on_speech_created(self, event: SpeechCreatedEvent) -> None:
        self._handle = event.speech_handle

    def _on_user_state(self, event: UserStateChangedEvent) -> None:
        if event.new_state == "away":
            self._own(self._on_away())

    def _on_error(self, event: ErrorEvent) -> None:
        if isinstance(event.error, stt.STTError):
            self._own(self.not_heard())

    async def _on_away(self) -> None:
        if not self._spoken_input():
            return  # who types may think as long as he likes
        # Counts as activity, so that the clock starts again after our own sentence.
        self.session.reset_away_timer()
        await self.silence()

    def _own(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._work.add(task)
        task.add_done_callback(self._work.discard)
