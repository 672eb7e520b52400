"""``kural tickets export``: several formats, events, what it refuses, and what a failure leaves."""

from __future__ import annotations

import csv
import gc
import json
import os
import pty
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from openpyxl import load_workbook

from agent.complaint import Call, Complaint
from agent.errors import TicketError, UsageError
from agent.lab.many_tickets import fill
from agent.lab.measured import measure
from agent.tickets.casework import Casework
from agent.tickets.command import command
from agent.tickets.ledger import CallLedger
from agent.tickets.models import TicketStatus
from agent.tickets.names import load_names
from agent.tickets.spreadsheet import MAX_ROWS, too_many_rows
from agent.tickets.store import TicketStore

FileTicket = Callable[..., str]


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "var"))
    for name in ("DATABASE_URL", "ENCRYPTION_KEY", "MACHINE", "BLOCK_SIZE"):
        monkeypatch.delenv(f"TICKETS__{name}", raising=False)
    return tmp_path / "var"


@pytest.fixture
def file_ticket(data_dir: Path, call: Call, water: Complaint) -> FileTicket:
    def file(call_id: str = "job-1", **changed: Any) -> str:
        store = TicketStore.open(f"sqlite:///{data_dir / 'kural.db'}", data_dir=data_dir)
        ledger = CallLedger.open(store, replace(call, id=call_id))
        (number,) = ledger.file([replace(water, **changed)]).numbers
        ledger.close("filed", water.intent)
        Casework(store, load_names()).move(number, TicketStatus.ACKNOWLEDGED, "desk", note="சரி")
        store.close()
        return number

    return file


def export(*arguments: str) -> Result:
    return CliRunner().invoke(command, ["export", *arguments])


def refused(*arguments: str) -> str:
    """The one sentence a wrong use is answered with."""
    result = export(*arguments)
    assert isinstance(result.exception, UsageError), result.output
    return str(result.exception)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "var")


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("out", ["tickets", "tickets.csv", "tickets.open311.json", "tickets.xlsx"])
def test_several_formats_lie_beside_one_another_and_agree(
    file_ticket: FileTicket, tmp_path: Path, out: str
) -> None:
    number = file_ticket()
    result = export("--format", "csv,xlsx,jsonl,open311", "--out", out)
    assert result.exit_code == 0, result.output
    names = ["tickets.csv", "tickets.jsonl", "tickets.open311.json", "tickets.xlsx"]
    assert files(tmp_path) == names
    assert all(name in result.stderr for name in names)
    assert "1 ticket written" in result.stderr
    assert all(stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600 for name in names)
    found = {
        read_csv(tmp_path / "tickets.csv")[0]["ticket"],
        json.loads((tmp_path / "tickets.jsonl").read_text(encoding="utf-8"))["ticket"],
        json.loads((tmp_path / "tickets.open311.json").read_text(encoding="utf-8"))[0][
            "service_request_id"
        ],
        load_workbook(tmp_path / "tickets.xlsx")["tickets"]["A2"].value,
    }
    assert found == {number}


def test_a_format_named_twice_is_written_once(file_ticket: FileTicket, tmp_path: Path) -> None:
    file_ticket()
    export("--format", "csv, CSV", "--out", "t.csv")
    assert files(tmp_path) == ["t.csv"]


