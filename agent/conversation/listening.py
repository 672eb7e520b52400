"""What comes in from the caller before the session sees it: transcripts sifted, notes recorded.

Sits in the agent's STT node, between the ears and LiveKit: nods over the agent's voice and words
over a ticket number are taken out, an emergency lets itself in, and while a spoken note is recorded
the sound is kept whatever becomes of the words.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from livekit.agents import stt

from agent.conversation.overlap import Overlap, judge
from agent.conversation.turn_end import OPEN
from agent.conversation.voice_note import VoiceNote

if TYPE_CHECKING:
    from collections.abc import Callable

    from livekit import rtc

    from agent.conversation.dialogue import Dialogue
    from agent.conversation.speaking import Speaking

_Type = stt.SpeechEventType
_GARBLED = frozenset({"not_said", "loop", "runaway", "too_fast", "script"})
"""Reasons of the ears (agent/speech/transcript.py, ``DropReason``) that tell of a voice whose words
are lost; the others tell of noise."""
_WORDS = frozenset({_Type.INTERIM_TRANSCRIPT, _Type.PREFLIGHT_TRANSCRIPT, _Type.FINAL_TRANSCRIPT})


class Listening:
    """The incoming side of one call.

    Args:
        dialogue: reads words, without a trace.
        speaking: the outgoing side.
        begins_number: is told whether the latest words begin a number.
        settled: is told whether the words of the turn so far answer a question that takes no story.
        unread: is told of a voice of which no words are left: True = somebody spoke, the ears could
            not make words of it; False = it may have been a cough.
    """

    def __init__(
        self,
        dialogue: Dialogue,
        speaking: Speaking,
        begins_number: Callable[[bool], None],
        settled: Callable[[bool], None],
        unread: Callable[[bool], None],
    ) -> None:
        self._dialogue = dialogue
        self._agent = speaking
        self._begins_number = begins_number
        self._settled = settled
        self._unread = unread
        self._turn: list[str] = []
        self._over_agent = False
        self._note: VoiceNote | None = None
        self._noting = False
        self._speaking = False
        self.undecoded = False
        """An utterance has begun whose words are not all known."""

    @property
    def words(self) -> bool:
        """Whether words were heard that no turn has taken."""
        return bool(self._turn)

    def turn_taken(self) -> None:
        """A turn took the words heard so far."""
        self._turn.clear()

    @property
    def noting(self) -> bool:
        """Whether a note is being recorded."""
        return self._noting

    @property
    def note_is_over(self) -> bool:
        """Whether the note has come to its end."""
        return self._note is not None and self._note.over

    def begin_note(self) -> None:
        """Record from now on."""
        self._noting, self._note = True, None

    def take_note(self) -> VoiceNote | None:
        """Stop recording; what was recorded, None when no sound came at all."""
        note, self._note, self._noting = self._note, None, False
        return note

    def voice(self, *, speaking: bool) -> None:
        """The caller began to speak, or fell silent."""
        self._speaking = speaking
        if self._note is not None:
            self._note.voice(speaking=speaking)

    def sound(self, frame: rtc.AudioFrame) -> None:
        """The next sound of the caller's line, any rate; of several channels the first counts."""
        if not self._noting:
            return
        if self._note is None or self._note.sample_rate != frame.sample_rate:
            self._note = VoiceNote(frame.sample_rate)
            self._note.voice(speaking=self._speaking)
        samples = np.frombuffer(frame.data, np.int16)[:: frame.num_channels].copy()
        self._note.hear(samples, prompting=self._agent.floor.speaking)

    def sift(self, event: stt.SpeechEvent) -> stt.SpeechEvent | None:
        """What the session gets of an event; None for nothing.

        A final transcript always passes, if need be without its words: a flush waits for it.
        """
        if event.type is _Type.START_OF_SPEECH:
            self.undecoded = True
            self._over_agent = self._agent.floor.speaking
        elif event.type is _Type.END_OF_SPEECH:
            self.undecoded = False
        elif event.type in _WORDS and event.alternatives and event.alternatives[0].text.strip():
            return self._sifted(event)
        elif event.type is _Type.FINAL_TRANSCRIPT and event.alternatives:
            self._wordless(event.alternatives[0].metadata or {})
        return event

    def _wordless(self, metadata: dict[str, Any]) -> None:
        dropped = metadata.get("dropped", ())
        if dropped and not (self._turn or self._noting or self._over_agent):
            self._unread(not _GARBLED.isdisjoint(dropped))

    def _sifted(self, event: stt.SpeechEvent) -> stt.SpeechEvent | None:
        text = event.alternatives[0].text
        floor, expect = self._agent.floor, self._dialogue.state.expect
        danger = (floor.protected or self._noting) and self._dialogue.is_new_danger(text)
        verdict = judge(
            text,
            over_agent=self._over_agent,
            agent_done=not floor.speaking,
            protected=floor.protected,
            emergency=danger,
            expect=expect,
        )
        if verdict is Overlap.IGNORE or (self._noting and not danger):
            return _without_words(event) if event.type is _Type.FINAL_TRANSCRIPT else None
        if verdict is Overlap.BREAK_IN or floor.speaking:
            self._agent.give_way()
        if event.type is _Type.FINAL_TRANSCRIPT:
            self._turn.append(text)
            self._begins_number(self._dialogue.begins_number(text))
            short = expect is not None and expect not in OPEN
            self._settled(short and self._dialogue.is_answered_by(" ".join(self._turn)))
        return event


def _without_words(event: stt.SpeechEvent) -> stt.SpeechEvent:
    said = replace(event.alternatives[0], text="", words=None)
    return replace(event, alternatives=[said])
