"""Transformers folders through the real converter, and folders that lack a file."""

from __future__ import annotations

import importlib.util
import json
import shutil
import unicodedata
from pathlib import Path

import pytest
import tokenizers

from agent.errors import ConfigurationError, UsageError
from agent.speech.checkpoint import load_checkpoint
from agent.speech.engine import Ears
from agent.speech.fetch import Wish, fetch, parse_source
from agent.speech.fetch_convert import check_language, complete
from agent.speech.fetch_hub import Hub
from tests.speech.conftest import Speak
from tests.speech.transformers_maker import (
    MELS,
    SPECIAL,
    TEXT,
    make_checkpoint,
    write,
    write_tokenizer,
)

convertible = pytest.mark.skipif(
    not (importlib.util.find_spec("torch") and importlib.util.find_spec("transformers")),
    reason="torch and transformers (the extra `convert`) are not installed",
)


def go(folder: Path, out: Path, quantization: str = "float16") -> dict[str, str]:
    wish = Wish(parse_source(str(folder)), out, quantization, license="apache-2.0")
    return dict(fetch(wish, Hub(), lambda line: None).converted)


@convertible
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("quantization", ["float16", "int8_float16", "int8"])
def test_a_transformers_folder_becomes_a_model_that_decodes(
    tmp_path: Path, speak: Speak, quantization: str
) -> None:
    made = go(make_checkpoint(tmp_path / "hf"), tmp_path / "ct2", quantization)
    assert made.keys() == {"quantization", "ctranslate2", "torch", "transformers"}
    checkpoint = load_checkpoint(tmp_path / "ct2")
    assert checkpoint.facts.pad_value is None
    assert checkpoint.facts.short_context is False
    heard = Ears(tmp_path / "ct2", device="cpu").transcribe(speak(TEXT, after=0.3))
    assert heard.segments[0].tokens > 0
    record = json.loads((tmp_path / "ct2" / "kural.json").read_text())
    assert record["converter"] == made
    front_end = json.loads((tmp_path / "ct2" / "preprocessor_config.json").read_text())
    assert front_end["feature_size"] == MELS


@convertible
@pytest.mark.filterwarnings("default")
def test_a_fine_tune_of_2022_is_converted_too(tmp_path: Path) -> None:
    go(make_checkpoint(tmp_path / "hf", legacy=True), tmp_path / "ct2")
    Ears(tmp_path / "ct2", device="cpu")


@convertible
@pytest.mark.filterwarnings("default")
def test_the_tokenizer_made_of_slow_files_is_the_one_transformers_makes(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    source = make_checkpoint(tmp_path / "hf")
    go(source, tmp_path / "ct2")
    ours = tokenizers.Tokenizer.from_file(str(tmp_path / "ct2" / "tokenizer.json"))
    theirs = AutoTokenizer.from_pretrained(str(source))
    for text in (TEXT, "தண்ணி", " a  b", "12,5"):
        ids = ours.encode(text, add_special_tokens=False).ids
        assert ids == theirs.encode(text, add_special_tokens=False)
        assert ours.decode(ids) == text
    for token in SPECIAL:
        assert ours.token_to_id(token) == theirs.convert_tokens_to_ids(token)


@convertible
@pytest.mark.filterwarnings("default")
def test_weights_that_are_no_weights_are_one_sentence(tmp_path: Path) -> None:
    source = make_checkpoint(tmp_path / "hf")
    (source / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    with pytest.raises(UsageError) as caught:
        go(source, tmp_path / "ct2")
    assert len(str(caught.value).splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hf"]


@pytest.mark.skipif(
    importlib.util.find_spec("transformers") is not None, reason="transformers is installed"
)
def test_without_the_converter_the_sentence_names_the_command(tmp_path: Path) -> None:
    source = tmp_path / "hf"
    source.mkdir()
    write(source / "config.json", {"model_type": "whisper"})
    (source / "model.safetensors").write_bytes(b"0")
    with pytest.raises(ConfigurationError, match="pip install torch transformers"):
        go(source, tmp_path / "ct2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hf"]


def test_a_folder_without_front_end_gets_one_that_fits_the_weights(
    saying_model_dir: Path, tmp_path: Path
) -> None:
    model = Path(shutil.copytree(saying_model_dir, tmp_path / "m"))
    (model / "preprocessor_config.json").unlink()
    complete(model, model)
    assert json.loads((model / "preprocessor_config.json").read_text())["feature_size"] == MELS
    load_checkpoint(model)


def test_a_tokenizer_made_of_slow_files_gives_tamil_back(
    saying_model_dir: Path, tmp_path: Path
) -> None:
    model = Path(shutil.copytree(saying_model_dir, tmp_path / "m"))
    (model / "tokenizer.json").unlink()
    size = write_tokenizer(model)
    complete(model, model)
    made = tokenizers.Tokenizer.from_file(str(model / "tokenizer.json"))
    assert made.get_vocab_size() == size
    assert made.decode(made.encode(TEXT).ids) == unicodedata.normalize("NFC", TEXT)
    check_language(model, "ta", "It")


@pytest.mark.parametrize("spoilt", ["nothing", "vocab.json", "merges.txt", "a gap"])
def test_a_tokenizer_that_cannot_be_made_is_one_sentence(
    saying_model_dir: Path, tmp_path: Path, spoilt: str
) -> None:
    model = Path(shutil.copytree(saying_model_dir, tmp_path / "m"))
    (model / "tokenizer.json").unlink()
    if spoilt != "nothing":
        write_tokenizer(model)
    if spoilt == "a gap":
        write(model / "added_tokens.json", {"<|ta|>": 100_000})
    elif spoilt != "nothing":
        (model / spoilt).write_text("{ this is no such thing")
    with pytest.raises(UsageError) as caught:
        complete(model, model)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "says"), [("{", "cannot be read"), (None, "does not know the language 'xx'")]
)
def test_a_tokenizer_without_our_language_is_refused(
    saying_model_dir: Path, tmp_path: Path, text: str | None, says: str
) -> None:
    model = Path(shutil.copytree(saying_model_dir, tmp_path / "m"))
    if text is not None:
        (model / "tokenizer.json").write_text(text)
    with pytest.raises(UsageError, match=says):
        check_language(model, "xx", "It")
