"""Ticket numbers: eight digits and a Damm check digit, consumed from blocks leased to a machine.

How two machines never give the same number, even while the database is away:

1. The ticket database hands out blocks of serials. A block starts right after the highest serial
   ever leased or used, and its first serial is the primary key of ``number_block``: of two machines
   that reach for the same block one fails and takes the next (repository.py). A block is never
   taken back, so what one machine holds no other machine ever can.
2. A machine writes its blocks into its own ``numbers.db`` and holds a reserve ahead of need, from
   which all its processes draw without asking anybody (this module).
3. A block belongs to the machine whose name it carries. A ``numbers.db`` found on a machine of
   another name (a copied disk image) is not drawn from.
4. No block and no database means no number (NumbersExhausted); a number is never guessed.

A serial is marked as used, synced, before it is handed out: a crash leaves a gap, never a repeat.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.check_digit import check_digit
from agent.errors import NumbersExhausted

FIRST_SERIAL = 10_000_000
"""Numbers never start with 0, so no spreadsheet and no keypad drops a digit."""
LAST_SERIAL = 99_999_999
_BUSY_S = 5.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS block (
    first INTEGER PRIMARY KEY,
    last INTEGER NOT NULL CHECK (last >= first),
    next INTEGER NOT NULL CHECK (next >= first AND next <= last + 1),
    machine TEXT NOT NULL
)
"""


def number_of(serial: int) -> str:
    """The ticket number of a serial, nine digits."""
    return f"{serial}{check_digit(str(serial))}"


def serial_of(number: str) -> int:
    """The serial of a ticket number: all but its check digit."""
    return int(number) // 10


class NumberBook:
    """The blocks of this machine in one small SQLite file, shared by all its processes."""

    def __init__(self, path: Path, machine: str) -> None:
        """Name the file; nothing is opened before the first use."""
        self._path = path
        self._machine = machine
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None

    def take(self, count: int) -> list[str]:
        """Consume ``count`` numbers, durably, before they are returned.

        Raises:
            NumbersExhausted: fewer are left, or the file cannot be written; none was consumed
                that is not lost for good.
        """
        serials: list[int] = []
        with self._transaction() as db:
            while len(serials) < count:
                row = db.execute(
                    "SELECT first, last, next FROM block WHERE machine = ? AND next <= last"
                    " ORDER BY first LIMIT 1",
                    (self._machine,),
                ).fetchone()
                if row is None:
                    raise NumbersExhausted("This machine holds no more leased ticket numbers.")
                first, last, following = row
                stop = min(last + 1, following + count - len(serials))
                db.execute("UPDATE block SET next = ? WHERE first = ?", (stop, first))
                serials += range(following, stop)
        return [number_of(serial) for serial in serials]

    def add(self, first: int, last: int) -> None:
        """Keep a leased block; adding it twice changes nothing.

        Raises:
            NumbersExhausted: the file cannot be written.
        """
        with self._transaction() as db:
            db.execute(
                "INSERT INTO block (first, last, next, machine) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (first) DO NOTHING",
                (first, last, first, self._machine),
            )

    def remaining(self) -> int:
        """How many numbers this machine can still give without the database.

        Raises:
            NumbersExhausted: the file cannot be opened.
        """
        with self._transaction() as db:
            (left,) = db.execute(
                "SELECT COALESCE(SUM(last + 1 - next), 0) FROM block WHERE machine = ?",
                (self._machine,),
            ).fetchone()
        return int(left)

    def blocks(self) -> list[tuple[int, int]]:
        """First and last serial of the latest blocks of this machine, used up or not.

        Raises:
            NumbersExhausted: the file cannot be opened.
        """
        query = "SELECT first, last FROM block WHERE machine = ? ORDER BY first DESC LIMIT 20"
        with self._transaction() as db:
            return [(first, last) for first, last in db.execute(query, (self._machine,))]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._drop()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                db = self._db = self._db or _connect(self._path)
                db.execute("BEGIN IMMEDIATE")
                try:
                    yield db
                    db.execute("COMMIT")
                except BaseException:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
                    raise
            except sqlite3.Error:
                self._drop()
                raise NumbersExhausted(
                    f"The file {self._path} of leased ticket numbers cannot be read or written."
                ) from None

    def _drop(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")  # NORMAL may lose the last commits at a power cut
        db.execute(_SCHEMA)
    except BaseException:
        db.close()
        raise
    return db
