"""What we write, opened and saved again by LibreOffice, as staff do."""

from __future__ import annotations

import base64
import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.lab.many_tickets import fill
from agent.tickets.columns import COLUMNS, Kind, Record
from agent.tickets.export import CsvWriter
from agent.tickets.spreadsheet import SpreadsheetWriter
from agent.tickets.store import TicketStore
from tests.tickets.test_export import EVENT, TICKET, ticket

pytestmark = pytest.mark.skipif(
    shutil.which("soffice") is None, reason="LibreOffice is not installed (libreoffice-calc)"
)
Reopen = Callable[..., dict[str, list[list[str]]]]
AS_SHOWN = "44,34,76,1,,0,false,true,false,false,false,-1"
"""Commas, quotes, UTF-8; cells as they are shown, not as formulas; all sheets."""
NASTY = (
    "=1+1", "+91 95001 23456", "-2+3", "@SUM(A1:A9)", "\t=1+1", "\r=1+1", "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://example.org","x")', "＝1+1", " =1+1", "0123", "00044223344", "1e5",
    "2026-11-20", "TRUE", "1/2", "<r><b>x</b></r>", 'சொன்னார்: "நாளை", பிறகு\nவரவில்லை', "கொ கோ கௌ ஸ்ரீ",
)  # fmt: skip


@pytest.fixture
def reopen(tmp_path: Path) -> Reopen:
    """Open a file in LibreOffice and save its sheets as CSV; gives their rows by sheet."""

    def reopen(path: Path, *, timeout_s: float = 120) -> dict[str, list[list[str]]]:
        saved = tmp_path / f"saved-{path.suffix[1:]}"
        read_as = ["--infilter=CSV:44,34,76,1"] if path.suffix == ".csv" else []
        subprocess.run(
            ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless",
             *read_as, "--convert-to", f"csv:Text - txt - csv (StarCalc):{AS_SHOWN}",
             "--outdir", str(saved), str(path)],
            check=True, capture_output=True, timeout=timeout_s,
        )  # fmt: skip
        rows = {}
        for file in saved.iterdir():
            with file.open(encoding="utf-8", newline="") as lines:
                rows[file.stem.removeprefix(f"{path.stem}-")] = list(csv.reader(lines))
        return rows

    return reopen


def cells(rows: list[list[str]], name: str) -> list[str]:
    position = rows[0].index(name)
    return [row[position] for row in rows[1:]]


def shown(text: str) -> str:
    """A text as a cell shows it: one kind of line end, no guard against formulas."""
    return text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("'").rstrip(" ")


def nasty_tickets() -> list[Record]:
    return [ticket(description_ta=text, name=text, phone=text, landmark=text) for text in NASTY]


def test_a_workbook_keeps_tamil_zeros_dates_and_what_looks_like_formulas(
    tmp_path: Path, reopen: Reopen
) -> None:
    path = tmp_path / "t.xlsx"
    with path.open("wb") as out:
        writer = SpreadsheetWriter(out, tmp_path, events=True, remark="")
        for each in (*nasty_tickets(), ticket(ticket="012345678")):
            writer.write(each)
        writer.write_event(EVENT)
        writer.finish()
        writer.abandon()
    sheets = reopen(path)
    rows = sheets["tickets"]
    for name in ("description_ta", "name", "phone", "landmark"):
        assert list(map(shown, cells(rows, name)[:-1])) == list(map(shown, NASTY))
    assert cells(rows, "ticket")[-1] == "012345678"
    assert set(cells(rows, "constituency_ta")) == {TICKET["constituency_ta"]}
    assert set(cells(rows, "created_ist")) == {"2026-11-21 01:30:01"}
    assert set(cells(rows, "due_ist")) == {"2026-11-25 17:45:00"}
    assert set(cells(rows, "days_since")) == {"5"}
    assert sheets["events"][1][4] == "=desk"


def test_a_csv_keeps_tamil_zeros_dates_and_what_looks_like_formulas(
    tmp_path: Path, reopen: Reopen
) -> None:
    path = tmp_path / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = CsvWriter(out)
        for each in nasty_tickets():
            writer.write(each)
    (rows,) = reopen(path).values()
    guessed = {"1e5", "1/2", "2026-11-20"}  # no formulas; a CSV has no types to say so
    for name in ("description_ta", "name", "phone", "landmark"):
        for text, found in zip(NASTY, cells(rows, name), strict=True):
            assert text in guessed or shown(found) == shown(text)
            assert found not in {"2", "3"}  # nothing was computed
    assert set(cells(rows, "ticket")) == {"204103274"}
    assert set(cells(rows, "constituency_ta")) == {TICKET["constituency_ta"]}
    assert set(cells(rows, "created_ist")) == {"2026-11-21 01:30:01"}


@pytest.mark.slow
def test_a_workbook_of_50_000_tickets_opens_and_holds_what_the_csv_holds(
    tmp_path: Path, reopen: Reopen
) -> None:
    key = base64.b64encode(os.urandom(32)).decode()
    url = f"sqlite:///{tmp_path / 'kural.db'}"
    store = TicketStore.open(url, data_dir=tmp_path, key=key, reserve=False)
    store.database.visit(lambda _: None, within_s=10)
    fill(store.database.engine, store.cipher, 50_000)
    store.close()
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "TICKETS__ENCRYPTION_KEY": key}
    subprocess.run(
        [sys.executable, "-m", "agent", "tickets", "export", "--format", "csv,xlsx",
         "--unmask", "--as", "x", "--reason", "y", "--out", "t"],
        check=True, cwd=tmp_path, env=environment, capture_output=True,
    )  # fmt: skip
    rows = reopen(tmp_path / "t.xlsx", timeout_s=300)["tickets"]
    with (tmp_path / "t.csv").open(encoding="utf-8-sig", newline="") as file:
        wanted = list(csv.reader(file))
    assert len(rows) == len(wanted) == 50_001
    assert rows[0] == wanted[0]
    flag = {"yes": "TRUE", "no": "FALSE", "": ""}
    for found, want in zip(rows[1:], wanted[1:], strict=True):
        for column, here, there in zip(COLUMNS, found, want, strict=True):
            if column.kind is Kind.FLAG:
                assert here == flag[there]
            elif column.kind is Kind.UTC:
                assert here.replace("T", " ").rstrip("Z") == there.replace("T", " ").rstrip("Z")
            else:
                assert here == there, column.name
