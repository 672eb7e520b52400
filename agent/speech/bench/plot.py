"""Delay over sessions as a picture. Needs matplotlib, which is the extra ``bench``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.errors import UsageError
from agent.speech.bench.arms import LABELS, Arm
from agent.speech.bench.figures import SLO_S, Findings, Step

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS: dict[Arm, tuple[str, str]] = {
    Arm.LOCK_LONG: ("#b3541e", "s"),
    Arm.LOCK_SHORT: ("#7a6fb0", "^"),
    Arm.MODEL_EACH: ("#8a8a8a", "D"),
    Arm.KURAL: ("#0b6e4f", "o"),
}
"""Colour and mark, told apart without colours as well."""
_NEVER_S = 5.0


def check_can_draw(path: Path) -> None:
    """Say now, not after minutes, that no picture can be written there.

    Raises:
        UsageError: matplotlib is missing, or the path is not of a PNG file in a folder.
    """
    try:
        import matplotlib  # noqa: F401 - only whether it is there
    except ImportError:
        raise UsageError("A picture needs matplotlib; install the extra `bench`.") from None
    if path.suffix.lower() != ".png":
        raise UsageError(f"{path} does not end in .png; only that kind of picture is written.")
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"{path} cannot be written: name a file in a folder that exists.")


def draw(findings: Findings, path: Path) -> None:
    """Write the picture; an older file of that name is replaced.

    Raises:
        UsageError: it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.5), dpi=140, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for arm in findings.arms:
        _line(axes, arm, [step for step in findings.steps if step.arm is arm], findings)
    axes.axhline(1000 * SLO_S, color="#222222", linewidth=1, linestyle="--")
    axes.annotate(
        "500 ms",
        (1.0, 1000 * SLO_S),
        xycoords=("axes fraction", "data"),
        xytext=(-4, 3),
        textcoords="offset points",
        ha="right",
    )
    _axes(axes, findings)
    try:
        figure.savefig(path)
    except OSError as exc:
        raise UsageError(f"{path} cannot be written ({exc.strerror}).") from None


def _line(axes: Axes, arm: Arm, steps: list[Step], findings: Findings) -> None:
    steps = sorted(steps, key=lambda step: step.sessions)
    if not steps:
        return
    colour, mark = LOOKS[arm]
    heights = [1000 * (s.latency.p95 if math.isfinite(s.latency.p95) else _NEVER_S) for s in steps]
    axes.plot(
        [step.sessions for step in steps],
        heights,
        color=colour,
        marker=mark,
        markersize=6,
        linewidth=2.4 if arm is Arm.KURAL else 1.6,
        label=f"{LABELS[arm]}: {findings.capacity(arm)} sessions",
    )


def _axes(axes: Axes, findings: Findings) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.set_xscale("log")
    axes.set_yscale("log")
    plain: Any = FuncFormatter(lambda value, _position: f"{value:g}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(plain)
        axis.set_minor_formatter(NullFormatter())
    sessions = sorted({step.sessions for step in findings.steps})
    if sessions:
        axes.set_xticks(_ticks(sessions[0], sessions[-1]))
        axes.set_yticks([50, 100, 200, 500, 1000, 2000, 5000])
    axes.set_xlabel("sessions, 6 utterances a minute each, arriving as they like (Poisson)")
    axes.set_ylabel("end of speech to words, 95th percentile, ms\n(5000 = over 5 % never answered)")
    axes.grid(visible=True, which="major", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    machine, plan = findings.machine, findings.plan
    axes.set_title(
        f"{plan['model']} on {plan['device']}, {machine['processor']}, {machine['cores']} cores, "
        f"{str(machine['date'])[:10]}",
        fontsize=9,
        color="#444444",
    )
    if findings.steps:
        axes.legend(title="served within 500 ms", frameon=False)


def _ticks(least: int, most: int) -> list[int]:
    """Round numbers around the range."""
    steps = [m * 10**e for e in range(5) for m in (1, 2, 5)]
    inside = [step for step in steps if least / 2 < step < most * 2]
    return inside or [least]
