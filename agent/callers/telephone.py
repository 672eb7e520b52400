"""What a telephone does to a voice: 8 kHz, 300 to 3,400 Hz, mu-law; pure functions on PCM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import soxr

if TYPE_CHECKING:
    from numpy.typing import NDArray

PHONE_RATE = 8_000
"""Hertz on a telephone line (ITU-T G.711)."""
BAND_HZ = (300.0, 3_400.0)
"""The telephone band (ITU-T G.712)."""
SPEECH_RMS = 2_300.0
"""Level a caller is brought to, int16 units: -23 dBFS, usual for active speech on a line."""
_EDGE_HZ = 100.0
_FRAME = PHONE_RATE // 50
_MU = 255.0


def over_telephone(pcm: NDArray[np.int16], sample_rate: int) -> NDArray[np.int16]:
    """A voice (int16 mono at ``sample_rate`` hertz) as it leaves a telephone line at 8 kHz."""
    if not pcm.size:
        return pcm
    narrow = soxr.resample(pcm.astype(np.float64), sample_rate, PHONE_RATE, quality="HQ")
    return mu_law(to_level(band_pass(narrow)))


def resample(pcm: NDArray[np.int16], from_rate: int, to_rate: int) -> NDArray[np.int16]:
    """The same sound at another sample rate, int16 mono."""
    if from_rate == to_rate or not pcm.size:
        return pcm
    wide = soxr.resample(pcm.astype(np.float64), from_rate, to_rate, quality="HQ")
    return _int16(wide)


def band_pass(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """The telephone band of a sound at 8 kHz; edges of 100 Hz keep it from ringing."""
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(len(samples), 1 / PHONE_RATE)
    rising = np.clip((hertz - (BAND_HZ[0] - _EDGE_HZ)) / _EDGE_HZ, 0.0, 1.0)
    falling = np.clip(((BAND_HZ[1] + _EDGE_HZ) - hertz) / _EDGE_HZ, 0.0, 1.0)
    return np.fft.irfft(spectrum * rising * falling, len(samples))


def low_pass(samples: NDArray[np.float64], hertz: float) -> NDArray[np.float64]:
    """A sound at 8 kHz without what lies above ``hertz``; the edge is an octave wide."""
    spectrum = np.fft.rfft(samples)
    height = np.fft.rfftfreq(len(samples), 1 / PHONE_RATE)
    return np.fft.irfft(spectrum * np.clip(2.0 - height / hertz, 0.0, 1.0), len(samples))


def to_level(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same sound with its voiced part at :data:`SPEECH_RMS`; silence stays silence."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    power = np.mean(frames**2, axis=1)
    voiced = power[power > 0.01 * np.max(power, initial=0.0)]
    rms = float(np.sqrt(np.mean(voiced))) if voiced.size else 0.0
    return samples * (SPEECH_RMS / rms) if rms > 1.0 else samples


def mu_law(samples: NDArray[np.float64]) -> NDArray[np.int16]:
    """Through 8-bit mu-law and back: the quantisation a caller on a line is heard with."""
    unit = np.clip(samples / 32768.0, -1.0, 1.0)
    pressed = np.sign(unit) * np.log1p(_MU * np.abs(unit)) / np.log1p(_MU)
    code = np.rint(pressed * 127.0) / 127.0
    spread = np.sign(code) * np.expm1(np.abs(code) * np.log1p(_MU)) / _MU
    return _int16(spread * 32768.0)


def _int16(samples: NDArray[np.float64]) -> NDArray[np.int16]:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
