"""Where the figures of the original scaling guide were wrong, recomputed at today's rate.

The guide promised one system from 1 to 234 MLAs on four tiers of rented GPUs. Its prices per hour
are taken as it gives them; what is mended is the arithmetic on top of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from agent.scaling.cost import Book, PhaseCost
from agent.scaling.prices import Prices
from agent.scaling.worked import Figure, Sheet, Worked, ceiling, named, number

TIERS = {"rtx3070": "0.30", "rtx4070": "0.45", "rtx4080": "0.60", "rtx4090": "0.69"}
"""The guide's GPUs and their prices in USD an hour."""

_BUSINESS = {"rtx3070": 2640, "rtx4070": 3960, "rtx4080": 5280, "rtx4090": 6072}


@dataclass(frozen=True, slots=True)
class Correction:
    """One claim of the guide beside what its own inputs give."""

    claim: str
    said: str
    figures: tuple[Figure, ...]
    """Ours, the first is the one to compare."""
    why: str


def corrections(prices: Prices, largest: PhaseCost) -> list[Correction]:
    """Return the guide's wrong figures, each with ours and the reason.

    Args:
        prices: the exchange rate is taken from here.
        largest: a phase worked out at the same prices, for what the guide left out.
    """
    rate, guide = Book(prices)["inr_per_usd"], _Guide()
    return [
        *_wrong_rate(guide, rate),
        *_wrong_savings(guide, rate),
        *_wrong_capacity(guide, rate, Book(prices)),
        _left_out(guide, largest),
    ]


class _Guide:
    def __init__(self) -> None:
        self._sheet = Sheet()

    def price(self, tier: str) -> Worked:
        return named(f"{tier}_usd_per_hour", Decimal(TIERS[tier]))

    def figure(self, name: str, unit: str, working: Worked, places: int = 2) -> Figure:
        self._sheet.add(f"guide_{name}", unit, working, places)
        return self._sheet.figures[f"guide_{name}"]


def _wrong_rate(guide: _Guide, rate: Worked) -> list[Correction]:
    found = []
    for tier, said in (("rtx3070", 7500), ("rtx4090", 17250)):
        ours = guide.figure(f"{tier}_always", "INR/month", guide.price(tier) * number(730) * rate)
        implied = number(said) / (guide.price(tier) * number(720))
        behind = guide.figure(f"{tier}_always_rate", "INR/USD", implied)
        why = "The guide's own price and hours give its figure only at the rate of the second line."
        found.append(
            Correction(f"{_shown(tier)} day and night", f"{said} INR", (ours, behind), why)
        )
    half = guide.figure(
        "rtx4090_daily",
        "INR/month",
        guide.price("rtx4090") * number(12) * number(365) / number(12) * rate,
    )
    why = "Half of a figure that was 2.4 times too low already."
    found.append(Correction("RTX 4090, twelve hours a day", "8625 INR", (half,), why))
    for tier, said in _BUSINESS.items():
        ours = guide.figure(f"{tier}_office", "INR/month", guide.price(tier) * number(264) * rate)
        implied = number(said) / (guide.price(tier) * number(264))
        behind = guide.figure(f"{tier}_office_rate", "INR/USD", implied)
        why = "A second invented rate, not the one of the 24/7 rows."
        found.append(
            Correction(
                f"{_shown(tier)} on business days, 264 h", f"{said} INR", (ours, behind), why
            )
        )
    return found


def _wrong_savings(guide: _Guide, rate: Worked) -> list[Correction]:
    dearest = guide.price("rtx4090")
    true = guide.figure("without_rate", "INR/USD", number(42000) / (dearest * number(720)))
    saved = guide.figure(
        "saving", "%", (number(1) - number(264) / number(720)) * number(100), places=1
    )
    bought = guide.figure("full_hours", "h/month", number(7000) / (dearest * rate))
    region = guide.figure(
        "regional_hours", "h/month", number(1800) / (guide.price("rtx3070") * rate)
    )
    months = guide.figure(
        "months_saving", "%", (number(1) - number(19200) / number(64704)) * number(100), places=1
    )
    share = guide.figure("cpu_share", "of 24/7", number(264) / number(720), places=3)
    return [
        Correction(
            "saving of autoscaling at 234 MLAs",
            "83 %",
            (saved, true),
            "42,000 INR 'without' uses the true rate of its day (second line), 7,000 'with' the"
            " false one. At one rate the hours alone decide.",
        ),
        Correction(
            "234 MLAs with autoscaling",
            "7000 INR for 264 h",
            (bought,),
            "What that money buys of one RTX 4090, the guide's own tier for 151-240 calls.",
        ),
        Correction(
            "a region with autoscaling",
            "1800 INR for 12 h a day",
            (region,),
            "What that money buys of one RTX 3070; 22 days of 12 h are 264 h.",
        ),
        Correction(
            "saving of the first seven months",
            "95 %; about 15000 against 120000 INR",
            (months,),
            "The guide's own monthly lines add to 19,200 with and 64,704 INR without.",
        ),
        Correction(
            "a CPU machine in office hours",
            "750 of 2500 INR, 0.30",
            (share,),
            "264 of the guide's 720 hours.",
        ),
    ]


def _wrong_capacity(guide: _Guide, rate: Worked, book: Book) -> list[Correction]:
    cores = guide.figure("vcpu_for_240", "vCPU", number(240) * book["call_vcpu"])
    pods = ceiling(number(240) / number(4))
    voices = guide.figure("voice_machines", "machines", pods, places=0)
    count = named(voices.name, voices.value)
    money = guide.figure(
        "voice_inr", "INR/month", count * guide.price("rtx4090") * number(264) * rate
    )
    return [
        Correction(
            "240 calls on one RTX 4090",
            "17250 INR",
            (cores,),
            "The calls need processors as well: such a machine comes with about 5 vCPU. Its table"
            " of capacities (RTX 3070 50, RTX 4070 120) contradicts its own tiers (30, 80), RunPod"
            " lists no RTX 4070, and of the four only the RTX 4090 is in its Secure Cloud.",
        ),
        Correction(
            "neural voices for 240 calls",
            "no machine",
            (money, voices),
            "At the four voices a GPU of its sister guide on load balancing. Calls do not all"
            " speak at once, so this is the dear end; but it is not nothing.",
        ),
    ]


def _left_out(guide: _Guide, largest: PhaseCost) -> Correction:
    gpu, total = (named(name, largest.value(name)) for name in ("gpu_inr", "total_inr"))
    rest = guide.figure("left_out", "% of the bill", (number(1) - gpu / total) * number(100), 1)
    return Correction(
        f"the bill, here with MLAs: {largest.phase.mlas}",
        "GPU machines only",
        (rest,),
        "LiveKit, telephony, the language model and the server are the larger part of the bill.",
    )


def _shown(tier: str) -> str:
    return f"RTX {tier.removeprefix('rtx')}"
