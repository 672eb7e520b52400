"""How loud speech is, and bringing it to one level (pure).

Every voice and engine is played at one *active* level: that of the time in which somebody speaks,
pauses left out. The gain is one number for each voice, so no word pumps; a soft limiter takes the
few peaks that a gain would push over full scale.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

TARGET_RMS = 2_600.0
"""Active level of all we say, int16 units: -19 dBm0, which RFC 7874 section 4 asks of a WebRTC
endpoint for active speech, after ITU-T G.169 and G.115."""
TARGET_DBOV = 20 * math.log10(TARGET_RMS / 32_768)
"""The same against full scale: -22.0 dBov."""
FLOOR_DBOV = -120.0
"""Level given for silence."""
LARGEST_GAIN_DB = 20.0
"""A voice farther away than this from the target is broken, not quiet."""

# ITU-T P.56 (12/2011), 8.3: the values of method B.
_SMOOTHING_S = 0.03
_HANGOVER_S = 0.2
_MARGIN_DB = 15.9
_BLOCK_S = 0.005
"""The envelope is followed in steps of this length, not sample by sample; 0.1 dB at most."""
_THRESHOLDS = 2.0 ** np.arange(15)
_KNEE = 0.75 * 32_768
_CEILING = 0.97 * 32_768


def active_level_dbov(samples: NDArray[np.int16], sample_rate: int) -> float:
    """Active speech level after ITU-T P.56, method B, in dB against full scale.

    Args:
        samples: int16 mono.
        sample_rate: hertz.

    Returns:
        At least :data:`FLOOR_DBOV`, which is also given for silence.
    """
    step = max(1, round(_BLOCK_S * sample_rate))
    blocks = samples[: len(samples) // step * step].astype(np.float64).reshape(-1, step)
    energy = float(np.sum(blocks**2))
    if energy <= 0.0:
        return FLOOR_DBOV
    envelope = _envelope(np.mean(np.abs(blocks), axis=1), step / sample_rate)
    hangover = round(_HANGOVER_S * sample_rate / step)
    above = FLOOR_DBOV, -math.inf
    for threshold in _THRESHOLDS:
        active = _active_blocks(envelope >= threshold, hangover) * step
        if not active:
            break
        level = 10 * math.log10(energy / active / 32_768**2)
        over = level - 20 * math.log10(threshold / 32_768) - _MARGIN_DB
        if over <= 0.0:
            return _between(above, (level, over))
        above = level, over
    return max(above[0], FLOOR_DBOV)


def gain_db(level_dbov: float) -> float:
    """Gain that brings a voice of this active level to the target; none for one without sound."""
    if level_dbov <= FLOOR_DBOV:
        return 0.0
    return max(-LARGEST_GAIN_DB, min(LARGEST_GAIN_DB, TARGET_DBOV - level_dbov))


def levelled(pcm: bytes, gain: float) -> bytes:
    """PCM (int16 mono) with a gain in dB; never clipped.

    Up to three quarters of full scale it is linear; what is louder is bent smoothly below full
    scale. It looks at one sample at a time, so a stream sounds the same however it is cut.
    """
    if gain == 0.0 or not pcm:
        return pcm
    samples = np.frombuffer(pcm, np.int16).astype(np.float32) * np.float32(10 ** (gain / 20))
    loud = np.flatnonzero(np.abs(samples) > _KNEE)
    if loud.size:
        over = (np.abs(samples[loud]) - _KNEE) / (_CEILING - _KNEE)
        bent = _KNEE + (_CEILING - _KNEE) * np.tanh(over)
        samples[loud] = np.copysign(bent, samples[loud])
    return bytes(np.rint(samples).astype(np.int16))


def _envelope(means: NDArray[np.float64], step_s: float) -> NDArray[np.float64]:
    keep = math.exp(-step_s / _SMOOTHING_S)
    out = np.empty_like(means)
    once = twice = 0.0
    for at, mean in enumerate(means.tolist()):
        once = keep * once + (1 - keep) * mean
        twice = keep * twice + (1 - keep) * once
        out[at] = twice
    return out


def _active_blocks(loud: NDArray[np.bool_], hangover: int) -> int:
    """Blocks that are loud, or at most ``hangover`` blocks after one that was."""
    index = np.arange(loud.size)
    last = np.maximum.accumulate(np.where(loud, index, -hangover - 1))
    return int(np.count_nonzero(index - last <= hangover))


def _between(above: tuple[float, float], below: tuple[float, float]) -> float:
    """The level where the margin is met, between two thresholds 6 dB apart."""
    if math.isinf(above[1]):
        return below[0]
    share = above[1] / (above[1] - below[1])
    return above[0] + share * (below[0] - above[0])
