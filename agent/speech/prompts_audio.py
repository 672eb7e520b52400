"""Cache of rendered prompts: written by the voice's side, read straight from disk by calls.

One WAV file a prompt (:mod:`agent.speech.prompt_file`), named by the SHA-256 of everything that
shapes its sound: text, voice, rate, pitch, engine. A damaged file is as good as missing, and the
next render replaces it. Several processes may render into one folder. ``index.json`` lists it for
people; ``voices.json`` (:mod:`agent.speech.voice_book`) says who speaks and how loud.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import struct
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from agent.errors import AgentError, ConfigurationError, VoiceUnavailable
from agent.speech.embedded import embedded_engine
from agent.speech.joins import SAMPLE_RATE, SilenceTrimmer
from agent.speech.level import active_level_dbov
from agent.speech.pieces import Piece, cut, spoken_form
from agent.speech.prompt_file import packed, unpacked, write_atomically

__all__ = ["Piece", "PromptCache", "RenderReport", "cut", "render_prompts", "spoken_form"]

_log = logging.getLogger(__name__)

MEMORY_BYTES = 4 * 1024 * 1024
"""What one process keeps of the cache in memory: about 95 s of speech."""
_FORM = "2"
"""Raised when trimming or the file form changes: old files are then never found."""
_MEASURED_BYTES = 2 * 120 * SAMPLE_RATE
"""Speech that is listened to for the level of a voice: two minutes say it to 0.1 dB."""
_HOPELESS = (VoiceUnavailable, ConfigurationError)
"""Errors that the next prompt will meet as well."""
_ABANDONED_S = 3600.0
"""A half-written file this old has no writer any more."""
_GIVE_UP_AFTER = 3
"""Prompts in a row that fail because the voice is away or unknown before the rest is not tried."""

Synthesize = Callable[[str], AsyncGenerator[bytes, None]]
"""Gives the PCM of a text (int16 mono, 22,050 Hz) in chunks; raises AgentError."""
Progress = Callable[[int, int], None]
"""Called with (prompts done, prompts wanted) after each prompt."""


class Speaker(Protocol):
    """What :func:`render_prompts` needs of a voice; ``VoiceClient`` is one."""

    def synthesize(
        self,
        text: str,
        *,
        voice: str,
        rate: int,
        pitch: int = 50,
        on_engine: Callable[[str], None] | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """PCM of ``text`` in chunks; ``on_engine`` is told who speaks, where that is known."""
        ...


@dataclass(frozen=True, slots=True)
class RenderReport:
    """What a render did."""

    wanted: int
    """Different prompts asked for."""
    cached: int
    """Already there and whole."""
    rendered: int
    sound_bytes: int
    """Size of the sound of all prompts that are there now."""
    failed: tuple[str, ...]
    """Prompts that have no sound now, as they were given (they are fixed text, not a caller's)."""
    took_s: float

    @property
    def complete(self) -> bool:
        """Whether every prompt can now be played."""
        return not self.failed


class PromptCache:
    """Prompts of one voice at one rate and pitch. May be shared between threads."""

    def __init__(
        self,
        folder: Path,
        voice: str,
        rate: int,
        *,
        pitch: int = 50,
        engine: str | None = None,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self.voice, self.rate, self.pitch = voice, rate, pitch
        self._folder = folder
        self.engine = embedded_engine() if engine is None else engine
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        self._memory_bytes = memory_bytes
        self._lock = threading.Lock()

    def get(self, text: str) -> bytes | None:
        """The prompt's PCM (int16 mono, 22,050 Hz), or None when it is not rendered.

        Reads the disk (about 0.3 ms for 5 s of speech) unless memory has it.
        """
        key = self.key(text)
        with self._lock:
            if (pcm := self._memory.get(key)) is not None:
                self._memory.move_to_end(key)
                return pcm
        pcm = self._read(key)
        if pcm is not None:
            self._remember(key, pcm)
        return pcm

    def key(self, text: str) -> str:
        """Name of the prompt's file, without suffix: 64 hexadecimal digits."""
        said = [_FORM, self.engine, self.voice, self.rate, self.pitch, spoken_form(text)]
        return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()

    def put(self, text: str, pcm: bytes) -> None:
        """Store the trimmed PCM of a prompt; a reader sees the old file or the whole new one.

        Raises:
            OSError: the folder cannot be written.
        """
        key = self.key(text)
        with self._lock:
            self._memory.pop(key, None)
        write_atomically(self._path(key), packed(key, spoken_form(text), pcm))

    async def render_missing(
        self, texts: Iterable[str], synthesize: Synthesize, progress: Progress | None = None
    ) -> RenderReport:
        """Render every prompt that is missing or damaged; go on past single failures.

        Disk work runs in a thread. When the voice is away or unknown three times in a row, the
        rest counts as failed without being tried.
        """
        began = time.monotonic()
        wanted = {spoken_form(text): text for text in texts}
        cached, size, failed, away = 0, 0, list[str](), 0
        for done, text in enumerate(wanted.values(), start=1):
            if (pcm := await asyncio.to_thread(self.get, text)) is not None:
                cached += 1
                size += len(pcm)
            elif away >= _GIVE_UP_AFTER:
                failed.append(text)
            else:
                done_bytes = await self._render(text, synthesize)
                if isinstance(done_bytes, int):
                    size, away = size + done_bytes, 0
                else:
                    away = away + 1 if isinstance(done_bytes, _HOPELESS) else 0
                    failed.append(text)
            if progress is not None:
                progress(done, len(wanted))
        with contextlib.suppress(OSError):
            await asyncio.to_thread(self._write_index, list(wanted))
        return RenderReport(
            wanted=len(wanted),
            cached=cached,
            rendered=len(wanted) - cached - len(failed),
            sound_bytes=size,
            failed=tuple(failed),
            took_s=time.monotonic() - began,
        )

    def level_dbov(self, texts: Iterable[str]) -> float | None:
        """Active level of what is recorded of ``texts``; None when nothing is. Reads the disk."""
        parts, size = list[bytes](), 0
        for text in texts:
            if size < _MEASURED_BYTES and (pcm := self.get(text)) is not None:
                parts.append(pcm)
                size += len(pcm)
        sound = np.frombuffer(b"".join(parts), np.int16)
        return active_level_dbov(sound, SAMPLE_RATE) if sound.size else None

    async def _render(self, text: str, synthesize: Synthesize) -> int | Exception:
        """Render one prompt; give its bytes, or the error that prevented it."""
        trimmer, parts = SilenceTrimmer(), list[bytes]()
        try:
            async with aclosing(synthesize(spoken_form(text))) as chunks:
                async for chunk in chunks:
                    parts.append(trimmer.push(chunk))
            if not (pcm := b"".join(parts)):
                return AgentError("This prompt gives no sound.")
            await asyncio.to_thread(self.put, text, pcm)
        except (AgentError, OSError) as exc:
            _log.warning("prompt not rendered", extra={"error": type(exc).__name__})
            return exc
        return len(pcm)

    def path(self, text: str) -> Path:
        """Where the recording of ``text`` lies, or would lie."""
        return self._path(self.key(text))

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.wav"

    def _read(self, key: str) -> bytes | None:
        try:
            raw = self._path(key).read_bytes()
        except OSError:
            return None
        try:
            return unpacked(raw, key)
        except (ValueError, KeyError, TypeError, struct.error):
            _log.warning("damaged prompt audio ignored", extra={"file_bytes": len(raw)})
            return None

    def _remember(self, key: str, pcm: bytes) -> None:
        with self._lock:
            self._memory[key] = pcm
            while sum(map(len, self._memory.values())) > self._memory_bytes:
                self._memory.popitem(last=False)

    def _write_index(self, texts: list[str]) -> None:
        ours = {
            f"{self.key(text)}.wav": {"text": text, "voice": self.voice, "rate": self.rate}
            for text in texts
        }
        path = self._folder / "index.json"
        rows = {name: row for name, row in _listed(path).items() if (self._folder / name).is_file()}
        listing = [
            {"file": name} | row
            for name, row in sorted((rows | ours).items(), key=lambda item: str(item[1]))
        ]
        text = json.dumps(listing, ensure_ascii=False, indent=1) + "\n"
        write_atomically(path, text.encode())


async def render_prompts(
    cache: PromptCache,
    client: Speaker,
    texts: Iterable[str],
    progress: Progress | None = None,
) -> RenderReport:
    """Render into ``cache`` what is missing of ``texts``, with the cache's own voice.

    A prompt that another engine than the cache's spoke counts as failed: one sentence must not
    change its voice in the middle.
    """

    async def synthesize(text: str) -> AsyncGenerator[bytes, None]:
        said = list[str]()
        chunks = client.synthesize(
            text, voice=cache.voice, rate=cache.rate, pitch=cache.pitch, on_engine=said.append
        )
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk
        if any(engine != cache.engine for engine in said):
            raise VoiceUnavailable("Another engine spoke than the one that records.")

    return await cache.render_missing(texts, synthesize, progress)


async def speaking_engine(client: Speaker, cache: PromptCache, text: str) -> str:
    """Who speaks for this voice now, found by letting it begin ``text``.

    Returns:
        The cache's own engine when nobody speaks, or who does gives no name.
    """
    said = list[str]()
    chunks = client.synthesize(
        text, voice=cache.voice, rate=cache.rate, pitch=cache.pitch, on_engine=said.append
    )
    with contextlib.suppress(AgentError):
        async with aclosing(chunks):
            async for _ in chunks:
                break
    return said[0] if said else cache.engine


def prune(folder: Path, needed: Iterable[PromptCache], texts: Iterable[Iterable[str]]) -> int:
    """Remove the recordings of a folder that no cache needs for its texts.

    Args:
        folder: the recordings.
        needed: the caches in use.
        texts: for each of them, what it must be able to play.

    Returns:
        How many files were removed. One that cannot be removed stays.
    """
    kept = {
        f"{cache.key(text)}.wav"
        for cache, wanted in zip(needed, texts, strict=True)
        for text in wanted
    }
    removed = 0
    for path in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            stale = path.name.startswith(".part-") and _age_s(path) > _ABANDONED_S
            if stale or (path.suffix == ".wav" and path.name not in kept):
                path.unlink()
                removed += 1
    return removed


def _age_s(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def _listed(path: Path) -> dict[str, dict[str, object]]:
    """The rows of an earlier index by file; none when it is not one of ours."""
    try:
        rows = json.loads(path.read_bytes())
        return {str(row.pop("file")): row for row in rows}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
