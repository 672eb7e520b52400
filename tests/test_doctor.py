"""The doctor says what he finds, names the mend, and changes nothing."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from agent import doctor
from agent.doctor import State, cloud, language_model
from agent.settings import CloudSettings, LlmSettings, Settings, TicketSettings
from agent.understanding.models import build_chain
from tests.understanding.model_server import Manner, ModelServer, serving


def settings(folder: Path, **values: object) -> Settings:
    return Settings(_env_file=None, data_dir=folder, **values)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_fresh_machine_has_nothing_wrong_and_is_left_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    given = ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "SPEECH__EARS_URL")
    done = subprocess.run(
        [sys.executable, "-m", "agent", "doctor", "--json"],
        capture_output=True,
        env=os.environ | dict.fromkeys(given, "") | {"DATA_DIR": str(folder)},
        check=False,
    )
    checks = {c["name"]: c for c in map(json.loads, done.stdout.decode().splitlines())}
    assert done.returncode == 0, checks
    assert {"machine", "database", "GPU", "voice", "ears", "prompts", "LiveKit"} <= set(checks)
    assert checks["ears"]["state"] == "warn"
    assert "synthetic voice" in checks["ears"]["mend"]
    assert list(folder.iterdir()) == []


def test_a_missing_key_beside_a_database_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "kural.db").touch()
    check = doctor.encryption_key(settings(tmp_path))
    assert check.state is State.WRONG
    assert "Bring back" in check.mend


def test_a_key_others_may_read_is_a_warning(tmp_path: Path) -> None:
    key = tmp_path / "secret.key"
    key.write_text("x")
    key.chmod(0o644)
    assert doctor.encryption_key(settings(tmp_path)).state is State.WARN


def test_a_folder_that_is_a_file_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    check = doctor.data_folder(settings(file))
    assert check.state is State.WRONG
    assert check.mend


def test_a_database_nobody_serves_is_wrong(tmp_path: Path) -> None:
    url = SecretStr(f"sqlite:///{tmp_path}")  # a folder, so no database can be opened there
    check = doctor.database(settings(tmp_path, tickets=TicketSettings(database_url=url)))
    assert check.state is State.WRONG


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({}, State.OFF),
        ({"livekit_url": "ws://127.0.0.1:9"}, State.WRONG),
        (
            {
                "livekit_url": "ws://127.0.0.1:9",
                "livekit_api_key": SecretStr("key"),
                "livekit_api_secret": SecretStr("secret"),
            },
            State.WRONG,
        ),
    ],
)
def test_livekit_is_off_half_set_or_not_answering(
    tmp_path: Path, given: dict[str, object], state: State
) -> None:
    bare = {
        "livekit_url": "",
        "livekit_api_key": SecretStr(""),
        "livekit_api_secret": SecretStr(""),
    }
    check = doctor.livekit(settings(tmp_path, **(bare | given)))
    assert check.state is state


def test_a_gpu_that_is_asked_for_and_not_there_is_wrong(tmp_path: Path) -> None:
    wanted = settings(tmp_path)
    wanted = wanted.model_copy(
        update={"speech": wanted.speech.model_copy(update={"device": "cuda"})}
    )
    if doctor._nvidia_smi() is not None:
        pytest.skip("this machine has a GPU")
    assert doctor.gpu(wanted).state is State.WRONG


def test_a_check_that_breaks_is_a_finding(tmp_path: Path) -> None:
    missing = settings(tmp_path)
    speech = missing.speech.model_copy(update={"model": tmp_path / "nowhere"})
    found = {c.name: c for c in doctor.examine(missing.model_copy(update={"speech": speech}))}
    assert found["ears"].state is State.WRONG
    assert "SPEECH__MODEL" in found["ears"].mend


@pytest.mark.parametrize(
    ("manner", "state"),
    [(Manner.RIGHT, State.OK), (Manner.UNAUTHORIZED, State.WRONG), (Manner.REFUSAL, State.WRONG)],
)
async def test_a_language_model_is_asked_a_turn(
    tmp_path: Path, manner: Manner, state: State
) -> None:
    assert (
        build_chain.__module__ == "agent.understanding.models"
    )  # its plugin wants the main thread
    async with serving(ModelServer()) as server:
        server.behave(manner)
        llm = LlmSettings(url=server.url, model="stand-in")
        check = await asyncio.to_thread(language_model, settings(tmp_path, llm=llm))
    assert check.state is state
    assert bool(check.mend) is (state is not State.OK)


def test_words_that_may_leave_the_network_are_named(tmp_path: Path) -> None:
    llm = LlmSettings(url="https://models.example.org/v1", model="m")
    allowed = settings(tmp_path, llm=llm, cloud=CloudSettings(allowed=True))
    assert "models.example.org" in cloud(allowed).found
    assert cloud(settings(tmp_path)).state is State.OFF
