"""Who looked at personal data, changed or erased it, and why: table ``access``.

A row is committed before anything is shown; what changes data is committed together with it. A
database that cannot be written shows nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, select

from agent.errors import TicketError, UsageError
from agent.tickets.database import READ_ONLY, Database
from agent.tickets.models import ACCESS
from agent.tickets.records import Row

AUDIT_FILE: Final = "audit.jsonl"
"""Where the audit was kept before it was a table."""
TAKEN_OVER: Final = "audit.jsonl.taken-over"
SYSTEM: Final = "system"
_WITHIN_S: Final = 10.0
_LETTERS: Final = 500
_FACTS: Final = ("at", "who", "reason", "action", "facts")


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts on personal data, and why."""

    who: str
    reason: str

    def __post_init__(self) -> None:
        """Refuse nobody and no reason.

        Raises:
            UsageError: one of them is empty or longer than 500 letters.
        """
        for text in (self.who, self.reason):
            if not text.strip() or len(text) > _LETTERS:
                raise UsageError(
                    "Say --as WHO and --reason WHY, up to 500 letters each: both are written down."
                )


def add_access(
    connection: Connection, person: Person, action: str, facts: Row, at: datetime
) -> None:
    """Write down an act inside the transaction that does it."""
    row = {"at": at, "who": person.who.strip(), "reason": person.reason.strip()}
    connection.execute(ACCESS.insert().values({**row, "action": action, "facts": facts}))


def record_access(database: Database, person: Person, action: str, facts: Row) -> None:
    """Write down, committed, that somebody is about to see personal data.

    Args:
        database: the ticket database.
        person: who, and why.
        action: ``show``, ``export``, ...
        facts: which rows: the search or the ticket number, never what they hold.

    Raises:
        UsageError: it cannot be written, so nothing may be shown.
    """
    now = datetime.now(UTC)
    try:
        database.visit(
            lambda connection: add_access(connection, person, action, facts, now),
            within_s=_WITHIN_S,
        )
    except TicketError as exc:
        raise UsageError(f"The audit cannot be written, so nothing is unmasked. {exc}") from None


def accesses(
    engine: Engine,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    who: str = "",
    number: str = "",
) -> Iterator[Row]:
    """Yield what is written down, oldest first, narrowed by every argument that is given.

    Raises:
        SQLAlchemyError: the database cannot be read.
    """
    query = select(*(ACCESS.c[name] for name in _FACTS)).order_by(ACCESS.c.at, ACCESS.c.id)
    if since is not None:
        query = query.where(ACCESS.c.at >= since)
    if until is not None:
        query = query.where(ACCESS.c.at < until)
    if who:
        query = query.where(ACCESS.c.who == who)
    options = {READ_ONLY: True, "yield_per": 500}
    with engine.connect().execution_options(**options) as connection:
        for row in connection.execute(query).mappings():
            if not number or number in _numbers(row["facts"]):
                yield dict(row)


def take_over(database: Database, data_dir: Path) -> int:
    """Bring the file of earlier versions into the table, once, and rename it; returns how many.

    Safe to be killed and to be run again: what is in the table already is not added twice.

    Raises:
        UsageError: the file or the table cannot be read or written; the file stays.
    """
    path = data_dir / AUDIT_FILE
    if not path.is_file():
        return 0
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(handle, encoding="utf-8", errors="replace") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # one process takes it over, others wait
            if not path.is_file():
                return 0
            rows = list(_lines(file.read().splitlines()))
            added = database.visit(lambda c: _add_missing(c, rows), within_s=_WITHIN_S)
            path.rename(data_dir / TAKEN_OVER)
    except (OSError, TicketError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise UsageError(f"{path} cannot be taken into the database ({reason}).") from None
    return added


def _numbers(facts: Row) -> list[str]:
    return [facts.get("ticket", ""), *facts.get("tickets", ())]


def _lines(lines: list[str]) -> Iterator[Row]:
    """Rows of an old file; a line that is none stays in the renamed file only."""
    for number, line in enumerate(lines, start=1):
        try:
            entry: dict[str, Any] = json.loads(line)
            row = {
                "at": datetime.fromisoformat(entry.pop("at")).astimezone(UTC),
                **{name: str(entry.pop(name)) for name in ("who", "reason", "action")},
            }
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        yield {**row, "facts": {**entry, "line": number}}


def _add_missing(connection: Connection, rows: list[Row]) -> int:
    if not rows:
        return 0
    times = [row["at"] for row in rows]
    query = select(*(ACCESS.c[name] for name in _FACTS))
    query = query.where(ACCESS.c.at.between(min(times), max(times)))
    known = Counter(_same(dict(row)) for row in connection.execute(query).mappings())
    missing = [row for row in rows if not known[_same(row)]]
    if missing:
        connection.execute(ACCESS.insert(), missing)
    return len(missing)


def _same(row: Row) -> str:
    return json.dumps([str(row["at"]), *(row[name] for name in _FACTS[1:])], sort_keys=True)
