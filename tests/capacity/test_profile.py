from datetime import UTC, datetime

import pytest

from agent.capacity.hardware import this_hardware
from agent.capacity.profile import (
    DEFAULT_CALLS,
    REMOTE,
    CapacityProfile,
    deciding_settings,
    load_profile,
    misfit,
    model_hash,
    profile_path,
    promised,
    read_profile,
    save_profile,
)
from agent.errors import ConfigurationError, UnreadableInput
from agent.settings import CapacitySettings, LiveKitSettings, Settings, SpeechSettings


@pytest.fixture
def settings(tmp_path):
    return Settings(_env_file=None, data_dir=tmp_path, speech=SpeechSettings(device="cpu"))


def profile_of(settings, **changes):
    fields = {
        "calls": 6,
        "measured_calls": 8,
        "target_p95_s": 1.1,
        "bound": "ears",
        "hardware": this_hardware(settings),
        "model": "demo",
        "model_hash": model_hash(settings),
        "speech": deciding_settings(settings),
        "measured_at": datetime(2026, 11, 21, tzinfo=UTC),
    }
    return CapacityProfile.model_validate(fields | changes)


def test_a_profile_of_this_machine_is_believed(settings):
    save_profile(profile_of(settings, figures={"p95_s": 1.02}), profile_path(settings))
    found = load_profile(settings)
    assert (found.calls, found.source) == (6, "profile")
    assert "measured 2026-11-21, bound by ears" in found.why
    assert read_profile(profile_path(settings)).figures == {"p95_s": 1.02}


def test_the_setting_wins(settings):
    save_profile(profile_of(settings), profile_path(settings))
    told = settings.model_copy(update={"livekit": LiveKitSettings(max_calls=9)})
    assert load_profile(told).calls == 9
    assert load_profile(told).source == "setting"


def test_without_a_profile_it_guesses_low_and_says_what_to_do(settings):
    found = load_profile(settings)
    assert found.source == "default"
    assert 1 <= found.calls <= DEFAULT_CALLS
    assert "run `kural capacity calibrate`" in found.why


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"processor": "another"}, "it was made on another"),
        ({"gpu": "NVIDIA L4"}, "it was made with NVIDIA L4, here is none"),
        ({"cores": 4096.0}, "4096 cores"),
        ({"memory_gb": 9e6}, "GB of memory"),
    ],
)
def test_a_profile_of_another_machine_is_not_used(settings, changes, words):
    there = this_hardware(settings).model_copy(update=changes)
    save_profile(profile_of(settings, hardware=there), profile_path(settings))
    found = load_profile(settings)
    assert found.source == "default"
    assert words in found.why


def test_more_cores_and_memory_than_were_measured_are_welcome(settings):
    here = this_hardware(settings)
    small = here.model_copy(update={"cores": here.cores / 2, "memory_gb": here.memory_gb / 2})
    assert misfit(profile_of(settings, hardware=small), settings) == ""


def test_another_model_or_other_speech_settings_make_it_void(settings):
    assert "another speech model" in misfit(profile_of(settings, model_hash="0" * 16), settings)
    changed = settings.model_copy(update={"speech": SpeechSettings(device="cpu", max_batch=2)})
    assert misfit(profile_of(settings), changed) == "SPEECH__MAX_BATCH changed since"


def test_the_hash_tells_models_apart_and_leaves_remote_ears_alone(settings, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"a" * 3_000_000)

    def of(**speech):
        return model_hash(settings.model_copy(update={"speech": SpeechSettings(**speech)}))

    first = of(model=folder)
    assert len(first) == 16
    assert of(model=folder) == first
    (folder / "model.bin").write_bytes(b"a" * 2_999_999 + b"b")
    assert of(model=folder) != first
    assert of(model=tmp_path / "none") == ""
    assert of(model=folder, ears_url="tcp://10.0.0.5:9000") == REMOTE


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"calls": "many"}'])
def test_a_file_that_is_no_profile_is_a_guess_or_a_sentence(settings, content):
    profile_path(settings).write_bytes(content)
    assert load_profile(settings).source == "default"
    named = settings.model_copy(
        update={"capacity": CapacitySettings(profile=str(profile_path(settings)))}
    )
    with pytest.raises(ConfigurationError, match=r"^The setting CAPACITY__PROFILE is wrong: .*\.$"):
        load_profile(named)


def test_a_named_profile_that_is_missing_stops_the_start(settings, tmp_path):
    named = CapacitySettings(profile=str(tmp_path / "none.json"))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_profile(settings.model_copy(update={"capacity": named}))


def test_a_profile_promises_less_than_was_measured(settings):
    assert [promised(n) for n in (0, 1, 4, 5, 10, 31)] == [1, 1, 3, 4, 8, 24]
    with pytest.raises(ValueError, match="more calls than were measured"):
        profile_of(settings, calls=9)


def test_a_folder_that_cannot_be_written_is_one_sentence(settings, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnreadableInput, match="cannot be written"):
        save_profile(profile_of(settings), tmp_path / "file" / "capacity.json")
