"""Words that are never a caller's: known inventions of Whisper, and our own prompt coming back."""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.errors import ConfigurationError

BUILT_IN = Path(__file__).resolve().parent / "data" / "blocklist.toml"
ECHO_WORDS = 3
"""Names of the prompt that follow each other as they do there: a caller names one or two."""


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    whole: tuple[str, ...] = ()
    part: tuple[str, ...] = ()


class Blocklist:
    """Tells inventions and echoes from words. May be shared by threads."""

    def __init__(
        self, whole: Iterable[str] = (), part: Iterable[str] = (), *, bias: str = ""
    ) -> None:
        """Take the phrases.

        Args:
            whole: an utterance that consists of these and nothing else is invented.
            part: an utterance that holds one of these is invented.
            bias: the text the model is given as what came before.
        """
        # Longest first: "subscribe" must not be cut out of "please subscribe".
        self._whole = sorted({f" {folded(one)} " for one in whole}, key=len, reverse=True)
        self._part = tuple({f" {folded(one)} " for one in part})
        words = folded(bias).split()
        starts = range(len(words) - ECHO_WORDS + 1)
        self._runs = {f" {' '.join(words[i : i + ECHO_WORDS])} " for i in starts}

    def blocks(self, text: str) -> bool:
        """Whether ``text`` is a known invention."""
        # Words are parted by two spaces, so that one phrase does not eat the next one's border.
        rest = " " + "  ".join(folded(text).split()) + " "
        if not rest.strip():
            return False
        if any(_parted(phrase) in rest for phrase in self._part):
            return True
        for phrase in self._whole:
            rest = rest.replace(_parted(phrase), "")
        return not rest.strip()

    def echoes(self, text: str) -> bool:
        """Whether the prompt comes back in ``text``."""
        said = f" {folded(text)} "
        return any(run in said for run in self._runs)


def _parted(phrase: str) -> str:
    return " " + "  ".join(phrase.split()) + " "


def folded(text: str) -> str:
    """Lower case, NFC, letters with their signs and digits only, one space between words."""
    kept = (
        char if unicodedata.category(char)[0] in "LMN" else " "
        for char in unicodedata.normalize("NFC", text).casefold()
    )
    return " ".join("".join(kept).split())


def load_blocklist(path: Path = BUILT_IN, *, bias: str = "") -> Blocklist:
    """Read a blocklist.

    Args:
        path: TOML with the lists ``whole`` and ``part``; see the built-in one.
        bias: see :class:`Blocklist`.

    Raises:
        ConfigurationError: one sentence saying what is wrong with the file.
    """
    try:
        found = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as exc:
        raise ConfigurationError(
            f"The blocklist {path} cannot be read ({exc.strerror}); check SPEECH__BLOCKLIST."
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError):
        raise ConfigurationError(
            f"The blocklist {path} is wrong: it must be TOML in UTF-8 with the lists `whole` and "
            "`part`; check SPEECH__BLOCKLIST."
        ) from None
    return Blocklist(found.whole, found.part, bias=bias)
