"""One spoken note: the caller's sound from the first word to the last. Pure.

Time is counted in samples, so that a line faster than real time changes nothing. What recognition
makes of the words does not matter: the note exists for calls in which it makes nothing of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.speech.audio import resample

Samples = NDArray[np.int16]

MOST_S = 60.0
"""Longest note, in seconds (peers.md section 4)."""
ENDS_AFTER_S = 3.0
"""Silence after words that ends a note."""
FIRST_WORD_S = 6.0
"""Silence before the first word that ends it."""
LEAD_S = 0.5
"""Sound kept before a voice was noticed, and after it fell silent."""
SHORTEST_S = 0.5
"""Less voice than this is a cough."""
KEPT_RATE = 16_000
"""Hertz of notes on the disk."""


@dataclass(frozen=True, slots=True)
class KeptSound:
    """A note as it is stored."""

    pcm: bytes
    """int16 mono at 16 kHz; empty when nobody spoke."""
    seconds: float
    """Its length."""


class VoiceNote:
    """A note that is being spoken.

    Args:
        sample_rate: hertz of the sound.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._frames: list[Samples] = []
        self._length = 0
        """Samples held."""
        self._since_voice = 0
        """Samples since the voice fell silent, or since the note began."""
        self._speaking = False
        self._voiced = 0
        """Samples in which somebody spoke."""
        self._end = 0
        """Where the last voice ended, in samples held."""

    @property
    def sample_rate(self) -> int:
        """Hertz."""
        return self._rate

    @property
    def begun(self) -> bool:
        """Whether a voice was heard."""
        return self._speaking or self._voiced > 0

    @property
    def over(self) -> bool:
        """Whether it has come to its end by silence or length."""
        patience_s = ENDS_AFTER_S if self.begun else FIRST_WORD_S
        waited = not self._speaking and self._since_voice >= patience_s * self._rate
        return waited or self._length >= MOST_S * self._rate

    def voice(self, *, speaking: bool) -> None:
        """Somebody began to speak, or fell silent."""
        if self._speaking and not speaking:
            self._end = self._length
        self._speaking = speaking
        self._since_voice = 0

    def hear(self, samples: Samples, *, prompting: bool) -> None:
        """Take the next sound.

        Args:
            samples: int16 mono.
            prompting: the agent still speaks, so the caller's silence does not count.
        """
        self._frames.append(samples)
        self._length += len(samples)
        if self._speaking:
            self._voiced += len(samples)
        elif not prompting:
            self._since_voice += len(samples)
        if not self.begun:
            self._forget_lead()

    def sound(self) -> Samples:
        """The note from half a second before the first word to half a second after the last.

        Empty when nobody spoke.
        """
        if self._voiced < SHORTEST_S * self._rate:
            return np.zeros(0, np.int16)
        whole = np.concatenate(self._frames)
        end = self._length if self._speaking else self._end + int(LEAD_S * self._rate)
        return whole[: min(end, int(MOST_S * self._rate))]

    def _forget_lead(self) -> None:
        """Before the first word only the last half second is kept."""
        while self._frames and self._length - len(self._frames[0]) >= LEAD_S * self._rate:
            self._length -= len(self._frames.pop(0))


def kept_sound(note: VoiceNote) -> KeptSound:
    """The sound of a note, ready for the disk."""
    samples = resample(note.sound(), note.sample_rate, KEPT_RATE)
    return KeptSound(samples.tobytes(), round(len(samples) / KEPT_RATE, 2))
