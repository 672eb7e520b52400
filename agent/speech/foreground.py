"""Who is on the telephone, and who only talks behind the caller (pure).

A detector of speech hears every voice: in a canteen, a market, a house with a television it fires
without end, and a caller's turn never seems to be over. The caller's own mouth is at the telephone,
though, and some ten decibels above the room. :class:`Foreground` learns both levels of a line.

Measured on synthetic voices (espeak-ng) over three talkers 14 dB below the caller: the loudest
32 ms in 0.35 s lie at 64 to 74 dB while the caller speaks and at 54 to 59 dB while he does not. On
a quiet line, and where the room is as loud as the caller, nothing is taken away.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque

import numpy as np
from numpy.typing import NDArray

HOLD_S = 0.35
"""The loudest moment of so long decides: syllables come three to six times a second, so whoever
speaks is loud once in it."""
MEMORY_S = 12.0
"""How far back the quiet moments are looked for: nobody talks so long without a breath."""
QUIET_SHARE = 0.04
"""The room is what lies under all but this share of them, half a second: one gap in the talk of a
room is not its level, and two breaths of a caller are enough."""
ABOVE_ROOM_DB = 7.0
"""Whoever is so far above the room is always heard."""
BELOW_CALLER_DB = 11.0
"""Nothing nearer than this to the caller's own level is ever taken away."""
FORGET_DB_PER_S = 0.25
"""How fast the caller's level is forgotten: a room 15 dB below him is kept apart for 16 s of
listening to the agent."""


class Foreground:
    """Tells for each piece of one line's sound whether it may be the caller."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._loudest = _Largest(HOLD_S)
        self._quiet = _Quantile(MEMORY_S, QUIET_SHARE)
        self._caller_db = 0.0

    def hears(self, level_db: float, duration_s: float) -> bool:
        """Whether this piece may be the caller's.

        Args:
            level_db: mean power of the piece, decibels on any fixed scale.
            duration_s: its length in seconds, 0.01 to 0.1.
        """
        if not self._caller_db and level_db <= 0:
            return True  # the line is not open yet
        self._now_s += duration_s
        loudest = self._loudest.push(self._now_s, level_db)
        room = self._quiet.push(self._now_s, loudest)
        self._caller_db = max(loudest, self._caller_db - FORGET_DB_PER_S * duration_s)
        return loudest >= min(room + ABOVE_ROOM_DB, self._caller_db - BELOW_CALLER_DB)


def level_db(samples: NDArray[np.int16]) -> float:
    """Mean power of int16 samples, shape (n,), in decibels above one step; 0 for silence."""
    if not samples.size:
        return 0.0
    return float(10 * np.log10(1 + np.mean(np.square(samples, dtype=np.float64))))


class _Largest:
    """The largest value of the last ``span_s`` seconds; each costs constant time on average."""

    def __init__(self, span_s: float) -> None:
        self._span_s = span_s
        self._falling: deque[tuple[float, float]] = deque()

    def push(self, at_s: float, value: float) -> float:
        falling = self._falling
        while falling and falling[-1][1] <= value:
            falling.pop()
        falling.append((at_s, value))
        while falling[0][0] <= at_s - self._span_s:
            falling.popleft()
        return falling[0][1]


class _Quantile:
    """The value that a share of the last ``span_s`` seconds lies under."""

    def __init__(self, span_s: float, share: float) -> None:
        self._span_s, self._share = span_s, share
        self._by_time: deque[tuple[float, float]] = deque()
        self._by_size: list[float] = []

    def push(self, at_s: float, value: float) -> float:
        self._by_time.append((at_s, value))
        insort(self._by_size, value)
        while self._by_time[0][0] <= at_s - self._span_s:
            _, old = self._by_time.popleft()
            del self._by_size[bisect_left(self._by_size, old)]
        return self._by_size[int(len(self._by_size) * self._share)]
