"""The sentences: loads ``prompts/ta.toml`` or ``en.toml`` and fills a line's slots.

Every word the caller hears stands in these files, with an English gloss beside the Tamil. The text
between two slots is a *fixed piece*: rendered once per voice and played from disk ever after.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
import unicodedata
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from agent.conversation.steps import Line

LANGUAGES = ("ta", "en")
"""Tamil first; English for callers who ask for it."""
FORM_VERSION = 2
_SLOT = re.compile(r"\{([a-z_]+)\}")
_VERSION_DIGITS = 12


class Prompt(BaseModel):
    """One sentence the caller may hear."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = Field(min_length=1)
    """What is spoken; slots in braces."""
    gloss: str = ""
    """What it means, in English, for operators and demonstrations; never spoken."""
    long: bool = False
    """May be longer than twelve words (the notice, safety sentences)."""

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the slots, in order."""
        return tuple(_SLOT.findall(self.text))

    @property
    def pieces(self) -> tuple[str, ...]:
        """The fixed words between the slots, stripped; empty ones left out."""
        parts = (part.strip() for part in _SLOT.split(self.text)[::2])
        return tuple(p for p in parts if any(c.isalpha() for c in p))


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    language: str
    prompt: dict[str, Prompt]


class Script:
    """All prompts of one language. Immutable; shared by every call of a process."""

    def __init__(self, prompts: dict[str, Prompt], language: str = "ta") -> None:
        self._prompts = dict(prompts)
        self.language = language
        """``ta`` or ``en``."""

    @classmethod
    def load(cls, folder: Path, language: str = "ta") -> Script:
        """Read the sentences of one language from a prompts folder.

        Raises:
            ConfigurationError: the file is missing, or not of form version 2 and this language.
        """
        path = folder / f"{language}.toml"
        try:
            raw = tomllib.loads(unicodedata.normalize("NFC", path.read_text(encoding="utf-8")))
            parsed = _File.model_validate(raw)
        except FileNotFoundError:
            raise ConfigurationError(
                f"No prompts at {path}: set CALL__PROMPTS_DIR to the folder that holds {path.name}."
            ) from None
        except OSError as exc:
            raise ConfigurationError(f"{path} cannot be read ({exc.strerror}).") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
            raise ConfigurationError(f"{path} is not valid TOML in UTF-8: {exc}") from None
        except ValidationError as exc:
            first = exc.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ConfigurationError(f"{path}, {where}: {first['msg']}") from None
        if parsed.version != FORM_VERSION:
            raise ConfigurationError(
                f"{path} has form version {parsed.version}, not {FORM_VERSION}."
            )
        if parsed.language != language:
            raise ConfigurationError(
                f"{path} holds the language {parsed.language}, not {language}."
            )
        return cls(parsed.prompt, language)

    def __contains__(self, prompt_id: str) -> bool:
        return prompt_id in self._prompts

    @property
    def prompts(self) -> dict[str, Prompt]:
        """A copy of all prompts by id."""
        return dict(self._prompts)

    def text(self, lines: Iterable[Line]) -> str:
        """The sentence to speak for some lines, NFC, single spaces.

        Raises:
            ConfigurationError: an unknown prompt id, or a slot without a value.
        """
        return " ".join(self._fill(line) for line in lines)

    def wording(self, lines: Iterable[Line]) -> str:
        """Version of the sentence for some lines: another wording has another, by itself.

        Raises:
            ConfigurationError: an unknown prompt id, or a slot without a value.
        """
        return hashlib.sha256(self.text(lines).encode()).hexdigest()[:_VERSION_DIGITS]

    def gloss(self, prompt_id: str) -> str:
        """What a prompt means, in English; empty for an unknown id."""
        prompt = self._prompts.get(prompt_id)
        return (prompt.gloss or prompt.text) if prompt else ""

    @cached_property
    def _fixed(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(p for x in self._prompts.values() for p in x.pieces))

    def fixed_pieces(self) -> tuple[str, ...]:
        """Every fixed run of words, each once, in file order."""
        return self._fixed

    def _fill(self, line: Line) -> str:
        prompt = self._prompts.get(line.prompt)
        if prompt is None:
            raise ConfigurationError(f"The prompts folder has no sentence called {line.prompt}.")
        missing = [slot for slot in prompt.slots if slot not in line.values]
        if missing:
            raise ConfigurationError(f"The sentence {line.prompt} needs a value for {missing[0]}.")
        filled = _SLOT.sub(lambda m: line.values[m[1]], prompt.text)
        return unicodedata.normalize("NFC", " ".join(filled.split()))
