"""The torch path on a small VITS with random weights, made here; skipped without torch."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from agent.errors import ConfigurationError
from agent.speech import device
from agent.speech.neural import vits
from agent.speech.neural.folder import open_folder
from agent.speech.neural.vits import Place, Vits
from tests.speech.vits_maker import make_voice, vocabulary, write, write_files

TEXTS = ["வணக்கம்", "உங்கள் புகாரைச் சொல்லுங்கள்", "மூன்று நாளாக குடிநீர் வரவில்லை", "சரி"]
HAS_TORCH = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))

needs_torch = pytest.mark.skipif(
    not HAS_TORCH, reason="torch and transformers are not installed (extra `voice`)"
)
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_voice(tmp_path_factory.mktemp("voices") / "small")


@pytest.fixture(scope="module")
def voice(folder: Path) -> Vits:
    return Vits(open_folder(folder), Place("cpu"))


@needs_torch
def test_each_text_of_a_batch_has_the_sound_it_has_alone(voice: Vits, monkeypatch):
    """Without chance: durations are equal, and the sound but for the end of the row, where
    the padding's noise reaches back into the last convolutions."""
    monkeypatch.setattr(voice._model, "noise_scale", 0.0)
    monkeypatch.setattr(voice._model, "noise_scale_duration", 0.0)
    together = voice.synthesise(TEXTS, [1.0] * 4)
    for text, sound in zip(TEXTS, together, strict=True):
        alone = voice.synthesise([text], [1.0])[0]
        assert sound.size == alone.size > 1_000
        assert np.abs(sound[:-1_600] - alone[:-1_600]).max(initial=0.0) < 1e-3


@needs_torch
def test_each_text_of_a_batch_has_its_own_speed(voice: Vits, monkeypatch):
    monkeypatch.setattr(voice._model, "noise_scale_duration", 0.0)
    slow, natural, fast = voice.synthesise([TEXTS[2]] * 3, [0.5, 1.0, 2.0])
    assert slow.size > 1.3 * natural.size
    assert fast.size < 0.8 * natural.size


@needs_torch
def test_a_batch_that_does_not_fit_is_halved(voice: Vits, monkeypatch):
    torch = voice._torch
    together = voice._together
    asked = []

    def full(texts, speeds):
        asked.append(len(texts))
        if len(texts) > 1:
            raise torch.OutOfMemoryError
        return together(texts, speeds)

    monkeypatch.setattr(voice, "_together", full)
    assert len(voice.synthesise(TEXTS, [1.0] * 4)) == 4
    assert asked == [4, 2, 1, 1, 2, 1, 1]


@needs_torch
def test_a_voice_with_several_speakers_has_them_apart(tmp_path: Path):
    folder = open_folder(make_voice(tmp_path / "two", speakers=2))
    sounds = [Vits(folder, Place("cpu"), n).synthesise(TEXTS[:2], [1.0, 1.0]) for n in (0, 1)]
    assert all(len(pair) == 2 for pair in sounds)
    with pytest.raises(ConfigurationError, match="has 2 speakers"):
        Vits(folder, Place("cpu"), 2)


@needs_torch
def test_weights_that_do_not_fit_the_rest_are_refused(tmp_path: Path):
    folder = make_voice(tmp_path / "odd")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    write(folder / "config.json", config | {"hidden_size": 48})
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        Vits(open_folder(folder), Place("cpu"))


@needs_torch
def test_weights_that_are_partly_missing_are_refused_not_made_up(tmp_path: Path):
    from safetensors.torch import load_file, save_file

    folder = make_voice(tmp_path / "part")
    weights = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if "text_encoder" not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        Vits(open_folder(folder), Place("cpu"))


@needs_torch
def test_a_damaged_weights_file_is_refused(tmp_path: Path):
    folder = make_voice(tmp_path / "cut")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        Vits(open_folder(folder), Place("cpu"))


@needs_torch
@pytest.mark.skipif(not importlib.util.find_spec("uroman"), reason="uroman is not installed")
def test_a_voice_of_latin_letters_gets_them(tmp_path: Path):
    latin = "abcdefghijklmnopqrstuvwxyz'"
    folder = open_folder(make_voice(tmp_path / "latin", latin, is_uroman=True))
    voice = Vits(folder, Place("cpu"))
    written = voice.written("வணக்கம்")
    assert folder.unknown(written) == ""
    assert written.isascii()
    assert voice.synthesise([written], [1.0])[0].size > 1_000


def test_what_is_not_installed_is_named_with_the_extra(tmp_path: Path, monkeypatch):
    folder = open_folder(write_files(tmp_path / "latin", is_uroman=True))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ConfigurationError, match=r"torch and transformers and uroman.*`voice`"):
        vits.check_packages(folder)


def test_a_gpu_that_is_not_there_is_refused_where_it_was_asked_for(monkeypatch):
    monkeypatch.setattr(device, "find_card", lambda _index: None)
    assert vits.find_place("auto", 0, 2) == Place("cpu", 2)
    with pytest.raises(ConfigurationError, match="no GPU number 3"):
        vits.find_place("cuda", 3, 1)


def test_the_vocabulary_of_the_tests_holds_the_texts():
    assert set("".join(TEXTS)) <= set(vocabulary())
