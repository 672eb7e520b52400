"""The two ends of a simulated telephone line, in the agent's own process.

:class:`CallerLine` is what the agent hears: 20 ms frames at 16 kHz, paced on a clock, with faint
noise between the caller's words so that the agent's ears hear a live line. :class:`AgentLine` is
what the caller hears: it plays the agent's audio at the pace of the clock and knows when the first
audible sample came. Both note when sound began and ended on the same clock; their difference is
the delay a caller would feel.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from livekit import rtc
from livekit.agents.voice import io

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agent.callers.clock import Clock
    from agent.callers.line_effects import LineEffects

LINE_RATE = 16_000
"""Hertz of the frames the agent hears."""
AGENT_RATE = 22_050
"""Hertz at which the agent's voice is played; the framework resamples anything else."""
FRAME_S = 0.02
"""One frame, as telephony cuts them."""
NOISE_RMS = 4.0
"""Line noise, int16 units (about -78 dBFS): audible to a meter, silent to a voice detector."""
AUDIBLE = 200
"""int16 level from which a sample counts as sound (about -44 dBFS)."""
_FRAME_SAMPLES = round(LINE_RATE * FRAME_S)
_BLOCK_SAMPLES = round(AGENT_RATE * FRAME_S)


def audible_span(pcm: NDArray[np.int16]) -> tuple[int, int]:
    """First audible sample and the one after the last; (0, 0) when nothing is audible."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) >= AUDIBLE)
    return (int(loud[0]), int(loud[-1]) + 1) if loud.size else (0, 0)


class CallerLine(io.AudioInput):
    """The caller's voice as the agent hears it, for one call. Owned by that call.

    ``speed`` plays the line that much faster than real time; the frames keep their 20 ms each.
    ``effects`` are the noise and the losses of this line, None for a clean one.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        speed: float = 1.0,
        seed: int = 0,
        effects: LineEffects | None = None,
    ) -> None:
        super().__init__(label="simulated caller")
        self._clock = clock
        self._speed = speed
        self._noise = np.random.default_rng(seed)
        self._effects = effects
        self._started_at: float | None = None
        self._frames = 0
        self._waiting: deque[NDArray[np.int16]] = deque()
        self._voice_ends_after = 0
        self._voice_begins_after: int | None = None
        self._said = asyncio.Event()
        self._closed = False
        self.voice_ended_at: float | None = None
        """Clock time at which the last audible sample of the last utterance was on the line."""
        self.voice_began_at: float | None = None
        """The same of the first audible sample of the utterance on the line."""
        self.spoken: list[tuple[float, float]] = []
        """Clock times between which the caller was heard, an entry an utterance."""

    def say(self, pcm: NDArray[np.int16]) -> None:
        """Put an utterance (int16 mono, 16 kHz) on the line from the next frame on."""
        self._said.clear()
        blocks = [pcm[i : i + _FRAME_SAMPLES] for i in range(0, len(pcm), _FRAME_SAMPLES)]
        self._waiting.extend(blocks)
        begins, ends = audible_span(pcm)
        self._voice_begins_after, self._voice_ends_after = begins, ends - len(pcm)

    @property
    def speaking(self) -> bool:
        """Whether words of the caller are on the line."""
        return bool(self._waiting)

    async def wait_said(self) -> float:
        """Wait until the utterance is over.

        Returns:
            Clock time of the end of its last audible sample.
        """
        await self._said.wait()
        return self.voice_ended_at or self._clock.now()

    def hang_up(self) -> None:
        """End the line: the agent's audio stream ends with the next frame."""
        self._closed = True
        self._waiting.clear()
        self._said.set()

    async def __anext__(self) -> rtc.AudioFrame:
        """The next 20 ms of the line, when its time has come."""
        if self._started_at is None:
            self._started_at = self._clock.now()
        self._frames += 1
        due = self._started_at + self._frames * FRAME_S / self._speed
        await self._clock.sleep_until(due)
        if self._closed:
            raise StopAsyncIteration
        samples = self._next_samples(due)
        return rtc.AudioFrame(samples.tobytes(), LINE_RATE, 1, len(samples))

    def _next_samples(self, due: float) -> NDArray[np.int16]:
        noise = self._noise.normal(0.0, NOISE_RMS, _FRAME_SAMPLES)
        speaking = bool(self._waiting)
        if speaking:
            block = self._waiting.popleft()
            noise[: len(block)] += block
            if self._voice_begins_after is not None:
                ahead_s = self._voice_begins_after / LINE_RATE - FRAME_S
                self.voice_began_at = due + ahead_s / self._speed
                self._voice_begins_after = None
        if speaking and not self._waiting:
            # A frame is delivered when its last sample was spoken: that is the time `due`.
            missing = _FRAME_SAMPLES - len(block)
            tail_s = (missing - self._voice_ends_after) / LINE_RATE
            self.voice_ended_at = due - tail_s / self._speed
            self.spoken.append((self.voice_began_at or self.voice_ended_at, self.voice_ended_at))
            self._said.set()
        if self._effects is not None:
            noise = self._effects.frame(noise)
        return np.clip(np.rint(noise), -32768, 32767).astype(np.int16)


@dataclass(slots=True)
class _Segment:
    """One stretch of the agent's speech, from first frame to flush."""

    pcm: bytearray = field(default_factory=bytearray)
    flushed: bool = False
    cleared: bool = False
    started: bool = False
    played: int = 0
    """Samples already played."""
    block_started_at: float | None = None
    """Clock time at which the block now playing began."""

    @property
    def samples(self) -> int:
        return len(self.pcm) // 2


