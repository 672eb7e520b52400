"""From sound to what the encoder eats: where somebody speaks, and log-mel features of it.

The CPU half of the ears. :class:`FrontEnd` may be used by several threads at once.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.speech.audio import to_float
from agent.speech.checkpoint import Checkpoint
from agent.speech.contexts import bucket_of, predicted_tokens, token_bound
from agent.speech.segments import Span, spans_of
from agent.speech.transcript import DropReason
from agent.speech.vad import SILENT_BELOW, WINDOW_S

SAMPLE_RATE = 16_000
"""Hertz of everything the ears hear."""
QUIET_DBFS = -50.0
"""A recording whose loudest sample stays under this (104 of 32768) holds no speech, whatever the
detector says."""
FAINT_DB = 30.0
"""Speech so much under the loudest speech of the same sound is a television in the next room or
room tone that the detector let pass; soft words of the caller himself are 10-20 dB under his
loudest."""
_WINDOW = int(WINDOW_S * SAMPLE_RATE)
_DETECTOR_BLOCK = 1875 * _WINDOW
"""Samples the speech detector takes at once (60 s): an hour would need a gigabyte."""
_WARMED_BY = 125
"""Windows (4 s) of a sound that a second look begins with."""
_LEAST_ON_SECOND_LOOK_S = 0.3
"""Speech that a second look must find to be believed."""
_FLOOR = -1.5
"""Log-mel of digital silence: (log10(1e-10) + 4) / 4."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """At most 28 s of sound, ready for the encoder."""

    span: Span
    features: NDArray[np.float32]
    """Log-mel, shape (mels, bucket)."""
    bucket: int
    """Frames of 10 ms: the context it is encoded in."""
    tokens: float
    """About how many it will become."""
    bound: int
    """Most tokens it may become."""
    careful: bool = False
    """Second try after a loop: decoded with a penalty for repeating."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is left to do for one sound."""

    pieces: tuple[Piece, ...]
    """In order; empty when there is nothing to decode."""
    duration_s: float
    """Length of the whole sound."""
    dropped: DropReason | None = None
    """Why there is nothing to decode."""
    timings: dict[str, float] = field(default_factory=dict)
    """``vad_s`` and ``mel_s``."""
    faint: tuple[Span, ...] = ()
    """Speech left out because it is too soft beside the rest."""


