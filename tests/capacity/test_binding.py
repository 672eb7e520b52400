import pytest

from agent.capacity.binding import Usage, bound_of


@pytest.mark.parametrize(
    ("usage", "bound"),
    [
        (Usage(cpu_busy=0.97, ears_pressure=1.4), "cpu"),
        (Usage(cpu_busy=0.5, ears_pressure=1.4), "ears"),
        (Usage(cpu_busy=0.6, ears_cores=0.95, ears_threads=1.0), "ears"),
        (Usage(cpu_busy=0.6, voice_cores=0.98), "voice"),
        (Usage(cpu_busy=0.6, voice_refused=4, ears_pressure=0.8), "voice"),
        (Usage(cpu_busy=0.95, free_memory=0.05), "memory"),
        (Usage(cpu_busy=0.6, free_memory=0.9), "cpu"),
    ],
)
def test_what_is_nearest_to_its_end_binds(usage, bound):
    assert bound_of(usage) == bound


def test_memory_that_allowed_no_more_calls_binds():
    assert bound_of(Usage(cpu_busy=0.99), by_memory=True) == "memory"


def test_figures_have_the_names_of_the_fields():
    assert Usage(cpu_busy=0.51239).to_figures()["cpu_busy"] == 0.5124
