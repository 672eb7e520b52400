"""From clean speech to a telephone line: levels, noise, band edges, mu-law; and lines with none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import numpy as np
import soxr

LINE_RATE = 8_000
MODEL_RATE = 16_000


@dataclass(frozen=True, slots=True)
class Clip:
    """What the model hears."""

    samples: np.ndarray
    """Mono float32 in -1..1 at MODEL_RATE."""
    speech_start_s: float
    speech_end_s: float


class Telephone:
    """Random telephone lines; the same two generators give the same lines."""

    def __init__(self, rng: Random, noise: np.random.Generator) -> None:
        """Take the generators over; both are advanced by every call."""
        self._rng = rng
        self._noise = noise

    def carry(self, speech: np.ndarray, rate: int, *, light: bool = False) -> Clip:
        """Return speech (float32 at `rate`) after one random line; `light` hardly harms it."""
        rng = self._rng
        line_rate = MODEL_RATE if rng.random() < 0.12 else LINE_RATE
        speech = soxr.resample(speech, rate, line_rate, quality=rng.choice(["LQ", "HQ"]))
        # Squared: long silences happen, but most of the time is for speech.
        lead = 0.05 + 0.3 * rng.random() if light else 0.8 * rng.random() ** 2
        tail = 0.05 + 0.4 * rng.random() if light else 0.05 + 1.1 * rng.random() ** 2
        x = np.concatenate(
            [
                np.zeros(int(lead * line_rate), np.float32),
                speech.astype(np.float32),
                np.zeros(int(tail * line_rate), np.float32),
            ]
        )
        x *= 10 ** (rng.uniform(-24, -1) / 20) / (np.abs(x).max() + 1e-6)
        if rng.random() < 0.72:
            level = np.sqrt((x**2).mean()) + 1e-6
            loudest = 25 if light else 9
            x = x + self._hiss(len(x)) * level * 10 ** (-rng.uniform(loudest, 45) / 20)
        x = self._line(x, light=light) if line_rate == LINE_RATE else np.clip(x, -1, 1)
        return Clip(x.astype(np.float32), lead, lead + len(speech) / line_rate)

    def nothing(self) -> np.ndarray:
        """Return 0.4 to 5 s without speech: silence, hiss, hum, tones, clicks or chords."""
        rng = self._rng
        count = int(rng.uniform(0.4, 5.0) * LINE_RATE)
        t = np.arange(count) / LINE_RATE
        kind = rng.randrange(9)
        if kind == 0:
            x = np.zeros(count, np.float32)
        elif kind <= 2:
            x = self._hiss(count)
        elif kind == 3:
            x = np.sin(2 * np.pi * rng.choice([50, 100, 150, 400, 425, 1000, 440]) * t)
        elif kind == 4:
            x = self._beeps(t)
        elif kind == 5:
            x = self._clicks(count)
        elif kind == 6:
            x = self._chords(t)
        elif kind == 7:
            start, end = rng.uniform(60, 1500), rng.uniform(60, 1500)
            x = np.sin(2 * np.pi * (start * t + (end - start) * t**2 / (2 * t[-1] + 1e-6)))
        else:
            sway = 1 + np.sin(2 * np.pi * rng.uniform(0.2, 4) * t + rng.uniform(0, 6))
            x = self._hiss(count) * sway
        if rng.random() < 0.4:
            x = x + self._hiss(count) * 10 ** rng.uniform(-3, -1)
        x = np.asarray(x, np.float32)
        x *= 10 ** rng.uniform(-5, -0.6) / (np.abs(x).max() + 1e-6)
        return self._line(x, light=rng.random() < 0.5).astype(np.float32)

    def _line(self, x: np.ndarray, *, light: bool) -> np.ndarray:
        rng = self._rng
        if not light and rng.random() < 0.6:
            x = _soft_band(x, LINE_RATE, rng.uniform(120, 320), rng.uniform(3100, 3800))
        if not light and rng.random() < 0.6:
            x = _mu_law(x)
        x = soxr.resample(np.clip(x, -1, 1), LINE_RATE, MODEL_RATE, quality="LQ")
        if rng.random() < (0.3 if light else 0.45):  # steep edges: nothing at all outside the band
            low, high = rng.uniform(80, 350), rng.uniform(3200, 3990)
            x = shape_band(x, MODEL_RATE, lambda f: (f > low) & (f < high))
        return x

    def _hiss(self, count: int) -> np.ndarray:
        x = self._noise.standard_normal(count).astype(np.float32)
        width = self._rng.choice([1, 1, 4, 8])
        return x if width == 1 else np.convolve(x, np.ones(width, np.float32) / 2, "same")

    def _beeps(self, t: np.ndarray) -> np.ndarray:
        rng = self._rng
        low = rng.choice([400, 425, 440, 697, 770, 852, 941])
        high = rng.choice([450, 480, 1209, 1336, 1477, 1633])
        period, part = rng.uniform(0.1, 3.0), rng.uniform(0.2, 0.8)
        tone = np.sin(2 * np.pi * low * t) + np.sin(2 * np.pi * high * t) * (rng.random() < 0.7)
        return tone * ((t / period) % 1 < part)

    def _clicks(self, count: int) -> np.ndarray:
        x = np.zeros(count, np.float32)
        for _ in range(self._rng.randint(1, 12)):
            start, length = self._rng.randrange(count), self._rng.choice([1, 2, 8, 40, 160])
            burst = self._noise.standard_normal(length).astype(np.float32)
            burst *= np.exp(-np.arange(length) / (length / 3)) * self._rng.uniform(0.2, 1)
            x[start : start + length] += burst[: count - start]
        return x

    def _chords(self, t: np.ndarray) -> np.ndarray:
        rng, x = self._rng, np.zeros(len(t))
        beat = rng.uniform(0.15, 0.7)
        for step in range(int(t[-1] / beat) + 1):
            since = t - step * beat
            shape = (since >= 0) * np.exp(-np.maximum(since, 0) * rng.uniform(1, 8))
            for _ in range(rng.randint(1, 3)):
                note = 110 * 2 ** (rng.randint(0, 36) / 12)
                for harmonic in range(1, rng.randint(2, 6)):
                    x += shape * np.sin(2 * np.pi * note * harmonic * since) / harmonic
        return x


def shape_band(x: np.ndarray, rate: int, gain: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return x with each frequency (hertz) multiplied by `gain`."""
    count = -(-len(x) // 1024) * 1024  # a length with a large prime factor took half of all time
    spectrum = np.fft.rfft(x, count) * gain(np.fft.rfftfreq(count, 1 / rate))
    return np.fft.irfft(spectrum, count)[: len(x)]


def _soft_band(x: np.ndarray, rate: int, low: float, high: float) -> np.ndarray:
    return shape_band(
        x, rate, lambda f: 1 / (1 + (low / np.maximum(f, 1)) ** 4) / (1 + (f / high) ** 12)
    )


def _mu_law(x: np.ndarray) -> np.ndarray:
    y = np.clip(x, -1, 1)
    q = np.round(np.sign(y) * np.log1p(255 * np.abs(y)) / np.log(256) * 127) / 127
    return np.sign(q) * (256 ** np.abs(q) - 1) / 255
