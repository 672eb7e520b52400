"""A voice checkpoint on disk: what it is, what it can pronounce, and under which licence.

Everything that can be known without torch is checked here, so a wrong folder is refused in one
sentence before seconds of imports, and call processes may ask for the identity of the voice.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import ConfigurationError
from agent.speech.fetch_licence import Stated, card_metadata, is_noncommercial, licence_in

_CONFIG, _VOCABULARY, _TOKENIZER = "config.json", "vocab.json", "tokenizer_config.json"
_WEIGHTS = "model.safetensors"
_CARD, _FACTS = "README.md", "kural.json"
_LONGEST_FILE = 16 * 1024 * 1024
_TWO_LETTERS = {"tam": "ta", "eng": "en"}
"""ISO 639-3, as MMS names languages, to the codes our voices have."""
_PRONOUNCED = "LNMS"
"""First letters of the Unicode categories that are heard: letters, numbers, signs, symbols.
Punctuation is not: many voices were trained without any."""


@dataclass(frozen=True, slots=True)
class VoiceFolder:
    """A VITS checkpoint that has all its parts."""

    path: Path
    language: str
    """Two-letter code, ``ta`` where the folder names none."""
    sample_rate: int
    """Hertz."""
    speakers: int
    romanised: bool
    """It was trained on text in Latin letters (uroman), and reads only that."""
    letters: frozenset[str]
    """Characters it knows."""
    licence: Stated | None
    """None = nobody states one."""

    @property
    def name(self) -> str:
        """What operators call it."""
        return self.path.name

    def unknown(self, text: str) -> str:
        """Letters, digits and symbols of ``text`` it has no sound for; it would leave them out.

        Args:
            text: romanised where the voice wants that.
        """
        return "".join(
            char
            for char in text
            if unicodedata.category(char)[0] in _PRONOUNCED
            and char not in self.letters
            and char.lower() not in self.letters
        )

    def identity(self) -> str:
        """Changes when the folder holds another voice; part of the names of recordings.

        Reads the folder's small files, and size and ends of the weights (a few ms).
        """
        digest = hashlib.sha256()
        for name in (_CONFIG, _VOCABULARY, _TOKENIZER):
            digest.update((self.path / name).read_bytes())
        with (self.path / _WEIGHTS).open("rb") as file:
            digest.update(file.read(1 << 20))
            size = file.seek(0, 2)
            file.seek(max(0, size - (1 << 20)))
            digest.update(file.read())
        return f"vits {digest.hexdigest()[:16]} {size}"


def open_folder(path: Path) -> VoiceFolder:
    """Check a checkpoint folder as ``save_pretrained`` of transformers writes it.

    Raises:
        ConfigurationError: one sentence naming what is missing or of another kind.
    """
    if not path.exists():
        raise ConfigurationError(
            f"The voice model folder {path} is missing; set SPEECH__VOICE_MODEL to the folder of a "
            "VITS checkpoint."
        )
    if not path.is_dir():
        raise ConfigurationError(f"The voice model {path} is a file, not a folder.")
    config = _read(path, _CONFIG)
    _check_kind(path, config.get("model_type"))
    vocabulary = _read(path, _VOCABULARY)
    tokenizer = _read(path, _TOKENIZER)
    if not (path / _WEIGHTS).is_file():
        raise ConfigurationError(
            f"The voice model in {path} is not complete: {_WEIGHTS} is missing (weights in other "
            "forms are not read: they may hold programs)."
        )
    if tokenizer.get("phonemize", True):  # the default of transformers, as in VITS's own English
        raise ConfigurationError(
            f"The voice model in {path} wants phonemes, which nobody makes for Tamil here; choose "
            "one that reads letters."
        )
    if len(vocabulary) > _whole(path, config, "vocab_size", 38):
        raise ConfigurationError(
            f"The voice model in {path} does not fit together: {_VOCABULARY} has more letters "
            f"than {_CONFIG} says."
        )
    language = str(tokenizer.get("language") or "ta").lower()
    return VoiceFolder(
        path=path,
        language=_TWO_LETTERS.get(language, language),
        sample_rate=_whole(path, config, "sampling_rate", 16_000),
        speakers=_whole(path, config, "num_speakers", 1),
        romanised=bool(tokenizer.get("is_uroman", False)),
        letters=_letters(vocabulary),
        licence=_licence(path),
    )


def check_licence(folder: VoiceFolder, settled: str) -> None:
    """Refuse a voice that may not be allowed to speak to citizens.

    Args:
        folder: the voice.
        settled: name of the licence the office has settled it may use; empty = none.

    Raises:
        ConfigurationError: no licence is stated, it forbids commercial use, or it is nobody's
            common licence, and it is not named in ``settled``.
    """
    stated = folder.licence
    named = " ".join(settled.split()).lower()
    if stated is None:
        if named:
            return
        raise ConfigurationError(
            f"The voice {folder.name} states no licence, and public-sector software must know its "
            "licences: ask its publisher, then set SPEECH__VOICE_LICENSE to its name."
        )
    if named == stated.name or not (stated.own or is_noncommercial(stated.name)):
        return
    why = (
        "which forbids commercial use" if is_noncommercial(stated.name) else "a licence of its own"
    )
    raise ConfigurationError(
        f"The voice {folder.name} is under {stated.name}, {why}: choose another voice, or set "
        f"SPEECH__VOICE_LICENSE={stated.name} if your office has settled that it may use it."
    )


def licence_line(folder: VoiceFolder) -> str:
    """One line for the operator, shown when the voice starts."""
    stated = folder.licence
    if stated is None:
        return f"voice {folder.name}: no licence stated"
    note = ", which forbids commercial use" if is_noncommercial(stated.name) else ""
    return f"voice {folder.name}: licence {stated.name} ({stated.by}){note}"


def _check_kind(path: Path, kind: object) -> None:
    if kind == "vits":
        return
    if kind == "parler_tts":
        raise ConfigurationError(
            f"The voice model in {path} is a Parler one, whose library needs a transformers of its "
            "own: run it as an instance of the pool (docs/voice.md)."
        )
    raise ConfigurationError(
        f"The voice model in {path} is not a VITS checkpoint as transformers saves it."
    )


def _read(path: Path, name: str) -> dict[str, Any]:
    file = path / name
    try:
        if file.stat().st_size > _LONGEST_FILE:
            raise ConfigurationError(f"The file {name} of the voice model in {path} is too large.")
        data = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise ConfigurationError(
            f"The voice model in {path} is not complete: {name} is missing."
        ) from None
    except OSError as exc:
        raise ConfigurationError(f"{file} cannot be read ({exc.strerror}).") from None
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise ConfigurationError(f"{file} is not the JSON object it should be.")
    return data


def _whole(path: Path, config: dict[str, Any], name: str, default: int) -> int:
    value = config.get(name, default)
    if type(value) is not int or not 1 <= value <= 384_000:
        raise ConfigurationError(f"{name} in the {_CONFIG} of the voice model in {path} is wrong.")
    return value


def _letters(vocabulary: dict[str, Any]) -> frozenset[str]:
    """What it pronounces.

    Number 0 stands between all letters as the blank. In MMS's Tamil it is written 3, so a 3 of the
    text would be silence.
    """
    return frozenset(char for char, at in vocabulary.items() if at != 0 or char.isalpha())


def _licence(path: Path) -> Stated | None:
    stated = licence_in(card_metadata(path / _CARD), "model card")
    if stated is None and (path / _FACTS).is_file():
        stated = licence_in(_read(path, _FACTS), _FACTS)
    return stated
