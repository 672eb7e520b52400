"""WhisperSTT on real synthesised speech, with the real detector, over a real link."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import APIConnectionError, APIConnectOptions, stt
from livekit.agents.stt import SpeechEventType as Type

from agent.errors import EngineBusy, EngineUnavailable
from agent.speech.audio import Samples, resample
from agent.speech.decoding import OnLost
from agent.speech.ears_client import EarsClient
from agent.speech.ears_server import EarsService
from agent.speech.engine import Ears
from agent.speech.link import Frame, Handler, Responder, serve
from agent.speech.stt import WhisperSTT
from agent.speech.transcript import Transcript, to_header
from agent.speech.vad import load_vad
from tests.speech.conftest import SAID, Speak

ONE, TWO = "எங்க தெருவில மூணு நாளா தண்ணி வரல", "கொரட்டூர் பக்கத்துல இருக்கோம்"

HESITATION_S = 0.38
"""Long enough to be speculated on, too short to end an utterance: the detector itself needs 0.11 s
to see that espeak-ng fell silent."""


@dataclass
class Counter:
    """Ears that answer how manieth utterance it is and how long, and do as they are told."""

    fail: list[Exception] = field(default_factory=list)
    """Raised for the next requests, one each."""
    hold: asyncio.Event | None = None
    """Answers wait for it."""
    kinds: list[str] = field(default_factory=list)
    calls: set[str] = field(default_factory=set)
    cancelled: int = 0

    async def __call__(self, frame: Frame, respond: Responder) -> None:
        number = len(self.kinds) + 1
        self.kinds.append(str(frame.header["kind"]))
        self.calls.add(str(frame.header["call"]))
        if self.fail:
            raise self.fail.pop(0)
        try:
            if self.hold is not None:
                await self.hold.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        seconds = len(frame.payload) / 32_000
        await respond.data(to_header(Transcript(f"{number}", 0.9, "ta", seconds)))


@contextlib.asynccontextmanager
async def recogniser(
    handler: Handler,
    folder: Path,
    *,
    deadline_s: float = 8.0,
    call: str = "",
    on_lost: OnLost | None = None,
) -> AsyncIterator[WhisperSTT]:
    url = f"unix://{folder / 'ears.sock'}"
    ready = asyncio.Event()
    serving = asyncio.create_task(serve(url, handler, ready=ready))
    await ready.wait()
    whisper = WhisperSTT(
        EarsClient(url, deadline_s=deadline_s),
        load_vad(min_silence_s=0.6),
        call=call,
        on_lost=on_lost,
    )
    try:
        async with asyncio.timeout(30):
            yield whisper
    finally:
        await whisper.aclose()
        serving.cancel()
        await asyncio.wait({serving})


def push(stream: stt.RecognizeStream, sound: Samples, rate: int = 16_000) -> None:
    step = rate // 50
    for start in range(0, len(sound), step):
        chunk = sound[start : start + step]
        stream.push_frame(rtc.AudioFrame(chunk.tobytes(), rate, 1, len(chunk)))


async def transcribed(whisper: WhisperSTT, sound: Samples) -> list[stt.SpeechEvent]:
    stream = whisper.stream()
    push(stream, sound)
    stream.end_input()
    events = [event async for event in stream]
    await stream.aclose()
    return events


def told(events: list[stt.SpeechEvent]) -> list[tuple[Type, str]]:
    return [(e.type, e.alternatives[0].text if e.alternatives else "") for e in events]


def finals(events: list[stt.SpeechEvent]) -> list[str]:
    return [text for kind, text in told(events) if kind is Type.FINAL_TRANSCRIPT and text]


async def next_of(stream: stt.RecognizeStream, kind: Type) -> stt.SpeechEvent:
    async for event in stream:
        if event.type is kind:
            return event
    raise AssertionError("the stream ended")


async def test_a_sentence_goes_through_the_real_ears(
    saying_ears: Ears, tmp_path: Path, speak: Speak
) -> None:
    service = EarsService(saying_ears)
    decoding = asyncio.create_task(service.run())
    async with recogniser(service.handle, tmp_path) as whisper:
        events = await transcribed(whisper, speak(ONE, before=1, after=1))
    decoding.cancel()
    await asyncio.wait({decoding})
    assert finals(events) == [SAID]
    (final,) = [e for e in events if e.type is Type.FINAL_TRANSCRIPT and e.alternatives[0].text]
    data = final.alternatives[0]
    assert data.language == "ta"
    assert 0 < data.confidence <= 1
    assert 0.2 < data.start_time < data.end_time < 4  # the padding before speech counts
    assert data.metadata is not None
    assert data.metadata["timings"]["decode_s"] > 0


async def test_events_come_in_the_order_the_session_expects(tmp_path: Path, speak: Speak) -> None:
    async with recogniser(Counter(), tmp_path) as whisper:
        stream = whisper.stream()
        push(stream, speak(ONE, after=HESITATION_S))
        early = [await anext(stream), await anext(stream)]
        push(stream, np.zeros(16_000, np.int16))
        late = [await anext(stream) for _ in range(3)]
        await stream.aclose()
    assert told(early) == [(Type.START_OF_SPEECH, ""), (Type.PREFLIGHT_TRANSCRIPT, "1")]
    assert told(late) == [
        (Type.FINAL_TRANSCRIPT, "1"),
        (Type.RECOGNITION_USAGE, ""),
        (Type.END_OF_SPEECH, ""),
    ]


async def test_a_confirmed_speculation_is_not_decoded_again(tmp_path: Path, speak: Speak) -> None:
    ears = Counter()
    async with recogniser(ears, tmp_path) as whisper:
        events = await transcribed(whisper, speak(ONE, after=1))
    assert ears.kinds == ["preflight"]
    assert finals(events) == ["1"]


async def test_a_caller_who_goes_on_cancels_the_speculation_and_gets_one_final(
    tmp_path: Path, speak: Speak
) -> None:
    ears = Counter(hold=asyncio.Event())
    assert ears.hold is not None
    async with recogniser(ears, tmp_path) as whisper:
        stream = whisper.stream()
        push(stream, speak(ONE, after=HESITATION_S))
        await next_of(stream, Type.START_OF_SPEECH)
        while not ears.kinds:  # noqa: ASYNC110 - the peer is another task, not ours to signal
            await asyncio.sleep(0.005)
        push(stream, speak(TWO, before=0, after=1))
        while not ears.cancelled:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        ears.hold.set()
        stream.end_input()
        events = [event async for event in stream]
        await stream.aclose()
    assert ears.kinds == ["preflight", "preflight"]
    assert {text for _, text in told(events) if text} == {"2"}
    assert finals(events) == ["2"]


async def test_a_preflight_already_told_is_taken_back_with_an_interim(
    tmp_path: Path, speak: Speak
) -> None:
    async with recogniser(Counter(), tmp_path) as whisper:
        stream = whisper.stream()
        push(stream, speak(ONE, after=HESITATION_S))
        await next_of(stream, Type.PREFLIGHT_TRANSCRIPT)
        push(stream, speak(TWO, before=0, after=0))
        interim = await next_of(stream, Type.INTERIM_TRANSCRIPT)
        assert interim.alternatives[0].text == "1"
        push(stream, np.zeros(16_000, np.int16))
        final = await next_of(stream, Type.FINAL_TRANSCRIPT)
        assert final.alternatives[0].text == "2"
        assert final.alternatives[0].end_time > interim.alternatives[0].end_time
        await stream.aclose()


async def test_finals_keep_the_order_of_speech_while_sound_goes_on(
    tmp_path: Path, speak: Speak
) -> None:
    ears = Counter(hold=asyncio.Event())
    assert ears.hold is not None
    async with recogniser(ears, tmp_path) as whisper:
        stream = whisper.stream()
        for text in (ONE, TWO, ONE):
            push(stream, speak(text, after=0.6))
        stream.end_input()
        while len(ears.kinds) < 3:  # noqa: ASYNC110 - all are begun before the first is answered
            await asyncio.sleep(0.005)
        ears.hold.set()
        events = [event async for event in stream]
        await stream.aclose()
    starts = sum(kind is Type.START_OF_SPEECH for kind, _ in told(events))
    assert starts == 3
    assert finals(events) == ["1", "2", "3"]


@pytest.mark.parametrize("noise", [0, 400])
async def test_silence_and_noise_are_never_sent_to_the_ears(tmp_path: Path, noise: int) -> None:
    ears = Counter()
    rng = np.random.default_rng(3)
    async with recogniser(ears, tmp_path) as whisper:
        events = await transcribed(whisper, rng.normal(0, noise, 80_000).astype(np.int16))
    assert ears.kinds == []
    assert finals(events) == []


async def test_a_flush_without_speech_is_answered_with_an_empty_final(tmp_path: Path) -> None:
    async with recogniser(Counter(), tmp_path) as whisper:
        stream = whisper.stream()
        stream.flush()
        final = await next_of(stream, Type.FINAL_TRANSCRIPT)
        assert final.alternatives[0].text == ""
        push(stream, np.zeros(16_000, np.int16))
        stream.flush()
        final = await next_of(stream, Type.FINAL_TRANSCRIPT)
        assert final.alternatives[0].text == ""
        await stream.aclose()


async def test_a_flush_in_the_middle_of_a_word_is_answered_with_what_was_said(
    tmp_path: Path, speak: Speak
) -> None:
    ears = Counter()
    async with recogniser(ears, tmp_path) as whisper:
        stream = whisper.stream()
        sound = speak(ONE)
        push(stream, sound[: len(sound) * 2 // 3])
        stream.flush()
        final = await next_of(stream, Type.FINAL_TRANSCRIPT)
        await stream.aclose()
    assert final.alternatives[0].text == "1"
    assert ears.kinds == ["final"]


async def test_a_hang_up_in_the_middle_of_a_word_keeps_what_was_said(
    tmp_path: Path, speak: Speak
) -> None:
    async with recogniser(Counter(), tmp_path) as whisper:
        events = await transcribed(whisper, speak(ONE)[:32_000])
    assert finals(events) == ["1"]
    assert told(events)[-1][0] is not Type.START_OF_SPEECH


async def test_closing_cancels_what_is_decoded_and_ends_at_once(
    tmp_path: Path, speak: Speak
) -> None:
    ears = Counter(hold=asyncio.Event())
    async with recogniser(ears, tmp_path) as whisper:
        stream = whisper.stream()
        push(stream, speak(ONE, after=1))
        while not ears.kinds:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        async with asyncio.timeout(2):
            await stream.aclose()
        while not ears.cancelled:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("error", [EngineBusy("Full."), EngineUnavailable("Gone.")])
async def test_an_utterance_that_failed_once_is_tried_again(
    tmp_path: Path, speak: Speak, error: Exception
) -> None:
    ears = Counter(fail=[error, error])  # the preflight and the first try of the final
    errors: list[stt.STTError] = []
    async with recogniser(ears, tmp_path) as whisper:
        whisper.on("error", errors.append)
        events = await transcribed(whisper, speak(ONE, after=1))
    assert ears.kinds == ["preflight", "final", "final"]
    assert finals(events) == ["3"]
    assert errors == []


async def test_an_utterance_that_is_lost_is_told_and_the_call_goes_on(
    tmp_path: Path, speak: Speak, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.speech.decoding.RESTART_S", 0.0)
    ears = Counter(fail=[EngineUnavailable("Gone.")] * 3)
    errors: list[stt.STTError] = []
    kept: list[tuple[float, float]] = []

    async def keep(pcm: bytes, end_s: float) -> None:
        kept.append((len(pcm) / 32_000, end_s))

    async with recogniser(ears, tmp_path, on_lost=keep) as whisper:
        whisper.on("error", errors.append)
        stream = whisper.stream()
        push(stream, speak(ONE, after=1))
        events = [await next_of(stream, Type.FINAL_TRANSCRIPT)]
        push(stream, speak(TWO, after=1))
        stream.end_input()
        events += [event async for event in stream]
        await stream.aclose()
    assert [error.recoverable for error in errors] == [True]
    assert isinstance(errors[0].error, APIConnectionError)
    heard = [e.alternatives[0] for e in events if e.type is Type.FINAL_TRANSCRIPT]
    assert heard[0].text == ""
    assert heard[0].metadata == {"failed": True}
    ((seconds, end_s),) = kept
    assert seconds > 2
    assert end_s == pytest.approx(heard[0].end_time, abs=1e-3)  # both are sums
    assert [data.text for data in heard if data.text] == ["4"]


async def test_ears_that_do_not_answer_in_time_are_a_lost_utterance(
    tmp_path: Path, speak: Speak
) -> None:
    errors: list[stt.STTError] = []
    ears = Counter(hold=asyncio.Event())
    async with recogniser(ears, tmp_path, deadline_s=0.1) as whisper:
        whisper.on("error", errors.append)
        events = await transcribed(whisper, speak(ONE, after=1))
    assert len(errors) == 1
    assert finals(events) == []


async def test_forty_seconds_without_a_pause_come_as_clauses_of_at_most_twelve(
    tmp_path: Path, speak: Speak
) -> None:
    sound = np.tile(speak(ONE, before=0), 19)
    assert len(sound) > 40 * 16_000
    ears = Counter()
    async with recogniser(ears, tmp_path) as whisper:
        events = await transcribed(whisper, sound)
    usage = [e.recognition_usage for e in events if e.recognition_usage is not None]
    assert len(usage) >= 4
    assert all(u.audio_duration <= 12.6 for u in usage)
    assert sum(u.audio_duration for u in usage) == pytest.approx(len(sound) / 16_000, abs=0.2)
    assert set(ears.kinds[:-1]) <= {"clause", "preflight"}
    assert ears.kinds[-1] == "final"  # only the tail
    kinds = [kind for kind, _ in told(events)]
    assert kinds.count(Type.START_OF_SPEECH) == 1
    ends = [
        e.alternatives[0].end_time
        for e in events
        if e.type is Type.FINAL_TRANSCRIPT and e.alternatives[0].text
    ]
    assert ends == sorted(ends)


async def test_the_ears_are_told_which_call_it_is(tmp_path: Path, speak: Speak) -> None:
    ears = Counter()
    async with recogniser(ears, tmp_path, call="call-7") as whisper:
        await transcribed(whisper, speak(ONE, after=1))
    assert ears.calls == {"call-7"}


@pytest.mark.parametrize("rate", [8_000, 48_000])
async def test_sound_of_another_rate_is_heard_as_well(
    tmp_path: Path, speak: Speak, rate: int
) -> None:
    async with recogniser(Counter(), tmp_path) as whisper:
        stream = whisper.stream()
        push(stream, resample(speak(ONE, after=1), 16_000, rate), rate)
        final = await next_of(stream, Type.FINAL_TRANSCRIPT)
        await stream.aclose()
    assert final.alternatives[0].text == "1"


async def test_stereo_is_mixed(tmp_path: Path, speak: Speak) -> None:
    sound = np.repeat(speak(ONE, after=1), 2)
    async with recogniser(Counter(), tmp_path) as whisper:
        stream = whisper.stream()
        for start in range(0, len(sound), 640):
            chunk = sound[start : start + 640]
            stream.push_frame(rtc.AudioFrame(chunk.tobytes(), 16_000, 2, len(chunk) // 2))
        final = await next_of(stream, Type.FINAL_TRANSCRIPT)
        await stream.aclose()
    assert final.alternatives[0].text == "1"


async def test_a_whole_recording_can_be_recognised_at_once(tmp_path: Path, speak: Speak) -> None:
    sound = speak(ONE)
    frame = rtc.AudioFrame(sound.tobytes(), 16_000, 1, len(sound))
    async with recogniser(Counter(), tmp_path) as whisper:
        event = await whisper.recognize([frame, frame])
    assert event.type is Type.FINAL_TRANSCRIPT
    assert event.alternatives[0].text == "1"
    assert event.alternatives[0].end_time == pytest.approx(2 * len(sound) / 16_000, abs=0.01)


async def test_a_recording_that_fails_is_the_framework_s_own_error(tmp_path: Path) -> None:
    ears = Counter(fail=[EngineUnavailable("Gone.")])
    frame = rtc.AudioFrame(bytes(3200), 16_000, 1, 1600)
    async with recogniser(ears, tmp_path) as whisper:
        with pytest.raises(APIConnectionError):
            await whisper.recognize(frame, conn_options=APIConnectOptions(max_retry=0))
