from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.tickets.export import COLUMNS, safe_text, write_csv, write_jsonl
from agent.tickets.names import Names, load_names
from agent.tickets.repository import Ticket

TICKET = Ticket(
    number="204103274",
    call_id="job-1",
    issue_index=0,
    linked_to=None,
    channel="phone",
    intent="complaint",
    category="WATER",
    priority="high",
    constituency_no=11,
    candidates=({"number": 11, "name_en": "Dr. Radhakrishnan Nagar", "score": 1.0},),
    locality_en="Tondiarpet",
    locality_ta="தண்டையார்பேட்டை",
    place="தண்டையார்பேட்டை",
    landmark="அப்பல்லோ எதிர் தெரு",
    name="மீ***",
    phone="******3456",
    description='தண்ணியே வரல, "அஞ்சு" நாளா\nஎன்ன செய்ய',
    days_since=5,
    status="NEW",
    partial=False,
    confidential=False,
    consent=None,
    decisions=(),
    created_at=datetime(2026, 11, 20, 20, 0, 1, 500, tzinfo=UTC),
    masked=True,
)
NAMES = Names(
    seats={11: ("Dr. Radhakrishnan Nagar", "டாக்டர் ராதாகிருஷ்ணன் நகர்")},
    categories={"WATER": ("Drinking water supply", "குடிநீர் விநியோகம்")},
)


def _csv(*tickets: Ticket) -> tuple[str, list[dict[str, str]]]:
    out = io.StringIO(newline="")
    assert write_csv(tickets, out, NAMES) == len(tickets)
    text = out.getvalue()
    return text, list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_a_csv_opens_again_with_its_tamil_intact() -> None:
    text, (row,) = _csv(TICKET)
    assert text.startswith("\ufeffticket,created,created_ist,")
    assert row["description_ta"] == TICKET.description
    assert row["constituency_ta"] == "டாக்டர் ராதாகிருஷ்ணன் நகர்"
    assert row["category_ta"] == "குடிநீர் விநியோகம்"
    assert row["ticket"] == "204103274"
    assert (row["created"], row["created_ist"]) == ("2026-11-20T20:00:01Z", "2026-11-21 01:30:01")
    assert (row["consent"], row["partial"], row["candidates"]) == ("", "no", "11")


def test_every_line_of_a_csv_ends_with_crlf() -> None:
    text, _ = _csv(replace(TICKET, description="a"), replace(TICKET, description="b"))
    assert text.count("\r\n") == text.count("\n") == 3


def test_a_csv_without_tickets_has_its_header() -> None:
    assert _csv()[0] == "\ufeff" + ",".join(COLUMNS) + "\r\n"


@pytest.mark.parametrize(
    "text",
    [
        "=HYPERLINK(\"http://x\",\"y\")", "+91 95001", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1",
        "＝1", " =1", "=cmd|' /C calc'!A0", "04422334455",
    ],
)  # fmt: skip
def test_formulas_and_lost_zeros_are_neutralised_in_every_text_column(text: str) -> None:
    for field in ("description", "place", "landmark", "name", "phone", "locality_en", "call_id"):
        changed: dict[str, Any] = {field: text}
        _, (row,) = _csv(replace(TICKET, **changed))
        column = {"description": "description_ta"}.get(field, field)
        assert row[column] == "'" + text


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
    unknown = replace(TICKET, constituency_no=None, category=None, name=None, consent=True)
    assert write_jsonl([TICKET, unknown], out, NAMES) == 2
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert tuple(first) == COLUMNS
    assert (first["constituency"], first["candidates"], first["partial"]) == (11, [11], False)
    assert first["description_ta"] == TICKET.description
    assert "தண்ணியே" in out.getvalue()
    assert (second["constituency_en"], second["category"], second["name"]) == (None, None, None)
    assert second["consent"] is True


def test_the_names_of_all_seats_and_categories_are_there() -> None:
    names = load_names()
    assert sorted(names.seats) == list(range(1, 235))
    assert names.seat(11)[0] == "Dr. Radhakrishnan Nagar"
    assert names.category("WATER")[1] == "குடிநீர் விநியோகம்"
    assert names.seat(None) == names.seat(999) == names.category(None) == ("", "")
