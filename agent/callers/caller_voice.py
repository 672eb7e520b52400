"""A caller's voice: the embedded voice in a variant no model was trained on, over a telephone."""

from __future__ import annotations

import asyncio
import re
import zlib
from typing import TYPE_CHECKING, Protocol

import numpy as np

from agent.callers.audio_io import LINE_RATE
from agent.callers.telephone import PHONE_RATE, SPEECH_RMS, over_telephone, resample
from agent.speech.voice import VOICE_SAMPLE_RATE, one_shot

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from numpy.typing import NDArray

HELD_OUT_VOICES = ("ta+f5", "ta+m7", "ta+linda")
"""espeak-ng variants kept out of all training data (training/README.md)."""
CALLER_RATE = 150
"""Words a minute: people speak slower to a machine than to each other."""
_SOUND = re.compile(r"\([^)]*\)")
_NOISE_S = 0.6


class Speaks(Protocol):
    """What renders text to sound: the voice process's client."""

    def synthesize(
        self, text: str, *, voice: str, rate: int, pitch: int = 50
    ) -> AsyncGenerator[bytes, None]:
        """PCM of a text, int16 mono at 22,050 Hz."""
        ...


class OneShotVoice:
    """The embedded voice without a voice process: for a few utterances, a process each."""

    async def synthesize(
        self, text: str, *, voice: str, rate: int, pitch: int = 50
    ) -> AsyncGenerator[bytes, None]:
        """PCM of a text in one chunk, int16 mono at 22,050 Hz.

        Raises:
            VoiceUnavailable: it failed.
            UsageError: there is no such voice.
        """
        yield await one_shot(text, voice=voice, rate=rate, pitch=pitch)


def voice_for(call_id: str) -> str:
    """The held-out voice of a call: always the same for the same id."""
    return HELD_OUT_VOICES[zlib.crc32(call_id.encode()) % len(HELD_OUT_VOICES)]


async def render(speaks: Speaks, text: str, voice: str) -> NDArray[np.int16]:
    """One utterance at 8 kHz as a telephone delivers it; words in brackets are a noise.

    Raises:
        VoiceUnavailable: the voice process does not answer.
        UsageError: there is no such voice.
    """
    chunks = [c async for c in speaks.synthesize(_spoken(text), voice=voice, rate=CALLER_RATE)]
    pcm = np.frombuffer(b"".join(chunks), np.int16)
    clip = await asyncio.to_thread(over_telephone, pcm, VOICE_SAMPLE_RATE)
    return np.concatenate([clip, _noise(text)]) if _SOUND.search(text) else clip


async def render_all(
    speaks: Speaks, texts: Iterable[str], voice: str
) -> dict[str, NDArray[np.int16]]:
    """Utterances by text, int16 mono at the line's 16 kHz, made before the call begins."""
    clips: dict[str, NDArray[np.int16]] = {}
    for text in texts:
        clips[text] = resample(await render(speaks, text, voice), PHONE_RATE, LINE_RATE)
    return clips


def _spoken(text: str) -> str:
    return _SOUND.sub(" ", text).strip()


def _noise(text: str) -> NDArray[np.int16]:
    """A burst of noise, half as loud as speech; the same for the same text."""
    source = np.random.default_rng(zlib.crc32(text.encode()))
    burst = source.normal(0.0, SPEECH_RMS / 2, round(_NOISE_S * PHONE_RATE))
    return np.clip(burst, -32768, 32767).astype(np.int16)
