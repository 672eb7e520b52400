"""Calls whose processes, and whose database server, are killed at random moments: is a ticket lost?

Usage: ``python benchmarks/storm_of_kills.py`` (about a quarter of an hour on two cores), or with
``--short`` the form that runs among the tests. Three storms:

* 1,000 SIGKILLs of processes that take calls (consent, turns, one to three complaints, the end),
  with replays of the forwarder among them, on SQLite;
* the same on a private PostgreSQL server that two machines share;
* 100 SIGKILLs of that server itself, with a new start each, while calls go on.

A writer puts every number into a pipe the moment it may be spoken; what was in the pipe when the
process died has been promised. After each storm the journals are replayed and every promise is
looked for in the database: there exactly once, with the complaint it was given for. Exit 1 when one
is lost, doubled, changed, or a number was used for two complaints.
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
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg  # noqa: F401  before forking, so that a new process costs milliseconds
from sqlalchemy import func
from sqlalchemy import select as select_rows

from agent.check_digit import is_valid
from agent.complaint import Call, Category, Complaint, Intent
from agent.control.forwarding import Forwarder
from agent.errors import TicketError
from agent.observability import logs
from agent.tickets.forwarder import check, replay
from agent.tickets.journal import Kind, read_journal
from agent.tickets.ledger import CallLedger
from agent.tickets.models import CALL, TICKET
from agent.tickets.postgres_server import PrivatePostgres, private_postgres
from agent.tickets.records import warm_up
from agent.tickets.repository import Search
from agent.tickets.store import TicketStore

KEY = base64.b64encode(bytes(range(32))).decode()
LIFE_S = (0.02, 1.2)
"""A process is killed this long after it was started."""
SERVER_LIFE_S = (0.2, 0.9)
SERVER_GONE_S = (0.0, 0.5)
FOREVER_S = 1e9
AWAY_PAUSE_S = (0.3, 1.0)
WRITERS = 4
FORWARDERS = 0.2
"""Part of the processes that replay instead of taking calls; they are killed as well."""
_PIPE_BYTES = 1 << 16
_CATEGORIES = tuple(Category)


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine: a data folder, and the database it writes to."""

    name: str
    data_dir: Path
    url: str

    def open(self) -> TicketStore:
        """Its store, as a call process opens it."""
        return TicketStore.open(
            self.url, data_dir=self.data_dir, machine=self.name, block_size=50, key=KEY
        )


@dataclass(slots=True)
class Promises:
    """What writers put into the pipe."""

    numbers: dict[tuple[str, int], str] = field(default_factory=dict)
    """Call and issue index -> the number that was spoken."""
    noted: dict[str, int] = field(default_factory=dict)
    """Call -> complaints a committed turn had noted."""
    changed: list[str] = field(default_factory=list)
    """Complaints that were promised two different numbers."""

    def take(self, line: str) -> None:
        """One line of the pipe."""
        what, call, *rest = line.split()
        if what == "noted":
            self.noted[call] = max(int(rest[0]), self.noted.get(call, 0))
            return
        for index, number in enumerate(rest):
            if self.numbers.setdefault((call, index), number) != number:
                self.changed.append(f"{call}:{index}")


@dataclass(slots=True)
class Verdict:
    """What a storm did to the promises."""

    name: str
    kills: int
    seconds: float
    calls: int = 0
    tickets: int = 0
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    """Complaints that were noted, never filed, and left no ticket."""
    doubled: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    replayed: list[str] = field(default_factory=list)
    """What replay and check said, machine by machine."""
    dirty: bool = False
    crashes: int = 0
    """Writers that ended by themselves."""

    @property
    def is_clean(self) -> bool:
        """Every promise was kept."""
        bad = self.lost or self.forgotten or self.doubled or self.reused or self.crashes
        return not (bad or self.dirty) and self.acknowledged > 0

    def show(self) -> None:
        """One paragraph on standard output."""
        print(
            f"{self.name}: {self.kills} kills in {self.seconds:.0f} s, {self.calls} calls, "
            f"{self.tickets} tickets; {self.acknowledged} acknowledged, {len(self.lost)} lost, "
            f"{len(self.doubled)} doubled, {len(self.reused)} numbers reused, "
            f"{len(self.forgotten)} noted complaints forgotten, {self.crashes} writers crashed"
        )
        for sentence in self.replayed:
            print(f"  {sentence}")
        for kind in ("lost", "doubled", "reused", "forgotten"):
            for each in getattr(self, kind)[:10]:
                print(f"  {kind}: {each}")
        sys.stdout.flush()


