"""``kural tickets owed``: who waits for a call or an answer, and when it was done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.complaint import Call, Complaint, Intent
from agent.errors import UsageError
from agent.tickets.audit import accesses
from agent.tickets.command import command
from agent.tickets.ledger import CallLedger
from agent.tickets.store import TicketStore


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "var"))
    for name in ("DATABASE_URL", "ENCRYPTION_KEY", "MACHINE", "BLOCK_SIZE"):
        monkeypatch.delenv(f"TICKETS__{name}", raising=False)
    return tmp_path / "var"


@pytest.fixture
def number(data_dir: Path, call: Call, water: Complaint) -> str:
    """A ticket of seat 11, whose caller wants a person, and her data erased."""
    store = TicketStore.open(f"sqlite:///{data_dir / 'kural.db'}", data_dir=data_dir)
    ledger = CallLedger.open(store, call)
    (number,) = ledger.file([water]).numbers
    ledger.act("call_back", number, "human", "9840012345")
    ledger.act("request", None, "erase")
    ledger.close("filed", Intent.COMPLAINT)
    store.close()
    return number


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, ["owed", *arguments])


def listed(*arguments: str) -> list[dict[str, object]]:
    result = run(*arguments)
    assert result.exit_code == 0, result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_what_is_owed_is_listed_oldest_first_and_masked(number: str) -> None:
    first, second = listed()
    assert (first["reason"], first["number"], first["phone"]) == ("human", number, "******2345")
    assert (second["reason"], second["phone"]) == ("rights_erase", "*********3456")
    assert (first["constituency_no"], first["call_id"]) == (11, "job-1")
    assert str(first["created_ist"]).endswith("+05:30")
    assert listed("--constituency", "12") == []
    assert len(listed("--constituency", "11")) == 2


def test_the_number_in_full_is_audited(number: str, data_dir: Path) -> None:
    shown = listed("--unmask", "--as", "ravi", "--reason", "calling back")
    assert [each["phone"] for each in shown] == ["9840012345", "+919500123456"]
    store = TicketStore.open(f"sqlite:///{data_dir / 'kural.db'}", data_dir=data_dir)
    (access,) = accesses(store.database.engine)
    store.close()
    assert (access["who"], access["action"]) == ("ravi", "owed")


def test_what_is_done_is_owed_no_more(number: str) -> None:
    first, second = listed()
    result = run("--done", str(first["id"]), "--as", "ravi")
    assert "human done by ravi" in result.stdout
    assert [each["id"] for each in listed()] == [second["id"]]
    again = run("--done", str(first["id"]), "--as", "ravi")
    assert "ravi already" in str(again.exception)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--done", "999", "--as", "ravi"),
        ("--done", "1"),
        ("--done", "1", "--as", " "),
        ("--done", "1", "--as", "ravi", "--unmask"),
        ("--as", "ravi"),
        ("--unmask",),
    ],
)
def test_wrong_use_is_one_sentence(number: str, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, UsageError), result.output
    assert len(listed()) == 2
