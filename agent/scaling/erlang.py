"""How many slots a load of calls needs when a caller who finds none is refused (Erlang B)."""

from __future__ import annotations

from agent.errors import UsageError

LARGEST_LOAD = 100_000
"""Erlangs; ten times the largest line the papers of this project speak of."""


def slots_needed(load: float, blocking: float) -> int:
    """Return the smallest number of slots, at least one, that refuses few enough calls.

    Args:
        load: calls in progress on average in the busiest hour, in erlangs.
        blocking: greatest share of calls that may find every slot taken, above 0 and below 1.

    Raises:
        UsageError: the load is above :data:`LARGEST_LOAD`.

    The recursion B(0) = 1, B(n) = load B(n-1) / (n + load B(n-1)) is the usual stable form of
    Erlang's loss formula (A. K. Erlang, 1917).
    """
    if load > LARGEST_LOAD:
        raise UsageError(
            f"That is more than {LARGEST_LOAD:,} calls at once: give fewer MLAs, calls or minutes."
        )
    refused, slots = 1.0, 0
    while slots == 0 or refused > blocking:
        slots += 1
        refused = load * refused / (slots + load * refused)
    return slots
