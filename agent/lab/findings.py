"""What a calibration found: its windows, what is printed of them, and the profile they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agent.capacity.binding import Usage, bound_of
from agent.capacity.estimate import Knee, Window, carried, fitted, knee_of
from agent.capacity.hardware import this_hardware
from agent.capacity.profile import CapacityProfile, deciding_settings, model_hash, promised
from agent.lab.meter import available_mb

if TYPE_CHECKING:
    from agent.settings import Settings

KEPT_FREE = 0.1
"""Share of the memory that no call is given."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One window with what it took."""

    window: Window
    usage: Usage


@dataclass(slots=True)
class Findings:
    """What a calibration found so far; what is done stays when it is cut short."""

    target_s: float
    """Without the telephone line."""
    measured: list[Measured] = field(default_factory=list)
    line_cores: float = 0.0
    """A simulated caller."""
    others_before: float = 0.0
    """Cores that others took before it began."""
    most: int = 0
    """More calls were never tried."""
    most_by_memory: bool = False
    calls: int = 0
    """What a worker is to accept."""
    holds_p95_s: float | None = None
    """95th percentile when exactly so many calls were held."""
    twice_p95_s: float | None = None
    """The same at twice as many; None where that was not tried."""
    seconds: float = 0.0
    """Time it took."""

    @property
    def windows(self) -> list[Window]:
        """All windows."""
        return [each.window for each in self.measured]

    @property
    def knee(self) -> Knee:
        """Where they cross the target."""
        return knee_of(self.windows, self.target_s)

    def usage_at(self, calls: int) -> Usage:
        """What the last window of a level took."""
        return next(each.usage for each in reversed(self.measured) if each.window.calls == calls)


def level_line(measured: Measured, target_s: float, why: str = "") -> str:
    """One window in a line."""
    window, usage = measured.window, measured.usage
    verdict = "kept" if window.p95_s <= target_s else "LATE"
    return (
        f"{window.calls:4d} calls  p50 {window.quantile(0.5):5.2f}  p95 {window.p95_s:5.2f} s "
        f"{verdict}  {window.turns:4d} turns, {window.lost} lost  cpu {usage.cpu_busy:4.0%}  "
        f"ears {usage.ears_cores:.2f} cores, pressure {usage.ears_pressure:.2f}  "
        f"voice {usage.voice_cores:.2f}  others {usage.other_cores:.2f}  {why}"
    ).rstrip()


def profile_of(
    settings: Settings, target_p95_s: float, findings: Findings, compute_type: str
) -> CapacityProfile:
    """What a worker is to know of it."""
    knee = findings.knee
    measured, by_memory = knee.calls, False
    call_mb = _call_mb(findings, settings)
    memory_calls = (available_mb() * (1 - KEPT_FREE)) / call_mb if call_mb else measured
    if memory_calls < measured:
        measured, by_memory = memory_calls, True
    _, over = carried(fitted(findings.windows), findings.target_s)
    usage = findings.usage_at(over if over is not None else findings.measured[-1].window.calls)
    bound = bound_of(usage, by_memory=by_memory or (over is None and findings.most_by_memory))
    if over is None and bound != "memory":
        bound = "nothing"
    return CapacityProfile(
        calls=min(findings.calls, promised(measured)),
        measured_calls=round(measured, 2),
        target_p95_s=target_p95_s,
        bound=bound,
        hardware=this_hardware(settings),
        model=settings.speech.model.name if not settings.speech.ears_url else "elsewhere",
        model_hash=model_hash(settings),
        compute_type=compute_type,
        speech=deciding_settings(settings),
        measured_at=datetime.now(UTC).replace(microsecond=0),
        command="kural capacity calibrate",
        figures=_figures(settings, findings, knee, call_mb),
    )


def _call_mb(findings: Findings, settings: Settings) -> float:
    """Memory of a further call with WebRTC, 10^6 bytes."""
    most = max((each.usage.call_mb for each in findings.measured), default=0.0)
    return most + settings.capacity.webrtc_mb


def _figures(
    settings: Settings, findings: Findings, knee: Knee, call_mb: float
) -> dict[str, float]:
    usage = findings.usage_at(findings.calls) if _was_measured(findings) else Usage()
    figures = {
        "low_calls": knee.low,
        "high_calls": knee.high,
        "inside_target_s": findings.target_s,
        "simulated_caller_cores": findings.line_cores,
        "webrtc_cores": settings.capacity.webrtc_cores,
        "call_mb": call_mb,
        "others_before_cores": findings.others_before,
        "seconds": findings.seconds,
    } | {f"at_calls_{name}": value for name, value in usage.to_figures().items()}
    for name, value in (("holds", findings.holds_p95_s), ("twice", findings.twice_p95_s)):
        if value is not None:
            figures[f"{name}_p95_s"] = value
    for calls in sorted({window.calls for window in findings.windows}):
        level = _pooled(findings.windows, calls)
        figures[f"level_{calls}_p50_s"] = level.quantile(0.5)
        figures[f"level_{calls}_p95_s"] = level.p95_s
        figures[f"level_{calls}_turns"] = float(level.turns)
    return {name: round(float(value), 4) for name, value in figures.items()}


def _was_measured(findings: Findings) -> bool:
    return any(window.calls == findings.calls for window in findings.windows)


def _pooled(windows: Sequence[Window], calls: int) -> Window:
    same = [window for window in windows if window.calls == calls]
    return replace(same[0], delays_s=tuple(slot for each in same for slot in each.delays_s))
