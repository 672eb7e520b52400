"""The ticket database: how it is opened, and how long anybody waits for it.

A caller is on the line while a row is written, so every visit is bounded: it runs on a thread of
its own, and when it is not back in time the call goes on without it (the journal has the words,
forwarder.py brings the row later). A visit that comes back late does no harm, because everything
written here may be written twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from agent.errors import ConfigurationError, TicketError
from agent.tickets.schema import OutdatedSchema, prepare

READ_ONLY = "kural_read_only"
"""Execution option of a connection that only reads: it then takes no write lock in SQLite."""
LOCK_WAIT_S = 1.0
"""How long one statement waits for another writer."""
_MAX_VISITS = 8
"""Visits at the same time; more wait their turn. When so many hang in a database that does not
answer, the next is refused at once."""
_DEAD_LINK_MS = 5_000
"""A server that is gone without a word (its machine, its network) is given up after this long;
else its visits would hang until TCP gives up, a quarter of an hour."""

Result = TypeVar("Result")


class DatabaseAway(TicketError):
    """The database did not take or give it in time; the journal keeps what was to be stored."""

    retryable = True


class NumberTaken(TicketError):
    """Another complaint is stored under this number: two machines shared a block of numbers."""


class Database:
    """Short, bounded visits to the ticket database. One a process; share it between threads."""

    def __init__(self, engine: Engine) -> None:
        """Wrap an engine made by :func:`open_engine`; nothing is opened yet."""
        self.engine = engine
        self._visits = threading.BoundedSemaphore(_MAX_VISITS)
        self._overdue: set[_Visit] = set()
        """Visits nobody waits for any more."""
        self._schema_ready = False

    def visit(self, work: Callable[[Connection], Result], *, within_s: float) -> Result:
        """Run ``work`` in one write transaction, or give up after ``within_s`` seconds.

        Raises:
            DatabaseAway: no answer in time, no connection, no disk, or a refusal to write.
            NumberTaken: a ticket number already belongs to another complaint.
        """
        return self._bounded(lambda: self._transact(work), within_s)

    def look(self, work: Callable[[Connection], Result], *, within_s: float) -> Result:
        """Run ``work`` in one transaction that only reads; makes no tables, changes no form.

        Raises:
            DatabaseAway: no answer in time, no connection, or no such table.
        """
        return self._bounded(lambda: self._read(work), within_s)

    def _bounded(self, work: Callable[[], Result], within_s: float) -> Result:
        deadline = time.monotonic() + within_s
        self._overdue = {visit for visit in self._overdue if visit.is_alive()}
        patience_s = within_s if len(self._overdue) < _MAX_VISITS else 0.0
        if not self._visits.acquire(timeout=patience_s):
            raise DatabaseAway("The ticket database has not answered several earlier visits.")
        visit = _Visit(work, self._visits)
        visit.start()
        visit.join(max(0.0, deadline - time.monotonic()))
        if visit.is_alive():
            self._overdue = {*self._overdue, visit}
            raise DatabaseAway(f"The ticket database did not answer within {within_s:g} s.")
        if visit.error is not None:
            raise visit.error
        result: Result = visit.result
        return result

    def answers(self, within_s: float) -> bool:
        """Whether it takes a transaction now."""
        try:
            self.visit(lambda connection: connection.execute(text("SELECT 1")), within_s=within_s)
        except (DatabaseAway, NumberTaken):
            return False
        return True

    def _read(self, work: Callable[[Connection], Result]) -> Result:
        try:
            with self.engine.connect().execution_options(**{READ_ONLY: True}) as connection:
                return work(connection)
        except SQLAlchemyError as exc:
            raise DatabaseAway(
                f"The ticket database cannot be read ({type(exc.__cause__ or exc).__name__})."
            ) from None

    def close(self) -> None:
        """Close pooled connections."""
        self.engine.dispose()

    def _transact(self, work: Callable[[Connection], Result]) -> Result:
        try:
            with self.engine.begin() as connection:
                if not self._schema_ready:
                    prepare(connection)
                result = work(connection)
        except IntegrityError:
            raise NumberTaken("A ticket number is already taken by another complaint.") from None
        except OutdatedSchema as exc:
            raise DatabaseAway(str(exc)) from None
        except SQLAlchemyError as exc:
            raise DatabaseAway(
                f"The ticket database refused ({type(exc.__cause__ or exc).__name__})."
            ) from None
        self._schema_ready = True
        return result


class _Visit(threading.Thread):
    """One visit; daemonic, so that a database that hangs cannot keep the process from ending."""

    def __init__(self, work: Callable[[], Any], visits: threading.BoundedSemaphore) -> None:
        super().__init__(name="ticket-database", daemon=True)
        self._work = work
        self._permit = visits
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        """Do the work and keep what came of it for the thread that waits."""
        try:
            self.result = self._work()
        except BaseException as exc:  # noqa: BLE001  handed over and raised by the waiting thread
            self.error = exc
        finally:
            self._permit.release()


def open_engine(url: str) -> Engine:
    """Make the engine for an SQLAlchemy URL; connects to nothing.

    Raises:
        ConfigurationError: the URL is no URL, its driver is not installed, or the database would
            live in memory. The message never holds the URL: it may hold a password.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed)
        return _server(parsed)
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise ConfigurationError(
            "TICKETS__DATABASE_URL is not a database URL: write it like sqlite:///kural.db or "
            "postgresql+psycopg://user:password@host/kural."
        ) from None
    except ModuleNotFoundError as exc:
        raise ConfigurationError(
            f"TICKETS__DATABASE_URL needs the Python package {exc.name}: install it."
        ) from None


def is_shared(url: str) -> bool:
    """Whether other machines can use this database, so that they need one common key."""
    try:
        return make_url(url).get_backend_name() != "sqlite"
    except (ArgumentError, ValueError):
        return False


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite database; None for a server, a ``file:`` URI or no URL at all."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return None
    name = parsed.database
    if parsed.get_backend_name() != "sqlite" or not name or name.startswith("file:"):
        return None
    return Path(name)


def _sqlite(url: URL) -> Engine:
    if not url.database or ":memory:" in url.database or "mode=memory" in str(url):
        raise ConfigurationError(
            "A ticket database in memory keeps nothing: give TICKETS__DATABASE_URL a file."
        )
    engine = create_engine(url, connect_args={"timeout": LOCK_WAIT_S})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(dbapi_connection: Any, _record: object) -> None:
    dbapi_connection.isolation_level = None  # we begin transactions ourselves, see below
    cursor = dbapi_connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that starts by reading and then writes fails at once when another writer was
    # faster; taking the write lock first lets it wait. Readers never take it, so an export of a
    # million tickets stops no call.
    reads = connection.get_execution_options().get(READ_ONLY)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _server(url: URL) -> Engine:
    arguments: dict[str, Any] = {}
    if url.get_backend_name() == "postgresql" and url.get_driver_name() in {"psycopg", "psycopg2"}:
        arguments = {
            "connect_timeout": 2,
            "tcp_user_timeout": _DEAD_LINK_MS,
            "options": f"-c lock_timeout={LOCK_WAIT_S * 1000:.0f}",
        }
    return create_engine(url, pool_pre_ping=True, pool_recycle=300, connect_args=arguments)
