"""The commands for audit, keys, erasure, correction and retention: what they say and refuse."""

from __future__ import annotations

import base64
import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.complaint import Call, Complaint, Intent
from agent.errors import UsageError
from agent.tickets.command import command
from agent.tickets.ledger import CallLedger
from agent.tickets.store import TicketStore

PERSON = ("--as", "lakshmi", "--reason", "அவர் கேட்டார்")


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "var"))
    for name in ("DATABASE_URL", "ENCRYPTION_KEY", "ENCRYPTION_KEY_NEXT", "MACHINE"):
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
    result = CliRunner().invoke(command, list(arguments))
    assert result.exception is None, (result.exception, result.output)
    return result


def refused(*arguments: str) -> str:
    """The one sentence a wrong use is answered with."""
    result = CliRunner().invoke(command, list(arguments))
    assert isinstance(result.exception, UsageError), result.output
    return str(result.exception)


def test_the_audit_lists_who_did_what_and_why(number: str, data_dir: Path) -> None:
    (data_dir / "audit.jsonl").write_text(
        '{"at": "2026-11-01T10:00:00+00:00", "who": "ravi", "reason": "x", "action": "show"}\n'
    )
    run("show", number, "--unmask", *PERSON)
    run("correct", number, "--name", "ரவி", *PERSON)
    assert "0 sound files deleted" in run("withdraw", number, *PERSON).stdout
    run("erase", number, *PERSON)
    run("rotate-key", *PERSON)
    rows = [json.loads(line) for line in run("audit", "--json").stdout.splitlines()]
    actions = ["show", "show", "correct", "withdraw", "erase", "rotate-key"]
    assert [row["action"] for row in rows] == actions
    assert {row["reason"] for row in rows[1:]} == {"அவர் கேட்டார்"}
    about = run("audit", "--ticket", number, "--json").stdout.splitlines()
    assert len(about) == 4
    assert run("audit", "--who", "ravi").stdout.startswith("2026-11-01 15:30:00  ravi  show  x")
    assert run("audit", "--since", "2999-01-01").stdout == ""
    assert "--since is not a date" in refused("audit", "--since", "yesterday")


def test_tickets_are_found_by_number_and_by_its_end(number: str) -> None:
    for arguments in (("--phone", "+91 95001-23456"), ("--last-four", "3456")):
        found = json.loads(run("search", *arguments).stdout)
        assert (found["number"], found["phone"]) == (number, "******3456")
    assert run("search", "--last-four", "9999").stdout == ""
    assert json.loads(run("search", "--last-four", "3456", "--unmask", *PERSON).stdout)["name"]
    (row,) = run("audit", "--json").stdout.splitlines()
    assert json.loads(row)["facts"] == {"by": "last_four", "tickets": [number]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--phone or --last-four"),
        (("--phone", "1", "--last-four", "2"), "--phone or --last-four"),
        (("--phone", "3456"), "whole phone number"),
        (("--last-four", "12345"), "needs 4 digits"),
        (("--last-four", "abcd"), "needs 4 digits"),
        (("--last-four", "3456", "--unmask"), "--as WHO"),
        (("--last-four", "3456", "--as", "x"), "belong to --unmask"),
    ],
)
@pytest.mark.usefixtures("number")
def test_a_wrong_search_is_one_sentence(arguments: tuple[str, ...], words: str) -> None:
    assert words in refused("search", *arguments)


