"""When is a caller's sound decoded, and which part of it (pure: windows in, actions out).

One :class:`UtteranceTracker` follows one call. The voice activity detector tells it about every
32 ms window and about the beginning and end of speech; it answers with what to do now. A decode is
begun on suspicion at the first short silence; when the caller goes on it is forgotten, when the
utterance ends it is the answer already. Somebody who talks without a pause is decoded in clauses,
so that only the last few seconds are left to do when he stops.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agent.speech.segments import clause_cut
from agent.speech.vad import SILENT_BELOW, SPEECH_ABOVE, WINDOW_S

CLAUSE_AFTER_S = 5.0
"""From this length on a part is cut at its best breath. Short clauses leave the least to decode at
the end, and the demo model hears them best: of six monologues of ten sentences without a pause of
0.25 s (espeak-ng) it got 32 % of the words wrong with 8 s and 11 % with 5 s."""
LONGEST_S = 12.0
"""At this length it is cut at its best place whatever there is; Tamil fills Whisper's limit of
tokens in 15 s."""
BREATH_S = 0.064
"""The shortest silence that counts as a breath: the detector sees it 0.1 s late, so it is longer
in truth. 0.25 s of silence end the utterance anyway. With 0.096 s: 20 % instead of 11 % (above)."""
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
    clause: bool = False
    """A long utterance was cut here and goes on: nobody waits for these words yet."""


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
    looked_back: bool = False
    """It was searched for a breath when it became long."""

    @property
    def worth_decoding(self) -> bool:
        return self.heard_windows * WINDOW_S >= LEAST_HEARD_S

    @property
    def pcm(self) -> bytes:
        return self.padding + b"".join(self.windows)


class UtteranceTracker:
    """Follows the utterances of one call. Sound is int16 mono at 16 kHz."""

    def __init__(
        self,
        *,
        speculate_after_s: float,
        clause_after_s: float = CLAUSE_AFTER_S,
        longest_s: float = LONGEST_S,
    ) -> None:
        self._speculate_windows = max(1, round(speculate_after_s / WINDOW_S))
        self._clause_windows = round(clause_after_s / WINDOW_S)
        self._longest_windows = round(longest_s / WINDOW_S)
        self._breath_windows = round(BREATH_S / WINDOW_S)
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
        breath = self._part.silent_windows >= self._breath_windows
        self._part.windows.append(pcm)
        self._part.probabilities.append(probability)
        silent = probability < SILENT_BELOW
        if silent:
            actions = self._silent_window()
        else:
            self._speech_end_s = at_s
            actions = self._spoken_window(probability)
        cut = self._where_to_cut(after_breath=breath and not silent, silent=silent)
        return actions if cut is None else actions + self._cut(cut, at_s)

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

    def _where_to_cut(self, *, after_breath: bool, silent: bool) -> int | None:
        """The first window of the next part, if there should be one now.

        Never in a silence that may be the end of the utterance, unless it is high time: its
        speculation is worth more than an earlier clause.
        """
        part = self._part
        length = len(part.windows)
        if length >= self._longest_windows:
            return clause_cut(part.probabilities, _levels(part.windows), least_pause=0)
        if length < self._clause_windows or silent or (part.looked_back and not after_breath):
            return None
        part.looked_back = True
        least = self._breath_windows
        return clause_cut(part.probabilities, _levels(part.windows), least_pause=least)

    def _cut(self, cut: int, at_s: float) -> list[Action]:
        """End a part there and go on with the rest."""
        part = self._part
        rest = part.probabilities[cut:]
        self._part = _Part(
            windows=part.windows[cut:],
            probabilities=rest,
            heard_windows=sum(p >= SPEECH_ABOVE for p in rest),
            silent_windows=min(part.silent_windows, len(rest)),
        )
        actions: list[Action] = [Resumed()] if part.speculated else []
        part.windows, part.speculated = part.windows[:cut], False
        if not part.worth_decoding:
            return actions
        return [*actions, Finish(part.pcm, False, at_s - len(rest) * WINDOW_S, False, clause=True)]

    def _finish(self, part: _Part, *, last: bool) -> Finish | None:
        if not part.worth_decoding:
            return None
        return Finish(part.pcm, part.speculated, self._speech_end_s, last)


def _levels(windows: list[bytes]) -> NDArray[np.float32]:
    """Mean level of each window in dB above one step of int16; shape (windows,)."""
    return np.asarray(
        [
            10 * np.log10(1 + np.mean(np.square(np.frombuffer(pcm, np.int16), dtype=np.float64)))
            for pcm in windows
        ],
        dtype=np.float32,
    )
