"""A caller who does not wait for the agent's last word: murmurs, and answers before the end."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from agent.callers.audio_io import AgentLine, CallerLine
    from agent.callers.clock import Clock
    from agent.callers.line_effects import LineEffects
    from agent.callers.watch import Ask
    from agent.complaint import Slot
    from agent.speech.audio import Samples

INTERRUPTS_AFTER_S = 1.0
"""An impatient caller begins so long after the agent's first sound."""
MURMURS_AFTER_S = 1.5
"""The first murmur in a sentence of the agent."""
MURMURS_EVERY_S = (2.5, 4.0)
_TIME_LEFT_S = 2.0
"""Only where the agent has at least so much left to say, its falling silent tells anything."""


@dataclass(frozen=True, slots=True)
class Manners:
    """What a caller does besides answering, and what his line does to his words."""

    interrupts: frozenset[Slot] = frozenset()
    """Questions he does not hear out, the first time they are put."""
    murmur: Samples = field(default_factory=lambda: np.zeros(0, np.int16))
    """What he murmurs while he listens, int16 at 16 kHz; empty: he is quiet."""
    effects: LineEffects | None = None


class Overlap:
    """Decides when one caller speaks under or over the agent, and notes when he did."""

    def __init__(
        self, manners: Manners, clock: Clock, seed: int, *, speed: float, agent_line: AgentLine
    ) -> None:
        self._manners = manners
        self._clock = clock
        self._speed = speed
        self._agent_line = agent_line
        self._random = random.Random(seed)
        self._interrupted: set[Slot] = set()
        self._next_murmur = 0.0
        self.barge_ins: list[float] = []
        """When he began to speak over words that could be interrupted."""
        self.murmurs: list[float] = []

    def interrupts(self, ask: Ask) -> bool:
        """Whether he begins to answer now, before the agent has finished; noted when he does."""
        slot = ask.slot
        if slot is None or slot not in self._manners.interrupts or slot in self._interrupted:
            return False
        if ask.end or not self._has_spoken_for(ask, INTERRUPTS_AFTER_S):
            return False
        self._interrupted.add(slot)
        if not ask.uninterruptible and self._agent_line.left_s >= _TIME_LEFT_S:
            self.barge_ins.append(self._clock.now())
        return True

    def murmur(self, ask: Ask, caller_line: CallerLine) -> None:
        """Murmur when it is time to; only while the agent speaks."""
        now, sound = self._clock.now(), self._manners.murmur
        if not sound.size or now < self._next_murmur or caller_line.speaking:
            return
        if not self._has_spoken_for(ask, MURMURS_AFTER_S):
            return
        if self._agent_line.left_s < _TIME_LEFT_S:
            return
        caller_line.say(sound)
        self.murmurs.append(now)
        self._next_murmur = now + self._random.uniform(*MURMURS_EVERY_S) / self._speed

    def _has_spoken_for(self, ask: Ask, seconds: float) -> bool:
        began = self._agent_line.first_sound_after(ask.at)
        return began is not None and self._clock.now() - began >= seconds / self._speed
