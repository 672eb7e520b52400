"""A private PostgreSQL server on loopback: for drills of a restore, for tests and measurements.

Needs PostgreSQL's own programs (Debian: ``postgresql``). The server refuses to run as root, so root
starts it as the user ``postgres`` or ``nobody``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.errors import UsageError

_START_S = 60.0
_PAUSE_S = 0.05
_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = 64MB
fsync = on
wal_level = replica
max_wal_senders = 4
hot_standby = off
"""
_WHO = """
host all all 127.0.0.1/32 trust
host replication all 127.0.0.1/32 trust
"""
"""Nobody but this machine reaches it, so it asks for no password."""


class PostgresMissing(UsageError):
    """PostgreSQL's programs are not installed."""


class PrivatePostgres:
    """One server with its data in a folder of its own; may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        """Take a folder whose ``data`` is, or becomes, the server's; see :meth:`make`.

        Raises:
            PostgresMissing: initdb or postgres is not installed.
        """
        self._programs = _programs()
        self.port = _free_port()
        self.data = folder / "data"
        self._log = folder / "postgres.log"
        self._settings, self._who = folder / "server.conf", folder / "hba.conf"
        self._settings.write_text(_SETTINGS, encoding="utf-8")
        self._who.write_text(_WHO, encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None
        user = _user()
        self._as = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        self._as = self._as if user else []
        if user:
            account = pwd.getpwnam(user)
            for path in (folder, *folder.rglob("*")):
                os.chown(path, account.pw_uid, account.pw_gid)
            folder.chmod(0o755)

    def make(self) -> None:
        """Make a fresh cluster."""
        self._run([
            self.program("initdb"), "-D", str(self.data), "-U", "kural", "-A", "trust",
            "-E", "UTF8", "--locale=C",
        ])  # fmt: skip

    @property
    def dsn(self) -> str:
        """How psycopg and libpq name the database ``postgres``."""
        return f"host=127.0.0.1 port={self.port} user=kural dbname=postgres"

    def url_of(self, database: str = "postgres") -> str:
        """SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://kural@127.0.0.1:{self.port}/{database}"

    def program(self, name: str) -> str:
        """Path of one of PostgreSQL's programs."""
        return str(self._programs / name)

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            UsageError: it does not answer.
        """
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *self._as, self.program("postgres"), "-D", str(self.data),
                    "-p", str(self.port),
                    "-c", f"config_file={self._settings}", "-c", f"hba_file={self._who}",
                ],
                stdout=log, stderr=log, start_new_session=True, cwd="/",
            )  # fmt: skip
        deadline = time.monotonic() + _START_S
        ready = [self.program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready, check=False).returncode:
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise UsageError(f"PostgreSQL did not start; its last words are in {self._log}.")
            time.sleep(_PAUSE_S)

    def stop(self) -> None:
        """Shut the server down in order; clients are cut off."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill every process of the server at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Make the server hang: connections stand, nothing answers."""
        _signal_all(self.data, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on where it was."""
        _signal_all(self.data, signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        if how is signal.SIGKILL:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            _signal_all(self.data, signal.SIGKILL)
            (self.data / "postmaster.pid").unlink(missing_ok=True)
        else:
            process.send_signal(how)
        process.wait(timeout=_START_S)
        self._process = None

    def _run(self, command: Sequence[str]) -> None:
        done = subprocess.run(
            [*self._as, *command], capture_output=True, text=True, check=False, cwd="/"
        )
        if done.returncode:
            raise UsageError(f"{Path(command[0]).name} failed: {done.stderr.strip()[-300:]}")


@contextmanager
def private_postgres() -> Iterator[PrivatePostgres]:
    """Start a server in a temporary folder; it is gone when the block ends.

    Raises:
        PostgresMissing: its programs are not installed.
    """
    folder = Path(tempfile.mkdtemp(prefix="kural-postgres-"))
    server: PrivatePostgres | None = None
    try:
        server = PrivatePostgres(folder)
        server.make()
        server.start()
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def postgres_program(name: str) -> str:
    """Path of one of PostgreSQL's programs.

    Raises:
        PostgresMissing: it is not installed.
    """
    return shutil.which(name) or str(_programs() / name)


def _programs() -> Path:
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise PostgresMissing("PostgreSQL is not installed: apt-get install postgresql")


def _user() -> str:
    """Whom root becomes; empty for everybody else."""
    if os.geteuid() != 0:
        return ""
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise PostgresMissing("PostgreSQL does not run as root, and there is no user nobody.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _signal_all(data: Path, number: signal.Signals) -> None:
    """Reach also what the server has in sessions of its own, found by its data folder."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (entry / "cwd").resolve() == data.resolve():
                os.kill(int(entry.name), number)
