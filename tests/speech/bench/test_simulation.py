"""The goal of batching, without a GPU: the real scheduler over an engine that only takes time."""

from __future__ import annotations

from agent.speech.bench import simulation


def test_batching_brings_eight_times_a_lock() -> None:
    lock, ours = simulation.saturated(1), simulation.saturated(simulation.MAX_BATCH)
    assert set(lock.batches) == {1}
    assert max(ours.batches) == simulation.MAX_BATCH
    assert ours.turned_away == 0
    assert ours.per_s / lock.per_s >= simulation.GOAL


def test_open_load_is_answered_whole_while_there_is_room() -> None:
    found = simulation.open_load(simulation.MAX_BATCH, 100, seconds=60)
    assert found.turned_away == 0
    assert found.utterances == len(found.latencies_s) == 600
    assert min(found.latencies_s) >= simulation.FIXED_S + simulation.EACH_S - 1e-9
    assert sorted(found.latencies_s)[-30] < 0.5


def test_a_lock_is_late_where_batches_are_not() -> None:
    lock, ours = (simulation.open_load(size, 200, seconds=30) for size in (1, 16))
    assert sorted(lock.latencies_s)[300] > 2.0
    assert sorted(ours.latencies_s)[570] < 0.5
