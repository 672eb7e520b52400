"""What is left of a sentence when a voice breaks off in the middle of it (pure)."""

from __future__ import annotations

_FIRST_GUESS = 12.0
"""Letters of Tamil a second at 165 words a minute (espeak-ng, our own prompts)."""
_EWMA_SHARE = 0.2
_SHORTEST_S = 0.5
"""Of shorter answers most is the silence around the word."""


class Pace:
    """How fast a voice speaks, learned from what it said to the end."""

    def __init__(self) -> None:
        self.letters_a_second = _FIRST_GUESS

    def learn(self, text: str, spoken_s: float) -> None:
        """Note that ``text`` took ``spoken_s`` seconds of sound."""
        if spoken_s >= _SHORTEST_S:
            self.letters_a_second += _EWMA_SHARE * (len(text) / spoken_s - self.letters_a_second)

    def rest_of(self, text: str, spoken_s: float) -> str:
        """The words of ``text`` that were not heard after ``spoken_s`` seconds of sound.

        Begins one word early: a word said twice is understood, one left out of an address or a
        number is not noticed. Never empty for a text with words.
        """
        words = text.split()
        heard = spoken_s * self.letters_a_second
        at = 0
        for number, word in enumerate(words):
            at += len(word) + 1
            if at > heard:
                return " ".join(words[max(0, number - 1) :])
        return " ".join(words[-1:])
