"""What gives way first when calls are added, from what each part was busy with (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from agent.capacity.profile import Bound

FULL = 0.9
"""Share of what a part can do from which on what comes next waits for it."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a window took of the machine. Cores are seconds of processor a second."""

    cpu_busy: float = 0.0
    """Share of all processors that was busy, with us and with others, 0 to 1."""
    call_cores: float = 0.0
    """Of all processes that hold a call, simulated callers in them included."""
    ears_cores: float = 0.0
    ears_threads: float = 0.0
    """Most cores the ears can use; 0 = they compute elsewhere or on a GPU."""
    ears_pressure: float = 0.0
    """Their own figure, 1 = an answer waits as long as it may; 95th percentile of its looks."""
    ears_refused: int = 0
    """Utterances they turned away or lost."""
    voice_cores: float = 0.0
    voice_refused: int = 0
    """Texts the voice turned away."""
    own_cores: float = 0.0
    """Of the calibration itself."""
    other_cores: float = 0.0
    """Of everything on this machine that is not ours."""
    lag_s: float = 0.0
    """How late the call processes ran what was due, 95th percentile, seconds."""
    call_mb: float = 0.0
    """Memory a further process that holds a call takes: what it shares with none (USS), 10^6
    bytes."""
    free_memory: float = 1.0
    """Least share of the memory that was free, 0 to 1."""

    def to_figures(self) -> dict[str, float]:
        """The same by name."""
        return {name: round(float(value), 4) for name, value in asdict(self).items()}


def bound_of(usage: Usage, *, by_memory: bool = False) -> Bound:
    """Which part is nearest to its end.

    The processor comes first where it is full: everything waits for it then, the ears as well.

    Args:
        usage: of the first level that did not keep the target, or of the fullest.
        by_memory: memory allowed no more calls to be tried.
    """
    if by_memory or usage.free_memory < 1 - FULL:
        return "memory"
    ears = max(usage.ears_pressure, _share(usage.ears_cores, usage.ears_threads))
    if usage.cpu_busy >= FULL:
        return "cpu"
    if usage.voice_refused and not usage.ears_refused:
        return "voice"
    shares: Sequence[tuple[float, Bound]] = (
        (ears, "ears"),
        (usage.voice_cores, "voice"),
        (usage.cpu_busy, "cpu"),
        (1 - usage.free_memory, "memory"),
    )
    return max(shares, key=lambda share: share[0])[1]


def _share(cores: float, most: float) -> float:
    return cores / most if most else 0.0
