"""A caller's voice: the embedded voice in a variant no model was trained on, over a telephone."""

from __future__ import annotations

import asyncio
import re
import zlib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import numpy as np

from agent.callers.audio_io import LINE_RATE
from agent.callers.line_effects import mixed, mumble, pause
from agent.callers.telephone import PHONE_RATE, SPEECH_RMS, over_telephone, resample
from agent.speech.voice import VOICE_SAMPLE_RATE, one_shot
from agent.tamil.numbers import digits_in
from agent.tamil.words import split_texts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping

    from numpy.typing import NDArray

    from agent.callers.line_kind import LineKind
    from agent.callers.script_file import ScriptedCall
    from agent.speech.audio import Samples

HELD_OUT_VOICES = ("ta+f5", "ta+m7", "ta+linda")
"""espeak-ng variants kept out of all training data (training/README.md)."""
CALLER_RATE = 150
"""Words a minute: people speak slower to a machine than to each other."""
RATE_LIMITS = (80, 400)
"""Slowest and fastest the embedded voice speaks, words a minute."""
BACKCHANNEL = "ம்ம்"
"""What a listener murmurs."""
_KINDS: Mapping[str, tuple[str, int, float]] = MappingProxyType(
    {
        "old": ("ta+m7", 62, 0.85),
        "young": ("ta+f5", 62, 1.05),
        "child": ("ta+linda", 92, 1.0),
        "deep": ("ta+m7", 15, 1.0),
    }
)
"""Kind of voice -> held-out variant, pitch (0 to 99) and pace."""
_CROWD = (
    ("ta+f2", "அந்தக் கடைக்குப் போயிட்டு வந்தேன், அங்க ரொம்பக் கூட்டம்."),
    ("ta+m3", "நாளைக்குக் காலையில எல்லாரும் சீக்கிரமா வந்துடுங்க."),
    ("ta+f5", "என்ன விலை சொல்றீங்க, கொஞ்சம் குறைச்சுக் குடுங்க."),
    ("ta+m7", "பஸ் இன்னும் வரலியே, எப்பத்தான் வருமோ தெரியல."),
)
"""Who talks behind the caller, and what: nothing an office could mend."""
_PAUSED_AT = re.compile(r"(?<=[.?!;,])\s+")
_SOUND = re.compile(r"\([^)]*\)")
_NOISE_S = 0.6


@dataclass(frozen=True, slots=True)
class Manner:
    """How one caller speaks."""

    voice: str
    """An espeak-ng voice."""
    words_per_minute: int = CALLER_RATE
    pitch: int = 50
    """0 to 99."""
    pause_s: float | None = None
    """Between groups of digits and between sentences; None: as the voice does it."""
    mumbles: bool = False


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


def manner_of(script: ScriptedCall, voice: str | None = None) -> Manner:
    """How the caller of a script speaks; ``voice`` takes the place of the voice only."""
    line = script.line
    kind = line.voice if line is not None else None
    own, pitch, pace = _KINDS[kind] if kind else (voice_for(script.id), 50, 1.0)
    slowest, fastest = RATE_LIMITS
    wanted = round(CALLER_RATE * pace * (line.rate if line is not None else 1.0))
    return Manner(
        voice or own,
        min(fastest, max(slowest, wanted)),
        pitch,
        script.pauses_s,
        mumbles=line is not None and line.mumbles,
    )


async def render(speaks: Speaks, text: str, manner: str | Manner) -> NDArray[np.int16]:
    """One utterance at 8 kHz as a telephone delivers it; words in brackets are a noise.

    Args:
        speaks: what makes the sound.
        text: what is said.
        manner: how, or only in which voice.

    Raises:
        VoiceUnavailable: the voice process does not answer.
        UsageError: there is no such voice.
    """
    how = Manner(manner) if isinstance(manner, str) else manner
    parts = _parts(_spoken(text)) if how.pause_s is not None else [_spoken(text)]
    clips = [await _render_part(speaks, part, how) for part in parts]
    clip = clips[0]
    for more in clips[1:]:
        clip = np.concatenate([clip, pause(how.pause_s or 0.0), more])
    return np.concatenate([clip, _noise(text)]) if _SOUND.search(text) else clip


async def _render_part(speaks: Speaks, text: str, how: Manner) -> NDArray[np.int16]:
    sound = speaks.synthesize(text, voice=how.voice, rate=how.words_per_minute, pitch=how.pitch)
    pcm = np.frombuffer(b"".join([chunk async for chunk in sound]), np.int16)
    clip = await asyncio.to_thread(over_telephone, pcm, VOICE_SAMPLE_RATE)
    return mumble(clip, text) if how.mumbles else clip


async def render_all(
    speaks: Speaks, texts: Iterable[str], manner: str | Manner
) -> dict[str, NDArray[np.int16]]:
    """Utterances by text, int16 mono at the line's 16 kHz, made before the call begins."""
    clips: dict[str, NDArray[np.int16]] = {}
    for text in texts:
        clips[text] = resample(await render(speaks, text, manner), PHONE_RATE, LINE_RATE)
    return clips


async def render_babble(speaks: Speaks, line: LineKind | None) -> Samples:
    """People who talk behind the caller, int16 mono at 16 kHz; empty where the line has none."""
    if line is None or line.noise != "babble":
        return np.zeros(0, np.int16)
    voices = [await render_all(speaks, [text], voice) for voice, text in _CROWD]
    return mixed([clip for clips in voices for clip in clips.values()])


def _parts(text: str) -> list[str]:
    """An utterance cut where a person stops for breath: at sentences and between digit groups."""
    parts: list[str] = []
    for piece in _PAUSED_AT.split(text):
        comma = bool(parts) and parts[-1].endswith(",")
        if comma and not (_has_digits(parts[-1]) and _has_digits(piece)):
            parts[-1] += f" {piece}"
        else:
            parts.append(piece)
    return parts or [text]


def _has_digits(text: str) -> bool:
    return bool(digits_in(split_texts(text)))


def _spoken(text: str) -> str:
    return _SOUND.sub(" ", text).strip()


def _noise(text: str) -> NDArray[np.int16]:
    """A burst of noise, half as loud as speech; the same for the same text."""
    source = np.random.default_rng(zlib.crc32(text.encode()))
    burst = source.normal(0.0, SPEECH_RMS / 2, round(_NOISE_S * PHONE_RATE))
    return np.clip(burst, -32768, 32767).astype(np.int16)
