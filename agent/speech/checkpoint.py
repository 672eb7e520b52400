"""A speech model on disk: is it whole, and how does it want to be decoded?

A folder holds a CTranslate2 Whisper model and, when the model differs from ordinary Whisper, our
own ``kural.json`` beside it. Everything is checked here, before the inference engine is loaded:
a file that is missing would otherwise be fetched from the network or fail with a riddle.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.errors import ConfigurationError

_NEEDED = (
    ("model.bin",),
    ("config.json",),
    ("vocabulary.json", "vocabulary.txt"),
    ("tokenizer.json",),
    ("preprocessor_config.json",),
)
_FACTS = "kural.json"


class Facts(BaseModel):
    """``kural.json``: what the folder itself does not say. Unknown fields are somebody's notes."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    name: str = ""
    """Shown to operators; empty = the folder's name."""
    version: str = ""
    language: str = ""
    """ISO 639-1 code it was trained for; empty = many."""
    demo: bool = False
    """For demonstration and tests only: never for real callers unless told so."""
    license: str = ""
    suppress_tokens: tuple[int, ...] = (-1,)
    """Token ids never emitted; -1 stands for Whisper's own list. That list bans the bare word
    mark of small vocabularies, so such models say ``[]``."""
    beam_size: int = Field(default=1, ge=1, le=10)
    """1 = greedy: half the cost of five beams, and no worse on short utterances."""
    short_context: bool = False
    """Encode only the sound, in one of ``contexts.BUCKETS``, instead of a 30 s window. To be set
    after a word error gate alone: models not trained that way loop."""
    tail_frames: int = Field(default=40, ge=0, le=3000)
    """Frames of 10 ms of silence left after the sound in a short context."""
    min_frames: int = Field(default=0, ge=0, le=3000)
    """A short context is never shorter than this: very short ones run away on single words."""
    pad_value: float | None = 0.0
    """Log-mel after the sound. 0.0 is what faster-whisper and our own training do; null is what
    models saw that were trained on sound padded with silence (most Hugging Face fine-tunes): eight
    decades under the loudest of each piece, about -1.1."""
    prompt: bool = False
    """It was trained to take previous text before the words, so SPEECH__BIAS may be used."""
    max_new_tokens_per_s: float = Field(default=25.0, gt=0, le=100)
    """Tokens a second of sound may become, plus 20: the bound for decoding that does not end.
    Fluent Tamil is 12-15 tokens a second in Whisper's own vocabulary."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model folder that has all its parts."""

    folder: Path
    facts: Facts

    @property
    def name(self) -> str:
        """What operators call it."""
        return self.facts.name or self.folder.name


def load_checkpoint(folder: Path) -> Checkpoint:
    """Check ``folder`` and read how its model wants to be decoded.

    Raises:
        ConfigurationError: one sentence naming what is missing or wrong.
    """
    if not folder.exists():
        raise ConfigurationError(
            f"The speech model folder {folder} is missing; set SPEECH__MODEL to a folder with a "
            "CTranslate2 Whisper model."
        )
    if not folder.is_dir():
        raise ConfigurationError(f"The speech model {folder} is a file, not a folder.")
    for names in _NEEDED:
        if not any((folder / name).is_file() for name in names):
            raise ConfigurationError(
                f"The speech model in {folder} is not complete: {' or '.join(names)} is missing."
            )
    return Checkpoint(folder, _read_facts(folder / _FACTS))


def _read_facts(path: Path) -> Facts:
    if not path.exists():
        return Facts()
    try:
        return Facts.model_validate_json(path.read_bytes())
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigurationError(f"{path} is wrong: {where}: {first['msg']}.") from None
    except OSError as exc:
        raise ConfigurationError(f"{path} cannot be read ({exc.strerror}).") from None
