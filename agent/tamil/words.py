"""Words of one utterance, with what is needed to compare them and to find them again."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from agent.tamil.sound import is_tamil, plain, sound_key

MAX_WORDS = 120
"""Longest utterance read, in words; what follows is stored but not understood (about a minute)."""

MAX_LETTERS = 80
"""Letters of a word that are read; no word is so long, but a broken recogniser can write one."""

_WORD = re.compile(r"[\u0B80-\u0BFF]+|[^\W\d_\u0B80-\u0BFF]+|[0-9]+")
_INITIAL = re.compile(r".{1,2}|..்")
"""A dot after one of these belongs to an initial (எம்.எல்.ஏ.), not to a sentence."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word as it was said."""

    text: str
    """Lower case, NFC."""
    start: int
    """Offset of its first character in the utterance."""
    end: int
    """Offset after its last character."""
    gap: str = ""
    """What parts it from the word before: empty, ``,`` (comma) or ``.`` (end of a sentence)."""
    plain: str = field(init=False, compare=False)
    """Folded inside its script."""
    key: str = field(init=False, compare=False)
    """Sound key."""

    def __post_init__(self) -> None:
        # A blank (:func:`masked`) has neither.
        object.__setattr__(self, "plain", plain(self.text) if self.text else "")
        object.__setattr__(self, "key", sound_key(self.text) if self.text else "")

    @property
    def tamil(self) -> bool:
        """Whether it is written in Tamil script."""
        return is_tamil(self.text)


def split_words(text: str) -> tuple[Word, ...]:
    """Split cleaned text into words.

    Args:
        text: what :func:`agent.tamil.normalize.clean` returned.
    """
    words: list[Word] = []
    before = 0
    for found in _WORD.finditer(text):
        if len(words) == MAX_WORDS:
            break
        gap = _gap(text[before : found.start()], words[-1].text if words else "")
        text_read = found[0][:MAX_LETTERS].lower()
        words.append(Word(text_read, found.start(), found.end(), gap))
        before = found.end()
    return tuple(words)


def split_texts(name: str) -> list[str]:
    """Return only the letters of each word, lower case: for names of tables, brackets included."""
    return _WORD.findall(name.lower())


def _gap(between: str, last: str) -> str:
    if any(mark in between for mark in "?!;।…") or "..." in between:
        return "."
    if "." in between:
        return "" if between == "." or _INITIAL.fullmatch(last) else "."
    return "," if any(mark in between for mark in ",-–—:/") else ""


def spaced(text: str, words: tuple[Word, ...]) -> str:
    """Return the stretch of ``text`` from the first to the last of ``words``, as it was said."""
    return text[words[0].start : words[-1].end] if words else ""


def masked(words: Sequence[Word], used: Collection[int]) -> tuple[Word, ...]:
    """Return the words with those at ``used`` blanked, so that they match nothing.

    விளாத்திகுளம் holds குளம் (tank), பட்டாபிராம் holds பட்டா (title deed): a place is no trouble.
    """
    return tuple(
        Word("", word.start, word.end, word.gap) if at in used else word
        for at, word in enumerate(words)
    )
