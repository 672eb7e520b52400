"""Cache of rendered prompts: written by the voice's side, read straight from disk by calls.

One WAV file a prompt, named by the SHA-256 of everything that shapes its sound, with a chunk of
our own that holds length and CRC-32 of the samples. A file that is cut short, damaged, misnamed
or simply not ours is as good as missing: it is never half read, and the next render replaces it.
Files appear by rename, so a reader sees a whole file or none, and several processes may render
into one folder. ``index.json`` lists the folder for people; nothing reads it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import struct
import tempfile
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from agent.errors import AgentError, VoiceUnavailable
from agent.speech.joins import SAMPLE_RATE, SilenceTrimmer
from agent.speech.pieces import Piece, cut, spoken_form

__all__ = ["Piece", "PromptCache", "RenderReport", "cut", "render_prompts", "spoken_form"]

_log = logging.getLogger(__name__)

MEMORY_BYTES = 4 * 1024 * 1024
"""What one process keeps of the cache in memory: about 95 s of speech."""
_FORM = "2"
"""Raised when trimming or the file form changes: old files are then never found."""
_FMT = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16)
_OURS = b"krl "
_GIVE_UP_AFTER = 3
"""Prompts in a row that fail because the voice is away before the rest is not tried."""

Synthesize = Callable[[str], AsyncIterator[bytes]]
"""Gives the PCM of a text (int16 mono, 22,050 Hz) in chunks; raises AgentError."""
Progress = Callable[[int, int], None]
"""Called with (prompts done, prompts wanted) after each prompt."""


class Speaker(Protocol):
    """What :func:`render_prompts` needs of a voice; ``VoiceClient`` is one."""

    def synthesize(
        self, text: str, *, voice: str, rate: int, pitch: int = 50
    ) -> AsyncIterator[bytes]:
        """PCM of ``text`` in chunks."""
        ...


@dataclass(frozen=True, slots=True)
class RenderReport:
    """What a render did."""

    wanted: int
    """Different prompts asked for."""
    cached: int
    """Already there and whole."""
    rendered: int
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
        self._engine = embedded_engine() if engine is None else engine
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
        said = [_FORM, self._engine, self.voice, self.rate, self.pitch, spoken_form(text)]
        return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()

    def put(self, text: str, pcm: bytes) -> None:
        """Store the trimmed PCM of a prompt; a reader sees the old file or the whole new one.

        Raises:
            OSError: the folder cannot be written.
        """
        key = self.key(text)
        with self._lock:
            self._memory.pop(key, None)
        _write_atomically(self._path(key), _wav(key, spoken_form(text), pcm))

    async def render_missing(
        self, texts: Iterable[str], synthesize: Synthesize, progress: Progress | None = None
    ) -> RenderReport:
        """Render every prompt that is missing or damaged; go on past single failures.

        Disk work runs in a thread. When the voice is away three times in a row, the rest counts
        as failed without being tried.
        """
        began = time.monotonic()
        wanted = {spoken_form(text): text for text in texts}
        cached, failed, away = 0, list[str](), 0
        for done, text in enumerate(wanted.values(), start=1):
            if await asyncio.to_thread(self.get, text) is not None:
                cached += 1
            elif away >= _GIVE_UP_AFTER:
                failed.append(text)
            else:
                error = await self._render(text, synthesize)
                away = away + 1 if isinstance(error, VoiceUnavailable) else 0
                if error is not None:
                    failed.append(text)
            if progress is not None:
                progress(done, len(wanted))
        with contextlib.suppress(OSError):
            await asyncio.to_thread(self._write_index, list(wanted))
        return RenderReport(
            wanted=len(wanted),
            cached=cached,
            rendered=len(wanted) - cached - len(failed),
            failed=tuple(failed),
            took_s=time.monotonic() - began,
        )

    async def _render(self, text: str, synthesize: Synthesize) -> Exception | None:
        """Render one prompt; give the error that prevented it."""
        trimmer, parts = SilenceTrimmer(), list[bytes]()
        try:
            chunks = synthesize(spoken_form(text))
            async for chunk in chunks:
                parts.append(trimmer.push(chunk))
            if not (pcm := b"".join(parts)):
                return AgentError("This prompt gives no sound.")
            await asyncio.to_thread(self.put, text, pcm)
        except (AgentError, OSError) as exc:
            _log.warning("prompt not rendered", extra={"error": type(exc).__name__})
            return exc
        return None

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.wav"

    def _read(self, key: str) -> bytes | None:
        try:
            raw = self._path(key).read_bytes()
        except OSError:
            return None
        try:
            return _samples(raw, key)
        except (ValueError, KeyError, TypeError, struct.error):
            _log.warning("damaged prompt audio ignored", extra={"file_bytes": len(raw)})
            return None

    def _remember(self, key: str, pcm: bytes) -> None:
        with self._lock:
            self._memory[key] = pcm
            while sum(map(len, self._memory.values())) > self._memory_bytes:
                self._memory.popitem(last=False)

    def _write_index(self, texts: list[str]) -> None:
        rows = [
            {"file": f"{self.key(text)}.wav", "text": text, "voice": self.voice, "rate": self.rate}
            for text in sorted(texts)
        ]
        listing = json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
        _write_atomically(self._folder / "index.json", listing.encode())


async def render_prompts(
    cache: PromptCache,
    client: Speaker,
    texts: Iterable[str],
    progress: Progress | None = None,
) -> RenderReport:
    """Render into ``cache`` what is missing of ``texts``, with the cache's own voice."""

    async def synthesize(text: str) -> AsyncIterator[bytes]:
        chunks = client.synthesize(text, voice=cache.voice, rate=cache.rate, pitch=cache.pitch)
        async for chunk in chunks:
            yield chunk

    return await cache.render_missing(texts, synthesize, progress)