class FrontEnd:
    """Speech detector and feature extractor of one checkpoint, loaded."""

    def __init__(self, checkpoint: Checkpoint, prompt_tokens: int) -> None:
        """Load both.

        Args:
            checkpoint: whose preprocessor_config.json and facts count.
            prompt_tokens: tokens of the decoder's prompt.
        """
        from faster_whisper.feature_extractor import FeatureExtractor
        from faster_whisper.vad import get_vad_model

        self._facts = checkpoint.facts
        self._prompt_tokens = prompt_tokens
        self._detector = get_vad_model()
        self._extract = FeatureExtractor(**_extractor_options(checkpoint))

    def prepare(self, pcm: NDArray[np.int16]) -> Prepared:
        """Everything there is to decode in ``pcm``, shape (samples,), int16 mono at 16 kHz."""
        clock = time.perf_counter()
        spans, why_not, faint = self.spans(pcm)
        detected = time.perf_counter()
        pieces = tuple(self.piece(pcm, span) for span in spans)
        timings = {"vad_s": detected - clock, "mel_s": time.perf_counter() - detected}
        return Prepared(pieces, len(pcm) / SAMPLE_RATE, why_not, timings, faint)

    def spans(
        self, pcm: NDArray[np.int16]
    ) -> tuple[list[Span], DropReason | None, tuple[Span, ...]]:
        """What to decode; why nothing is decoded; what is left out as too soft."""
        if _peak_dbfs(pcm) < QUIET_DBFS:
            return [], DropReason.SILENCE, ()
        probabilities = self._speech_probabilities(pcm)
        found = spans_of(probabilities)
        if not found:
            probabilities = self._second_look(pcm)
            found = spans_of(probabilities)
            if sum(span.speech_s for span in found) < _LEAST_ON_SECOND_LOOK_S:
                return [], DropReason.NO_SPEECH, ()
        levels = {span: _speech_level_db(pcm, probabilities, span) for span in found}
        least = max(levels.values()) - FAINT_DB
        faint = tuple(span for span in found if levels[span] < least)
        return [span for span in found if span not in faint], None, faint

    def piece(self, pcm: NDArray[np.int16], span: Span) -> Piece:
        """The span's sound as features, padded to its context."""
        sound = pcm[round(span.start_s * SAMPLE_RATE) : round(span.end_s * SAMPLE_RATE)]
        # The extractor adds one hop of silence of its own; its frame is cut off again.
        mel: NDArray[np.float32] = self._extract(to_float(sound))[:, :-1]
        bucket = bucket_of(mel.shape[1], self._facts)
        features = np.full((mel.shape[0], bucket), _padding(mel, self._facts.pad_value), np.float32)
        frames = min(bucket, mel.shape[1])
        features[:, :frames] = mel[:, :frames]
        return Piece(
            span=span,
            features=features,
            bucket=bucket,
            tokens=predicted_tokens(span.speech_s),
            bound=token_bound(
                self._facts.max_new_tokens_per_s, len(sound) / SAMPLE_RATE, self._prompt_tokens
            ),
        )

    def _second_look(self, pcm: NDArray[np.int16]) -> NDArray[np.float32]:
        """The same from a detector that has heard this line before: it starts each clip deaf.

        An old voice that mumbled one word on a street was at most 0.36 speech to a cold detector
        and 0.79 to a warm one. Of 1,440 clips of streets, hold music, hiss and muted lines none
        held 0.3 s of speech for a warm one.
        """
        windows = min(len(pcm) // _WINDOW, _WARMED_BY)
        before = pcm[: windows * _WINDOW][::-1]  # mirrored: nothing jumps where the two meet
        warm = self._speech_probabilities(np.concatenate([before, pcm]))
        return warm[windows:]

    def _speech_probabilities(self, pcm: NDArray[np.int16]) -> NDArray[np.float32]:
        """One probability for each 32 ms; shape (windows,)."""
        blocks = []
        for start in range(0, len(pcm), _DETECTOR_BLOCK):
            block = to_float(pcm[start : start + _DETECTOR_BLOCK])
            block = np.pad(block, (0, -len(block) % _WINDOW))
            blocks.append(np.asarray(self._detector(block), dtype=np.float32).reshape(-1))
        return np.concatenate(blocks)


def _extractor_options(checkpoint: Checkpoint) -> dict[str, Any]:
    """What preprocessor_config.json says to faster-whisper's extractor; the rest is for others."""
    path = checkpoint.folder / "preprocessor_config.json"
    known = json.loads(path.read_text(encoding="utf-8"))
    names = ("feature_size", "sampling_rate", "hop_length", "chunk_length", "n_fft")
    return {name: known[name] for name in names if name in known}


def _padding(mel: NDArray[np.float32], value: float | None) -> float:
    """What stands after the sound; None = what padding the *sound* with zeros would give."""
    if value is not None:
        return value
    # log_mel = (max(x, max(x) - 8) + 4) / 4: eight decades under the loudest, at least 1e-10.
    return max(float(mel.max()) - 2.0, _FLOOR)


def _speech_level_db(
    pcm: NDArray[np.int16], probabilities: NDArray[np.float32], span: Span
) -> float:
    """RMS level of the span's windows that are speech, in dB under full scale."""
    windows = pcm[: len(pcm) // _WINDOW * _WINDOW].reshape(-1, _WINDOW)
    first, last = round(span.start_s / WINDOW_S), round(span.end_s / WINDOW_S)
    spoken = np.flatnonzero(probabilities[first:last] >= SILENT_BELOW) + first
    heard = windows[spoken[spoken < len(windows)]]
    power = float(np.mean(np.square(heard, dtype=np.float64))) if len(heard) else 0.0
    return 10 * math.log10(power / 32768**2) if power else -math.inf


def _peak_dbfs(pcm: NDArray[np.int16]) -> float:
    """Level of the loudest sample, dB under full scale; -inf for nothing."""
    peak = max(int(pcm.max()), -int(pcm.min())) if len(pcm) else 0
    return 20 * math.log10(peak / 32768) if peak else -math.inf
