"""Sounds of a telephone line that are nobody's words, made from a seed; int16 mono at 16 kHz.

What a recogniser must stay silent at: hold music, a street, a muted telephone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agent.callers.telephone import PHONE_RATE, over_telephone, resample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.speech.audio import Samples

RATE = 16_000
"""Hertz of these sounds."""
_PEAK = 20_000
_CHORDS = ((220.0, 277.2, 329.6), (196.0, 246.9, 293.7), (174.6, 220.0, 261.6))
_LINE_NOISE_RMS = 12.0


def hold_music(seconds: float, seed: int = 0) -> Samples:
    """Chords with overtones, an attack each and a little vibrato, over a telephone."""
    rng = np.random.default_rng(seed)
    parts: list[NDArray[np.float64]] = []
    while sum(len(part) for part in parts) < seconds * RATE:
        t = np.arange(int(RATE * rng.choice([0.4, 0.8, 1.6]))) / RATE
        vibrato = 1 + 0.003 * np.sin(2 * np.pi * 5.5 * t)
        tone = np.zeros(len(t))
        for note in _CHORDS[rng.integers(len(_CHORDS))]:
            for overtone in range(1, 7):
                phase = rng.uniform(0, 2 * np.pi)
                tone += np.sin(2 * np.pi * note * overtone * t * vibrato + phase) / overtone**1.5
        parts.append(tone * np.minimum(1.0, t / 0.02) * np.exp(-1.2 * t))
    return _on_the_line(np.concatenate(parts)[: int(seconds * RATE)])


def traffic(seconds: float, seed: int = 0) -> Samples:
    """A street: low rumble that swells as vehicles pass, and now and then a horn."""
    rng = np.random.default_rng(seed)
    length = int(seconds * RATE)
    hertz = np.fft.rfftfreq(length, 1 / RATE)
    colour = 1 / np.maximum(hertz, 80.0) ** 0.8
    rumble = np.fft.irfft(np.fft.rfft(rng.normal(0, 1, length)) * colour, length)
    t = np.arange(length) / RATE
    swell = 0.4 + sum(
        np.exp(-(((t - at) / width) ** 2))
        for at, width in zip(
            rng.uniform(0, seconds, int(seconds / 3) + 1),
            rng.uniform(0.8, 2.5, int(seconds / 3) + 1),
            strict=True,
        )
    )
    sound = rumble / rumble.std() * swell
    for at in rng.uniform(0, seconds - 1, int(seconds / 8)):
        horn = (t >= at) & (t < at + rng.uniform(0.2, 0.6))
        sound += horn * (np.sin(2 * np.pi * 420 * t) + np.sin(2 * np.pi * 510 * t))
    return _on_the_line(sound)


def hiss(seconds: float, seed: int = 0) -> Samples:
    """The even hiss of a bad connection, in the telephone band."""
    rng = np.random.default_rng(seed)
    return _on_the_line(rng.normal(0, 1, int(seconds * RATE)))


def muted(seconds: float, seed: int = 0) -> Samples:
    """A line on which nobody speaks: the noise of the line alone."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, _LINE_NOISE_RMS, int(seconds * RATE)).astype(np.int16)


def _on_the_line(sound: NDArray[np.float64]) -> Samples:
    loud = np.rint(sound / np.abs(sound).max() * _PEAK).astype(np.int16)
    return resample(over_telephone(loud, RATE), PHONE_RATE, RATE)
