"""Base backups and continuous write-ahead log of a PostgreSQL server, and the way back.

PostgreSQL's own programs do the work: ``pg_basebackup`` copies the server, ``pg_receivewal`` keeps
every change after it, synced as it arrives, through a replication slot, so that the server keeps
what was not received yet. What can be lost is what had not arrived: well under a second of work.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from agent.errors import UsageError
from agent.tickets.backup import PREFIX, Manifest, read_manifest, write_manifest
from agent.tickets.database import open_engine
from agent.tickets.disk import make_folder, sync_folder
from agent.tickets.postgres_server import postgres_program

WAL = "wal"
"""Folder beside the backups with what was received."""
SLOT = "kural_backup"
_BASE = "base"


def back_up(url: str, target: Path) -> Path:
    """Copy the whole server into a new folder under ``target``; it goes on working meanwhile.

    Raises:
        UsageError: the server or its programs cannot be reached, or the folder not be written.
    """
    made_at = datetime.now(UTC)
    folder = target / f"{PREFIX}{made_at:%Y%m%dT%H%M%S}"
    partial = folder.with_suffix(".partial")
    try:
        make_folder(target)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        tickets, newest = _count(url)
        _run(
            url,
            ["pg_basebackup", "--pgdata", str(partial / _BASE), "--wal-method=stream",
             "--checkpoint=fast", "--no-password"],
        )  # fmt: skip
        write_manifest(partial, "postgresql", made_at, tickets, newest)
        partial.replace(folder)
        sync_folder(target)
    except OSError as exc:
        shutil.rmtree(partial, ignore_errors=True)
        raise UsageError(f"The backup could not be written to {target} ({exc.strerror}).") from None
    except UsageError:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return folder


def follow(url: str, target: Path) -> subprocess.Popen[bytes]:
    """Start receiving every change into ``target/wal``, synced; the caller ends the process.

    The replication slot makes the server keep what was not received: watch its disk when nobody
    receives for long.

    Raises:
        UsageError: the server or its programs cannot be reached.
    """
    folder = target / WAL
    make_folder(folder)
    receive = ["pg_receivewal", "--directory", str(folder), "--slot", SLOT, "--no-password"]
    _run(url, [*receive, "--create-slot", "--if-not-exists"])
    program, environment = _prepared(url, receive)
    return subprocess.Popen([*program, "--synchronous"], env=environment)


def restore(folder: Path, data: Path) -> Manifest:
    """Make the data folder of a server from a backup and what was received after it.

    The server replays the log when it is started on that folder.

    Raises:
        UsageError: it is no backup of PostgreSQL, or the data folder is not empty.
    """
    manifest = read_manifest(folder)
    if manifest.kind != "postgresql":
        raise UsageError(f"{folder} is a backup of SQLite: restore it without --postgres-data.")
    if data.exists() and any(data.iterdir()):
        raise UsageError(f"{data} is not empty: restore into an empty folder.")
    wal = folder.parent / WAL
    try:
        shutil.copytree(folder / _BASE, data, dirs_exist_ok=True)
        data.chmod(0o700)
        received = data / "received_wal"
        received.mkdir()
        if wal.is_dir():
            for path in sorted(wal.iterdir()):
                # The last piece is not full yet, but what is in it counts.
                shutil.copyfile(path, received / path.name.removesuffix(".partial"))
        with (data / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
            settings.write("restore_command = 'cp received_wal/%f %p'\n")
            settings.write("recovery_target_timeline = 'latest'\n")
        (data / "recovery.signal").touch()
    except OSError as exc:
        raise UsageError(f"The backup could not be put into {data} ({exc.strerror}).") from None
    return manifest


def _count(url: str) -> tuple[int, str | None]:
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            query = text("SELECT count(*), max(created_at) FROM ticket")
            count, newest = connection.execute(query).one()
    except SQLAlchemyError:
        raise UsageError(
            "The ticket database cannot be read: check TICKETS__DATABASE_URL."
        ) from None
    finally:
        engine.dispose()
    return int(count), newest.isoformat() if newest else None


def _run(url: str, command: list[str]) -> None:
    program, environment = _prepared(url, command)
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        cause = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise UsageError(f"{command[0]} failed: {cause[0][:300]}")


def _prepared(url: str, command: list[str]) -> tuple[list[str], dict[str, str]]:
    """The command with its server; the password goes by the environment, never by the line."""
    parsed = make_url(url)
    name, *rest = command
    program = [postgres_program(name), *rest]
    for option, value in (("--host", parsed.host), ("--port", parsed.port),
                          ("--username", parsed.username)):  # fmt: skip
        if value:
            program += [option, str(value)]
    environment = dict(os.environ)
    if parsed.password:
        environment["PGPASSWORD"] = str(parsed.password)
    return program, environment
