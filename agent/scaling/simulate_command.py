"""``kural scale simulate``: a month of calls under every policy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import click

from agent.errors import UsageError
from agent.scaling import demand as demands
from agent.scaling import prices as price_files
from agent.scaling import tiers as tier_files
from agent.scaling.prices import Price
from agent.scaling.scenario import Month, Setting, play_month
from agent.scaling.schedule import Schedule
from agent.scaling.simulate_table import Scenario, as_object, report, summed_up

_MOST_MLAS = 2_000
_MOST_DAYS = 366
_MOST_SEED = 2**31


@dataclass(frozen=True, slots=True)
class _Files:
    demand: str
    prices: str
    tiers: str


@click.command()
@click.option("--mlas", default="5,30,234", show_default=True, help="Sizes of the line, by commas.")
@click.option("--days", default="30", show_default=True, help="Days from the first of the month.")
@click.option("--seeds", default="11,12,13", show_default=True, help="Random seeds, by commas.")
@click.option(
    "--hours",
    default="always,daily",
    show_default=True,
    help="Hours of service: always, daily (08:00-20:00), office (the same on working days), by"
    " commas; or one text such as 'Mon-Sat 07:00-21:30'.",
)
@click.option("--demand", default="", help="Another month of assumptions.")
@click.option("--prices", default="", help="Another file of prices and assumptions.")
@click.option("--tiers", default="", help="Another file of machines and tiers.")
@click.option("--out", default="", help="Write a picture to this PNG file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def simulate(
    mlas: str,
    days: str,
    seeds: str,
    hours: str,
    demand: str,
    prices: str,
    tiers: str,
    out: str,
    as_json: bool,
) -> None:
    """Play a month of calls: always on, office hours, the original rule, ours, and the bound.

    Calls are drawn from assumptions that ship as data. Every policy has the same callers, machines
    and cold starts. The last column of the table is the clairvoyant, which knows every call
    beforehand: no policy can pay less. Takes minutes for 234 MLAs.
    """
    if out:
        from agent.speech.bench.plot import check_can_draw

        check_can_draw(Path(out))
    sizes = _numbers("--mlas", mlas, _MOST_MLAS)
    seed_list = _numbers("--seeds", seeds, _MOST_SEED)
    span = _numbers("--days", days, _MOST_DAYS)
    if len(span) != 1:
        raise UsageError("--days must be one number.")
    files = _Files(demand, prices, tiers)
    settings, rate = _settings(files, _schedules(hours), span[0])
    scenarios, busiest = _play(settings, sizes, seed_list)
    if out:
        from agent.scaling.simulate_picture import draw

        draw(scenarios, busiest, Path(out), float(rate.value))
    if as_json:
        click.echo(json.dumps(as_object(scenarios, rate), ensure_ascii=False))
    else:
        click.echo(report(scenarios, rate))


def _settings(files: _Files, schedules: list[Schedule], days: int) -> tuple[list[Setting], Price]:
    month = demands.load_demand(Path(files.demand) if files.demand else demands.SHIPPED)
    book = price_files.load_prices(Path(files.prices) if files.prices else price_files.SHIPPED)
    tiers = tier_files.load_tiers(Path(files.tiers) if files.tiers else tier_files.SHIPPED)
    types = tier_files.machine_types(tiers, book)
    found = [Setting(month, tiers, types, schedule, days) for schedule in schedules]
    return found, book.value["inr_per_usd"]


def _play(
    settings: list[Setting], sizes: list[int], seeds: list[int]
) -> tuple[list[Scenario], Month]:
    """Play everything, saying where it stands; returns the month with most calls as well."""
    scenarios, busiest = [], None
    for mlas in sizes:
        for setting in settings:
            months = []
            for seed in seeds:

                def told(policy: str, hours: str = setting.schedule.text, seed: int = seed) -> None:
                    click.echo(f"{mlas} MLAs, {hours}, seed {seed}: {policy}", err=True)  # noqa: B023

                months.append(play_month(setting, mlas, seed, told))
            scenarios.append(summed_up(setting.schedule.text, setting.days, months))
            first = months[0]
            if busiest is None or first.calls > busiest.calls:
                busiest = first
    if busiest is None:
        raise UsageError("Nothing to play: name at least one size and one seed.")
    return scenarios, busiest


def _schedules(text: str) -> list[Schedule]:
    names = [part.strip() for part in text.split(",")]
    if all(name in ("always", "daily", "office") for name in names):
        return [Schedule.parse(name, "--hours") for name in dict.fromkeys(names)]
    return [Schedule.parse(text, "--hours")]


def _numbers(option: str, text: str, most: int) -> list[int]:
    found = []
    for part in text.split(","):
        if not part.strip().isdecimal() or not 1 <= int(part) <= most:
            raise UsageError(f"{option} must be whole numbers from 1 to {most:,}, by commas.")
        found.append(int(part))
    return list(dict.fromkeys(found))
