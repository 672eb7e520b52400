from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from agent.complaint import Call, Complaint, Intent, Priority
from agent.settings import RetentionSettings
from agent.tickets import outbox
from agent.tickets.audit import Person
from agent.tickets.erasure import erase_ticket
from agent.tickets.forwarder import replay
from agent.tickets.ledger import CallLedger
from agent.tickets.models import OUTBOX
from agent.tickets.retention import keep_only_what_is_needed
from agent.tickets.store import TicketStore

WITHIN_S = 5.0


def danger(store: TicketStore, call: Call, water: Complaint) -> str:
    ledger = CallLedger.open(store, call)
    (number,) = ledger.file([replace(water, priority=Priority.EMERGENCY)]).numbers
    ledger.close("filed", Intent.EMERGENCY)
    return number


def count(store: TicketStore) -> int:
    with store.database.engine.connect() as connection:
        return len(connection.execute(select(OUTBOX.c.id)).all())


def test_the_message_is_stored_once_with_its_ticket(make_store, call: Call, water: Complaint):
    store = make_store(alerts=True)
    number = danger(store, call, water)
    replay(store, restore=True)
    assert count(store) == 1
    taken = outbox.take(store, outbox.alert_key(number), at_once=True, within_s=WITHIN_S)
    assert isinstance(taken, outbox.Message)
    assert (taken.ticket, taken.attempts) == (number, 1)
    assert outbox.take(store, outbox.alert_key(number), at_once=True, within_s=WITHIN_S) is False
    assert outbox.take(store, "alert:none", at_once=True, within_s=WITHIN_S) is None


def test_what_arrived_is_known(make_store, call: Call, water: Complaint):
    store = make_store(alerts=True)
    key = outbox.alert_key(danger(store, call, water))
    taken = outbox.take(store, key, at_once=True, within_s=WITHIN_S)
    assert isinstance(taken, outbox.Message)
    outbox.arrived(store, taken, within_s=WITHIN_S)
    assert outbox.take(store, key, at_once=True, within_s=WITHIN_S) is True


def test_who_took_it_and_died_gives_it_back_after_a_while(make_store, call: Call, water: Complaint):
    store = make_store(alerts=True)
    key = outbox.alert_key(danger(store, call, water))
    assert outbox.take(store, key, at_once=True, within_s=WITHIN_S)
    assert outbox.due(store, limit=9, within_s=WITHIN_S) == []
    later = store.clock() + timedelta(seconds=outbox.TAKEN_S + 1)
    after = replace(store, clock=lambda: later)
    assert outbox.due(after, limit=9, within_s=WITHIN_S) == [key]
    assert outbox.take(after, key, at_once=False, within_s=WITHIN_S)


def test_an_erased_ticket_is_not_told_of_again(make_store, call: Call, water: Complaint):
    store = make_store(alerts=True)
    number = danger(store, call, water)
    assert erase_ticket(store, number, Person("lakshmi", "asked for it")).messages == 1
    replay(store, restore=True)
    assert count(store) == 0
    assert outbox.about(store, number, within_s=WITHIN_S) is None


def test_what_was_sent_goes_in_its_time_and_what_waits_stays(
    make_store, call: Call, water: Complaint
):
    store = make_store(alerts=True)
    key = outbox.alert_key(danger(store, call, water))
    days = RetentionSettings(callers_days=90)
    later = store.clock() + timedelta(days=91)
    assert keep_only_what_is_needed(store, days, later).messages == 0
    taken = outbox.take(store, key, at_once=True, within_s=WITHIN_S)
    assert isinstance(taken, outbox.Message)
    outbox.arrived(store, taken, within_s=WITHIN_S)
    assert keep_only_what_is_needed(store, days, later).messages == 1
