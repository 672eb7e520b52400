import json
import re
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent import cli
from agent.scaling.cost import PHASES
from agent.scaling.prices import SHIPPED


def kural(*arguments):
    return CliRunner().invoke(cli.main, ["scale", "cost", *arguments])


@pytest.fixture(scope="module")
def printed():
    done = kural()
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize(
    "arguments",
    [(), ("--mlas", "17", "--calls-a-day", "33.5", "--minutes", "3.2", "--rate", "84.5")],
    ids=["defaults", "own"],
)
def test_every_printed_figure_follows_from_its_printed_formula(arguments, recompute):
    seen = 0
    for name, formula, value, unit in recompute.lines(kural(*arguments).stdout):
        ours = recompute.rounded(recompute.evaluate(formula), value)
        assert ours == Decimal(value), f"{name}: {formula} is {ours}, not {value} {unit}"
        seen += 1
    assert seen > (400 if not arguments else 80)


def test_numbers_in_a_formula_are_prices_or_figures_printed_above_it(printed):
    """A name stands for one number: what it was printed with, in this phase or in the prices."""
    prices = {}
    for line in printed.partition("\nPrices and assumptions\n")[2].splitlines()[1:]:
        name, value, *_ = re.split(r"\s{2,}", line)
        prices[name] = Decimal(value)
    known = dict(prices)
    body = printed.partition("\nHow each figure")[2].partition("\nWhere the original")[0]
    for line in body.splitlines():
        if head := re.match(r"([\d,]+) MLAs?, ([\d.]+) calls a day each, ([\d.]+) minutes", line):
            mlas, calls, minutes = (Decimal(text.replace(",", "")) for text in head.groups())
            known = prices | {"mlas": mlas, "calls_a_day": calls, "minutes": minutes}
            known |= {f"machines[{kind}]": Decimal(n) for n, kind in machines(line)}
        if not line.startswith("  "):
            continue
        name, formula, *more = line.strip().split(" = ")
        if len(more) == 2:
            assert in_numbers(formula, known) == more[0], line
        known[name] = Decimal(more[-1].split(" ")[0])


def in_numbers(formula, known):
    """A formula of names with each name but ceil, floor, max, erlang_b replaced by its number."""
    return re.sub(
        r"(?<!\w)[A-Za-z_]\w*(?:\[[^\]]+\])?(?![\w(])", lambda m: short(known[m[0]]), formula
    )


def machines(line):
    return re.findall(r"(\d+) x (RTX [\w ]+?)(?= \+|$)", line)


def short(value):
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def test_tables_show_the_figures_of_the_formulas(printed, recompute):
    figures = [(name, Decimal(value)) for name, _, value, _ in recompute.lines(printed)]
    totals = [value for name, value in figures if name == "total_inr"]
    own = [value for name, value in figures if name == "own_total_per_call_usd"]
    assert column(printed, "A month in INR", "total") == totals
    assert column(printed, "One call in USD", "total with own") == own
    assert column(printed, "A month in INR", "MLAs") == [Decimal(one) for one in PHASES]


def column(text, title, name):
    head, *rows = text.partition(f"\n{title}\n")[2].partition("\n\n")[0].splitlines()
    place = [one.strip() for one in re.split(r"\s{2,}", head.strip())].index(name)
    return [Decimal(re.split(r"\s+", row.strip())[place].replace(",", "")) for row in rows]


def test_every_price_is_printed_with_unit_standing_date_and_source(printed):
    data = tomllib.loads(SHIPPED.read_text("utf-8"))
    below = printed.partition("\nPrices and assumptions\n")[2]
    for name, price in data["value"].items():
        row = next(line for line in below.splitlines() if line.split("  ")[0] == name)
        for field in ("unit", "standing", "source", "date"):
            assert str(price[field]) in row


def test_the_exchange_rate_and_its_date_head_the_report(printed):
    assert re.match(r"1 USD = 94\.38 INR \(RBI .* of 2026-06-17\)\n", printed)
    assert kural("--rate", "84").stdout.startswith("1 USD = 84 INR (--rate, given)\n")


def test_json_holds_the_same_figures(printed, recompute):
    told = json.loads(kural("--json").stdout)
    assert [one["mlas"] for one in told["phases"]] == list(PHASES)
    figures = [
        (name, one["value"]) for phase in told["phases"] for name, one in phase["figures"].items()
    ]
    figures += [
        (name, one["value"]) for c in told["original_guide"] for name, one in c["figures"].items()
    ]
    lines = [(name, float(value)) for name, _, value, _ in recompute.lines(printed)]
    assert figures == lines
    assert told["prices"]["inr_per_usd"]["date"] == "2026-06-17"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--mlas", "0"), "--mlas must be a number from 1 to 100000."),
        (("--mlas", "2.5"), "--mlas must be a whole number."),
        (("--mlas", "many"), "--mlas must be a number from 1 to 100000."),
        (("--calls-a-day", "-3"), "--calls-a-day must be a number from 0.1 to 100000."),
        (("--minutes", "nan"), "--minutes must be a number from 0.1 to 1440."),
        (("--minutes", "inf"), "--minutes must be a number from 0.1 to 1440."),
        (("--rate", "0"), "--rate must be a number from 1 to 100000."),
        (("--mlas", "100000", "--calls-a-day", "100000"), "more than 100,000 calls at once"),
        (("--prices", "/nowhere/p.toml"), "/nowhere/p.toml cannot be read: No such file"),
    ],
)
def test_a_wrong_option_is_one_sentence_and_exit_2(arguments, says):
    done = kural(*arguments)
    assert done.exit_code == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_other_prices_are_read_from_a_file(tmp_path):
    path = tmp_path / "prices.toml"
    text = SHIPPED.read_text("utf-8").replace("value = 0.50\n", "value = 0.75\n", 1)
    path.write_text(text, encoding="utf-8")
    assert re.search(r"(?m)^trunk_minute_inr +0\.75 ", kural("--prices", str(path)).stdout)


def test_the_guides_mistakes_stand_beside_ours(printed):
    wrong = printed.partition("\nWhere the original guide was wrong")[2]
    assert "RTX 3070 day and night: it says 7500 INR." in wrong
    assert "= 7500 / (0.3 * 720) = 34.72 INR/USD" in wrong
    assert "= 2640 / (0.3 * 264) = 33.33 INR/USD" in wrong
    assert "= 42000 / (0.69 * 720) = 84.54 INR/USD" in wrong
    assert "saving of autoscaling at 234 MLAs: it says 83 %." in wrong
    assert "= (1 - 264 / 720) * 100 = 63.3 %" in wrong


def test_the_document_shows_figures_the_command_prints(printed):
    told = (Path(__file__).parents[2] / "docs" / "cost.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| ([\d,]+) \| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \|$", told, re.M)
    assert [int(row[0]) for row in rows] == list(PHASES)
    columns = [
        [f"{value:,.0f}" for value in column(printed, "A month in INR", "total")],
        [f"{value:,.0f}" for value in column(printed, "A month in INR", "total with own")],
        [str(value) for value in column(printed, "One call in INR", "total")],
        [str(value) for value in column(printed, "One call in INR", "total with own")],
    ]
    assert [list(row[1:]) for row in rows] == [list(one) for one in zip(*columns, strict=True)]