def test_erasing_says_what_went_and_can_be_tried_first(number: str, data_dir: Path) -> None:
    assert "1 tickets, 1 calls" in run("erase", number, "--dry-run", *PERSON).stdout
    assert "would be erased" in run("erase", "--caller", "9500123456", "--dry-run", *PERSON).stdout
    done = json.loads(run("erase", "--caller", "+919500123456", "--json", *PERSON).stdout)
    assert (done["tickets"], done["journals"]) == ([number], 1)
    assert "nothing left to erase" in run("erase", number, *PERSON).stdout
    shown = json.loads(run("show", number, "--unmask", *PERSON).stdout)
    assert (shown["name"], shown["description"], shown["constituency_no"]) == (None, None, 11)
    with sqlite3.connect(data_dir / "kural.db") as database:
        assert "9500123456" not in str(database.execute("SELECT facts FROM access").fetchall())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("erase", *PERSON), "one ticket number, or --caller"),
        (("erase", "204103274", "--caller", "9500123456", *PERSON), "one ticket number"),
        (("erase", "204103274", *PERSON), "There is no ticket 204103274"),
        (("erase", "12", *PERSON), "is not a ticket number"),
        (("erase", "--caller", "9999999999", *PERSON), "no ticket and no call of this number"),
        (("erase", "--caller", "abc", *PERSON), "no ticket and no call of this number"),
        (("erase", "204103274", "--as", " ", "--reason", "x"), "--as WHO"),
        (("correct", "204103274", *PERSON), "Say what is to be corrected"),
        (("correct", "204103274", "--name", "x", *PERSON), "There is no ticket"),
        (("withdraw", "204103274", *PERSON), "There is no ticket"),
        (("rotate-key", "--key-file", "none", *PERSON), "cannot be read"),
        (("rotate-key", "--key-file", "short", *PERSON), "must hold 32 bytes"),
    ],
)
@pytest.mark.usefixtures("number")
def test_a_wrong_use_is_one_sentence_and_changes_nothing(
    arguments: tuple[str, ...], words: str, data_dir: Path
) -> None:
    Path("short").write_text("AAAA")
    key = (data_dir / "secret.key").read_bytes()
    assert words in refused(*arguments)
    assert (data_dir / "secret.key").read_bytes() == key
    with sqlite3.connect(data_dir / "kural.db") as database:
        assert database.execute("SELECT count(*) FROM access").fetchone() == (0,)


@pytest.mark.parametrize("arguments", [("erase", "204103274"), ("rotate-key",), ("withdraw", "1")])
@pytest.mark.usefixtures("number")
def test_who_and_why_are_asked_for(arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(command, list(arguments)).exit_code == 2


def test_a_key_of_ones_own_is_taken_from_a_file(number: str, data_dir: Path) -> None:
    own = base64.b64encode(bytes(range(32))).decode()
    Path("own").write_text(own)
    report = json.loads(run("rotate-key", "--key-file", "own", "--json", *PERSON).stdout)
    assert report["finished"]
    assert (data_dir / "secret.key").read_text().strip() == own
    assert json.loads(run("show", number, "--unmask", *PERSON).stdout)["name"] == "மீனா"


def test_a_change_of_keys_says_what_it_did(number: str) -> None:
    out = run("rotate-key", *PERSON).stdout
    assert "1 journals, 0 sound files are under the key" in out
    assert "secret.key.retired" in out
    assert json.loads(run("show", number, "--unmask", *PERSON).stdout)["name"] == "மீனா"


def test_without_the_key_no_command_runs(number: str, data_dir: Path) -> None:
    key = data_dir / "secret.key"
    key.rename(data_dir / "elsewhere")
    for arguments in (("export",), ("show", number), ("replay",), ("erase", number, *PERSON)):
        assert "there is no key" in refused(*arguments)
    assert not key.exists()


@pytest.mark.usefixtures("number")
def test_retention_says_what_went(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "0 tickets, 0 numbers of calls" in run("retain", "--dry-run").stdout
    monkeypatch.setenv("RETENTION__CALLERS_DAYS", "1")
    with sqlite3.connect("var/kural.db") as database:
        database.execute("UPDATE call SET started_at = '2020-01-01 00:00:00.000000'")
    assert json.loads(run("retain", "--json").stdout)["callers"] == 1
    assert json.loads(run("retain", "--json").stdout)["callers"] == 0


def test_what_needs_listening_is_found_and_its_sound_listed(
    number: str, data_dir: Path, call: Call, water: Complaint
) -> None:
    store = TicketStore.open(f"sqlite:///{data_dir / 'kural.db'}", data_dir=data_dir)
    ledger = CallLedger.open(store, replace(call, id="job-2"))
    ledger.keep_note(bytes(32_000))
    silent = replace(water, category=None, description="", needs_listening=True)
    (noted,) = ledger.file([silent]).numbers
    ledger.close("listening", Intent.COMPLAINT)
    store.close()
    found = [json.loads(line) for line in run("search", "--needs-listening").stdout.splitlines()]
    assert [(row["number"], row["needs_listening"]) for row in found] == [(noted, True)]
    both = run("search", "--phone", "9500123456").stdout.splitlines()
    assert len(both) == 2
    shown = json.loads(run("show", noted).stdout)
    assert [row["seconds"] for row in shown["sound"]] == [1.0]
    run("withdraw", noted, *PERSON)
    assert json.loads(run("show", noted).stdout)["sound"] == []
    assert json.loads(run("show", number).stdout)["sound"] == []
