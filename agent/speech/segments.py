"""Which parts of a recording are decoded (pure: speech probabilities in, spans out).

Silence is never decoded, because Whisper invents words for it; and no piece is longer than its
30 s window, because what is cut off there is lost without an error. Cuts are made at pauses: blind
cuts through words cost points of word error rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.speech.vad import SILENT_BELOW, SPEECH_ABOVE, WINDOW_S

LONGEST_S = 28.0
"""Longest piece: a 30 s window less its tail, about 440 Tamil tokens."""
SHORTEST_CUT_S = 8.0
"""A long piece is cut no earlier than this."""
EARLIEST_CLAUSE_S = 2.5
"""Speech that goes on is cut no earlier than this: short pieces are heard worse."""
PAUSE_S = 1.5
"""A pause from this length on is left out instead of decoded."""
LEAD_S = 0.7
"""Sound kept before speech. The detector fires up to 0.4 s into a word that begins softly over a
telephone band: with 0.3 s "குளித்தலை" lost its first letter in 3 of 8 calls."""
TAIL_S = 0.3
"""Sound kept after speech: soft endings lie under the detector's threshold."""
LEAST_SPEECH_S = 0.128
"""Less speech than this in a whole recording is a click or a breath; the shortest Tamil answer
("ஆம்") has 0.2 s."""
_LATE_WINDOWS = 4
"""So late the detector sees the end of a word."""
_RANGE_DB = 60.0
"""Levels so far under the loudest window count as silence."""


@dataclass(frozen=True, slots=True)
class Span:
    """A piece to decode."""

    start_s: float
    end_s: float
    speech_s: float
    """Seconds of speech inside."""


def spans_of(probabilities: NDArray[np.float32]) -> list[Span]:
    """The pieces of a recording that hold speech, in order, none longer than ``LONGEST_S``.

    Args:
        probabilities: shape (windows,), one speech probability for each ``WINDOW_S``.
    """
    speech = _speech(probabilities)
    if speech.sum() * WINDOW_S < LEAST_SPEECH_S - 1e-9:
        return []
    lead, tail = round(LEAD_S / WINDOW_S), round(TAIL_S / WINDOW_S)
    spans = []
    for start, end in _runs(speech, round(PAUSE_S / WINDOW_S)):
        outer = max(0, start - lead), min(len(speech), end + tail)
        spans += [
            Span(a * WINDOW_S, b * WINDOW_S, float(speech[a:b].sum()) * WINDOW_S)
            for a, b in _pieces(probabilities, *outer)
            if speech[a:b].any()
        ]
    return spans


def best_cut(probabilities: NDArray[np.float32]) -> int:
    """The window at which a too long piece is cut best: the deepest pause, the later the better.

    Looks at windows from ``SHORTEST_CUT_S`` to the end; the index returned is the first window of
    the second part.
    """
    first = min(round(SHORTEST_CUT_S / WINDOW_S), max(1, len(probabilities) // 2))
    smooth = _smooth(probabilities[first:], 7)
    deepest = np.flatnonzero(smooth <= smooth.min() + 0.02)
    return first + int(deepest[-1])


def clause_cut(
    probabilities: Sequence[float], levels_db: NDArray[np.float32], *, least_pause: int
) -> int | None:
    """Where speech that goes on is cut best: its clearest pause, there its quietest window.

    The detector alone would cut too late: it sees the end of a word about 0.1 s after it, and of a
    stream of words without a pause it only says that it is speech. So the level counts as well.

    Args:
        probabilities: of speech, one for each window of ``WINDOW_S``.
        levels_db: of the same windows.
        least_pause: windows without speech a place must have in a row; 0 = cut in any case.

    Returns:
        First window of the second part, at least ``EARLIEST_CLAUSE_S`` (or the middle) from the
        beginning; None when there is no such pause.
    """
    first = min(round(EARLIEST_CLAUSE_S / WINDOW_S), len(probabilities) // 2)
    heard = np.asarray(probabilities, dtype=np.float32)
    allowed = np.zeros(len(heard), dtype=np.bool_)
    if least_pause:
        for start, end in _runs(heard < SILENT_BELOW, 1):
            if start >= first and end - start >= least_pause:
                allowed[max(first, start - _LATE_WINDOWS) : end] = True
    else:
        allowed[first:] = True
    if not allowed.any():
        return None
    loudness = np.clip((levels_db - levels_db.max()) / _RANGE_DB + 1.0, 0.0, 1.0)
    doubt = _smooth(heard, 7) + _smooth(loudness, 3)
    doubt[~allowed] = np.inf
    return int(np.flatnonzero(doubt <= doubt.min() + 0.02)[-1])


def _smooth(values: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """A pause of some length beats one quiet window: the mean of ``width`` (odd) around each."""
    padded = np.pad(values, width // 2, mode="edge")
    means: NDArray[np.float32] = np.convolve(padded, np.full(width, 1 / width), mode="valid")
    return means


def _speech(probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which windows are speech: begins above one threshold, goes on above a lower one."""
    speech = np.zeros(len(probabilities), dtype=np.bool_)
    speaking = False
    for index, probability in enumerate(probabilities):
        speaking = bool(probability >= (SILENT_BELOW if speaking else SPEECH_ABOVE))
        speech[index] = speaking
    return speech


def _runs(speech: NDArray[np.bool_], longest_pause: int) -> list[tuple[int, int]]:
    """First and one-past-last window of each run of speech, short pauses bridged."""
    runs: list[tuple[int, int]] = []
    for index in np.flatnonzero(speech):
        if runs and index - runs[-1][1] < longest_pause:
            runs[-1] = (runs[-1][0], int(index) + 1)
        else:
            runs.append((int(index), int(index) + 1))
    return runs


def _pieces(probabilities: NDArray[np.float32], start: int, end: int) -> list[tuple[int, int]]:
    longest = int(LONGEST_S / WINDOW_S)
    pieces = []
    while end - start > longest:
        cut = start + best_cut(probabilities[start : start + longest])
        pieces.append((start, cut))
        start = cut
    return [*pieces, (start, end)]
