"""Tickets as an XLSX workbook: typed cells, dates that are dates, digits that stay digits.

Written by XlsxWriter row by row into a temporary folder beside the file and zipped at the end, so
memory stays flat; the folder is readable by us alone. Text is always stored as text: what begins
with ``=`` is no formula. Such text also carries Excel's quote prefix, so that it does not become
one when somebody edits the cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final

from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.worksheet import Worksheet

from agent.errors import UsageError
from agent.tickets.columns import COLUMNS, EVENT_COLUMNS, Column, Kind, Record
from agent.tickets.export import is_misread, seats_text, without_controls

MAX_ROWS: Final = 1_048_576
"""Of one sheet, the header included (ECMA-376; Excel and LibreOffice alike)."""
_MAX_UNITS = 32_767
"""Of one cell, in UTF-16 units."""
_CUT = " […]"
_LETTERS: Final = {"font_name": "Nirmala UI", "font_size": 10}
"""This font comes with Windows and has Tamil letters; LibreOffice takes another that has them."""
_AS_TEXT = 49
"""Number of the built-in format "@"."""
_DAY_AND_TIME = "yyyy-mm-dd hh:mm:ss"
_UTC_TIME = 'yyyy-mm-dd"T"hh:mm:ss"Z"'
_FOOTER_LETTERS = 200
"""Excel takes 255 for all parts of a footer."""


class SpreadsheetWriter:
    """One workbook: a sheet of tickets and, when asked for, one of events."""

    private = True

    def __init__(self, out: IO[bytes], beside: Path, *, events: bool, remark: str) -> None:
        """Begin the workbook.

        Args:
            out: takes the finished file; can be sought in.
            beside: folder for what is not finished yet.
            events: whether there is a sheet of events.
            remark: one line that every printed page bears.
        """
        self._folder = TemporaryDirectory(prefix=".kural-xlsx-", dir=beside)
        self._outlet = _Outlet(out)
        self._book = Workbook(
            self._outlet,
            {
                "constant_memory": True,
                "tmpdir": self._folder.name,
                "use_zip64": True,  # only used beyond 4 GB
                "default_format_properties": _LETTERS.copy(),
            },
        )
        self._book.set_properties({"title": "Kural: tickets", "comments": remark})
        self._tickets = _Sheet(self._book, "tickets", COLUMNS, remark)
        self._events = _Sheet(self._book, "events", EVENT_COLUMNS, remark) if events else None

    def write(self, ticket: Record) -> None:
        """Add a row.

        Raises:
            UsageError: the sheet is full.
        """
        self._tickets.add(ticket)

    def write_event(self, event: Record) -> None:
        """Add a row to the sheet of events, if there is one.

        Raises:
            UsageError: the sheet is full.
        """
        if self._events is not None:
            self._events.add(event)

    def finish(self) -> None:
        """Zip everything into the file.

        Raises:
            OSError: it cannot be written.
        """
        for sheet in (self._tickets, self._events):
            if sheet is not None:
                sheet.finish()
        try:
            self._book.close()
        except FileCreateError as exc:
            raise exc.args[0] from None

    def abandon(self) -> None:
        """Remove the temporary folder."""
        self._outlet.shut = True
        for sheet in self._book.worksheets():
            sheet.row_data_fh.close()
        self._folder.cleanup()


class _Outlet:
    """The file as the ZIP archive sees it.

    An archive that is thrown away still writes its end, and complains on standard error when it
    cannot; once shut, what it writes goes nowhere.
    """

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self.shut = False

    def tell(self) -> int:
        return 0 if self.shut else self._out.tell()

    def seek(self, *where: int) -> int:
        return 0 if self.shut else self._out.seek(*where)

    def write(self, data: bytes) -> int:
        return len(data) if self.shut else self._guarded(lambda: self._out.write(data))

    def flush(self) -> None:
        if not self.shut:
            self._guarded(self._out.flush)

    def _guarded(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except OSError:
            self.shut = True
            raise


class _Sheet:
    """One sheet, written from the top down."""

    def __init__(self, book: Workbook, name: str, columns: Sequence[Column], remark: str) -> None:
        self._name = name
        self._sheet: Worksheet = book.add_worksheet(name)
        self._put = _Cells(book, self._sheet).by_kind()
        self._kinds = [column.kind for column in columns]
        self._row = 0
        header = book.add_format({"bold": True, "bottom": 1, **_LETTERS})
        sheet = self._sheet
        sheet.freeze_panes(1, 1)
        sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{MAX_ROWS}"})
        sheet.set_landscape()
        sheet.repeat_rows(0)
        sheet.set_footer(f"&L{remark[:_FOOTER_LETTERS].replace('&', '&&')}&R&P / &N")
        for position, column in enumerate(columns):
            sheet.set_column(position, position, column.width)
            sheet.write_string(0, position, column.name, header)

    def add(self, record: Record) -> None:
        row = self._row = self._row + 1
        if row >= MAX_ROWS:
            raise too_many_rows(self._name)
        put = self._put
        for column, (kind, value) in enumerate(zip(self._kinds, record, strict=True)):
            if value is not None:
                put[kind](row, column, value)

    def finish(self) -> None:
        self._sheet.autofilter(0, 0, max(self._row, 1), len(self._kinds) - 1)


class _Cells:
    """How a value of each kind becomes a cell."""

    def __init__(self, book: Workbook, sheet: Worksheet) -> None:
        self._sheet = sheet
        self._quoted = book.add_format({"quote_prefix": True})
        self._text = book.add_format({"num_format": _AS_TEXT})
        self._utc = book.add_format({"num_format": _UTC_TIME})
        self._ist = book.add_format({"num_format": _DAY_AND_TIME})

    def by_kind(self) -> dict[Kind, Callable[[int, int, Any], object]]:
        """Functions of row, column and value; ``write`` itself would guess the type."""
        sheet = self._sheet
        return {
            Kind.CODE: sheet.write_string,
            Kind.TEXT: self._free_text,
            Kind.DIGITS: self._digits,
            Kind.NUMBER: sheet.write_number,
            Kind.FLAG: sheet.write_boolean,
            Kind.UTC: lambda row, column, text: sheet.write_datetime(
                row, column, datetime.fromisoformat(text[:-1]), self._utc
            ),
            Kind.IST: lambda row, column, text: sheet.write_datetime(
                row, column, datetime.fromisoformat(text), self._ist
            ),
            Kind.SEATS: lambda row, column, seats: sheet.write_string(
                row, column, seats_text(seats), self._text
            ),
        }

    def _free_text(self, row: int, column: int, text: str) -> None:
        text = _cell_text(text)
        self._sheet.write_string(row, column, text, self._quoted if is_misread(text) else None)

    def _digits(self, row: int, column: int, text: str) -> None:
        self._sheet.write_string(row, column, _cell_text(text), self._text)


def too_many_rows(what: str) -> UsageError:
    """The one sentence for more rows than a sheet has."""
    return UsageError(
        f"A spreadsheet holds {MAX_ROWS - 1:,} {what} and there are more: choose a shorter time "
        "or one constituency, or take --format csv."
    )


def _cell_text(text: str) -> str:
    if not text.isprintable():
        text = without_controls(text).replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > _MAX_UNITS // 2:
        units = text.encode("utf-16-le")
        if len(units) > 2 * _MAX_UNITS:
            text = units[: 2 * (_MAX_UNITS - len(_CUT))].decode("utf-16-le", "ignore") + _CUT
    if text.startswith("<r>") and text.endswith("</r>"):
        text += " "  # XlsxWriter would take it for markup and write it as it stands
    return text