def complaint_of(call_id: str, index: int) -> Complaint:
    """The complaint a call makes at an index; anybody can tell whether a row is its own."""
    chance = random.Random(f"{call_id}/{index}")
    return Complaint(
        category=chance.choice(_CATEGORIES),
        name=f"பெயர்{chance.randrange(10**6)}",
        phone=f"9{chance.randrange(10**9):09}",
        description=f"{call_id} {index} தண்ணி வரல",
        days=chance.randrange(30),
    )


# -- a writer ------------------------------------------------------------------------------------


def take_calls(machine: Machine, name: str, pipe: int) -> None:
    """Calls without end; fewer while the database is away, or its return would be a long wait."""
    store = machine.open()
    chance = random.Random(name)
    turn = 0
    while True:
        turn += 1
        if not take_call(store, f"{name}-{turn}", pipe):
            time.sleep(chance.uniform(*AWAY_PAUSE_S))


def forward(machine: Machine) -> None:
    """Do what the thread beside a worker does, without end and without its pauses."""
    Forwarder(machine.open(), every_s=0.05, ask_every_s=0.05).start()
    while True:
        time.sleep(60)


def take_call(store: TicketStore, call_id: str, pipe: int) -> bool:
    """One call from the notice to its end, or to a hang-up nobody noticed.

    Returns:
        Whether the database took what it was given.
    """
    chance = random.Random(call_id)
    ledger = CallLedger.open(store, Call(call_id, datetime.now(UTC), caller="+919500123456"))
    ledger.consent(chance.random() < 0.9)
    told: list[Complaint] = []
    stored = True
    for index in range(chance.randint(1, 3)):
        whole = complaint_of(call_id, index)
        for part in _slowly_told(whole, chance):
            ledger.note([*told, part], Intent.COMPLAINT)
            os.write(pipe, f"noted {call_id} {index + 1}\n".encode())
        told.append(whole)
        if chance.random() < 0.2:
            continue  # the next trouble comes before the read-back
        try:
            filed = ledger.file(told)
        except TicketError:  # the caller hears no number; what was noted is kept
            stored = False
            continue
        os.write(pipe, f"filed {call_id} {' '.join(filed.numbers)}\n".encode())
        stored = filed.stored
    if chance.random() < 0.8:
        stored = ledger.close("filed", Intent.COMPLAINT, told).stored
    return stored


def _slowly_told(whole: Complaint, chance: random.Random) -> Iterator[Complaint]:
    for _ in range(chance.randint(0, 2)):
        yield Complaint(category=whole.category, description=whole.description)
    yield whole


# -- a storm -------------------------------------------------------------------------------------


