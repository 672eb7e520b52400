"""Who looked at names and numbers, and why: one synced line before anything is shown."""

from __future__ import annotations

import fcntl
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.errors import UsageError
from agent.tickets.disk import make_folder, sync_folder

AUDIT_FILE = "audit.jsonl"


def record_access(data_dir: Path, entry: dict[str, Any]) -> None:
    """Append one line to the audit journal and sync it.

    Raises:
        UsageError: the line cannot be written, so nothing may be shown.
    """
    line = json.dumps(
        {"at": datetime.now(UTC).isoformat(timespec="seconds"), **entry}, ensure_ascii=False
    )
    path = data_dir / AUDIT_FILE
    try:
        make_folder(data_dir)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(data_dir)
    except OSError as exc:
        raise UsageError(
            f"The audit journal {path} cannot be written ({exc.strerror}), so nothing is unmasked."
        ) from None
