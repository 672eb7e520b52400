"""What the ticket tests share: a real store in a temporary folder, and things callers say."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from agent.complaint import Call, Category, Complaint, Decision, Place, Priority, SeatCandidate
from agent.tickets.postgres_server import PostgresMissing, PrivatePostgres, private_postgres
from agent.tickets.store import TicketStore

StoreMaker = Callable[..., TicketStore]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def call() -> Call:
    return Call(
        id="job-1",
        started_at=datetime(2026, 11, 20, 4, 30, tzinfo=UTC),
        dialled="+914400000000",
        caller="+919500123456",
    )


@pytest.fixture
def water() -> Complaint:
    """A complaint about a dry tap, its place clear."""
    seat = SeatCandidate(
        11, "Dr. Radhakrishnan Nagar", "டாக்டர் ராதாகிருஷ்ணன் நகர்", "Chennai", "சென்னை", 0.97,
        "locality:Tondiarpet:high",
    )  # fmt: skip
    return Complaint(
        category=Category.WATER,
        priority=Priority.HIGH,
        place=Place("தண்டையார்பேட்டை", "Tondiarpet", "தண்டையார்பேட்டை", (seat,)),
        landmark="அப்பல்லோ ஆஸ்பத்திரி எதிர் தெரு",
        days=5,
        name="மீனா",
        phone="9500123456",
        description="எங்க வீட்டுக் கொழாய்ல அஞ்சு நாளா தண்ணியே வரல",
        decisions=(
            Decision("category", "WATER", "rule", "stem:தண்ணி", 0.9),
            Decision("name", "மீனா", "rule", "asked", 0.8),
        ),
    )


@pytest.fixture
def sewage() -> Complaint:
    """A complaint whose place fits two seats."""
    seats = tuple(
        SeatCandidate(number, name, "", "Madurai", "மதுரை", 0.5, "locality:Sellur:medium")
        for number, name in ((191, "Madurai North"), (193, "Madurai Central"))
    )
    return Complaint(
        category=Category.SEWAGE,
        place=Place("செல்லூர்", "Sellur", "செல்லூர்", seats),
        description="சாக்கடை அடைச்சு ரோட்டுல வழிஞ்சு ஓடுது",
    )


@pytest.fixture
def make_store(tmp_path: Path) -> Iterator[StoreMaker]:
    """Open stores as processes of one machine do; all are closed at the end."""
    opened: list[TicketStore] = []

    def make(url: str = "", data_dir: Path = tmp_path, machine: str = "m1", **more) -> TicketStore:
        url = url or f"sqlite:///{tmp_path / 'kural.db'}"
        opened.append(TicketStore.open(url, data_dir=data_dir, machine=machine, **more))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def store(make_store: StoreMaker) -> TicketStore:
    return make_store()


class ReceivingMachine:
    """A second machine: ``kural tickets receive`` in a process of its own, started and killed."""

    def __init__(self, folder: Path, token: str = "") -> None:
        self.folder, self.token = folder, token
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """The second time at the same port."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "agent", "tickets", "receive", "--bind",
             f"127.0.0.1:{self.port}", "--dir", str(self.folder)],
            stdout=subprocess.PIPE, text=True, cwd=self.folder.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TICKETS__RECEIVER_TOKEN": self.token,
                 "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        found = re.search(r"127\.0\.0\.1:(\d+)", said)
        assert found, said
        self.port = int(found[1])

    def stop(self, number: int = signal.SIGKILL) -> int:
        """End it; returns its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        process.communicate(timeout=30)
        return process.returncode


@pytest.fixture
def second_machine(tmp_path: Path) -> Iterator[ReceivingMachine]:
    machine = ReceivingMachine(tmp_path / "received", "word-1")
    machine.start()
    yield machine
    machine.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PrivatePostgres]:
    try:
        with private_postgres() as server:
            yield server
    except PostgresMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture
def postgres_url(postgres_server: PrivatePostgres) -> str:
    """An empty PostgreSQL database."""
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres_server.url_of(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, of both kinds one after the other."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'kural.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url
