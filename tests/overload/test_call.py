"""An overloaded call with the real dialogue, ledger and database; only the line is an earpiece."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from agent.complaint import Call
from agent.conversation.dialogue import Dialogue
from agent.conversation.flow import overload_opening
from agent.conversation.ports import Services
from agent.overload.call import OverloadCall, Words
from agent.overload.server import Parts
from agent.settings import Settings
from agent.tickets.ledger import CallLedger
from agent.tickets.models import CALL, CALLBACK, TICKET

CALLER = "+919500012345"
LIMIT_S = 30.0
BUSY = "எல்லா லைனும் பிஸி"
NOTED = "உங்களைக் கூப்பிடணும்னு பதிவு பண்ணிட்டேன்"


class Earpiece:
    """What the caller hears. A sentence ends when :attr:`patient` is let go, or at once."""

    def __init__(self, hears: Callable[[str], None] = lambda text: None) -> None:
        self.heard: list[str] = []
        self.hears = hears
        self.cut = 0
        """Sentences that a key cut short."""
        self.patient: asyncio.Event | None = None

    async def say(self, words: Sequence[Words]) -> None:
        self.heard += [text for _, text in words]
        for _, text in words:
            self.hears(text)
        if self.patient is not None:
            try:
                await self.patient.wait()
            except asyncio.CancelledError:
                self.cut += 1
                raise


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    parts = Parts.load(Settings(data_dir=tmp_path))
    yield parts
    parts.store.close()


def rows(parts: Parts, table: Any) -> list[dict[str, Any]]:
    def read(connection: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in connection.execute(select(table)).mappings()]

    return parts.store.database.visit(read, within_s=LIMIT_S)


class Line:
    """One call over an earpiece."""

    def __init__(self, parts: Parts, caller: str = CALLER, *, silence_s: float = 0.05) -> None:
        call = Call("AJ_overload1", datetime.now(UTC), "+914400000001", caller)
        ledger = CallLedger.open(parts.store, call)
        self.earpiece = Earpiece()
        self.dialogue = Dialogue(
            parts.scripts,
            None,
            ledger,
            services=Services(act=ledger.act, alarm=parts.alerter.alert),
            caller=caller,
            call=call.id,
            first=overload_opening(caller),
        )
        self.call = OverloadCall(self.dialogue, parts.scripts, self.earpiece, silence_s=silence_s)

    async def hold(self) -> str:
        """To its end, as the agent does."""
        async with asyncio.timeout(LIMIT_S):
            outcome = await self.call.run()
            await self.dialogue.close(outcome)
        return outcome


async def test_the_caller_hears_it_in_tamil_then_in_english(parts):
    line = Line(parts)
    await line.hold()
    tamil, english = line.earpiece.heard[:2]
    assert BUSY in tamil
    assert english == "All lines are busy now. Press one and we call you."


async def test_key_one_owes_a_call_back_before_it_is_said(parts):
    line = Line(parts, silence_s=LIMIT_S)
    owed_when_said: list[int] = []

    def hears(text: str) -> None:
        if BUSY in text:
            line.call.press("1")
        if NOTED in text:
            owed_when_said.append(len(rows(parts, CALLBACK)))

    line.earpiece.hears = hears
    assert await line.hold() == "callback"
    assert owed_when_said == [1]
    (owed,) = rows(parts, CALLBACK)
    assert owed["reason"] == "overload"
    assert owed["phone_hash"] == parts.store.cipher.phone_hash(CALLER)
    (call,) = rows(parts, CALL)
    assert call["outcome"] == "callback"


async def test_a_key_cuts_the_sentence_short(parts):
    line = Line(parts, silence_s=LIMIT_S)
    line.earpiece.patient = asyncio.Event()
    holding = asyncio.create_task(line.hold())
    async with asyncio.timeout(LIMIT_S):
        while not line.earpiece.heard:  # noqa: ASYNC110 -- the earpiece tells nobody
            await asyncio.sleep(0.01)
    line.call.press("5")
    line.call.press("#")
    line.call.press("1")
    async with asyncio.timeout(LIMIT_S):
        while not any(NOTED in text for text in line.earpiece.heard):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    line.earpiece.patient.set()
    assert await holding == "callback"
    assert line.earpiece.cut == 1


async def test_who_presses_nothing_is_let_go_and_leaves_a_row_but_no_debt(parts):
    line = Line(parts)
    assert await line.hold() == "silent"
    assert not rows(parts, CALLBACK)
    assert [row["outcome"] for row in rows(parts, CALL)] == ["silent"]
    assert not rows(parts, TICKET)


async def test_a_hidden_number_is_told_the_truth_and_let_go(parts):
    line = Line(parts, caller="")
    assert await line.hold() == "callback"
    assert line.earpiece.heard[-1] == "All lines are busy now. Please call again a little later."
    assert not rows(parts, CALLBACK)


async def test_key_nine_says_112_and_files_an_emergency_at_once(parts):
    line = Line(parts, silence_s=LIMIT_S)
    line.earpiece.hears = lambda text: line.call.press("9") if BUSY in text else None
    await line.hold()
    (ticket,) = rows(parts, TICKET)
    assert ticket["priority"] == "emergency"
    assert any("Call one one two at once" in text for text in line.earpiece.heard)


async def test_nine_at_the_beginning_of_a_phone_number_cries_no_danger(parts):
    line = Line(parts, silence_s=1.5)
    typed = list("9500012345")

    def hears(text: str) -> None:
        while typed:
            line.call.press(typed.pop(0))

    line.earpiece.hears = hears
    await line.hold()
    assert not rows(parts, TICKET)


async def test_a_caller_who_hangs_up_leaves_his_row(parts):
    line = Line(parts, silence_s=LIMIT_S)
    holding = asyncio.create_task(line.call.run())
    await asyncio.sleep(0)
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)
    await line.dialogue.close("hung_up")
    assert [row["outcome"] for row in rows(parts, CALL)] == ["hung_up"]
