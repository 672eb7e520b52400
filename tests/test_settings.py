import itertools
import re
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr, ValidationError

from agent import settings
from agent.errors import ConfigurationError
from agent.settings import PROJECT_DIR, Settings

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "secrets.example.txt"
LINE = re.compile(r"^#?([A-Z][A-Z_]*)=(.*)$", re.MULTILINE)


def fields(model=Settings, prefix=""):
    """Yield (name in the environment, type) of each setting."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from fields(kind, f"{prefix}{name}__".upper())
        else:
            yield f"{prefix}{name}".upper(), kind


def names():
    return [name for name, _ in fields()]


def documented():
    return dict(LINE.findall(EXAMPLE.read_text(encoding="utf-8")))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch, tmp_path):
    """No .env and no variable of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in names():
        monkeypatch.delenv(name, raising=False)


def test_the_example_file_lists_every_setting_once_and_nothing_else():
    listed = [name for name, _ in LINE.findall(EXAMPLE.read_text(encoding="utf-8"))]
    assert sorted(listed) == sorted(names())


def test_every_line_of_the_example_is_explained_above_it():
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    for above, line in itertools.pairwise(lines):
        if LINE.match(line):
            assert re.fullmatch(r"# [A-Za-z].*[.;]", above), line


def test_the_example_begins_with_what_livekit_needs():
    assert list(documented())[:3] == ["LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"]


def test_the_defaults_in_the_example_are_the_defaults(monkeypatch):
    for name, value in documented().items():
        if not name.startswith("LIVEKIT_") or name.startswith("LIVEKIT__"):
            monkeypatch.setenv(name, value)
    read = settings.load()
    for group in ("tickets", "livekit", "control", "scale", "log"):
        assert getattr(read, group) == getattr(Settings(), group)
    assert read.data_dir == Path("var")
    own_paths = {
        "speech": {"model": PROJECT_DIR / read.speech.model},
        "call": {"prompts_dir": PROJECT_DIR / read.call.prompts_dir},
    }
    for group, absolute in own_paths.items():
        given = getattr(read, group).model_copy(update=absolute)
        assert given == type(given)()


def test_the_readme_has_a_row_for_every_setting_with_its_default():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| *`?(.*?)`? *\|", readme, re.MULTILINE))
    needed = {"LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"}
    assert rows == {
        name: "" if name in needed else default for name, default in documented().items()
    }


def test_every_setting_says_what_it_is_for():
    source = (ROOT / "agent" / "settings.py").read_text(encoding="utf-8")
    bare = {"livekit_url", "livekit_api_key", "livekit_api_secret", "host", "format"}
    found = re.findall(
        r'^    ([a-z_]+): [^\n]*(?:\n(?!    [a-z"@])[^\n]*)*\n(    """)?', source, re.M
    )
    groups = {"speech", "call", "tickets", "livekit", "control", "log"}
    assert {name for name, text in found if not text} <= bare | groups


def test_nested_names_use_a_double_underscore(monkeypatch):
    monkeypatch.setenv("SPEECH__VOICE_RATE", "150")
    assert settings.load().speech.voice_rate == 150


