"""The report of a run: JSON for programs, a table for people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table
from rich.text import Text

from agent.callers.grading import Mark, main_cause, passed, same_words
from agent.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from agent.callers.outcome import OutcomeRow
    from agent.callers.played import Exchange, PlayedCall


@dataclass(frozen=True, slots=True)
class CallReport:
    """One call of the run."""

    id: str
    played: PlayedCall
    rows: tuple[OutcomeRow, ...]
    marks: dict[str, Mark]
    """Empty when the script expects nothing: such a call is played, not graded."""

    @property
    def passed(self) -> bool:
        """Whether every required field is right."""
        return passed(self.marks)

    def to_json(self) -> dict[str, Any]:
        """The call as the report holds it (docs/architecture.md, "Command line")."""
        return {
            "id": self.id,
            "passed": self.passed,
            "fields": {name: mark.to_json() for name, mark in self.marks.items()},
            "rows": [row.to_json() for row in self.rows],
            "turns": self.played.turns,
            "seconds": self.played.seconds,
            "cause": main_cause(self.marks),
            "outcome": self.played.outcome,
            "greeting_s": self.played.greeting_s,
            "call_id": self.played.call_id,
            "dialogue": [_exchange(exchange) for exchange in self.played.exchanges],
        }


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
    }
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


def write_report(path: Path, calls: Sequence[CallReport], summary: dict[str, Any]) -> None:
    """Write the JSON report; an older file of that name is replaced only when all went well.

    Raises:
        UsageError: it cannot be written there.
    """
    document = {"calls": [call.to_json() for call in calls], "summary": summary}
    unfinished = path.with_name(f".{path.name}.part")
    try:
        unfinished.write_text(
            json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )
        unfinished.replace(path)
    except OSError as exc:
        unfinished.unlink(missing_ok=True)
        raise UsageError(f"The report {path} cannot be written ({exc.strerror}).") from None


def print_report(console: Console, calls: Sequence[CallReport], summary: dict[str, Any]) -> None:
    """Print a line a call, every miss, and the figures."""
    console.print(_table(calls))
    for call in calls:
        for name, mark in call.marks.items():
            if not mark.ok:
                cause = f" ({mark.cause.value})" if mark.cause else ""
                line = (
                    f"{call.id} {name}: wanted {_shown(mark.want)}, got {_shown(mark.got)}{cause}"
                )
                console.print(Text(line), soft_wrap=True)
    for line in summary_lines(summary):
        console.print(Text(line), soft_wrap=True)


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
    if summary["mode"] == "audio":
        lines += _audio_lines(summary)
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


_HEADINGS = ("call", "", "intent", "category", "seat", "ticket", "turns", "s", "delay", "wrong")


def _table(calls: Sequence[CallReport]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in (
        "call",
        "",
        "intent",
        "category",
        "seat",
        "ticket",
        "turns",
        "s",
        "delay",
        "wrong",
    ):
        right = heading in ("turns", "s", "delay")
        table.add_column(heading, justify="right" if right else "left", no_wrap=heading != "wrong")
    for call in calls:
        table.add_row(*_cells(call))
    return table


def _cells(call: CallReport) -> list[Text]:
    wrong = ", ".join(name for name, mark in call.marks.items() if not mark.ok)
    verdict = ("passed", "green") if call.passed else ("FAILED", "red")
    if not call.marks:
        verdict = ("played", "")
    delays = call.played.delays(quick=True) + call.played.delays(quick=False)
    first = call.rows[0] if call.rows else None
    return [
        Text(call.id),
        Text(*verdict),
        Text(first.intent or "-" if first else "no row"),
        Text("+".join(row.category for row in call.rows if row.category) or "-"),
        Text(_seat(first)),
        Text("+".join(row.ticket for row in call.rows if row.ticket) or "-"),
        Text(str(call.played.turns)),
        Text(f"{call.played.seconds:.1f}"),
        Text(f"{np.median(delays):.2f}" if delays else "-"),
        Text(wrong, "red" if not call.passed else "yellow"),
    ]


def _seat(row: OutcomeRow | None) -> str:
    if row is None:
        return "-"
    if row.constituency is not None:
        return str(row.constituency)
    return "|".join(map(str, row.candidates)) or "-"


def _exchange(exchange: Exchange) -> dict[str, Any]:
    said = exchange.said
    return {
        "at_s": round(exchange.at_s, 3),
        "asked": exchange.asked.value if exchange.asked else None,
        "prompts": list(exchange.prompts),
        "agent": exchange.agent,
        "said": said.text if said else None,
        "origin": said.origin.value if said else None,
        "heard": exchange.heard,
        "delay_s": exchange.delay_s,
        "cut_off": exchange.cut_off,
    }


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


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
