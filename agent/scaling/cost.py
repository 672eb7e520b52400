"""What the line costs in a month: prices and calls in, figures with their formulas out (pure).

A phase is a number of MLAs and how their citizens call. Its month is the sum of five parts: the
GPU machines of the ears, one server for database and desk, LiveKit, telephony and the language
model. It is worked out once with agents on LiveKit Cloud, and once with LiveKit, SIP and the
workers on servers of one's own. Every figure is rounded where it is printed and used as printed,
so that each can be recomputed from the line beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from agent.scaling.machine_mix import MachineType, cheapest_mix
from agent.scaling.prices import Prices
from agent.scaling.worked import (
    Figure,
    Sheet,
    Worked,
    at_least_zero,
    ceiling,
    erlang_b,
    floor,
    named,
    number,
    plain,
)

PHASES = (1, 5, 10, 30, 50, 150, 234)
"""MLAs of the table: the ends of the original guide's phases and three steps between."""

PARTS = ("gpu", "server", "livekit", "telephony", "llm")
"""Parts of a month; each has a figure ``<part>_inr`` and ``<part>_usd``."""

COLUMNS = (*PARTS, "total", "own_livekit", "own_total")
"""What is told of a month, a call and an MLA; ``own_`` is with LiveKit on one's own servers."""

MODES = ("always", "daily", "office")
"""Hours of the GPU machines: 24/7, twelve hours every day, working days only."""


@dataclass(frozen=True, slots=True)
class Phase:
    """How many MLAs have their line here and how it is used."""

    mlas: int
    calls_a_day: Decimal
    """Calls on a working day for one MLA."""
    minutes: Decimal
    """Mean length of a call."""


@dataclass(frozen=True, slots=True)
class PhaseCost:
    """One phase, worked out."""

    phase: Phase
    machines: Mapping[str, int]
    """GPU type -> count, the cheapest mix for the slots."""
    figures: Mapping[str, Figure]

    def value(self, name: str) -> Decimal:
        """Return the value of a figure, as printed."""
        return self.figures[name].value


