"""A machine made of a formula: what a search sees of one whose capacity is known."""

import numpy as np

from agent.capacity.estimate import NEVER_S, Window


class Machine:
    """Answers are quick until ``knee`` calls; from there on they wait ever longer.

    ``noise`` is the scatter of single turns; ``spoilt`` the share of windows in which something
    else keeps the machine busy.
    """

    def __init__(self, knee, *, seed=0, steep=8.0, base_s=0.45, noise=0.25, spoilt=0.0, turns=8):
        self.knee, self.steep, self.base_s = knee, steep, base_s
        self.noise, self.spoilt, self.turns = noise, spoilt, turns
        self.rng = np.random.default_rng(seed)
        self.windows = 0

    def median_s(self, calls):
        return self.base_s * (1 + (calls / self.knee) ** self.steep)

    def target_s(self):
        """The target at which exactly ``knee`` calls are carried."""
        return self.median_s(self.knee) * float(np.exp(1.645 * self.noise))

    def window(self, calls):
        self.windows += 1
        factor = 3.0 if self.rng.random() < self.spoilt else 1.0
        delays = self.median_s(calls) * factor
        drawn = delays * np.exp(self.noise * self.rng.standard_normal((calls, self.turns)))
        return Window(calls, tuple(tuple(map(float, np.minimum(row, NEVER_S))) for row in drawn))
