import pytest

from agent.errors import UsageError
from agent.scaling.erlang import LARGEST_LOAD, slots_needed


@pytest.mark.parametrize(
    ("load", "blocking", "slots"),
    [(0.0, 0.01, 1), (0.01, 0.01, 1), (4.46, 0.01, 10), (12.0, 0.01, 20), (84.0, 0.01, 100)],
)
def test_slots_agree_with_printed_erlang_b_tables(load, blocking, slots):
    """Loads at 1 % from the usual tables: 10 lines 4.46, 20 lines 12.0, 100 lines 84.1 erlangs."""
    assert slots_needed(load, blocking) == slots


def test_the_least_number_is_taken():
    """B(2, 2.9) = 0.519 and B(3, 2.9) = 0.334, by hand."""
    assert slots_needed(2.9, 0.5) == 3


def test_a_load_beyond_planning_is_refused():
    with pytest.raises(UsageError, match="calls at once"):
        slots_needed(LARGEST_LOAD + 1, 0.01)
