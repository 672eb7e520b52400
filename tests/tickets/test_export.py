from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import IO, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.errors import TicketError
from agent.tickets.columns import COLUMNS, EVENT_COLUMNS, Kind, Record
from agent.tickets.export import TICK, CsvWriter, JsonLinesWriter, export, safe_text
from agent.tickets.names import load_names

NAMES = [column.name for column in COLUMNS]
TICKET: dict[str, Any] = {
    **dict.fromkeys(NAMES),
    "ticket": "204103274",
    "created": "2026-11-20T20:00:01Z",
    "created_ist": "2026-11-21 01:30:01",
    "channel": "phone",
    "constituency": 11,
    "constituency_en": "Dr. Radhakrishnan Nagar",
    "constituency_ta": "டாக்டர் ராதாகிருஷ்ணன் நகர்",
    "candidates": [11],
    "category": "WATER",
    "category_en": "Drinking water supply",
    "category_ta": "குடிநீர் விநியோகம்",
    "department": "Home, Prohibition and Excise",
    "priority": "high",
    "intent": "complaint",
    "description_ta": 'தண்ணியே வரல, "அஞ்சு" நாளா\nஎன்ன செய்ய',
    "place": "தண்டையார்பேட்டை",
    "locality_en": "Tondiarpet",
    "landmark": "அப்பல்லோ எதிர் தெரு",
    "days_since": 5,
    "name": "மீ***",
    "phone": "******3456",
    "confidential": False,
    "status": "NEW",
    "due_ist": "2026-11-25 17:45:00",
    "breached": False,
    "reports": 1,
    "confidence": 0.95,
    "erased": False,
    "partial": False,
    "call_id": "job-1",
}
EVENT = ("204103274", "2026-11-20T20:00:01Z", "2026-11-21 01:30:01", "note", "=desk", None, None,
         '{"seat": 12}', "வரும், \"நாளை\"")  # fmt: skip


def ticket(**changed: Any) -> Record:
    assert changed.keys() <= TICKET.keys()
    return tuple({**TICKET, **changed}.values())


def _csv(*tickets: Record) -> tuple[str, list[dict[str, str]]]:
    out = io.StringIO(newline="")
    writer = CsvWriter(out)
    for each in tickets:
        writer.write(each)
    writer.finish()
    text = out.getvalue()
    return text, list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_a_csv_opens_again_with_its_tamil_intact() -> None:
    text, (row,) = _csv(ticket())
    assert text.startswith("\ufeffticket,created,created_ist,")
    assert row["description_ta"] == TICKET["description_ta"]
    assert row["constituency_ta"] == "டாக்டர் ராதாகிருஷ்ணன் நகர்"
    assert row["category_ta"] == "குடிநீர் விநியோகம்"
    assert row["department"] == "Home, Prohibition and Excise"
    assert row["ticket"] == "204103274"
    assert (row["created"], row["created_ist"]) == ("2026-11-20T20:00:01Z", "2026-11-21 01:30:01")
    assert (row["consent"], row["partial"], row["candidates"]) == ("", "no", "11")
    assert (row["days_since"], row["confidence"], row["rating"]) == ("5", "0.95", "")


def test_every_line_of_a_csv_ends_with_crlf() -> None:
    text, _ = _csv(ticket(description_ta="a"), ticket(description_ta="b"))
    assert text.count("\r\n") == text.count("\n") == 3


def test_a_csv_without_tickets_has_its_header() -> None:
    assert _csv()[0] == "\ufeff" + ",".join(NAMES) + "\r\n"


def test_seats_that_are_still_possible_share_a_cell() -> None:
    _, (row,) = _csv(ticket(candidates=[191, 193]))
    assert row["candidates"] == "191|193"


@pytest.mark.parametrize(
    "text",
    [
        "=HYPERLINK(\"http://x\",\"y\")", "+91 95001", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1",
        "＝1", " =1", "=cmd|' /C calc'!A0", "04422334455",
    ],
)  # fmt: skip
def test_formulas_and_lost_zeros_are_neutralised_in_every_text_column(text: str) -> None:
    fields = [each.name for each in COLUMNS if each.kind in (Kind.TEXT, Kind.DIGITS)]
    assert {"description_ta", "place", "landmark", "name", "phone", "last_note"} < set(fields)
    for field in fields:
        _, (row,) = _csv(ticket(**{field: text}))
        assert row[field] == "'" + text


@settings(deadline=None)
@given(st.text(), st.text())
@example('a"b', ",")
@example("a\r", '"')
def test_whatever_is_said_comes_back_from_a_csv_as_it_is(said: str, place: str) -> None:
    _, rows = _csv(ticket(description_ta=said, place=place), ticket())
    assert [row["description_ta"] for row in rows] == [
        safe_text(said), TICKET["description_ta"]
    ]  # fmt: skip
    assert rows[0]["place"] == safe_text(place)


