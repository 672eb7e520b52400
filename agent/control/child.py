"""One child process beside us: how it is started, logged and ended. Used by the supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr

from agent.settings import PROJECT_DIR, Settings

LOG_BYTES = 5 * 1024 * 1024
"""A log larger than this is moved to ``NAME.log.1`` and begun anew, so two of them at most."""
STOP_WITHIN_S = 3.0
"""From SIGTERM to SIGKILL."""

_SAYS = "kural: "
"""Beginning of the one sentence with which the command line refuses (see ``agent.cli``)."""
_END_BYTES = 4096
_TETHER = Path(__file__).with_name("tether.py")
_NOT_THEIRS = ("TICKETS", "LIVEKIT", "CONTROL", "SPEECH", "DATA_DIR", "PYTHONPATH")
"""Beginnings of variables a child does not get from our environment: keys of the database, of
LiveKit and of the drain are no business of ears and voice, the others are set from our settings."""


def environment(settings: Settings) -> dict[str, str]:
    """What ears and voice find in their environment: ours, with our settings, without our keys.

    Paths are absolute, and both URLs are given, so a child serves where we will look for it.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(_NOT_THEIRS)
    }
    ours = {f"SPEECH__{name.upper()}": _plain(value) for name, value in settings.speech}
    return (
        inherited
        | ours
        | {
            "SPEECH__EARS_URL": settings.ears_url,
            "SPEECH__VOICE_URL": settings.voice_url,
            "DATA_DIR": str(settings.data_dir.resolve()),
            "LOG__LEVEL": settings.log.level,
            "LOG__FORMAT": settings.log.format,
            "PYTHONPATH": os.pathsep.join(
                filter(None, (str(PROJECT_DIR), os.getenv("PYTHONPATH")))
            ),
            "PYTHONUNBUFFERED": "1",
        }
    )


def companion_environment(settings: Settings) -> dict[str, str]:
    """What a part of the worker itself finds: our environment with our keys, paths absolute."""
    return os.environ | {
        "LIVEKIT_URL": settings.livekit_url,
        "LIVEKIT_API_KEY": settings.livekit_api_key.get_secret_value(),
        "LIVEKIT_API_SECRET": settings.livekit_api_secret.get_secret_value(),
        "SPEECH__VOICE_URL": settings.voice_url,
        "DATA_DIR": str(settings.data_dir.resolve()),
        "LOG__LEVEL": settings.log.level,
        "LOG__FORMAT": settings.log.format,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(PROJECT_DIR), os.getenv("PYTHONPATH")))),
        "PYTHONUNBUFFERED": "1",
    }


def _plain(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value.resolve()) if isinstance(value, Path) else str(value)


async def start(
    arguments: tuple[str, ...], env: dict[str, str], log: Path
) -> asyncio.subprocess.Process:
    """Start ``python -m agent ARGUMENTS`` tied to our life, its output going to ``log``.

    It gets a session of its own: Ctrl-C in a terminal reaches us, and we stop it in good order.

    Raises:
        OSError: no process, or the log cannot be written.
    """
    await asyncio.to_thread(trim_log, log)
    with _log_file(log) as output:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-IS", str(_TETHER), str(os.getpid())),
            *(sys.executable, "-m", "agent", *arguments),
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


async def end(process: asyncio.subprocess.Process, *, within_s: float = STOP_WITHIN_S) -> None:
    """Stop a child and take its exit code, so that no zombie stays; SIGKILL if it will not go.

    Args:
        process: the child.
        within_s: from SIGTERM to SIGKILL.
    """
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(within_s):
            await process.wait()
    except TimeoutError:
        pass
    finally:  # also when our own stop is cut short
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def last_sentence(log: Path) -> str:
    """The last sentence of ours at the end of a log (``kural: ...``); empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _END_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    said = [line.removeprefix(_SAYS) for line in lines if line.startswith(_SAYS)]
    return said[-1] if said else ""


def trim_log(log: Path) -> None:
    """Move a log that is too large aside; the child that writes it goes on unharmed.

    Raises:
        OSError: the folder cannot be written.
    """
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LOG_BYTES:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            os.truncate(log, 0)  # the child appends, so it goes on at the new end


@contextlib.contextmanager
def _log_file(log: Path) -> Iterator[int]:
    log.parent.mkdir(parents=True, exist_ok=True)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        yield output
    finally:
        os.close(output)


@contextlib.contextmanager
def ownership(lock: Path) -> Iterator[bool]:
    """Whether we alone may start the child meanwhile; two supervisors of one folder take turns.

    The kernel frees the lock when its holder dies, so a survivor takes over.

    Raises:
        OSError: the folder cannot be written.
    """
    lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)
