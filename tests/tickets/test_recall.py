"""What is known of a number when it calls: little, at once, nothing that others must not hear."""

from __future__ import annotations

import base64
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.complaint import Call, Category, Complaint, Intent, Recalled
from agent.tickets.casework import Casework
from agent.tickets.ledger import CallLedger
from agent.tickets.models import TicketStatus
from agent.tickets.names import load_names
from agent.tickets.recall import recall
from agent.tickets.store import TicketStore

StoreMaker = Callable[..., TicketStore]
KEY = base64.b64encode(bytes(range(32))).decode()
CALLER = "+919500123456"
PATIENT_S = 5.0


@pytest.fixture
def office(make_store: StoreMaker, database_url: str) -> TicketStore:
    return make_store(database_url, key=KEY)


@pytest.fixture
def away(make_store: StoreMaker, tmp_path: Path) -> TicketStore:
    make_store(key=KEY)
    return make_store(f"sqlite:///{tmp_path / 'missing' / 'kural.db'}", key=KEY)


def a_call(name: str, caller: str = CALLER) -> Call:
    return Call(id=name, started_at=datetime.now(UTC), caller=caller)


def filed(store: TicketStore, name: str, *told: Complaint, caller: str = CALLER) -> tuple[str, ...]:
    ledger = CallLedger.open(store, a_call(name, caller))
    numbers = ledger.file(told).numbers
    ledger.close("filed", Intent.COMPLAINT)
    return numbers


def broken_off(store: TicketStore, name: str, *told: Complaint) -> tuple[str, ...]:
    ledger = CallLedger.open(store, a_call(name))
    ledger.note(told, Intent.COMPLAINT)
    return ledger.close("hung_up", Intent.COMPLAINT).numbers


def test_a_new_number_and_a_hidden_one_are_unknown(office: TicketStore) -> None:
    assert recall(office, CALLER, PATIENT_S) == Recalled()
    assert recall(office, "", PATIENT_S) == Recalled()
    assert recall(office, "anonymous", PATIENT_S) == Recalled()


def test_the_latest_three_open_tickets_come_first(office: TicketStore, water: Complaint) -> None:
    numbers = [filed(office, f"job-{n}", replace(water, phone=None))[0] for n in range(5)]
    work = Casework(office, load_names())
    work.move(numbers[3], TicketStatus.IN_PROGRESS, "ravi")
    work.move(numbers[4], TicketStatus.REJECTED, "ravi", reason="not_found")
    known = recall(office, CALLER, PATIENT_S)
    assert [each.number for each in known.tickets] == [numbers[3], numbers[2], numbers[1]]
    latest = known.tickets[0]
    assert (latest.category, latest.status) == (Category.WATER, "IN_PROGRESS")
    assert (latest.constituency, latest.place_ta) == (11, "தண்டையார்பேட்டை")
    assert known.broken is None


def test_a_ticket_filed_from_elsewhere_for_this_number_is_the_callers_too(
    office: TicketStore, water: Complaint
) -> None:
    (number,) = filed(office, "job-1", water, caller="+914428592828")
    assert [each.number for each in recall(office, CALLER, PATIENT_S).tickets] == [number]
    assert recall(office, "+919840099999", PATIENT_S) == Recalled()


def test_a_confidential_ticket_is_never_recalled(office: TicketStore, water: Complaint) -> None:
    secret = replace(water, confidential=True)
    filed(office, "job-1", secret)
    broken_off(office, "job-2", secret)
    assert recall(office, CALLER, PATIENT_S) == Recalled()


def test_a_confidential_call_in_a_journal_is_not_recalled_either(
    away: TicketStore, water: Complaint
) -> None:
    broken_off(away, "job-1", replace(water, confidential=True))
    assert recall(away, CALLER, PATIENT_S) == Recalled()


def test_a_call_that_broke_off_is_told_in_full(
    office: TicketStore, water: Complaint, sewage: Complaint
) -> None:
    first, _ = broken_off(office, "job-1", water, replace(sewage, place=water.place))
    known = recall(office, CALLER, PATIENT_S)
    broken = known.broken
    assert broken is not None
    assert known.tickets == ()
    assert (broken.call_id, broken.number) == ("job-1", first)
    assert broken.categories == (Category.WATER, Category.SEWAGE)
    assert (broken.description, broken.place) == (water.description, water.place)
    assert (broken.landmark, broken.days, broken.name) == (water.landmark, 5, "மீனா")
    assert broken.phone == "9500123456"


