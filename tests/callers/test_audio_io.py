"""The two ends of the simulated line, in virtual time."""

import asyncio
import heapq
from collections.abc import AsyncIterator

import numpy as np
import pytest
from livekit import rtc
from livekit.agents.voice.io import PlaybackFinishedEvent

from agent.callers.audio_io import (
    AGENT_RATE,
    FRAME_S,
    LINE_RATE,
    AgentLine,
    CallerLine,
    audible_span,
)
from agent.callers.line_effects import LineEffects


class VirtualClock:
    """Time passes only in :meth:`run`, from one sleeper to the next."""

    def __init__(self) -> None:
        self._now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> float:
        return self._now

    async def sleep_until(self, when: float) -> None:
        self._count += 1
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (when, self._count, waking))
        await waking

    async def run(self, until: float) -> None:
        while True:
            for _ in range(5):
                await asyncio.sleep(0)
            if not self._sleepers or self._sleepers[0][0] > until:
                self._now = max(self._now, until)
                return
            when, _, waking = heapq.heappop(self._sleepers)
            self._now = max(self._now, when)
            if not waking.done():
                waking.set_result(None)


def tone(seconds: float, rate: int, *, silence_s: float = 0.0) -> np.ndarray:
    voiced = np.full(round(seconds * rate), 5000, np.int16)
    return np.concatenate([np.zeros(round(silence_s * rate), np.int16), voiced])


def frame(pcm: np.ndarray) -> rtc.AudioFrame:
    return rtc.AudioFrame(pcm.tobytes(), AGENT_RATE, 1, len(pcm))


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def line(clock: VirtualClock) -> AsyncIterator[AgentLine]:
    async with AgentLine(clock) as line:
        yield line


async def read(line: CallerLine, count: int, into: list[rtc.AudioFrame]) -> None:
    for _ in range(count):
        into.append(await anext(line))


