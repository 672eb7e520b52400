"""Journals that are changed after their call: under another key, or without what was erased.

A journal is only ever replaced as a whole, under its lock, with the age it had. Lines keep number,
time and kind; a line that is damaged stays as it is, byte by byte, unless it must go.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from agent.tickets.journal import SUFFIX, JournalLine, decode_line, encode_line, lock_journal
from agent.tickets.sealed_files import write_whole

Data = dict[str, Any]
Change = Callable[[JournalLine], Data]
"""Gives the new ``data`` of a line; the same object when nothing changes."""

SEALED: Final = "sealed"


def journals(journal_dir: Path) -> Iterator[Path]:
    """Yield every journal of a machine: live, waiting, done, damaged, received from others."""
    if journal_dir.is_dir():
        yield from sorted(journal_dir.rglob(f"*{SUFFIX}"))


def rewrite(path: Path, change: Change, *, keep_damaged: bool = True) -> bool | None:
    """Change the lines of a journal that nobody holds.

    Args:
        path: the journal.
        change: what becomes of a line's data.
        keep_damaged: lines that are damaged, and a torn end, stay; else they go.

    Returns:
        Whether anything changed; None when its call is live or it is gone.

    Raises:
        OSError: the disk does not take it; the journal stays as it was.
        TicketError: whatever ``change`` raises; the journal stays as it was.
    """
    held = lock_journal(path)
    if held is None:
        return None
    try:
        before = path.read_bytes()
        after = b"".join(_changed(piece, change, keep_damaged) for piece in _pieces(before))
        if after == before:
            return False
        write_whole(path, after, like=path)
        return True
    finally:
        held.close()


def is_live(path: Path) -> bool:
    """Whether a call (or a replay) holds the journal."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def map_sealed(data: Any, change: Callable[[str], str]) -> Any:
    """The same data with every sealed text in it changed."""
    if isinstance(data, dict):
        return {
            name: change(value) if name == SEALED and isinstance(value, str)
            else map_sealed(value, change)
            for name, value in data.items()
        }  # fmt: skip
    return [map_sealed(each, change) for each in data] if isinstance(data, list) else data


def _pieces(raw: bytes) -> list[bytes]:
    return raw.splitlines(keepends=True)


def _changed(piece: bytes, change: Change, keep_damaged: bool) -> bytes:
    line = decode_line(piece.removesuffix(b"\n")) if piece.endswith(b"\n") else None
    if line is None:
        return piece if keep_damaged else b""
    data = change(line)
    if data == line.data:
        return piece
    return encode_line(line.seq, line.at, line.call_id, line.kind, data)
