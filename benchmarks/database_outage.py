"""The ticket database goes away under twenty calls: what do callers hear, and when are rows there?

Usage: ``python benchmarks/database_outage.py [--seconds 60] [--how stop kill pause vanishing]``.
Each call is a process of its own, as behind LiveKit, with a forwarder beside them, as in a worker;
the server is a private PostgreSQL. Its server is

* ``stop``: shut down in order; ``kill``: killed with SIGKILL; ``pause``: stopped with SIGSTOP, so
  that connections stand and nothing answers;
* ``vanishing``: shut down while TICKETS__DISK is ``vanishing`` and there is no receiver.

Calls file one to three complaints while the database is away; every second call is still live when
it is back. Checked: every caller gets a number (``vanishing``: none gets a final one, and every one
is owed a call); no caller waits longer than the limit of a visit; all rows are in the database,
once, within 5 s after it answers again. Exit 1 otherwise.
"""

from __future__ import annotations

import argparse
import base64
import os
import random
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg

from agent.complaint import Call, Category, Complaint, Intent
from agent.control.forwarding import Forwarder
from agent.observability import logs
from agent.tickets.durability import KEPT, Durability
from agent.tickets.forwarder import check, replay
from agent.tickets.ledger import CallLedger
from agent.tickets.postgres_server import PrivatePostgres, private_postgres
from agent.tickets.records import warm_up
from agent.tickets.store import WITHIN_S, TicketStore

KEY = base64.b64encode(bytes(range(32))).decode()
CALLS = 20
SLACK_S = 0.5
"""More than the limit of a visit: twenty processes share two cores."""
BACK_WITHIN_S = 5.0
LATE_S = 15.0
"""The database stays away for longer when a call is not done with filing."""
HOWS = ("stop", "kill", "pause", "vanishing")
_CATEGORIES = tuple(Category)


@dataclass(slots=True)
class Outage:
    """What one outage came to."""

    how: str
    numbers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Call -> numbers it was given, in order."""
    provisional: set[str] = field(default_factory=set)
    """Calls whose numbers must not be spoken."""
    waits_s: list[float] = field(default_factory=list)
    """How long each caller waited for each number."""
    problems: list[str] = field(default_factory=list)
    told: int = 0
    """Callers who have heard all their numbers."""
    rows_after_s: float = float("nan")

    def take(self, line: str) -> None:
        """One line of the pipe."""
        what, *rest = line.split()
        match what:
            case "filed":
                call, wait_s, final, *numbers = rest
                self.waits_s.append(float(wait_s))
                self.numbers[call] = tuple(numbers)
                if final == "provisional":
                    self.provisional.add(call)
            case "told":
                self.told += 1
            case _:
                self.problems.append(line)


def take_call(store: TicketStore, index: int, seconds: float, pipe: int) -> None:
    """One call: it begins before the outage and files during it; odd ones outlive it."""
    chance = random.Random(index)
    began = time.monotonic()
    call_id = f"call-{index}"
    ledger = CallLedger.open(store, Call(call_id, datetime.now(UTC), caller="+919500123456"))
    ledger.consent(True)
    told: list[Complaint] = []
    for number in range(chance.randint(1, 3)):
        one = Complaint(
            category=chance.choice(_CATEGORIES), phone="9500123456", description=f"{index} {number}"
        )
        ledger.note([*told, one], Intent.COMPLAINT)
        told.append(one)
    wait_until(began + chance.uniform(0.3, 0.9) * seconds + 1.0)
    for number in range(1, len(told) + 1):
        asked = time.perf_counter()
        filed = ledger.file(told[:number])
        wait_s = time.perf_counter() - asked
        kind = "provisional" if filed.provisional else "final"
        line = f"filed {call_id} {wait_s:.3f} {kind} {' '.join(filed.numbers)}\n"
        os.write(pipe, line.encode())
    os.write(pipe, b"told\n")
    if index % 2:
        time.sleep(3600)  # until killed: nobody hangs up before the database is back
    ledger.close("filed", Intent.COMPLAINT, told)


def wait_until(moment: float) -> None:
    """Sleep until a time of the monotonic clock."""
    time.sleep(max(0.0, moment - time.monotonic()))


def forward(store: TicketStore) -> None:
    """What the thread beside a worker does."""
    Forwarder(store).start()
    time.sleep(3600)


def in_child(work: Callable[[], None]) -> int:
    """Run work in a process of its own; returns its id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    except BaseException:  # noqa: BLE001  a forked process must not fall back into our main
        traceback.print_exc()
        os._exit(3)
    os._exit(0)