@settings(deadline=None)
@given(st.text())
def test_no_text_becomes_a_formula_and_none_is_lost(text: str) -> None:
    safe = safe_text(text)
    assert not safe.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    printable = "".join(
        char for char in text if char in "\t\n\r" or not (ord(char) < 32 or ord(char) == 127)
    )
    assert safe.removeprefix("'") == printable.removeprefix("'") or safe == "'" + printable


@pytest.mark.parametrize("text", ["9500123456", "204103274", "0", "தண்ணி", "******3456", "", "a=b"])
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert safe_text(text) == text


def test_json_lines_keep_types_and_say_null_for_unknown() -> None:
    out = io.StringIO()
    writer = JsonLinesWriter(out)
    writer.write(ticket())
    writer.write(ticket(constituency=None, category=None, name=None, consent=True))
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert first == TICKET
    assert list(first) == NAMES
    assert "தண்ணியே" in out.getvalue()
    assert (second["constituency"], second["category"], second["name"]) == (None, None, None)
    assert second["consent"] is True


def test_events_go_into_a_file_of_their_own() -> None:
    tickets, events = io.StringIO(newline=""), io.StringIO(newline="")
    writer = CsvWriter(tickets, events)
    writer.write(ticket())
    writer.write_event(EVENT)
    (row,) = csv.DictReader(io.StringIO(events.getvalue().removeprefix("\ufeff"), newline=""))
    assert list(row) == [column.name for column in EVENT_COLUMNS]
    assert (row["actor"], row["note"]) == ("'=desk", 'வரும், "நாளை"')
    assert tickets.getvalue().count("204103274") == 1

    lines = io.StringIO()
    JsonLinesWriter(io.StringIO(), lines).write_event(EVENT)
    assert tuple(json.loads(lines.getvalue()).values()) == EVENT


@pytest.mark.parametrize("kind", [CsvWriter, JsonLinesWriter])
def test_without_a_file_for_them_events_are_left_out(kind: type) -> None:
    out = io.StringIO(newline="")
    writer = kind(out)
    before = out.getvalue()
    writer.write_event(EVENT)
    assert out.getvalue() == before


class Rows:
    """Tickets and events that are there already; breaks off where it is told to."""

    def __init__(self, count: int, *, breaks: bool = False) -> None:
        self._count, self._breaks = count, breaks

    def tickets(self, *, private: bool) -> Iterator[Record]:
        for number in range(self._count):
            yield ticket(ticket=f"{number:09d}" if private else "")
        if self._breaks:
            raise TicketError("An encrypted field is damaged.")

    def events(self) -> Iterator[Record]:
        yield EVENT


class Kept(CsvWriter):
    """A writer that says what was done to it."""

    def __init__(self, *, private: bool = True) -> None:
        super().__init__(io.StringIO(newline=""), io.StringIO(newline=""))
        self.private = private
        self.done: list[str] = []

    def finish(self) -> None:
        self.done.append("finish")

    def abandon(self) -> None:
        self.done.append("abandon")


def _rows_of(out: IO[str] | None) -> int:
    assert isinstance(out, io.StringIO)
    return out.getvalue().count("\r\n") - 1


@pytest.mark.parametrize("events", [True, False])
def test_all_writers_get_all_rows_and_progress_adds_up(events: bool) -> None:
    writers = [Kept(), Kept(private=False)]
    steps: list[int] = []
    rows: Any = Rows(1_234)
    assert export(rows, writers, events=events, done=steps.append) == 1_234
    for writer in writers:
        assert _rows_of(writer._tickets) == 1_234
        assert _rows_of(writer._events) == events
        assert writer.done == ["finish", "abandon"]
    assert sum(steps) == 1_234 + events
    assert max(steps) == TICK


@pytest.mark.parametrize("private", [True, False])
def test_what_no_writer_shows_is_not_decrypted(private: bool) -> None:
    writer = Kept(private=private)
    rows: Any = Rows(2)
    export(rows, [Kept(private=False), writer])
    assert isinstance(writer._tickets, io.StringIO)
    assert ("000000001" in writer._tickets.getvalue()) == private


def test_after_a_failure_all_writers_are_abandoned_and_none_is_finished() -> None:
    writers = [Kept(), Kept()]
    rows: Any = Rows(2, breaks=True)
    with pytest.raises(TicketError):
        export(rows, writers)
    assert [writer.done for writer in writers] == [["abandon"], ["abandon"]]


def test_the_names_of_all_seats_and_categories_are_there() -> None:
    names = load_names()
    assert sorted(names.seats) == list(range(1, 235))
    assert names.seat(11)[0] == "Dr. Radhakrishnan Nagar"
    assert names.category("WATER")[1] == "குடிநீர் விநியோகம்"
    assert names.seat(None) == names.seat(999) == names.category(None) == ("", "")
