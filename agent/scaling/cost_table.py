"""The cost of phases as text for people and as one object for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from agent.scaling.cost import COLUMNS, MODES, PhaseCost, inputs_line, machines_line
from agent.scaling.original_guide import Correction
from agent.scaling.prices import Price, Prices
from agent.scaling.worked import Figure, plain

_HEADS = {
    "livekit": "LiveKit Cloud",
    "own_livekit": "own LiveKit",
    "own_total": "total with own",
    "llm": "LLM",
    "gpu": "GPU",
}
_MODES = {"always": "24/7", "daily": "12 h every day", "office": "working days"}


def report(prices: Prices, costs: Sequence[PhaseCost], wrong: Sequence[Correction]) -> str:
    """Return tables, formulas, the original guide's mistakes and all prices, as plain text."""
    rate = prices.value["inr_per_usd"]
    when = f"of {rate.date}" if rate.date else "given"
    return "\n".join(
        [
            f"1 USD = {plain(rate.value)} INR ({rate.source}, {when})",
            "GPU capacities are calculated or assumed, not measured; `trust` takes their low end.",
            "No spare machine is counted. GPU machines run on working days; other hours below.",
            "Not counted either: staff, SMS, SIP channels, backups, GST on services bought abroad.",
            "",
            *_months(costs, "inr", "INR"),
            *_months(costs, "usd", "USD"),
            *_hours(costs),
            *_formulas(costs),
            *_wrong(wrong),
            *_prices(prices),
        ]
    )


def as_object(
    prices: Prices, costs: Sequence[PhaseCost], wrong: Sequence[Correction]
) -> dict[str, Any]:
    """Return the same for programs; numbers are JSON numbers, dates ISO.

    Returns:
        ``prices``: name -> value, unit, standing, source, date; ``phases``: mlas, calls_a_day,
        minutes, machines (type -> count) and figures (name -> value, unit, formula in names and
        numbers); ``original_guide``: claim, said, why and figures.
    """
    return {
        "prices": {
            name: price.model_dump(mode="json") | {"value": float(price.value)}
            for name, price in listed(prices)
        },
        "phases": [
            {
                "mlas": one.phase.mlas,
                "calls_a_day": float(one.phase.calls_a_day),
                "minutes": float(one.phase.minutes),
                "machines": dict(one.machines),
                "figures": {name: _figure(figure) for name, figure in one.figures.items()},
            }
            for one in costs
        ],
        "original_guide": [
            {
                "claim": one.claim,
                "said": one.said,
                "why": one.why,
                "figures": {figure.name: _figure(figure) for figure in one.figures},
            }
            for one in wrong
        ],
    }


def listed(prices: Prices) -> list[tuple[str, Price]]:
    """Return every price under the name the formulas use."""
    found = list(prices.value.items())
    for name, gpu in prices.gpu.items():
        found += [(f"usd_per_hour[{name}]", gpu.usd_per_hour), (f"calls[{name}]", gpu.calls)]
    return found


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "value": float(figure.value),
        "unit": figure.unit,
        "formula": figure.names,
        "numbers": figure.numbers,
    }


def _months(costs: Sequence[PhaseCost], money: str, unit: str) -> Iterable[str]:
    titles = {
        "": f"A month in {unit}",
        "_per_call": f"One call in {unit}",
        "_per_mla": f"One MLA's month in {unit}",
    }
    for per, title in titles.items():
        first = [] if per else ["calls", "slots"]
        names = [*first, *(f"{column}{per}_{money}" for column in COLUMNS)]
        head = ["MLAs", *first, *(_HEADS.get(column, column) for column in COLUMNS)]
        rows = [[str(one.phase.mlas), *(_shown(one, name) for name in names)] for one in costs]
        yield title
        yield from _table(head, rows)
        yield ""


def _hours(costs: Sequence[PhaseCost]) -> list[str]:
    head = ["MLAs", "machines", *(_MODES[mode] for mode in MODES)]
    rows = [
        [
            str(one.phase.mlas),
            machines_line(one),
            *(_shown(one, f"gpu_{mode}_inr") for mode in MODES),
        ]
        for one in costs
    ]
    return ["GPU machines alone by their hours, INR a month", *_table(head, rows), ""]


def _formulas(costs: Sequence[PhaseCost]) -> Iterable[str]:
    yield "How each figure comes about (erlang_b(load, share) = the least number of slots that"
    yield "refuses at most that share: B(0) = 1, B(n) = load B(n-1) / (n + load B(n-1)))"
    for one in costs:
        yield ""
        yield f"{inputs_line(one.phase)}; cheapest machines: {machines_line(one)}"
        yield from (f"  {figure.line}" for figure in one.figures.values())
    yield ""


def _wrong(wrong: Sequence[Correction]) -> Iterable[str]:
    yield "Where the original guide was wrong (its own prices per hour, our exchange rate)"
    for one in wrong:
        yield f"- {one.claim}: it says {one.said}. {one.why}"
        yield from (f"  {figure.line}" for figure in one.figures)
    yield ""


def _prices(prices: Prices) -> Iterable[str]:
    yield "Prices and assumptions"
    rows = [
        [name, plain(one.value), one.unit, one.standing, str(one.date or ""), one.source]
        for name, one in listed(prices)
    ]
    yield from _table(
        ["name", "value", "unit", "standing", "date", "source"], rows, left=(0, 2, 3, 4, 5)
    )


def _shown(cost: PhaseCost, name: str) -> str:
    value = cost.value(name)
    if name == "calls" and value == value.to_integral_value():
        value = value.to_integral_value()
    return f"{value:,f}"


def _table(head: list[str], rows: list[list[str]], left: tuple[int, ...] = ()) -> Iterable[str]:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, *rows]:
        cells = (
            text.ljust(width) if column in left else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
