from __future__ import annotations

import base64
import csv
import json
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent.complaint import Call, Complaint, Intent
from agent.errors import UsageError
from agent.tickets.command import command
from agent.tickets.ledger import CallLedger
from agent.tickets.store import TicketStore

Run = Callable[..., Result]
KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "var"))
    for name in ("DATABASE_URL", "ENCRYPTION_KEY", "MACHINE", "BLOCK_SIZE", "DISK", "RECEIVER_URL"):
        monkeypatch.delenv(f"TICKETS__{name}", raising=False)
    return tmp_path / "var"


@pytest.fixture
def number(data_dir: Path, call: Call, water: Complaint) -> str:
    """One ticket from one finished call."""
    store = TicketStore.open(f"sqlite:///{data_dir / 'kural.db'}", data_dir=data_dir)
    ledger = CallLedger.open(store, call)
    filed = ledger.file([water])
    ledger.close("filed", Intent.COMPLAINT)
    store.close()
    return filed.numbers[0]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def refused(*arguments: str) -> str:
    """The one sentence a wrong use is answered with."""
    result = run(*arguments)
    assert isinstance(result.exception, UsageError), result.output
    return str(result.exception)


def audited(data_dir: Path) -> list[dict[str, Any]]:
    """The rows of the audit, as they are stored."""
    with sqlite3.connect(data_dir / "kural.db") as database:
        database.row_factory = sqlite3.Row
        rows = [dict(row) for row in database.execute("SELECT * FROM access ORDER BY id")]
    return [{**row, "facts": json.loads(row["facts"])} for row in rows]


def test_a_csv_is_written_masked_for_us_alone(number: str, tmp_path: Path) -> None:
    out = tmp_path / "tickets.csv"
    result = run("export", "--constituency", "11", "--out", str(out))
    assert result.exit_code == 0
    assert "1 ticket written" in result.stderr
    assert out.read_bytes().startswith(b"\xef\xbb\xbf")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with out.open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["ticket"], row["name"], row["phone"]) == (number, "மீ***", "******3456")
    assert row["landmark"] == "அப்பல்லோ ஆஸ்பத்திரி எதிர் தெரு"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tickets.csv", "var"]


def test_without_a_file_the_export_goes_to_standard_output(number: str) -> None:
    result = run("export", "--format", "jsonl")
    assert json.loads(result.stdout)["ticket"] == number


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (("--constituency", "12"), 0),
        (("--status", "NEW"), 1),
        (("--status", "RESOLVED"), 0),
        (("--since", "2020-01-01"), 1),
        (("--since", "2999-01-01"), 0),
        (("--until", "2020-01-01T10:00:00+05:30"), 0),
        (("--since", "2020-01-01", "--until", "2999-12-30"), 1),
    ],
)
@pytest.mark.usefixtures("number")
def test_an_export_holds_what_was_asked_for(arguments: tuple[str, ...], count: int) -> None:
    result = run("export", "--format", "jsonl", *arguments)
    assert len(result.stdout.splitlines()) == count


@pytest.mark.usefixtures("number")
def test_unmasking_is_written_down_before_anything_is_shown(data_dir: Path) -> None:
    why = ("--unmask", "--as", "R. Officer", "--reason", "கூப்பிட வேண்டும்")
    result = run("export", "--format", "jsonl", "--constituency", "11", *why)
    shown = json.loads(result.stdout)
    assert (shown["name"], shown["phone"]) == ("மீனா", "9500123456")
    (entry,) = audited(data_dir)
    assert (entry["who"], entry["reason"]) == ("R. Officer", "கூப்பிட வேண்டும்")
    assert (entry["action"], entry["facts"]["constituency"]) == ("export", "11")


