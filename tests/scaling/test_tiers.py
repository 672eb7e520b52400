import pytest

from agent.errors import UnreadableInput
from agent.scaling.prices import load_prices
from agent.scaling.tiers import SHIPPED, load_tiers, machine_types


def test_a_machine_carries_the_least_of_what_its_ears_and_processors_do():
    types = {kind.name: kind.calls for kind in machine_types(load_tiers(), load_prices())}
    assert types == {"RTX 4000 Ada": 39, "RTX 3090": 21, "RTX 4090": 26}


@pytest.mark.parametrize(
    ("calls", "upper", "spare"),
    [(0, 30, 0), (30, 30, 0), (31, 80, 0), (150, 150, 0), (151, 240, 1), (10**6, 100000, 1)],
)
def test_every_number_of_calls_has_its_tier(calls, upper, spare):
    tier = load_tiers().at(calls)
    assert (tier.calls[1], tier.spare) == (upper, spare)


def test_the_cold_start_is_the_lognormal_of_its_median_and_95th_percentile():
    cold = load_tiers().cold_start
    assert 240 < cold.mean_s < 420
    assert cold.median_s * 2.718281828 ** (1.6449 * cold.sigma) == pytest.approx(420)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("calls = [31, 80]", "calls = [41, 80]", "begins at 41 must begin at 31"),
        ('machines = ["RTX 4000 Ada", "RTX 4090"]', 'machines = ["RTX 1"]', "not listed: RTX 1"),
        ("p95_s = 420.0", "p95_s = 20.0", "must not be below median_s"),
        ("vcpus = 4", "vcpus = 0", "vcpus"),
        ("[cold_start]", "[cold_start", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path, old, new, said):
    path = tmp_path / "tiers.toml"
    path.write_text(SHIPPED.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(UnreadableInput, match=said):
        load_tiers(path)


def test_a_machine_without_a_price_is_one_sentence(tmp_path):
    path = tmp_path / "tiers.toml"
    path.write_text(SHIPPED.read_text("utf-8").replace("RTX 3090", "RTX 9000"), "utf-8")
    with pytest.raises(UnreadableInput, match="RTX 9000"):
        machine_types(load_tiers(path), load_prices())
