"""Whether the calls of a load run left the right tickets: rows of the worker's own database."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from agent.callers.grading import REQUIRED, grade, passed
from agent.callers.outcome import left_by
from agent.callers.seeding import NOTHING_SEEDED

if TYPE_CHECKING:
    from agent.callers.script_file import ScriptedCall
    from agent.lab.web_call import WebCall
    from agent.tickets.store import TicketStore

STORED_WITHIN_S = 20.0
"""How long after the hang-up the row of a call may come: its process stores it, then ends."""
_CLOCKS_DIFFER = timedelta(seconds=1)
_PAUSE_S = 0.25


@dataclass(frozen=True, slots=True)
class Made:
    """A call that was made, and by whom."""

    script: ScriptedCall
    call: WebCall
    since: datetime
    """When it began, UTC."""


def graded(store: TicketStore, made: Made) -> WebCall:
    """The call with what its rows say; one without expectations or number stays as it is. Blocks.

    Raises:
        TicketError: the rows cannot be read.
    """
    script, call = made.script, made.call
    if script.expected is None or not script.caller:
        return call
    call_id = _stored_call(store, script.caller, made.since)
    if call_id is None:
        return replace(call, passed=False, wrong=("no row",))
    left = left_by(store, call_id, script.caller, made.since, NOTHING_SEEDED)
    marks = grade(script.expected, left.rows, script.caller, (), left.traces)
    wrong = tuple(name for name, mark in marks.items() if not mark.ok and name in REQUIRED)
    return replace(call, passed=passed(marks), wrong=wrong)


def _stored_call(store: TicketStore, number: str, since: datetime) -> str | None:
    """Id of the call this number made, once its row is complete; None when it never comes."""
    until = time.monotonic() + STORED_WITHIN_S
    while True:
        for call in store.repository.calls(caller=number, unmask=True):
            began = call.started_at
            began = began if began.tzinfo else began.replace(tzinfo=UTC)
            if began >= since - _CLOCKS_DIFFER and call.outcome:
                return call.id
        if time.monotonic() > until:
            return None
        time.sleep(_PAUSE_S)
