import asyncio
import itertools
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.capacity.load import (
    LOAD_THRESHOLD,
    STALE_AFTER_S,
    UNKNOWN_PRESSURE,
    WINDOW_S,
    Admission,
    Pressure,
    load_of,
)


def test_load_is_exact_at_every_step_from_empty_to_full():
    """A full worker reports the threshold itself, and one with a place left less than that."""
    for capacity in range(1, 300):
        steps = [load_of(active, capacity, 0.0) for active in range(capacity + 1)]
        assert steps[0] == 0.0
        assert steps[-1] == LOAD_THRESHOLD
        assert all(low < high for low, high in itertools.pairwise(steps))


@pytest.mark.parametrize(
    ("active", "capacity", "pressure", "load"),
    [
        (0, 4, 0.0, 0.0),
        (1, 4, 0.0, 0.175),
        (1, 4, 0.5, 0.35),
        (3, 4, 0.5, 0.525),
        (0, 4, 1.0, 0.7),
        (0, 4, 40.0, 0.7),
        (5, 4, 0.0, 0.7),
        (0, 4, -1.0, 0.0),
    ],
)
def test_load_is_the_worse_of_calls_and_pressure(active, capacity, pressure, load):
    assert load_of(active, capacity, pressure) == pytest.approx(load)


def test_pressure_is_the_mean_of_the_last_seconds():
    pressure = Pressure()
    pressure.note(9.0, 0.0)
    for when, value in ((10.0, 0.0), (11.0, 0.0), (12.0, 3.0)):
        pressure.note(value, when)
    assert pressure.at(12.5) == pytest.approx(1.0)
    assert pressure.age_s(12.5) == 0.5
    assert WINDOW_S < 12.0


def test_ears_that_fall_silent_are_believed_for_a_while_and_then_count_as_nearly_full():
    pressure = Pressure()
    assert pressure.at(0.0) == UNKNOWN_PRESSURE
    assert pressure.age_s(0.0) is None
    pressure.note(0.25, 100.0)
    assert pressure.at(100.0 + STALE_AFTER_S) == 0.25
    assert pressure.at(100.1 + STALE_AFTER_S) == UNKNOWN_PRESSURE
    assert load_of(0, 4, UNKNOWN_PRESSURE) < LOAD_THRESHOLD


async def test_simultaneous_offers_are_never_over_accepted():
    """Eleven offers at once to four places: exactly four are taken, whatever the order."""
    running: list[int] = []
    refused: list[int] = []
    admission, assigned = Admission(4), asyncio.Event()

    async def offer(name):
        with admission.place(len(running)) as free:
            if not free:
                refused.append(name)
                return
            await assigned.wait()
            running.append(name)

    async with asyncio.TaskGroup() as group:
        for name in range(11):
            group.create_task(offer(name))
        await asyncio.sleep(0)
        assert admission.promised == 4
        assigned.set()
    assert (len(running), len(refused), admission.promised) == (4, 7, 0)


def test_an_assignment_that_never_comes_gives_its_place_back():
    admission = Admission(1)
    with suppress(TimeoutError), admission.place(0) as free:
        assert free
        raise TimeoutError
    with admission.place(0) as free:
        assert free


@given(st.integers(1, 6), st.lists(st.sampled_from(["offer", "start", "lose", "end"]), max_size=60))
def test_running_and_promised_calls_never_exceed_the_capacity(capacity, events):
    admission, active, open_places = Admission(capacity), 0, []
    for event in events:
        if event == "offer":
            place = admission.place(active)
            if place.__enter__():
                open_places.append(place)
            else:
                assert active + len(open_places) == capacity
                place.__exit__(None, None, None)
        elif event in ("start", "lose") and open_places:
            active += event == "start"
            open_places.pop().__exit__(None, None, None)
        elif event == "end" and active:
            active -= 1
        assert active + admission.promised <= capacity
