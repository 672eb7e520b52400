"""Voice notes: what a caller said when nobody could turn it into words, kept to be listened to.

One file an utterance, ``voice_notes/<call>-<number>.wav.sealed`` under DATA_DIR: a WAV file (int16
mono at 16 kHz) sealed with the project's key, so the sound of a caller never lies on the disk in
the open. A file is whole and synced, with its name, before :meth:`VoiceNotes.keep` returns.
"""

from __future__ import annotations

import io
import itertools
import logging
import wave
from collections.abc import Container
from datetime import UTC, datetime
from pathlib import Path

from agent.errors import TicketError
from agent.tickets.cipher import Cipher
from agent.tickets.disk import make_folder
from agent.tickets.records import Sound
from agent.tickets.sealed_files import FOLDERS, call_stem, file_context, stem_of, write_whole

_log = logging.getLogger(__name__)

SAMPLE_RATE = 16_000
FOLDER = "voice_notes"  # one of sealed_files.FOLDERS
SUFFIX = ".wav.sealed"
_DIGITS = 4


class VoiceNotes:
    """The voice notes under one data folder. Made for each call; blocking, so use a thread."""

    def __init__(self, data_dir: Path, cipher: Cipher) -> None:
        """Remember where and how; nothing is written yet.

        Args:
            data_dir: the folder ``voice_notes`` is made in it with the first note.
            cipher: seals the sound.
        """
        self._folder = data_dir / FOLDER
        self._cipher = cipher
        self._warned = False

    def keep(self, call_id: str, number: int, pcm: bytes) -> Path | None:
        """Write one note, durably.

        Args:
            call_id: of the call.
            number: counts the notes of a call from 1; the same number replaces the note.
            pcm: int16 mono at 16 kHz.

        Returns:
            The file; None when it could not be written (a full disk). That is logged once: the
            call and its other records go on.
        """
        path = self._path(call_id, number)
        sealed = self._cipher.seal_bytes(_wav(pcm), file_context(path))
        try:
            make_folder(self._folder)
            write_whole(path, sealed)
        except OSError:
            if not self._warned:
                _log.warning("voice note could not be kept: check the disk under DATA_DIR")
            self._warned = True
            return None
        return path

    def read(self, path: Path) -> bytes:
        """The sound of a note, int16 mono at 16 kHz.

        Raises:
            TicketError: it is not there, damaged, renamed, or sealed with another key.
        """
        try:
            sealed = path.read_bytes()
        except OSError as exc:
            raise TicketError(f"A voice note cannot be read ({exc.strerror}).") from None
        plain = self._cipher.unseal_bytes(sealed, file_context(path))
        with wave.open(io.BytesIO(plain)) as file:
            pcm: bytes = file.readframes(file.getnframes())
        return pcm

    def count(self, call_id: str) -> int:
        """How many notes of a call are kept, without a look at those of others."""
        numbers = itertools.count(1)
        return next(each for each in numbers if not self._path(call_id, each).exists()) - 1

    def unlisted(self, call_id: str, known: Container[str], machine: str) -> list[Sound]:
        """Notes of a call that are on the disk and not in its record yet.

        Args:
            call_id: of the call.
            known: names of those that are, as in :class:`Sound`.
            machine: this one.
        """
        found = []
        for number in range(1, self.count(call_id) + 1):
            path = self._path(call_id, number)
            name = f"{FOLDER}/{path.name}"
            if name in known:
                continue
            try:
                seconds, stat = seconds_of(self.read(path)), path.stat()
            except (OSError, TicketError):
                continue  # gone, damaged, or of another key: nobody can listen to it
            at = datetime.fromtimestamp(stat.st_mtime, UTC)
            found.append(Sound(name, FOLDERS[FOLDER], seconds, stat.st_size, machine, at))
        return found

    def _path(self, call_id: str, number: int) -> Path:
        return self._folder / f"{call_stem(call_id)}-{number:0{_DIGITS}}{SUFFIX}"

    def of_call(self, call_id: str) -> tuple[Path, ...]:
        """The notes of one call, in the order they were spoken."""
        stem = call_stem(call_id)
        return tuple(path for path in self.all() if stem_of(path) == stem)

    def all(self) -> tuple[Path, ...]:
        """All notes, by call."""
        return tuple(sorted(self._folder.glob(f"*{SUFFIX}")))


def seconds_of(pcm: bytes) -> float:
    """Length of int16 mono sound at 16 kHz."""
    return len(pcm) / 2 / SAMPLE_RATE


def _wav(pcm: bytes) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(pcm)
    return out.getvalue()
