"""The cheapest machines that together carry so many calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class MachineType:
    """One kind of machine on offer."""

    name: str
    calls: int
    """Calls one such machine may be given; types with none are never chosen."""
    usd_per_hour: Decimal


def cheapest_mix(slots: int, types: tuple[MachineType, ...]) -> Mapping[str, int]:
    """Return how many machines of which type carry at least ``slots`` calls for the least money.

    Of two mixes at one price the one with fewer machines is taken. Exact, by dynamic programming
    over the slots still to be carried.

    Returns:
        Type name -> count, dearest type first, types that are not used left out; empty for no
        slots or when no type carries a call.
    """
    usable = [one for one in types if one.calls > 0]
    if slots <= 0 or not usable:
        return {}
    best: list[tuple[Decimal, int, MachineType | None]] = [(Decimal(0), 0, None)]
    for wanted in range(1, slots + 1):
        options = (
            (before[0] + kind.usd_per_hour, before[1] + 1, kind)
            for kind in usable
            for before in [best[max(0, wanted - kind.calls)]]
        )
        best.append(min(options, key=lambda option: option[:2]))
    counts: dict[str, int] = {}
    left = slots
    while left > 0 and (kind := best[left][2]) is not None:
        counts[kind.name] = counts.get(kind.name, 0) + 1
        left -= kind.calls
    order = sorted(usable, key=lambda kind: kind.usd_per_hour, reverse=True)
    return {kind.name: counts[kind.name] for kind in order if kind.name in counts}
