"""A detector that hears the caller and not the room behind him.

The network tells how likely each 32 ms are speech; :class:`~agent.speech.foreground.Foreground`
tells whether they can be the caller's. Only both together begin or keep up speech.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import numpy as np
from livekit import rtc
from livekit.agents import vad

from agent.speech.foreground import Foreground, level_db

_LONGEST_S = 60.0
"""Sound of one utterance that is kept for the event of its end; as LiveKit's own detectors do."""
_Type = vad.VADEventType


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When speech begins and ends."""

    speech_above: float
    """Probability from which a window is speech."""
    silent_below: float
    """Probability under which speech has stopped."""
    min_speech_s: float
    """Shorter bursts are no speech."""
    min_silence_s: float
    """Silence that ends it."""
    padding_s: float
    """Sound given with the beginning, from before it."""


class ForegroundVAD(vad.VAD):
    """Gives LiveKit's events of speech, made anew from the probabilities of another detector.

    Args:
        inner: the detector; may be shared by all calls: each stream has levels of its own.
        thresholds: of this one; those of ``inner`` do not matter.
    """

    def __init__(self, inner: vad.VAD, thresholds: Thresholds) -> None:
        super().__init__(capabilities=inner.capabilities)
        self._inner = inner
        self._thresholds = thresholds

    @property
    def model(self) -> str:
        """Name in metrics."""
        return self._inner.model

    @property
    def provider(self) -> str:
        """Name in metrics."""
        return self._inner.provider

    @property
    def min_silence_duration(self) -> float:
        """Seconds of silence that end speech; LiveKit looks at it."""
        return self._thresholds.min_silence_s

    def stream(self) -> vad.VADStream:
        """Listen to one line."""
        return _ForegroundStream(self, self._inner.stream(), self._thresholds)


class _ForegroundStream(vad.VADStream):
    """Sound goes to the inner stream as it comes; of its events only the readings count."""

    def __init__(self, parent: ForegroundVAD, inner: vad.VADStream, limits: Thresholds) -> None:
        super().__init__(parent)
        self._inner = inner
        self._limits = limits
        self._foreground = Foreground()
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._heard = bytearray()
        """Sound of the utterance, padding included, int16 mono; else the padding alone."""
        self._speaking = False
        self._speech_s = self._silence_s = 0.0
        """How long it has been speech, or silence, for others."""
        self._run_speech_s = self._run_silence_s = 0.0
        """How long the windows have said so without a break."""
        self._at = 0

    async def aclose(self) -> None:
        """Close both streams."""
        await super().aclose()
        await self._inner.aclose()

    async def _main_task(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read())
            async for item in self._input_ch:
                if isinstance(item, rtc.AudioFrame):
                    self._inner.push_frame(item)
                else:
                    self._inner.flush()
            self._inner.end_input()

    async def _read(self) -> None:
        async for event in self._inner:
            if event.type is not _Type.INFERENCE_DONE or not event.frames:
                continue
            if event.samples_index < self._at:  # flushed: a segment of its own begins
                self._begin_anew()
            self._at = event.samples_index
            self._window(event)

    def _window(self, event: vad.VADEvent) -> None:
        frame, limits = event.frames[0], self._limits
        seconds = frame.duration
        pcm = bytes(frame.data)
        mine = self._foreground.hears(level_db(np.frombuffer(pcm, np.int16)), seconds)
        probability = event.probability if mine else 0.0
        if len(self._heard) < _LONGEST_S * 2 * frame.sample_rate:
            self._heard += pcm
        if self._speaking:
            self._speech_s += seconds
        else:
            self._silence_s += seconds
        self._event_ch.send_nowait(
            replace(
                event,
                probability=probability,
                speaking=self._speaking,
                # without the silence that may end it: a nod is no longer than it sounds
                speech_duration=max(0.0, self._speech_s - self._run_silence_s),
                silence_duration=self._silence_s,
                raw_accumulated_speech=self._run_speech_s,
                raw_accumulated_silence=self._run_silence_s,
            )
        )
        goes_on = self._speaking and probability > limits.silent_below
        if probability >= limits.speech_above or goes_on:
            self._run_speech_s, self._run_silence_s = self._run_speech_s + seconds, 0.0
            if not self._speaking and self._run_speech_s >= limits.min_speech_s:
                self._begin(event)
        else:
            self._run_speech_s, self._run_silence_s = 0.0, self._run_silence_s + seconds
            if not self._speaking:
                self._trim(frame.sample_rate)
            elif self._run_silence_s >= limits.min_silence_s:
                self._end(event)

    def _begin(self, event: vad.VADEvent) -> None:
        self._speaking = True
        self._speech_s, self._silence_s = self._run_speech_s, 0.0
        self._tell(_Type.START_OF_SPEECH, event)

    def _end(self, event: vad.VADEvent) -> None:
        self._speaking = False
        self._speech_s = max(0.0, self._speech_s - self._run_silence_s)
        self._silence_s = self._run_silence_s
        self._tell(_Type.END_OF_SPEECH, event)
        self._speech_s = 0.0
        self._trim(event.frames[0].sample_rate)

    def _tell(self, kind: vad.VADEventType, event: vad.VADEvent) -> None:
        rate = event.frames[0].sample_rate
        pcm = bytes(self._heard)
        self._event_ch.send_nowait(
            vad.VADEvent(
                type=kind,
                samples_index=event.samples_index,
                timestamp=event.timestamp,
                speech_duration=self._speech_s,
                silence_duration=self._silence_s,
                frames=[rtc.AudioFrame(pcm, rate, 1, len(pcm) // 2)],
                speaking=self._speaking,
            )
        )

    def _trim(self, sample_rate: int) -> None:
        """Keep the padding only."""
        kept = 2 * round(self._limits.padding_s * sample_rate)
        del self._heard[: max(0, len(self._heard) - kept)]
