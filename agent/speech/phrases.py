"""Frequent phrases between the prompts (places, numbers of days), kept as sound.

The voice process writes them after it has spoken them; calls only read. What may be kept is a
list of phrases from our own tables (``known.txt``, written by a render): a caller's words, names,
phone and ticket numbers are never in it, so they never reach the disk. The folder has a size
limit; what was used longest ago goes first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.speech.joins import SilenceTrimmer
from agent.speech.link import Frame, Handler, Responder
from agent.speech.pieces import spoken_form
from agent.speech.prompt_file import write_atomically
from agent.speech.prompts_audio import PromptCache

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger(__name__)

LONGEST_PHRASE = 60
"""Characters; the longest place of the tables has 40."""
_KNOWN = "known.txt"
_MARKS = ".,?!;:"
"""One of them may follow a phrase: the voice says its end differently."""
_LOOK_EVERY_S = 10.0
"""How often a voice process looks whether the list has changed."""
_WAITING = 16
"""Phrases that may wait to be written; more are not kept this time."""
_TOUCH_AFTER_S = 600.0
"""A phrase read again within this time is not marked as used once more."""
_FULL_TO = 0.9
"""Part of the limit that is left when room is made."""


def phrase_folder(prompts: Path) -> Path:
    """Where phrases lie beside the recorded prompts."""
    return prompts / "phrases"


def write_known(folder: Path, phrases: Iterable[str]) -> int:
    """Write the list of phrases that may be kept; leave it alone when it has not changed.

    Returns:
        How many there are. Those with digits, or longer than :data:`LONGEST_PHRASE`, are left out.

    Raises:
        OSError: the folder cannot be written.
    """
    known = sorted({spoken_form(phrase) for phrase in phrases} - {""})
    known = [phrase for phrase in known if _keepable(phrase)]
    content = "".join(f"{phrase}\n" for phrase in known).encode()
    path = folder / _KNOWN
    with contextlib.suppress(OSError):
        if path.read_bytes() == content:
            return len(known)
    write_atomically(path, content)
    return len(known)


class KeptPhrases:
    """What a call reads. Belongs to one voice; may be shared between threads.

    Args:
        cache: over the folder of the phrases, with the engine that speaks for this voice.
    """

    def __init__(self, cache: PromptCache) -> None:
        self._cache = cache
        self._touched: dict[str, float] = {}

    def get(self, text: str) -> bytes | None:
        """Trimmed PCM of a phrase, or None. Reads the disk; marks the phrase as used."""
        if not _keepable(text) or (pcm := self._cache.get(text)) is None:
            return None
        path, now = self._cache.path(text), time.time()
        if now - self._touched.get(path.name, 0.0) > _TOUCH_AFTER_S:
            self._touched[path.name] = now
            with contextlib.suppress(OSError):
                os.utime(path)
        return pcm


class PhraseKeeper:
    """What a voice process writes: whole answers to phrases of the list, in a thread of its own.

    Args:
        folder: of the phrases; several processes may write.
        limit_bytes: size of the folder; 0 keeps nothing.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._known: frozenset[str] = frozenset()
        self._seen: tuple[int, int] = (0, 0)
        self._looked_at = -_LOOK_EVERY_S
        self._waiting = threading.BoundedSemaphore(_WAITING)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="phrases")

    def over(self, answer: Handler) -> Handler:
        """A handler that answers as ``answer`` does, and keeps what may be kept afterwards."""
        if not self._limit_bytes:
            return answer
        self._thread.submit(self.look_again)

        async def answer_and_keep(frame: Frame, responder: Responder) -> None:
            self._look()
            text = frame.header.get("text")
            if frame.header.get("op") != "say" or not self.knows(text):
                await answer(frame, responder)
                return
            copy = _Copying(responder)
            await answer(frame, copy)
            if len(copy.engines) <= 1:  # one that took over in mid-word is not to be heard again
                self._later(str(text), frame.header, copy)

        return answer_and_keep

    def knows(self, text: object) -> bool:
        """Whether ``text`` is a phrase of the list, with at most one mark after it."""
        if not isinstance(text, str) or not _keepable(text) or spoken_form(text) != text:
            return False
        return text in self._known or (text[-1] in _MARKS and text[:-1] in self._known)

    def look_again(self) -> None:
        """Read the list if it has changed. Reads the disk."""
        path = self._folder / _KNOWN
        try:
            found = path.stat()
            if (found.st_mtime_ns, found.st_size) != self._seen:
                lines = path.read_text(encoding="utf-8").splitlines()
                self._known = frozenset(line for line in lines if _keepable(line))
                self._seen = (found.st_mtime_ns, found.st_size)
        except (OSError, UnicodeDecodeError):
            self._known, self._seen = frozenset(), (0, 0)

    def keep(self, cache: PromptCache, text: str, pcm: bytes) -> bool:
        """Write one phrase if it may be kept and is not there; make room. Writes the disk.

        Returns:
            Whether it was written.
        """
        if not self.knows(text) or not pcm or cache.get(text) is not None:
            return False
        try:
            cache.put(text, pcm)
        except OSError as exc:
            _log.warning("phrase not kept", extra={"error": type(exc).__name__})
            return False
        self._make_room()
        return True

    def close(self) -> None:
        """Write what waits, then end the thread."""
        self._thread.shutdown(wait=True)

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._looked_at >= _LOOK_EVERY_S:
            self._looked_at = now
            self._thread.submit(self.look_again)

    def _later(self, text: str, header: Mapping[str, Any], copy: _Copying) -> None:
        if not self._waiting.acquire(blocking=False):
            return

        def write() -> None:
            try:
                cache = PromptCache(
                    self._folder,
                    str(header.get("voice", "ta")),
                    int(header.get("rate", 165)),
                    pitch=int(header.get("pitch", 50)),
                    engine=next(iter(copy.engines), None),
                    memory_bytes=0,
                )
                self.keep(cache, text, SilenceTrimmer().push(b"".join(copy.chunks)))
            finally:
                self._waiting.release()

        self._thread.submit(write)

    def _make_room(self) -> None:
        found = []
        for path in self._folder.glob("*.wav"):
            with contextlib.suppress(OSError):  # another process may have removed it
                about = path.stat()
                found.append((about.st_mtime_ns, about.st_size, path))
        size = sum(file_bytes for _, file_bytes, _ in found)
        if size <= self._limit_bytes:
            return
        for _, file_bytes, path in sorted(found, key=lambda one: one[0]):
            if size <= _FULL_TO * self._limit_bytes:
                return
            with contextlib.suppress(OSError):
                path.unlink()
                size -= file_bytes


class _Copying(Responder):
    """Passes an answer on and keeps a copy of its sound."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self.chunks: list[bytes] = []
        self.engines: set[str] = set()
        """Who spoke, as far as the answer says."""

    async def data(self, header: Mapping[str, Any], payload: bytes = b"") -> None:
        if engine := header.get("engine"):
            self.engines.add(str(engine))
        self.chunks.append(payload)
        await self._responder.data(header, payload)


def _keepable(text: str) -> bool:
    return 0 < len(text) <= LONGEST_PHRASE and not any(char.isdigit() for char in text)
