"""``kural prompts render`` as an operator runs it, with a short script and a real voice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
SENTENCES = {"ta": ("வணக்கம், சொல்லுங்கள்.", "நன்றி."), "en": ("Welcome.", "Thank you.")}


def write_script(folder: Path, count: int) -> None:
    folder.mkdir(exist_ok=True)
    for language, texts in SENTENCES.items():
        prompts = "".join(
            f'[prompt.line_{at}]\ntext = "{text}"\n' for at, text in enumerate(texts[:count])
        )
        content = f'version = 2\nlanguage = "{language}"\n{prompts}'
        (folder / f"{language}.toml").write_text(content, encoding="utf-8")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    write_script(tmp_path / "script", 2)
    return os.environ | {
        "DATA_DIR": str(tmp_path / "var"),
        "CALL__PROMPTS_DIR": str(tmp_path / "script"),
        "PYTHONPATH": str(PROJECT),
    }


def render(env: dict[str, str], *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "agent", "prompts", "render", *options]
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False)


def test_both_languages_are_rendered_once_and_pruned_when_told(env, tmp_path):
    first = render(env)
    assert first.returncode == 0, first.stderr
    assert "ta, voice ta: 0 already there, 2 rendered, 0 failed; 0." in first.stdout
    assert "en, voice en: 0 already there, 2 rendered, 0 failed; 0." in first.stdout
    write_script(tmp_path / "script", 1)
    again = render(env, "--prune")
    assert "ta, voice ta: 1 already there, 0 rendered, 0 failed; 0." in again.stdout
    assert "2 files removed that nothing needs." in again.stdout
    assert len(list((tmp_path / "var" / "prompts").glob("*.wav"))) == 2


def test_an_unknown_voice_is_one_sentence_and_nothing_is_removed(env, tmp_path):
    done = render(env | {"SPEECH__VOICE_EN": "zz"}, "--prune")
    assert done.returncode == 1
    assert "en, voice zz: 0 already there, 0 rendered, 2 failed; 0.0 MB of sound." in done.stdout
    assert "2 prompts have no sound; is the voice zz known" in done.stderr
    assert "removed" not in done.stdout
    assert len(list((tmp_path / "var" / "prompts").glob("*.wav"))) == 2
