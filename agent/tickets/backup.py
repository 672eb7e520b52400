"""Copies of everything a machine must not lose, and the way back (SQLite).

A backup is a folder: the database as of one moment (SQLite's online backup, while calls go on), the
leased numbers, the journals and the voice notes, and ``manifest.json`` with a checksum of each. The
key is left out on purpose: who finds a backup shall not read it. Journals are copied after the
database, so a ticket acknowledged in between is in one of the two, and a restore replays them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.errors import UsageError
from agent.tickets.disk import make_folder, sync_folder
from agent.tickets.voice_notes import FOLDER as VOICE_NOTES

MANIFEST = "manifest.json"
PREFIX = "backup-"
DATABASE = "kural.db"
NUMBERS = "numbers.db"
JOURNAL = "journal"
_PARTIAL = ".partial"
_VERSION = 1
_PAGES = 2_000
"""Copied at a time; between two the progress is shown."""
_BLOCK = 1 << 20

Progress = Callable[[str, float], None]
"""Told what is copied, and which part of it (0 to 1) is done."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds."""

    version: int
    made_at: str
    """UTC, ISO 8601: every ticket acknowledged before is in it."""
    kind: str
    """``sqlite`` or ``postgresql``."""
    tickets: int
    newest_ticket_at: str | None
    files: dict[str, tuple[int, str]]
    """Size and SHA-256 of every file."""


def back_up(
    database: Path, data_dir: Path, target: Path, *, progress: Progress | None = None
) -> Path:
    """Copy everything into a new folder under ``target``; calls go on meanwhile.

    Returns:
        The folder; it gets its name only when it is complete and synced.

    Raises:
        UsageError: the database is missing, or the target cannot be written.
    """
    if not database.is_file():
        raise UsageError(f"There is no ticket database at {database}: check DATA_DIR.")
    made_at = datetime.now(UTC)
    folder = target / f"{PREFIX}{made_at:%Y%m%dT%H%M%S}"
    partial = folder.with_suffix(_PARTIAL)
    tell = progress or (lambda what, part: None)
    try:
        make_folder(target)
        if folder.exists():
            raise UsageError(f"There is a backup {folder} already: wait a second.")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        copy_sqlite(database, partial / DATABASE, lambda part: tell(DATABASE, part))
        if (data_dir / NUMBERS).is_file():
            copy_sqlite(data_dir / NUMBERS, partial / NUMBERS)
        for name in (JOURNAL, VOICE_NOTES):
            _copy_tree(data_dir / name, partial / name)
            tell(name, 1.0)
        tickets, newest = count_tickets(partial / DATABASE)
        write_manifest(partial, "sqlite", made_at, tickets, newest)
        partial.replace(folder)
        sync_folder(target)
    except (OSError, sqlite3.Error) as exc:
        shutil.rmtree(partial, ignore_errors=True)
        cause = getattr(exc, "strerror", None) or type(exc).__name__
        raise UsageError(f"The backup could not be written to {target} ({cause}).") from None
    return folder


def restore(folder: Path, data_dir: Path) -> Manifest:
    """Put a backup into a data folder that holds no database; nothing is overwritten.

    The key must be put there as well (``secret.key``) or set, and ``kural tickets replay`` run:
    it stores what journals hold and the database of the backup does not.

    Raises:
        UsageError: the folder is no whole backup, or the data folder is in use.
    """
    manifest = verify(folder)
    if manifest.kind != "sqlite":
        raise UsageError(f"{folder} is a backup of PostgreSQL: restore it with --postgres-data.")
    for name in (DATABASE, NUMBERS, JOURNAL, VOICE_NOTES):
        if (data_dir / name).exists():
            raise UsageError(
                f"{data_dir / name} is there already: restore into an empty folder or move it."
            )
    try:
        make_folder(data_dir)
        for name in manifest.files:
            target = data_dir / name
            make_folder(target.parent)
            shutil.copyfile(folder / name, target)
            target.chmod(0o600)
            _sync(target)
        with closing(sqlite3.connect(data_dir / DATABASE)) as db:
            (verdict,) = db.execute("PRAGMA integrity_check").fetchone()
    except (OSError, sqlite3.Error) as exc:
        cause = getattr(exc, "strerror", None) or type(exc).__name__
        raise UsageError(f"The backup could not be put into {data_dir} ({cause}).") from None
    if verdict != "ok":
        raise UsageError(f"The database in {folder} is damaged: restore an earlier backup.")
    return manifest


