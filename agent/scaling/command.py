"""``kural scale``: what the line costs, how many machines it needs, and machines of its own."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from pathlib import Path

import click

from agent.errors import UsageError
from agent.scaling.cost import PHASES, Phase, phase_cost
from agent.scaling.cost_table import as_object, report
from agent.scaling.original_guide import corrections
from agent.scaling.pod_command import pod
from agent.scaling.prices import SHIPPED, load_prices
from agent.scaling.scaler_command import plan, run
from agent.scaling.simulate_command import simulate

_MOST_MLAS = 100_000


@click.group()
def command() -> None:
    """Plan machines and money."""


command.add_command(pod)
command.add_command(simulate)
command.add_command(run)
command.add_command(plan)


@command.command()
@click.option("--mlas", default="", help="One number of MLAs instead of the seven phases.")
@click.option("--calls-a-day", default="20", show_default=True, help="Calls a day for one MLA.")
@click.option("--minutes", default="4", show_default=True, help="Mean length of a call.")
@click.option("--rate", default="", help="Rupees for a dollar  [default: the file's, dated].")
@click.option("--prices", default="", help="Another file of prices and assumptions.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def cost(mlas: str, calls_a_day: str, minutes: str, rate: str, prices: str, as_json: bool) -> None:
    """Print what a month costs, by phase, with every formula.

    GPU machines, server, LiveKit, telephony and language model, in INR and USD, per call and per
    MLA; then where the original guide was wrong, and every price with its source and date.
    """
    book = load_prices(Path(prices) if prices else SHIPPED)
    if rate:
        book = book.with_rate(_number("--rate", rate, "1", "100000"))
    daily = _number("--calls-a-day", calls_a_day, "0.1", "100000")
    length = _number("--minutes", minutes, "0.1", "1440")
    phases = (_whole("--mlas", mlas),) if mlas else PHASES
    costs = [phase_cost(Phase(one, daily, length), book) for one in phases]
    wrong = corrections(book, costs[-1])
    if as_json:
        click.echo(json.dumps(as_object(book, costs, wrong), ensure_ascii=False))
    else:
        click.echo(report(book, costs, wrong))


def _number(option: str, text: str, least: str, most: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not (value.is_finite() and Decimal(least) <= value <= Decimal(most)):
        raise UsageError(f"{option} must be a number from {least} to {most}.")
    return value


def _whole(option: str, text: str) -> int:
    value = _number(option, text, "1", str(_MOST_MLAS))
    if value != value.to_integral_value():
        raise UsageError(f"{option} must be a whole number.")
    return int(value)
