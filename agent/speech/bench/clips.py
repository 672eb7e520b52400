"""What the callers of the bench say: the same utterances for everybody, made anew from a seed.

Espeak-ng speaks them (in processes of its own, as everywhere) and a telephone band cuts them. How
well they are understood is measured elsewhere (``training.score``); here only their lengths and
their kind of sound count.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from agent.errors import UnreadableInput
from agent.speech.audio import Samples, read_audio, resample
from agent.speech.espeak import SAMPLE_RATE as VOICE_RATE
from agent.speech.features import SAMPLE_RATE
from agent.speech.voice import one_shot

SEED = 20261121
MEDIAN_S, MEAN_S = 2.8, 3.6
"""Length of an utterance, log-normal: the call model the capacity was planned with (assumed, until
call logs of our own replace it)."""
SHORTEST_S, LONGEST_S = 0.6, 12.0
"""Beyond the first is no speech; at the second a call cuts (:mod:`agent.speech.utterance`)."""
LEAD_S, TAIL_S = 0.4, 0.25
"""Silence around the speech, as a call delivers it: kept from before the detector fired, and what
ends an utterance."""
MOST_FILES = 500
VOICES = ("ta", "ta+f1", "ta+f4", "ta+m2", "ta+m3", "ta+m7", "ta+linda")
"""Without those that breathe: their noise is another one every second."""
_WORD_S = 0.38
"""A word of the shortest kind: so many are enough for any length."""
_LINE_RATE = 8_000
_BAND_HZ = (300.0, 3_400.0)
_MU = 255.0
_SENTENCES = Path(__file__).with_name("sentences.txt")
_AT_ONCE = 2


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One utterance."""

    samples: Samples
    """16 kHz."""

    @property
    def duration_s(self) -> float:
        """With the silence around it."""
        return len(self.samples) / SAMPLE_RATE

    @property
    def pcm(self) -> bytes:
        """As it goes over the link."""
        return self.samples.tobytes()


def lengths_s(count: int, rng: np.random.Generator) -> list[float]:
    """How long ``count`` utterances last, seconds of speech; in any order.

    Evenly spaced quantiles and not chance: a few must stand for many, the long ones too.
    """
    normal = NormalDist(math.log(MEDIAN_S), math.sqrt(2 * math.log(MEAN_S / MEDIAN_S)))
    drawn = [math.exp(normal.inv_cdf((i + 0.5) / count)) for i in range(count)]
    return [min(max(drawn[i], SHORTEST_S), LONGEST_S) for i in rng.permutation(count)]


async def make_clips(count: int, seed: int = SEED) -> list[Clip]:
    """Speak ``count`` utterances; the same for the same seed.

    Raises:
        VoiceUnavailable: espeak-ng cannot be used.
    """
    rng = np.random.default_rng(seed)
    sentences = _sentences()
    plans = [
        (
            length,
            _text(length, sentences, rng),
            str(rng.choice(VOICES)),
            int(rng.integers(135, 190)),
        )
        for length in lengths_s(count, rng)
    ]
    free = asyncio.Semaphore(_AT_ONCE)

    async def one(length_s: float, text: str, voice: str, rate: int) -> Clip:
        async with free:
            pcm = await one_shot(text, voice=voice, rate=rate)
        spoken = cut(np.frombuffer(pcm, np.int16), length_s, VOICE_RATE)
        return Clip(_framed(over_telephone(spoken, VOICE_RATE)))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(*plan)) for plan in plans]
    return [task.result() for task in tasks]


def read_clips(folder: Path) -> list[Clip]:
    """The recordings of a folder, in the order of their names, brought to 16 kHz as they are.

    Raises:
        UnreadableInput: one sentence: no folder, nothing in it, or not sound.
    """
    if not folder.is_dir():
        raise UnreadableInput(f"{folder} is not a folder with WAV files.")
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() == ".wav")[:MOST_FILES]
    if not paths:
        raise UnreadableInput(f"There is no WAV file in {folder}.")
    return [
        Clip(read_audio(path, sample_rate=SAMPLE_RATE, max_duration_s=LONGEST_READ_S).samples)
        for path in paths
    ]


LONGEST_READ_S = 16.0
"""Longest recording: what faster-whisper's own limit of tokens holds at 25 a second."""


def cut(samples: Samples, length_s: float, rate: int) -> Samples:
    """About ``length_s`` of the beginning, ended where it is quietest within a quarter second."""
    window = rate // 50
    usable = samples[: len(samples) // window * window].reshape(-1, window)
    wanted = round(length_s * 50)
    if wanted >= len(usable):
        return samples
    first = max(1, wanted - 12)
    levels = np.mean(np.square(usable[first : wanted + 13], dtype=np.float64), axis=1)
    return samples[: (first + int(np.argmin(levels))) * window]


def over_telephone(samples: Samples, rate: int) -> Samples:
    """The sound as it leaves a telephone line (300 to 3,400 Hz, 8-bit mu-law), at 16 kHz."""
    narrow = resample(samples, rate, _LINE_RATE).astype(np.float64)
    spectrum = np.fft.rfft(narrow)
    hertz = np.fft.rfftfreq(len(narrow), 1 / _LINE_RATE)
    spectrum[(hertz < _BAND_HZ[0]) | (hertz > _BAND_HZ[1])] = 0
    unit = np.clip(np.fft.irfft(spectrum, len(narrow)) / 32768, -1, 1)
    pressed = np.sign(unit) * np.log1p(_MU * np.abs(unit)) / np.log1p(_MU)
    code = np.rint(pressed * 127) / 127
    spread: NDArray[np.float64] = np.sign(code) * np.expm1(np.abs(code) * np.log1p(_MU)) / _MU
    line = np.clip(np.rint(spread * 32768), -32768, 32767).astype(np.int16)
    return resample(line, _LINE_RATE, SAMPLE_RATE)


def _framed(samples: Samples) -> Samples:
    before, after = (np.zeros(round(s * SAMPLE_RATE), np.int16) for s in (LEAD_S, TAIL_S))
    return np.concatenate([before, samples, after])


def _sentences() -> list[str]:
    lines = _SENTENCES.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _text(length_s: float, sentences: Sequence[str], rng: np.random.Generator) -> str:
    """More than can be said in that time."""
    words: list[str] = []
    while len(words) * _WORD_S < length_s + 0.5:
        words += sentences[int(rng.integers(len(sentences)))].split()
    return " ".join(words)