class TestCallerLine:
    async def test_frames_keep_twenty_milliseconds_each(self, clock: VirtualClock) -> None:
        line, frames = CallerLine(clock), list[rtc.AudioFrame]()
        reading = asyncio.create_task(read(line, 50, frames))
        await clock.run(0.5)
        assert len(frames) == 25
        assert {(f.sample_rate, f.samples_per_channel) for f in frames} == {(LINE_RATE, 320)}
        await clock.run(1.0)
        await reading
        assert clock.now() == pytest.approx(1.0)

    async def test_double_speed_delivers_twice_the_frames(self, clock: VirtualClock) -> None:
        line, frames = CallerLine(clock, speed=2.0), list[rtc.AudioFrame]()
        reading = asyncio.create_task(read(line, 100, frames))
        await clock.run(1.0)
        assert len(frames) == 100
        await reading

    async def test_a_silent_line_carries_faint_noise(self, clock: VirtualClock) -> None:
        line, frames = CallerLine(clock), list[rtc.AudioFrame]()
        reading = asyncio.create_task(read(line, 50, frames))
        await clock.run(2.0)
        await reading
        pcm = np.concatenate([np.frombuffer(f.data, np.int16) for f in frames])
        assert 1.0 < pcm.std() < 10.0
        assert audible_span(pcm) == (0, 0)

    async def test_the_end_of_the_voice_leaves_trailing_silence_out(
        self, clock: VirtualClock
    ) -> None:
        line, frames = CallerLine(clock), list[rtc.AudioFrame]()
        reading = asyncio.create_task(read(line, 100, frames))
        await clock.run(0.1)
        voiced = tone(0.33, LINE_RATE, silence_s=0.05)
        line.say(np.concatenate([voiced, np.zeros(1234, np.int16)]))
        await clock.run(2.0)
        await reading
        ended = await line.wait_said()
        heard = np.concatenate([np.frombuffer(f.data, np.int16) for f in frames])
        first, after_last = audible_span(heard)
        assert ended == pytest.approx(after_last / LINE_RATE)
        assert first / LINE_RATE == pytest.approx(0.15)
        assert (after_last - first) / LINE_RATE == pytest.approx(0.33)

    async def test_hanging_up_ends_the_stream(self, clock: VirtualClock) -> None:
        line = CallerLine(clock)

        async def count_frames() -> int:
            return len([frame async for frame in line])

        counting = asyncio.create_task(count_frames())
        await clock.run(0.1)
        line.hang_up()
        await clock.run(0.2)
        assert await counting == 5

    async def test_it_is_known_when_the_caller_was_heard(self, clock: VirtualClock) -> None:
        line, frames = CallerLine(clock), list[rtc.AudioFrame]()
        reading = asyncio.create_task(read(line, 100, frames))
        line.say(tone(0.5, LINE_RATE, silence_s=0.1))
        assert line.speaking
        await clock.run(1.0)
        line.say(tone(0.2, LINE_RATE))
        await clock.run(2.0)
        await reading
        assert not line.speaking
        first, second = line.spoken
        assert first == pytest.approx((0.1, 0.6), abs=0.03)
        assert second == pytest.approx((1.0, 1.2), abs=0.05)

    async def test_a_caller_who_hangs_up_is_cut_off_at_once(self, clock: VirtualClock) -> None:
        line = CallerLine(clock)
        line.say(tone(5.0, LINE_RATE))
        first = asyncio.create_task(anext(line))
        await clock.run(0.1)
        await first
        line.hang_up()
        last = asyncio.create_task(anext(line))
        await clock.run(0.2)
        with pytest.raises(StopAsyncIteration):
            await last
        assert not line.speaking

    async def test_the_line_does_to_every_frame_what_its_effects_say(
        self, clock: VirtualClock
    ) -> None:
        background = np.full(1000, 700, np.int16)
        line, frames = CallerLine(clock, effects=LineEffects(background)), list[rtc.AudioFrame]()
        reading = asyncio.create_task(read(line, 5, frames))
        await clock.run(0.2)
        await reading
        heard = np.concatenate([np.frombuffer(frame.data, np.int16) for frame in frames])
        assert abs(int(np.median(heard)) - 700) < 5


