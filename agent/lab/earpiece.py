"""What a caller hears over the network, block by block, with the time at which each arrived.

Blocks come at the pace of the line, but our own process may take them late and then several at
once. :func:`on_one_clock` puts the lateness right: sound that was sent without a gap is heard
without one.
"""

from __future__ import annotations

import time
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.callers.audio_io import AUDIBLE, LINE_RATE, audible_span
from agent.callers.measures import Span, merge
from agent.errors import UsageError

Block = tuple[float, NDArray[np.int16]]
"""Clock time of the first sample, and samples (int16 mono at 16 kHz)."""

BRIDGE_S = 0.06
"""Silences up to this long lie within a word: between two periods of a low voice, at a stop."""
_AROUND = 250
"""Blocks before and after one whose punctual arrivals tell when it should have come."""


class Earpiece:
    """The agent's voice as one caller hears it, for one call. Not shared between threads."""

    def __init__(self) -> None:
        self._arrived: list[Block] = []
        self._first_sound_at: float | None = None
        self.last_sound_at: float | None = None
        """Clock time of the end of the last block that was audible."""

    def take(self, pcm: NDArray[np.int16], now: float | None = None) -> None:
        """Note a block that has just arrived.

        Args:
            pcm: int16 mono at 16 kHz.
            now: clock time (monotonic) of its arrival, None for this moment.
        """
        arrived = time.monotonic() if now is None else now
        self._arrived.append((arrived, pcm))
        if pcm.size and int(np.abs(pcm.astype(np.int32)).max()) >= AUDIBLE:
            self.last_sound_at = arrived
            if self._first_sound_at is None:
                self._first_sound_at = arrived

    @property
    def first_sound_at(self) -> float | None:
        """Clock time at which the first audible block was there; None while all is silent."""
        return self._first_sound_at

    def sounded_since(self, when: float) -> bool:
        """Whether something audible arrived after ``when``."""
        return self.last_sound_at is not None and self.last_sound_at > when

    def since(self, when: float) -> NDArray[np.int16]:
        """All that arrived after ``when``, in one piece."""
        blocks = [pcm for arrived, pcm in self._arrived if arrived > when]
        return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)

    @property
    def track(self) -> tuple[Block, ...]:
        """What was heard, each block with the clock time at which it began."""
        return on_one_clock(self._arrived)


def on_one_clock(arrived: Sequence[Block]) -> tuple[Block, ...]:
    """Blocks with the time at which they began, from the times at which they were taken.

    A block is never early; the most punctual one within five seconds says how late the others are.
    """
    if not arrived:
        return ()
    lengths = np.array([len(pcm) for _, pcm in arrived]) / LINE_RATE
    ends = np.cumsum(lengths)
    late = np.array([at for at, _ in arrived]) - ends
    padded = np.pad(late, _AROUND, mode="edge")
    window = np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1)
    begins = window.min(axis=1) + ends - lengths
    return tuple((float(at), pcm) for at, (_, pcm) in zip(begins, arrived, strict=True))


def audible_spans(track: Sequence[Block]) -> tuple[Span, ...]:
    """When a track was audible, clock times in order."""
    spans = []
    for began, pcm in track:
        first, after_last = audible_span(pcm)
        if after_last:
            spans.append((began + first / LINE_RATE, began + after_last / LINE_RATE))
    return merge(spans, BRIDGE_S)


def on_a_line(track: Sequence[Block], began: float, seconds: float) -> NDArray[np.int16]:
    """A track as one sound of ``seconds`` from clock time ``began`` on; silence in its gaps."""
    line = np.zeros(max(1, round(seconds * LINE_RATE)), np.int16)
    for at, pcm in track:
        start = round((at - began) * LINE_RATE)
        first, last = max(0, start), min(len(line), start + len(pcm))
        if first < last:
            line[first:last] = pcm[first - start : last - start]
    return line


def write_two_tracks(path: Path, said: NDArray[np.int16], heard: NDArray[np.int16]) -> None:
    """Write a stereo WAV at 16 kHz: left what the caller said, right what he heard.

    Raises:
        UsageError: it cannot be written there.
    """
    length = max(len(said), len(heard))
    both = np.zeros((length, 2), np.int16)
    both[: len(said), 0], both[: len(heard), 1] = said, heard
    try:
        with path.open("wb") as raw, wave.open(raw, "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(LINE_RATE)
            file.writeframes(both.tobytes())
    except OSError as exc:
        raise UsageError(f"The recording {path} cannot be written ({exc.strerror}).") from None
