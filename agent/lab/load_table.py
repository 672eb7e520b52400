"""The figures of a load run as text, in the order in which one asks for them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.lab.load_figures import BUDGET_MB, BUDGET_S, Spread, growth, growth_by_name
from agent.lab.usage import ROLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.lab.load_figures import StageFigures, Standing
    from agent.lab.load_run import LoadReport

_HEADINGS = (
    "at once  calls  answered  refused  answer p50   p95  short p50   p95    n"
    "  patient p50   p95  cut off  unheard  tickets right"
)
_MACHINE = (
    "at once  live  cores: worker  ears  voice  calls  LiveKit  callers  a call"
    "  MB a call  waiting  fixed  load average"
)
_SHOWN_FIELDS = 4


def lines_of(report: LoadReport) -> list[str]:
    """All of it."""
    machine = report.machine
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB; "
        f"{machine['date']}; callers, LiveKit and worker share them.",
        "",
        "Seconds, from the sound on the callers' side:",
        _HEADINGS,
        *map(_stage_line, report.stages),
        "",
        *_verdicts(report.stages, int(machine["cores"])),
        "",
        "By kind of turn (n, p50, p95):",
        *map(_kinds_line, report.stages),
    ]
    if any(stage.cores for stage in report.stages):
        lines += ["", "The machine:", _MACHINE, *map(_machine_line, report.stages)]
    lines += _trouble_lines(report.stages)
    if report.standings:
        lines += ["", *standing_lines(report.standings)]
    if report.exit_code is not None:
        lines += ["", f"The worker ended with exit status {report.exit_code}."]
    return lines


def standing_lines(standings: Sequence[Standing]) -> list[str]:
    """A worker without calls, after so many; and what a hundred more would add."""
    lines = ["after calls  processes  files  threads     MB  lasting: files  threads     MB"]
    lines += [
        f"{each.calls:11}  {each.processes:9}  {each.files:5}  {each.threads:7}  {each.pss_mb:5.0f}"
        f"  {each.worker_files:14}  {each.worker_threads:7}  {each.worker_mb:5.0f}"
        for each in standings
    ]
    slopes = growth(standings)
    each = [f"{name} {mb:+.1f}" for name, mb in growth_by_name(standings).items()]
    return [
        *lines,
        *([f"A hundred calls add to the private memory of: {', '.join(each)} MB."] if each else []),
        "A hundred calls add (median slope): "
        f"{slopes['processes']:+.1f} processes, {slopes['worker_files']:+.1f} files, "
        f"{slopes['worker_threads']:+.1f} threads, {slopes['worker_mb']:+.1f} MB that last.",
    ]


def _stage_line(stage: StageFigures) -> str:
    right = f"{stage.passed} of {stage.graded}" if stage.graded else "-"
    return (
        f"{stage.callers:7}  {stage.calls:5}  {stage.answered:8}  {stage.refused:7}"
        f"  {_pair(stage.answer, 10)}  {_pair(stage.quick, 9)}  {stage.quick.count:3}"
        f"  {_pair(stage.patient, 11)}  {stage.cut_offs:7}  {stage.unheard:7}  {right:>13}"
    )


def _verdicts(stages: Sequence[StageFigures], cores: int) -> list[str]:
    p50, p95 = BUDGET_S
    lines = [f"Budget of short answers: p50 <= {p50:.2f} s, p95 <= {p95:.2f} s."]
    for stage in stages:
        quick, before = stage.quick, stage.load_average[0]
        if before > cores:
            lines.append(
                f"  {stage.callers} at once: no verdict, others used the machine (load "
                f"{before:.1f} on {cores} cores before the first call)."
            )
        elif quick.p50 is not None and quick.p95 is not None:
            kept = quick.p50 <= p50 and quick.p95 <= p95
            lines.append(f"  {stage.callers} at once: {'kept' if kept else 'NOT kept'}.")
    if any(stage.call_mb for stage in stages):
        lines.append(f"Budget of a further call's memory: {BUDGET_MB:.0f} MB.")
    return lines


def _kinds_line(stage: StageFigures) -> str:
    told = (
        f"{kind} {spread.count}, {_text(spread.p50)}, {_text(spread.p95)}"
        for kind, spread in stage.kinds.items()
    )
    return f"{stage.callers:7}  {'; '.join(told) or 'no turn was answered'}"


def _machine_line(stage: StageFigures) -> str:
    cores = {name: stage.cores.get(name, 0.0) for name in (*ROLES, "livekit", "callers")}
    before, after = stage.load_average
    return (
        f"{stage.callers:7}  {stage.most_live:4}  {cores['worker']:13.2f}  {cores['ears']:4.2f}"
        f"  {cores['voice']:5.2f}  {cores['call']:5.2f}  {cores['livekit']:7.2f}"
        f"  {cores['callers']:7.2f}  {_text(stage.cores_per_call):>6}"
        f"  {_text(stage.call_mb, 0):>9}  {_text(stage.idle_mb, 0):>7}"
        f"  {_text(stage.fixed_mb, 0):>5}  {before:.1f} -> {after:.1f}"
    )


def _trouble_lines(stages: Sequence[StageFigures]) -> list[str]:
    lines = []
    for stage in stages:
        if stage.troubles:
            ended = ", ".join(f"{name} {count}" for name, count in stage.endings.items())
            lines.append(f"{stage.callers} at once, how calls ended: {ended}.")
        if stage.wrong:
            most = sorted(stage.wrong.items(), key=lambda item: -item[1])[:_SHOWN_FIELDS]
            told = ", ".join(f"{name} in {count}" for name, count in most)
            lines.append(f"{stage.callers} at once, wrong fields: {told}.")
    return ["", *lines] if lines else []


def _pair(spread: Spread, width: int) -> str:
    return f"{_text(spread.p50):>{width}} {_text(spread.p95):>5}"


def _text(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
