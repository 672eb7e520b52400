"""Settings a script changes, and databases of passes; no call leaks into another."""

from pathlib import Path

import pytest

from agent.callers.beforehand import ChangedSettings
from agent.callers.isolation import Stores, changed_settings
from agent.callers.run import RunOptions, tasks_of
from agent.callers.script_file import ScriptedCall
from agent.callers.sources import CallSource
from agent.settings import Settings
from agent.wiring import build_parts


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    return Settings(data_dir=tmp_path / "var")


def source(call_id: str, **fields: object) -> CallSource:
    script = ScriptedCall.model_validate({"id": call_id} | fields)
    return CallSource(Path(f"{call_id}.json"), script)


def test_a_script_without_settings_changes_none(settings: Settings) -> None:
    assert changed_settings(settings, None) is settings
    assert changed_settings(settings, ChangedSettings()) is settings


def test_a_cloud_that_nobody_asks_is_named_in_the_notice(settings: Settings) -> None:
    changed = changed_settings(settings, ChangedSettings(cloud=True))
    assert (settings.cloud_words, changed.cloud_words) == (False, True)
    assert changed.deepgram.url.startswith("http://127.0.0.1:")


def test_an_election_is_a_setting_of_the_call(settings: Settings) -> None:
    changed = changed_settings(settings, ChangedSettings(election=True))
    assert getattr(changed.call, "election", None) is True
    assert not getattr(settings.call, "election", False)


def test_every_pass_has_its_own_database(settings: Settings) -> None:
    stores = Stores(build_parts(settings, audio=False))
    try:
        first, second = stores.parts(None), stores.parts(f"sqlite:///{settings.data_dir}/two.db")
        assert first.store is not second.store
        assert stores.parts(second.settings.database_url) is second
        assert stores.parts(settings.database_url) is first
        assert first.extractor is second.extractor
    finally:
        stores.close()


def test_no_two_calls_of_a_run_come_from_one_number(settings: Settings) -> None:
    sources = [source("P07"), source("S07"), source("P08"), source("walk-in"), source("Q100")]
    tasks = tasks_of(settings, sources, RunOptions(repeat=3))
    numbers = [task.source.script.caller for task in tasks]
    assert len(set(numbers)) == len(numbers) == 15
    assert numbers[:3] == ["+910000000007", "+910000000107", "+910000000008"]


def test_passes_are_numbered_and_lie_beside_each_other(settings: Settings) -> None:
    tasks = tasks_of(settings, [source("P01")], RunOptions(repeat=2))
    assert [task.turn for task in tasks] == [1, 2]
    assert tasks[0].database is None
    assert (tasks[1].database or "").endswith("kural-2.db")


def test_who_needs_it_is_played_at_natural_speed(settings: Settings) -> None:
    sources = [source("P01", natural=True), source("P02"), source("P03", backchannels=True)]
    tasks = tasks_of(settings, sources, RunOptions(speed=4.0))
    assert [task.speed for task in tasks] == [1.0, 4.0, 1.0]