def run(server: PrivatePostgres, how: str, seconds: float, folder: Path) -> Outage:
    """One outage from start to end."""
    name = f"outage_{how}"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    durability = Durability(journal=False) if how == "vanishing" else KEPT

    def opened() -> TicketStore:
        return TicketStore.open(
            server.url_of(name), data_dir=folder / how, key=KEY, durability=durability
        )

    outage = Outage(how)
    os.waitpid(in_child(lambda: opened().close()), 0)
    reading, writing = os.pipe()
    children = [in_child(lambda: forward(opened()))]

    def take_one(index: int) -> None:
        take_call(opened(), index, seconds, writing)

    for index in range(CALLS):
        children.append(in_child(partial(take_one, index)))
    time.sleep(1.0)
    try:
        _take_away(server, how)
        _listen(reading, outage, time.monotonic() + seconds)
        _bring_back(server, how)
        back = time.monotonic()
        _await_rows(server.url_of(name), outage, back)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            if os.WIFEXITED(status) and os.WEXITSTATUS(status):
                outage.problems.append("a call crashed")
        os.close(reading)
        os.close(writing)
    _judge(opened(), outage)
    return outage


def _listen(pipe: int, outage: Outage, until: float) -> None:
    """Take what callers hear until then, and until the last of them has heard all."""
    rest = b""
    while time.monotonic() < until or (outage.told < CALLS and time.monotonic() < until + LATE_S):
        if select.select([pipe], [], [], 0.1)[0]:
            *lines, rest = (rest + os.read(pipe, 1 << 16)).split(b"\n")
            for line in lines:
                outage.take(line.decode())


def _take_away(server: PrivatePostgres, how: str) -> None:
    match how:
        case "kill":
            server.kill()
        case "pause":
            server.pause()
        case _:
            server.stop()


def _bring_back(server: PrivatePostgres, how: str) -> None:
    if how == "pause":
        server.resume()
    else:
        server.start()


def _await_rows(url: str, outage: Outage, back: float) -> None:
    wanted = {number for numbers in outage.numbers.values() for number in numbers}
    owed = set(outage.provisional)
    dsn = url.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(dsn, autocommit=True) as connection:
        while time.monotonic() - back < 4 * BACK_WITHIN_S:
            rows = connection.execute("SELECT number FROM ticket").fetchall()
            calls = connection.execute("SELECT call_id FROM callback").fetchall()
            if wanted <= {row[0] for row in rows} and owed <= {row[0] for row in calls}:
                outage.rows_after_s = time.monotonic() - back
                return
            time.sleep(0.05)


def _judge(store: TicketStore, outage: Outage) -> None:
    """Close what is left, and compare the whole with the promises."""
    problems = outage.problems
    replay(store)
    after = check(store)
    if not after.is_clean or after.waiting:
        problems.append(f"check: {len(after.missing)} missing, {after.waiting} waiting")
    held = {call: store.repository.numbers_of(call) for call in outage.numbers}
    for call, numbers in outage.numbers.items():
        if tuple(held[call].get(index) for index in range(len(numbers))) != numbers:
            problems.append(f"{call}: other numbers in the database than spoken")
    given = [number for numbers in outage.numbers.values() for number in numbers]
    if len(set(given)) != len(given):
        problems.append("one number for two complaints")
    if len(outage.numbers) != CALLS:
        problems.append(f"{CALLS - len(outage.numbers)} callers got no number")
    if outage.how == "vanishing" and len(outage.provisional) != CALLS:
        problems.append(f"{CALLS - len(outage.provisional)} callers heard a final number")
    if outage.how != "vanishing" and outage.provisional:
        problems.append(f"{len(outage.provisional)} callers got a provisional number")
    if max(outage.waits_s, default=0.0) > WITHIN_S + SLACK_S:
        problems.append(f"a caller waited {max(outage.waits_s):.2f} s")
    if not outage.rows_after_s <= BACK_WITHIN_S:
        problems.append(f"rows there after {outage.rows_after_s:.1f} s")
    store.close()


def main() -> None:
    """Run the outages one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="without a database")
    parser.add_argument("--how", nargs="+", choices=HOWS, default=list(HOWS))
    given = parser.parse_args()
    logs.configure("CRITICAL", "text")
    warm_up()
    broken = False
    with (
        tempfile.TemporaryDirectory(prefix="kural-outage-") as folder,
        private_postgres() as server,
    ):
        for how in given.how:
            outage = run(server, how, given.seconds, Path(folder))
            numbers = sum(map(len, outage.numbers.values()))
            print(
                f"{how}, {given.seconds:g} s: {len(outage.numbers)} calls, {numbers} numbers "
                f"({len(outage.provisional)} calls provisional), longest wait "
                f"{max(outage.waits_s, default=0):.2f} s, rows there {outage.rows_after_s:.2f} s "
                "after the database"
            )
            for problem in outage.problems:
                print(f"  {problem}")
            broken |= bool(outage.problems)
            sys.stdout.flush()
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
