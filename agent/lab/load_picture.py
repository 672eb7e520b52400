"""A load run as a picture: delays, processor and memory over calls at once. Needs matplotlib."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from agent.errors import UsageError
from agent.lab.load_figures import BUDGET_MB, BUDGET_S

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from agent.lab.load_figures import StageFigures
    from agent.lab.load_run import LoadReport

_GREEN, _RUST, _VIOLET, _GREY = "#0b6e4f", "#b3541e", "#7a6fb0", "#8a8a8a"


def draw(report: LoadReport, path: Path) -> None:
    """Write the picture; an older file of that name is replaced.

    Raises:
        UsageError: it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    stages = sorted(report.stages, key=lambda stage: stage.callers)
    figure = Figure(figsize=(11, 4.6), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    delays, cost = figure.subplots(1, 2)
    _delays(delays, stages)
    _cost(cost, stages)
    for axes in (delays, cost):
        axes.set_xlabel("calls at once")
        axes.set_xticks([stage.callers for stage in stages])
        axes.grid(visible=True, color="#dddddd", linewidth=0.8)
        axes.set_axisbelow(True)
    machine = report.machine
    title = f"{machine['processor']}, {machine['cores']} cores, {str(machine['date'])[:10]}"
    figure.suptitle(f"Calls over WebRTC; {title}", fontsize=9, color="#444444")
    try:
        figure.savefig(path)
    except OSError as exc:
        raise UsageError(f"{path} cannot be written ({exc.strerror}).") from None


def _delays(axes: Axes, stages: list[StageFigures]) -> None:
    looks = {
        "quick": ("short answers", _GREEN, "o"),
        "patient": ("story, landmark, numbers", _VIOLET, "^"),
        "answer": ("dialling to greeting", _GREY, "D"),
    }
    for name, (label, colour, mark) in looks.items():
        spreads = [(stage.callers, getattr(stage, name)) for stage in stages]
        known = [(callers, spread) for callers, spread in spreads if spread.count]
        for share, style in (("p50", "-"), ("p95", "--")):
            heights = [getattr(spread, share) for _, spread in known]
            told = f"{label}, {share}"
            callers = [callers for callers, _ in known]
            face = colour if share == "p50" else "white"
            axes.plot(
                callers,
                heights,
                style,
                color=colour,
                marker=mark,
                markerfacecolor=face,
                label=told,
            )
    for budget, share in zip(BUDGET_S, ("p50", "p95"), strict=True):
        axes.axhline(budget, color="#222222", linewidth=0.8, linestyle=":")
        axes.annotate(
            f"budget {share}",
            (1.0, budget),
            xycoords=("axes fraction", "data"),
            xytext=(-3, 2),
            textcoords="offset points",
            ha="right",
            fontsize=7,
        )
    axes.set_ylim(bottom=0)
    axes.set_ylabel("seconds, heard by the callers")
    axes.set_title("caller stops, agent speaks", fontsize=10)
    axes.legend(frameon=False, fontsize=7)


def _cost(axes: Axes, stages: list[StageFigures]) -> None:
    roles = {
        "call": ("calls", _GREEN), "ears": ("ears", _RUST), "voice": ("voice", _VIOLET),
        "worker": ("worker", "#4a7fb0"), "livekit": ("LiveKit", "#c0a040"),
        "callers": ("the callers", "#cccccc"),
    }  # fmt: skip
    positions = [stage.callers for stage in stages]
    width = 0.6 * min((b - a for a, b in pairwise(positions)), default=1.0)
    below = [0.0] * len(stages)
    for role, (label, colour) in roles.items():
        heights = [stage.cores.get(role, 0.0) for stage in stages]
        axes.bar(positions, heights, width, bottom=below, color=colour, label=label)
        below = [low + height for low, height in zip(below, heights, strict=True)]
    axes.set_ylim(0, 1.5 * max(below, default=0.0) or 1.0)
    axes.set_ylabel("processor cores in use")
    axes.set_title("what they take", fontsize=10)
    memory = axes.twinx()
    known = [(stage.callers, stage.call_mb) for stage in stages if stage.call_mb is not None]
    if known:
        callers, heights_mb = zip(*known, strict=True)
        memory.plot(callers, heights_mb, color="#222222", marker="s", label="MB a call")
    memory.axhline(BUDGET_MB, color="#222222", linewidth=0.8, linestyle=":")
    memory.set_ylim(0, 1.6 * BUDGET_MB)
    memory.set_ylabel(f"MiB a further call takes (budget {BUDGET_MB:.0f})")
    axes.legend(frameon=False, fontsize=7, loc="upper left")