class TestAgentLine:
    async def test_speech_plays_in_real_time_and_then_reports_its_end(
        self, clock: VirtualClock, line: AgentLine
    ) -> None:
        finished: list[tuple[float, bool, float]] = []
        line.on(
            "playback_finished",
            lambda ev: finished.append((ev.playback_position, ev.interrupted, clock.now())),
        )
        await clock.run(1.0)
        await line.capture_frame(frame(tone(0.5, AGENT_RATE)))
        line.flush()
        await clock.run(1.4)
        assert line.busy
        assert not finished
        await clock.run(2.0)
        [(position, interrupted, ended_at)] = finished
        assert position == pytest.approx(0.5)
        assert ended_at == pytest.approx(1.5)
        assert not interrupted
        assert not line.busy

    async def test_the_first_sound_skips_leading_silence(
        self, clock: VirtualClock, line: AgentLine
    ) -> None:
        await clock.run(1.0)
        await line.capture_frame(frame(tone(0.5, AGENT_RATE, silence_s=0.25)))
        line.flush()
        await clock.run(3.0)
        assert line.first_sound_after(0.0) == pytest.approx(1.25, abs=1e-3)
        assert line.first_sound_after(1.3) == pytest.approx(1.3, abs=1e-3)
        assert line.first_sound_after(2.0) is None

    async def test_an_interruption_reports_exactly_what_was_heard(
        self, clock: VirtualClock, line: AgentLine
    ) -> None:
        finished: list[PlaybackFinishedEvent] = []
        line.on("playback_finished", finished.append)
        await line.capture_frame(frame(tone(2.0, AGENT_RATE)))
        line.flush()
        await clock.run(0.513)
        line.clear_buffer()
        await clock.run(3.0)
        assert [ev.interrupted for ev in finished] == [True]
        assert finished[0].playback_position == pytest.approx(0.513, abs=1e-3)
        assert len(line.heard()) == pytest.approx(0.513 * AGENT_RATE, abs=2)
        assert not line.busy

    async def test_clearing_before_the_flush_reports_once_when_it_is_flushed(
        self, clock: VirtualClock, line: AgentLine
    ) -> None:
        finished: list[PlaybackFinishedEvent] = []
        line.on("playback_finished", finished.append)
        await line.capture_frame(frame(tone(2.0, AGENT_RATE)))
        await clock.run(0.2)
        line.clear_buffer()
        await line.capture_frame(frame(tone(2.0, AGENT_RATE)))
        line.flush()
        line.clear_buffer()
        await clock.run(5.0)
        assert [ev.playback_position for ev in finished] == [pytest.approx(0.2, abs=1e-3)]
        assert len(line.heard()) == pytest.approx(0.2 * AGENT_RATE, abs=2)

    async def test_clearing_an_idle_line_reports_nothing(
        self, clock: VirtualClock, line: AgentLine
    ) -> None:
        finished: list[PlaybackFinishedEvent] = []
        line.on("playback_finished", finished.append)
        line.clear_buffer()
        line.flush()
        await clock.run(1.0)
        assert finished == []

    async def test_a_pause_holds_the_voice_and_resume_goes_on(
        self, clock: VirtualClock, line: AgentLine
    ) -> None:
        finished: list[float] = []
        line.on("playback_finished", lambda ev: finished.append(clock.now()))
        await line.capture_frame(frame(tone(1.0, AGENT_RATE)))
        line.flush()
        await clock.run(0.4)
        line.pause()
        await clock.run(2.0)
        assert line.busy
        line.resume()
        await clock.run(4.0)
        assert finished == [pytest.approx(2.6, abs=0.03)]
        assert len(line.heard()) == AGENT_RATE

    async def test_segments_play_one_after_another_and_each_reports(
        self, clock: VirtualClock, line: AgentLine
    ) -> None:
        started: list[object] = []
        finished: list[PlaybackFinishedEvent] = []
        line.on("playback_started", started.append)
        line.on("playback_finished", finished.append)
        for _ in range(3):
            await line.capture_frame(frame(tone(0.31, AGENT_RATE)))
            line.flush()
        await clock.run(5.0)
        assert len(started) == len(finished) == 3
        assert len(line.heard()) == 3 * round(0.31 * AGENT_RATE)

    async def test_an_underrun_leaves_a_gap_and_loses_nothing(
        self, clock: VirtualClock, line: AgentLine
    ) -> None:
        await line.capture_frame(frame(tone(0.1, AGENT_RATE)))
        await clock.run(1.0)
        await line.capture_frame(frame(tone(0.1, AGENT_RATE)))
        line.flush()
        await clock.run(2.0)
        assert len(line.heard()) == 2 * round(0.1 * AGENT_RATE)
        assert line.first_sound_after(0.5) == pytest.approx(1.0, abs=FRAME_S)

    async def test_double_speed_halves_the_playing_time(self, clock: VirtualClock) -> None:
        finished: list[float] = []
        async with AgentLine(clock, speed=2.0) as line:
            line.on("playback_finished", lambda ev: finished.append(clock.now()))
            await line.capture_frame(frame(tone(1.0, AGENT_RATE)))
            line.flush()
            await clock.run(3.0)
        assert finished == [pytest.approx(0.5)]

    async def test_closing_reports_unplayed_speech_as_interrupted(
        self, clock: VirtualClock
    ) -> None:
        finished: list[PlaybackFinishedEvent] = []
        async with AgentLine(clock) as line:
            line.on("playback_finished", finished.append)
            await line.capture_frame(frame(tone(1.0, AGENT_RATE)))
            await clock.run(0.1)
        assert [ev.interrupted for ev in finished] == [True]
