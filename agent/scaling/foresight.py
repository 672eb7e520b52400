"""What will be on the line when a machine ordered now is ready (pure)."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime

from agent.scaling.fleet import Memory


def remember_arrivals(memory: Memory, arrived: int, now: datetime, smooth_s: float) -> Memory:
    """Bring the smoothed arrivals up to date with the calls since the last time."""
    since = memory.arrivals_at
    if since is None:
        return replace(memory, arrivals_at=now)
    span_s = (now - since).total_seconds()
    if span_s <= 0:
        return memory
    weight = 1.0 - math.exp(-span_s / smooth_s)
    rate = memory.arrivals_per_s + weight * (arrived / span_s - memory.arrivals_per_s)
    return Memory(
        since=memory.since,
        arrivals_per_s=rate,
        arrivals_at=now,
        surplus_since=memory.surplus_since,
        idle_since=memory.idle_since,
        accounted_since=memory.accounted_since,
        acted=memory.acted,
        no_order_until=memory.no_order_until,
    )


def foreseen(
    here: int, arrivals_per_s: float, call_mean_s: float, ahead_s: float
) -> tuple[float, float]:
    """Return mean and standard deviation of the calls in progress some time ahead.

    Of the calls of now some will be left, the others are the arrivals until then (the M/G/inf
    queue, lengths taken as exponential). The calls of now are not counted in full: they are one
    noisy look at a mean, and a machine ordered for a crest comes after it.
    """
    left = math.exp(-ahead_s / call_mean_s)
    fresh = arrivals_per_s * call_mean_s * (1.0 - left)
    return here * left + fresh, math.sqrt(here * left * (1.0 - left) + fresh)
