import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from agent import settings as settings_module
from agent.capacity.hardware import Hardware, this_hardware
from agent.capacity.profile import (
    CapacityProfile,
    deciding_settings,
    model_hash,
    promised,
    save_profile,
)
from agent.cli import main
from agent.lab.capacity_report import as_object, levels_of
from agent.scaling.prices import load_prices


def kural(*args):
    return CliRunner().invoke(main, ["capacity", *map(str, args)])


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("SPEECH__DEVICE", "cpu")
    return settings_module.load()


def profile(settings, **changes):
    found = {
        "calls": promised(10.4),
        "measured_calls": 10.4,
        "target_p95_s": 1.1,
        "bound": "cpu",
        "hardware": this_hardware(settings),
        "model": "demo-ta",
        "model_hash": model_hash(settings),
        "compute_type": "int8_float32",
        "speech": deciding_settings(settings),
        "measured_at": datetime(2026, 11, 21, tzinfo=UTC),
        "figures": {
            "low_calls": 9.6,
            "high_calls": 11.2,
            "inside_target_s": 0.8,
            "at_calls_call_cores": 0.96,
            "level_4_p50_s": 0.4,
            "level_4_p95_s": 0.6,
            "level_4_turns": 40.0,
            "level_16_p50_s": 0.9,
            "level_16_p95_s": 3.2,
            "level_16_turns": 90.0,
        },
    }
    return CapacityProfile.model_validate(found | changes)


def test_without_a_profile_the_report_is_one_sentence_that_says_what_to_do(settings):
    done = kural("report")
    assert done.exit_code == 2
    assert "run `kural capacity calibrate`" in done.output
    assert done.output.count("\n") == 1


def test_a_file_that_is_no_profile_is_one_sentence(settings, tmp_path):
    path = tmp_path / "other.json"
    path.write_text('{"calls": "many"}', encoding="utf-8")
    done = kural("report", "--profile", path)
    assert done.exit_code == 2
    assert "is no capacity profile" in done.output


def test_the_report_tells_calls_what_binds_and_the_cost_of_a_minute(settings, tmp_path):
    save_profile(profile(settings), tmp_path / "var" / "capacity.json")
    done = kural("report", "--usd-per-hour", "0.48")
    assert done.exit_code == 0, done.output
    assert "10.4 calls at once" in done.output
    assert "a worker accepts 8" in done.output
    assert "the processor" in done.output
    assert "0.001000 USD" in done.output
    assert "says nothing about this machine" not in done.output


def test_as_json_every_level_and_figure_is_there(settings, tmp_path):
    save_profile(profile(settings), tmp_path / "var" / "capacity.json")
    told = json.loads(kural("report", "--json").output)
    assert told["calls"] == 8
    assert told["bound"] == "cpu"
    assert told["interval"] == [9.6, 11.2]
    assert [level["calls"] for level in told["levels"]] == [4, 16]
    assert told["holds_here"]
    assert told["cost"]["inr_per_call_minute"] > 0


def test_a_profile_of_another_machine_is_told_as_such(settings, tmp_path):
    other = this_hardware(settings).model_copy(update={"processor": "Another"})
    save_profile(profile(settings, hardware=other), tmp_path / "p.json")
    done = kural("report", "--profile", tmp_path / "p.json")
    assert "says nothing about this machine" in done.output


def test_the_curve_is_a_picture(settings, tmp_path):
    pytest.importorskip("matplotlib", reason="the extra `bench` is not installed")
    save_profile(profile(settings), tmp_path / "var" / "capacity.json")
    out = tmp_path / "curve.png"
    assert kural("report", "--out", out).exit_code == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    wrong = kural("report", "--out", tmp_path / "curve.jpg")
    assert wrong.exit_code == 2
    assert "does not end in .png" in wrong.output


def test_a_profile_without_levels_has_no_curve(settings, tmp_path):
    pytest.importorskip("matplotlib", reason="the extra `bench` is not installed")
    save_profile(profile(settings, figures={}), tmp_path / "p.json")
    done = kural("report", "--profile", tmp_path / "p.json", "--out", tmp_path / "curve.png")
    assert done.exit_code == 2
    assert "no curve to draw" in done.output
    assert levels_of(profile(settings, figures={})) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--target-p95", "0.25"], "leaves nothing after the telephone line's 0.3 s"),
        (["--target-p95", "nan"], "--target-p95"),
        (["--most", "0"], "--most"),
        (["nowhere.wav"], "nowhere.wav does not exist"),
        (["--out", "/proc/capacity.json"], "cannot be written"),
    ],
)
def test_wrong_use_is_noticed_before_anything_is_measured(settings, arguments, says):
    done = kural("calibrate", *arguments)
    assert done.exit_code == 2
    assert says in done.output


def test_the_price_is_that_of_the_gpu_else_of_a_server_of_as_many_cores(settings):
    prices = load_prices()
    card = Hardware(
        processor="x", cores=8, memory_gb=30, gpu="NVIDIA GeForce RTX 4090", gpu_memory_gb=24
    )
    told = as_object(profile(settings, hardware=card), prices, None, "")
    assert told["cost"]["usd_per_hour"] == float(prices.gpu["RTX 4090"].usd_per_hour.value)
    server = Hardware(processor="x", cores=2, memory_gb=8)
    told = as_object(profile(settings, hardware=server), prices, None, "")
    assert told["cost"]["usd_per_hour"] == pytest.approx(48 / 730 / 2, abs=1e-4)
    unknown = card.model_copy(update={"gpu": "NVIDIA T400"})
    told = as_object(profile(settings, hardware=unknown), prices, None, "")
    assert "no price of NVIDIA T400 is known" in told["cost"]["price_source"]
