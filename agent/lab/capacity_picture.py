"""Delay over calls at once as a picture. Needs matplotlib, which is the extra ``bench``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import UsageError
from agent.lab.capacity_report import levels_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from agent.capacity.profile import CapacityProfile

_CEILING = 4.0
"""Times the target: higher delays are drawn at the upper edge."""
_P95, _P50, _GREY = "#0b6e4f", "#7a6fb0", "#444444"


def draw(profile: CapacityProfile, path: Path) -> None:
    """Write the curve; an older file of that name is replaced.

    Raises:
        UsageError: the profile holds no curve, or the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not levels_of(profile):
        raise UsageError("This profile was not measured level by level: there is no curve to draw.")
    figure = Figure(figsize=(9, 5.5), dpi=140, layout="constrained")
    FigureCanvasAgg(figure)
    _curve(figure.add_subplot(), profile)
    try:
        figure.savefig(path)
    except OSError as exc:
        raise UsageError(f"{path} cannot be written ({exc.strerror}).") from None


def _curve(axes: Axes, profile: CapacityProfile) -> None:
    levels = levels_of(profile)
    inside = profile.figures.get("inside_target_s", profile.target_p95_s)
    top = _CEILING * inside
    calls = [each.calls for each in levels]
    axes.plot(calls, [min(top, each.p95_s) for each in levels], "o-", color=_P95, label="p95")
    axes.plot(calls, [min(top, each.p50_s) for each in levels], "^--", color=_P50, label="p50")
    axes.axhline(inside, color=_GREY, linewidth=1, linestyle="--")
    axes.annotate(
        f"{inside:g} s",
        (1.0, inside),
        xycoords=("axes fraction", "data"),
        xytext=(-4, 3),
        textcoords="offset points",
        ha="right",
    )
    axes.axvline(profile.calls, color=_P95, linewidth=1)
    axes.annotate(
        f"accepted: {profile.calls}",
        (profile.calls, 0.98),
        xycoords=("data", "axes fraction"),
        xytext=(-4, 0),
        textcoords="offset points",
        ha="right",
        va="top",
        rotation=90,
    )
    axes.set_xlim(left=0)
    axes.set_ylim(0, top * 1.02)
    axes.set_xlabel("calls at once")
    axes.set_ylabel(f"caller stops, agent speaks: seconds ({top:g} = that or more)")
    axes.grid(visible=True, color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    hardware = profile.hardware
    axes.set_title(
        f"{profile.model} on {hardware.gpu or hardware.processor}, {hardware.cores:g} cores, "
        f"{profile.measured_at.date().isoformat()}; bound by {profile.bound}",
        fontsize=9,
        color=_GREY,
    )
    axes.legend(frameon=False)
