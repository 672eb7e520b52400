"""Another key for everything that is sealed, while calls go on.

The new key is put before the old one (from then on every process seals with it), everything is
sealed anew, and only when nothing is left under the old key is that put aside. Killed at any
moment, all is readable with the keys at hand and the next run goes on: a value tells by its first
byte which key it is under, so nothing needs to be remembered.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, or_, select, update

from agent.errors import TicketError, UsageError
from agent.tickets.audit import Person, add_access
from agent.tickets.cipher import Cipher, key_id_of, sealed_bytes
from agent.tickets.journal import JournalLine, read_journal
from agent.tickets.keyring import Keyring, new_key
from agent.tickets.records import Row
from agent.tickets.rewriting import Data, is_live, journals, map_sealed, rewrite
from agent.tickets.sealed_columns import SEALED, SealedTable, key_byte
from agent.tickets.sealed_files import FOLDERS, sealed_files, write_whole
from agent.tickets.store import TicketStore
from agent.tickets.upkeep_lock import upkeep_alone

BATCH_ROWS: Final = 200
"""Rows sealed anew in one transaction: about 20 ms, in which calls wait to write."""
SETTLE_S: Final = 3.0
"""A value sealed just before the new key may be stored so much later: twice a call's patience."""
_WITHIN_S: Final = 30.0
_LIVE_PAUSE_S: Final = 1.0
_THIS: Final = "this_row"

