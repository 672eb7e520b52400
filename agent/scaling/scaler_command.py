"""``kural scale run`` and ``kural scale plan``: the autoscaler, and one decision in words."""

from __future__ import annotations

import asyncio
import json
import signal
from datetime import UTC, datetime
from pathlib import Path

import click

from agent import settings as settings_module
from agent.scaling.autoscaler import Autoscaler, Site
from agent.scaling.fleet import Decision, State
from agent.scaling.line_signals import LineSignals
from agent.scaling.policy import plan as decide
from agent.scaling.policy_config import Config, phases
from agent.scaling.prices import load_prices
from agent.scaling.providers import open_provider
from agent.scaling.scaler_book import as_line, load_book, only_one
from agent.scaling.schedule import Schedule
from agent.scaling.tiers import Tiers, load_tiers, machine_types
from agent.settings import Settings


@click.command()
@click.option("--once", is_flag=True, help="One step, then end.")
def run(once: bool) -> None:
    """Start and end machines as calls come, until told to stop.

    Live calls and machines do not depend on it: it may be stopped and started at any time. Its
    decisions, with all they rest on, are lines of DATA_DIR/autoscaler/decisions.jsonl.
    """
    settings = settings_module.load()
    with only_one(_folder(settings)):
        asyncio.run(_run(settings, once=once))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def plan(as_json: bool) -> None:
    """Look as the autoscaler does and say what it would do and why; nothing is changed."""
    settings = settings_module.load()
    state, decision, now = asyncio.run(_plan(settings))
    config = config_of(settings, load_tiers())
    if as_json:
        click.echo(json.dumps(as_line(state, decision, now, config), ensure_ascii=False))
    else:
        click.echo(in_words(state, decision, now, config))


def config_of(settings: Settings, tiers: Tiers) -> Config:
    """Return how to decide, by the settings.

    Raises:
        UsageError: SCALE__HOURS is none.
    """
    scale, longest_s = settings.scale, settings.call.max_call_s
    return Config(
        schedule=Schedule.parse(scale.hours, "SCALE__HOURS"),
        tiers=tiers,
        open_machines=scale.open_machines,
        answer_path_calls=scale.answer_path_calls,
        start_limit_s=scale.ready_within_s + 300.0,
        accounted_s=2 * longest_s,
        max_machines=scale.max_machines,
        usd_per_hour=scale.max_usd_per_hour,
        usd_per_day=scale.max_usd_per_day,
        wind_down_s=longest_s + 900.0,
        actions_per_hour=scale.actions_per_hour,
    )


def site_of(settings: Settings, tiers: Tiers) -> Site:
    """Return environment, folder and capacities by the settings and the files that ship."""
    types = {kind.name: kind.calls for kind in machine_types(tiers, load_prices())}
    known = {tiers.machine[name].id: calls for name, calls in types.items()}
    scale = settings.scale
    return Site(scale.env, _folder(settings), known, scale.calls_per_machine)


def in_words(state: State, decision: Decision, now: datetime, config: Config) -> str:
    """Return one decision as text: what is seen, what is wanted, what would be done and why."""
    lines = []
    if (seen := decision.figures) is not None:
        lines = [
            f"{seen.active} calls in progress, {seen.unserved} callers without an agent,"
            f" {seen.arrivals_per_min:.1f} calls a minute;"
            f" {'an hour' if seen.open else 'outside the hours'} of full service.",
            f"When a machine ordered now is ready, {seen.expected:.1f} calls are expected, at"
            f" {seen.soon_per_min:.1f} calls a minute:"
            f" {seen.want} places wanted, {seen.have} there or coming.",
            f"Machines cost {seen.usd_per_hour:.2f} USD an hour (at most {config.usd_per_hour:g}),"
            f" {seen.spent_today_usd:.2f} USD today (at most {config.usd_per_day:g}).",
        ]
    for machine, phase in phases(state, now, config):
        said = machine.reading
        holds = f"{said.calls} calls, {said.unsent} unsent lines" if said else "nothing said yet"
        lines.append(
            f"  {machine.name}: {phase.value}, {holds}, {machine.capacity} places,"
            f" {machine.type_name}, {machine.usd_per_hour:.2f} USD/h"
        )
    return "\n".join([*lines, *decision.why])


def _folder(settings: Settings) -> Path:
    return settings.data_dir.resolve() / "autoscaler"


async def _run(settings: Settings, *, once: bool) -> None:
    tiers = load_tiers()
    site, config = site_of(settings, tiers), config_of(settings, tiers)
    book, trouble = load_book(site.folder)
    if trouble:
        click.echo(trouble, err=True)
    provider = open_provider(settings)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with LineSignals(settings) as signals:
            scaler = Autoscaler(provider, signals, config, site, book, _now)
            if once:
                decision = await scaler.step()
                click.echo("\n".join(decision.why))
            else:
                await scaler.run(stop)
    finally:
        await provider.aclose()


async def _plan(settings: Settings) -> tuple[State, Decision, datetime]:
    tiers = load_tiers()
    site, config = site_of(settings, tiers), config_of(settings, tiers)
    book, _ = load_book(site.folder)
    provider = open_provider(settings)
    try:
        async with LineSignals(settings) as signals:
            scaler = Autoscaler(provider, signals, config, site, book, _now)
            state, now = await scaler.look()
            return state, decide(state, now, config), now
    finally:
        await provider.aclose()


def _now() -> datetime:
    return datetime.now(UTC)
