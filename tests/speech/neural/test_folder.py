"""A voice checkpoint on disk, checked without torch."""

import json
from pathlib import Path

import pytest

from agent.errors import ConfigurationError
from agent.speech.neural.folder import check_licence, licence_line, open_folder
from tests.speech.vits_maker import write, write_card, write_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "oru-kural")


def change(path: Path, **fields: object) -> None:
    write(path, json.loads(path.read_text(encoding="utf-8")) | fields)


def test_a_whole_folder_says_what_it_is(folder: Path):
    found = open_folder(folder)
    assert (found.name, found.language, found.sample_rate) == ("oru-kural", "ta", 16_000)
    assert (found.speakers, found.romanised) == (1, False)


def test_letters_it_would_leave_out_are_named(folder: Path):
    found = open_folder(folder)
    assert found.unknown("வணக்கம், எப்படி?") == ""
    assert found.unknown("EB 12 ₹") == "EB12₹"


def test_a_digit_that_stands_for_the_blank_is_no_letter(folder: Path):
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    vocabulary["3"] = vocabulary.pop("|")
    write(folder / "vocab.json", vocabulary)
    assert open_folder(folder).unknown("3 நாள்") == "3"


@pytest.mark.parametrize(
    "missing", ["config.json", "vocab.json", "tokenizer_config.json", "model.safetensors"]
)
def test_a_missing_file_is_named(folder: Path, missing: str):
    (folder / missing).unlink()
    with pytest.raises(ConfigurationError, match=f"not complete: {missing} is missing"):
        open_folder(folder)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model_type": "parler_tts"}, "is a Parler one"),
        ({"model_type": "whisper"}, "is not a VITS checkpoint"),
        ({"model_type": None}, "is not a VITS checkpoint"),
        ({"vocab_size": 5}, "does not fit together"),
        ({"vocab_size": "many"}, "vocab_size .* is wrong"),
        ({"sampling_rate": -1}, "sampling_rate .* is wrong"),
        ({"num_speakers": True}, "num_speakers .* is wrong"),
    ],
)
def test_another_kind_of_checkpoint_is_refused_in_one_sentence(
    folder: Path, fields: dict[str, object], said: str
):
    change(folder / "config.json", **fields)
    with pytest.raises(ConfigurationError, match=said) as caught:
        open_folder(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_file_is_named(folder: Path, content: bytes):
    (folder / "vocab.json").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"vocab\.json is not the JSON object"):
        open_folder(folder)


def test_a_voice_that_wants_phonemes_is_refused(folder: Path):
    change(folder / "tokenizer_config.json", phonemize=True)
    with pytest.raises(ConfigurationError, match="wants phonemes"):
        open_folder(folder)


def test_no_folder_and_a_file_are_told_apart(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="is missing"):
        open_folder(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="is a file"):
        open_folder(tmp_path / "file")


@pytest.mark.parametrize(
    ("licence", "settled", "said"),
    [
        ("apache-2.0", "", None),
        ("cc-by-4.0", "", None),
        ("cc-by-nc-4.0", "", "forbids commercial use"),
        ("cc-by-nc-4.0", "apache-2.0", "forbids commercial use"),
        ("cc-by-nc-4.0", "CC-BY-NC-4.0", None),
        ("other\nlicense_name: our-terms", "", "a licence of its own"),
        ("other\nlicense_name: our-terms", "our-terms", None),
        ("", "", "states no licence"),
        ("", "as agreed by letter", None),
    ],
)
def test_a_licence_a_public_office_may_not_use_must_be_accepted_by_name(
    folder: Path, licence: str, settled: str, said: str | None
):
    write_card(folder, licence)
    found = open_folder(folder)
    if said is None:
        check_licence(found, settled)
    else:
        with pytest.raises(ConfigurationError, match=said):
            check_licence(found, settled)


def test_the_licence_is_told_in_one_line(folder: Path):
    assert licence_line(open_folder(folder)) == "voice oru-kural: licence apache-2.0 (model card)"
    write_card(folder, "cc-by-nc-4.0")
    assert licence_line(open_folder(folder)).endswith("which forbids commercial use")
    (folder / "README.md").unlink()
    assert licence_line(open_folder(folder)) == "voice oru-kural: no licence stated"
    write(folder / "kural.json", {"license": "mit"})
    assert licence_line(open_folder(folder)) == "voice oru-kural: licence mit (kural.json)"


def test_another_voice_has_another_identity(folder: Path):
    before = open_folder(folder).identity()
    assert open_folder(folder).identity() == before
    (folder / "model.safetensors").write_bytes(b"\1" * 64)
    assert open_folder(folder).identity() != before
