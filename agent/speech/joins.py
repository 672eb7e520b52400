"""How pieces of speech are put end to end (pure): silence trimmed off, a breath put between.

Samples are int16 mono little-endian at :data:`SAMPLE_RATE`. Recorded and freshly synthesised
pieces go through the same trimming, so a caller cannot hear which is which.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 22_050
"""Hertz of everything our own voice says; the same as espeak-ng's."""

_QUIET = 100
"""Absolute sample value under which a sample counts as silence (about -50 dBFS)."""
_KEPT_BEFORE = SAMPLE_RATE * 12 // 1000
"""Samples kept before the first loud one: the soft onset of a consonant."""
_KEPT_AFTER = SAMPLE_RATE * 25 // 1000
"""Samples kept after the last loud one: a vowel's fading."""

_SENTENCE_PAUSE_S = 0.22
_CLAUSE_PAUSE_S = 0.12
_WORD_PAUSE_S = 0.06
_CLOSERS = "\"')]}»”’"


class SilenceTrimmer:
    """Cuts silence off both ends of a stream; silence inside stays. One per stream."""

    def __init__(self) -> None:
        self._held: NDArray[np.int16] = np.zeros(0, np.int16)
        self._half_sample = b""
        self._started = False

    def push(self, pcm: bytes) -> bytes:
        """Take a chunk of any length; give what surely belongs to the speech so far.

        What follows the last loud sample is held back and dropped if nothing loud comes.
        """
        raw = self._half_sample + pcm
        whole = len(raw) - len(raw) % 2
        self._half_sample = raw[whole:]
        samples = np.concatenate((self._held, np.frombuffer(raw[:whole], np.int16)))
        loud = np.flatnonzero(np.abs(samples.astype(np.int32)) >= _QUIET)
        if not loud.size:
            self._held = samples if self._started else samples[-_KEPT_BEFORE:]
            return b""
        begin = 0 if self._started else max(0, int(loud[0]) - _KEPT_BEFORE)
        end = min(samples.size, int(loud[-1]) + 1 + _KEPT_AFTER)
        self._started = True
        self._held = samples[end:]
        return samples[begin:end].tobytes()


def pause_after_s(text: str) -> float:
    """Seconds of silence between a piece that ends like ``text`` and the next one."""
    end = text.rstrip().rstrip(_CLOSERS)[-1:]
    if end and end in ".?!…।":
        return _SENTENCE_PAUSE_S
    return _CLAUSE_PAUSE_S if end and end in ",;:–—" else _WORD_PAUSE_S


def silence(duration_s: float) -> bytes:
    """PCM silence of ``duration_s`` seconds."""
    return bytes(2 * round(duration_s * SAMPLE_RATE))