class AgentLine(io.AudioOutput):
    """The agent's voice as the caller hears it, for one call. Owned by that call.

    Plays at the pace of the clock times ``speed``. Start it with ``async with``: leaving stops the
    player.
    """

    def __init__(self, clock: Clock, *, speed: float = 1.0) -> None:
        super().__init__(
            label="simulated earpiece",
            capabilities=io.AudioOutputCapabilities(pause=True),
            sample_rate=AGENT_RATE,
        )
        self._clock = clock
        self._speed = speed
        self._segments: deque[_Segment] = deque()
        self._changed = asyncio.Event()
        self._paused = False
        self._player: asyncio.Task[None] | None = None
        self._track: list[tuple[float, NDArray[np.int16]]] = []

    async def __aenter__(self) -> AgentLine:
        """Start the player."""
        self._player = asyncio.create_task(self._play(), name="agent line")
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Stop the player and report what never played as interrupted."""
        if self._player is not None:
            self._player.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._player
        while self._segments:
            self._segments[0].flushed = True
            self._finish(interrupted=True)

    @property
    def track(self) -> Sequence[tuple[float, NDArray[np.int16]]]:
        """What reached the caller: clock time of each stretch, and its samples at 22,050 Hz."""
        return self._track

    @property
    def left_s(self) -> float:
        """Seconds of speech on the line's own clock that are here and have not been played."""
        return sum(each.samples - each.played for each in self._segments) / AGENT_RATE

    @property
    def busy(self) -> bool:
        """Whether something is playing, held or about to play."""
        return bool(self._segments)

    def first_sound_after(self, when: float) -> float | None:
        """Clock time of the first audible sample played after ``when``, or None so far."""
        first_block = max(0, bisect_right(self._track, when, key=lambda block: block[0]) - 1)
        for started_at, pcm in islice(self._track, first_block, None):
            skipped = max(0, round((when - started_at) * self._speed * AGENT_RATE))
            first, after_last = audible_span(pcm[skipped:])
            if after_last:
                return started_at + (skipped + first) / AGENT_RATE / self._speed
        return None

    def heard(self) -> NDArray[np.int16]:
        """All the agent's audio that reached the caller, without the gaps."""
        blocks = [pcm for _, pcm in self._track]
        return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Take a frame to play; frames may come faster than they play."""
        await super().capture_frame(frame)
        if not self._segments or self._segments[-1].flushed:
            self._segments.append(_Segment())
        if not self._segments[-1].cleared:
            self._segments[-1].pcm.extend(bytes(frame.data))
        self._changed.set()

    def flush(self) -> None:
        """No more frames for this segment."""
        super().flush()
        if self._segments and not self._segments[-1].flushed:
            self._segments[-1].flushed = True
            self._finish_cleared()
        self._changed.set()

    def clear_buffer(self) -> None:
        """Stop at once: what has not played is dropped and never heard."""
        if self._segments:
            self._cut_block(self._segments[0])
        for segment in self._segments:
            segment.cleared = True
            del segment.pcm[segment.played * 2 :]
        self._finish_cleared()
        self._changed.set()

    def pause(self) -> None:
        """Hold playback where it is."""
        super().pause()
        self._paused = True
        if self._segments:
            self._cut_block(self._segments[0])
        self._changed.set()

    def resume(self) -> None:
        """Go on where :meth:`pause` stopped."""
        super().resume()
        self._paused = False
        self._changed.set()

    async def _play(self) -> None:
        ends_at: float | None = None
        while True:
            segment = self._segments[0] if self._segments else None
            if segment is None or self._paused or not self._has_block(segment):
                self._changed.clear()
                if segment is not None and self._complete(segment):
                    self._finish(interrupted=False)
                    continue
                await self._changed.wait()
                ends_at = None
                continue
            ends_at = await self._play_block(segment, after=ends_at)

    @staticmethod
    def _has_block(segment: _Segment) -> bool:
        left = segment.samples - segment.played
        return left >= _BLOCK_SAMPLES or (segment.flushed and left > 0)

    @staticmethod
    def _complete(segment: _Segment) -> bool:
        return segment.flushed and segment.played >= segment.samples

    async def _play_block(self, segment: _Segment, *, after: float | None) -> float:
        """Play up to 20 ms, right behind the block before it when there was no gap."""
        length = min(_BLOCK_SAMPLES, segment.samples - segment.played)
        segment.block_started_at = self._clock.now() if after is None else after
        if not segment.started:
            segment.started = True
            self.on_playback_started(created_at=time.time())
        ends_at = segment.block_started_at + length / AGENT_RATE / self._speed
        await self._clock.sleep_until(ends_at)
        if segment.block_started_at is not None:
            self._heard(segment, length)
        return ends_at

    def _cut_block(self, segment: _Segment) -> None:
        """End the block now playing where the clock says it is."""
        if segment.block_started_at is None:
            return
        elapsed = (self._clock.now() - segment.block_started_at) * self._speed
        length = min(_BLOCK_SAMPLES, segment.samples - segment.played)
        self._heard(segment, max(0, min(length, int(elapsed * AGENT_RATE))))

    def _heard(self, segment: _Segment, length: int) -> None:
        """Note that the next ``length`` samples of a segment reached the caller."""
        if segment.block_started_at is not None and length:
            start = segment.played * 2
            pcm = np.frombuffer(bytes(segment.pcm[start : start + 2 * length]), np.int16)
            self._track.append((segment.block_started_at, pcm))
        segment.played += length
        segment.block_started_at = None

    def _finish_cleared(self) -> None:
        """Report cleared segments; one still being captured is reported when it is flushed."""
        while self._segments and self._segments[0].cleared and self._segments[0].flushed:
            self._finish(interrupted=True)

    def _finish(self, *, interrupted: bool) -> None:
        segment = self._segments.popleft()
        position = segment.played / AGENT_RATE
        self.on_playback_finished(playback_position=position, interrupted=interrupted)
