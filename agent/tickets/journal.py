"""The journal of one call: an append-only file, synced line by line, that outlives the process.

Line form v1, one JSON object a line::

    {"v":1,"seq":3,"at":"2026-11-20T10:00:00.000000+00:00","call":"...","kind":"heard",
     "data":{...},"crc":"9ae0daaf"}

``seq`` counts from 1 without gaps. ``crc`` is CRC-32 over the same object without ``crc``, written
with sorted keys and no spaces. Words, names and numbers are sealed inside ``data``. The live call
holds an ``flock`` on its file; whoever gets that lock knows the call is over or its process dead.

A crash can leave half a line at the end; nobody was promised anything for it, so it is dropped. A
bad line *before* the end, or a whole last line that fails its checksum, is damage.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from agent.errors import JournalDamaged
from agent.tickets.disk import make_folder, sync_folder

SUFFIX = ".jsonl"
VERSION = 1
_SAFE_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
LOCK_WAIT_S = 2.0
_LOCK_PAUSE_S = 0.01


class Kind(StrEnum):
    """What a line tells."""

    OPENED = "opened"
    CONSENT = "consent"
    HEARD = "heard"
    FILED = "filed"
    CALLBACK = "callback"
    ACT = "act"
    SOUND = "sound"
    STORED = "stored"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One line that passed its checksum."""

    seq: int
    at: datetime
    """UTC."""
    call_id: str
    kind: Kind
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class JournalReading:
    """What a journal file holds."""

    name: str
    """File name, for reports."""
    lines: tuple[JournalLine, ...]
    """All good lines, also those behind damage."""
    torn: bool
    """The last line was cut off by a crash and is ignored."""
    damaged: tuple[int, ...]
    """Numbers (from 1) of bad lines that no crash explains."""
    whole_bytes: int
    """Length up to and including the last good line; a writer goes on from there."""

    def require_whole(self) -> None:
        """Refuse a damaged journal.

        Raises:
            JournalDamaged: naming the file and the first bad line.
        """
        if self.damaged:
            raise JournalDamaged(
                f"The journal {self.name} is damaged at line {self.damaged[0]}: its checksum or "
                "order is wrong. Keep the file; what could be read from it is stored."
            )


class JournalBusy(OSError):
    """Another process holds this journal: its call is live, or it is being replayed."""


class Journal:
    """A journal file open for writing, locked against everybody else."""

    def __init__(self, path: Path, handle: int, reading: JournalReading, call_id: str) -> None:
        """Take over an open, locked file; use :func:`open_journal` or :func:`lock_journal`."""
        self.path = path
        self.reading = reading
        self.call_id = call_id
        self.seq = reading.lines[-1].seq if reading.lines else 0
        self._handle = handle
        self._size = reading.whole_bytes
        self._untrusted = False
        self._dirty = reading.torn
        """Something lies behind ``_size`` that must go before the next line is written."""

    def append(self, kind: Kind, data: dict[str, Any], at: datetime) -> int:
        """Write one line and sync it; returns its ``seq``.

        A ``stored`` line is not synced: it promises nothing, and without it rows are written again
        by their key.

        Raises:
            OSError: the disk is full, read-only or failing; the line does not count and the file
                ends where it ended before.
        """
        line = encode_line(self.seq + 1, at, self.call_id, kind, data)
        return self._put(line, 1, sync=kind is not Kind.STORED)

    def append_lines(self, lines: Sequence[bytes]) -> int:
        """Write lines that another machine has made, as they are; returns the last ``seq``.

        The caller has read them with :func:`decode_line`: they are whole, of this call, and follow
        what is here.

        Raises:
            OSError: as :meth:`append`; none of them counts.
        """
        return self._put(b"".join(lines), len(lines), sync=True)

    def _put(self, raw: bytes, count: int, *, sync: bool) -> int:
        if self._untrusted:
            raise OSError(errno.EIO, "an earlier sync of this journal failed")
        try:
            self._cut_back()
            self._dirty = True
            _write_all(self._handle, raw)
        except OSError:
            with suppress(OSError):  # else the next append tries again
                self._cut_back()
            raise
        if sync:
            self._sync()
        self._dirty = False
        self._size += len(raw)
        self.seq += count
        return self.seq

    def _sync(self) -> None:
        try:
            os.fdatasync(self._handle)
        except OSError:
            # After a failed sync Linux drops the pages and reports success from then on.
            self._untrusted = True
            with suppress(OSError):
                self._cut_back()
            raise

    def move_to(self, folder: Path) -> None:
        """Put the file into another folder of the same disk, durably.

        Raises:
            OSError: the disk does not take it; the file stays where it is.
        """
        make_folder(folder)
        target = folder / self.path.name
        self.path.replace(target)
        sync_folder(folder)
        sync_folder(self.path.parent)
        self.path = target

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of file and lock; safe to call twice."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _cut_back(self) -> None:
        """Remove half a line left by a crash or a full disk."""
        if self._dirty:
            os.ftruncate(self._handle, self._size)
            self._dirty = False


