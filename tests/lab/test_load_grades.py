"""Calls of a load run are judged by the rows they left; real store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.callers.script_file import ScriptedCall
from agent.complaint import Call, Category, Complaint, Intent
from agent.lab import load_grades
from agent.lab.load_grades import Made, graded
from agent.lab.web_call import WebCall
from agent.tickets.ledger import CallLedger
from agent.tickets.store import TicketStore

CALL = WebCall("P07", "caller", 10.0, 0.5)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TicketStore]:
    store = TicketStore.open(f"sqlite:///{tmp_path / 'kural.db'}", data_dir=tmp_path)
    yield store
    store.close()


def _script(**fields: object) -> ScriptedCall:
    return ScriptedCall.model_validate({"id": "P07"} | fields)


def _leave(store: TicketStore, script: ScriptedCall, began: datetime, call_id: str = "job-1"):
    ledger = CallLedger.open(store, Call(call_id, began, caller=script.caller))
    ledger.note([Complaint(category=Category.WATER)], Intent.COMPLAINT)
    ledger.close("hung_up", Intent.COMPLAINT)


def test_a_call_passes_by_its_own_rows(store: TicketStore):
    script = _script(expected={"category": "WATER", "partial": True})
    began = datetime.now(UTC)
    _leave(store, script, began)
    judged = graded(store, Made(script, CALL, began))
    assert judged.passed
    assert judged.wrong == ()


def test_wrong_fields_are_named(store: TicketStore):
    script = _script(expected={"category": "ROAD"})
    began = datetime.now(UTC)
    _leave(store, script, began)
    judged = graded(store, Made(script, CALL, began))
    assert judged.passed is False
    assert judged.wrong == ("category",)


def test_an_earlier_call_of_the_same_number_is_another_one(store: TicketStore, monkeypatch):
    monkeypatch.setattr(load_grades, "STORED_WITHIN_S", 0.0)
    script = _script(expected={"category": "WATER"})
    _leave(store, script, datetime.now(UTC) - timedelta(hours=1))
    judged = graded(store, Made(script, CALL, datetime.now(UTC)))
    assert judged.wrong == ("no row",)


def test_who_expects_nothing_or_hides_his_number_is_not_graded(store: TicketStore):
    began = datetime.now(UTC)
    assert graded(store, Made(_script(), CALL, began)).passed is None
    hidden = _script(caller="hidden", expected={"category": "WATER"})
    assert graded(store, Made(hidden, CALL, began)).passed is None