def embedded_engine() -> str:
    """Version of the embedded voice, known without loading it (it is GPL-3, calls are not)."""
    try:
        return f"espeakng-loader {metadata.version('espeakng-loader')}"
    except metadata.PackageNotFoundError:
        return "espeakng-loader"


def _wav(key: str, text: str, pcm: bytes) -> bytes:
    about = {"key": key, "text": text, "bytes": len(pcm), "crc32": zlib.crc32(pcm)}
    ours = json.dumps(about).encode()  # ASCII, so that the length is even after one pad byte
    ours += b" " * (len(ours) % 2)
    body = b"".join(
        (
            b"WAVE",
            _FMT,
            struct.pack("<4sI", _OURS, len(ours)),
            ours,
            struct.pack("<4sI", b"data", len(pcm)),
            pcm,
        )
    )
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def _samples(raw: bytes, key: str) -> bytes:
    """The samples of a file of ours.

    Raises:
        ValueError, KeyError, TypeError, struct.error: it is not whole, or is another prompt than
            the one called ``key``.
    """
    chunks = _chunks(raw)
    about: dict[str, Any] = json.loads(chunks[_OURS])
    pcm = chunks[b"data"]
    expected = (key, len(pcm), zlib.crc32(pcm))
    if (about["key"], about["bytes"], about["crc32"]) != expected or not pcm:
        raise ValueError("checksum")
    return pcm


def _chunks(raw: bytes) -> dict[bytes, bytes]:
    magic, size, form = struct.unpack_from("<4sI4s", raw)
    if (magic, size, form) != (b"RIFF", len(raw) - 8, b"WAVE"):
        raise ValueError("not a whole WAV file")
    chunks: dict[bytes, bytes] = {}
    at = 12
    while at < len(raw):
        name, length = struct.unpack_from("<4sI", raw, at)
        chunks[name] = raw[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    return chunks


def _write_atomically(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".part-", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(content)
            file.flush()
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
