"""From the delays of many turns to the number of calls a machine carries (pure).

A 95th percentile of one window of a minute is noisy, and a busy moment of the machine can spoil
it. So all windows are read together: their percentiles, weighted by turns, are fitted with a curve
that only rises (pool adjacent violators on the logarithm), and the capacity is where that curve
crosses the target. How far it may be off is told by drawing the calls of every window anew (a
bootstrap by call slot, since turns of one call are alike).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEVER_S = 30.0
"""Delay of a turn that got no answer: longer than any caller waits."""
QUANTILE = 0.95
INTERVAL = (0.05, 0.95)
"""Between these quantiles of the draws the capacity is said to lie: nine in ten."""
DRAWS = 400
_SHORTEST_S = 1e-3


@dataclass(frozen=True, slots=True)
class Window:
    """What one stretch of so many calls at once came to."""

    calls: int
    """Calls held at once all through it."""
    delays_s: tuple[tuple[float, ...], ...]
    """By call slot: from the caller's last sound to the agent's first, :data:`NEVER_S` where no
    answer came."""

    @property
    def turns(self) -> int:
        """Turns measured."""
        return sum(map(len, self.delays_s))

    @property
    def lost(self) -> int:
        """Turns without an answer."""
        return sum(delay >= NEVER_S for slot in self.delays_s for delay in slot)

    def quantile(self, share: float) -> float:
        """A quantile of its delays, seconds; NaN without a turn."""
        return _quantile([delay for slot in self.delays_s for delay in slot], share)

    @property
    def p95_s(self) -> float:
        """The delay that 95 % of its turns kept; NaN without a turn."""
        return self.quantile(QUANTILE)


@dataclass(frozen=True, slots=True)
class Knee:
    """Where the delay crosses the target."""

    calls: float
    """Most calls at once that keep it, between the levels by interpolation; 0 = not even the
    fewest that were tried."""
    low: float
    high: float
    """Nine in ten draws of the same calls lie between them."""
    reached: bool
    """Whether it was crossed at all; else more calls than were tried may be carried."""


def knee_of(
    windows: Sequence[Window], target_s: float, *, seed: int = 0, draws: int = DRAWS
) -> Knee:
    """The capacity these windows show, with its interval.

    Args:
        windows: in any order; several of one level are put together.
        target_s: what 95 % of the turns are to keep, seconds.
        seed: of the draws.
        draws: how many; with none the interval is the number itself.
    """
    calls, reached = _crossing(fitted(windows), target_s)
    rng = np.random.default_rng(seed)
    drawn = [_crossing(fitted(_drawn(windows, rng)), target_s)[0] for _ in range(draws)]
    low, high = np.quantile(drawn or [calls], INTERVAL)
    return Knee(calls, min(float(low), calls), max(float(high), calls), reached)


def fitted(windows: Iterable[Window]) -> list[tuple[int, float]]:
    """Calls at once and 95th percentile, rising in both; levels without a turn are left out."""
    pooled: dict[int, list[float]] = {}
    for window in windows:
        delays = pooled.setdefault(window.calls, [])
        delays += [delay for slot in window.delays_s for delay in slot]
    levels = sorted((calls, delays) for calls, delays in pooled.items() if delays)
    heights = [math.log(max(_SHORTEST_S, _quantile(each, QUANTILE))) for _, each in levels]
    smooth = _rising(heights, [len(delays) for _, delays in levels])
    return [(level[0], math.exp(height)) for level, height in zip(levels, smooth, strict=True)]


def carried(curve: Sequence[tuple[int, float]], target_s: float) -> tuple[int, int | None]:
    """Most calls of the levels that keep the target (0 = none), and the fewest that do not."""
    kept = [calls for calls, p95_s in curve if p95_s <= target_s]
    over = [calls for calls, p95_s in curve if p95_s > target_s]
    return max(kept, default=0), min(over, default=None)


def _crossing(curve: Sequence[tuple[int, float]], target_s: float) -> tuple[float, bool]:
    kept, over = carried(curve, target_s)
    if over is None:
        return float(kept), False
    if not kept:
        return 0.0, True
    height = dict(curve)
    below, above = math.log(height[kept]), math.log(height[over])
    share = (math.log(target_s) - below) / (above - below)
    return kept + share * (over - kept), True


def _drawn(windows: Sequence[Window], rng: np.random.Generator) -> list[Window]:
    """The same windows with their call slots drawn anew, some twice and some not at all."""
    return [
        Window(window.calls, tuple(window.delays_s[i] for i in _choice(len(window.delays_s), rng)))
        for window in windows
    ]


def _choice(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.integers(0, count, count) if count else np.zeros(0, np.int64)


def _quantile(delays: Sequence[float], share: float) -> float:
    return float(np.quantile(delays, share)) if delays else math.nan


def _rising(heights: Sequence[float], weights: Sequence[int]) -> list[float]:
    """The rising sequence nearest to the heights (weighted squares)."""
    blocks: list[tuple[float, float, int]] = []  # mean, weight, length
    for height, weight in zip(heights, weights, strict=True):
        blocks.append((height, float(weight), 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            later, earlier = blocks.pop(), blocks.pop()
            total = earlier[1] + later[1]
            mean = (earlier[0] * earlier[1] + later[0] * later[1]) / total
            blocks.append((mean, total, earlier[2] + later[2]))
    return [mean for mean, _, length in blocks for _ in range(length)]
