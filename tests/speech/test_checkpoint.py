"""A model folder is checked before seconds are spent on loading it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent.errors import ConfigurationError
from agent.speech.checkpoint import load_checkpoint


@pytest.fixture
def folder(saying_model_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saying_model_dir, tmp_path / "model"))


@pytest.mark.parametrize(
    "name",
    ["model.bin", "config.json", "vocabulary.json", "tokenizer.json", "preprocessor_config.json"],
)
def test_what_is_missing_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ConfigurationError, match=name):
        load_checkpoint(folder)


def test_a_folder_that_is_not_there_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="SPEECH__MODEL"):
        load_checkpoint(tmp_path / "none")


def test_a_file_is_not_a_model_folder(tmp_path: Path) -> None:
    (tmp_path / "model.bin").touch()
    with pytest.raises(ConfigurationError, match="not a folder"):
        load_checkpoint(tmp_path / "model.bin")


def test_an_ordinary_whisper_folder_needs_no_notes_of_ours(folder: Path) -> None:
    (folder / "kural.json").unlink()
    checkpoint = load_checkpoint(folder)
    assert checkpoint.name == "model"
    assert checkpoint.facts.suppress_tokens == (-1,)
    assert not checkpoint.facts.short_context
    assert not checkpoint.facts.demo
    assert not checkpoint.facts.prompt
    assert checkpoint.facts.pad_value == 0.0


def test_the_notes_are_read_and_unknown_ones_passed_over(folder: Path) -> None:
    (folder / "kural.json").write_text(
        '{"name": "demo-ta", "demo": true, "suppress_tokens": [], "short_context": true,'
        ' "tail_frames": 60, "sha256_model_bin": "x", "beam_size": 2}'
    )
    facts = load_checkpoint(folder).facts
    assert (facts.name, facts.demo, facts.short_context) == ("demo-ta", True, True)
    assert (facts.tail_frames, facts.beam_size, facts.suppress_tokens) == (60, 2, ())


def test_null_asks_for_the_floor_of_the_sound_as_padding(folder: Path) -> None:
    (folder / "kural.json").write_text('{"pad_value": null}')
    assert load_checkpoint(folder).facts.pad_value is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "JSON"),
        ("[]", "object"),
        ('{"beam_size": 0}', "beam_size"),
        ('{"max_new_tokens_per_s": -1}', "max_new_tokens_per_s"),
        ('{"suppress_tokens": "all"}', "suppress_tokens"),
    ],
)
def test_wrong_notes_are_one_sentence(folder: Path, text: str, says: str) -> None:
    (folder / "kural.json").write_text(text)
    with pytest.raises(ConfigurationError, match=says) as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value)