@dataclass(slots=True)
class Storm:
    """Keeps writers running, kills them, and reads what they promise."""

    machines: tuple[Machine, ...]
    name: str
    chance: random.Random
    promises: Promises = field(default_factory=Promises)
    crashes: int = 0
    _pids: dict[int, float] = field(default_factory=dict)
    """Process -> when it is killed."""
    _started: int = 0
    _pipe: tuple[int, int] = (-1, -1)
    _rest: bytes = b""

    @contextmanager
    def blowing(self) -> Iterator[None]:
        """Writers live only within this block."""
        self._pipe = os.pipe()
        os.set_blocking(self._pipe[0], False)
        try:
            yield
        finally:
            for pid in list(self._pids):
                self.kill(pid)
            self.read(0.0)
            for end in self._pipe:
                os.close(end)

    def start(self, life_s: float, *, forwarder: bool) -> None:
        """One more process: a writer, or a forwarder beside them."""
        self._started += 1
        machine = self.machines[self._started % len(self.machines)]
        name = f"{self.name}{self._started}"
        pid = os.fork()
        if pid == 0:
            if forwarder:
                _live(lambda: forward(machine))
            _live(lambda: take_calls(machine, name, self._pipe[1]))
        self._pids[pid] = time.monotonic() + life_s

    def kill(self, pid: int) -> None:
        """End a writer and take note when it had ended by itself."""
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        self.crashes += not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL)
        del self._pids[pid]

    def run_until_killed(self, kills: int, writers: int, progress: Progress) -> None:
        """Keep ``writers`` running and kill each after its random time, ``kills`` in all."""
        for done in range(kills):
            while len(self._pids) < writers:
                life_s = self.chance.uniform(*LIFE_S)
                self.start(life_s, forwarder=self.chance.random() < FORWARDERS)
            pid = min(self._pids, key=lambda each: self._pids[each])
            self.read_for(self._pids[pid] - time.monotonic())
            self.kill(pid)
            progress.show(done + 1)

    def read_for(self, seconds: float) -> None:
        """Take what comes through the pipe for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.read(left)

    def read(self, wait_s: float) -> None:
        """Take what is in the pipe; waits for more at most this long."""
        if not select.select([self._pipe[0]], [], [], wait_s)[0]:
            return
        try:
            self._rest += os.read(self._pipe[0], _PIPE_BYTES)
        except BlockingIOError:
            return
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            self.promises.take(line.decode())
        self.read(0.0)


def _live(work: Callable[[], None]) -> None:
    """The life of a process; never returns."""
    try:
        work()
    except BaseException:  # noqa: BLE001  a forked process must not fall back into our main
        traceback.print_exc()
        os._exit(3)


def _make_tables(machines: tuple[Machine, ...]) -> None:
    """Once, in a process of its own: what we open ourselves would be inherited by every writer."""
    pid = os.fork()
    if pid == 0:
        for machine in machines:
            machine.open().close()
        os._exit(0)
    os.waitpid(pid, 0)


class Progress:
    """A line on standard error that is written over."""

    def __init__(self, name: str, total: int) -> None:
        self._name, self._total, self._began = name, total, time.monotonic()

    def show(self, done: int) -> None:
        """So many of all kills are done."""
        end = "\n" if done == self._total else "\r"
        if sys.stderr.isatty() or done == self._total:
            sys.stderr.write(f"{self._name}: {done} of {self._total} kills{end}")

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._began


# -- the verdict ---------------------------------------------------------------------------------


def judge(storm: Storm, kills: int, seconds: float) -> Verdict:
    """Replay everything, then look for every promise."""
    verdict = Verdict(storm.name, kills, seconds, crashes=storm.crashes)
    for machine in storm.machines:
        store = machine.open()
        report = replay(store)
        while report.waiting:
            first = len(report.waiting)
            report = replay(store)
            if len(report.waiting) >= first:
                break
        after = check(store)
        verdict.replayed.append(
            f"{machine.name}: {report.replayed} journals replayed, {report.lost} of lost calls, "
            f"{report.tickets} tickets added, {report.partial} partial, {report.torn} torn, "
            f"{len(report.waiting)} waiting, {len(report.damaged)} damaged; check: "
            f"{len(after.missing)} missing, {after.unreadable} unreadable, {after.waiting} waiting"
        )
        verdict.replayed += [*list(report.waiting.values())[:5], *report.damaged[:5]]
        verdict.dirty |= not (report.is_clean and after.is_clean) or bool(after.waiting)
        store.close()
    store = storm.machines[0].open()
    _compare(storm, store, verdict)
    store.close()
    return verdict


def _compare(storm: Storm, store: TicketStore, verdict: Verdict) -> None:
    rows = {}
    keys: Counter[tuple[str, int]] = Counter()
    numbers: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
    for ticket in store.repository.search(Search(), unmask=True):
        key = (ticket.call_id, ticket.issue_index)
        rows[key] = ticket
        keys[key] += 1
        numbers[ticket.number].add(key)
        wanted = complaint_of(*key)
        same = (ticket.category, ticket.description) == (wanted.category, wanted.description)
        if not same or not is_valid(ticket.number):
            verdict.lost.append(f"{key} has another complaint under its number")
    promises = storm.promises
    for key, number in promises.numbers.items():
        numbers[number].add(key)
        row, wanted = rows.get(key), complaint_of(*key)
        if row is None or row.number != number:
            verdict.lost.append(
                f"{key}: {number} was spoken, the database has {row and row.number}"
            )
        elif (row.name, row.phone, row.partial) != (wanted.name, wanted.phone, False):
            verdict.lost.append(f"{key}: not what was told (partial: {row.partial})")
    for machine in storm.machines:
        for number, key in _journalled(machine):
            numbers[number].add(key)
    verdict.calls, verdict.tickets = len(promises.noted), len(rows)
    verdict.acknowledged = len(promises.numbers)
    verdict.forgotten += [
        f"{call}:{index}"
        for call, count in promises.noted.items()
        for index in range(count)
        if (call, index) not in rows
    ]
    verdict.doubled += [str(key) for key, count in keys.items() if count > 1]
    verdict.doubled += _twice(store)
    verdict.reused += [f"{n}: {sorted(keys)}" for n, keys in numbers.items() if len(keys) > 1]
    verdict.reused += promises.changed


def _twice(store: TicketStore) -> list[str]:
    """What the database itself counts more than once."""
    found = []
    with store.database.engine.connect() as connection:
        for column in (TICKET.c.idempotency_key, TICKET.c.number, CALL.c.id):
            query = select_rows(column).group_by(column).having(func.count() > 1)
            found += [str(value) for value in connection.execute(query).scalars()]
    return found


def _journalled(machine: Machine) -> Iterator[tuple[str, tuple[str, int]]]:
    """Every number in a journal of a machine, with what it was given to."""
    for path in (machine.data_dir / "journal").rglob("*.jsonl"):
        for line in read_journal(path).lines:
            if line.kind is Kind.FILED:
                for ticket in line.data["tickets"]:
                    yield ticket["number"], (line.call_id, ticket["index"])


# -- the three storms ----------------------------------------------------------------------------


def kill_writers(machines: tuple[Machine, ...], name: str, kills: int, seed: int) -> Verdict:
    """SIGKILL processes that take calls."""
    storm = Storm(machines, name, random.Random(seed))
    _make_tables(machines)
    progress = Progress(name, kills)
    with storm.blowing():
        storm.run_until_killed(kills, WRITERS, progress)
    return judge(storm, kills, progress.seconds)


def kill_server(
    machines: tuple[Machine, ...], server: PrivatePostgres, name: str, kills: int, seed: int
) -> Verdict:
    """SIGKILL the database server under calls that go on, and start it again."""
    storm = Storm(machines, name, random.Random(seed))
    _make_tables(machines)
    progress = Progress(name, kills)
    with storm.blowing():
        for number in range(WRITERS + len(machines)):
            storm.start(FOREVER_S, forwarder=number < len(machines))
        for done in range(kills):
            storm.read_for(storm.chance.uniform(*SERVER_LIFE_S))
            server.kill()
            storm.read_for(storm.chance.uniform(*SERVER_GONE_S))
            server.start()
            progress.show(done + 1)
        storm.read_for(1.0)
    return judge(storm, kills, progress.seconds)


def main() -> None:
    """Run the three storms and say what they did."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--kills", type=int, help="of writers, on each database (1000)")
    parser.add_argument("--server-kills", type=int, help="of the PostgreSQL server (100)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--short", action="store_true", help="40 and 5 kills: a test")
    given = parser.parse_args()
    kills, server_kills = (20, 5) if given.short else (1000, 100)
    kills = kills if given.kills is None else given.kills
    server_kills = server_kills if given.server_kills is None else given.server_kills
    logs.configure("CRITICAL", "text")
    warm_up()
    verdicts = []
    with tempfile.TemporaryDirectory(prefix="kural-storm-") as folder, private_postgres() as server:
        here = Path(folder)
        alone = (Machine("m1", here / "one", f"sqlite:///{here / 'kural.db'}"),)
        pair = tuple(Machine(n, here / n, server.url_of()) for n in ("m1", "m2"))
        if kills:
            verdicts.append(kill_writers(alone, "sqlite", kills, given.seed))
            verdicts[-1].show()
            verdicts.append(kill_writers(pair, "postgresql", kills, given.seed + 1))
            verdicts[-1].show()
        if server_kills:
            verdicts.append(kill_server(pair, server, "server", server_kills, given.seed + 2))
            verdicts[-1].show()
    kept = all(verdict.is_clean for verdict in verdicts)
    print("every promise kept" if kept else "PROMISES BROKEN")
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
