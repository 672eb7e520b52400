"""Export of a million tickets beside the database's own CSV dump: time and memory.

Usage: ``python benchmarks/export_tickets.py [--tickets N] [--rounds N] [--xlsx N] [--folder DIR]``.
Makes a database of synthetic sealed tickets (agent/lab/many_tickets.py) in SQLite, and in
PostgreSQL where it is installed; then dumps table ``ticket`` by the database's own means and
exports all tickets by ``kural tickets export`` (decryption, masking, joins and names included), in
turns, each in a process of its own. A million need 5 GB of disk and about ten minutes. Exit code 1
when a budget is missed: 8 times the time of SQLite's dump, 150 MB.
"""

from __future__ import annotations

import argparse
import base64
import os
import platform
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table

from agent.lab.many_tickets import fill, until
from agent.lab.measured import Cost, measure
from agent.tickets.postgres_server import PostgresMissing, private_postgres
from agent.tickets.store import TicketStore

TIMES, MEMORY_MB = 8.0, 150.0
"""Budgets."""
console = Console(width=110)


@dataclass
class Arm:
    """One way to write everything down."""

    name: str
    run: Callable[[Path], Cost]
    costs: list[Cost] = field(default_factory=list)
    size_mb: float = 0.0

    def once(self, folder: Path) -> None:
        """Run and keep what it cost."""
        out = folder / "out"
        self.costs.append(self.run(out))
        if self.costs[-1].code:
            sys.exit(f"{self.name} failed.")
        self.size_mb = out.stat().st_size / 1e6
        out.unlink()
        console.print(f"  {self.name}: {self.costs[-1].wall_s:.1f} s")

    def wall_s(self) -> float:
        """Median of all rounds."""
        return statistics.median(cost.wall_s for cost in self.costs)

    def cpu_s(self) -> float:
        """Median of all rounds."""
        return statistics.median(cost.cpu_s for cost in self.costs)

    def peak_mb(self) -> float:
        """Worst of all rounds."""
        return max(cost.peak_mb for cost in self.costs)


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--tickets", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument(
        "--xlsx", type=int, default=50_000, metavar="N", help="rows of the workbook"
    )
    parser.add_argument("--folder", type=Path, help="where there is room; temporary by default")
    asked = parser.parse_args()
    if shutil.which("sqlite3") is None:
        sys.exit("The program sqlite3 is not installed: apt-get install sqlite3")
    console.print(
        f"{asked.tickets:,} tickets, {asked.rounds} rounds; {os.cpu_count()} cores of "
        f"{platform.machine()}, load {os.getloadavg()[0]:.1f}; {datetime.now(UTC):%Y-%m-%d}"
    )
    with tempfile.TemporaryDirectory(prefix="kural-export-", dir=asked.folder) as name:
        fits = sqlite(Path(name), asked.tickets, asked.rounds, min(asked.xlsx, asked.tickets))
        postgresql(Path(name), asked.tickets, asked.rounds)
    sys.exit(not fits)


def sqlite(folder: Path, tickets: int, rounds: int, in_workbook: int) -> bool:
    """All about SQLite; whether the budgets are kept."""
    file = folder / "kural.db"
    with filled(f"sqlite:///{file}", folder, tickets) as environment:
        dump = Arm("sqlite3 -csv", lambda out: into(out, ["sqlite3", "-csv", "-header", str(file),
                                                          "SELECT * FROM ticket"]))  # fmt: skip
        arms = [dump, *(exported(form, environment) for form in ("csv", "jsonl", "open311"))]
        take_turns(arms, folder, rounds)
        workbook = exported("xlsx", environment, "--until", until(in_workbook).isoformat())
        workbook.once(folder)
    report("SQLite, table ticket", dump, arms)
    console.print(
        f"kural xlsx of {in_workbook:,} tickets: {workbook.wall_s():.0f} s, "
        f"{workbook.peak_mb():.0f} MB, file of {workbook.size_mb:.0f} MB"
    )
    times, peak = arms[1].wall_s() / dump.wall_s(), max(arm.peak_mb() for arm in arms)
    peak = max(peak, workbook.peak_mb())
    console.print(
        f"csv: {times:.1f} times sqlite3's dump (budget {TIMES:g}); "
        f"most memory {peak:.0f} MB (budget {MEMORY_MB:g})"
    )
    return times <= TIMES and peak < MEMORY_MB


def postgresql(folder: Path, tickets: int, rounds: int) -> None:
    """All about PostgreSQL, where it is installed."""
    try:
        with private_postgres() as server:
            with filled(server.url_of(), folder, tickets) as environment:
                copy = "\\copy (SELECT * FROM ticket) TO STDOUT (FORMAT csv, HEADER)"
                psql = [shutil.which("psql") or "psql", server.dsn, "-qc", copy]
                dump = Arm("psql \\copy", lambda out: into(out, psql))
                arms = [dump, *(exported(form, environment) for form in ("csv", "jsonl"))]
                take_turns(arms, folder, rounds)
            report("PostgreSQL, table ticket (processor time of the clients alone)", dump, arms)
    except PostgresMissing as missing:
        console.print(f"PostgreSQL left out: {missing}")


@contextmanager
def filled(url: str, folder: Path, tickets: int) -> Iterator[dict[str, str]]:
    """A database with that many tickets; gives the settings of a program that reads it."""
    key = base64.b64encode(os.urandom(32)).decode()
    store = TicketStore.open(url, data_dir=folder, key=key, reserve=False)
    store.database.visit(lambda _: None, within_s=30)  # makes the tables
    with Progress(
        *Progress.get_default_columns(), MofNCompleteColumn(), console=console, transient=True
    ) as bar:
        task = bar.add_task(f"filling {store.database.engine.dialect.name}", total=tickets)
        fill(store.database.engine, store.cipher, tickets, done=lambda n: bar.advance(task, n))
    with store.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as direct:
        direct.exec_driver_sql("ANALYZE")
    store.close()
    yield {
        "DATA_DIR": str(folder), "TICKETS__DATABASE_URL": url, "TICKETS__ENCRYPTION_KEY": key,
    }  # fmt: skip


def exported(form: str, environment: dict[str, str], *more: str) -> Arm:
    """Our export in one format."""
    command = [sys.executable, "-m", "agent", "tickets", "export", "--format", form, *more]
    return Arm(
        f"kural {form}", lambda out: measure([*command, "--out", str(out)], environment=environment)
    )


def into(out: Path, command: list[str]) -> Cost:
    """A program whose standard output goes into a file."""
    with out.open("wb") as file:
        return measure(command, out=file)


def take_turns(arms: list[Arm], folder: Path, rounds: int) -> None:
    """Every arm once, then again: what else the machine does hits all of them."""
    for number in range(rounds):
        console.print(f"round {number + 1} of {rounds}")
        for arm in arms:
            arm.once(folder)


def report(title: str, dump: Arm, arms: list[Arm]) -> None:
    """Print one table."""
    table = Table(title=title)
    for name in ("", "time s", "of the dump", "processor s", "of the dump", "peak MB", "file MB"):
        table.add_column(name, justify="right" if name else "left")
    for arm in arms:
        table.add_row(
            arm.name, f"{arm.wall_s():.1f}", f"{arm.wall_s() / dump.wall_s():.1f} x",
            f"{arm.cpu_s():.1f}", f"{arm.cpu_s() / dump.cpu_s():.1f} x",
            f"{arm.peak_mb():.0f}", f"{arm.size_mb:.0f}",
        )  # fmt: skip
    console.print(table)


if __name__ == "__main__":
    main()
