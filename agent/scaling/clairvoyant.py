"""The least that any policy could pay, knowing every call beforehand (a lower bound).

The clairvoyant has the floor of the hours of service, pays each machine's cold start, answers
every call in hours and leaves the others to the answer path while that has places. It may move
live calls between machines, take all decisions on a grid of fifteen seconds and let a caller ring
ten; the machines of its first moment start for nothing, as everybody's do. What it pays, no policy
that keeps these rules can undercut by more than that grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from agent.errors import UsageError
from agent.scaling.demand import DAY_S, Calls
from agent.scaling.machine_mix import MachineType

GRID_S = 15.0
_RING_S = (0.0, 5.0, 10.0)
_MOST_STATES = 200_000

_Floats = NDArray[np.float64]


def places_needed(calls: Calls, in_service: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the calls in progress at every fifteenth second, at least, zero outside service.

    Args:
        calls: who calls when.
        in_service: for each call, whether it must have a machine.
    """
    arrives = calls.arrives_s[in_service]
    ends = np.sort(arrives + calls.lasts_s[in_service])
    grid = np.arange(0.0, calls.days * DAY_S, GRID_S)
    moments = [grid + ring for ring in _RING_S]
    counts = [np.searchsorted(arrives, at, "right") for at in moments]
    over = [np.searchsorted(ends, at, "right") for at in moments]
    lasting = [many - gone for many, gone in zip(counts, over, strict=True)]
    return np.asarray(np.min(lasting, axis=0), dtype=np.int64)


def path_overflows(
    calls: Calls, on_path: NDArray[np.bool_], path_calls: int = 8, path_s: float = 45.0
) -> NDArray[np.int64]:
    """Return 1 at every step at which the answer path alone would have no place left, else 0."""
    arrives = calls.arrives_s[on_path]
    grid = np.arange(0.0, calls.days * DAY_S, GRID_S)
    begun, over = (np.searchsorted(arrives, at, "right") for at in (grid, grid - path_s))
    return np.asarray(begun - over > path_calls, dtype=np.int64)


def least_cost_usd(
    needed: NDArray[np.int64],
    floor: NDArray[np.int64],
    types: Sequence[MachineType],
    cold_start_s: float,
) -> tuple[float, NDArray[np.int64]]:
    """Return the least cost and the places rented along the grid.

    Args:
        needed: calls to carry at each step of the grid.
        floor: machines to have at each step.
        types: machines on offer, as many as wanted.
        cold_start_s: what every start costs, in seconds of its machine.

    Raises:
        UsageError: the fleet is too large for this exact search.
    """
    kinds = _worth_having(types)
    capacity = np.array([kind.calls for kind in kinds])
    price = np.array([float(kind.usd_per_hour) for kind in kinds]) / 3600.0
    most = [int(max(-(-needed.max() // c), floor.max())) + 1 for c in capacity]
    if np.prod(most) > _MOST_STATES:
        raise UsageError("That many calls at once are too many for the exact bound: fewer MLAs.")
    states = np.array(list(product(*(range(n) for n in most))))
    carried = (states @ capacity).reshape(most)
    machines = states.sum(axis=1).reshape(most)
    rent = (states @ price).reshape(most)
    sums = np.unique(carried)
    needed = sums[np.searchsorted(sums, needed)]
    steps, lengths = _runs(needed, floor)
    kept: list[_Floats] = []
    value = np.zeros(most)
    for step, length in zip(steps[::-1], lengths[::-1], strict=True):
        possible = (carried >= needed[step]) & (machines >= floor[step])
        value = np.where(possible, value + rent * length * GRID_S, np.inf)
        kept.append(value)
        value = _with_starts(value, price * cold_start_s)
    path = _follow(kept[::-1], carried, price * cold_start_s)
    return float(kept[-1].min()), np.repeat(path, lengths)


def _worth_having(types: Sequence[MachineType]) -> list[MachineType]:
    """Machines that no other beats in both calls and price."""
    usable = sorted(
        (kind for kind in types if kind.calls > 0), key=lambda k: (k.usd_per_hour, -k.calls)
    )
    kept: list[MachineType] = []
    for kind in usable:
        if all(kind.calls > other.calls for other in kept):
            kept.append(kind)
    return kept


def _runs(
    needed: NDArray[np.int64], floor: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First steps of stretches in which nothing changes, and their lengths."""
    changes = np.flatnonzero((np.diff(needed) != 0) | (np.diff(floor) != 0)) + 1
    steps = np.concatenate([[0], changes])
    return steps, np.diff(np.concatenate([steps, [len(needed)]]))


def _with_starts(value: _Floats, start: _Floats) -> _Floats:
    """Cost from a state on when machines may be started (each at a price) or given back (free)."""
    for axis, each in enumerate(start):
        shape = [1] * value.ndim
        shape[axis] = value.shape[axis]
        ramp = (np.arange(value.shape[axis]) * each).reshape(shape)
        down = np.minimum.accumulate(value, axis=axis)
        up = np.flip(np.minimum.accumulate(np.flip(value + ramp, axis), axis=axis), axis) - ramp
        value = np.minimum(down, up)
    return value


def _follow(kept: list[_Floats], carried: NDArray[np.int64], start: _Floats) -> NDArray[np.int64]:
    """Places of the cheapest path through the kept values."""
    places = np.zeros(len(kept), dtype=np.int64)
    indices = np.indices(kept[0].shape)
    here = np.array(np.unravel_index(np.argmin(kept[0]), kept[0].shape))
    for step, value in enumerate(kept):
        begun = [
            np.maximum(0, index - n) * s for index, n, s in zip(indices, here, start, strict=True)
        ]
        best = np.unravel_index(np.argmin(value + np.sum(begun, axis=0)), value.shape)
        here = np.array(best)
        places[step] = carried[best]
    return places
