"""The bound: exact on cases small enough to try everything."""

from decimal import Decimal
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import UsageError
from agent.scaling.clairvoyant import GRID_S, least_cost_usd, path_overflows, places_needed
from agent.scaling.demand import Calls
from agent.scaling.machine_mix import MachineType

SMALL = MachineType("small", 2, Decimal("0.60"))
LARGE = MachineType("large", 5, Decimal("1.10"))


def tried(needed, floor, kinds, cold_s):
    """The least cost by trying every plan."""
    most = [max(-(-max(needed) // kind.calls), max(floor)) for kind in kinds]
    states = list(product(*(range(n + 1) for n in most)))
    price = [float(kind.usd_per_hour) / 3600 for kind in kinds]

    def possible(state, step):
        carried = sum(n * kind.calls for n, kind in zip(state, kinds, strict=True))
        return carried >= needed[step] and sum(state) >= floor[step]

    best = float("inf")
    for path in product(states, repeat=len(needed)):
        if all(possible(state, step) for step, state in enumerate(path)):
            cost = sum(n * p * GRID_S for s in path for n, p in zip(s, price, strict=True))
            for before, after in pairwise(path):
                begun = (max(0, b - a) for a, b in zip(before, after, strict=True))
                cost += sum(n * p * cold_s for n, p in zip(begun, price, strict=True))
            best = min(best, cost)
    return best


@given(
    needed=st.lists(st.integers(0, 5), min_size=2, max_size=4),
    floor=st.integers(0, 1),
    cold_s=st.sampled_from([0.0, 20.0, 200.0]),
    kinds=st.sampled_from([(SMALL,), (SMALL, LARGE)]),
)
@settings(max_examples=40, deadline=None)
def test_no_plan_is_cheaper_and_one_is_as_cheap(needed, floor, cold_s, kinds):
    floors = [floor] * len(needed)
    cost, places = least_cost_usd(np.array(needed), np.array(floors), kinds, cold_s)
    assert cost == pytest.approx(tried(needed, floors, kinds, cold_s))
    assert (places >= needed).all()


def test_a_machine_is_kept_through_a_gap_that_is_shorter_than_a_start():
    needed = np.array([2, 0, 0, 2])
    floor = np.zeros(4, dtype=np.int64)
    hour = 0.60 / 3600
    assert least_cost_usd(needed, floor, [SMALL], 40.0)[0] == pytest.approx(4 * GRID_S * hour)
    assert least_cost_usd(needed, floor, [SMALL], 20.0)[0] == pytest.approx(
        (2 * GRID_S + 20) * hour
    )


def test_calls_in_progress_are_counted_at_every_fifteenth_second():
    calls = Calls(np.array([0.0, 10.0, 40.0]), np.array([35.0, 60.0, 5.0]), 1)
    needed = places_needed(calls, np.array([True, True, True]))
    assert needed[:5].tolist() == [1, 2, 1, 1, 0]
    assert needed[5:].max() == 0
    assert places_needed(calls, np.array([False, True, False]))[:4].tolist() == [0, 1, 1, 1]


def test_the_answer_path_overflows_where_more_call_at_once_than_it_has_places():
    calls = Calls(np.array([15.0, 20.0, 25.0]), np.array([300.0] * 3), 1)
    everyone = np.array([True, True, True])
    assert path_overflows(calls, everyone, path_calls=2)[:6].tolist() == [0, 0, 1, 1, 0, 0]
    assert path_overflows(calls, everyone, path_calls=3).max() == 0


def test_more_than_can_be_searched_is_one_sentence():
    many = [MachineType(str(n), n, Decimal(n * n + 1)) for n in range(1, 9)]
    with pytest.raises(UsageError, match="too many for the exact bound"):
        least_cost_usd(np.array([400]), np.array([0]), many, 60.0)
