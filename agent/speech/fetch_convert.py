"""A transformers Whisper folder becomes a CTranslate2 one, and a folder gets the files it lacks."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
from pathlib import Path
from typing import Any

from agent.errors import AgentError, ConfigurationError, UsageError
from agent.speech.fetch_layout import MODEL_FILE, read_json, whisper_mels

QUANTIZATIONS = ("float16", "int8_float16", "int8")
"""How the weights are stored; ``SPEECH__COMPUTE_TYPE`` may still compute otherwise."""
_CONVERTER = ("torch", "transformers")
_FRONT_END = {"sampling_rate": 16_000, "hop_length": 160, "n_fft": 400, "chunk_length": 30}
"""The same in every Whisper; only the number of bands differs."""
_END = "<|endoftext|>"


def check_converter(what: str) -> None:
    """Refuse before gigabytes are downloaded that cannot be converted here.

    Raises:
        ConfigurationError: one sentence with the command that mends it.
    """
    missing = [name for name in _CONVERTER if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"{what} has to be converted, which needs {' and '.join(missing)}: run "
            "pip install torch transformers (the extra `convert`), or fetch a checkpoint that is "
            "CTranslate2 already."
        )


def convert(source: Path, target: Path, quantization: str) -> dict[str, str]:
    """Write the CTranslate2 model of a transformers folder; minutes and its size in memory.

    Args:
        source: with config, tokenizer and weights.
        target: does not exist yet.
        quantization: of :data:`QUANTIZATIONS`.

    Returns:
        What converted it, for the record.

    Raises:
        UsageError: it cannot be converted.
        OSError: it cannot be written.
    """
    from ctranslate2.converters import TransformersConverter

    class Whole(TransformersConverter):  # type: ignore[misc]  # it has no types
        """Refuses weights with holes, which transformers fills with random numbers."""

        def load_model(self, model_class: Any, name: str, **options: Any) -> Any:
            model, seen = model_class.from_pretrained(name, output_loading_info=True, **options)
            holes = len(seen["missing_keys"]) + len(seen["mismatched_keys"])
            if holes:
                raise UsageError(
                    f"The checkpoint in {source} lacks {holes} of its weights; fetch it again, "
                    "or ask its publisher."
                )
            return model

    _hush()
    try:
        Whole(str(source), load_as_float16=quantization == "float16").convert(
            str(target), quantization=quantization
        )
    except UsageError:
        raise
    except OSError as exc:
        if exc.errno is not None:
            raise  # the disk
        raise UsageError(f"The checkpoint in {source} cannot be read by transformers.") from exc
    except MemoryError:
        raise AgentError("There is not enough memory to convert the checkpoint here.") from None
    except Exception as exc:
        # Broad, because three foreign libraries read foreign files here.
        raise UsageError(
            f"The checkpoint in {source} could not be converted ({type(exc).__name__}); it may "
            "be damaged or of another make than transformers writes."
        ) from exc
    versions = {name: importlib.metadata.version(name) for name in ("ctranslate2", *_CONVERTER)}
    return {"quantization": quantization, **versions}


def complete(folder: Path, originals: Path) -> None:
    """Make what a CTranslate2 folder still lacks: the tokenizer and the front end's figures.

    Args:
        folder: with ``model.bin``.
        originals: where the slow tokenizer's files may be.

    Raises:
        UsageError: the model is not Whisper, or there is nothing to make a tokenizer from.
    """
    mels = whisper_mels(folder / MODEL_FILE)
    if not (folder / "tokenizer.json").is_file():
        _tokenizer(originals).save(str(folder / "tokenizer.json"))
    front_end = folder / "preprocessor_config.json"
    if not front_end.is_file():
        front_end.write_text(json.dumps({"feature_size": mels, **_FRONT_END}, indent=2) + "\n")


def check_language(folder: Path, language: str, what: str) -> None:
    """Refuse a model that cannot be asked for ``language``.

    Raises:
        UsageError: its tokenizer is unreadable or has no such language.
    """
    import tokenizers

    path = folder / "tokenizer.json"
    try:
        found = tokenizers.Tokenizer.from_file(str(path)).token_to_id(f"<|{language}|>")
    except Exception as exc:
        raise UsageError(f"{what} has a tokenizer.json that cannot be read.") from exc
    if found is None:
        raise UsageError(f"{what} does not know the language {language!r}; it is not for us.")


def _tokenizer(folder: Path) -> Any:
    """What transformers would make of vocab.json, merges.txt and added_tokens.json."""
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers

    vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
    if not (vocabulary.is_file() and merges.is_file()):
        raise UsageError(
            "The checkpoint has no tokenizer.json, nor vocab.json and merges.txt to make one of."
        )
    try:
        tokenizer = tokenizers.Tokenizer(
            models.BPE.from_file(str(vocabulary), str(merges), unk_token=_END)
        )
    except Exception as exc:
        raise UsageError("The checkpoint's vocab.json or merges.txt cannot be read.") from exc
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    for token, number in _added(folder):
        # Ids are given in order, so a gap would move all that follow.
        tokenizer.add_special_tokens([token])
        if tokenizer.token_to_id(token) != number:
            raise UsageError("The checkpoint's added_tokens.json has gaps and cannot be used.")
    return tokenizer


def _added(folder: Path) -> list[tuple[str, int]]:
    path = folder / "added_tokens.json"
    added = read_json(path) if path.is_file() else {}
    known = read_json(folder / "vocab.json")
    known_special = {token: known[token] for token in known if token.startswith("<|")}
    both = {**known_special, **added}
    if not all(isinstance(number, int) for number in both.values()):
        raise UsageError("The checkpoint's added_tokens.json cannot be used.")
    return sorted(both.items(), key=lambda item: item[1])


def _hush() -> None:
    """Its bars and warnings are for people who train."""
    logs = importlib.import_module("transformers.utils.logging")
    logs.set_verbosity_error()
    logs.disable_progress_bar()
