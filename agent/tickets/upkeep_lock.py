"""One upkeep at a time on a machine: a change of keys must not bring back what is being erased."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from agent.errors import UsageError

LOCK_FILE: Final = "upkeep.lock"
_PAUSE_S: Final = 0.1


@contextmanager
def upkeep_alone(data_dir: Path, *, wait_s: float = 30.0) -> Iterator[None]:
    """Hold the lock of rotation, erasure and retention; a process that dies lets go of it.

    Raises:
        UsageError: another one is still at work after ``wait_s``, or the folder cannot be written.
    """
    deadline = time.monotonic() + wait_s
    try:
        handle = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise UsageError(f"{data_dir} cannot be written ({exc.strerror}).") from None
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise UsageError(
                        "A change of keys, an erasure or the retention is still at work on this "
                        "machine: try again when it has ended."
                    ) from None
                time.sleep(_PAUSE_S)
        yield
    finally:
        os.close(handle)
