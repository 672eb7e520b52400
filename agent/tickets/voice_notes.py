"""Voice notes: what a caller said when nobody could turn it into words, kept to be listened to.

One file an utterance, ``voice_notes/<call>-<number>.wav.sealed`` under DATA_DIR: a WAV file (int16
mono at 16 kHz) sealed with the project's key, so the sound of a caller never lies on the disk in
the open. A file is whole and synced, with its name, before :meth:`VoiceNotes.keep` returns.
"""

from __future__ import annotations

import io
import logging
import os
import tempfile
import wave
from pathlib import Path

from agent.errors import TicketError
from agent.tickets.cipher import Cipher
from agent.tickets.disk import make_folder, sync_folder
from agent.tickets.journal import SUFFIX as _JOURNAL_SUFFIX
from agent.tickets.journal import journal_name

_log = logging.getLogger(__name__)

SAMPLE_RATE = 16_000
FOLDER = "voice_notes"
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
        path = self._folder / f"{_stem(call_id)}-{number:0{_DIGITS}}{SUFFIX}"
        sealed = self._cipher.seal_bytes(_wav(pcm), _context(path))
        try:
            make_folder(self._folder)
            _write_whole(path, sealed)
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
        plain = self._cipher.unseal_bytes(sealed, _context(path))
        with wave.open(io.BytesIO(plain)) as file:
            pcm: bytes = file.readframes(file.getnframes())
        return pcm

    def of_call(self, call_id: str) -> tuple[Path, ...]:
        """The notes of one call, in the order they were spoken."""
        stem = _stem(call_id)
        return tuple(path for path in self.all() if _call_part(path) == stem)

    def all(self) -> tuple[Path, ...]:
        """All notes, by call."""
        return tuple(sorted(self._folder.glob(f"*{SUFFIX}")))


def _stem(call_id: str) -> str:
    """The same letters as the journal of that call."""
    return journal_name(call_id).removesuffix(_JOURNAL_SUFFIX)


def _call_part(path: Path) -> str:
    return path.name.removesuffix(SUFFIX).rpartition("-")[0]


def _context(path: Path) -> str:
    """Bound to its name: a note that is renamed to another call does not open."""
    return f"voice_note/{path.name}"


def _wav(pcm: bytes) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(pcm)
    return out.getvalue()


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file that appears under its name only when it is complete and synced, mode 0600."""
    handle, name = tempfile.mkstemp(prefix=".note-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
