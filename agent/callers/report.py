"""The report of a run: JSON for programs, a table for people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table
from rich.text import Text

from agent.callers.grading import Mark, main_cause, passed
from agent.callers.outcome import NO_TRACES, Traces
from agent.callers.summary import summary_lines
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
    traces: Traces = NO_TRACES
    """What the call did besides its own tickets."""
    flow: str = "other"
    """Under what it is counted."""
    turn: int = 1
    """Which time this caller was played, from 1."""

    @property
    def label(self) -> str:
        """The caller, and which time he was played when it was not the first."""
        return self.id if self.turn == 1 else f"{self.id} (time {self.turn})"

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
            "flow": self.flow,
            "time": self.turn,
            "outcome": self.played.outcome,
            "traces": self.traces.to_json(),
            "measures": measures.to_json() if (measures := self.played.measures) else None,
            "greeting_s": self.played.greeting_s,
            "call_id": self.played.call_id,
            "dialogue": [_exchange(exchange) for exchange in self.played.exchanges],
        }


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
                told = f"wanted {_shown(mark.want)}, got {_shown(mark.got)}{cause}"
                console.print(Text(f"{call.label} {name}: {told}"), soft_wrap=True)
    for line in summary_lines(summary):
        console.print(Text(line), soft_wrap=True)


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
        Text(call.label),
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


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
