"""Simulated months as text for people and as one object for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agent.scaling.prices import Price
from agent.scaling.scenario import POLICIES, SERVICE, Month, Outcome
from agent.scaling.schedule import MODES
from agent.scaling.simulator import IN_TIME_S

_WAIT = 0.999


@dataclass(frozen=True, slots=True)
class Row:
    """One policy over the seeds of a scenario."""

    policy: str
    usd: float
    """Mean over the seeds, for the simulated days."""
    bound: float
    """Cost over the clairvoyant's, mean of the seeds."""
    worst_bound: float
    """The same, of the worst seed."""
    in_time: float
    """Share of calls in hours on a machine within ten seconds, worst seed; NaN for the bound."""
    late: int
    unserved: int
    cut: int
    nobody: int
    after_hours: int
    """Calls outside hours that got the answer path or a machine; sums over the seeds."""
    wait_s: float
    """The wait that 99.9 % of the calls on machines did not exceed, worst seed."""
    starts_a_day: float
    notes: tuple[str, ...]
    """What was chosen with hindsight, one each seed where they differ."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One size of line with one schedule."""

    mlas: int
    hours: str
    days: int
    seeds: tuple[int, ...]
    calls: tuple[int, ...]
    busiest: tuple[int, ...]
    """Most calls in progress at once, had all been answered, by seed."""
    rows: tuple[Row, ...]

    def row(self, policy: str) -> Row:
        """Return the row of a policy."""
        return next(row for row in self.rows if row.policy == policy)

    def saved(self, policy: str) -> float:
        """Return the share of the always-on fleet's cost that a policy saves."""
        return 1.0 - self.row(policy).usd / self.row("always on").usd


def summed_up(hours: str, days: int, months: Sequence[Month]) -> Scenario:
    """Return one scenario of its months, which differ in the seed."""
    return Scenario(
        mlas=months[0].mlas,
        hours=hours,
        days=days,
        seeds=tuple(month.seed for month in months),
        calls=tuple(month.calls for month in months),
        busiest=tuple(month.busiest for month in months),
        rows=tuple(_row(policy, months) for policy in POLICIES),
    )


def _row(policy: str, months: Sequence[Month]) -> Row:
    outcomes = [month.outcomes[policy] for month in months]
    tallies = [one.tally for one in outcomes]
    bounds = [_over(one, month) for one, month in zip(outcomes, months, strict=True)]
    notes = dict.fromkeys(one.note for one in outcomes if one.note)
    days = months[0].days
    return Row(
        policy=policy,
        usd=sum(one.cost_usd for one in tallies) / len(tallies),
        bound=sum(bounds) / len(bounds),
        worst_bound=max(bounds),
        in_time=min(one.share_in_time for one in tallies),
        late=sum(one.late for one in tallies),
        unserved=sum(one.unserved for one in tallies),
        cut=sum(one.cut for one in tallies),
        nobody=sum(one.nobody for one in tallies),
        after_hours=sum(one.after_path + one.after_full for one in tallies),
        wait_s=max(one.wait_s(_WAIT) for one in tallies),
        starts_a_day=sum(one.starts for one in tallies) / len(tallies) / days,
        notes=tuple(notes),
    )


def _over(outcome: Outcome, month: Month) -> float:
    least = month.outcomes["clairvoyant"].tally.cost_usd
    return outcome.tally.cost_usd / least if least else 1.0


def report(scenarios: Sequence[Scenario], rate: Price) -> str:
    """Return tables, savings and goals, as plain text."""
    when = f"of {rate.date}" if rate.date else "given"
    lines = [
        f"1 USD = {float(rate.value):g} INR ({rate.source}, {when})",
        "Costs are of rented machines only. Calls, machines and cold starts are assumed or"
        " calculated: see demand.toml, prices.toml and tiers.toml.",
        f"In time: calls in hours of service on a machine within {IN_TIME_S:g} s, worst seed. The"
        " answer path takes others: a recorded voice, a call-back.",
        "always on, office hours: the smallest fleet that serves"
        f" {SERVICE:.1%} in time, known with hindsight. original, mended: drains, starts before"
        " opening and adds the fewest sessions that serve as much, known with hindsight.",
        "ours, no curve: without what it learns of days; arrivals go on as they were.",
        "knows the curve: the average calls around every minute of the month, outages too, known"
        " with hindsight, and the least margin that serves as much; not the single calls.",
    ]
    for scenario in scenarios:
        lines += ["", *_table(scenario, float(rate.value))]
    return "\n".join(lines)


def _table(scenario: Scenario, inr: float) -> list[str]:
    hours = MODES.get(scenario.hours, scenario.hours)
    calls = ", ".join(f"{one:,}" for one in scenario.calls)
    lines = [
        f"{scenario.mlas} MLAs, {hours}, {scenario.days} days; seeds"
        f" {', '.join(map(str, scenario.seeds))}: {calls} calls, most at once"
        f" {', '.join(map(str, scenario.busiest))}",
        f"  {'policy':<17}{'INR':>9}{'USD':>9}{'x bound':>9}{'worst':>7}{'in time':>10}{'late':>6}"
        f"{'unserved':>9}{'cut':>6}{'nobody':>7}{'wait99.9':>9}{'starts/day':>11}",
    ]
    for row in scenario.rows:
        note = f"  {'; '.join(row.notes)}" if row.notes else ""
        lines.append(
            f"  {row.policy:<17}{row.usd * inr:>9,.0f}{row.usd:>9,.2f}{row.bound:>9.3f}"
            f"{row.worst_bound:>7.3f}{row.in_time:>10.3%}{row.late:>6}{row.unserved:>9}{row.cut:>6}"
            f"{row.nobody:>7}{row.wait_s:>8.1f}s{row.starts_a_day:>11.2f}{note}"
        )
    lines.append(
        f"  saved against always on: ours {scenario.saved('ours'):.1%}, at most"
        f" {scenario.saved('clairvoyant'):.1%} (the bound); against the mended original"
        f" {1 - scenario.row('ours').usd / scenario.row('original, mended').usd:.1%}"
    )
    return lines


def as_object(scenarios: Sequence[Scenario], rate: Price) -> dict[str, Any]:
    """Return the same for programs: ``inr_per_usd`` and ``scenarios`` with a row a policy."""
    inr = float(rate.value)
    return {
        "inr_per_usd": inr,
        "scenarios": [
            {
                "mlas": one.mlas,
                "hours": one.hours,
                "days": one.days,
                "seeds": list(one.seeds),
                "calls": list(one.calls),
                "busiest": list(one.busiest),
                "policies": {row.policy: _as_object(row, inr) for row in one.rows},
                "saved": {policy: one.saved(policy) for policy in POLICIES},
            }
            for one in scenarios
        ],
    }


def _as_object(row: Row, inr: float) -> dict[str, Any]:
    return {
        "usd": row.usd,
        "inr": row.usd * inr,
        "over_bound": row.bound,
        "worst_over_bound": row.worst_bound,
        "in_time": row.in_time,
        "late": row.late,
        "unserved": row.unserved,
        "cut": row.cut,
        "nobody": row.nobody,
        "after_hours": row.after_hours,
        "wait_s": row.wait_s,
        "starts_a_day": row.starts_a_day,
        "hindsight": list(row.notes),
    }
