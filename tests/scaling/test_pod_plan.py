"""Which of our settings a pod gets, and what must be there before anything is bought."""

from __future__ import annotations

import pytest

from agent import settings as settings_module
from agent.errors import ConfigurationError
from agent.scaling.pod_plan import environment, plan_of

COMPLETE = {
    "LIVEKIT_URL": "wss://line.example.org",
    "LIVEKIT_API_KEY": "livekit-key",
    "LIVEKIT_API_SECRET": "hunter2-livekit",
    "TICKETS__DATABASE_URL": "postgresql+psycopg://kural:hunter2@db.example.org/kural",
    "TICKETS__ENCRYPTION_KEY": "aHVudGVyMg==",
    "CONTROL__TOKEN": "hunter2-control",
    "RUNPOD_API_KEY": "hunter2-runpod",
    "SCALE__IMAGE": "registry.example.org:5000/kural/worker:1.2",
    "SCALE__GPU_IMAGE": "registry.example.org/kural/engine-gpu@sha256:00",
}


@pytest.fixture
def given(monkeypatch, tmp_path):
    """Settings of an environment that has these variables and no other of ours."""
    monkeypatch.chdir(tmp_path)
    groups = tuple(f"{name.upper()}__" for name in settings_module.Settings.model_fields)

    def read(changes=None):
        import os

        for name in list(os.environ):
            if (
                name.startswith(groups)
                or name.upper().lower() in settings_module.Settings.model_fields
            ):
                monkeypatch.delenv(name)
        for name, value in (COMPLETE | (changes or {})).items():
            if value is not None:
                monkeypatch.setenv(name, value)
        return settings_module.load()

    return read


def test_a_pod_gets_what_is_set_and_nothing_of_this_machine(given):
    settings = given(
        {
            "DATA_DIR": "/srv/kural",
            "CONTROL__PORT": "9000",
            "TICKETS__MACHINE": "chennai-1",
            "SPEECH__ALLOW_DEMO_MODEL": "true",
            "CALL__SILENCE_S": "5",
            "LOG__FORMAT": "text",
        }
    )
    assert environment(settings) == {
        "LIVEKIT_URL": "wss://line.example.org",
        "LIVEKIT_API_KEY": "livekit-key",
        "LIVEKIT_API_SECRET": "hunter2-livekit",
        "TICKETS__DATABASE_URL": COMPLETE["TICKETS__DATABASE_URL"],
        "TICKETS__ENCRYPTION_KEY": "aHVudGVyMg==",
        "TICKETS__DISK": "vanishing",
        "CONTROL__TOKEN": "hunter2-control",
        "CONTROL__HOST": "0.0.0.0",
        "CONTROL__PORT": "8080",
        "SPEECH__ALLOW_DEMO_MODEL": "true",
        "CALL__SILENCE_S": "5.0",
        "LOG__FORMAT": "json",
    }


def test_a_pod_reads_its_variables_as_we_read_ours(given, monkeypatch):
    sent = environment(
        given(
            {"CALL__ELECTION": "true", "TTS_API_URLS": "https://a.example.org"}
            | {
                "CLOUD__ALLOWED": "true",
            }
        )
    )
    for name, value in sent.items():
        monkeypatch.setenv(name, value)
    read = settings_module.load()
    assert read.call.election
    assert read.tts_instances == ("https://a.example.org",)
    assert read.tickets.disk == "vanishing"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"LIVEKIT_URL": ""}, "Set LIVEKIT_URL"),
        ({"LIVEKIT_API_SECRET": None}, "Set LIVEKIT_API_SECRET"),
        ({"LIVEKIT_URL": "ws://localhost:7880"}, "LIVEKIT_URL names this machine"),
        ({"LIVEKIT_URL": "ws://127.0.0.1:7880"}, "LIVEKIT_URL names this machine"),
        ({"SPEECH__EARS_URL": "unix:///run/ears"}, "SPEECH__EARS_URL names this machine"),
        ({"SPEECH__VOICE_URL": "tcp://127.0.0.1:7000"}, "SPEECH__VOICE_URL names this machine"),
        ({"TICKETS__DATABASE_URL": None}, "disk vanishes"),
        ({"TICKETS__DATABASE_URL": "sqlite:///kural.db"}, "disk vanishes"),
        ({"TICKETS__ENCRYPTION_KEY": ""}, "Set TICKETS__ENCRYPTION_KEY"),
        ({"CONTROL__TOKEN": ""}, "Set CONTROL__TOKEN"),
        ({"SCALE__IMAGE": ""}, "Set SCALE__IMAGE"),
        ({"SCALE__IMAGE": "registry.example.org:5000/kural/worker"}, "SCALE__IMAGE has no tag"),
        ({"SCALE__CPU_TYPES": " , "}, "SCALE__CPU_TYPES is empty"),
    ],
)
def test_what_is_missing_is_named_without_a_value(given, changes, says):
    with pytest.raises(ConfigurationError, match=says) as caught:
        plan_of(given(changes))
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_receiver_keeps_tickets_as_well_as_a_database_does(given):
    changes = {"TICKETS__DATABASE_URL": None, "TICKETS__RECEIVER_URL": "https://keep.example.org"}
    assert (
        plan_of(given(changes)).environment["TICKETS__RECEIVER_URL"] == "https://keep.example.org"
    )


def test_a_gpu_pod_runs_its_own_image_with_the_worker_beside_the_ears(given):
    plan = plan_of(given({"SCALE__GPU_TYPES": "NVIDIA L4, NVIDIA L4,NVIDIA L40S"}), gpu=True)
    assert plan.image == COMPLETE["SCALE__GPU_IMAGE"]
    assert plan.types == ("NVIDIA L4", "NVIDIA L40S")
    assert plan.command == "python agent.py start"
    assert plan_of(given()).command == ""


def test_no_secret_shows_when_a_plan_is_printed(given):
    assert "hunter2" not in repr(plan_of(given()))
