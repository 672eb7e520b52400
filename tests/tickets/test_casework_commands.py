from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from agent.complaint import Call, Complaint, Intent
from agent.errors import UsageError
from agent.tickets.command import command
from agent.tickets.ledger import CallLedger
from agent.tickets.numbering import number_of
from agent.tickets.schema import HEAD
from agent.tickets.store import TicketStore


@pytest.fixture
def numbers(tmp_path, monkeypatch: pytest.MonkeyPatch, call: Call, water: Complaint) -> list[str]:
    """Two tickets of one call."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "var"))
    for name in ("DATABASE_URL", "ENCRYPTION_KEY", "MACHINE", "BLOCK_SIZE"):
        monkeypatch.delenv(f"TICKETS__{name}", raising=False)
    store = TicketStore.open(
        f"sqlite:///{tmp_path / 'var' / 'kural.db'}", data_dir=tmp_path / "var"
    )
    ledger = CallLedger.open(store, call)
    filed = ledger.file([water, water])
    ledger.close("filed", Intent.COMPLAINT)
    store.close()
    return list(filed.numbers)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def done(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.exception
    return result.stdout


def refused(*arguments: str) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, UsageError), result.output
    return str(result.exception)


def test_a_ticket_goes_through_its_life_by_command(numbers: list[str]) -> None:
    first, second = numbers
    assert f"{first}: NEW -> ACKNOWLEDGED" in done(
        "status", first, "--to", "ACKNOWLEDGED", "--as", "ravi"
    )
    done("status", first, "--to", "ASSIGNED", "--assign", "kavitha", "--as", "ravi")
    done("status", first, "--to", "TRANSFERRED", "--seat", "12", "--note", "தெரு", "--as", "ravi")
    done("status", second, "--to", "DUPLICATE_OF", "--into", first, "--as", "ravi")
    done("status", second, "--to", "REOPENED", "--as", "ravi")
    done("note", first, "பார்த்தேன்", "--as", "ravi")
    done("reclassify", first, "--category", "ROAD", "--as", "ravi")
    shown = json.loads(done("status", first))
    assert shown["status"] == "TRANSFERRED"
    assert [event["kind"] for event in shown["history"]] == [
        "status", "status", "assigned", "transferred", "reported_again", "note", "corrected",
    ]  # fmt: skip
    assert "பார்த்தேன்" not in json.dumps(shown, ensure_ascii=False)


def test_every_misuse_is_one_sentence(numbers: list[str]) -> None:
    first, _ = numbers
    assert "--as" in refused("status", first, "--to", "ACKNOWLEDGED")
    assert "--seat" in refused("status", first, "--to", "TRANSFERRED", "--as", "ravi")
    assert "--into" in refused("status", first, "--to", "DUPLICATE_OF", "--as", "ravi")
    assert "--assign" in refused("status", first, "--to", "ASSIGNED", "--as", "ravi")
    assert "RESOLVED by the office" in refused(
        "status", first, "--to", "VERIFIED_CLOSED", "--as", "r"
    )
    assert "reason" in refused("status", first, "--to", "REJECTED", "--as", "ravi")
    assert "--to" in refused("status", first, "--as", "ravi")
    assert "no ticket" in refused("status", number_of(55_555_555))
    assert "last one checks" in refused("status", "123")
    assert "no category" in refused("reclassify", first, "--category", "X", "--as", "ravi")
    assert "no constituency" in refused("clusters", "--constituency", "999")
    assert "--as" in refused("note", first, "x", "--as", "r" * 90)


def test_several_reports_are_shown_as_a_cluster(numbers: list[str]) -> None:
    (row,) = (json.loads(line) for line in done("clusters", "--json").splitlines())
    assert (row["reports"], row["tickets"], row["category"]) == (2, 2, "WATER")
    assert "2 reports" in done("clusters")
    assert json.loads(done("status", numbers[1]))["similar"]["number"] == numbers[0]


def test_nothing_is_overdue_on_the_first_day(numbers: list[str]) -> None:
    assert "0 tickets escalated" in run("escalate").stderr


def test_the_database_is_of_the_newest_revision(numbers: list[str]) -> None:
    assert "nothing to do" in done("migrate")
    assert json.loads(done("migrate", "--down-to", "0001", "--json"))["after"] == "0001"
    assert f"to {HEAD}" in done("migrate")
    assert "no revision" in refused("migrate", "--down-to", "7777")


def test_numbers_people_dial_are_rows(numbers: list[str]) -> None:
    line = "+914428592828"
    assert "\t11\t" in done("lines", "--add", line, "--constituency", "11", "--on", "2026-01-01")
    assert "is not a date" in refused("lines", "--add", line, "--on", "soon")
    assert "one at a time" in refused("lines", "--add", line, "--end", line)
    assert "2026-06-01" in done("lines", "--end", line, "--on", "2026-06-01")
    assert "nobody" in refused("lines", "--end", "+914400000001")


def test_seats_are_imported_from_a_table(numbers: list[str], tmp_path) -> None:
    assert len(done("seats").splitlines()) == 234
    table = tmp_path / "seats.csv"
    table.write_text("number,name_en,name_ta,district_en\n1,One,ஒன்று,Chennai\n", encoding="utf-8")
    assert "1 seats hold" in done("seats", "--import", str(table), "--on", "2031-04-01")
    assert len(done("seats", "--on", "2031-04-01").splitlines()) == 1
    table.write_text("number,name_en\nx,One\n", encoding="utf-8")
    assert "seat 1" in refused("seats", "--import", str(table), "--on", "2032-04-01")
    assert "cannot be read" in refused("seats", "--import", str(tmp_path / "none.csv"))