@pytest.mark.usefixtures("number")
def test_when_the_audit_cannot_be_written_nothing_is_unmasked(data_dir: Path) -> None:
    with sqlite3.connect(data_dir / "kural.db") as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON access BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    sentence = refused("export", "--unmask", "--as", "x", "--reason", "y")
    assert "nothing is unmasked" in sentence


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--constituency", "999"), "1 to 234"),
        (("--constituency", "0"), "1 to 234"),
        (("--since", "yesterday"), "--since is not a date"),
        (("--until", "2026-13-01"), "--until is not a date"),
        (("--until", "9999-12-31"), "--until is not a date"),
        (("--since", "0001-01-01"), "--since is not a date"),
        (("--until", "9999-12-31T23:00-05:00"), "--until is not a date"),
        (("--since", "2026-02-02", "--until", "2026-02-01"), "--since must lie before"),
        (("--unmask",), "--as WHO and --reason WHY"),
        (("--unmask", "--as", "  ", "--reason", "x"), "--as WHO and --reason WHY"),
        (("--as", "x"), "belong to --unmask"),
        (("--out", "."), "is a folder"),
        (("--out", "/dev/null"), "is not a plain file"),
        (("--out", "missing/tickets.csv"), "There is no folder missing"),
    ],
)
@pytest.mark.usefixtures("number")
def test_a_wrong_use_is_one_sentence(arguments: tuple[str, ...], words: str) -> None:
    assert words in refused("export", *arguments)


@pytest.mark.usefixtures("number")
def test_a_status_that_does_not_exist_is_refused_with_exit_code_2() -> None:
    assert run("export", "--status", "DONE").exit_code == 2


def test_an_export_that_fails_leaves_the_old_file(
    number: str, data_dir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "tickets.csv"
    out.write_text("the old one")
    with sqlite3.connect(data_dir / "kural.db") as database:
        database.execute("UPDATE ticket SET description = zeroblob(60)")
    result = run("export", "--out", str(out))
    assert "another key" in str(result.exception)
    assert out.read_text() == "the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tickets.csv", "var"]


@pytest.mark.usefixtures("data_dir")
def test_without_a_database_the_way_out_is_named_and_none_is_made(data_dir: Path) -> None:
    assert "There is no ticket database" in refused("export")
    assert not data_dir.exists()


def test_a_file_that_is_no_database_is_one_sentence(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "kural.db").write_bytes(b"no database at all, only words " * 99)
    assert "cannot be read" in refused("export")
    assert "cannot be read" in refused("check")


def test_show_gives_one_ticket_masked(number: str) -> None:
    spoken = f"{number[:3]} {number[3:6]}-{number[6:]}"
    shown = json.loads(run("show", spoken).stdout)
    assert (shown["number"], shown["name"], shown["masked"]) == (number, "மீ***", True)
    assert shown["constituency_ta"] == "டாக்டர் ராதாகிருஷ்ணன் நகர்"


def test_show_unmasked_is_audited(number: str, data_dir: Path) -> None:
    result = run("show", number, "--unmask", "--as", "x", "--reason", "y")
    assert json.loads(result.stdout)["phone"] == "9500123456"
    (entry,) = audited(data_dir)
    assert (entry["action"], entry["facts"]) == ("show", {"ticket": number})


@pytest.mark.parametrize("text", ["12", "204103275", "௨௦௪௧௦௩௨௭௪", "abc", "-", ""])
@pytest.mark.usefixtures("number")
def test_show_refuses_what_is_no_ticket_number(text: str) -> None:
    assert "is not a ticket number" in refused("show", "--", text)


@pytest.mark.usefixtures("number")
def test_show_says_when_there_is_no_such_ticket() -> None:
    assert "There is no ticket 204103274" in refused("show", "204103274")


def test_replay_and_check_say_what_they_found(data_dir: Path, call: Call, water: Complaint) -> None:
    store = TicketStore.open(f"sqlite:///{data_dir / 'kural.db'}", data_dir=data_dir)
    ledger = CallLedger.open(store, call)
    ledger.note([water], Intent.COMPLAINT)
    assert ledger._journal is not None
    ledger._journal.close()  # the process is gone
    store.close()
    assert json.loads(run("check", "--json").stdout)["waiting"] == 1
    assert json.loads(run("replay", "--json").stdout)["partial"] == 1
    again = run("replay")
    assert (again.exit_code, again.stdout[:20]) == (0, "0 journals replayed ")
    checked = run("check")
    assert checked.exit_code == 0
    assert checked.stdout.startswith("1 tickets in the database, 0 unreadable; 1 journals")


def test_check_exits_1_and_names_what_is_missing(number: str, data_dir: Path) -> None:
    store = TicketStore.open(f"sqlite:///{data_dir / 'kural.db'}", data_dir=data_dir)
    with store.database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM ticket")
    store.close()
    result = run("check")
    assert result.exit_code == 1
    assert number in result.stderr
    assert run("check", "--json").exit_code == 1


