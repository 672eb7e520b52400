"""Whether two texts are the same words."""

from __future__ import annotations

import re

from agent.tamil.normalize import clean


def same_words(said: str, heard: str | None) -> bool:
    """Whether two texts are the same words, whatever their punctuation and spacing."""
    return heard is not None and _letters(said) == _letters(heard)


def _letters(text: str) -> str:
    # \w knows no Tamil vowel signs: to it they are marks, not letters.
    return re.sub(r"[^\w\u0b80-\u0bff]+|_", "", clean(text)).lower()
