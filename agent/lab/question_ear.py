"""How a caller outside the agent knows what he is asked: by the sound of the question.

The agent's sentences are recordings, so the caller knows them as one knows the announcements of a
railway station: what he hears is compared with every recorded question by its spectrum over time.
No word is recognised, nothing is asked of the agent, and it costs some 10 ms of one core a turn,
which a speech recogniser on the same machine would not leave to the calls that are measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from agent import recordings
from agent.callers.audio_io import LINE_RATE
from agent.callers.telephone import resample
from agent.conversation.questions import PUTS
from agent.conversation.script import Script
from agent.errors import UsageError
from agent.speech.joins import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from agent.complaint import Slot
    from agent.settings import Settings

HOP_S = 0.04
"""One column of a spectrum."""
ALIKE = 0.72
"""Least correlation at which a recording counts as heard: the same sentence through Opus and the
network scores above 0.9, other sentences of the same voice below 0.6 (tests/lab)."""
_LONGEST_S = 3.0
"""Of a longer recording only its end is compared."""
_SHORTEST_S = 0.35
_SAME_END_S = 0.25
"""Of recordings that end together the longest was heard: questions end with the same words."""
_BANDS = 16
_BAND_HZ = (150.0, 4_000.0)
_WINDOW = round(0.064 * LINE_RATE)
_HOP = round(HOP_S * LINE_RATE)
_LIVELY = 0.5
"""A stretch varies at least so much as the recording: silence, and silence before a first word,
have next to no shape, and rounding would decide what it is like."""
_FLOOR = 100.0
"""Energy of a band under which all is silence, so that line noise has no spectrum of its own."""
UNHEARD = ("listening", "still_there", "not_heard")
"""What the agent says when it got no words; the question before is still open."""
AGAIN = (*UNHEARD, "hold_on")
"""Sentences that ask nothing new."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the agent wants to know."""

    prompt: str
    """Which sentence put it."""
    slot: Slot | None
    """None: one of :data:`AGAIN`."""
    goes_on: bool
    """Words follow the recording: digits that are read out."""


@dataclass(frozen=True, slots=True)
class _Sign:
    question: Question
    shape: NDArray[np.float32]
    """Columns x bands, without the mean of each band, of length one."""
    spread: float
    """Its length before."""


class QuestionEar:
    """Knows the questions of one voice. Immutable; shared by all callers of a run."""

    def __init__(self, sounds: Mapping[Question, NDArray[np.int16]]) -> None:
        """Take the recording of each question, int16 mono at 16 kHz."""
        self._signs = tuple(
            _Sign(question, *shape)
            for question, pcm in sounds.items()
            if (shape := _shape_of(spectrum(pcm))) is not None
        )

    @classmethod
    def load(cls, settings: Settings) -> QuestionEar:
        """The questions as the agent with these settings has recorded them, in Tamil.

        Raises:
            UsageError: there are no recordings.
            ConfigurationError: the prompts cannot be read.
        """
        script = Script.load(settings.call.prompts_dir)
        cache = recordings.prompt_cache(settings, recordings.book_of(settings), "ta")
        sounds = {}
        for question, piece in _pieces(script).items():
            pcm = cache.get(piece)
            if pcm is not None:
                heard = np.frombuffer(pcm, np.int16)
                sounds[question] = resample(heard, SAMPLE_RATE, LINE_RATE)
        if not sounds:
            raise UsageError(
                "The callers cannot know the agent's questions, for its sentences are not "
                "recorded here: run `kural prompts render` with the agent's voice first."
            )
        return cls(sounds)

    def heard_in(self, pcm: NDArray[np.int16]) -> Question | None:
        """The last question in a stretch of sound (int16 mono, 16 kHz); None when there is none."""
        heard = spectrum(pcm)
        found: list[tuple[float, int, Question]] = []
        for sign in self._signs:
            score, end = _best(heard, sign.shape, sign.spread)
            if score >= ALIKE:
                found.append((end * HOP_S, len(sign.shape), sign.question))
        if not found:
            return None
        last = max(end for end, _, _ in found)
        ended_last = [each for each in found if last - each[0] <= _SAME_END_S]
        return max(ended_last, key=lambda each: each[1])[2]


def likeness(heard: NDArray[np.int16], said: NDArray[np.int16]) -> float:
    """How surely a clip (int16 mono, 16 kHz) is in a stretch of sound: its best correlation there.

    The clip is looked for whole, also where it is long. -1 to 1; see :data:`ALIKE`.
    """
    found = _unit(spectrum(said))
    return _best(spectrum(heard), *found)[0] if found is not None else 0.0


def spectrum(pcm: NDArray[np.int16]) -> NDArray[np.float32]:
    """Loudness over time and pitch: columns of 40 ms x 16 bands up to 4 kHz, decibels."""
    if len(pcm) < _WINDOW:
        return np.zeros((0, _BANDS), np.float32)
    frames = sliding_window_view(pcm.astype(np.float32), _WINDOW)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1)) ** 2 / _WINDOW
    return np.asarray(10 * np.log10(power @ _bands() + _FLOOR), np.float32)


def _bands() -> NDArray[np.float64]:
    """Weights that add the bins of a spectrum up to bands, spaced as the ear has them."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in _BAND_HZ)
    edges = 700 * (10 ** (np.linspace(low, high, _BANDS + 2) / 2595) - 1)
    hertz = np.fft.rfftfreq(_WINDOW, 1 / LINE_RATE)[:, None]
    rising = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hertz) / (edges[2:] - edges[1:-1])
    return np.asarray(np.clip(np.minimum(rising, falling), 0.0, None))


def _shape_of(columns: NDArray[np.float32]) -> tuple[NDArray[np.float32], float] | None:
    """What is compared of a recording, and how much it varies; None when it is too short."""
    return _unit(columns[-round(_LONGEST_S / HOP_S) :])


def _unit(columns: NDArray[np.float32]) -> tuple[NDArray[np.float32], float] | None:
    if len(columns) < _SHORTEST_S / HOP_S:
        return None
    centred = columns - columns.mean(axis=0)
    length = float(np.sqrt((centred**2).sum()))
    return (centred / length, length) if length > 0 else None


def _best(
    heard: NDArray[np.float32], shape: NDArray[np.float32], varies: float
) -> tuple[float, int]:
    """Highest correlation of a shape with any lively stretch, and the column after that stretch."""
    count = len(shape)
    if len(heard) < count:
        return 0.0, 0
    windows = sliding_window_view(heard, count, axis=0)
    dots = np.einsum("nbt,tb->n", windows, shape, optimize=True)
    sums, squares = windows.sum(axis=2), (windows**2).sum(axis=(1, 2))
    spread = np.sqrt(np.maximum(squares - (sums**2).sum(axis=1) / count, 0.0))
    scores = np.where(spread >= _LIVELY * varies, dots / np.maximum(spread, 1e-6), 0.0)
    at = int(np.argmax(scores))
    return float(scores[at]), at + count


def _pieces(script: Script) -> dict[Question, str]:
    """The recording by which each question is known: the last fixed words of its sentence."""
    pieces = {}
    for prompt_id, prompt in script.prompts.items():
        if (prompt_id not in PUTS and prompt_id not in AGAIN) or not prompt.pieces:
            continue
        last = prompt.pieces[-1]
        goes_on = bool(prompt.slots) and not prompt.text.rstrip(" .").endswith(last.rstrip(" ."))
        pieces[Question(prompt_id, PUTS.get(prompt_id), goes_on)] = last
    return pieces
