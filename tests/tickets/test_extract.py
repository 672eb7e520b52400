"""What an export holds, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.complaint import Call, Complaint
from agent.errors import TicketError
from agent.settings import PROJECT_DIR
from agent.tickets.casework import Casework
from agent.tickets.cipher import Cipher
from agent.tickets.columns import COLUMNS, EVENT_COLUMNS
from agent.tickets.extract import open_extract
from agent.tickets.ledger import CallLedger
from agent.tickets.models import TICKET, TicketStatus
from agent.tickets.names import load_names
from agent.tickets.repository import Search
from agent.tickets.store import TicketStore

S = TicketStatus
START = datetime(2026, 11, 16, 6, 0, 1, 500_000, tzinfo=UTC)  # a Monday, 11:30 in India
ALL = Search()
KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def office(make_store, database_url: str, clock: Clock) -> TicketStore:
    store: TicketStore = make_store(database_url, key=KEY, clock=clock)
    return store


@pytest.fixture
def work(office: TicketStore) -> Casework:
    return Casework(office, load_names())


def file(store: TicketStore, call: Call, complaint: Complaint, call_id: str = "job-1") -> str:
    ledger = CallLedger.open(store, replace(call, id=call_id, started_at=store.clock()))
    (number,) = ledger.file([complaint]).numbers
    ledger.close("filed", complaint.intent)
    return number


def tickets(store: TicketStore, search: Search = ALL, **more: Any) -> list[dict[str, Any]]:
    private = more.pop("private", True)
    more.setdefault("cipher", store.cipher)
    names = load_names()
    with open_extract(store.database.engine, names=names, search=search, **more) as extract:
        rows = [
            dict(zip((column.name for column in COLUMNS), row, strict=True))
            for row in extract.tickets(private=private)
        ]
        assert extract.count() == len(rows)
    return rows


def events(store: TicketStore, search: Search = ALL, **more: Any) -> list[dict[str, Any]]:
    with open_extract(store.database.engine, store.cipher, load_names(), search, **more) as extract:
        rows = [
            dict(zip((column.name for column in EVENT_COLUMNS), row, strict=True))
            for row in extract.events()
        ]
        assert extract.count_events() == len(rows)
    return rows


def test_every_column_says_what_is_known_of_a_ticket(
    office: TicketStore, work: Casework, clock: Clock, call: Call, water: Complaint
) -> None:
    number = file(office, call, water)
    clock.now += timedelta(hours=1)
    work.assign(number, "kumari", "desk", note="இன்று பார்க்கவும்")
    clock.now += timedelta(days=1)
    work.move(number, S.RESOLVED, "kumari")
    work.rate(number, score=2, call_id="later-1")
    work.rate(number, score=4, call_id="later-2")
    (row,) = tickets(office, unmask=True)
    assert row == {
        "ticket": number,
        "created": "2026-11-16T06:00:01Z",
        "created_ist": "2026-11-16 11:30:01",
        "channel": "phone",
        "constituency": 11,
        "constituency_en": "Dr. Radhakrishnan Nagar",
        "constituency_ta": "டாக்டர் ராதாகிருஷ்ணன் நகர்",
        "candidates": [11],
        "category": "WATER",
        "category_en": "Drinking water supply",
        "category_ta": "குடிநீர் விநியோகம்",
        "department": "Municipal Administration and Water Supply",
        "priority": "high",
        "intent": "complaint",
        "description_ta": water.description,
        "place": "தண்டையார்பேட்டை",
        "locality_en": "Tondiarpet",
        "locality_ta": "தண்டையார்பேட்டை",
        "landmark": water.landmark,
        "days_since": 5,
        "name": "மீனா",
        "phone": "9500123456",
        "consent": None,
        "confidential": False,
        "status": "RESOLVED",
        "due_ist": "2026-11-19 17:45:00",
        "breached": False,
        "level": 0,
        "assigned_to": "kumari",
        "reports": 1,
        "reopened": 0,
        "duplicate_of": None,
        "last_note": "இன்று பார்க்கவும்",
        "updated_ist": "2026-11-17 12:30:01",
        "resolved_ist": "2026-11-17 12:30:01",
        "rating": 4,
        "confidence": 0.8,
        "call_seconds": 0,
        "erased": False,
        "partial": False,
        "needs_listening": False,
        "linked_to": None,
        "call_id": "job-1",
    }


def test_nothing_of_a_person_is_seen_without_unmasking(
    office: TicketStore, work: Casework, call: Call, water: Complaint
) -> None:
    told = replace(water, description="மீனா பேசுறேன், 9500123456-க்கு கூப்பிடுங்க", landmark="மீனா கடை")
    number = file(office, call, told)
    work.note(number, "desk", "மீனா அழைத்தார்")
    (row,) = tickets(office)
    assert (row["name"], row["phone"]) == ("மீ***", "******3456")
    assert row["description_ta"] == "மீ*** பேசுறேன், **********-க்கு கூப்பிடுங்க"
    assert (row["landmark"], row["last_note"]) == ("மீ*** கடை", "***")


def test_of_a_confidential_ticket_not_even_a_letter_of_the_name_is_seen(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    file(office, call, replace(water, confidential=True))
    (row,) = tickets(office)
    assert (row["name"], row["phone"], row["confidential"]) == ("***", "***", True)
    (row,) = tickets(office, unmask=True)
    assert (row["name"], row["phone"]) == ("மீனா", "9500123456")


def test_what_is_not_known_is_none(office: TicketStore, call: Call) -> None:
    file(office, call, Complaint(description="ஏதோ பிரச்சனை"))
    (row,) = tickets(office)
    for name in ("constituency", "category", "department", "place", "name", "days_since",
                 "rating", "confidence", "last_note", "resolved_ist", "updated_ist",
                 "constituency_en", "category_ta", "locality_en", "locality_ta"):  # fmt: skip
        assert row[name] is None
    assert row["candidates"] == []


def test_all_seats_that_are_still_possible_are_named(
    office: TicketStore, call: Call, sewage: Complaint
) -> None:
    file(office, call, sewage)
    (row,) = tickets(office)
    assert (row["constituency"], row["candidates"]) == (None, [191, 193])


@pytest.mark.parametrize("unmask", [True, False])
def test_what_is_not_private_needs_no_key(
    office: TicketStore, work: Casework, call: Call, water: Complaint, unmask: bool
) -> None:
    work.note(file(office, call, water), "desk", "நாளை")
    stranger = Cipher(b"another key of thirty-two bytes.")
    (row,) = tickets(office, cipher=stranger, private=False, unmask=unmask)
    assert (row["status"], row["constituency"]) == ("NEW", 11)
    for name in ("description_ta", "place", "landmark", "name", "phone", "last_note"):
        assert row[name] is None
    with pytest.raises(TicketError, match="another key"):
        tickets(office, cipher=stranger)


@pytest.mark.parametrize(
    ("search", "count"),
    [
        (Search(), 2),
        (Search(constituency=11), 1),
        (Search(category="SEWAGE"), 1),
        (Search(status="RESOLVED"), 0),
        (Search(since=START + timedelta(hours=1)), 1),
        (Search(until=START + timedelta(hours=1)), 1),
        (Search(constituency=11, category="SEWAGE"), 0),
    ],
)
def test_a_search_narrows_tickets_and_their_events(
    office: TicketStore, clock: Clock, call: Call, water: Complaint, sewage: Complaint,
    search: Search, count: int,
) -> None:  # fmt: skip
    file(office, call, water)
    clock.now += timedelta(hours=2)
    file(office, call, sewage, "job-2")
    assert len(tickets(office, search)) == len(events(office, search)) == count


def test_tickets_come_oldest_first_and_events_as_their_tickets_do(
    office: TicketStore, work: Casework, clock: Clock, call: Call, water: Complaint
) -> None:
    late = START + timedelta(days=3)
    clock.now = late
    second = file(office, call, water)
    clock.now = START
    first = file(office, call, water, "job-2")
    clock.now = late
    work.move(first, S.ACKNOWLEDGED, "desk")
    assert [row["ticket"] for row in tickets(office)] == [first, second]
    assert [(row["ticket"], row["to_status"]) for row in events(office)] == [
        (first, "NEW"), (first, "ACKNOWLEDGED"), (second, "NEW"),
    ]  # fmt: skip


def test_an_event_says_who_did_what_when_and_hides_the_note(
    office: TicketStore, work: Casework, clock: Clock, call: Call, water: Complaint
) -> None:
    number = file(office, call, water)
    clock.now += timedelta(hours=1)
    work.transfer(number, 12, "desk", note="அது பக்கத்து தொகுதி")
    told, moved = events(office, unmask=True)
    assert told == {
        "ticket": number, "at": "2026-11-16T06:00:01Z", "at_ist": "2026-11-16 11:30:01",
        "kind": "status", "actor": "line", "from_status": None, "to_status": "NEW",
        "facts": None, "note": None,
    }  # fmt: skip
    assert (moved["actor"], moved["at"]) == ("desk", "2026-11-16T07:00:01Z")
    assert (moved["from_status"], moved["to_status"]) == ("NEW", "TRANSFERRED")
    assert "12" in moved["facts"]
    assert moved["note"] == "அது பக்கத்து தொகுதி"
    assert events(office)[1]["note"] == "***"


DUE = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
EARLY, LATE = DUE - timedelta(hours=1), DUE + timedelta(hours=1)


@pytest.mark.parametrize(
    ("values", "breached"),
    [
        ({"status": "NEW"}, True),
        ({"status": "NEW", "due_at": LATE + timedelta(days=9)}, False),
        ({"status": "NEW", "due_at": None}, None),
        ({"status": "WAITING_CITIZEN", "waiting_since": EARLY}, False),
        ({"status": "WAITING_CITIZEN", "waiting_since": LATE}, True),
        ({"status": "RESOLVED", "resolved_at": EARLY, "updated_at": LATE}, False),
        ({"status": "VERIFIED_CLOSED", "resolved_at": LATE}, True),
        ({"status": "DUPLICATE_OF", "updated_at": EARLY}, False),
        ({"status": "REJECTED"}, None),
    ],
)
def test_a_due_date_is_breached_when_the_clock_ran_past_it(
    office: TicketStore, call: Call, water: Complaint, values: dict[str, Any], breached: bool | None
) -> None:
    file(office, call, water)
    with office.database.engine.begin() as connection:
        connection.execute(TICKET.update().values({"due_at": DUE, **values}))
    (row,) = tickets(office, now=DUE + timedelta(days=2))
    assert row["breached"] is breached


def test_the_length_of_the_call_comes_from_its_row(
    office: TicketStore, clock: Clock, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(office, replace(call, started_at=START))
    ledger.file([water])
    assert tickets(office)[0]["call_seconds"] is None  # the call goes on
    clock.now += timedelta(seconds=83.6)
    ledger.close("filed", water.intent)
    assert tickets(office)[0]["call_seconds"] == 84


def test_what_is_filed_during_an_export_is_not_in_it(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    number = file(office, call, water)
    engine = office.database.engine
    with open_extract(engine, office.cipher, load_names(), Search()) as extract:
        assert extract.count() == 1
        file(office, call, water, "job-2")
        assert [row[0] for row in extract.tickets()] == [number]
        assert [row[0] for row in extract.events()] == [number]
    assert len(tickets(office)) == 2


def test_no_two_columns_have_one_name() -> None:
    for columns in (COLUMNS, EVENT_COLUMNS):
        names = [column.name for column in columns]
        assert len(set(names)) == len(names)


def test_columns_that_were_there_before_keep_their_names_and_order() -> None:
    before = """ticket created created_ist channel constituency constituency_en constituency_ta
        candidates category category_en category_ta priority intent description_ta place
        locality_en landmark days_since name phone consent confidential status partial linked_to
        call_id""".split()
    assert [column.name for column in COLUMNS if column.name in before] == before


def test_every_column_is_explained_in_the_docs() -> None:
    text = (PROJECT_DIR / "docs" / "export.md").read_text(encoding="utf-8")
    for column in (*COLUMNS, *EVENT_COLUMNS):
        assert f"`{column.name}`" in text
