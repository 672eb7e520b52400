"""The figures of a run: what passed, flow by flow, and how the calls felt. Pure."""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from agent.callers.measures import STOPS_WITHIN_S
from agent.callers.words import same_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.callers.played import Exchange
    from agent.callers.report import CallReport


def summarise(calls: Sequence[CallReport], *, audio: bool, speed: float) -> dict[str, Any]:
    """The run in figures; delays are in wall seconds."""
    exchanges = [exchange for call in calls for exchange in call.played.exchanges]
    answered = [e for e in exchanges if e.said is not None and e.said.text]
    summary: dict[str, Any] = {
        "calls": len(calls),
        "passed": sum(call.passed for call in calls),
        "graded": sum(bool(call.marks) for call in calls),
        "tickets": sum(row.ticket is not None for call in calls for row in call.rows),
        "fields": _accuracies(calls),
        "turns": sum(call.played.turns for call in calls),
        "seconds": round(sum(call.played.seconds for call in calls), 3),
        "mode": "audio" if audio else "text",
        "flows": _by_flow(calls),
        "felt": felt(calls),
    }
    times = max((call.turn for call in calls), default=1)
    if times > 1:
        summary["repeat"] = _repeated(calls, times)
    if audio:
        summary |= {
            "speed": speed,
            "greeting_s": _percentiles(
                [c.played.greeting_s for c in calls if c.played.greeting_s is not None]
            ),
            "delay_s": {
                "quick": _percentiles([d for c in calls for d in c.played.delays(quick=True)]),
                "patient": _percentiles([d for c in calls for d in c.played.delays(quick=False)]),
            },
            "cut_offs": sum(exchange.cut_off for exchange in exchanges),
            "heard_exactly": {
                "right": sum(same_words(_words(e), e.heard) for e in answered),
                "turns": len(answered),
            },
        }
    return summary


def felt(calls: Sequence[CallReport]) -> dict[str, Any]:
    """How calls felt: medians, and the silences and interruptions of all of them.

    Seconds and silences are those of calls at natural speed; None where there was none.
    """
    measured = [(call, call.played.measures) for call in calls if call.played.measures]
    natural = [(call, own) for call, own in measured if own.speed == 1.0]
    silences = [own.dead_air_s for _, own in natural if own.dead_air_s is not None]
    spoken = [call.played.seconds for call, own in natural if own.dead_air_s is not None]
    barge_ins = [stop for _, own in measured for stop in own.barge_ins_s]
    return {
        "agent_turns": _median([own.agent_turns for _, own in measured]),
        "call_s": _median(spoken),
        "dead_air_s": max(silences, default=None),
        "asked_again": sum(len(own.asked_again) for _, own in measured),
        "barge_ins": len(barge_ins),
        "barge_ins_heeded": sum(own.barge_ins_heeded for _, own in measured),
        "barge_in_s": _median(barge_ins),
        "murmurs": sum(own.murmurs for _, own in measured),
        "murmurs_that_stopped": sum(own.murmurs_that_stopped for _, own in measured),
    }


def _by_flow(calls: Sequence[CallReport]) -> dict[str, dict[str, Any]]:
    flows: dict[str, list[CallReport]] = defaultdict(list)
    for call in calls:
        flows[call.flow].append(call)
    return {
        name: {"calls": len(own), "passed": sum(call.passed for call in own)} | _felt_shortly(own)
        for name, own in sorted(flows.items())
    }


def _felt_shortly(calls: Sequence[CallReport]) -> dict[str, Any]:
    every = felt(calls)
    return {name: every[name] for name in ("agent_turns", "call_s", "dead_air_s")}


def _repeated(calls: Sequence[CallReport], times: int) -> dict[str, Any]:
    """Pass^N: the callers who were served rightly every single time."""
    by_caller: dict[str, list[bool]] = defaultdict(list)
    for call in calls:
        by_caller[call.id].append(call.passed)
    always = sum(all(passes) for passes in by_caller.values())
    return {"times": times, "callers": len(by_caller), "passed_always": always}


