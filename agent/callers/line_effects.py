"""What a bad line and an unclear mouth do to a caller's words; all of it follows from a seed.

Noise lies on the line all the time, between the words too: that is what a voice detector has to
live with. Lost frames are concealed as telephones do it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agent.callers.line_noise import RATE, hiss, hold_music, traffic
from agent.callers.telephone import PHONE_RATE, SPEECH_RMS, low_pass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agent.callers.line_kind import LineKind
    from agent.speech.audio import Samples

LOOP_S = 20.0
"""Length of a background, which begins anew when it is over."""
MUMBLE_HZ = 1_400.0
"""Above this a mumbled voice fades: consonants are told apart between 1.5 and 3.4 kHz."""
WORD_END = 0.35
"""Last part of a mumbled word that is quiet."""
WORD_END_GAIN = 0.3
"""How quiet: about -10 dB."""
_CONCEALED = 0.5
"""Each further lost frame repeats the one before at half its level."""
_QUIET = 1.0


class LineEffects:
    """Noise and losses of one call's line; each frame of the line goes through it once, in order.

    Args:
        background: what lies under the words, int16 at 16 kHz, in a loop; empty for none.
        loss: part of the frames that are lost, 0 to 1.
        seed: of the losses, and of where the background begins.
    """

    def __init__(self, background: Samples, *, loss: float = 0.0, seed: int = 0) -> None:
        self._background = background
        self._loss = loss
        self._rng = np.random.default_rng(seed)
        self._at = int(self._rng.integers(background.size)) if background.size else 0
        self._before: NDArray[np.float64] | None = None

    def frame(self, samples: NDArray[np.float64]) -> NDArray[np.float64]:
        """One frame of the line as it arrives (int16 scale)."""
        if self._loss and self._rng.random() < self._loss:
            before = np.zeros_like(samples) if self._before is None else self._before
            arrived = before * _CONCEALED
        else:
            arrived = samples + self._noise(len(samples))
        self._before = arrived
        return arrived

    def _noise(self, length: int) -> NDArray[np.float64]:
        if not self._background.size:
            return np.zeros(length)
        indices = np.arange(self._at, self._at + length) % self._background.size
        self._at = int(indices[-1]) + 1
        return self._background[indices].astype(np.float64)


def effects_of(kind: LineKind, babble: Samples, seed: int) -> LineEffects:
    """The line of a script.

    Args:
        kind: what the script says of it.
        babble: several voices at once, int16 at 16 kHz; used where the script names it.
        seed: makes the same line for the same call.
    """
    match kind.noise:
        case "street":
            sound = traffic(LOOP_S, seed)
        case "music":
            sound = hold_music(LOOP_S, seed)
        case "hiss":
            sound = hiss(LOOP_S, seed)
        case "babble":
            sound = babble
        case None:
            sound = np.zeros(0, np.int16)
    return LineEffects(at_ratio(sound, kind.snr_db), loss=kind.loss, seed=seed)


def at_ratio(sound: Samples, snr_db: float) -> Samples:
    """A noise at the level that leaves a caller's words ``snr_db`` decibels above it."""
    level = float(np.sqrt(np.mean(sound.astype(np.float64) ** 2))) if sound.size else 0.0
    if level < _QUIET:
        return sound
    gain = SPEECH_RMS / 10 ** (snr_db / 20) / level
    return _int16(sound.astype(np.float64) * gain)


def mixed(voices: Sequence[Samples], seconds: float = LOOP_S) -> Samples:
    """Several people who talk at once, each over and over, int16 at 16 kHz."""
    length = round(seconds * RATE)
    heard = [np.resize(voice, length).astype(np.float64) for voice in voices if voice.size]
    crowd = np.zeros(length)
    for voice in heard:
        crowd += voice / len(heard)
    return _int16(crowd)


def mumble(clip: Samples, text: str) -> Samples:
    """An utterance (int16 at 8 kHz) spoken with the mouth half closed: dull, word ends lost.

    Where a word ends is taken from the share its letters have in the text: the voice tells nobody.
    """
    if not clip.size or not text.split():
        return clip
    dull = low_pass(clip.astype(np.float64), MUMBLE_HZ)
    return _int16(dull * _word_ends(len(clip), text))


def _word_ends(length: int, text: str) -> NDArray[np.float64]:
    """A gain a sample: 1 in words, falling to :data:`WORD_END_GAIN` at their ends."""
    letters = np.array([len(word) + 1 for word in text.split()])
    ends = np.cumsum(letters) / letters.sum() * length
    gain = np.ones(length)
    for start, end in zip([0.0, *ends[:-1]], ends, strict=True):
        falling = int(end - (end - start) * WORD_END)
        gain[falling : int(end)] = np.linspace(1.0, WORD_END_GAIN, int(end) - falling)
    return gain


def pause(seconds: float) -> Samples:
    """Silence between two parts of an utterance, at 8 kHz."""
    return np.zeros(round(seconds * PHONE_RATE), np.int16)


def _int16(samples: NDArray[np.float64]) -> Samples:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
