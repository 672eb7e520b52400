"""A drill: restore a backup elsewhere and compare it with what callers were promised.

Prints what an operator wants to know before the day it counts: how long the way back takes (RTO),
and how much would be missing (RPO).
"""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from agent.errors import UsageError
from agent.tickets import backup, backup_postgres
from agent.tickets.forwarder import replay
from agent.tickets.keyring import KEY_FILE
from agent.tickets.models import TICKET
from agent.tickets.postgres_server import PrivatePostgres
from agent.tickets.store import TicketStore


@dataclass(frozen=True, slots=True)
class DrillReport:
    """What a drill found."""

    kind: str
    live: int
    """Tickets in the live database when the drill began."""
    restored: int
    missing: tuple[str, ...]
    """Numbers of tickets that are live and were not restored."""
    changed: int
    """Tickets that came back as something else than they were at the backup."""
    rto_s: float
    """Seconds from the empty folder to a database with its tickets."""
    rpo_s: float
    """Age of the oldest ticket that is missing; 0 when none is."""

    @property
    def is_whole(self) -> bool:
        """Everything that was there at the backup came back as it was."""
        return not self.changed


def drill(folder: Path, store: TicketStore) -> DrillReport:
    """Restore ``folder`` into a place of its own and compare it with the live database.

    Raises:
        UsageError: it is no whole backup, or the live database cannot be read.
    """
    live = _tickets(store)
    scratch = Path(tempfile.mkdtemp(prefix="kural-drill-"))
    server: PrivatePostgres | None = None
    began = time.monotonic()
    try:
        kind = backup.read_manifest(folder).kind
        if kind == "sqlite":
            backup.restore(folder, scratch)
            key = store.journal_dir.parent / KEY_FILE
            if key.is_file():
                shutil.copyfile(key, scratch / KEY_FILE)
            url = f"sqlite:///{scratch / backup.DATABASE}"
        else:
            backup_postgres.restore(folder, scratch / "data")
            server = PrivatePostgres(scratch)
            server.start()
            there = store.database.engine.url.set(host="127.0.0.1", port=server.port, password="")
            url = there.render_as_string(hide_password=False)
        other = store.beside(url, scratch)
        try:
            replay(other, restore=True)
            took = time.monotonic() - began
            found = _tickets(other)
        finally:
            other.close()
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(scratch, ignore_errors=True)
    missing = sorted(live.keys() - found.keys())
    oldest = min((live[number][0] for number in missing), default=None)
    return DrillReport(
        kind=kind,
        live=len(live),
        restored=len(found),
        missing=tuple(missing),
        changed=sum(found[n][1] != live[n][1] for n in live.keys() & found.keys()),
        rto_s=round(took, 2),
        rpo_s=round((datetime.now(UTC) - oldest).total_seconds(), 1) if oldest else 0.0,
    )


def _tickets(store: TicketStore) -> dict[str, tuple[datetime, tuple[object, ...]]]:
    """Each ticket by its number: when it was made, and what it is about."""
    columns = (TICKET.c.call_id, TICKET.c.issue_index, TICKET.c.created_at, TICKET.c.phone_hash)
    query = select(TICKET.c.number, *columns)
    try:
        with store.database.engine.connect() as connection:
            rows = connection.execute(query).all()
    except SQLAlchemyError:
        raise UsageError(
            "The ticket database cannot be read: check TICKETS__DATABASE_URL."
        ) from None
    return {row.number: (row.created_at, tuple(row[1:])) for row in rows}
