import datetime

import numpy as np
import pytest

from agent.errors import UnreadableInput
from agent.scaling.demand import DAY_S, SHIPPED, draw_calls, load_demand, usual_volume


@pytest.fixture(scope="module")
def demand():
    return load_demand()


def test_a_seed_gives_the_same_calls_again_and_another_seed_others(demand):
    first, again, other = (draw_calls(demand, 5, 3, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.arrives_s, again.arrives_s)
    assert np.array_equal(first.lasts_s, again.lasts_s)
    assert not np.array_equal(first.arrives_s[:20], other.arrives_s[:20])


def test_the_month_that_ships_is_frozen(demand):
    """Figures in the documentation rest on these very calls."""
    calls = draw_calls(demand, 30, 30, 11)
    assert len(calls) == 20_315
    assert float(calls.arrives_s.sum()) == pytest.approx(26_569_915_265.565, rel=1e-9)
    assert calls.lasts_s.mean() == pytest.approx(237.183, abs=1e-3)


def test_calls_come_in_order_within_the_days_and_have_possible_lengths(demand):
    calls = draw_calls(demand, 30, 4, 7)
    assert (np.diff(calls.arrives_s) >= 0).all()
    assert 0 <= calls.arrives_s[0] <= calls.arrives_s[-1] < 4 * DAY_S
    assert calls.lasts_s.min() >= 1
    assert calls.lasts_s.max() <= demand.longest_s
    assert calls.days == 4


def test_the_busiest_hour_is_what_the_cost_model_takes_it_for(demand):
    office = demand.hours[8:20]
    assert max(demand.hours) / (sum(office) / 12) == pytest.approx(1.8, abs=0.05)


def test_sundays_feasts_and_storms_differ_from_a_working_day(demand):
    volumes = {day + 1: usual_volume(demand, day) for day in range(30)}
    assert volumes[4] == demand.calls_a_day
    assert volumes[8] < volumes[15] < volumes[14] < volumes[4] < volumes[17]
    assert volumes[24] == demand.calls_a_day * demand.holiday


def test_volume_grows_with_mlas(demand):
    assert len(draw_calls(demand, 60, 7, 3)) > 1.7 * len(draw_calls(demand, 30, 7, 3))


def test_the_first_day_begins_at_indian_midnight(demand):
    assert demand.starts.utcoffset() == datetime.timedelta(hours=5, minutes=30)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("calls_a_day = 20.0", "calls_a_day = -1", "calls_a_day"),
        ("share = 0.15", "share = 0.25", "must add to 1, not to 1.1000"),
        ("holiday = 0.45", "holidays = 0.45", "holiday"),
        ("[outage]", "[outage", "not valid TOML"),
        ("weekday = [1.15, ", "weekday = [", "weekday"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path, old, new, said):
    path = tmp_path / "month.toml"
    path.write_text(SHIPPED.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(UnreadableInput, match=said) as caught:
        load_demand(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(UnreadableInput, match=r"month\.toml cannot be read"):
        load_demand(tmp_path / "month.toml")
