"""Bad options of `kural lab load`: one sentence each, before anything is started."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from agent import cli


def _said(*arguments: str, env: dict[str, str] | None = None) -> str:
    done = CliRunner().invoke(cli.main, ["lab", "load", *arguments], env=env)
    assert done.exit_code == 2, done.output
    return done.output


@pytest.mark.parametrize("calls", ["0", "-1", "many", "1,,2", "", "501"])
def test_a_number_of_calls_that_is_none(calls):
    assert "--calls" in _said("--calls", calls)


def test_callers_that_do_not_exist():
    assert "does not exist" in _said("nobody.json")


def test_an_address_that_is_none():
    assert "is no address of a LiveKit" in _said("--url", "livekit")


def test_another_livekit_needs_its_keys():
    env = {"LIVEKIT_API_KEY": "", "LIVEKIT_API_SECRET": ""}
    assert "LIVEKIT_API_KEY" in _said("--url", "ws://127.0.0.1:7880", env=env)


def test_a_capacity_is_for_our_own_worker():
    env = {"LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "s" * 32}
    told = _said("--url", "ws://127.0.0.1:7880", "--capacity", "3", env=env)
    assert "leave it out with --url" in told


def test_time_and_many_calls_do_not_go_together():
    assert "do not go together" in _said("--minutes", "1", "--total", "200")


def test_places_that_cannot_be_written(tmp_path):
    assert "only that kind of picture" in _said("--out", str(tmp_path / "a.jpg"))
    assert "does not exist" in _said("--report", str(tmp_path / "missing" / "a.json"))
