"""What the ears say as events of LiveKit's recogniser interface."""

from __future__ import annotations

import numpy as np
from livekit import rtc
from livekit.agents import stt
from livekit.agents.language import LanguageCode

from agent.speech.transcript import Transcript


def speech_data(transcript: Transcript | None, language: str, end_s: float) -> stt.SpeechData:
    """The words of a piece of sound that ends at ``end_s``; None = no words.

    ``metadata`` has ``dropped`` (reasons) and ``timings`` (seconds by step, see
    :class:`~agent.speech.transcript.Transcript`; ``cloud_s`` alone when the fallback answered).
    """
    if transcript is None:
        return stt.SpeechData(language=LanguageCode(language), text="", end_time=end_s)
    return stt.SpeechData(
        language=LanguageCode(transcript.language),
        text=transcript.text,
        confidence=transcript.confidence,
        start_time=max(0.0, end_s - transcript.duration_s),
        end_time=end_s,
        metadata={
            "dropped": [str(dropped.reason) for dropped in transcript.dropped],
            "timings": transcript.timings,
        },
    )


def mono(frame: rtc.AudioFrame) -> rtc.AudioFrame:
    """The frame with its channels mixed to one."""
    if frame.num_channels == 1:
        return frame
    samples = np.frombuffer(frame.data, dtype=np.int16).reshape(-1, frame.num_channels)
    mixed = samples.mean(axis=1).astype(np.int16)
    return rtc.AudioFrame(mixed.tobytes(), frame.sample_rate, 1, len(mixed))