def journal_name(call_id: str) -> str:
    """File name of a call's journal; an unusual id is reduced to safe letters and a hash."""
    if _SAFE_ID.fullmatch(call_id):
        return call_id + SUFFIX
    letters = re.sub(r"[^A-Za-z0-9_-]+", "-", call_id).strip("-")[:60]
    digest = hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{letters or 'call'}.{digest}{SUFFIX}"


def open_journal(folder: Path, call_id: str, *, wait_s: float = LOCK_WAIT_S) -> Journal:
    """Open (or go on with) the journal of a live call; waits ``wait_s`` for a replay to end.

    Raises:
        JournalBusy: another process still has it after that.
        OSError: folder or file cannot be made, read or locked.
    """
    make_folder(folder)
    path = folder / journal_name(call_id)
    deadline = time.monotonic() + wait_s
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_APPEND, 0o600)
        try:
            if _lock(handle) and _is_at(handle, path):
                sync_folder(folder)
                return Journal(path, handle, read_journal(path), call_id)
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        if time.monotonic() > deadline:
            raise JournalBusy(f"the journal {path.name} is held by another process")
        time.sleep(_LOCK_PAUSE_S)


def lock_journal(path: Path) -> Journal | None:
    """Take a journal that nobody holds; None when its call is live or it is gone.

    Raises:
        OSError: the file cannot be opened or read.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_APPEND)
    except FileNotFoundError:
        return None
    try:
        if _lock(handle) and _is_at(handle, path):
            reading = read_journal(path)
            call_id = reading.lines[0].call_id if reading.lines else ""
            return Journal(path, handle, reading, call_id)
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def read_journal(path: Path) -> JournalReading:
    """Read a journal without taking its lock; never raises for what is in it.

    Raises:
        OSError: the file cannot be read.
    """
    raw = path.read_bytes()
    pieces = raw.split(b"\n")
    tail = pieces.pop()  # behind the last line end: empty unless a write was cut off
    if not tail and pieces and b"\0" in pieces[-1]:
        # A power cut can leave the length of a line without its contents: zeros, then its end.
        tail = pieces.pop() + b"\n"
    lines: list[JournalLine] = []
    bad: list[int] = []
    whole = position = 0
    for number, piece in enumerate(pieces, start=1):
        position += len(piece) + 1
        line = decode_line(piece)
        if line is None or not _follows(line, lines, bad):
            bad.append(number)
        else:
            lines.append(line)
            whole = position
    if bad:
        whole = position  # damage is never cut away: somebody may still want to read it
    return JournalReading(path.name, tuple(lines), bool(tail), tuple(bad), whole)


def encode_line(seq: int, at: datetime, call_id: str, kind: Kind, data: dict[str, Any]) -> bytes:
    """One line with its checksum and line end."""
    entry: dict[str, Any] = {
        "v": VERSION,
        "seq": seq,
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "call": call_id,
        "kind": kind.value,
        "data": data,
    }
    entry["crc"] = _checksum(entry)
    return json.dumps(entry, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"


def decode_line(raw: bytes) -> JournalLine | None:
    """Read one line without its line end; None when it is none of ours or fails its checksum."""
    try:
        entry = json.loads(raw.decode("ascii"))
        crc = entry.pop("crc")
        if entry["v"] != VERSION or crc != _checksum(entry):
            return None
        line = JournalLine(
            seq=entry["seq"],
            at=datetime.fromisoformat(entry["at"]),
            call_id=entry["call"],
            kind=Kind(entry["kind"]),
            data=entry["data"],
        )
        return line if _is_typed(line) else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _is_typed(line: JournalLine) -> bool:
    """What a checksum cannot say: a line may come from another machine."""
    return (
        type(line.seq) is int
        and line.seq > 0
        and line.at.tzinfo is not None
        and isinstance(line.call_id, str)
        and isinstance(line.data, dict)
    )


def _follows(line: JournalLine, before: list[JournalLine], bad: list[int]) -> bool:
    """Whether this line may stand here: one call, rising numbers, a gap only behind damage."""
    last = before[-1] if before else None
    if last is None:
        return line.seq == 1 or bool(bad)
    return line.call_id == last.call_id and (
        line.seq == last.seq + 1 or (bool(bad) and line.seq > last.seq)
    )


def _checksum(entry: dict[str, Any]) -> str:
    canonical = json.dumps(entry, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return f"{zlib.crc32(canonical.encode('ascii')):08x}"


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(handle: int, path: Path) -> bool:
    """Whether the locked file is still the one under this name: a replay may have moved it."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(handle)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