def verify(folder: Path) -> Manifest:
    """Read the manifest and compare every file with it.

    Raises:
        UsageError: it is no backup, or a file is missing or changed.
    """
    manifest = read_manifest(folder)
    for name, (size, digest) in manifest.files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size or _digest(path) != digest:
            raise UsageError(f"{path} is not what was backed up: take another backup.")
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup.

    Raises:
        UsageError: it is no backup of ours.
    """
    try:
        data = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if data["version"] != _VERSION:
            raise UsageError(f"{folder} was made by another version of this program.")
        files = {name: (int(size), str(digest)) for name, (size, digest) in data["files"].items()}
        return Manifest(**{**data, "files": files})
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{folder} is no backup: it has no {MANIFEST} of ours.") from None


def all_backups(target: Path) -> list[Path]:
    """Whole backups under a folder, oldest first."""
    return sorted(path for path in target.glob(f"{PREFIX}*") if (path / MANIFEST).is_file())


def thin_out(target: Path, keep: int) -> list[Path]:
    """Delete all but the newest ``keep`` backups, and what an earlier run left unfinished."""
    gone = all_backups(target)[:-keep] if keep else []
    for path in gone:
        (path / MANIFEST).unlink()  # first, so that half of it is never taken for a whole one
        shutil.rmtree(path)
    return gone


def write_manifest(
    folder: Path, kind: str, made_at: datetime, tickets: int, newest: str | None
) -> Manifest:
    """Write and sync ``manifest.json`` over everything in a folder."""
    files: dict[str, tuple[int, str]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            files[path.relative_to(folder).as_posix()] = (path.stat().st_size, _digest(path))
            _sync(path)
    manifest = Manifest(_VERSION, made_at.isoformat(), kind, tickets, newest, files)
    path = folder / MANIFEST
    path.write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")
    _sync(path)
    sync_folder(folder)
    return manifest


def copy_sqlite(
    source: Path, target: Path, progress: Callable[[float], None] | None = None
) -> None:
    """Copy an SQLite database that others write to, as of one moment.

    Raises:
        OSError, sqlite3.Error: one of the two fails.
    """

    def told(_status: int, remaining: int, total: int) -> None:
        if progress is not None:
            progress(1 - remaining / total if total else 1.0)

    uri = f"{source.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as old, closing(sqlite3.connect(target)) as new:
        # One read transaction around all steps: else every write in between starts it anew.
        old.execute("BEGIN")
        old.execute("SELECT count(*) FROM sqlite_master").fetchone()
        old.backup(new, pages=_PAGES, progress=told)
        new.execute("PRAGMA journal_mode = DELETE")
    target.chmod(0o600)


def count_tickets(database: Path) -> tuple[int, str | None]:
    """How many tickets an SQLite file holds, and when the newest was made."""
    with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'ticket'").fetchone():
            return 0, None
        count, newest = db.execute("SELECT count(*), max(created_at) FROM ticket").fetchone()
        return int(count), newest


def _copy_tree(source: Path, target: Path) -> None:
    for path in _files(source):
        copy = target / path.relative_to(source)
        make_folder(copy.parent)
        try:
            shutil.copyfile(path, copy)
        except FileNotFoundError:
            continue  # the journal of a call that ended meanwhile: it is in done/ now
        copy.chmod(0o600)


def _files(source: Path) -> Iterator[Path]:
    """Files of a tree; journals that wait come before those put away, so that none is missed."""
    if source.is_dir():
        paths = [path for path in source.rglob("*") if path.is_file()]
        yield from sorted(paths, key=lambda path: (len(path.parts), path))
        done = source / "done"
        known = set(paths)
        if done.is_dir():
            yield from sorted(path for path in done.iterdir() if path not in known)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
