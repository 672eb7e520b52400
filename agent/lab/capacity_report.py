"""What a calibration found, in sentences and as one object for programs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.capacity.profile import CapacityProfile
    from agent.lab.findings import Findings
    from agent.scaling.prices import Prices

HOURS_A_MONTH = 730
TOLERATED_CORES = 0.1
"""What else runs on a machine may take so much before a measurement is doubted."""
_LEVEL = re.compile(r"level_(\d+)_p95_s")
_BINDS = {
    "ears": "the ears: their queue makes answers wait",
    "voice": "the voice",
    "cpu": "the processor",
    "memory": "memory",
    "nothing": "nothing: all calls that were tried were carried",
}


@dataclass(frozen=True, slots=True)
class Level:
    """One number of calls that was tried, all its windows together."""

    calls: int
    p50_s: float
    """From the caller's last sound to the agent's first, without the telephone line."""
    p95_s: float
    turns: int


def levels_of(profile: CapacityProfile) -> list[Level]:
    """What was tried, fewest calls first; empty for a profile that was not measured here."""
    found = profile.figures
    calls = sorted(int(m.group(1)) for name in found if (m := _LEVEL.fullmatch(name)))
    return [
        Level(
            n,
            found.get(f"level_{n}_p50_s", 0.0),
            found[f"level_{n}_p95_s"],
            int(found.get(f"level_{n}_turns", 0)),
        )
        for n in calls
    ]


def found_lines(findings: Findings, profile: CapacityProfile) -> list[str]:
    """What is printed at the end of a calibration."""
    knee = findings.knee
    carried = f"{knee.calls:.1f} calls at once keep" if knee.reached else (
        f"At least {knee.calls:.0f} calls at once keep"
    )  # fmt: skip
    lines = [
        f"{carried} 95 % of short answers within {profile.target_p95_s:g} s on the telephone "
        f"({findings.target_s:g} s here; nine in ten draws of the same calls: "
        f"{knee.low:.1f} to {knee.high:.1f}).",
        f"First to give way: {_BINDS[profile.bound]}.",
        f"A worker of this machine accepts {profile.calls}.",
    ]
    if findings.holds_p95_s is not None:
        lines.append(_held(findings))
    others = max((each.usage.other_cores for each in findings.measured), default=0.0)
    if others > TOLERATED_CORES:
        lines.append(
            f"Others took up to {others:.1f} cores meanwhile: measure again on an idle machine."
        )
    return lines


def _held(findings: Findings) -> str:
    held = findings.holds_p95_s or 0.0
    line = f"Held: {findings.calls} calls, p95 {held:.2f} s ({_kept(held, findings.target_s)})"
    if findings.twice_p95_s is None:
        return f"{line}; twice as many were not tried."
    twice = findings.twice_p95_s
    return f"{line}; {2 * findings.calls}, p95 {twice:.2f} s ({_kept(twice, findings.target_s)})."


def _kept(p95_s: float, target_s: float) -> str:
    return "in time" if p95_s <= target_s else "late"


def as_object(
    profile: CapacityProfile, prices: Prices, usd_per_hour: float | None, why_not: str
) -> dict[str, Any]:
    """The report for programs.

    Args:
        profile: what was found.
        prices: of machines, and the rupee.
        usd_per_hour: what the machine costs; None = by its kind.
        why_not: why the profile says nothing about this machine; empty where it does.
    """
    hourly, source = _hourly(profile, prices, usd_per_hour)
    rate = float(prices.value["inr_per_usd"].value)
    a_minute = hourly / 60 / profile.calls
    return {
        "calls": profile.calls,
        "measured_calls": profile.measured_calls,
        "interval": [profile.figures.get("low_calls"), profile.figures.get("high_calls")],
        "target_p95_s": profile.target_p95_s,
        "bound": profile.bound,
        "source": profile.source,
        "measured_at": profile.measured_at.isoformat(),
        "model": profile.model,
        "compute_type": profile.compute_type,
        "hardware": profile.hardware.model_dump(),
        "holds_here": not why_not,
        "why_not": why_not,
        "cost": {
            "usd_per_hour": round(hourly, 4),
            "price_source": source,
            "usd_per_call_minute": round(a_minute, 7),
            "inr_per_call_minute": round(a_minute * rate, 5),
            "inr_per_usd": rate,
        },
        "levels": [
            {"calls": each.calls, "p50_s": each.p50_s, "p95_s": each.p95_s, "turns": each.turns}
            for each in levels_of(profile)
        ],
        "figures": profile.figures,
        "command": profile.command,
    }


def _hourly(profile: CapacityProfile, prices: Prices, given: float | None) -> tuple[float, str]:
    """USD an hour of a machine of this kind, and where the price is from."""
    if given is not None:
        return given, "--usd-per-hour"
    hardware = profile.hardware
    for name, gpu in prices.gpu.items():
        if hardware.gpu and name.casefold() in hardware.gpu.casefold():
            return float(gpu.usd_per_hour.value), f"{name}: {gpu.usd_per_hour.source}"
    month, cores = prices.value["one_server_usd"], prices.value["server_vcpu"]
    hourly = float(month.value) / HOURS_A_MONTH * hardware.cores / float(cores.value)
    unknown = f"; no price of {hardware.gpu} is known, its GPU is not in it" if hardware.gpu else ""
    return hourly, f"{hardware.cores:g} cores of a server: {month.source}{unknown}"


def report_lines(profile: CapacityProfile, told: dict[str, Any]) -> list[str]:
    """The report for people."""
    hardware, cost = profile.hardware, told["cost"]
    machine = hardware.gpu or hardware.processor
    low, high = told["interval"]
    between = "" if low is None else f" (nine in ten draws: {low:.1f} to {high:.1f})"
    lines = [
        f"{machine}, {hardware.cores:g} cores, {hardware.memory_gb:g} GB; {profile.model} "
        f"{profile.compute_type}; {profile.source} {profile.measured_at.date().isoformat()}.",
        f"{profile.measured_calls:g} calls at once keep 95 % of short answers within "
        f"{profile.target_p95_s:g} s{between}; a worker accepts {profile.calls}.",
        f"First to give way: {_BINDS[profile.bound]}.",
        f"A call-minute costs {cost['inr_per_call_minute']:.4f} INR "
        f"({cost['usd_per_call_minute']:.6f} USD) when all {profile.calls} are taken, at "
        f"{cost['usd_per_hour']:.4f} USD/h ({cost['price_source']}).",
    ]
    if told["why_not"]:
        lines.append(f"It says nothing about this machine as it is set: {told['why_not']}.")
    lines += _split(profile)
    lines += [
        f"{each.calls:5d} calls  p50 {each.p50_s:5.2f}  p95 {each.p95_s:5.2f} s  {each.turns} turns"
        for each in levels_of(profile)
    ]
    return lines


def _split(profile: CapacityProfile) -> list[str]:
    """Where the processor goes when the accepted calls are held."""
    found = profile.figures
    cores = found.get("at_calls_call_cores", 0.0)
    if not cores:
        return []
    a_call = cores / profile.calls
    lines = [
        f"Cores at {profile.calls} calls: calls {cores:.2f}, ears "
        f"{found.get('at_calls_ears_cores', 0.0):.2f}, voice "
        f"{found.get('at_calls_voice_cores', 0.0):.2f}, others "
        f"{found.get('at_calls_other_cores', 0.0):.2f}.",
        f"A call process takes {a_call:.3f} cores: {found.get('webrtc_cores', 0.0):.3f} stand for "
        f"WebRTC, of which the simulated caller is "
        f"{found.get('simulated_caller_cores', 0.0):.3f}; memory of a call with WebRTC "
        f"{found.get('call_mb', 0.0):.0f} MB.",
    ]
    return lines
