from __future__ import annotations

import gc
import io
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from openpyxl.utils.escape import unescape
from openpyxl.workbook import Workbook

from agent.errors import UsageError
from agent.tickets.columns import COLUMNS, POSITION, Record
from agent.tickets.export import without_controls
from agent.tickets.spreadsheet import MAX_ROWS, SpreadsheetWriter
from tests.tickets.test_export import EVENT, TICKET, ticket


def _time(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001  spreadsheets know no zones


def written(folder: Path, *tickets: Record, events: tuple[Record, ...] = ()) -> io.BytesIO:
    out = io.BytesIO()
    writer = SpreadsheetWriter(out, folder, events=bool(events), remark="Kural & Co, masked")
    for each in tickets:
        writer.write(each)
    for event in events:
        writer.write_event(event)
    writer.finish()
    writer.abandon()
    return out


def book(folder: Path, *tickets: Record, events: tuple[Record, ...] = ()) -> Workbook:
    return load_workbook(written(folder, *tickets, events=events))


def cell(opened: Workbook, name: str, row: int = 2) -> Any:
    return opened["tickets"].cell(row, POSITION[name] + 1)


def test_every_cell_has_the_type_of_its_column(tmp_path: Path) -> None:
    opened = book(tmp_path, ticket(rating=4, consent=True, candidates=[191, 193]))
    assert [each.value for each in opened["tickets"][1]] == [column.name for column in COLUMNS]
    values = {name: cell(opened, name).value for name in POSITION}
    assert values["ticket"] == "204103274"
    assert values["created"] == _time(2026, 11, 20, 20, 0, 1)
    assert values["created_ist"] == _time(2026, 11, 21, 1, 30, 1)
    assert values["due_ist"] == _time(2026, 11, 25, 17, 45)
    assert (values["constituency"], values["rating"], values["confidence"]) == (11, 4, 0.95)
    assert (values["consent"], values["partial"]) == (True, False)
    assert values["candidates"] == "191|193"
    assert values["description_ta"] == TICKET["description_ta"]
    assert values["category_ta"] == "குடிநீர் விநியோகம்"
    assert values["landmark"] == "அப்பல்லோ எதிர் தெரு"
    assert values["last_note"] is None


def test_ticket_and_phone_are_text_with_all_their_zeros(tmp_path: Path) -> None:
    opened = book(tmp_path, ticket(ticket="012345678", phone="04422334455"))
    for name, text in (("ticket", "012345678"), ("phone", "04422334455")):
        assert (cell(opened, name).value, cell(opened, name).data_type) == (text, "s")
        assert cell(opened, name).number_format == "@"


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+91 95001", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", "{=1}",
     "=HYPERLINK(\"http://x\",\"y\")", "http://x", "<r><t>x</t></r>", "0123", "TRUE", "#N/A"],
)  # fmt: skip
def test_nothing_a_caller_says_becomes_more_than_text(tmp_path: Path, text: str) -> None:
    opened = book(tmp_path, ticket(description_ta=text))
    found = cell(opened, "description_ta")
    assert found.data_type == "s"
    assert found.value.rstrip(" ").replace("\r", "\n") == text.replace("\r", "\n")
    assert found.hyperlink is None
    assert found.quotePrefix == (text[0] in "=+-@\t\r0")


@settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text())
@example("_x0041_")
@example("<r></r>")
@example(" a \n b ")
@example("\ufffe\uffff")
def test_whatever_is_said_comes_back(tmp_path: Path, text: str) -> None:
    opened = book(tmp_path, ticket(description_ta=text))
    found = cell(opened, "description_ta").value or ""
    wanted = without_controls(text).replace("\r\n", "\n").replace("\r", "\n")
    assert unescape(found).rstrip(" ") == wanted.rstrip(" ")


def test_a_text_longer_than_a_cell_is_cut_and_says_so(tmp_path: Path) -> None:
    opened = book(
        tmp_path, ticket(description_ta="அ" * 32_768), ticket(description_ta="அ" * 32_767)
    )
    cut, whole = (cell(opened, "description_ta", row).value for row in (2, 3))
    assert cut == "அ" * (32_767 - 4) + " […]"
    assert whole == "அ" * 32_767


def test_the_header_stays_and_filters(tmp_path: Path) -> None:
    sheet = book(tmp_path, ticket(), ticket())["tickets"]
    assert sheet.freeze_panes == "B2"
    assert sheet.auto_filter.ref == "A1:AQ3"
    assert sheet.print_title_rows == "$1:$1"
    assert "Kural && Co, masked" in (sheet.oddFooter.left.text or "")


def test_the_font_has_tamil_letters_everywhere(tmp_path: Path) -> None:
    sheet = book(tmp_path, ticket())["tickets"]
    assert {each.font.name for row in sheet.iter_rows() for each in row} == {"Nirmala UI"}


def test_a_workbook_without_tickets_opens(tmp_path: Path) -> None:
    opened = book(tmp_path)
    assert opened.sheetnames == ["tickets"]
    assert opened["tickets"].max_row == 1


def test_events_have_a_sheet_of_their_own(tmp_path: Path) -> None:
    opened = book(tmp_path, ticket(), events=(EVENT, EVENT))
    assert opened.sheetnames == ["tickets", "events"]
    header, first, _ = opened["events"].iter_rows(values_only=True)
    assert header[:3] == ("ticket", "at", "at_ist")
    assert first[:5] == (
        "204103274", _time(2026, 11, 20, 20, 0, 1), _time(2026, 11, 21, 1, 30, 1), "note",
        "=desk",
    )  # fmt: skip


def test_a_full_sheet_is_one_sentence(tmp_path: Path) -> None:
    writer = SpreadsheetWriter(io.BytesIO(), tmp_path, events=False, remark="")
    writer._tickets._row = MAX_ROWS - 2
    writer.write(ticket())
    with pytest.raises(UsageError, match="holds 1,048,575 tickets and there are more"):
        writer.write(ticket())
    writer.abandon()


def test_what_is_not_finished_lies_in_a_folder_for_us_alone_and_goes_away(tmp_path: Path) -> None:
    writer = SpreadsheetWriter(io.BytesIO(), tmp_path, events=True, remark="")
    (folder,) = tmp_path.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folder.iterdir())
    writer.abandon()
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_an_error_of_the_system(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb", buffering=0) as out:
        writer = SpreadsheetWriter(out, tmp_path, events=False, remark="")
        writer.write(ticket())
        with pytest.raises(OSError, match="No space left"):
            writer.finish()
        writer.abandon()
    del writer
    gc.collect()  # a thrown away archive must not complain
    assert not list(tmp_path.iterdir())


def test_the_file_is_whole(tmp_path: Path) -> None:
    with zipfile.ZipFile(written(tmp_path, ticket())) as archive:
        assert archive.testzip() is None
