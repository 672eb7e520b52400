"""WhisperSTT: the ears as a LiveKit recogniser.

What a call hears from it, in this order for each utterance: START_OF_SPEECH; at the first short
silence PREFLIGHT_TRANSCRIPT (taken back with an INTERIM when the caller goes on);
FINAL_TRANSCRIPT, RECOGNITION_USAGE and END_OF_SPEECH when the silence lasts. Finals come in the
order of speech. An utterance over 5 s without a pause gives a FINAL for each of its clauses; the
last one covers only the tail. A flush is always answered with a FINAL, an empty one when nothing
was said: hang-up then waits for nothing.

When the ears fail, an utterance is tried once more. If that fails too, its sound is given to
``on_lost``, an ``error`` event of type
``STTError`` with ``recoverable=True`` is emitted (the session passes it on and does not close) and
the FINAL is empty with ``metadata={"failed": True}``, so that the agent can say that it did not
hear. The stream itself never ends on an engine error: raising, the framework's other way, would
lose the sound that comes until it starts the stream again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from livekit import rtc
from livekit.agents import APIConnectionError, APIConnectOptions, stt
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr
from livekit.agents.utils import AudioBuffer
from livekit.agents.vad import VAD, VADEvent, VADEventType, VADStream

from agent.errors import EngineError
from agent.speech.audio import resample
from agent.speech.decoding import Decode, Decodes, Kind, OnLost, Recogniser
from agent.speech.events import mono, speech_data
from agent.speech.transcript import Transcript
from agent.speech.utterance import (
    Action,
    Ended,
    Finish,
    Resumed,
    Speculate,
    Started,
    UtteranceTracker,
)
from agent.speech.vad import load_vad

SAMPLE_RATE = 16_000
"""Hertz of everything the ears hear; other rates are resampled."""
_WINDOW_SAMPLES = 512
_Type = stt.SpeechEventType
_log = logging.getLogger(__name__)


class WhisperSTT(stt.STT[None]):
    """Recogniser of one call. ``aclose`` closes the client as well."""

    def __init__(
        self,
        client: Recogniser,
        vad: VAD | None = None,
        *,
        language: str = "ta",
        min_silence_s: float = 0.35,
        speculate_after_s: float = 0.16,
        call: str = "",
        on_lost: OnLost | None = None,
    ) -> None:
        """Wire client and detector; nothing runs until :meth:`stream`.

        Args:
            client: the ears.
            vad: from :func:`agent.speech.vad.load_vad`; may be shared; None makes one.
            language: ISO 639-1 code the ears are locked to.
            min_silence_s: silence that ends an utterance, when ``vad`` is made here.
            speculate_after_s: silence after which it is decoded on suspicion.
            call: opaque name of the call, at most 64 letters: the ears keep its words in order.
            on_lost: is given the sound of an utterance that nobody could decode.
        """
        super().__init__(
            capabilities=stt.STTCapabilities(
                streaming=True, interim_results=True, offline_recognize=True, manual_flush=True
            )
        )
        self._client = client
        self._vad = vad if vad is not None else load_vad(min_silence_s=min_silence_s)
        self._language = language
        self._speculate_after_s = speculate_after_s
        self._call = call
        self._on_lost = on_lost

    @property
    def model(self) -> str:
        """Name in metrics."""
        return "whisper"

    @property
    def provider(self) -> str:
        """Name in metrics."""
        return "kural"

    @property
    def language(self) -> str:
        """ISO 639-1 code the ears are locked to."""
        return self._language

    async def _recognize_impl(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> stt.SpeechEvent:
        frame = rtc.combine_audio_frames(buffer)
        samples = np.frombuffer(mono(frame).data, dtype=np.int16)
        pcm = resample(samples, frame.sample_rate, SAMPLE_RATE).tobytes()
        try:
            transcript = await self._client.transcribe(pcm, kind="final", call=self._call)
        except EngineError as exc:
            raise APIConnectionError(str(exc), retryable=exc.retryable) from exc
        data = speech_data(transcript, self._language, transcript.duration_s)
        return stt.SpeechEvent(type=_Type.FINAL_TRANSCRIPT, alternatives=[data])

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> WhisperStream:
        """Listen to one caller."""
        tracker = UtteranceTracker(speculate_after_s=self._speculate_after_s)
        return WhisperStream(self, tracker, conn_options)

    def decodes(self, on_failure: Callable[[EngineError], None]) -> Decodes:
        """A new owner of decodes for one stream; the stream closes it."""
        return Decodes(self._client, on_failure, call=self._call, on_lost=self._on_lost)

    def detector(self) -> VADStream:
        """A new detector for one stream; the stream closes it."""
        return self._vad.stream()

    async def aclose(self) -> None:
        """Close the connection to the ears."""
        await self._client.aclose()


@dataclass(slots=True)
class _Answer:
    """Words that are still decoded, waiting for their turn to be told."""

    decode: Decode
    end_s: float
    """Where its speech ends, from the beginning of the stream."""
    duration_s: float
    final: bool
    asked_s: float = field(default_factory=time.monotonic)
    """When it was asked for."""
    told: bool = False
    superseded: bool = False
    """A preflight that says nothing any more: its final comes at once, or the caller went on."""


@dataclass(slots=True)
class _Retraction:
    """The caller went on after this preflight."""

    preflight: _Answer


class WhisperStream(stt.RecognizeStream):
    """One caller's sound: detector, tracker, decodes, and events in the order of speech."""

    def __init__(
        self,
        parent: WhisperSTT,
        tracker: UtteranceTracker,
        conn_options: APIConnectOptions,
    ) -> None:
        super().__init__(stt=parent, conn_options=conn_options, sample_rate=SAMPLE_RATE)
        self._parent = parent
        self._tracker = tracker
        self._decodes = parent.decodes(self._report)
        # Unbounded, but a handful for each utterance, and utterances take their time.
        self._answers: asyncio.Queue[_Answer | _Retraction | stt.SpeechEvent | None] = (
            asyncio.Queue()
        )
        self._speculation: _Answer | None = None
        self._open_finals = 0
        """Finals that are promised and not told yet."""
        self._flush_at: list[int] = []
        """Samples after which a flush is due."""
        self._pushed = 0
        self._heard = 0

    async def _run(self) -> None:
        detector = self._parent.detector()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen(detector))
                group.create_task(self._follow(detector))
                group.create_task(self._tell_all())
        finally:
            await self._decodes.aclose()
            await detector.aclose()

    async def _listen(self, detector: VADStream) -> None:
        """Hand the caller's sound to the detector."""
        async for item in self._input_ch:
            if isinstance(item, rtc.AudioFrame):
                frame = mono(item)
                self._pushed += frame.samples_per_channel
                detector.push_frame(frame)
            else:
                self._flush_at.append(self._pushed)
                self._flush_if_due()
        detector.end_input()

    async def _follow(self, detector: VADStream) -> None:
        """Turn what the detector says into decodes."""
        async for event in detector:
            self._act(self._actions(event))
            self._flush_if_due()
        self._heard = self._pushed
        self._flush_if_due()
        if self._tracker.speaking:
            self._act(self._tracker.ended(self._heard / SAMPLE_RATE))
        self._answers.put_nowait(None)

    def _actions(self, event: VADEvent) -> list[Action]:
        at_s = event.samples_index / SAMPLE_RATE
        match event.type:
            case VADEventType.START_OF_SPEECH:
                return self._tracker.started(_bytes(event), at_s)
            case VADEventType.END_OF_SPEECH:
                return self._tracker.ended(at_s)
            case _:
                self._heard = event.samples_index
                return self._tracker.window(_bytes(event), event.probability, at_s)

    def _flush_if_due(self) -> None:
        """Answer a flush once the detector has heard all sound before it (but for a window)."""
        while self._flush_at and self._heard > self._flush_at[0] - _WINDOW_SAMPLES:
            self._flush_at.pop(0)
            self._act(self._tracker.flush())
            if not self._open_finals:
                self._answers.put_nowait(self._event(_Type.FINAL_TRANSCRIPT, None))

    def _act(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Started():
                    self._answers.put_nowait(stt.SpeechEvent(type=_Type.START_OF_SPEECH))
                case Speculate():
                    self._speculate(action)
                case Resumed():
                    self._take_back()
                case Finish():
                    self._finish(action)
                case Ended():
                    self._answers.put_nowait(stt.SpeechEvent(type=_Type.END_OF_SPEECH))

    def _speculate(self, action: Speculate) -> None:
        decode = self._decodes.begin("preflight", action.pcm)
        self._speculation = _Answer(decode, action.end_s, _seconds(action.pcm), final=False)
        self._answers.put_nowait(self._speculation)

    def _take_back(self) -> None:
        preflight, self._speculation = self._speculation, None
        if preflight is not None:
            preflight.superseded = True
            preflight.decode.cancel()
            self._answers.put_nowait(_Retraction(preflight))

    def _finish(self, action: Finish) -> None:
        preflight, self._speculation = self._speculation, None
        if action.reuse and preflight is not None:
            preflight.superseded = True
            decode = self._decodes.promote(preflight.decode, action.pcm, action.end_s)
        else:
            kind: Kind = "clause" if action.clause else "final"
            decode = self._decodes.begin(kind, action.pcm, action.end_s)
        self._open_finals += 1
        self._answers.put_nowait(_Answer(decode, action.end_s, _seconds(action.pcm), final=True))
        if action.last:
            self._answers.put_nowait(stt.SpeechEvent(type=_Type.END_OF_SPEECH))

    async def _tell_all(self) -> None:
        """Send events in the order of speech, waiting for each decode in turn."""
        while (item := await self._answers.get()) is not None:
            if isinstance(item, stt.SpeechEvent):
                self._event_ch.send_nowait(item)
            elif isinstance(item, _Retraction):
                self._retract(item.preflight)
            else:
                await asyncio.wait({item.decode})
                self._tell(item)

    def _tell(self, answer: _Answer) -> None:
        transcript = None if answer.decode.cancelled() else answer.decode.result()
        if answer.final:
            self._open_finals -= 1
            event = self._event(_Type.FINAL_TRANSCRIPT, transcript, answer.end_s)
            if transcript is None:
                event.alternatives[0].metadata = {"failed": True}
            self._event_ch.send_nowait(event)
            if transcript is not None:
                added_s = round(time.monotonic() - answer.asked_s, 4)
                extra = {"recogniser_s": added_s, "duration_s": answer.duration_s}
                _log.info("utterance heard", extra=extra)
            usage = stt.RecognitionUsage(audio_duration=answer.duration_s)
            self._event_ch.send_nowait(
                stt.SpeechEvent(type=_Type.RECOGNITION_USAGE, recognition_usage=usage)
            )
        elif transcript is not None and transcript.text and not answer.superseded:
            answer.told = True
            event = self._event(_Type.PREFLIGHT_TRANSCRIPT, transcript, answer.end_s)
            self._event_ch.send_nowait(event)

    def _retract(self, preflight: _Answer) -> None:
        """The framework drops what it prepared on a preflight when an interim follows it."""
        if preflight.told:
            transcript = preflight.decode.result()
            event = self._event(_Type.INTERIM_TRANSCRIPT, transcript, preflight.end_s)
            self._event_ch.send_nowait(event)

    def _event(
        self, kind: stt.SpeechEventType, transcript: Transcript | None, end_s: float = 0.0
    ) -> stt.SpeechEvent:
        end_s += self.start_time_offset if end_s else 0.0
        return stt.SpeechEvent(
            type=kind, alternatives=[speech_data(transcript, self._parent.language, end_s)]
        )

    def _report(self, error: EngineError) -> None:
        self._emit_error(APIConnectionError(str(error)), recoverable=True)


def _bytes(event: VADEvent) -> bytes:
    return b"".join(bytes(frame.data) for frame in event.frames)


def _seconds(pcm: bytes) -> float:
    return len(pcm) / 2 / SAMPLE_RATE
