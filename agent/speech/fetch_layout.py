"""What a published checkpoint holds: which of its files are needed, and is it Whisper?

Reads names, ``config.json`` and the header of ``model.bin``; never loads weights.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from agent.errors import UnreadableInput, UsageError

MODEL_FILE = "model.bin"
FACTS_FILE = "kural.json"
VOCABULARIES = ("vocabulary.json", "vocabulary.txt")
WHISPER_SPEC = "WhisperSpec"

_CARDS = ("README.md", "LICENSE", "LICENSE.md", "LICENSE.txt", "NOTICE", FACTS_FILE)
_SMALL = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "normalizer.json",
    "vocab.json",
    "merges.txt",
)
_CARRIED = (*_CARDS, "config.json", "preprocessor_config.json", "tokenizer.json")
_WEIGHTS = (
    ("model.safetensors", ""),
    ("model.safetensors.index.json", "model-*.safetensors"),
    ("pytorch_model.bin", ""),
    ("pytorch_model.bin.index.json", "pytorch_model-*.bin"),
)
"""Best first, as the converter chooses: one file, or a table of contents and its parts."""
_MEL_WEIGHT = "encoder/conv1/weight"
_TYPED_SINCE = 4
"""Version of CTranslate2's file from which each tensor says its length in bytes."""


class Kind(StrEnum):
    """What has to be done with a checkpoint."""

    READY = "ctranslate2"
    """Taken as it is."""
    CONVERTIBLE = "transformers"
    """Has to be converted."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The files that are needed."""

    kind: Kind
    small: tuple[str, ...]
    """To be read before the weights are worth their download."""
    weights: tuple[str, ...]

    @property
    def carried(self) -> tuple[str, ...]:
        """Those that belong in the finished folder."""
        if self.kind is Kind.CONVERTIBLE:
            return tuple(name for name in self.small if name in _CARRIED and name != "config.json")
        return (*(name for name in self.small if name in (*_CARRIED, *VOCABULARIES)), *self.weights)


def parts_of(names: Collection[str], what: str) -> Parts:
    """Choose from the file names of a checkpoint.

    Args:
        names: paths relative to its root; those in folders are never needed.
        what: how to call it in an error.

    Raises:
        UsageError: it has no weights that we can use.
    """
    small = [name for name in (*_CARDS, *_SMALL) if name in names]
    vocabularies = [name for name in VOCABULARIES if name in names]
    if MODEL_FILE in names and vocabularies and "config.json" in names:
        return Parts(Kind.READY, (*small, *vocabularies), (MODEL_FILE,))
    if "config.json" not in names and "adapter_config.json" in names:
        raise UsageError(
            f"{what} holds only an adapter; merge it into the model it was trained on and fetch "
            "that folder."
        )
    weights = _weights(names)
    if "config.json" not in names or not weights:
        raise UsageError(
            f"{what} is no Whisper checkpoint that we can use: it needs config.json and "
            "model.safetensors or pytorch_model.bin, or a CTranslate2 model.bin with its "
            "vocabulary."
        )
    return Parts(Kind.CONVERTIBLE, tuple(small), weights)


def check_config(path: Path, what: str) -> None:
    """Refuse a transformers ``config.json`` that is not of a Whisper model.

    Raises:
        UsageError: one sentence that says what it is instead.
    """
    config = read_json(path)
    kind = config.get("model_type")
    if kind != "whisper":
        named = f"a {kind} model" if isinstance(kind, str) and kind else "of an unknown kind"
        raise UsageError(f"{what} is {named}; the ears need a Whisper model.")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        UnreadableInput: it cannot be read, or holds no object.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as exc:
        raise UnreadableInput(f"{path} cannot be read ({exc.strerror}).") from None
    except (ValueError, RecursionError):
        raise UnreadableInput(f"{path} is not valid JSON in UTF-8.") from None
    if not isinstance(found, dict):
        raise UnreadableInput(f"{path} does not hold a JSON object.")
    return found


def whisper_mels(path: Path) -> int:
    """Bands of the features a CTranslate2 Whisper model wants, from the header of its file.

    Walks over the whole file, so one that ends too early is found without being loaded.

    Raises:
        UnreadableInput: it is damaged.
        UsageError: it is not Whisper.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            version = _number(file, "I")
            spec = _string(file)
            if spec != WHISPER_SPEC:
                raise UsageError(
                    f"{path} is a CTranslate2 model of the kind {spec[:40]!r}; the ears need "
                    f"{WHISPER_SPEC}."
                )
            _number(file, "I")  # revision
            return _mels(file, size, typed=version >= _TYPED_SINCE)
    except (struct.error, UnicodeDecodeError, EOFError):
        raise UnreadableInput(
            f"{path} is damaged or not whole ({size:,} bytes); fetch it again."
        ) from None


def _mels(file: IO[bytes], size: int, *, typed: bool) -> int:
    mels = 0
    for _ in range(_number(file, "I")):
        name = _string(file)
        shape = [_number(file, "I") for _ in range(_number(file, "B"))]
        each = 1 if typed else _number(file, "B")
        if typed:
            _number(file, "B")  # type
        length = _number(file, "I") * each
        if file.tell() + length > size:
            raise EOFError
        file.seek(length, 1)
        if name == _MEL_WEIGHT and len(shape) == 3:
            mels = shape[1]
    if not mels:
        raise EOFError
    return mels


def _number(file: IO[bytes], form: str) -> int:
    return int(struct.unpack(f"<{form}", file.read(struct.calcsize(f"<{form}")))[0])


def _string(file: IO[bytes]) -> str:
    return file.read(_number(file, "H")).rstrip(b"\0").decode("utf-8")


def _weights(names: Collection[str]) -> tuple[str, ...]:
    for first, others in _WEIGHTS:
        if first in names:
            before, _, after = others.partition("*")
            parts = [n for n in names if others and n.startswith(before) and n.endswith(after)]
            return (first, *sorted(part for part in parts if "/" not in part))
    return ()
