"""Plays sentences into a LiveKit room: recorded prompts; a one-shot voice for what is missing."""

from __future__ import annotations

import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, Self

from livekit import rtc
from livekit.agents import APIError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from agent.overload.call import Words
    from agent.speech.tts import PooledTTS

logger = logging.getLogger(__name__)

SAMPLE_RATE = 24_000
"""Hertz of the track, as LiveKit's own agents publish."""
_QUEUE_MS = 200
"""Sound handed to the track ahead of time; what a key silences."""


class RoomSpeaker:
    """The agent's side of the sound of one call. Made by :meth:`publish`."""

    def __init__(self, source: rtc.AudioSource, voices: Mapping[str, PooledTTS]) -> None:
        self._source = source
        self._voices = voices

    @classmethod
    async def publish(cls, room: rtc.Room, voices: Mapping[str, PooledTTS]) -> Self:
        """Publish our track; a phone that rings is answered by that."""
        source = rtc.AudioSource(SAMPLE_RATE, 1, queue_size_ms=_QUEUE_MS)
        track = rtc.LocalAudioTrack.create_audio_track("overload", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await room.local_participant.publish_track(track, options)
        return cls(source, voices)

    async def say(self, words: Sequence[Words]) -> None:
        """Say sentences in turn; returns when they were heard. Cancelled, it falls silent.

        One that nobody can speak is left out: the keys work all the same.
        """
        try:
            for language, text in words:
                try:
                    async for frame in self._sound(language, text):
                        await self._source.capture_frame(frame)
                except APIError as exc:
                    logger.warning("sentence left out", extra={"error": type(exc).__name__})
            await self._source.wait_for_playout()
        finally:
            self._source.clear_queue()

    async def aclose(self) -> None:
        """Let go of the track."""
        await self._source.aclose()

    async def _sound(self, language: str, text: str) -> AsyncIterator[rtc.AudioFrame]:
        voice = self._voices[language]
        resampler = rtc.AudioResampler(voice.sample_rate, SAMPLE_RATE, num_channels=1)
        async with aclosing(voice.synthesize(text)) as sounds:
            async for sound in sounds:
                for frame in resampler.push(sound.frame):
                    yield frame
        for frame in resampler.flush():
            yield frame
