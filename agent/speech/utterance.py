"""When is a caller's sound decoded, and which part of it (pure: windows in, actions out).

One :class:`UtteranceTracker` follows one call. The voice activity detector tells it about every
32 ms window and about the beginning and end of speech; it answers with what to do now. A decode is
begun on suspicion at the first short silence; when the caller goes on it is forgotten, when the
utterance ends it is the answer already.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from agent.speech.segments import best_cut
from agent.speech.vad import SILENT_BELOW, SPEECH_ABOVE, WINDOW_S

MAX_UTTERANCE_S = 30.0
"""A longer utterance is cut at its best pause: Whisper hears 30 s at once."""
LEAST_HEARD_S = 0.064
"""Speech that must have come since the last cut for the rest to be worth decoding."""


@dataclass(frozen=True, slots=True)
class Started:
    """The caller began to speak."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Speculate:
    """Decode what was said so far: perhaps it is all."""

    pcm: bytes
    end_s: float
    """Where its speech ends, seconds from the beginning of the stream."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The caller goes on: forget the speculation."""


@dataclass(frozen=True, slots=True)
class Finish:
    """This part is complete."""

    pcm: bytes
    reuse: bool
    """The last speculation heard all of it: its answer is the answer."""
    end_s: float
    last: bool
    """The utterance ended with it (or the caller hung up); else a long one was cut."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The utterance ended and nothing of it is left to decode."""

    at_s: float


Action = Started | Speculate | Resumed | Finish | Ended


@dataclass(slots=True)
class _Part:
    """What was heard since the last cut."""

    padding: bytes = b""
    windows: list[bytes] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    heard_windows: int = 0
    """Windows that were speech."""
    silent_windows: int = 0
    """Windows of silence at its end."""
    speculated: bool = False
    """All speech of it is being decoded on suspicion, or was."""

    @property
    def worth_decoding(self) -> bool:
        return self.heard_windows * WINDOW_S >= LEAST_HEARD_S

    @property
    def pcm(self) -> bytes:
        return self.padding + b"".join(self.windows)


class UtteranceTracker:
    """Follows the utterances of one call. Sound is int16 mono at 16 kHz."""

    def __init__(
        self, *, speculate_after_s: float, max_utterance_s: float = MAX_UTTERANCE_S
    ) -> None:
        self._speculate_windows = max(1, round(speculate_after_s / WINDOW_S))
        self._max_windows = round(max_utterance_s / WINDOW_S)
        self._speaking = False
        self._part = _Part()
        self._speech_end_s = 0.0

    @property
    def speaking(self) -> bool:
        """Whether an utterance has begun and not ended."""
        return self._speaking

    def started(self, pcm: bytes, at_s: float) -> list[Action]:
        """Speech began; ``pcm`` is all of it so far, padding included."""
        self._speaking = True
        # The detector fired, so there was speech whatever each of its windows alone said.
        self._part = _Part(padding=pcm, heard_windows=round(LEAST_HEARD_S / WINDOW_S))
        self._speech_end_s = at_s
        return [Started(at_s)]

    def window(self, pcm: bytes, probability: float, at_s: float) -> list[Action]:
        """One more window; ``at_s`` is its end in seconds from the beginning of the stream."""
        if not self._speaking:
            return []
        self._part.windows.append(pcm)
        self._part.probabilities.append(probability)
        if probability < SILENT_BELOW:
            actions = self._silent_window()
        else:
            self._speech_end_s = at_s
            actions = self._spoken_window(probability)
        if len(self._part.windows) >= self._max_windows:
            actions += self._cut()
        return actions

    def ended(self, at_s: float) -> list[Action]:
        """Speech ended."""
        finish = self._finish(self._part, last=True)
        self._speaking = False
        self._part = _Part()
        return [finish or Ended(at_s)]

    def flush(self) -> list[Action]:
        """Somebody needs the answer now; speech may still go on."""
        finish = self._finish(self._part, last=False)
        if finish is None:
            return []
        self._part = _Part()
        return [finish]

    def _silent_window(self) -> list[Action]:
        part = self._part
        part.silent_windows += 1
        early = part.silent_windows < self._speculate_windows
        if early or part.speculated or not part.worth_decoding:
            return []
        part.speculated = True
        return [Speculate(part.pcm, self._speech_end_s)]

    def _spoken_window(self, probability: float) -> list[Action]:
        part = self._part
        part.silent_windows = 0
        part.heard_windows += probability >= SPEECH_ABOVE
        if not part.speculated:
            return []
        part.speculated = False
        return [Resumed()]

    def _cut(self) -> list[Action]:
        """End a part that is too long at its best pause and go on with the rest."""
        part = self._part
        cut = best_cut(np.asarray(part.probabilities, dtype=np.float32))
        rest = part.probabilities[cut:]
        self._part = _Part(
            windows=part.windows[cut:],
            probabilities=rest,
            heard_windows=sum(p >= SPEECH_ABOVE for p in rest),
            silent_windows=min(part.silent_windows, len(rest)),
        )
        actions: list[Action] = [Resumed()] if part.speculated else []
        part.windows, part.speculated = part.windows[:cut], False
        finish = self._finish(part, last=False)
        return [*actions, finish] if finish else actions

    def _finish(self, part: _Part, *, last: bool) -> Finish | None:
        if not part.worth_decoding:
            return None
        return Finish(part.pcm, part.speculated, self._speech_end_s, last)
