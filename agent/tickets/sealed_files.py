"""Sealed sound under DATA_DIR: voice notes and recordings, each bound to its own name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from agent.tickets.disk import sync_folder
from agent.tickets.journal import SUFFIX as _JOURNAL_SUFFIX
from agent.tickets.journal import journal_name

FOLDERS: Final[Mapping[str, str]] = {"voice_notes": "voice_note", "recordings": "recording"}
"""Folder under DATA_DIR -> kind, as table ``attachment`` names it; also the head of the context."""
SUFFIX: Final = ".sealed"


def sealed_files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield every sealed file of one of :data:`FOLDERS` with its context, in no order."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.name.endswith(SUFFIX) and not path.name.startswith("."):
            yield path, file_context(path)


def file_context(path: Path) -> str:
    """What a file is sealed under: a file renamed to another call does not open."""
    return f"{FOLDERS[path.parent.name]}/{path.name}"


def files_of(data_dir: Path, call_id: str) -> list[Path]:
    """All sealed files of one call, by name."""
    stem = call_stem(call_id)
    return sorted(
        path
        for name in FOLDERS
        for path, _ in sealed_files(data_dir / name)
        if stem_of(path) == stem
    )


def call_stem(call_id: str) -> str:
    """What the names of a call's files begin with: the same letters as its journal."""
    return journal_name(call_id).removesuffix(_JOURNAL_SUFFIX)


def stem_of(path: Path) -> str:
    """The part of a file's name that names its call: ``<call>-<number>.wav.sealed``."""
    return path.name.removesuffix(SUFFIX).removesuffix(".wav").rpartition("-")[0]


def write_whole(path: Path, content: bytes, *, like: Path | None = None) -> None:
    """Write a file that appears under its name only when it is complete and synced, mode 0600.

    Args:
        path: where; replaced when it is there.
        content: the bytes.
        like: keeps the age of this file.

    Raises:
        OSError: the disk does not take it; what was there before stays.
    """
    handle, name = tempfile.mkstemp(prefix=".part-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            if like is not None:
                old = like.stat()
                os.utime(file.fileno(), ns=(old.st_atime_ns, old.st_mtime_ns))
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
