"""What was before a call lies in the database as if it had happened then; real store, real rows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.callers.outcome import left_by, rows_of
from agent.callers.script_file import ScriptedCall
from agent.callers.seeding import NOTHING_SEEDED, place_of, seed
from agent.tickets.casework import Casework
from agent.tickets.models import CALL, TicketStatus
from agent.tickets.names import load_names
from agent.tickets.store import TicketStore

TICKET = "300000003"
NOW = datetime.now(UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TicketStore]:
    store = TicketStore.open(f"sqlite:///{tmp_path / 'kural.db'}", data_dir=tmp_path)
    yield store
    store.close()


def script(**fields: object) -> ScriptedCall:
    return ScriptedCall.model_validate({"id": "P07"} | fields)


def seeded_ticket(status: str = "NEW", phone: str | None = "CALLER_ID") -> ScriptedCall:
    ticket = {"ticket": TICKET, "constituency_no": 115, "category": "WATER", "status": status}
    return script(seed_tickets=[ticket | {"phone": phone}])


@pytest.mark.parametrize("status", [each.value for each in TicketStatus])
def test_every_status_can_be_seeded(store: TicketStore, status: str) -> None:
    assert seed(store, seeded_ticket(status)).tickets == (TICKET,)
    ticket = store.repository.get(TICKET, unmask=True)
    assert ticket is not None
    assert (ticket.status, ticket.phone) == (status, "+910000000007")
    assert ticket.created_at < NOW - timedelta(days=6)


def test_a_resolved_ticket_can_be_reopened_and_the_call_that_did_is_seen(
    store: TicketStore,
) -> None:
    seeded = seed(store, seeded_ticket("RESOLVED"))
    before = left_by(store, "sim-1", "+910000000007", NOW, seeded).traces
    assert (before.reopened, before.verified) == ((), ())
    Casework(store, load_names()).confirm(TICKET, mended=False)
    after = left_by(store, "sim-1", "+910000000007", NOW, seeded).traces
    assert after.reopened == (TICKET,)


def test_a_verified_ticket_its_grade_and_a_second_report_are_seen(store: TicketStore) -> None:
    seeded = seed(store, seeded_ticket("RESOLVED"))
    work = Casework(store, load_names())
    work.confirm(TICKET, mended=True)
    work.rate(TICKET, score=4, call_id="sim-1")
    traces = left_by(store, "sim-1", "", NOW, seeded).traces
    assert (traces.verified, traces.rating) == ((TICKET,), 4)
    assert left_by(store, "sim-2", "", NOW, seeded).traces.rating is None


def test_a_ticket_told_once_more_is_seen(store: TicketStore) -> None:
    seeded = seed(store, seeded_ticket("ASSIGNED"))
    Casework(store, load_names()).report_again(TICKET, "citizen", call_id="sim-1")
    assert left_by(store, "sim-1", "", NOW, seeded).traces.reported_again == (TICKET,)


BROKEN = {
    "minutes_ago": 5, "category": "WATER", "constituency_no": 115, "locality": "Palladam",
    "description": "தண்ணி வரல",
}  # fmt: skip


def test_a_broken_call_is_a_real_call_that_ended_minutes_ago(store: TicketStore) -> None:
    (number,) = seed(store, script(seed_broken_call=BROKEN)).broken
    ticket = store.repository.get(number, unmask=True)
    assert ticket is not None
    assert (ticket.partial, ticket.category, ticket.constituency_no) == (True, "WATER", 115)
    assert (ticket.locality_en, ticket.description) == ("Palladam", "தண்ணி வரல")
    assert timedelta(minutes=4) < datetime.now(UTC) - ticket.created_at < timedelta(minutes=6)
    (call,) = store.repository.calls(caller="+910000000007", unmask=True)
    assert (call.outcome, call.intent) == ("hung_up", "complaint")
    assert call.ended_at is not None
    assert call.ended_at < datetime.now(UTC) - timedelta(minutes=4)


def test_a_broken_call_of_a_hidden_number_has_none(store: TicketStore) -> None:
    seed(store, script(seed_broken_call=BROKEN, caller="hidden"))
    (call,) = store.repository.calls(unmask=True)
    assert call.caller is None


def test_a_partial_ticket_counts_for_the_call_that_makes_it_whole(store: TicketStore) -> None:
    seeded = seed(store, script(seed_broken_call=BROKEN))
    assert not left_by(store, "sim-1", "", NOW, seeded).traces.resumed
    assert rows_of(store.repository, "sim-1", "", seeded.broken) == ()
    with store.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ticket SET partial = 0")
    left = left_by(store, "sim-1", "", NOW, seeded)
    assert left.traces.resumed
    assert [row.ticket for row in left.rows] == list(seeded.broken)


def test_nothing_to_seed_touches_nothing(store: TicketStore) -> None:
    assert seed(store, script()) == NOTHING_SEEDED
    with store.database.engine.connect() as connection:
        assert connection.execute(CALL.select()).all() == []


def test_a_place_is_taken_from_the_tables() -> None:
    place = place_of(115, "Palladam")
    assert place is not None
    assert (place.locality_ta, place.constituency) == ("பல்லடம்", 115)
    assert place.candidates[0].name_ta
    assert place_of(None) is None
    unknown = place_of(1, "Nowhere")
    assert unknown is not None
    assert (unknown.locality_en, unknown.locality_ta) == ("Nowhere", None)