def test_events_come_in_files_beside_and_in_a_sheet(
    file_ticket: FileTicket, tmp_path: Path
) -> None:
    number = file_ticket()
    result = export("--format", "csv,xlsx,jsonl,open311", "--events", "--out", "t.csv")
    assert result.exit_code == 0, result.output
    assert files(tmp_path) == [
        "t-events.csv", "t-events.jsonl", "t.csv", "t.jsonl", "t.open311.json", "t.xlsx",
    ]  # fmt: skip
    rows = read_csv(tmp_path / "t-events.csv")
    assert [(row["ticket"], row["to_status"], row["note"]) for row in rows] == [
        (number, "NEW", ""), (number, "ACKNOWLEDGED", "***"),
    ]  # fmt: skip
    lines = (tmp_path / "t-events.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["actor"] for line in lines] == ["line", "desk"]
    sheet = load_workbook(tmp_path / "t.xlsx")["events"]
    assert [row[6] for row in sheet.iter_rows(min_row=2, values_only=True)] == [
        "NEW", "ACKNOWLEDGED",
    ]  # fmt: skip


def test_unmasked_the_notes_are_read_and_the_workbook_says_for_whom(
    file_ticket: FileTicket, tmp_path: Path, data_dir: Path
) -> None:
    file_ticket()
    why = ("--unmask", "--as", "R. Officer", "--reason", "கூப்பிட வேண்டும்")
    export("--format", "csv,xlsx", "--events", "--category", "water", "--out", "t", *why)
    assert read_csv(tmp_path / "t-events.csv")[1]["note"] == "சரி"
    assert read_csv(tmp_path / "t.csv")[0]["phone"] == "9500123456"
    opened = load_workbook(tmp_path / "t.xlsx")
    assert "R. Officer" in (opened.properties.description or "")
    result = CliRunner().invoke(command, ["audit", "--json"])
    (entry,) = (json.loads(line) for line in result.stdout.splitlines())
    assert (entry["who"], entry["action"]) == ("R. Officer", "export")
    assert (entry["facts"]["format"], entry["facts"]["category"]) == ("csv,xlsx", "WATER")


def test_only_the_category_asked_for_comes(file_ticket: FileTicket, tmp_path: Path) -> None:
    file_ticket()
    assert "0 tickets" in export("--category", "ROAD", "--out", "t.csv").stderr
    assert "1 ticket " in export("--category", "WATER", "--out", "t.csv").stderr


def test_confidential_tickets_are_named_as_left_out_of_what_is_for_the_public(
    file_ticket: FileTicket, tmp_path: Path
) -> None:
    file_ticket(confidential=True)
    result = export("--format", "open311", "--out", "t.json")
    assert json.loads((tmp_path / "t.json").read_text()) == []
    assert "1 confidential left out" in result.stderr


def test_open311_holds_nothing_of_the_caller_even_unmasked(file_ticket: FileTicket) -> None:
    file_ticket()
    shown = export("--format", "open311", "--unmask", "--as", "x", "--reason", "y").stdout
    assert len(json.loads(shown)) == 1
    for word in ("மீனா", "9500123456", "3456", "அப்பல்லோ", "கொழாய்ல", "job-1"):
        assert word not in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--format", "pdf"), "no format pdf: choose from csv, xlsx, jsonl, open311"),
        (("--format", ""), "no format (empty)"),
        (("--format", "csv,,xlsx", "--out", "t"), "no format (empty)"),
        (("--format", "csv,jsonl"), "give --out FILE"),
        (("--format", "xlsx"), "give --out FILE"),
        (("--events",), "give --out FILE"),
        (("--format", "open311", "--events", "--out", "t"), "no history"),
        (("--category", "TAXI"), "There is no category TAXI: choose from BUS, "),
        (("--category", ""), "There is no category (empty)"),
        (("--format", "csv,jsonl", "--out", "missing/t"), "There is no folder missing"),
        (("--events", "--out", "folder.csv"), "folder-events.csv is a folder"),
        (("--format", "csv,jsonl", "--out", "taken.csv"), "taken.jsonl is a folder"),
    ],
)
def test_a_wrong_use_is_one_sentence_and_writes_nothing(
    file_ticket: FileTicket, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    file_ticket()
    (tmp_path / "folder-events.csv").mkdir()
    (tmp_path / "taken.jsonl").mkdir()
    assert words in refused(*arguments)
    assert files(tmp_path) == ["folder-events.csv", "taken.jsonl"]


def test_more_tickets_than_a_sheet_has_rows_are_one_sentence() -> None:
    assert str(too_many_rows("tickets")) == (
        f"A spreadsheet holds {MAX_ROWS - 1:,} tickets and there are more: choose a shorter time "
        "or one constituency, or take --format csv."
    )


def test_an_export_that_fails_leaves_all_old_files_and_nothing_else(
    file_ticket: FileTicket, tmp_path: Path, data_dir: Path
) -> None:
    file_ticket()
    with closing(sqlite3.connect(data_dir / "kural.db")) as db, db:
        db.execute("UPDATE ticket SET description = place")  # opens only where it was sealed
    (tmp_path / "t.csv").write_text("the old one")
    (tmp_path / "t.xlsx").write_text("the old one too")
    result = export("--format", "csv,xlsx,jsonl", "--events", "--out", "t")
    assert isinstance(result.exception, TicketError)
    assert "damaged" in str(result.exception)
    del result
    gc.collect()
    assert files(tmp_path) == ["t.csv", "t.xlsx"]
    assert (tmp_path / "t.csv").read_text() == "the old one"
    assert (tmp_path / "t.xlsx").read_text() == "the old one too"


@pytest.mark.parametrize("form", ["csv", "xlsx", "csv,xlsx,jsonl"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    data_dir: Path, tmp_path: Path, form: str
) -> None:
    many_tickets(data_dir, 1_000)
    command = (
        f"ulimit -f 300; exec {sys.executable} -m agent tickets export --format {form} --out t"
    )
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("kural: t")
    assert done.stderr.endswith("cannot be written (File too large).\n")
    assert done.stderr.count("\n") == 1
    assert files(tmp_path) == []


def test_a_reader_who_has_seen_enough_ends_the_export_quietly(
    data_dir: Path, tmp_path: Path
) -> None:
    many_tickets(data_dir, 1_000)
    command = f"set -o pipefail; {sys.executable} -m agent tickets export | head -n 2"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.startswith("\ufeffticket,created,")
    assert done.stdout.count("\n") == 2
    assert "Traceback" not in done.stderr
    assert "cannot" not in done.stderr


def test_memory_is_flat_and_small_however_many_tickets_there_are(
    data_dir: Path, tmp_path: Path
) -> None:
    many_tickets(data_dir, 15_000)
    arguments = [sys.executable, "-m", "agent", "tickets", "export", "--format",
                 "csv,jsonl,open311,xlsx", "--events", "--out", "t"]  # fmt: skip
    few = measure([*arguments, "--until", "2025-01-01"], folder=tmp_path)
    small = len((tmp_path / "t.csv").read_bytes())
    many = measure(arguments, folder=tmp_path)
    large = len((tmp_path / "t.csv").read_bytes())
    assert large > 4 * small
    assert (few.code, many.code) == (0, 0)
    assert 20 < few.peak_mb < many.peak_mb + 6 < 150
    assert many.peak_mb - few.peak_mb < 6


def many_tickets(data_dir: Path, count: int) -> None:
    store = TicketStore.open(f"sqlite:///{data_dir / 'kural.db'}", data_dir=data_dir)
    store.database.visit(lambda _: None, within_s=10)  # makes the tables
    fill(store.database.engine, store.cipher, count)
    store.close()


def test_a_bar_is_shown_where_somebody_sits_and_nowhere_else(
    file_ticket: FileTicket, tmp_path: Path
) -> None:
    file_ticket()
    arguments = [sys.executable, "-m", "agent", "tickets", "export", "--out", "t.csv"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    ours, theirs = pty.openpty()
    with subprocess.Popen(arguments, cwd=tmp_path, stderr=theirs, env=environment) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                seen += os.read(ours, 4096)
            except OSError:  # how a terminal says that nobody writes any more
                break
        os.close(ours)
    assert process.returncode == 0, seen
    assert b"finishing the file" in seen
    assert b"1/1" in seen
    quiet = subprocess.run(arguments, cwd=tmp_path, stderr=subprocess.PIPE, check=True)
    assert quiet.stderr == b"1 ticket written to t.csv\n"


def test_what_needs_listening_is_written_alone(file_ticket: FileTicket, tmp_path: Path) -> None:
    file_ticket()
    silent = file_ticket("job-2", category=None, description="", needs_listening=True)
    export("--needs-listening", "--out", "t.csv")
    (row,) = read_csv(tmp_path / "t.csv")
    assert (row["ticket"], row["needs_listening"]) == (silent, "yes")
