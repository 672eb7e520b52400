"""``kural engine`` as its own process: ready, asked, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.errors import EngineUnavailable
from agent.settings import SpeechSettings
from agent.speech import ears_command
from agent.speech.ears_client import EarsClient
from tests.speech.conftest import SAID, Speak


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if "__" not in name}
    return {**kept, "DATA_DIR": str(folder), "PYTHONUNBUFFERED": "1", **more}


@pytest.fixture
def ears(saying_model_dir: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Running ears; the socket lies under ``tmp_path``."""
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", "engine"],
        env=environment(tmp_path, SPEECH__MODEL=str(saying_model_dir), SPEECH__DEVICE="cpu"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def test_the_ears_say_one_line_when_they_are_ready_then_answer_then_stop(
    ears: subprocess.Popen[str], tmp_path: Path, speak: Speak
) -> None:
    assert ears.stdout is not None
    line = ears.stdout.readline()
    assert line.startswith("ears ready: sayer (ta, demonstration model) at unix://")
    heard = asyncio.run(_ask(tmp_path, speak("தண்ணி வரல", after=0.3).tobytes()))
    assert heard == SAID
    ears.send_signal(signal.SIGTERM)
    rest, _ = ears.communicate(timeout=10)
    assert rest == ""
    assert ears.returncode == 0
    assert not (tmp_path / "run" / "ears.sock").exists()


async def _ask(folder: Path, pcm: bytes) -> str:
    client = EarsClient(f"unix://{folder}/run/ears.sock")
    try:
        return (await client.transcribe(pcm)).text
    finally:
        await client.aclose()


def test_ears_that_were_killed_are_replaced_at_the_same_address(
    ears: subprocess.Popen[str], saying_model_dir: Path, tmp_path: Path
) -> None:
    assert ears.stdout is not None
    ears.stdout.readline()
    ears.kill()
    ears.wait()
    with pytest.raises(EngineUnavailable):
        asyncio.run(_ask(tmp_path, bytes(3200)))
    again = subprocess.Popen(
        [sys.executable, "-m", "agent", "engine", "--model", str(saying_model_dir)],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert again.stdout is not None
    assert again.stdout.readline().startswith("ears ready")
    assert asyncio.run(_ask(tmp_path, bytes(3200))) == ""
    again.send_signal(signal.SIGINT)
    again.communicate(timeout=10)
    assert again.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--model", "/nowhere/model"], "is missing"),
        (["--url", "http://ears"], "must look like"),
        (["--url", "tcp://0.0.0.0:0"], "SPEECH__TOKEN"),
        (["--url", "tcps://127.0.0.1:0"], "SPEECH__TLS_CERT"),
    ],
)
def test_what_cannot_run_is_one_sentence_and_exit_code_two(
    saying_model_dir: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    result = CliRunner().invoke(
        main,
        ["engine", "--model", str(saying_model_dir), *arguments],
        env={"DATA_DIR": str(tmp_path), "SPEECH__DEVICE": "cpu"},
    )
    assert result.exit_code == 2
    assert says in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("SPEECH__BLOCKLIST", "/nowhere/list.toml"),
        ("SPEECH__TLS_CERT", "/nowhere/cert.pem"),
        ("SPEECH__MAX_BATCH", "0"),
    ],
)
def test_a_wrong_setting_of_the_ears_is_named(
    saying_model_dir: Path, tmp_path: Path, setting: str, value: str
) -> None:
    result = CliRunner().invoke(
        main,
        ["engine", "--model", str(saying_model_dir)],
        env={"DATA_DIR": str(tmp_path), "SPEECH__DEVICE": "cpu", setting: value},
    )
    assert result.exit_code == 2
    assert setting in result.stderr


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One command that is installed and two that are not."""
    (tmp_path / "installed_part.py").write_text(
        "import click\n\n@click.command()\ndef command():\n    click.echo('it runs')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    table = {
        "here": ("installed_part", "Is there."),
        "gone": ("agent.speech.no_such_module", "Is not there."),
        "far": ("agent.speech.no_such_package.command", "Is not there either."),
    }
    monkeypatch.setattr(ears_command, "COMMANDS", table)


@pytest.mark.usefixtures("commands")
def test_a_command_of_the_ears_runs_without_loading_a_model() -> None:
    result = CliRunner().invoke(main, ["engine", "here"], env={"SPEECH__MODEL": "/nowhere"})
    assert (result.exit_code, result.stdout) == (0, "it runs\n")


@pytest.mark.usefixtures("commands")
def test_a_command_that_is_not_installed_is_not_listed_and_not_found() -> None:
    shown = CliRunner().invoke(main, ["engine", "--help"]).stdout
    assert "Is there." in shown
    assert "not there" not in shown
    assert CliRunner().invoke(main, ["engine", "gone"]).exit_code == 2


def test_help_works_when_no_command_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ears_command, "COMMANDS", {})
    result = CliRunner().invoke(main, ["engine", "--help"])
    assert result.exit_code == 0
    assert "Commands" not in result.stdout


def test_help_imports_no_command_of_the_ears() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from agent.cli import main;"
        "print(CliRunner().invoke(main, ['engine', '--help']).exit_code);"
        "print([m for m in sys.modules if m.startswith('agent.speech.bench.')"
        " or m == 'agent.speech.fetch_command' or m == 'ctranslate2'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["0", "[]"]


def test_models_that_take_no_prompt_are_loaded_without_one(
    saying_model_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    speech = SpeechSettings(model=saying_model_dir, device="cpu", bias="கொரட்டூர்", max_batch=2)
    ears = ears_command.load_ears(speech)
    assert ears.bias == ""
    assert ears.max_batch == 2
    assert "takes no prompt" in caplog.text
    assert "கொரட்டூர்" not in caplog.text