class Book:
    """Numbers of a price file, ready to calculate with."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices

    def __getitem__(self, name: str) -> Worked:
        return named(name, self._prices.value[name].value)

    def gpu_usd(self, name: str) -> Worked:
        """Return what a machine of this type costs, in USD an hour."""
        return named(f"usd_per_hour[{name}]", self._prices.gpu[name].usd_per_hour.value)

    def gpu_calls(self, name: str) -> Worked:
        """Return the calls at once a machine of this type is given, after trust and headroom."""
        carried = named(f"calls[{name}]", self._prices.gpu[name].calls.value)
        return floor(carried * self["trust"] * self["headroom"])

    def types(self) -> tuple[MachineType, ...]:
        """Return the machines on offer."""
        return tuple(
            MachineType(name, int(self.gpu_calls(name).value), gpu.usd_per_hour.value)
            for name, gpu in self._prices.gpu.items()
        )


def phase_cost(phase: Phase, prices: Prices) -> PhaseCost:
    """Work out one phase.

    Raises:
        UsageError: more calls at once than one line can be planned for.
    """
    book, sheet = Book(prices), Sheet()
    slots = _traffic(sheet, book, phase)
    machines = cheapest_mix(int(slots.value), book.types())
    _gpu(sheet, book, machines)
    sheet.add("server_usd", "USD", book["one_server_usd"])
    _livekit_cloud(sheet, book)
    _livekit_own(sheet, book)
    _telephony(sheet, book, phase)
    _llm(sheet, book)
    _totals(sheet, book, phase)
    return PhaseCost(phase, machines, sheet.figures)


def _traffic(sheet: Sheet, book: Book, phase: Phase) -> Worked:
    mlas, minutes = named("mlas", Decimal(phase.mlas)), named("minutes", phase.minutes)
    a_day = mlas * named("calls_a_day", phase.calls_a_day)
    calls = sheet.add("calls", "calls/month", a_day * book["days"])
    sheet.add("billed_minutes", "minutes/month", calls * ceiling(minutes))
    busiest = a_day / book["hours_a_day"] * book["peak"] * minutes / number(60)
    load = sheet.add("busy_load", "erlangs", busiest, places=6)
    return sheet.add("slots", "calls at once", erlang_b(load, book["blocking"]), places=0)


def _gpu(sheet: Sheet, book: Book, machines: Mapping[str, int]) -> None:
    calls, hourly = [], []
    for name, count in machines.items():
        counted = named(f"machines[{name}]", Decimal(count))
        calls.append(counted * book.gpu_calls(name))
        hourly.append(counted * book.gpu_usd(name))
    sheet.add("gpu_calls", "calls at once", _sum(calls), places=0)
    an_hour = sheet.add("gpu_usd_per_hour", "USD/h", _sum(hourly), places=4)
    shift = book["hours_a_day"] + book["extra_hours"]
    months = {
        "always": number(730),
        "daily": number(365) / number(12) * shift,
        "office": book["days"] * shift,
    }
    volume = book["volume_gb"] * book["volume_usd"]
    for mode in MODES:
        worked = sheet.add(f"hours_{mode}", "h/month", months[mode])
        usd = sheet.add(f"gpu_{mode}_usd", "USD", an_hour * worked + volume)
        sheet.add(f"gpu_{mode}_inr", "INR", usd * book["inr_per_usd"])


def _livekit_cloud(sheet: Sheet, book: Book) -> None:
    """The cheaper of the plans that allow so many calls at once."""
    a_minute = book["agent_minute_usd"] + book["sip_minute_usd"]

    def beyond(plan: str) -> Worked:
        return at_least_zero(_known(sheet, "billed_minutes") - book[f"{plan}_minutes"])

    def month(plan: str) -> Decimal:
        return (book[f"{plan}_usd"] + beyond(plan) * a_minute).value

    small_enough = _known(sheet, "slots").value <= book["ship_calls"].value
    plan = "ship" if small_enough and month("ship") <= month("scale") else "scale"
    minutes = sheet.add("livekit_paid_minutes", "minutes/month", beyond(plan))
    sheet.add("livekit_usd", "USD", book[f"{plan}_usd"] + minutes * a_minute)


def _livekit_own(sheet: Sheet, book: Book) -> None:
    slots = _known(sheet, "slots")
    a_server = floor(book["server_vcpu"] / book["call_vcpu"] * book["headroom"])
    calls = sheet.add("calls_per_server", "calls", a_server, places=0)
    servers = ceiling(slots / calls) + ceiling(slots / book["media_calls"])
    count = sheet.add("own_servers", "servers", servers, places=0)
    sheet.add("own_livekit_usd", "USD", count * book["one_server_usd"])


def _telephony(sheet: Sheet, book: Book, phase: Phase) -> None:
    lines = named("mlas", Decimal(phase.mlas)) * book["number_inr"]
    net = _known(sheet, "billed_minutes") * book["trunk_minute_inr"] + lines
    gross = sheet.add("telephony_inr", "INR", net * (number(1) + book["gst"]))
    sheet.add("telephony_usd", "USD", gross / book["inr_per_usd"])


def _llm(sheet: Sheet, book: Book) -> None:
    tokens = book["llm_tokens_in"] * book["llm_usd_in"]
    tokens = tokens + book["llm_tokens_out"] * book["llm_usd_out"]
    asks = _known(sheet, "calls") * book["llm_asks"]
    sheet.add("llm_usd", "USD", asks * tokens / number(1_000_000))


def _totals(sheet: Sheet, book: Book, phase: Phase) -> None:
    sheet.add("gpu_usd", "USD", _known(sheet, "gpu_office_usd"))
    for part in ("gpu", "server", "livekit", "llm", "own_livekit"):
        sheet.add(f"{part}_inr", "INR", _known(sheet, f"{part}_usd") * book["inr_per_usd"])
    for money in ("inr", "usd"):
        for total, livekit in (("total", "livekit"), ("own_total", "own_livekit")):
            names = [livekit if part == "livekit" else part for part in PARTS]
            worked = _sum([_known(sheet, f"{name}_{money}") for name in names])
            sheet.add(f"{total}_{money}", money.upper(), worked)
    share = _known(sheet, "gpu_inr") / _known(sheet, "total_inr") * number(100)
    sheet.add("gpu_share", "% of the total", share, places=1)
    mlas, calls = named("mlas", Decimal(phase.mlas)), _known(sheet, "calls")
    for money, places in (("inr", 2), ("usd", 4)):
        for name in COLUMNS:
            month, unit = _known(sheet, f"{name}_{money}"), money.upper()
            sheet.add(f"{name}_per_call_{money}", f"{unit}/call", month / calls, places)
            sheet.add(f"{name}_per_mla_{money}", f"{unit}/MLA/month", month / mlas)


def _known(sheet: Sheet, name: str) -> Worked:
    return named(name, sheet.figures[name].value)


def _sum(terms: list[Worked]) -> Worked:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def machines_line(cost: PhaseCost) -> str:
    """Return the machines of a phase in words: ``1 x RTX 4090 + 2 x RTX 3090``."""
    return " + ".join(f"{count} x {name}" for name, count in cost.machines.items())


def inputs_line(phase: Phase) -> str:
    """Return what a phase assumes of its callers, in words."""
    mlas = "1 MLA" if phase.mlas == 1 else f"{phase.mlas:,} MLAs"
    calls, minutes = plain(phase.calls_a_day), plain(phase.minutes)
    return f"{mlas}, {calls} calls a day each, {minutes} minutes a call"
