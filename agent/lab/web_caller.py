"""A caller over WebRTC: joins a room as a telephone would, speaks, listens, keeps the sound.

He is outside the agent: he gets sound and gives sound and keys, and knows nothing else. That it is
his turn he hears (silence after a question he knows, :mod:`agent.lab.question_ear`), and all
figures come from what was on his own ends of the line. A sample he says counts as said when it is
handed to WebRTC, up to 30 ms before it is on the wire: his delays are so much too long, never too
short.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np
from livekit import api, rtc
from livekit.rtc.participant import PublishDTMFError, PublishTrackError

from agent.callers.audio_io import LINE_RATE, CallerLine
from agent.callers.clock import WallClock
from agent.callers.keypresses import KEY_GAP_S
from agent.callers.play_spoken import REACTION_S
from agent.lab.earpiece import (
    Block,
    Earpiece,
    audible_spans,
    on_a_line,
    on_one_clock,
    write_two_tracks,
)
from agent.lab.question_ear import UNHEARD
from agent.lab.stack import ROOM_PREFIX
from agent.lab.web_call import Ending, WebCall, WebTurn, with_delays

if TYPE_CHECKING:
    from agent.callers.line_effects import LineEffects
    from agent.callers.scripted_caller import Utterance
    from agent.callers.speakers import Speaker
    from agent.lab.question_ear import Question, QuestionEar

ANSWER_WITHIN_S = 20.0
"""How long a caller lets it ring; the trunk's own limit is the same."""
STUCK_AFTER_S = 30.0
"""Nothing is heard for so long in the middle of a call: he hangs up."""
MAX_TURNS = 40
_PAUSE_S = 0.28
"""Silence after which he thinks about what was said: longer than those between sentences."""
_OPEN_END_S = 0.9
"""Silence that ends digits which are read out."""
_UNKNOWN_END_S = 2.5
"""Silence after words without a question he knows: shorter than the agent's own patience, longer
than a sentence stands still on a machine that is too busy."""
_STEP_S = 0.02
_QUEUE_MS = 100
_KEY_CODES = {**{str(number): number for number in range(10)}, "*": 10, "#": 11}
"""RFC 4733, section 3.2."""


