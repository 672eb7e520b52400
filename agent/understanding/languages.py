"""In which language a whole turn was spoken, when that was not Tamil (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from agent.complaint import Topic
from agent.tamil.words import Word
from agent.understanding.tables import read_toml

_SPOKEN_FROM = 4
"""Words; fewer English ones are common inside Tamil."""
_BINDING = 2
_ENGLISH_PART = 0.6
"""So many of the Latin words must be known English ones; the others may be names."""
_HEARD = 3
_HEARD_PART = 0.4
_FOREIGN = 2
_FOREIGN_PART = 0.25
_LETTERS = 3
"""So many letters of another script are no slip."""


class Languages:
    """Tells English and other languages from Tamil and Tanglish. Shared by all calls."""

    def __init__(self) -> None:
        data = read_toml("languages")
        english = data["english"]
        self._binding = frozenset(english["binding"])
        self._common = frozenset(english["common"])
        self._english = self._binding | frozenset(english["words"])
        self._heard = frozenset(english["heard"])
        self._tanglish = frozenset(data["tanglish"]["words"])
        self._endings = tuple(data["tanglish"]["endings"])
        self._others = {name: frozenset(words) for name, words in data["others"].items()}
        self._foreign = frozenset().union(*self._others.values())
        self._scripts: list[tuple[int, int]] = [(a, b) for a, b in data["scripts"].values()]

    def read(self, text: str, words: Sequence[Word]) -> tuple[Topic, str] | None:
        """Return the topic of a turn spoken in another language, and its evidence, or None.

        Args:
            text: the utterance, cleaned.
            words: its words.
        """
        if self._in_other_script(text):
            return Topic.OTHER_LANGUAGE, "script"
        said = [word.text for word in words if not word.text.isdigit()]
        known = self._foreign.intersection(said)
        for name, table in self._others.items() if len(known) >= _FOREIGN else ():
            if self._is_mostly(said, table):
                return Topic.OTHER_LANGUAGE, name
        if len(said) >= _SPOKEN_FROM and (self._is_english(said) or self._is_heard_english(said)):
            return Topic.ENGLISH, "words"
        return None

    def _in_other_script(self, text: str) -> bool:
        if text.isascii():
            return False
        letters = Counter(char for char in text if char > "\u0600")
        others = (many for char, many in letters.items() if self._is_other(ord(char)))
        return sum(others) >= _LETTERS

    def _is_other(self, at: int) -> bool:
        return any(first <= at <= last for first, last in self._scripts)

    @staticmethod
    def _is_mostly(said: Sequence[str], table: frozenset[str]) -> bool:
        found = [word for word in said if word in table]
        return len(set(found)) >= _FOREIGN and len(found) >= _FOREIGN_PART * len(said)

    def _is_english(self, said: Sequence[str]) -> bool:
        """Tell English from Tamil in Latin letters, which holds many English words."""
        if not all(word.isascii() for word in said):
            return False
        binding = self._binding.intersection(said)
        if len(binding) < _BINDING or not binding - self._common:
            return False
        others = [word for word in said if word not in self._english]
        if any(word in self._tanglish or word.endswith(self._endings) for word in others):
            return False
        return len(said) - len(others) >= _ENGLISH_PART * len(said)

    def _is_heard_english(self, said: Sequence[str]) -> bool:
        """Tell English written in Tamil letters: "ஐ வாண்ட் டு ஸ்பீக் ..."."""
        found = [word for word in said if word in self._heard]
        return len(set(found)) >= _HEARD and len(found) >= _HEARD_PART * len(said)
