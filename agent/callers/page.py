"""The report of a run as one HTML file: figures, a bar a flow, a line a call, failed dialogues.

It needs nothing beside itself (no script from elsewhere, no font, no picture), reads on a telephone
and prints on paper with every dialogue unfolded.
"""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from string import Template
from typing import TYPE_CHECKING, Any

from agent.callers.summary import summary_lines
from agent.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agent.callers.played import Exchange
    from agent.callers.report import CallReport

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Simulated calls</title>
<style>
:root { --ink: #1c1c1c; --soft: #666; --line: #d8d8d8; --good: #1b7f4b; --bad: #b3261e;
  --ground: #fff; --shade: #f4f4f2 }
@media (prefers-color-scheme: dark) { :root { --ink: #eee; --soft: #aaa; --line: #444;
  --good: #5cc48d; --bad: #f2887f; --ground: #161616; --shade: #242424 } }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, "Noto Sans Tamil", sans-serif; color: var(--ink);
  background: var(--ground); max-width: 62rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.5rem; margin: .5rem 0 } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem }
ul { padding-left: 1.2rem; margin: .5rem 0 } .soft { color: var(--soft) }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; white-space: nowrap }
td.n, th.n { text-align: right } td.w { white-space: normal; min-width: 12rem }
.good { color: var(--good) } .bad { color: var(--bad); font-weight: 600 }
.flow { display: grid; grid-template-columns: 8rem 1fr 8rem; gap: .6rem; align-items: center;
  margin: .15rem 0; font-size: .9rem }
.bar { background: var(--bad); height: .9rem; border-radius: 2px; overflow: hidden;
  print-color-adjust: exact; -webkit-print-color-adjust: exact }
.bar span { display: block; height: 100%; background: var(--good);
  print-color-adjust: exact; -webkit-print-color-adjust: exact }
details { border: 1px solid var(--line); border-radius: 6px; padding: .4rem .8rem; margin: .5rem 0;
  break-inside: avoid-page }
summary { cursor: pointer }
dl { margin: .6rem 0; font-size: .95rem } dt { font-weight: 600; font-size: .8rem;
  color: var(--soft); margin-top: .5rem } dd { margin: 0 0 0 1rem; overflow-wrap: anywhere }
dd.caller { background: var(--shade); border-radius: 6px; padding: .1rem .5rem }
@media (max-width: 34rem) { .flow { grid-template-columns: 6.5rem 1fr 4.5rem }
  body { padding: .6rem } }
@media print { body { max-width: none; padding: 0; font-size: 11px }
  details:not([open])::details-content { content-visibility: visible; block-size: auto } }
</style>
</head>
<body>
<h1>Simulated calls: $passed of $calls passed</h1>
<p class="soft">$when, $mode</p>
<ul>$figures</ul>
<h2>By flow</h2>
$flows
<h2>Calls</h2>
<div class="wide"><table>
<thead><tr><th>call</th><th></th><th>flow</th><th>ended</th><th>ticket</th><th class="n">agent
turns</th><th class="n">s</th><th class="n">dead air, s</th><th>wrong</th></tr></thead>
<tbody>
$rows
</tbody></table></div>
<h2>Calls that failed</h2>
$failed
<script>addEventListener("beforeprint", () => { for (const each of
document.querySelectorAll("details")) each.open = true })</script>
</body>
</html>
""")


def write_page(path: Path, calls: Sequence[CallReport], summary: dict[str, Any]) -> None:
    """Write the page; an older file of that name is replaced only when all went well.

    Raises:
        UsageError: it cannot be written there.
    """
    unfinished = path.with_name(f".{path.name}.part")
    try:
        unfinished.write_text(page(calls, summary, datetime.now(UTC)), encoding="utf-8")
        unfinished.replace(path)
    except OSError as exc:
        unfinished.unlink(missing_ok=True)
        raise UsageError(f"The page {path} cannot be written ({exc.strerror}).") from None


def page(calls: Sequence[CallReport], summary: dict[str, Any], when: datetime) -> str:
    """The page as text.

    Args:
        calls: the calls, in order.
        summary: their figures (:func:`agent.callers.summary.summarise`).
        when: the time it is made, UTC.
    """
    failed = [call for call in calls if not call.passed]
    mode = "typed" if summary["mode"] == "text" else f"spoken, line at {summary['speed']:g}x"
    return _PAGE.substitute(
        passed=summary["passed"],
        calls=summary["calls"],
        when=when.strftime("%d %B %Y, %H:%M UTC"),
        mode=escape(mode),
        figures="".join(f"<li>{escape(line)}</li>" for line in summary_lines(summary)[1:]),
        flows="\n".join(_flow(name, flow) for name, flow in summary["flows"].items()),
        rows="\n".join(map(_row, calls)),
        failed="\n".join(map(_dialogue, failed)) or "<p>None.</p>",
    )


def _flow(name: str, flow: dict[str, Any]) -> str:
    share = 100 * flow["passed"] / flow["calls"]
    turns = f", {flow['agent_turns']:g} turns" if flow["agent_turns"] is not None else ""
    return (
        f'<div class="flow"><span>{escape(name)}</span>'
        f'<div class="bar" role="img" aria-label="{share:.0f} % passed">'
        f'<span style="width:{share:.1f}%"></span></div>'
        f"<span>{flow['passed']}/{flow['calls']}{turns}</span></div>"
    )


def _row(call: CallReport) -> str:
    verdict = ("good", "passed") if call.passed else ("bad", "FAILED")
    if not call.marks:
        verdict = ("soft", "played")
    measures = call.played.measures
    silence = measures.dead_air_s if measures else None
    wrong = ", ".join(name for name, mark in call.marks.items() if not mark.ok)
    tickets = " ".join(row.ticket for row in call.rows if row.ticket)
    cells = (
        ("", escape(call.label)),
        (verdict[0], verdict[1]),
        ("", escape(call.flow)),
        ("", escape(call.played.outcome)),
        ("", escape(tickets or "-")),
        ("n", f"{measures.agent_turns}" if measures else "-"),
        ("n", f"{call.played.seconds:.1f}"),
        ("n", "-" if silence is None else f"{silence:.1f}"),
        ("w", escape(wrong)),
    )
    shown = "".join(f'<td class="{name}">{text}</td>' for name, text in cells)
    return f"<tr>{shown}</tr>"


def _dialogue(call: CallReport) -> str:
    misses = "".join(
        f"<li>{escape(name)}: wanted {escape(_shown(mark.want))}, got {escape(_shown(mark.got))}"
        f"{f' ({mark.cause.value})' if mark.cause else ''}</li>"
        for name, mark in call.marks.items()
        if not mark.ok
    )
    turns = "".join(map(_exchange, call.played.exchanges))
    return (
        f"<details><summary>{escape(call.label)}: {escape(call.flow)}, ended "
        f"{escape(call.played.outcome)}</summary><ul>{misses}</ul><dl>{turns}</dl></details>"
    )


def _exchange(exchange: Exchange) -> str:
    asked = f", asks {exchange.asked.value}" if exchange.asked else ""
    told = f'<dt>agent, {exchange.at_s:.1f} s{escape(asked)}</dt><dd lang="ta">'
    told += f"{escape(exchange.agent)}</dd>"
    if exchange.said is None:
        return told
    told += '<dt>caller</dt><dd class="caller" lang="ta">'
    told += f"{escape(exchange.said.text or '(silence)')}</dd>"
    if not exchange.heard_exactly:
        told += f'<dt>heard</dt><dd lang="ta">{escape(exchange.heard or "(nothing)")}</dd>'
    return told


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
