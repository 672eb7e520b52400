"""A call that goes on with one that broke off completes its ticket, whatever happens in between."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from agent.complaint import Call, Category, Complaint, Intent
from agent.tickets.audit import Person
from agent.tickets.casework import Casework
from agent.tickets.erasure import erase_caller, erase_ticket
from agent.tickets.forwarder import check, replay
from agent.tickets.journal import Kind, read_journal
from agent.tickets.ledger import CallLedger
from agent.tickets.models import TicketStatus
from agent.tickets.names import load_names
from agent.tickets.recall import recall
from agent.tickets.repository import Search, Ticket
from agent.tickets.resuming import adopt
from agent.tickets.rewriting import journals
from agent.tickets.store import TicketStore
from agent.tickets.story import StoryLines

StoreMaker = Callable[..., TicketStore]
KEY = base64.b64encode(bytes(range(32))).decode()
PERSON = Person("lakshmi", "the citizen asked for it")


@pytest.fixture
def office(make_store: StoreMaker, database_url: str) -> TicketStore:
    return make_store(database_url, key=KEY)


def tickets(store: TicketStore) -> list[Ticket]:
    return list(store.repository.search(Search(), unmask=True))


def broken_off(store: TicketStore, call: Call, *told: Complaint) -> tuple[str, ...]:
    """A call whose caller hung up in the middle; numbers of the partial tickets."""
    ledger = CallLedger.open(store, call)
    ledger.note(told, Intent.COMPLAINT)
    return ledger.close("hung_up", Intent.COMPLAINT).numbers


def die(ledger: CallLedger) -> None:
    assert ledger._journal is not None
    ledger._journal.close()


def test_the_partial_ticket_is_completed_under_its_number(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    (number,) = broken_off(office, call, replace(water, name=None, description="தண்ணி"))
    ledger = CallLedger.open(office, replace(call, id="job-2"))
    assert ledger.act("resume", number, "job-1")
    assert ledger.act("resume", number, "job-1")
    assert ledger.file([water]).numbers == (number,)
    ledger.close("filed", Intent.COMPLAINT)
    for _ in range(2):
        replay(office, restore=True)
        (ticket,) = tickets(office)
        assert (ticket.number, ticket.partial, ticket.call_id) == (number, False, "job-2")
        assert (ticket.description, ticket.name) == (water.description, "மீனா")
    assert len(list(office.repository.calls())) == 2
    assert check(office).is_clean


def test_all_partial_tickets_are_gone_on_with_and_new_ones_added(
    office: TicketStore, call: Call, water: Complaint, sewage: Complaint
) -> None:
    first, second = broken_off(office, call, water, sewage)
    ledger = CallLedger.open(office, replace(call, id="job-2"))
    assert ledger.act("resume", first, "job-1")
    third = replace(water, category=Category.STREETLIGHT)
    numbers = ledger.file([water, sewage, third]).numbers
    ledger.close("filed", Intent.COMPLAINT)
    assert numbers[:2] == (first, second)
    assert [ticket.linked_to for ticket in tickets(office)] == [None, first, first]
    assert not any(ticket.partial for ticket in tickets(office))


def test_a_ticket_the_office_has_looked_at_is_completed_too(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    (number,) = broken_off(office, call, replace(water, name=None))
    Casework(office, load_names()).move(number, TicketStatus.ACKNOWLEDGED, "ravi")
    ledger = CallLedger.open(office, replace(call, id="job-2"))
    assert ledger.act("resume", number, "job-1")
    ledger.file([water])
    (ticket,) = tickets(office)
    assert (ticket.name, ticket.partial, ticket.status) == ("மீனா", False, "ACKNOWLEDGED")
    ledger.close("filed", Intent.COMPLAINT)


def test_a_call_that_breaks_off_again_is_gone_on_with_again(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    (number,) = broken_off(office, call, replace(water, name=None, days=None))
    second = CallLedger.open(office, replace(call, id="job-2"))
    assert second.act("resume", number, "job-1")
    second.note([replace(water, name=None)], Intent.COMPLAINT)
    second.close("hung_up", Intent.COMPLAINT)
    (ticket,) = tickets(office)
    assert (ticket.partial, ticket.days_since, ticket.call_id) == (True, 5, "job-2")
    third = CallLedger.open(office, replace(call, id="job-3"))
    assert third.act("resume", number, "job-2")
    third.file([water])
    third.close("filed", Intent.COMPLAINT)
    replay(office, restore=True)
    (ticket,) = tickets(office)
    assert (ticket.number, ticket.partial, ticket.name) == (number, False, "மீனா")
    assert check(office).is_clean


def test_nothing_to_go_on_with_is_said(store: TicketStore, call: Call, water: Complaint) -> None:
    ledger = CallLedger.open(store, replace(call, id="job-2"))
    assert not ledger.act("resume", None, "nobody")
    live = CallLedger.open(store, call)
    live.note([water], Intent.COMPLAINT)
    assert adopt(store, call.id, range(8), within_s=0.05) == ()
    filed = CallLedger.open(store, replace(call, id="job-3"))
    filed.file([water])
    filed.close("filed", Intent.COMPLAINT)
    assert not ledger.act("resume", None, "job-3")


@pytest.mark.parametrize("old", ["a-old", "z-old"], ids=["old first", "new first"])
def test_killed_after_any_line_of_either_journal_there_is_one_ticket(
    old: str, make_store: StoreMaker, call: Call, water: Complaint, tmp_path: Path
) -> None:
    """With the database away both calls are only in journals, which are cut after every line."""
    make_store(key=KEY)
    away = make_store(f"sqlite:///{tmp_path / 'missing' / 'kural.db'}", key=KEY)
    less = replace(water, name=None, description="தண்ணி")
    first = CallLedger.open(away, replace(call, id=old))
    first.note([replace(less, days=None)], Intent.COMPLAINT)
    first.note([less], Intent.COMPLAINT)
    die(first)
    second = CallLedger.open(away, replace(call, id="m-new"))
    assert second.act("resume", None, old)
    second.note([water], Intent.COMPLAINT)
    (number,) = second.file([water]).numbers
    second.close("filed", Intent.COMPLAINT)
    olds = (tmp_path / "journal" / f"{old}.jsonl").read_bytes().splitlines(keepends=True)
    news = (tmp_path / "journal" / "m-new.jsonl").read_bytes().splitlines(keepends=True)
    assert [line.kind for line in read_journal(tmp_path / "journal" / f"{old}.jsonl").lines] == [
        Kind.OPENED, Kind.HEARD, Kind.HEARD, Kind.FILED,
    ]  # fmt: skip
    cuts = [(count, 0) for count in (2, 3)] + [(3, 1)]
    cuts += [(4, count) for count in range(1, len(news) + 1)]
    for kept, made in cuts:
        folder = tmp_path / f"cut-{kept}-{made}"
        (folder / "journal").mkdir(parents=True)
        (folder / "journal" / f"{old}.jsonl").write_bytes(b"".join(olds[:kept]))
        if made:
            (folder / "journal" / "m-new.jsonl").write_bytes(b"".join(news[:made]))
        store = make_store(f"sqlite:///{folder / 'kural.db'}", data_dir=folder, key=KEY)
        for _ in range(2):
            assert replay(store, restore=True).is_clean, (kept, made)
            (ticket,) = tickets(store)
            kinds = [line.kind for line in read_journal(_done(store, "m-new")).lines[:made]] \
                if made else []  # fmt: skip
            filed = Kind.FILED in kinds
            assert ticket.partial is not filed, (kept, made)
            if kept == 4:
                assert ticket.number == number, (kept, made)
            if Kind.HEARD in kinds:
                assert (ticket.description, ticket.name) == (water.description, "மீனா")
        assert check(store).is_clean, (kept, made)


def _done(store: TicketStore, call_id: str) -> Path:
    return store.done_dir / f"{call_id}.jsonl"


def test_a_lost_database_gets_the_completed_ticket_back(
    store: TicketStore, call: Call, water: Complaint
) -> None:
    (number,) = broken_off(store, call, replace(water, name=None))
    ledger = CallLedger.open(store, replace(call, id="job-2"))
    assert ledger.act("resume", number, "job-1")
    ledger.file([water])
    ledger.close("filed", Intent.COMPLAINT)
    with store.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM ticket"))
        connection.execute(text("DELETE FROM event"))
    replay(store, restore=True)
    (ticket,) = tickets(store)
    assert (ticket.number, ticket.partial, ticket.name) == (number, False, "மீனா")


@pytest.mark.parametrize("by", ["ticket", "caller"])
def test_erasing_it_reaches_the_words_and_the_sound_of_both_calls(
    by: str, office: TicketStore, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(office, call)
    ledger.keep_note(bytes(3_200))
    ledger.note([replace(water, name=None)], Intent.COMPLAINT)
    (number,) = ledger.close("hung_up", Intent.COMPLAINT).numbers
    ledger = CallLedger.open(office, replace(call, id="job-2"))
    ledger.keep_note(bytes(3_200))
    assert ledger.act("resume", number, "job-1")
    ledger.act("call_back", None, "human")
    ledger.file([water])
    ledger.close("filed", Intent.COMPLAINT)
    assert len(office.repository.sounds(number)) == 2
    if by == "ticket":
        erase_ticket(office, number, PERSON)
    else:
        erase_caller(office, "9500123456", PERSON)
    assert office.repository.sounds(number) == []
    assert list((office.data_dir / "voice_notes").iterdir()) == []
    for path in journals(office.journal_dir):
        lines = read_journal(path).lines
        story = StoryLines(lines[0].call_id, office.cipher).retell(lines)
        assert story.call.caller == ""
        told = [*story.complaints, *(each.complaint for each in story.filings.values())]
        assert {(each.description, each.name, each.phone) for each in told} <= {("", None, None)}
        assert [each.phone for each in story.callbacks.values()] in ([], [None])
        assert [each.phone for each in story.acts.values() if each.phone] == []
    assert all(each.caller is None for each in office.repository.calls())
    assert replay(office, restore=True).is_clean


def test_what_was_recalled_is_what_is_gone_on_with(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    now = office.clock()
    broken_off(office, replace(call, started_at=now), water)
    known = recall(office, call.caller, 5.0)
    assert known.broken is not None
    ledger = CallLedger.open(office, replace(call, id="job-2", started_at=now))
    assert ledger.act("resume", known.broken.number, known.broken.call_id)
    ledger.file([water])
    ledger.close("filed", Intent.COMPLAINT)
    again = recall(office, call.caller, 5.0)
    assert again.broken is None
    assert [each.number for each in again.tickets] == [known.broken.number]