Progress = Callable[[str, int], None]
"""Told what is being sealed anew (a table or folder), and how many of it are done."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class RotationReport:
    """What a change of keys did."""

    old_ids: tuple[int, ...] = ()
    """Ids of the keys that sealed before."""
    new_id: int = 0
    rows: int = 0
    """Rows of the database that are under the new key now."""
    journals: int = 0
    files: int = 0
    """Voice notes and recordings."""
    live: int = 0
    """Calls that go on with a journal under the old key; their journals are left alone."""
    unreadable: list[str] = field(default_factory=list)
    """What does not open with its own key: damaged, and left as it is."""
    finished: bool = False
    """Nothing is left under the old keys; they have been put aside (or may be dropped)."""


def rotate(
    store: TicketStore,
    person: Person,
    *,
    fresh: bytes | None = None,
    wait_s: float = 0.0,
    settle_s: float = SETTLE_S,
    leave_damaged: bool = False,
    progress: Progress = lambda _what, _done: None,
) -> RotationReport:
    """Give everything that is sealed another key, or go on with what was begun.

    Args:
        store: database, journals and keys.
        person: who does it, and why.
        fresh: the new key; None makes one, or takes that of the settings.
        wait_s: how long to wait for calls that go on to end.
        settle_s: the pause before the last look.
        leave_damaged: put the old key aside although something does not open.
        progress: follows the work.

    Raises:
        UsageError: keys are settings and none is set to follow; or another upkeep is at work.
        DatabaseAway: the database does not answer; run it again.
    """
    with upkeep_alone(store.data_dir):
        _begin(store.keyring, fresh, _old_ids(store))
        work = _Rotation(store, progress)
        _write_down(store, person, work.report)
        deadline = time.monotonic() + wait_s
        while True:
            work.pass_once()
            if work.report.live == 0 or time.monotonic() > deadline:
                break
            progress("calls that go on", work.report.live)
            time.sleep(_LIVE_PAUSE_S)
        if work.report.live == 0:
            time.sleep(settle_s)
            work.pass_once()
        left = work.report.live or (work.report.unreadable and not leave_damaged)
        if not left:
            store.keyring.finish()
            work.report.finished = True
    logger.info("keys changed", extra={"rows": work.report.rows, "done": work.report.finished})
    return work.report


def _begin(ring: Keyring, fresh: bytes | None, stored: set[int]) -> None:
    """See to it that there is a key to go to; a change that was begun is gone on with."""
    keys = ring.keys()
    if fresh is not None and key_id_of(fresh) in {key_id_of(k) for k in keys if k != fresh}:
        raise UsageError("The new key has the same id as the old one: take another one.")
    if ring.from_settings:
        if fresh is not None:
            raise UsageError("The key is a setting: give TICKETS__ENCRYPTION_KEY_NEXT the new one.")
        if len(keys) < 2:
            raise UsageError(
                "The key is a setting: set TICKETS__ENCRYPTION_KEY_NEXT to another 32 bytes in "
                "base64 on every machine, restart the workers, and run this again."
            )
        if key_id_of(keys[0]) == key_id_of(keys[1]):
            raise UsageError(
                "TICKETS__ENCRYPTION_KEY_NEXT has the same id as the old key: take another one."
            )
        return
    ring.take_back(stored - {key_id_of(key) for key in keys})
    keys = ring.keys()
    if len(keys) == 1:
        ring.begin(fresh or new_key(*keys))
    elif fresh is not None and fresh != keys[0]:
        raise UsageError("A change of keys is under way: run it to its end without a new key.")


def _old_ids(store: TicketStore) -> set[int]:
    """Ids of the keys that anything in the database is under."""

    def work(connection: Connection) -> set[int]:
        found: set[int] = set()
        for table in SEALED:
            for column in table.columns:
                query = select(key_byte(column)).where(column.is_not(None)).distinct()
                found |= {bytes(value)[0] for value in connection.execute(query).scalars() if value}
        return found

    return store.database.visit(work, within_s=_WITHIN_S)


def _write_down(store: TicketStore, person: Person, report: RotationReport) -> None:
    facts = {"to": f"{report.new_id:02x}", "from": [f"{each:02x}" for each in report.old_ids]}
    now = store.clock()
    store.database.visit(
        lambda connection: add_access(connection, person, "rotate-key", facts, now),
        within_s=_WITHIN_S,
    )


class _Rotation:
    """One run; counts what it does."""

    def __init__(self, store: TicketStore, progress: Progress) -> None:
        self._store = store
        self._cipher: Cipher = store.keyring.cipher()
        self._progress = progress
        newest, *older = self._cipher.key_ids
        self.report = RotationReport(tuple(older), newest)
        self._new = bytes([newest])

    def pass_once(self) -> None:
        """Seal anew whatever is under another key now."""
        self.report.unreadable, self.report.live = [], 0
        for table in SEALED:
            self._table(table)
        for path in journals(self._store.journal_dir):
            self._journal(path)
        self._progress("journals", self.report.journals)
        for name in FOLDERS:
            for path, context in sealed_files(self._store.data_dir / name):
                self._file(path, context)
        self._progress("sound", self.report.files)

    # -- the database ------------------------------------------------------------------------

    def _table(self, table: SealedTable) -> None:
        last: Any = None
        done = 0
        while True:
            batch = self._store.database.visit(
                lambda connection: self._batch(connection, table, last),  # noqa: B023 -- run now
                within_s=_WITHIN_S,
            )
            if not batch:
                return
            last = batch[-1]
            done += len(batch)
            self._progress(table.table.name, done)

    def _batch(self, connection: Connection, table: SealedTable, last: Any) -> list[Any]:
        """Seal some rows anew; returns the keys of the rows that were looked at."""
        names = dict.fromkeys((table.key, *table.needs, *table.contexts))
        query = (
            select(*(table.table.c[name] for name in names))
            .where(or_(*(_is_old(column, self._new) for column in table.columns)))
            .order_by(table.order)
            .limit(BATCH_ROWS)
            .with_for_update()
        )
        if last is not None:
            query = query.where(table.order > last)
        rows = [dict(row) for row in connection.execute(query).mappings()]
        alike: dict[tuple[str, ...], list[Row]] = {}
        for row in rows:
            values = self._resealed(table, row)
            if values:
                alike.setdefault(tuple(sorted(values)), []).append(
                    {_THIS: row[table.key], **{f"new_{name}": values[name] for name in values}}
                )
                self.report.rows += 1
        for columns, changes in alike.items():
            same = table.order == bindparam(_THIS)
            new: Row = {name: bindparam(f"new_{name}") for name in columns}
            connection.execute(update(table.table).where(same).values(new), changes)
        return [row[table.key] for row in rows]

    def _resealed(self, table: SealedTable, row: Row) -> Row:
        values: Row = {}
        for name, context in table.contexts.items():
            sealed = row[name]
            if sealed is None or bytes(sealed)[:1] == self._new:
                continue
            try:
                plain = self._cipher.unseal_bytes(bytes(sealed), context(row))
            except TicketError:
                self.report.unreadable.append(f"{table.table.name} {row[table.key]}, {name}")
                continue
            values[name] = self._cipher.seal_bytes(plain, context(row))
            if name in table.hashes:
                values |= table.hashes_of(name, plain.decode(), self._cipher)
        return values

    # -- files -------------------------------------------------------------------------------

    def _journal(self, path: Path) -> None:
        try:
            changed = rewrite(path, self._line)
        except FileNotFoundError:
            return
        except (TicketError, OSError):
            self.report.unreadable.append(f"journal {path.name}")
            return
        if changed is None:
            self.report.live += is_live(path) and self._has_old(path)
        else:
            self.report.journals += changed

    def _line(self, line: JournalLine) -> Data:
        context = f"journal/{line.call_id}"

        def changed(text: str) -> str:
            if sealed_bytes(text)[:1] == self._new:
                return text
            return self._cipher.seal_text(self._cipher.unseal_text(text, context), context)

        data: Data = map_sealed(line.data, changed)
        return data

    def _has_old(self, path: Path) -> bool:
        """Whether a live journal holds a line under an old key."""
        found: list[bytes] = []

        def seen(text: str) -> str:
            found.append(sealed_bytes(text)[:1])
            return text

        with suppress(OSError, TicketError):
            for line in read_journal(path).lines:
                map_sealed(line.data, seen)
        return any(key != self._new for key in found)

    def _file(self, path: Path, context: str) -> None:
        try:
            with path.open("rb") as file:
                if file.read(1) == self._new:
                    return
            write_whole(path, self._cipher.reseal(path.read_bytes(), context), like=path)
            self.report.files += 1
        except FileNotFoundError:
            return
        except (TicketError, OSError):
            self.report.unreadable.append(f"{path.parent.name} {path.name}")


def _is_old(column: Any, new: bytes) -> Any:
    return and_(column.is_not(None), key_byte(column) != new)
