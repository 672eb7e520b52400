"""What is left to erase on this machine's disk: journals lose their words, sound is deleted.

A machine can reach only its own disk, and leaves journals of live calls alone. So every machine
runs :func:`finish_erasures` from time to time: it takes what was erased from somewhere else, or
while the call went on, and erases again what an older copy of the database has brought back.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import ColumnElement, CompoundSelect, Connection, Select, or_, select

from agent.tickets.journal import Kind, journal_name, read_journal
from agent.tickets.models import CALL, CONSENT, TELLING, TICKET
from agent.tickets.rewriting import is_live, journals
from agent.tickets.sealed_files import FOLDERS, call_stem, files_of, sealed_files, stem_of
from agent.tickets.store import TicketStore
from agent.tickets.stripping import ERASED, strip

WITHIN_S: Final = 30.0
_AT_ONCE: Final = 500
_MARK: Final = f'"{ERASED}":true'.encode()


@dataclass(slots=True)
class FilesErased:
    """What was taken from the disk."""

    journals: int = 0
    files: int = 0
    live: bool = False
    """The call goes on: its journal was left."""


def erase_files(store: TicketStore, call_id: str, indexes: Collection[int] | None) -> FilesErased:
    """Take the caller and some complaints out of the journals of a call, and delete its sound.

    Args:
        store: the journals.
        call_id: of the call.
        indexes: issue indexes of the complaints; None for everything that was said.

    Raises:
        OSError: the disk does not take it.
        TicketError: a journal was sealed with another key.
    """
    gone, name = FilesErased(), journal_name(call_id)
    for path in [each for each in journals(store.journal_dir) if each.name == name]:
        changed = strip(path, store.cipher, indexes)
        gone.journals += bool(changed)
        gone.live |= changed is None and is_live(path)
    gone.files = delete_sound(store.data_dir, call_id)
    return gone


def delete_sound(data_dir: Path, call_id: str) -> int:
    """Delete this machine's voice notes and recordings of a call; returns how many."""
    paths = files_of(data_dir, call_id)
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)


def indexes_of(connection: Connection, calls: Collection[str]) -> dict[str, set[int] | None]:
    """What is erased of each call: issue indexes, or None when no ticket of it is left whole."""
    found: dict[str, set[int] | None] = {}
    query = select(TICKET.c.call_id, TICKET.c.issue_index, TICKET.c.erased_at)
    told = select(TELLING.c.call_id, TELLING.c.issue_index, TICKET.c.erased_at).join(
        TICKET, TICKET.c.idempotency_key == TELLING.c.key
    )
    names = sorted(calls)
    for first in range(0, len(names), _AT_ONCE):
        some = names[first : first + _AT_ONCE]
        rows = connection.execute(
            query.where(TICKET.c.call_id.in_(some)).union(told.where(TELLING.c.call_id.in_(some)))
        ).all()
        for call_id in some:
            mine = [row for row in rows if row.call_id == call_id]
            erased = {row.issue_index for row in mine if row.erased_at is not None}
            found[call_id] = None if len(erased) == len(mine) else erased
    return found


def calls_telling(where: ColumnElement[bool]) -> CompoundSelect[str]:
    """Ids of all calls that told of these tickets; ``where`` is a condition of table ``ticket``."""
    told = select(TELLING.c.call_id).join(TICKET, TICKET.c.idempotency_key == TELLING.c.key)
    return select(TICKET.c.call_id).where(where).union(told.where(where))


def told_by(calls: Sequence[str] | Select[str]) -> ColumnElement[bool]:
    """A condition of table ``ticket``: one of these calls told of it."""
    keys = select(TELLING.c.key).where(TELLING.c.call_id.in_(calls))
    return or_(TICKET.c.call_id.in_(calls), TICKET.c.idempotency_key.in_(keys))


def finish_erasures(store: TicketStore) -> FilesErased:
    """Take from this machine what is erased in the database.

    Raises:
        DatabaseAway: the database does not answer.
        OSError, TicketError: as :func:`erase_files`.
    """
    stems = {path.name.removesuffix(path.suffix) for path in journals(store.journal_dir)}
    for folder in FOLDERS:
        stems |= {stem_of(path) for path, _ in sealed_files(store.data_dir / folder)}

    def work(connection: Connection) -> tuple[dict[str, set[int] | None], list[str]]:
        erased = set(_here(connection, select(CALL.c.id).where(CALL.c.erased_at.is_not(None))))
        erased |= set(_here(connection, _ERASED_TICKETS))
        return indexes_of(connection, erased), _here(connection, _WITHDRAWN)

    def _here(connection: Connection, query: Select[str] | CompoundSelect[str]) -> list[str]:
        found = connection.execute(query).scalars()
        return [call_id for call_id in found if call_stem(call_id) in stems]

    total = FilesErased()
    erased, withdrawn = store.database.visit(work, within_s=WITHIN_S)
    for call_id, indexes in erased.items():
        gone = erase_files(store, call_id, indexes)
        total.journals += gone.journals
        total.files += gone.files
        total.live |= gone.live
    for call_id in withdrawn:
        total.files += delete_sound(store.data_dir, call_id)
    return total


_ERASED_TICKETS: Final = calls_telling(TICKET.c.erased_at.is_not(None))
_WITHDRAWN: Final = (
    select(CONSENT.c.call_id)
    .where(CONSENT.c.withdrawn_at.is_not(None), CONSENT.c.kind == "recording")
)  # fmt: skip


def erased_in_journals(store: TicketStore) -> set[str]:
    """Numbers of tickets whose words were taken out of this machine's journals.

    Raises:
        OSError: a journal cannot be read.
    """
    numbers: set[str] = set()
    for path in journals(store.journal_dir):
        with suppress(FileNotFoundError):  # its call has just ended, and nothing of it is erased
            if _MARK not in path.read_bytes():
                continue
            for line in read_journal(path).lines:
                if line.kind is Kind.FILED:
                    numbers |= {t["number"] for t in line.data["tickets"] if t.get(ERASED)}
    return numbers