def test_the_environment_wins_over_the_env_file(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("CONTROL__PORT=9001\nLOG__FORMAT=text\n", encoding="utf-8")
    monkeypatch.setenv("CONTROL__PORT", "9002")
    read = settings.load()
    assert (read.control.port, read.log.format) == (9002, "text")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SPEECH__DEVICE", "hunter2"),
        ("SPEECH__VOICE_RATE", "hunter2"),
        ("CONTROL__PORT", "99999"),
        ("CALL__SILENCE_S", "-1"),
        ("TICKETS__BLOCK_SIZE", "0"),
        ("LOG__LEVEL", "hunter2"),
        ("SPEECH__NO_SUCH_SETTING", "hunter2"),
        ("SPEECH", "hunter2"),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_the_setting_but_not_the_value(
    monkeypatch, name, value
):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        settings.load()
    sentence = str(caught.value)
    assert name in sentence
    assert value not in sentence
    assert "\n" not in sentence
    assert caught.value.__cause__ is None


def test_settings_and_groups_cannot_be_changed():
    read = settings.load()
    with pytest.raises(ValidationError):
        read.data_dir = Path("elsewhere")  # type: ignore[misc]
    with pytest.raises(ValidationError):
        read.speech.voice = "other"  # type: ignore[misc]


def test_secrets_do_not_show_when_settings_are_printed(monkeypatch):
    hidden = [name for name, kind in fields() if kind is SecretStr]
    assert {"LIVEKIT_API_SECRET", "TICKETS__DATABASE_URL", "SPEECH__TOKEN"} <= set(hidden)
    for name in hidden:
        monkeypatch.setenv(name, "hunter2")
    assert "hunter2" not in repr(settings.load())


def test_a_env_file_that_is_no_text_is_one_sentence(tmp_path):
    (tmp_path / ".env").write_bytes(b"DATA_DIR=\xff\xfe\n")
    with pytest.raises(ConfigurationError, match=r"\.env cannot be read"):
        settings.load()


def test_paths_and_addresses_follow_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "d"))
    read = settings.load()
    assert read.database_url == f"sqlite:///{tmp_path / 'd' / 'kural.db'}"
    assert read.ears_url == f"unix://{tmp_path / 'd' / 'run' / 'ears.sock'}"
    assert read.journal_dir == tmp_path / "d" / "journal"
    monkeypatch.setenv("SPEECH__EARS_URL", "tcp://ears:7000")
    assert settings.load().ears_url == "tcp://ears:7000"


def test_an_empty_data_dir_is_the_default_not_the_working_folder(monkeypatch):
    monkeypatch.setenv("DATA_DIR", "")
    assert settings.load().data_dir == Path("var")


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("https://duty.example.org/alerts", ""),
        ("http://127.0.0.1:9000/alerts", ""),
        ("http://duty/alerts", ""),
        ("http://duty.example.org/alerts", "use https"),
        ("duty.example.org", "no address"),
        ("ftp://duty.example.org", "no address"),
        ("https://", "no address"),
        ("https://duty:99999/", "no address"),
    ],
)
def test_alerts_go_over_https_or_stay_in_the_own_network(monkeypatch, url, wrong):
    monkeypatch.setenv("ALERTS__URL", url)
    if wrong:
        with pytest.raises(ConfigurationError, match=wrong):
            settings.load()
    else:
        assert settings.load().alerts.url == url


@pytest.mark.parametrize(
    ("urls", "allowed", "wrong"),
    [
        ("http://10.0.0.5:8000, http://voice:8000/v1/,", False, ""),
        ("https://voice.example.org", True, ""),
        ("https://voice.example.org", False, "CLOUD__ALLOWED"),
        ("http://voice.example.org", True, "use https"),
        ("http://10.0.0.5:8000,10.0.0.6:8000", False, "no address"),
        ("http://10.0.0.5:99999", False, "no address"),
        ("http://somebody@10.0.0.5", False, "no address"),
    ],
)
def test_instances_of_the_voice_are_addresses_of_the_own_network_or_allowed(
    monkeypatch, urls, allowed, wrong
):
    monkeypatch.setenv("TTS_API_URLS", urls)
    monkeypatch.setenv("CLOUD__ALLOWED", str(allowed))
    if wrong:
        with pytest.raises(ConfigurationError, match=wrong):
            settings.load()
    else:
        assert settings.load().cloud_words is allowed


def test_instances_are_named_once_and_by_their_base_under_either_name(monkeypatch):
    monkeypatch.setenv("CHATTTS_API_URLS", "http://a:1/v1/, http://a:1,http://b:2/v1/audio/speech")
    assert settings.load().tts_instances == ("http://a:1", "http://b:2")
    monkeypatch.setenv("TTS_API_URLS", "http://c:3")
    assert settings.load().tts_instances == ("http://c:3",)


def test_a_cloud_voice_needs_a_key_and_leave_and_is_named_in_the_notice(monkeypatch):
    monkeypatch.setenv("SARVAM__API_KEY", "key")
    assert (settings.load().cloud_voices, settings.load().cloud_words) == ((), False)
    monkeypatch.setenv("CLOUD__ALLOWED", "true")
    assert (settings.load().cloud_voices, settings.load().cloud_words) == (("sarvam",), True)