@dataclass(frozen=True, slots=True)
class Line:
    """Where callers call."""

    url: str
    """Of the LiveKit server."""
    api_key: str
    api_secret: str = field(repr=False)
    agent_name: str
    """Explicit name of the agent their rooms ask for."""
    dialled: str = "+914400000099"
    """Number that was dialled: of no constituency."""
    room_prefix: str = ROOM_PREFIX
    """What the names of phone calls' rooms begin with: others are nobody's to dispatch again."""

    def ticket(self, room: str, caller: str) -> str:
        """A token that opens a room with the agent in it, as a SIP dispatch rule does."""
        attributes = {"sip.trunkPhoneNumber": self.dialled, "sip.callStatus": "active"}
        if caller:
            attributes["sip.phoneNumber"] = caller
        return (
            api.AccessToken(self.api_key, self.api_secret)
            .with_identity(f"caller-{room}")
            .with_ttl(timedelta(hours=1))
            .with_grants(api.VideoGrants(room_join=True, room=room))
            .with_attributes(attributes)
            .with_room_config(
                api.RoomConfiguration(
                    empty_timeout=20,
                    departure_timeout=5,
                    agents=[api.RoomAgentDispatch(agent_name=self.agent_name)],
                )
            )
            .to_jwt()
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls."""

    id: str
    """Of the script."""
    number: str
    """Where the call comes from, E.164; empty when hidden."""
    speaker: Speaker
    effects: LineEffects | None = None
    """Noise and losses of his line."""
    record: Path | None = None
    """Two-track WAV to write."""


class _Over(Exception):
    """The call is over; the message is an :data:`Ending`."""

    def __init__(self, ended: Ending) -> None:
        super().__init__(ended)
        self.ended: Ending = ended


class WebCaller:
    """Makes one call. Owned by the task that awaits :meth:`call`."""

    def __init__(self, line: Line, caller: Caller, ear: QuestionEar) -> None:
        """Take where he calls, who he is, and how he knows questions."""
        self._line, self._caller, self._ear = line, caller, ear
        self._random = random.Random(zlib.crc32(caller.id.encode()))
        self._earpiece = Earpiece()
        self._mouth = CallerLine(
            WallClock(), seed=zlib.crc32(caller.id.encode()), effects=caller.effects
        )
        self._said: list[Block] = []
        self._turns: list[WebTurn] = []
        self._gone = asyncio.Event()
        self._picked_up_at: float | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._last: Question | None = None

    @property
    def live(self) -> bool:
        """Whether the agent is heard and nobody has hung up."""
        return self._earpiece.first_sound_at is not None and not self._gone.is_set()

    async def call(self, *, longest_s: float = 600.0) -> WebCall:
        """Call, converse, hang up; a call that fails is an ending, no exception.

        Raises:
            UsageError: the recording cannot be written.
        """
        self._room = rtc.Room()
        self._room.on("track_subscribed", self._on_track)
        self._room.on("disconnected", lambda *_: self._gone.set())
        dialled_at, trouble = time.monotonic(), ""
        ended: Ending = "error"
        try:
            async with asyncio.timeout(longest_s):
                await self._dial()
                await self._converse()
        except _Over as over:
            ended = over.ended
        except TimeoutError:
            ended = "too_long"
        except (rtc.ConnectError, PublishTrackError, PublishDTMFError) as exc:
            trouble = f"The connection failed ({type(exc).__name__})."
        finally:
            over_at = time.monotonic()
            await self._hang_up()
        return await asyncio.to_thread(self._figures, dialled_at, over_at, ended, trouble)

    async def _dial(self) -> None:
        room = f"{self._line.room_prefix}lab-{uuid4().hex[:12]}"
        token = self._line.ticket(room, self._caller.number)
        await self._room.connect(self._line.url, token)
        source = rtc.AudioSource(LINE_RATE, 1, queue_size_ms=_QUEUE_MS)
        track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        # A telephone line sends all the time, so silence is sent too.
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=False)
        await self._room.local_participant.publish_track(track, options)
        self._tasks.append(asyncio.create_task(self._speak(source), name="microphone"))

    async def _speak(self, source: rtc.AudioSource) -> None:
        try:
            async for frame in self._mouth:
                pcm = np.frombuffer(bytes(frame.data), np.int16)
                self._said.append((time.monotonic(), pcm))
                await source.capture_frame(frame)
        finally:
            await source.aclose()

    def _on_track(self, track: rtc.Track, *_: object) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO and self._picked_up_at is None:
            self._picked_up_at = time.monotonic()
            self._tasks.append(asyncio.create_task(self._listen(track), name="earpiece"))

    async def _listen(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=LINE_RATE, num_channels=1, frame_size_ms=20)
        try:
            async for event in stream:
                self._earpiece.take(np.frombuffer(bytes(event.frame.data), np.int16))
        finally:
            await stream.aclose()

    async def _converse(self) -> None:
        mark = time.monotonic()
        for _ in range(MAX_TURNS):
            question = await self._agents_turn(mark)
            self._note_unheard(question)
            if question is not None and question.slot is not None:
                self._last = question
            known = self._last if question is not None else None
            mark = time.monotonic()
            said = self._caller.speaker.respond(known.slot if known else None)
            if said is None or (said.hangs_up and not said.text):
                raise _Over("caller")
            await self._answer(known, said)
            if said.hangs_up:
                raise _Over("caller")
            mark = max(mark, self._turns[-1].said_at[1]) if said.text else mark
        raise _Over("too_long")

    async def _agents_turn(self, mark: float) -> Question | None:
        """Wait for the end of what the agent says after ``mark``; give the question in it."""
        reaction, examined, question = self._random.uniform(*REACTION_S), 0.0, None
        while True:
            now, sounded = time.monotonic(), self._earpiece.last_sound_at
            if self._gone.is_set():
                raise _Over("agent" if sounded is not None else "unanswered")
            if sounded is None or sounded <= mark:
                first = sounded is None
                if now - mark > (ANSWER_WITHIN_S if first else STUCK_AFTER_S):
                    raise _Over("unanswered" if first else "stuck")
            elif now - sounded >= _PAUSE_S:
                if examined != sounded:
                    heard = self._earpiece.since(mark)
                    examined = sounded
                    question = await asyncio.to_thread(self._ear.heard_in, heard)
                if now - sounded >= self._patience_s(question, reaction):
                    return question
            await asyncio.sleep(_STEP_S)

    @staticmethod
    def _patience_s(question: Question | None, reaction: float) -> float:
        if question is None or question.prompt == "hold_on":
            return _UNKNOWN_END_S
        return max(reaction, _OPEN_END_S) if question.goes_on else max(reaction, _PAUSE_S)

    def _note_unheard(self, question: Question | None) -> None:
        if question is not None and question.prompt in UNHEARD and self._turns:
            self._turns[-1] = replace(self._turns[-1], unheard=True)

    async def _answer(self, question: Question | None, said: Utterance) -> None:
        asked = question.slot if question else None
        if said.keys:
            await self._press(said.keys)
            now = time.monotonic()
            self._turns.append(WebTurn(asked, (now, now), keys=True))
            return
        sound = self._caller.speaker.sound(said) if said.text else None
        if sound is None or not sound.size:
            return
        self._mouth.say(sound)
        if said.hangs_up:
            await self._unless_gone(lambda: asyncio.sleep(len(sound) / LINE_RATE / 2))
            return
        began = time.monotonic()
        await self._unless_gone(self._mouth.wait_said)
        ended = self._mouth.voice_ended_at or time.monotonic()
        self._turns.append(WebTurn(asked, (self._mouth.voice_began_at or began, ended)))

    async def _press(self, keys: str) -> None:
        for index, key in enumerate(keys):
            if index:
                await asyncio.sleep(KEY_GAP_S)
            if self._gone.is_set():
                raise _Over("agent")
            await self._room.local_participant.publish_dtmf(code=_KEY_CODES[key], digit=key)

    async def _unless_gone(self, doing: Callable[[], Awaitable[object]]) -> None:
        """Wait for something unless the agent hangs up before it is done."""
        first = asyncio.ensure_future(doing())
        gone = asyncio.ensure_future(self._gone.wait())
        try:
            await asyncio.wait({first, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in (first, gone):
                each.cancel()
            await asyncio.gather(first, gone, return_exceptions=True)
        if self._gone.is_set():
            raise _Over("agent")

    async def _hang_up(self) -> None:
        self._gone.set()
        self._mouth.hang_up()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5.0):
                await self._room.disconnect()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _figures(self, dialled_at: float, over_at: float, ended: Ending, trouble: str) -> WebCall:
        heard = self._earpiece.track
        agent = audible_spans(heard)
        answered = agent[0][0] if agent else None
        if self._caller.record is not None:
            seconds = over_at - dialled_at
            write_two_tracks(
                self._caller.record,
                on_a_line(on_one_clock(self._said), dialled_at, seconds),
                on_a_line(heard, dialled_at, seconds),
            )
        picked_up = self._picked_up_at
        return WebCall(
            self._caller.id,
            ended,
            over_at - dialled_at,
            None if answered is None else answered - dialled_at,
            None if answered is None or picked_up is None else answered - picked_up,
            with_delays(self._turns, agent),
            trouble,
        )
