"""What a caller does to tickets is durable before it is spoken of, and happens once."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from agent.complaint import Call, Complaint, Intent
from agent.tickets.casework import Casework
from agent.tickets.durability import Durability
from agent.tickets.forwarder import check, replay
from agent.tickets.journal import Kind, read_journal
from agent.tickets.ledger import CallLedger
from agent.tickets.models import CALLBACK, EVENT, RATING, TicketStatus
from agent.tickets.names import load_names
from agent.tickets.received import replay_received
from agent.tickets.records import callback_context
from agent.tickets.second_copy import Receiver
from agent.tickets.store import TicketStore
from tests.tickets.conftest import ReceivingMachine

StoreMaker = Callable[..., TicketStore]
KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def office(make_store: StoreMaker, database_url: str) -> TicketStore:
    return make_store(database_url, key=KEY)


@pytest.fixture
def away(office: TicketStore, make_store: StoreMaker, tmp_path: Path) -> TicketStore:
    """The same machine while its database is away."""
    return make_store(f"sqlite:///{tmp_path / 'missing' / 'kural.db'}", key=KEY)


def one_ticket(store: TicketStore, call: Call, complaint: Complaint) -> str:
    ledger = CallLedger.open(store, replace(call, id="job-0"))
    (number,) = ledger.file([complaint]).numbers
    ledger.close("filed", Intent.COMPLAINT)
    return number


def resolve(store: TicketStore, number: str) -> None:
    work = Casework(store, load_names())
    work.move(number, TicketStatus.IN_PROGRESS, "ravi")
    work.move(number, TicketStatus.RESOLVED, "ravi")


def status(store: TicketStore, number: str) -> str:
    found = store.repository.get(number)
    assert found is not None
    return found.status


def events(store: TicketStore, number: str) -> list[str]:
    """Keys of the history that acts have left."""
    with store.database.engine.connect() as connection:
        query = select(EVENT.c.key).where(EVENT.c.number == number, EVENT.c.actor == "citizen")
        return [str(key) for key in connection.execute(query.order_by(EVENT.c.id)).scalars()]


def owed(store: TicketStore) -> list[tuple[str, str | None, str | None]]:
    """Reason, ticket and phone of what is owed."""
    with store.database.engine.connect() as connection:
        rows = connection.execute(select(CALLBACK).order_by(CALLBACK.c.id)).mappings().all()
    return [
        (
            row["reason"],
            row["number"],
            row["phone"]
            and store.cipher.unseal(
                bytes(row["phone"]), callback_context(row["call_id"], row["reason"])
            ),
        )
        for row in rows
    ]


def ratings(store: TicketStore) -> list[tuple[str, str | None, int]]:
    with store.database.engine.connect() as connection:
        rows = connection.execute(select(RATING).order_by(RATING.c.id)).all()
    return [(row.call_id, row.number, row.score) for row in rows]


def end(ledger: CallLedger) -> None:
    ledger.close("status", Intent.STATUS, [])


def test_a_ticket_is_reopened_one_level_higher_and_only_once(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    number = one_ticket(office, call, water)
    resolve(office, number)
    ledger = CallLedger.open(office, call)
    assert ledger.act("reopen", number)
    assert ledger.act("reopen", number)
    end(ledger)
    assert status(office, number) == "REOPENED"
    assert events(office, number) == [f"{number}:reopen:job-1"]
    resolve(office, number)
    replay(office, restore=True)
    assert status(office, number) == "RESOLVED"
    assert check(office).is_clean


def test_a_mended_ticket_is_closed_by_the_word_of_its_citizen(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    number = one_ticket(office, call, water)
    resolve(office, number)
    ledger = CallLedger.open(office, call)
    assert ledger.act("verify", number)
    end(ledger)
    assert status(office, number) == "VERIFIED_CLOSED"


def test_what_is_not_allowed_is_not_done_and_not_done_later(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    number = one_ticket(office, call, water)
    ledger = CallLedger.open(office, call)
    assert not ledger.act("verify", number)
    assert not ledger.act("reopen", number)
    resolve(office, number)
    end(ledger)
    replay(office, restore=True)
    assert status(office, number) == "RESOLVED"
    assert check(office).is_clean


@pytest.mark.parametrize(
    ("kind", "number", "value"),
    [("dance", None, ""), ("rate", None, "9"), ("reopen", None, ""), ("request", None, "sell")],
)
def test_what_makes_no_sense_is_refused_without_a_word_in_the_journal(
    kind: str, number: str | None, value: str, store: TicketStore, call: Call
) -> None:
    ledger = CallLedger.open(store, call)
    assert not ledger.act(kind, number, value)
    lines = read_journal(store.journal_dir / "job-1.jsonl").lines
    assert [line.kind for line in lines] == [Kind.OPENED]


def test_the_same_trouble_told_again_counts_once_a_call(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    number = one_ticket(office, call, water)
    for name in ("job-1", "job-2"):
        ledger = CallLedger.open(office, replace(call, id=name))
        assert ledger.act("report_again", number)
        assert ledger.act("report_again", number)
        end(ledger)
    assert events(office, number) == [f"{number}:again:job-1", f"{number}:again:job-2"]


def test_the_last_grade_of_a_call_counts(office: TicketStore, call: Call, water: Complaint) -> None:
    number = one_ticket(office, call, water)
    ledger = CallLedger.open(office, call)
    assert ledger.act("rate", number, "2")
    assert ledger.act("rate", number, "5")
    assert ledger.act("rate", None, "4")
    end(ledger)
    replay(office, restore=True)
    assert ratings(office) == [("job-1", number, 5), ("job-1", None, 4)]


def test_a_call_back_goes_to_the_number_given_or_the_one_the_call_comes_from(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    number = one_ticket(office, call, water)
    ledger = CallLedger.open(office, call)
    assert ledger.act("call_back", number, "human", "9840012345")
    assert ledger.act("request", None, "erase")
    end(ledger)
    assert owed(office) == [
        ("human", number, "9840012345"), ("rights_erase", None, "+919500123456"),
    ]  # fmt: skip


def test_with_the_database_away_everything_is_done_once_when_it_is_back(
    office: TicketStore, away: TicketStore, call: Call, water: Complaint
) -> None:
    number = one_ticket(office, call, water)
    resolve(office, number)
    ledger = CallLedger.open(away, call)
    assert ledger.act("reopen", number)
    assert ledger.act("rate", number, "1")
    assert ledger.act("call_back", None, "human")
    assert ledger.act("request", None, "see")
    end(ledger)
    found = check(office)
    assert found.undone == [f"reopen {number}", f"rate {number}", "call_back human", "request see"]
    assert not found.is_clean
    for _ in range(2):
        assert replay(office, restore=True).is_clean
    assert status(office, number) == "REOPENED"
    assert events(office, number) == [f"{number}:reopen:job-1"]
    assert ratings(office) == [("job-1", number, 1)]
    assert [reason for reason, _, _ in owed(office)] == ["human", "rights_see"]
    assert check(office).is_clean


def test_an_act_of_a_live_call_is_done_as_soon_as_the_database_is_back(
    office: TicketStore, away: TicketStore, call: Call, water: Complaint
) -> None:
    number = one_ticket(office, call, water)
    resolve(office, number)
    ledger = CallLedger.open(away, call)
    assert ledger.act("reopen", number)
    assert replay(office).live == 1
    assert status(office, number) == "REOPENED"
    end(ledger)


def test_what_is_not_allowed_any_more_when_the_database_is_back_is_counted_once(
    office: TicketStore, away: TicketStore, call: Call, water: Complaint
) -> None:
    number = one_ticket(office, call, water)
    ledger = CallLedger.open(away, call)
    assert ledger.act("reopen", number)
    end(ledger)
    assert replay(office, restore=True).refused == 1
    assert replay(office, restore=True).refused == 0
    assert check(office).is_clean


def test_an_act_on_a_ticket_of_a_journal_that_comes_later_waits_for_it(
    office: TicketStore, away: TicketStore, call: Call, water: Complaint
) -> None:
    filing = CallLedger.open(away, replace(call, id="z-last"))
    (number,) = filing.file([water]).numbers
    again = CallLedger.open(away, replace(call, id="a-first"))
    assert again.act("report_again", number)
    end(again)
    filing.close("filed", Intent.COMPLAINT)
    assert list(replay(office).waiting) == ["a-first.jsonl"]
    assert replay(office).is_clean
    assert events(office, number) == [f"{number}:again:a-first"]


def test_another_process_of_the_same_call_knows_what_was_done(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    number = one_ticket(office, call, water)
    first = CallLedger.open(office, call)
    assert first.act("report_again", number)
    assert first._journal is not None
    first._journal.close()
    second = CallLedger.open(office, call)
    assert second.act("report_again", number)
    end(second)
    assert events(office, number) == [f"{number}:again:job-1"]


def test_on_a_vanishing_disk_only_the_database_or_a_second_machine_counts(
    office: TicketStore, away: TicketStore, call: Call, second_machine: ReceivingMachine
) -> None:
    alone = replace(away, durability=Durability(journal=False))
    assert not CallLedger.open(alone, call).act("call_back", None, "human")
    receiver = Receiver(second_machine.url, second_machine.token)
    copied = replace(away, durability=Durability(journal=False, receiver=receiver))
    ledger = CallLedger.open(copied, replace(call, id="job-2"))
    assert ledger.act("call_back", None, "human")
    stored = replace(office, durability=Durability(journal=False))
    assert CallLedger.open(stored, replace(call, id="job-3")).act("request", None, "see")
    replay_received(office, second_machine.folder, quiet_s=0, over=True)
    assert sorted(reason for reason, _, _ in owed(office)) == ["human", "rights_see"]
    receiver.close()


def test_no_number_of_a_caller_lies_open_in_the_journal(
    store: TicketStore, call: Call, tmp_path: Path
) -> None:
    ledger = CallLedger.open(store, call)
    ledger.act("call_back", None, "human", "9840012345")
    raw = (tmp_path / "journal" / "job-1.jsonl").read_bytes()
    assert b"9840012345" not in raw
    assert b"9500123456" not in raw


def test_what_was_said_as_sound_is_listed_with_the_call(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    silent = replace(water, category=None, description="", needs_listening=True)
    ledger = CallLedger.open(office, call)
    assert ledger.keep_note(b"") == 0.0
    assert ledger.keep_note(bytes(32_000)) == 1.0
    assert ledger.keep_note(bytes(16_000)) == 0.5
    (number,) = ledger.file([silent]).numbers
    assert office.repository.sounds(number) == []
    ledger.close("listening", Intent.COMPLAINT)
    first, second = office.repository.sounds(number)
    assert (first["file"], first["seconds"], first["machine"], first["kind"]) == (
        "voice_notes/job-1-0001.wav.sealed", 1.0, "m1", "voice_note",
    )  # fmt: skip
    assert second["size_bytes"] == (office.data_dir / second["file"]).stat().st_size
    found = office.repository.get(number)
    assert found is not None
    assert found.needs_listening


def test_sound_of_a_call_that_was_killed_is_found_by_the_replay(
    office: TicketStore, call: Call, water: Complaint
) -> None:
    ledger = CallLedger.open(office, call)
    ledger.note([replace(water, category=None, description="", needs_listening=True)],
                Intent.COMPLAINT)  # fmt: skip
    ledger._notes.keep(call.id, 1, bytes(32_000))
    assert ledger._journal is not None
    ledger._journal.close()
    assert replay(office).partial == 1
    (number,) = office.repository.numbers_of(call.id).values()
    assert [row["seconds"] for row in office.repository.sounds(number)] == [1.0]
    replay(office, restore=True)
    assert len(office.repository.sounds(number)) == 1
