"""What the clock demands of a call: words when a caller stays away, waits, or talks too long. Pure.

LiveKit's away timer runs only while nobody makes a sound, so a noisy line never starts it. Here the
time since the last *committed turn or key* counts, whatever the line does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Due(Enum):
    """What has to be done now."""

    SILENCE = "silence"
    """No turn and no key for too long: the flow hears of a silence."""
    HOLD = "hold"
    """We owe an answer and have said nothing for too long: a word that we are at it."""
    ENOUGH = "enough"
    """The question is answered, but the line does not fall silent: the turn is taken as it is."""
    SHORT = "short"
    """The longest time of a call is nearly over."""
    OVER = "over"
    """It is over."""


@dataclass(frozen=True, slots=True)
class Limits:
    """All in seconds."""

    max_call_s: float
    """Longest time of a call."""
    cap_s: float = 60.0
    """Longest time without a turn or a key (peers.md section 4)."""
    apart_s: float = 5.0
    """Least time between two silences."""
    hold_after_s: float = 3.0
    """Silence of ours, while an answer is owed, after which we say that we are at it: with the
    1.5 s the voice may take for the answer itself, about 4 s in the worst case."""
    enough_s: float = 6.0
    """How long a line may sound on after words that answer the question: voices in a room as loud
    as the caller never let it fall silent."""
    warn_before_s: float = 60.0
    """How long before its end a call is warned."""
    polite_s: float = 10.0
    """How long the warning waits for a moment in which nobody speaks."""

    @property
    def warn_at_s(self) -> float:
        """When the warning is due, from the beginning; half-way in a very short call."""
        return max(self.max_call_s - self.warn_before_s, self.max_call_s / 2)


class Vigil:
    """The clock of one call. All times are seconds on any one scale; it reads none itself."""

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._began = self._progress = now
        self._silenced = float("-inf")
        self._owed_since: float | None = None
        self._settled_since: float | None = None
        self._held = self._warned = self._ended = False

    @property
    def owed(self) -> bool:
        """Whether we owe the caller an answer."""
        return self._owed_since is not None

    @property
    def progress(self) -> float:
        """When the last turn was committed or key pressed."""
        return self._progress

    def progressed(self, now: float) -> None:
        """A turn with words was committed, or a key pressed."""
        self._progress = now
        self._settled_since = None

    def settled(self, now: float, *, so: bool) -> None:
        """The words of the turn that goes on answer the question, or do not."""
        if not so:
            self._settled_since = None
        elif self._settled_since is None:
            self._settled_since = now

    def silenced(self, now: float) -> None:
        """The flow has heard of a silence."""
        self._silenced = now

    def may_be_silent(self, now: float) -> bool:
        """Whether the last silence is long enough ago for another."""
        return now - self._silenced >= self._limits.apart_s

    def owe(self, now: float) -> None:
        """The caller waits for us from now on, unless he does already."""
        if self._owed_since is None:
            self._owed_since = now

    def answered(self) -> None:
        """The answer is spoken, or none is owed after all."""
        self._owed_since = None
        self._held = False

    def due(self, now: float, *, quiet: bool) -> tuple[Due, ...]:
        """What has to be done now; all but SILENCE are given once, HOLD and ENOUGH once a turn.

        Args:
            now: the time.
            quiet: nobody speaks, and no note is being recorded.
        """
        limits = self._limits
        if now - self._began >= limits.max_call_s:
            first, self._ended = not self._ended, True
            return (Due.OVER,) if first else ()
        dues: list[Due] = []
        if self._hold_is_due(now):
            self._held = True
            dues.append(Due.HOLD)
        if self._settled_since is not None and now - self._settled_since >= limits.enough_s:
            self._settled_since = None
            dues.append(Due.ENOUGH)
        if self._warning_is_due(now, quiet=quiet):
            self._warned = True
            dues.append(Due.SHORT)
        if now - self._progress >= limits.cap_s and self.may_be_silent(now):
            dues.append(Due.SILENCE)
        return tuple(dues)

    def _hold_is_due(self, now: float) -> bool:
        since = self._owed_since
        return since is not None and not self._held and now - since >= self._limits.hold_after_s

    def _warning_is_due(self, now: float, *, quiet: bool) -> bool:
        late_s = now - self._began - self._limits.warn_at_s
        return not self._warned and late_s >= 0 and (quiet or late_s >= self._limits.polite_s)
