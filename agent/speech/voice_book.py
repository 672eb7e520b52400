"""What is known of the voices, kept beside the recorded prompts: who speaks, and how loud.

``voices.json`` is written by a render and read by every call process at its start, so that a call
finds the recordings of the engine that speaks now, and brings recorded and live sound of every
engine to one level, while the voice process is away too.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.speech.level import FLOOR_DBOV, gain_db
from agent.speech.prompt_file import write_atomically

_log = logging.getLogger(__name__)


class _Book(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    speakers: dict[str, str] = Field(default_factory=dict)
    """Voice, rate and pitch -> the engine whose recordings are complete."""
    levels_dbov: dict[str, float] = Field(default_factory=dict)
    """Engine and voice -> active level as the engine gives it."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice as it is asked for."""

    voice: str
    rate: int
    """Words a minute."""
    pitch: int = 50
    """0..99."""


class VoiceBook:
    """The facts of one cache folder, as they were when it was opened. May be shared by threads."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "voices.json"
        self._book = self._read()

    def engine(self, speaker: Speaker, otherwise: str) -> str:
        """The engine whose recordings of this voice are complete; ``otherwise`` if none is."""
        return self._book.speakers.get(_name(speaker), otherwise)

    def gain(self, engine: str, voice: str) -> float:
        """Gain in dB for what this engine says with this voice; 0 when it was never measured."""
        return gain_db(self._book.levels_dbov.get(_pair(engine, voice), FLOOR_DBOV))

    def knows(self, speaker: Speaker, engine: str) -> bool:
        """Whether :meth:`note` was already told of this engine for this voice."""
        measured = _pair(engine, speaker.voice) in self._book.levels_dbov
        return measured and self.engine(speaker, "") == engine

    def note(self, speaker: Speaker, engine: str, level_dbov: float | None) -> None:
        """Keep that this engine has recorded everything for this voice, and how loud it is.

        Args:
            speaker: the voice.
            engine: name and version.
            level_dbov: active level of the recordings; None when there is no sound to measure.

        Raises:
            OSError: the folder cannot be written.
        """
        with _locked(self._path.with_name(".voices.lock")):
            book = self._read()
            book.speakers[_name(speaker)] = engine
            if level_dbov is not None:
                book.levels_dbov[_pair(engine, speaker.voice)] = round(level_dbov, 2)
            if book != self._read() or not self._path.exists():
                write_atomically(self._path, book.model_dump_json(indent=1).encode())
            self._book = book

    def _read(self) -> _Book:
        try:
            return _Book.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return _Book()
        except (OSError, ValidationError) as exc:
            _log.warning("facts about voices ignored", extra={"error": type(exc).__name__})
            return _Book()


def _name(speaker: Speaker) -> str:
    return json.dumps([speaker.voice, speaker.rate, speaker.pitch], ensure_ascii=False)


def _pair(engine: str, voice: str) -> str:
    return json.dumps([engine, voice], ensure_ascii=False)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone among the processes that write this folder; readers never wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