def test_on_another_machine_its_row_tells_it(
    office: TicketStore, make_store: StoreMaker, water: Complaint, tmp_path: Path
) -> None:
    broken_off(office, "job-1", water)
    url = office.database.engine.url.render_as_string(hide_password=False)
    other = make_store(url, data_dir=tmp_path / "other", machine="m2", key=KEY)
    broken = recall(other, CALLER, PATIENT_S).broken
    assert broken is not None
    assert (broken.description, broken.name) == (water.description, "மீனா")
    assert broken.place is not None
    assert water.place is not None
    assert broken.place.spoken == water.place.spoken
    assert broken.place.constituency == 11
    assert broken.place.candidates[0].name_ta == load_names().seat(11)[1]


def test_only_the_latest_of_several_and_only_for_half_an_hour(
    office: TicketStore, water: Complaint
) -> None:
    (older,) = broken_off(office, "job-1", replace(water, days=1))
    broken_off(office, "job-2", replace(water, days=2))
    known = recall(office, CALLER, PATIENT_S)
    assert known.broken is not None
    assert known.broken.days == 2
    assert [each.number for each in known.tickets] == [older]
    assert recall(office, CALLER, PATIENT_S, resume_within_s=0.0).broken is None
    later = replace(office, clock=lambda: datetime.now(UTC) + timedelta(hours=1))
    gone = recall(later, CALLER, PATIENT_S)
    assert gone.broken is None
    assert len(gone.tickets) == 2


def test_a_journal_without_an_end_is_newer_than_the_database(
    office: TicketStore, water: Complaint
) -> None:
    broken_off(office, "job-1", replace(water, days=1))
    ledger = CallLedger.open(office, a_call("job-2"))
    ledger.note([replace(water, days=2)], Intent.COMPLAINT)
    assert ledger._journal is not None
    assert recall(office, CALLER, PATIENT_S).broken != None  # noqa: E711  job-1: job-2 is live
    ledger._journal.close()
    broken = recall(office, CALLER, PATIENT_S).broken
    assert broken is not None
    assert (broken.call_id, broken.number, broken.days) == ("job-2", None, 2)
    own = recall(office, CALLER, PATIENT_S, call_id="job-2").broken
    assert own is not None
    assert own.call_id == "job-1"


def test_with_the_database_away_journals_still_tell(away: TicketStore, water: Complaint) -> None:
    (number,) = broken_off(away, "job-1", water)
    filed(away, "job-2", water)
    broken = recall(away, CALLER, PATIENT_S).broken
    assert broken is not None
    assert (broken.call_id, broken.number) == ("job-1", number)
    ledger = CallLedger.open(away, a_call("job-3"))
    assert ledger.act("resume", number, "job-1")
    ledger.file([water])
    ledger.close("filed", Intent.COMPLAINT)
    assert recall(away, CALLER, PATIENT_S).broken is None


def test_a_call_completed_before_its_journal_was_replayed_is_not_offered_again(
    office: TicketStore, water: Complaint
) -> None:
    ledger = CallLedger.open(office, a_call("job-1"))
    ledger.note([water], Intent.COMPLAINT)
    assert ledger._journal is not None
    ledger._journal.close()
    second = CallLedger.open(office, a_call("job-2"))
    assert second.act("resume", None, "job-1")
    second.file([water])
    second.close("filed", Intent.COMPLAINT)
    assert recall(office, CALLER, PATIENT_S).broken is None


def test_a_database_that_hangs_costs_no_more_than_the_time_given(
    store: TicketStore, water: Complaint, tmp_path: Path
) -> None:
    filed(store, "job-1", water)
    store.close()
    other = sqlite3.connect(tmp_path / "kural.db", isolation_level=None)
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    assert recall(store, CALLER, 0.3).tickets == ()
    assert time.monotonic() - began < 2.0
    other.close()


@pytest.mark.parametrize("content", [b"", b"no journal\n", b"{}\n", b"\x00" * 40])
def test_a_spoiled_journal_is_passed_over(
    content: bytes, office: TicketStore, water: Complaint
) -> None:
    office.journal_dir.mkdir(parents=True, exist_ok=True)
    (office.journal_dir / "spoiled.jsonl").write_bytes(content)
    (number,) = filed(office, "job-1", water)
    assert [each.number for each in recall(office, CALLER, PATIENT_S).tickets] == [number]
