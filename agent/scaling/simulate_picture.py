"""Simulated months as a picture. Needs matplotlib, which is the extra ``bench``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agent.errors import UsageError
from agent.scaling.demand import DAY_S
from agent.scaling.scenario import POLICIES, Month
from agent.scaling.simulate_table import Scenario

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {
    "always on": "#8a8a8a",
    "office hours": "#b9b9b9",
    "original rule": "#b3541e",
    "original, mended": "#dd9a6c",
    "ours, no curve": "#7fb59f",
    "ours": "#0b6e4f",
    "knows the curve": "#3f88a5",
    "clairvoyant": "#7a6fb0",
}
_FULL = 0.999


def draw(scenarios: Sequence[Scenario], month: Month, path: Path, inr_per_usd: float) -> None:
    """Write the picture: a week of one month above, the costs of all scenarios below.

    Args:
        scenarios: what the bars show.
        month: whose busiest week the lines show.
        path: a PNG file; an older one is replaced.
        inr_per_usd: for the axis of costs.

    Raises:
        UsageError: it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 8), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    week, bars = figure.subplots(2, 1, height_ratios=[3, 2])
    _week(week, month)
    _bars(bars, scenarios, inr_per_usd)
    try:
        figure.savefig(path)
    except OSError as exc:
        raise UsageError(f"{path} cannot be written ({exc.strerror}).") from None


def _week(axes: Axes, month: Month) -> None:
    ours = month.outcomes["ours"].samples
    busiest = float(ours[np.argmax(ours[:, 1]), 0]) // DAY_S
    last = float(ours[-1, 0]) // DAY_S
    first = max(0.0, min(busiest - 4, last - 6))
    calls = _within(ours, first)
    axes.fill_between(
        calls[:, 0], calls[:, 1], color="#c9d6e2", step="mid", label="calls in progress (ours)"
    )
    for policy in ("original, mended", "ours", "clairvoyant"):
        rows = _within(month.outcomes[policy].samples, first)
        axes.step(
            rows[:, 0],
            rows[:, 2],
            where="post",
            color=_COLOURS[policy],
            linewidth=2.2 if policy == "ours" else 1.2,
            linestyle="--" if policy == "clairvoyant" else "-",
            label=f"places: {policy}",
        )
    axes.set_title(f"{month.mlas} MLAs, the busiest week of seed {month.seed}", fontsize=10)
    axes.set_xlabel("day of the month")
    axes.set_ylabel("calls at once")
    axes.set_xlim(first + 1, min(first + 8, last + 2))
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=9, loc="upper left")


def _within(samples: np.ndarray, first_day: float) -> np.ndarray:
    """Rows of seven days, the first column in days of the month from 1."""
    rows = samples[(samples[:, 0] >= first_day * DAY_S) & (samples[:, 0] < (first_day + 7) * DAY_S)]
    rows = rows.copy()
    rows[:, 0] = rows[:, 0] / DAY_S + 1
    return rows


def _bars(axes: Axes, scenarios: Sequence[Scenario], inr_per_usd: float) -> None:
    width = 0.8 / len(POLICIES)
    for place, policy in enumerate(POLICIES):
        rows = [scenario.row(policy) for scenario in scenarios]
        at = [index + (place - (len(POLICIES) - 1) / 2) * width for index in range(len(rows))]
        heights = [row.usd * inr_per_usd / 1000 for row in rows]
        axes.bar(at, heights, width * 0.92, color=_COLOURS[policy], label=policy)
        for x, height, row in zip(at, heights, rows, strict=True):
            if row.in_time < _FULL:
                note = f"{math.floor(row.in_time * 1000) / 10}%\nin time"
                axes.annotate(note, (x, height), ha="center", va="bottom", fontsize=7)
    axes.set_xticks(
        range(len(scenarios)), [f"{one.mlas} MLAs\n{one.hours}" for one in scenarios], fontsize=9
    )
    axes.set_ylabel(f"thousand INR for {scenarios[0].days} days")
    axes.margins(y=0.15)
    axes.grid(visible=True, axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=8, ncols=3)
