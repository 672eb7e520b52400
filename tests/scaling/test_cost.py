import itertools
import math
import tomllib
from decimal import Decimal

import pytest

from agent.capacity import gpu_profiles
from agent.errors import UsageError
from agent.scaling.cost import MODES, PARTS, PHASES, Phase, phase_cost
from agent.scaling.prices import SHIPPED, load_prices

DATA = tomllib.loads(SHIPPED.read_text("utf-8"))
PROFILES = tomllib.loads(gpu_profiles.SHIPPED.read_text("utf-8"))["gpu"]
V = {name: price["value"] for name, price in DATA["value"].items()}
GPUS = {
    name: (
        gpu["usd_per_hour"]["value"],
        math.floor(PROFILES[name]["calls"] * V["trust"] * V["headroom"]),
    )
    for name, gpu in DATA["gpu"].items()
}


def by_hand(mlas, calls_a_day, minutes, recompute):
    """The whole month once more in floats, from the price file and nothing of the package."""
    calls = mlas * calls_a_day * V["days"]
    billed = calls * math.ceil(minutes)
    load = mlas * calls_a_day / V["hours_a_day"] * V["peak"] * minutes / 60
    slots = int(recompute.erlang_b(load, V["blocking"]))
    most = [range(-(-slots // carried) + 1) for _, carried in GPUS.values()]
    hourly = min(
        sum(n * usd for n, (usd, _) in zip(counts, GPUS.values(), strict=True))
        for counts in itertools.product(*most)
        if sum(n * carried for n, (_, carried) in zip(counts, GPUS.values(), strict=True)) >= slots
    )
    shift = V["hours_a_day"] + V["extra_hours"]
    hours = {"always": 730, "daily": 365 / 12 * shift, "office": V["days"] * shift}
    disk = V["volume_gb"] * V["volume_usd"]
    gpu = {mode: hourly * hours[mode] + disk for mode in MODES}
    a_minute = V["agent_minute_usd"] + V["sip_minute_usd"]
    plans = [V["scale_usd"] + max(0, billed - V["scale_minutes"]) * a_minute]
    if slots <= V["ship_calls"]:
        plans.append(V["ship_usd"] + max(0, billed - V["ship_minutes"]) * a_minute)
    a_server = math.floor(V["server_vcpu"] / V["call_vcpu"] * V["headroom"])
    own = (math.ceil(slots / a_server) + math.ceil(slots / V["media_calls"])) * V["one_server_usd"]
    telephony = (billed * V["trunk_minute_inr"] + mlas * V["number_inr"]) * (1 + V["gst"])
    tokens = V["llm_tokens_in"] * V["llm_usd_in"] + V["llm_tokens_out"] * V["llm_usd_out"]
    usd = {
        "gpu": gpu["office"],
        "server": V["one_server_usd"],
        "livekit": min(plans),
        "own_livekit": own,
        "telephony": telephony / V["inr_per_usd"],
        "llm": calls * V["llm_asks"] * tokens / 1e6,
    }
    usd["total"] = sum(usd[part] for part in PARTS)
    usd["own_total"] = usd["total"] - usd["livekit"] + usd["own_livekit"]
    return slots, gpu, usd, calls


@pytest.mark.parametrize("mlas", PHASES)
@pytest.mark.parametrize(("calls_a_day", "minutes"), [(20, 4), (50, 2.5), (3, 11)])
def test_a_second_calculation_from_the_price_file_agrees(mlas, calls_a_day, minutes, recompute):
    phase = Phase(mlas, Decimal(calls_a_day), Decimal(str(minutes)))
    cost = phase_cost(phase, load_prices())
    slots, gpu, usd, calls = by_hand(mlas, calls_a_day, minutes, recompute)
    assert cost.value("slots") == slots
    for mode in MODES:
        assert float(cost.value(f"gpu_{mode}_usd")) == pytest.approx(gpu[mode], abs=0.01)
    for part, value in usd.items():
        inr = value * V["inr_per_usd"]
        assert float(cost.value(f"{part}_usd")) == pytest.approx(value, abs=0.05)
        # A dollar figure is rounded to a cent before it becomes rupees.
        assert float(cost.value(f"{part}_inr")) == pytest.approx(inr, abs=3)
        assert float(cost.value(f"{part}_per_call_usd")) == pytest.approx(value / calls, abs=1e-3)
        assert float(cost.value(f"{part}_per_mla_inr")) == pytest.approx(inr / mlas, abs=3)


def test_all_seats_need_sixty_slots_in_their_busiest_hour():
    cost = phase_cost(Phase(234, Decimal(20), Decimal(4)), load_prices())
    assert cost.value("busy_load") == Decimal("46.8")
    assert cost.value("slots") == 60


def test_machines_carry_the_slots():
    for mlas in PHASES:
        cost = phase_cost(Phase(mlas, Decimal(50), Decimal(6)), load_prices())
        assert cost.value("gpu_calls") >= cost.value("slots")


def test_more_calls_than_a_line_can_be_planned_for_are_refused():
    with pytest.raises(UsageError, match="more than 100,000 calls at once"):
        phase_cost(Phase(100_000, Decimal(1000), Decimal(10)), load_prices())
