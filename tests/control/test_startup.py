"""What a start refuses about the voice."""

from pathlib import Path

import pytest

from agent.control import startup
from agent.errors import ConfigurationError
from agent.settings import Settings, SpeechSettings
from tests.speech.vits_maker import write_card, write_files

KEYS = {"livekit_url": "ws://127.0.0.1:1", "livekit_api_key": "k", "livekit_api_secret": "s"}


def settings(folder: Path, license_: str = "") -> Settings:
    speech = SpeechSettings(allow_demo_model=True, voice_model=str(folder), voice_license=license_)
    return Settings(speech=speech, _env_file=None, **KEYS)  # type: ignore[arg-type]


def test_a_voice_that_forbids_commercial_use_does_not_start_unless_it_is_named(tmp_path: Path):
    folder = write_files(tmp_path / "nc")
    write_card(folder, "cc-by-nc-4.0")
    with pytest.raises(ConfigurationError, match=r"SPEECH__VOICE_LICENSE=cc-by-nc-4\.0"):
        startup.check(settings(folder), "start")
    startup.check(settings(folder, "cc-by-nc-4.0"), "start")
    startup.check(settings(folder), "dev")  # no citizens


def test_a_voice_folder_that_is_none_does_not_start(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="is missing"):
        startup.check(settings(tmp_path / "none"), "start")


def test_a_free_voice_starts(tmp_path: Path):
    startup.check(settings(write_files(tmp_path / "free")), "start")
