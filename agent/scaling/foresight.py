"""What will be on the line when a machine ordered now is ready (pure)."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta

from agent.scaling.day_curve import watched
from agent.scaling.fleet import Memory
from agent.scaling.policy_config import Config

_STEPS = 4
"""Parts into which the time ahead is cut."""


def remember_arrivals(memory: Memory, arrived: int, now: datetime, config: Config) -> Memory:
    """Bring the smoothed arrivals and the curve of the day up to date with the calls since."""
    since = memory.arrivals_at
    if since is None:
        return replace(memory, arrivals_at=now)
    span_s = (now - since).total_seconds()
    if span_s <= 0:
        return memory
    curves = watched(memory.curves, arrived, since, now) if config.learn else memory.curves
    usual = curves.usual_per_s(now)
    rate = arrived / span_s
    quick, slow = (1.0 - math.exp(-span_s / each) for each in (config.smooth_s, config.level_s))
    before = memory.usual_per_s or usual or 0.0
    return replace(
        memory,
        arrivals_per_s=memory.arrivals_per_s + quick * (rate - memory.arrivals_per_s),
        seen_per_s=memory.seen_per_s + slow * (rate - memory.seen_per_s),
        usual_per_s=before + slow * (usual - before) if usual is not None else 0.0,
        arrivals_at=now,
        curves=curves,
    )


def arrivals_at(memory: Memory, moment: datetime, config: Config) -> float:
    """Return the arrivals a second to be expected at a moment soon.

    Today's level is what came over what is usual at those times, drawn towards 1 where few calls
    have been seen; the curve of such days tells the rest. Without a curve it goes on as it was, and
    a day with far more calls than usual is not believed to follow the curve down.
    """
    usual = memory.curves.usual_per_s(moment)
    if usual is None or not memory.usual_per_s:
        return memory.arrivals_per_s
    seen = memory.seen_per_s * config.level_s
    supposed = memory.usual_per_s * config.level_s
    level = (seen + config.level_calls) / (supposed + config.level_calls)
    if level > config.unusual:
        return max(usual * level, memory.arrivals_per_s)
    return usual * level


def foreseen(
    here: int, memory: Memory, now: datetime, ahead_s: float, config: Config
) -> tuple[float, float]:
    """Return mean and standard deviation of the calls in progress some time ahead.

    Of the calls of now some will be left, the others are the arrivals until then (the M/G/inf
    queue, lengths taken as exponential). The calls of now are not counted in full: they are one
    noisy look at a mean, and a machine ordered for a crest comes after it.
    """
    mean_s = config.call_mean_s
    left = math.exp(-ahead_s / mean_s)
    step_s = ahead_s / _STEPS
    fresh = 0.0
    for step in range(_STEPS):
        rate = arrivals_at(memory, now + timedelta(seconds=(step + 0.5) * step_s), config)
        ends = math.exp(-(ahead_s - (step + 1) * step_s) / mean_s)
        begins = math.exp(-(ahead_s - step * step_s) / mean_s)
        fresh += rate * mean_s * (ends - begins)
    return here * left + fresh, math.sqrt(here * left * (1.0 - left) + fresh)