def _median(values: Sequence[float]) -> float | None:
    return round(float(median(values)), 3) if values else None


def summary_lines(summary: dict[str, Any]) -> list[str]:
    """The figures as sentences."""
    lines = [
        f"{summary['passed']} of {summary['calls']} calls passed; {summary['tickets']} tickets; "
        f"{summary['turns']} turns in {summary['seconds']:.1f} s ({summary['mode']})."
    ]
    fields = summary["fields"].items()
    if fields:
        figures = (f"{name} {field['right']}/{field['graded']}" for name, field in fields)
        lines.append(f"Right fields: {', '.join(figures)}.")
    if "repeat" in summary:
        again = summary["repeat"]
        lines.append(
            f"pass^{again['times']}: {again['passed_always']} of {again['callers']} callers passed "
            f"all {again['times']} times."
        )
    if len(summary["flows"]) > 1:
        figures = (f"{name} {flow['passed']}/{flow['calls']}"
                   for name, flow in summary["flows"].items())  # fmt: skip
        lines.append(f"By flow: {', '.join(figures)}.")
    lines += felt_lines(summary["felt"])
    if summary["mode"] == "audio":
        lines += _audio_lines(summary)
    return lines


def felt_lines(figures: dict[str, Any]) -> list[str]:
    """How the calls felt, as sentences."""
    lines = []
    if figures["agent_turns"] is not None:
        told = f"Agent turns: median {figures['agent_turns']:g}"
        if figures["call_s"] is not None:
            told += f"; calls at natural speed: median {figures['call_s']:.0f} s"
        if figures["dead_air_s"] is not None:
            told += f", longest dead air {figures['dead_air_s']:.1f} s"
        lines.append(f"{told}; questions asked again although answered: {figures['asked_again']}.")
    if figures["barge_ins"]:
        lines.append(
            f"Interrupted {figures['barge_ins']} times: stopped within {STOPS_WITHIN_S:g} s "
            f"{figures['barge_ins_heeded']} times, median {figures['barge_in_s']:.2f} s."
        )
    if figures["murmurs"]:
        lines.append(
            f"Murmurs while it spoke: {figures['murmurs']}, of which "
            f"{figures['murmurs_that_stopped']} stopped it."
        )
    return lines


def _audio_lines(summary: dict[str, Any]) -> list[str]:
    lines = []
    greeting = summary["greeting_s"]
    if greeting["count"]:
        lines.append(f"Answered -> greeting: p50 {greeting['p50']:.2f} s.")
    names = {"quick": "short answers", "patient": "stories, landmarks, days and numbers"}
    for kind, name in names.items():
        delay = summary["delay_s"][kind]
        if delay["count"]:
            lines.append(
                f"Caller stops -> agent speaks, {name}: p50 {delay['p50']:.2f} s, "
                f"p95 {delay['p95']:.2f} s over {delay['count']} turns."
            )
    heard = summary["heard_exactly"]
    lines.append(
        f"Heard word for word: {heard['right']} of {heard['turns']} turns; "
        f"cut off too early: {summary['cut_offs']}."
    )
    return lines


def _words(exchange: Exchange) -> str:
    return exchange.said.text if exchange.said else ""


def _accuracies(calls: Sequence[CallReport]) -> dict[str, dict[str, Any]]:
    names = dict.fromkeys(name for call in calls for name in call.marks)
    figures = {}
    for name in names:
        marks = [call.marks[name].ok for call in calls if name in call.marks]
        figures[name] = {
            "right": sum(marks),
            "graded": len(marks),
            "accuracy": round(sum(marks) / len(marks), 4),
        }
    return figures


def _percentiles(delays: list[float]) -> dict[str, Any]:
    if not delays:
        return {"count": 0, "p50": None, "p95": None}
    p50, p95 = np.percentile(delays, [50, 95])
    return {"count": len(delays), "p50": round(float(p50), 3), "p95": round(float(p95), 3)}
