"""Cutting a sentence into prompts that are already recorded and runs that are not (pure).

A *fixed piece* is a run of words of ``prompts/`` between two slots; everything else (names,
places, numbers) is *dynamic*. Cutting happens between words only, so a piece inside a longer word
never matches, and the longest piece wins.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

LONGEST_PORTION = 500
"""Characters of one request to the voice: 35 s of speech, synthesised in 35 ms."""

_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words of one sentence."""

    text: str
    """NFC, single spaces; never empty."""
    fixed: bool
    """True when it is one of the fixed pieces, word for word."""


def spoken_form(text: str) -> str:
    """``text`` as cache keys and comparisons want it: NFC, single spaces.

    Marks that stand alone at either end are dropped: in ``"உங்கள் இடம் {place} , சரியா?"`` the
    comma after the slot belongs to the slot's words, not to the recorded piece.

    Returns:
        Empty when no word holds a letter or a digit.
    """
    words = _nfc(text).split()
    while words and not _sounds(words[0]):
        words.pop(0)
    while words and not _sounds(words[-1]):
        words.pop()
    return " ".join(words)


def cut(text: str, fixed_pieces: Iterable[str]) -> list[Piece]:
    """``text`` as fixed pieces and dynamic runs, in order.

    Joined by single spaces the pieces give the words of ``text`` back (NFC, single spaces).
    """
    cutter = Cutter(fixed_pieces)
    return [*cutter.push(text), *cutter.finish()]


def portions(text: str, longest: int = LONGEST_PORTION) -> list[str]:
    """``text`` in runs of at most ``longest`` characters, cut between words where there are any.

    No portion is near the voice's limit for one request, so any text can be spoken.
    """
    return textwrap.wrap(text, longest, break_on_hyphens=False)


class Cutter:
    """Cuts text that arrives in chunks: a piece is given as soon as more text cannot change it.

    However the text is chopped, the pieces are those of :func:`cut`. One per sentence or turn;
    :meth:`finish` leaves it ready for the next.
    """

    def __init__(self, fixed_pieces: Iterable[str]) -> None:
        self._by_first_word = _by_first_word(tuple(fixed_pieces))
        self._unfinished_word = ""
        self._words: list[str] = []
        """Whole words that may still be the beginning of a fixed piece."""
        self._dynamic: list[str] = []

    def push(self, text: str) -> list[Piece]:
        """Take the next characters; give the pieces they settle."""
        *whole, self._unfinished_word = _SPACES.split(self._unfinished_word + text)
        self._words += [_nfc(word) for word in whole if word]
        return self._settle(last=False)

    def finish(self) -> list[Piece]:
        """No more text comes: give what is left."""
        if self._unfinished_word:
            self._words.append(_nfc(self._unfinished_word))
            self._unfinished_word = ""
        return self._settle(last=True) + self._take_dynamic()

    def _settle(self, *, last: bool) -> list[Piece]:
        settled: list[Piece] = []
        while self._words and (last or not self._may_grow()):
            if length := self._longest_match():
                settled += self._take_dynamic()
                settled.append(Piece(" ".join(self._words[:length]), fixed=True))
                del self._words[:length]
            else:
                self._dynamic.append(self._words.pop(0))
        return settled

    def _may_grow(self) -> bool:
        """Whether the words so far are the beginning of a longer fixed piece."""
        here = tuple(self._words)
        return any(
            len(piece) > len(here) and piece[: len(here)] == here
            for piece in self._by_first_word.get(here[0], ())
        )

    def _longest_match(self) -> int:
        here = tuple(self._words)
        candidates = self._by_first_word.get(here[0], ())
        return max((len(piece) for piece in candidates if here[: len(piece)] == piece), default=0)

    def _take_dynamic(self) -> list[Piece]:
        words, self._dynamic = self._dynamic, []
        return [Piece(" ".join(words), fixed=False)] if words else []


@lru_cache(maxsize=16)  # a script's pieces are read once, not before each sentence (3 ms)
def _by_first_word(fixed_pieces: tuple[str, ...]) -> Mapping[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for piece in {spoken_form(piece) for piece in fixed_pieces} - {""}:
        words = tuple(piece.split())
        found.setdefault(words[0], []).append(words)
    return found


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _sounds(word: str) -> bool:
    return any(unicodedata.category(char)[0] in "LN" for char in word)