def test_replay_exits_1_when_a_journal_is_damaged(data_dir: Path) -> None:
    (data_dir / "journal").mkdir(parents=True)
    (data_dir / "journal" / "x.jsonl").write_bytes(b"nonsense\n")
    result = run("replay")
    assert result.exit_code == 1
    assert "x.jsonl is damaged at line 1" in result.stderr


def test_every_command_says_in_one_line_what_it_does() -> None:
    assert {"check", "export", "migrate", "replay", "show", "status"} <= set(command.commands)
    for each in command.commands.values():
        assert each.get_short_help_str(limit=100).endswith((".", ";")), each.name


def received(folder: Path, call: Call, water: Complaint, monkeypatch: pytest.MonkeyPatch) -> str:
    """The journal of a call on a machine that is gone, as a receiver has kept it; its number."""
    pod = folder / "pod"
    store = TicketStore.open(f"sqlite:///{pod / 'x.db'}", data_dir=pod, machine="pod", key=KEY)
    ledger = CallLedger.open(store, call)
    (number,) = ledger.file([water]).numbers
    ledger.note([water, water], Intent.COMPLAINT)
    (folder / "received").mkdir()
    (folder / "received" / "job-1.jsonl").write_bytes(
        (store.journal_dir / "job-1.jsonl").read_bytes()
    )
    store.close()
    monkeypatch.setenv("TICKETS__ENCRYPTION_KEY", KEY)
    return number


def test_replay_from_stores_what_a_receiver_has_kept(
    data_dir: Path, call: Call, water: Complaint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = received(tmp_path, call, water, monkeypatch)
    monkeypatch.setattr("agent.tickets.store.utc_now", lambda: call.started_at)
    result = run("replay", "--from", str(tmp_path / "received"))
    assert result.exit_code == 0
    assert "1 tickets added, 0 of them partial; 1 live" in result.stdout
    assert "add --over" in result.stderr
    assert json.loads(run("show", number).stdout)["number"] == number
    over = json.loads(
        run("replay", "--from", str(tmp_path / "received"), "--over", "--json").stdout
    )
    assert (over["replayed"], over["lost"], over["tickets"], over["partial"]) == (1, 1, 1, 1)
    assert (tmp_path / "received" / "done" / "job-1.jsonl").exists()
    again = json.loads(run("replay", "--from", str(tmp_path / "received"), "--json").stdout)
    assert (again["tickets"], again["clean"]) == (0, True)


def test_replay_from_says_what_is_wrong(
    data_dir: Path, call: Call, water: Complaint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "There is no folder" in refused("replay", "--from", str(tmp_path / "nowhere"))
    assert "--over belongs to --from" in refused("replay", "--over")
    received(tmp_path, call, water, monkeypatch)
    monkeypatch.delenv("TICKETS__ENCRYPTION_KEY")
    assert "TICKETS__ENCRYPTION_KEY" in refused("replay", "--from", str(tmp_path / "received"))
    assert not data_dir.exists()
    monkeypatch.setenv("TICKETS__ENCRYPTION_KEY", base64.b64encode(bytes(32)).decode())
    result = run("replay", "--from", str(tmp_path / "received"))
    assert result.exit_code == 1
    assert "another key" in result.stderr
    assert (tmp_path / "received" / "job-1.jsonl").exists()


@pytest.mark.parametrize("action", ["check", "replay"])
def test_a_wrong_data_dir_is_named_and_nothing_is_made_in_it(data_dir: Path, action: str) -> None:
    assert "There is no ticket database" in refused(action)
    assert not data_dir.exists()


@pytest.mark.parametrize("action", ["check", "replay"])
def test_no_work_is_done_on_a_file_that_is_no_database(data_dir: Path, action: str) -> None:
    data_dir.mkdir()
    (data_dir / "kural.db").write_bytes(b"no database at all, only words " * 99)
    assert "cannot be read" in refused(action)


def test_a_lost_database_is_noticed_and_comes_back_from_the_journals(
    number: str, data_dir: Path
) -> None:
    for file in data_dir.glob("kural.db*"):
        file.unlink()
    lost = run("check")
    assert lost.exit_code == 1
    assert number in lost.stderr
    brought = run("replay")
    assert (brought.exit_code, "1 tickets added" in brought.stdout) == (0, True)
    assert "1 calls restored" in brought.stdout
    assert json.loads(run("show", number).stdout)["number"] == number
    assert json.loads(run("replay", "--json").stdout)["restored"] == 0
    assert run("check").exit_code == 0
