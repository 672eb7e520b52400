"""``kural listen``: one JSON line a file, whatever the file is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from agent.cli import main
from agent.settings import PROJECT_DIR
from agent.speech.audio import resample, write_wav
from agent.speech.engine import Ears
from agent.speech.listen_command import BECAUSE, listen
from agent.speech.transcript import DropReason
from tests.speech.conftest import SAID, Speak
from tests.speech.whisper_maker import make_model

DEMO = PROJECT_DIR / "models" / "demo-ta"


def run(model: Path, tmp_path: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(
        main,
        ["listen", "--model", str(model), *map(str, arguments)],
        env={"DATA_DIR": str(tmp_path), "SPEECH__DEVICE": "cpu"},
    )


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def recording(tmp_path: Path, speak: Speak) -> Path:
    path = tmp_path / "புகார் 1.wav"
    write_wav(path, resample(speak("தண்ணி வரல", after=0.5), 16_000, 8_000), 8_000)
    return path


def test_a_recording_becomes_one_line_of_the_promised_shape(
    saying_model_dir: Path, tmp_path: Path, recording: Path
) -> None:
    result = run(saying_model_dir, tmp_path, recording)
    assert result.exit_code == 0
    (line,) = lines(result)
    assert list(line) == ["file", "text", "confidence", "language", "timings", "dropped"]
    assert line["file"] == str(recording)
    assert line["text"] == SAID
    assert SAID in result.stdout  # readable, not escaped
    assert line["language"] == "ta"
    assert line["dropped"] == []
    assert line["timings"]["audio_s"] > 1


def test_silence_is_a_line_with_its_reason(saying_model_dir: Path, tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.zeros(16_000, np.int16), 16_000)
    (line,) = lines(run(saying_model_dir, tmp_path, tmp_path / "a.wav"))
    assert line["text"] == ""
    assert line["dropped"] == [{"reason": "silence", "start_s": 0.0, "end_s": 1.0}]


def test_explain_adds_what_the_guards_saw(
    random_model_dir: Path, tmp_path: Path, recording: Path
) -> None:
    (line,) = lines(run(random_model_dir, tmp_path, "--explain", recording))
    (segment,) = line["segments"]
    assert segment["dropped"] == line["dropped"][0]["reason"]
    assert segment["tokens"] > 0
    assert segment["avg_logprob"] < 0
    assert 0 <= segment["no_speech_prob"] <= 1
    assert segment["retried"]
    assert line["dropped"][0]["because"] == BECAUSE[segment["dropped"]]


def test_every_reason_can_be_explained() -> None:
    assert set(BECAUSE) == set(DropReason)


def test_explain_names_a_known_invention(
    saying_model_dir: Path, tmp_path: Path, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.toml").write_text(f'part = ["{SAID}"]', encoding="utf-8")
    monkeypatch.setenv("SPEECH__BLOCKLIST", str(tmp_path / "own.toml"))
    (line,) = lines(run(saying_model_dir, tmp_path, "--explain", recording))
    (segment,) = line["segments"]
    assert (line["text"], segment["text"], segment["dropped"]) == ("", SAID, "blocked")


def test_bad_files_are_one_sentence_each_and_good_ones_still_printed(
    saying_model_dir: Path, tmp_path: Path, recording: Path
) -> None:
    (tmp_path / "text.wav").write_text("வணக்கம்")
    result = run(
        saying_model_dir,
        tmp_path,
        tmp_path / "none.wav",
        recording,
        tmp_path,
        tmp_path / "text.wav",
        recording,
    )
    assert result.exit_code == 2
    assert [line["text"] for line in lines(result)] == [SAID, SAID]
    errors = result.stderr.strip().splitlines()
    assert len(errors) == 3
    assert all(error.startswith("kural: ") for error in errors)


@pytest.mark.slow
def test_ten_minutes_work(tmp_path: Path, speak: Speak) -> None:
    model = make_model(tmp_path / "quick", SAID, {"short_context": True})
    block = speak("எங்க தெருவில மூணு நாளா தண்ணி வரல", after=2.0)
    write_wav(tmp_path / "long.wav", np.tile(block, 600 * 16_000 // len(block)), 16_000)
    (line,) = lines(run(model, tmp_path, tmp_path / "long.wav"))
    assert line["text"].count(SAID) > 50


@pytest.mark.skipif(not (DEMO / "model.bin").exists(), reason="models/demo-ta is not built yet")
def test_the_bundled_model_hears_a_common_complaint(tmp_path: Path, speak: Speak) -> None:
    """The only test here that depends on what the bundled model learned; a loose bound."""
    write_wav(tmp_path / "a.wav", speak("தண்ணி வரல", after=0.5), 16_000)
    line = listen(Ears(DEMO, device="cpu"), tmp_path / "a.wav", explain=True)
    assert "தண்ணி" in line["text"] or "வரல" in line["text"]
    assert line["confidence"] > 0.3
