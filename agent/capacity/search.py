"""How many calls at once to try next (pure): first upwards by a factor, then between the two ends.

What was measured decides, nothing else is remembered, so a search can be replayed from its windows.
A level counts as carried by the curve through all windows, not by its own window alone: one
spoilt window is outvoted by those beside it, and where carried and not carried meet, both are
measured again as often as the plan says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from agent.capacity.estimate import Window, carried, fitted


@dataclass(frozen=True, slots=True)
class Plan:
    """How thorough a search is."""

    target_s: float
    """What 95 % of the turns are to keep, seconds."""
    first: int = 2
    """Calls at once to begin with."""
    growth: float = 1.5
    """Factor from one level of the ramp to the next."""
    most: int = 1000
    """More calls are never tried."""
    width: float = 0.05
    """The search ends when the ends of the gap lie one call or this share apart ..."""
    windows: int = 2
    """... and each end was measured so many times."""


def next_calls(windows: Sequence[Window], plan: Plan) -> int | None:
    """Calls at once to measure next; None when the capacity is known well enough.

    Args:
        windows: what was measured, in any order.
        plan: how thorough to be.
    """
    if not windows:
        return min(plan.first, plan.most)
    kept, over = carried(fitted(windows), plan.target_s)
    if over is None:
        return _upwards(windows, kept, plan)
    if over - kept > max(1.0, plan.width * kept):
        return (kept + over) // 2
    return _again(windows, kept, over, plan)


def _upwards(windows: Sequence[Window], kept: int, plan: Plan) -> int | None:
    tried = max(window.calls for window in windows)
    if tried >= plan.most:
        return None
    return min(plan.most, max(tried + 1, int(max(tried, kept) * plan.growth)))


def _again(windows: Sequence[Window], kept: int, over: int, plan: Plan) -> int | None:
    """The end of the gap that was measured less often than wanted; the failing one first.

    A busy moment of the machine makes windows worse, never better.
    """
    times = Counter(window.calls for window in windows)
    for calls in (over, kept):
        if calls and times[calls] < plan.windows:
            return calls
    return None
