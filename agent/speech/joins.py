"""How pieces of speech are put end to end (pure): silence trimmed, edges faded, a breath between.

Samples are int16 mono little-endian at :data:`SAMPLE_RATE`. Recorded and freshly synthesised
pieces go through the same hands, so a caller cannot hear which is which.
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

FADE_S = 0.004
"""Length of a fade at a cut edge: too short to swallow a consonant, long enough not to click."""
_FADE = round(FADE_S * SAMPLE_RATE)
_RISE = (0.5 - 0.5 * np.cos(np.pi * (np.arange(_FADE) + 0.5) / _FADE)).astype(np.float32)
"""Raised cosine from 0 to 1; it and its mirror image add up to 1."""
_NOTHING: NDArray[np.int16] = np.zeros(0, np.int16)

_SENTENCE_PAUSE_S = 0.22
_CLAUSE_PAUSE_S = 0.12
_WORD_PAUSE_S = 0.06
_CLOSERS = "\"')]}»”’"


class SilenceTrimmer:
    """Cuts silence off both ends of a stream; silence inside stays. One per stream."""

    def __init__(self) -> None:
        self._held: NDArray[np.int16] = np.zeros(0, np.int16)
        self._samples = _Samples()
        self._started = False

    def push(self, pcm: bytes) -> bytes:
        """Take a chunk of any length; give what surely belongs to the speech so far.

        What follows the last loud sample is held back and dropped if nothing loud comes.
        """
        samples = np.concatenate((self._held, self._samples.of(pcm)))
        loud = np.flatnonzero(np.abs(samples.astype(np.int32)) >= _QUIET)
        if not loud.size:
            self._held = samples if self._started else samples[-_KEPT_BEFORE:]
            return b""
        begin = 0 if self._started else max(0, int(loud[0]) - _KEPT_BEFORE)
        end = min(samples.size, int(loud[-1]) + 1 + _KEPT_AFTER)
        self._started = True
        self._held = samples[end:]
        return samples[begin:end].tobytes()


class Fader:
    """Lets a stream rise from silence and end in it. One per piece."""

    def __init__(self) -> None:
        self._samples = _Samples()
        self._held = _NOTHING
        self._begun = 0

    def push(self, pcm: bytes) -> bytes:
        """Take a chunk of any length; give all but the last 4 ms, which may be the end."""
        samples = self._samples.of(pcm)
        rising = _RISE[self._begun : self._begun + samples.size]
        self._begun += rising.size
        if rising.size:
            risen = _int16(samples[: rising.size] * rising)
            samples = np.concatenate((risen, samples[rising.size :]))
        whole = np.concatenate((self._held, samples))
        ready = max(0, whole.size - _FADE)
        self._held = whole[ready:]
        return whole[:ready].tobytes()

    def finish(self) -> bytes:
        """No more comes: give the end, falling to silence."""
        held, self._held = self._held, _NOTHING
        return _int16(held * _RISE[::-1][_FADE - held.size :]).tobytes()


class Takeover:
    """Goes over from a voice that broke off in mid-run to the next, which begins the run again.

    The last 4 ms are held back; when a voice breaks off they melt into the same place of the next
    one's sound. Two renderings of one text by one engine differ by a few samples only.
    """

    def __init__(self) -> None:
        self._samples = _Samples()
        self._held = _NOTHING
        self._given = 0
        self._skip = 0
        self._old = _NOTHING
        """What was held when the last voice broke off, until the next one has come that far."""

    def push(self, pcm: bytes) -> bytes:
        """Take a chunk of any length; give what was not given before."""
        samples = self._samples.of(pcm)
        skipped = min(self._skip, samples.size)
        self._skip -= skipped
        self._held = np.concatenate((self._held, samples[skipped:]))
        if self._held.size < self._old.size:
            return b""
        if reach := self._old.size:
            rise = _RISE[_FADE - reach :]
            mixed = _int16(self._old * (1 - rise) + self._held[:reach] * rise)
            self._held = np.concatenate((mixed, self._held[reach:]))
            self._old = _NOTHING
        ready = max(0, self._held.size - _FADE)
        out, self._held = self._held[:ready], self._held[ready:]
        self._given += out.size
        return out.tobytes()

    def begin_again(self) -> None:
        """The voice broke off; what comes now is the run from its beginning."""
        if not self._old.size:
            self._old = self._held
        self._held = _NOTHING
        self._samples = _Samples()
        self._skip = self._given

    def finish(self) -> bytes:
        """No more comes: give what was held back."""
        last, self._held, self._old = self._held, _NOTHING, _NOTHING
        self._given += last.size
        return last.tobytes()


def faded(pcm: bytes) -> bytes:
    """A whole piece with both edges faded."""
    fader = Fader()
    return fader.push(pcm) + fader.finish()


class _Samples:
    """Whole samples out of chunks that may end inside one."""

    def __init__(self) -> None:
        self._half = b""

    def of(self, pcm: bytes) -> NDArray[np.int16]:
        raw = self._half + pcm
        whole = len(raw) - len(raw) % 2
        self._half = raw[whole:]
        return np.frombuffer(raw[:whole], np.int16)


def _int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.rint(samples).astype(np.int16)


def pause_after_s(text: str) -> float:
    """Seconds of silence between a piece that ends like ``text`` and the next one."""
    end = text.rstrip().rstrip(_CLOSERS)[-1:]
    if end and end in ".?!…।":
        return _SENTENCE_PAUSE_S
    return _CLAUSE_PAUSE_S if end and end in ",;:–—" else _WORD_PAUSE_S


def silence(duration_s: float) -> bytes:
    """PCM silence of ``duration_s`` seconds."""
    return bytes(2 * round(duration_s * SAMPLE_RATE))
