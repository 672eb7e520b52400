"""TicketStore: database, numbers, key and journal folder of one process, opened once."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from agent.errors import ConfigurationError, NumbersExhausted
from agent.settings import Settings
from agent.tickets.cipher import Cipher
from agent.tickets.database import Database, DatabaseAway, NumberTaken, is_shared, open_engine
from agent.tickets.disk import make_folder
from agent.tickets.durability import KEPT, Durability, durability_of
from agent.tickets.key_check import cipher_for
from agent.tickets.keyring import Keyring
from agent.tickets.numbering import NumberBook, number_of
from agent.tickets.records import Row
from agent.tickets.repository import Added, TicketRepository

WITHIN_S = 1.5
"""How long a caller waits for the database before his number is given without it."""
RESERVE_BLOCKS = 10
"""Blocks a machine holds ahead of need. With the default block of 100 that is 1,000 tickets: more
than an hour of 30 lines taking a complaint every three minutes, with the database away."""
RESERVE_NUMBERS = 2_000
"""Most numbers held ahead, unless one block is larger: a machine that vanishes takes them along."""
_LEASE_ATTEMPTS = 5

logger = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The time, UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class TicketStore:
    """What the calls of a process share to become durable. Safe to use from several threads."""

    database: Database
    repository: TicketRepository
    cipher: Cipher
    book: NumberBook
    journal_dir: Path
    """Journals that are live or wait to be replayed."""
    machine: str
    block_size: int
    clock: Callable[[], datetime]
    keyring: Keyring
    """Where the keys of ``cipher`` lie."""
    durability: Durability = KEPT
    """What a promise needs before it may be spoken."""
    alerts: bool = False
    """Whether every emergency leaves a message for whoever is on duty (control/alerts.py)."""

    @classmethod
    def open(
        cls,
        database_url: str,
        *,
        data_dir: Path,
        key: str = "",
        next_key: str = "",
        machine: str = "",
        block_size: int = 100,
        reserve: bool = True,
        clock: Callable[[], datetime] = utc_now,
        durability: Durability = KEPT,
        alerts: bool = False,
    ) -> TicketStore:
        """Open everything; a database that is away is no reason to fail.

        Args:
            database_url: SQLAlchemy URL.
            data_dir: folder for journals, numbers and key; made when missing.
            key: base64 of 32 bytes, or empty for the key file under ``data_dir``.
            next_key: the same of a key that seals from now on, or empty.
            machine: name that leases ticket numbers, or empty for the host name.
            block_size: ticket numbers leased at once.
            reserve: lease ticket numbers ahead; False for who only reads.
            clock: gives the time, UTC.
            durability: what counts as durable here.
            alerts: whether somebody is told of emergencies.

        Raises:
            ConfigurationError: the URL, the key or the folder cannot be used, or what is stored was
                sealed with another key.
        """
        if is_shared(database_url) and not key:
            raise ConfigurationError(
                "A database that machines share needs one key for all of them: set "
                "TICKETS__ENCRYPTION_KEY to 32 bytes in base64."
            )
        engine = open_engine(database_url)
        data_dir = data_dir.resolve()
        try:
            make_folder(data_dir)
        except OSError as exc:
            raise ConfigurationError(
                f"The folder {data_dir} cannot be made ({exc.strerror}): check DATA_DIR."
            ) from None
        database = Database(engine)
        keyring = Keyring(data_dir, key, next_key)
        try:
            cipher = cipher_for(keyring, data_dir, database)
        except ConfigurationError:
            database.close()
            raise
        machine = machine or socket.gethostname()
        store = cls(
            database=database,
            repository=TicketRepository(engine, cipher),
            cipher=cipher,
            book=NumberBook(data_dir / "numbers.db", machine),
            journal_dir=data_dir / "journal",
            machine=machine,
            block_size=block_size,
            clock=clock,
            durability=durability,
            keyring=keyring,
            alerts=alerts,
        )
        if reserve:
            store.top_up()
        return store

    @classmethod
    def from_settings(cls, settings: Settings, *, reserve: bool = True) -> TicketStore:
        """Open the store these settings describe.

        Raises:
            ConfigurationError: the URL, the key or the folder cannot be used.
        """
        group = settings.tickets
        return cls.open(
            settings.database_url,
            data_dir=settings.data_dir,
            key=group.encryption_key.get_secret_value(),
            next_key=group.encryption_key_next.get_secret_value(),
            machine=group.machine,
            block_size=group.block_size,
            reserve=reserve,
            durability=durability_of(settings),
            alerts=bool(settings.alerts.url),
        )

    def beside(self, database_url: str, data_dir: Path) -> TicketStore:
        """A second store with the same key on other data, which leases no numbers of its own.

        Raises:
            ConfigurationError: the URL cannot be used.
        """
        engine = open_engine(database_url)
        return replace(
            self,
            database=Database(engine),
            repository=TicketRepository(engine, self.cipher),
            book=NumberBook(data_dir / "numbers.db", self.machine),
            journal_dir=data_dir / "journal",
            alerts=False,
        )

    @property
    def data_dir(self) -> Path:
        """Folder of everything this machine writes."""
        return self.journal_dir.parent

    @property
    def done_dir(self) -> Path:
        """Journals whose rows are all in the database."""
        return self.journal_dir / "done"

    @property
    def damaged_dir(self) -> Path:
        """Journals that were damaged: what could be read is stored, a person should look."""
        return self.journal_dir / "damaged"

    def save(
        self,
        tickets: Sequence[Row] = (),
        call: Row | None = None,
        callbacks: Sequence[Row] = (),
        *,
        within_s: float = WITHIN_S,
    ) -> Added:
        """Store rows in one transaction, each at most once.

        Raises:
            DatabaseAway: nothing was stored as far as we know; trying again is safe.
            NumberTaken: a number belongs to another complaint; nothing was stored.
        """

        def work(connection: Connection) -> Added:
            if call is not None:
                self.repository.add_call(connection, call)
            self.repository.add_callbacks(connection, callbacks)
            added = self.repository.add(connection, tickets)
            if self.alerts:
                self.repository.add_alerts(connection, tickets, self.clock())
            return added

        return self.database.visit(work, within_s=within_s)

    def take_numbers(self, count: int) -> list[str]:
        """Consume ticket numbers: from this machine's blocks, else straight from the database.

        Raises:
            NumbersExhausted: this machine holds none, and the database is away or has none.
        """
        if count == 0:  # nothing to ask anybody for, least of all a block of no numbers
            return []
        try:
            return self.book.take(count)
        except NumbersExhausted:
            logger.warning("no leased ticket numbers left, asking the database")
        # Not through numbers.db: it may be what fails, on a disk that is full.
        return [number_of(serial) for serial in self._lease(count)]

    def top_up(self) -> None:
        """Fill the reserve when half is used; without a database it stays as it is."""
        block = self.block_size
        reserve = max(block, min(RESERVE_BLOCKS * block, RESERVE_NUMBERS))
        try:
            left = self.book.remaining()
            if left * 2 <= reserve:
                size = -(-(reserve - left) // block) * block
                leased = self._lease(size)
                self.book.add(leased.start, leased.stop - 1)
        except NumbersExhausted:
            logger.warning("ticket numbers could not be leased ahead")

    def close(self) -> None:
        """Close files and pooled connections."""
        self.book.close()
        self.database.close()
        if self.durability.receiver is not None:
            self.durability.receiver.close()

    def _lease(self, size: int) -> range:
        held: list[tuple[int, int]] = []
        with suppress(NumbersExhausted):
            held = self.book.blocks()
        for _ in range(_LEASE_ATTEMPTS):
            try:
                return self.database.visit(
                    lambda connection: self.repository.lease_block(
                        connection, self.machine, size, held
                    ),
                    within_s=WITHIN_S,
                )
            except NumberTaken:  # another machine was faster: take the block behind its
                continue
            except DatabaseAway:
                break
        raise NumbersExhausted(
            "This machine holds no ticket numbers and the database gives none: check that "
            "TICKETS__DATABASE_URL can be reached and DATA_DIR written."
        )
