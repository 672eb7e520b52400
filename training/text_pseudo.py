"""Invented Tamil-like words from a letter model: spelling is learned, not a word list."""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from random import Random

from training.text_lexicon import AKSHARA, Lexicon
from training.text_morphology import maybe_decline

CONSONANTS = "கசடதபறஞணநமனயரலவழளகடதரலவனம"
VOWELS = ["", "ா", "ி", "ீ", "ு", "ூ", "ெ", "ே", "ை", "ொ", "ோ"]
INITIAL_VOWELS = "அஆஇஈஉஊஎஏஐஒஓ"
INITIAL_CONSONANTS = "கசதபநமயரலவஜ"
FINALS = ["ம்", "ன்", "ல்", "ள்", "ர்", "ண்", "ய்", "ழ்", "ு", "ு", "ி", "ை", "ா", ""]
CLUSTERS = (
    "க்க ச்ச ட்ட த்த ப்ப ற்ற ங்க ஞ்ச ண்ட ந்த ம்ப ன்ற ல்ல ள்ள ய்ய ர்க ர்த ர்ப ழ்ந வ்வ ண்ண ன்ன ம்ம ட்ச ப்ட ஸ்ட ல்ப ள்க ய்த".split()
)
HELD_ONE_IN = 20
"""One invented word in this many is never trained on, so that the test can use it."""


class PseudoWords:
    """A letter trigram model over the training vocabulary, mixed with random syllables."""

    def __init__(self, lexicon: Lexicon) -> None:
        """Count letter sequences of the lexicon's training words."""
        self._words = lexicon.vocabulary()
        self._known = frozenset(self._words)
        self._held_names = lexicon.held_words()
        self._after_two: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._after_one: dict[str, list[str]] = defaultdict(list)
        for word in self._words:
            letters = ["^", "^", *AKSHARA.findall(word), "$"]
            for a, b, c in zip(letters, letters[1:], letters[2:], strict=False):
                self._after_two[a, b].append(c)
                self._after_one[b].append(c)

    def phrase(self, rng: Random, *, held: bool = False) -> str:
        """Return one to five words, mostly invented; with `held` only words never trained on."""
        words: list[str] = []
        for _ in range(rng.choice([1, 1, 2, 2, 3, 3, 4, 5])):
            if held:
                words.append(self.word(rng, held=True))
            elif rng.random() < 0.75:
                words.append(maybe_decline(self.word(rng), rng, 0.25))
            else:
                words.append(maybe_decline(rng.choice(self._words), rng, 0.3))
            if rng.random() < 0.06:
                words[-1] += ","
        return " ".join(words).rstrip(",")

    def word(self, rng: Random, *, held: bool = False) -> str:
        """Return one invented (or, rarely, real) word of at least two letters."""
        for _ in range(400 if held else 50):
            word = self._syllables(rng) if rng.random() < 0.3 else self._walk(rng)
            misshapen = re.search(r"^[ா-்]|்[ா-்]", word)
            if len(AKSHARA.findall(word)) < 2 or misshapen or word in self._held_names:
                continue
            if word in self._known:
                if not held:
                    return word
            elif (zlib.crc32(word.encode()) % HELD_ONE_IN == 0) == held:
                return word
        return "ஊர்"

    def is_held(self, word: str) -> bool:
        """Tell whether an invented word is kept for the test."""
        return word not in self._known and zlib.crc32(word.encode()) % HELD_ONE_IN == 0

    def _walk(self, rng: Random) -> str:
        letters = ["^", "^"]
        while len(letters) < 11:
            seen = self._after_two.get((letters[-2], letters[-1]))
            use_two = seen and rng.random() < 0.65
            following = rng.choice(seen if seen and use_two else self._after_one[letters[-1]])
            if following == "$":
                if len(letters) < 4 and rng.random() < 0.8:
                    continue
                break
            letters.append(following)
        return "".join(letters[2:])

    @staticmethod
    def _syllables(rng: Random) -> str:
        if rng.random() < 0.2:
            word = rng.choice(INITIAL_VOWELS)
        else:
            word = rng.choice(INITIAL_CONSONANTS) + rng.choice(VOWELS)
        for _ in range(rng.choice([0, 1, 1, 2, 2, 3])):
            middle = rng.choice(CLUSTERS) if rng.random() < 0.5 else rng.choice(CONSONANTS)
            word += middle + rng.choice(VOWELS)
        final = rng.choice(FINALS)
        return word + (rng.choice("கடதவரய") + final if final in ("ு", "ி", "ை", "ா") else final)
