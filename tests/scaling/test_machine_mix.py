import itertools
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from agent.scaling.machine_mix import MachineType, cheapest_mix

TYPES = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 30)), min_size=1, max_size=3).map(
    lambda rows: tuple(
        MachineType(f"g{n}", calls, Decimal(cents) / 100) for n, (calls, cents) in enumerate(rows)
    )
)


@given(st.integers(0, 30), TYPES)
def test_no_other_mix_carries_the_calls_for_less(slots, types):
    mix = cheapest_mix(slots, types)
    by_name = {kind.name: kind for kind in types}
    assert sum(by_name[name].calls * count for name, count in mix.items()) >= slots
    paid = sum(by_name[name].usd_per_hour * count for name, count in mix.items())
    most = [range(-(-slots // kind.calls) + 1) for kind in types]
    assert paid == min(
        sum(n * kind.usd_per_hour for n, kind in zip(counts, types, strict=True))
        for counts in itertools.product(*most)
        if sum(n * kind.calls for n, kind in zip(counts, types, strict=True)) >= slots
    )


def test_a_type_that_carries_nothing_is_never_chosen():
    free = MachineType("free", 0, Decimal(0))
    assert cheapest_mix(5, (free, MachineType("real", 2, Decimal(1)))) == {"real": 3}
    assert cheapest_mix(5, (free,)) == {}
