"""``kural scale simulate`` on a small line and few days."""

import json

import pytest
from click.testing import CliRunner

from agent import cli
from agent.scaling.scenario import POLICIES


def kural(*arguments):
    return CliRunner().invoke(cli.main, ["scale", "simulate", *arguments])


SMALL = ("--mlas", "3", "--days", "2", "--seeds", "1", "--hours", "daily")


@pytest.fixture(scope="module")
def played():
    done = kural(*SMALL, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_every_policy_is_played_and_none_of_ours_is_cut(played):
    (scenario,) = played["scenarios"]
    assert (scenario["mlas"], scenario["hours"], scenario["seeds"]) == (3, "daily", [1])
    assert set(scenario["policies"]) == set(POLICIES)
    ours = scenario["policies"]["ours"]
    assert ours["cut"] == 0
    assert ours["in_time"] == 1.0
    assert 1.0 <= ours["over_bound"] < 1.1
    assert scenario["policies"]["always on"]["usd"] == pytest.approx(0.28 * 48)


def test_nobody_is_cheaper_than_the_bound_at_equal_service(played):
    policies = played["scenarios"][0]["policies"]
    least = policies["clairvoyant"]["usd"]
    for name, row in policies.items():
        assert row["usd"] >= least - 1e-9 or row["in_time"] < 0.999, name


def test_who_knows_the_curve_serves_as_asked_and_pays_no_more_than_a_policy_by_the_clock(played):
    policies = played["scenarios"][0]["policies"]
    foretold = policies["knows the curve"]
    assert foretold["in_time"] >= 0.999
    assert foretold["usd"] <= policies["office hours"]["usd"]
    assert foretold["cut"] == 0


def test_the_table_names_savings_and_the_bound_beside_them():
    printed = kural(*SMALL).stdout
    assert "saved against always on: ours 4" in printed
    assert "(the bound)" in printed
    assert "3 MLAs, 08:00-20:00 every day, feasts too, 2 days; seeds 1" in printed


def test_the_picture_is_written(tmp_path):
    path = tmp_path / "month.png"
    done = kural(*SMALL, "--out", str(path))
    assert done.exit_code == 0, done.output
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--mlas", "0"), "--mlas must be whole numbers from 1 to 2,000"),
        (("--mlas", "five"), "--mlas must be whole numbers"),
        (("--seeds", ""), "--seeds must be whole numbers"),
        (("--days", "3,4"), "--days must be one number"),
        (("--days", "400"), "--days must be whole numbers from 1 to 366"),
        (("--hours", "sometimes"), "--hours must be always, daily, office or hours"),
        (("--demand", "nowhere.toml"), "nowhere.toml cannot be read"),
        (("--out", "month.jpg"), "does not end in .png"),
    ],
)
def test_a_wrong_option_is_one_sentence(arguments, said):
    done = kural(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.output
