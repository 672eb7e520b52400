"""One call from script to report: a voice for the caller, the call itself, its rows, its marks."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from agent.callers.caller_voice import (
    BACKCHANNEL,
    Manner,
    manner_of,
    render_all,
    render_babble,
)
from agent.callers.grading import Said, grade
from agent.callers.line_effects import effects_of
from agent.callers.outcome import left_by
from agent.callers.overlap import Manners
from agent.callers.play import Playing, play_call
from agent.callers.report import CallReport
from agent.callers.scripted_caller import all_texts
from agent.callers.speakers import RecordedSpeaker, ScriptedSpeaker, Speaker
from agent.complaint import Slot
from agent.speech.voice import VoiceClient

if TYPE_CHECKING:
    from agent.callers.caller_voice import Speaks
    from agent.callers.isolation import Stores
    from agent.callers.played import Listener, PlayedCall
    from agent.callers.script_file import ScriptedCall
    from agent.callers.scripted_caller import Utterance
    from agent.callers.sources import CallSource

_CLOCKS_DIFFER = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Task:
    """One call to play."""

    source: CallSource
    speed: float = 1.0
    """Pace of the line."""
    voice: str | None = None
    """Of a scripted caller; None: that of the script, or one never trained on, by call."""
    database: str | None = None
    """URL of the database of this pass; None for that of the run."""
    turn: int = 1
    """Which time the caller is played, from 1."""


class Player:
    """Plays calls one after another with the parts of one process; not shared between threads."""

    def __init__(self, stores: Stores, speaks: Speaks | None) -> None:
        """Take the open stores, and what speaks for callers; None: calls are typed."""
        self._stores = stores
        self._speaks = speaks

    @classmethod
    async def ready(cls, stores: Stores, *, audio: bool) -> Player:
        """Make a player with a connection of its own to the voice; close what it was given."""
        if not audio:
            return cls(stores, None)
        settings = stores.parts(None).settings
        token = settings.speech.token.get_secret_value()
        return cls(stores, VoiceClient(settings.voice_url, token))

    async def aclose(self) -> None:
        """Hang up on the voice."""
        if isinstance(self._speaks, VoiceClient):
            await self._speaks.aclose()

    async def play(self, task: Task, listener: Listener | None = None) -> CallReport:
        """Play one call and grade what it left.

        Raises:
            AgentError: the voice is gone, or the rows cannot be read.
        """
        script, clips = task.source.script, task.source.clips
        manner = manner_of(script, task.voice)
        speaker = await self._speaker(task.source, manner)
        manners = Manners()
        if self._speaks is not None and clips is None:
            manners = await self._manners(script, manner, self._speaks)
        playing = Playing(audio=self._speaks is not None, speed=task.speed, manners=manners)
        parts = self._stores.parts(task.database)
        played = await play_call(parts, script, speaker, playing, listener)
        since = (played.started_at or datetime.now(UTC)) - _CLOCKS_DIFFER
        left = await asyncio.to_thread(
            left_by, parts.store, played.call_id, script.caller, since, played.seeded
        )
        marks = {}
        if script.expected is not None:
            said = said_in(played, script)
            marks = grade(script.expected, left.rows, script.caller, said, left.traces)
        return CallReport(
            script.id, played, left.rows, marks, left.traces, flow_of(script), task.turn
        )

    async def _speaker(self, source: CallSource, manner: Manner) -> Speaker:
        if self._speaks is None:
            return ScriptedSpeaker(source.script)
        if source.clips is None:
            texts = all_texts(source.script)
            by_text = await render_all(self._speaks, texts, manner)
            return ScriptedSpeaker(source.script, by_text=by_text)
        if source.script.turn_slots:
            return ScriptedSpeaker(source.script, by_turn=source.clips)
        return RecordedSpeaker(source.clips)

    async def _manners(self, script: ScriptedCall, manner: Manner, speaks: Speaks) -> Manners:
        murmur = np.zeros(0, np.int16)
        if script.backchannels:
            murmur = (await render_all(speaks, [BACKCHANNEL], manner))[BACKCHANNEL]
        effects = None
        if script.line is not None:
            babble = await render_babble(speaks, script.line)
            # A street of twenty seconds takes 0.1 s to make: other calls must not wait for it.
            seed = zlib.crc32(script.id.encode())
            effects = await asyncio.to_thread(effects_of, script.line, babble, seed)
        return Manners(frozenset(script.interrupts), murmur, effects)


def flow_of(script: ScriptedCall) -> str:
    """Under what the report counts a call: the first word of its flow, else how it should end."""
    if script.flow.split():
        return script.flow.split()[0].lower()
    expected = script.expected
    if expected is None:
        return "ungraded"
    if expected.outcome is not None:
        return expected.outcome.value
    return expected.intent.value if expected.intent is not None else "other"


def said_in(played: PlayedCall, script: ScriptedCall) -> tuple[Said, ...]:
    """The turns by which the caller told something, as grading wants them."""
    return tuple(
        Said(word, exchange.said.text, exchange.heard)
        for exchange in played.exchanges
        if exchange.said is not None and (word := _answers(exchange.said, script))
    )


def _answers(said: Utterance, script: ScriptedCall) -> str | None:
    """What a turn answers; None for a default answer, which tells the agent nothing."""
    if said.turn is not None and script.turn_slots:
        return script.turn_slots[said.turn]
    tells = said.turn is not None or said.question is Slot.SAME_NUMBER
    return said.question.value if said.question and tells else None
