"""The caller hangs up, in every state of every flow: the rows left say exactly what was said.

Real dialogue, rules, ledger and database; a recipe brings a call into each state, then it is closed
as a hang-up is.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.check_digit import is_valid
from agent.complaint import Call, Category, Complaint, KnownTicket, Recalled, Slot, UnderstoodTurn
from agent.conversation.complaints import complaints
from agent.conversation.dialogue import Dialogue
from agent.conversation.keypad import Keypad
from agent.conversation.ports import Services
from agent.conversation.script import LANGUAGES, Script
from agent.conversation.steps import TicketFound
from agent.settings import CallSettings
from agent.tickets.ledger import CallLedger
from agent.tickets.repository import Search
from agent.tickets.store import TicketStore
from agent.understanding.extract import Extractor
from agent.understanding.rules import Rules

CALLER = "+919500123456"
OPEN = "204103274"
SCRIPTS = {language: Script.load(CallSettings().prompts_dir, language) for language in LANGUAGES}
EXTRACTOR = Extractor(Rules.load(valid_ticket=is_valid))

STORY = "எங்க தெருவுல குடிதண்ணி வரல"
UNHEARD = "<unheard>"
NOTE = "<note>"
PLACED = ["[1]", STORY, "பல்லடம்"]
DETAILED = [*PLACED, "மாரியம்மன் கோயில் பக்கத்துல", "அஞ்சு நாளா"]
READ_BACK = [*DETAILED, "முருகன்", "[1]"]
RECIPES: dict[str, tuple[list[str], Slot, list[str]]] = {
    # What is done, the question then open, categories of the tickets that are left.
    "notice": ([], Slot.CONSENT, []),
    "story": (["[1]"], Slot.COMPLAINT, []),
    "a word of it": (["[1]", "அது வந்து"], Slot.COMPLAINT, []),
    "place": (["[1]", STORY], Slot.PLACE, ["WATER"]),
    "district": (["[1]", STORY, "ஆத்தூர்"], Slot.DISTRICT, ["WATER"]),
    "landmark": (PLACED, Slot.LANDMARK, ["WATER"]),
    "days": (DETAILED[:-1], Slot.DAYS, ["WATER"]),
    "name": (DETAILED, Slot.NAME, ["WATER"]),
    "same number": ([*DETAILED, "முருகன்"], Slot.SAME_NUMBER, ["WATER"]),
    "phone": ([*DETAILED, "முருகன்", "[2]"], Slot.PHONE, ["WATER"]),
    "half a phone": ([*DETAILED, "முருகன்", "[2]", "[98421]"], Slot.PHONE, ["WATER"]),
    "read back": (READ_BACK, Slot.CONFIRM, ["WATER"]),
    "correction": ([*READ_BACK, "[2]"], Slot.CORRECTION, ["WATER"]),
    "number told": ([*READ_BACK, "[1]"], Slot.REPEAT, ["WATER"]),
    "two troubles": (
        ["[1]", "குடிதண்ணி வரல, தெரு விளக்கும் எரியல"],
        Slot.PLACE,
        ["WATER", "STREETLIGHT"],
    ),
    "status": (["[1]", "என் புகார் என்னாச்சு", "[2]"], Slot.TICKET, []),
    "fixed": (["[1]", "என் புகார் என்னாச்சு", "[1]"], Slot.FIXED, []),
    "rating": (["[1]", "என் புகார் என்னாச்சு", "[1]", "[1]"], Slot.RATING, []),
    "same issue": (["[1]", "குப்பை அள்ள ஆளே வரல"], Slot.SAME_ISSUE, ["GARBAGE"]),
    "danger": (["[1]", "மழைத் தண்ணி தேங்கி வெள்ளமா நிக்குது"], Slot.DANGER, ["FLOOD"]),
    "emergency": (["[1]", "ஐயோ வீடு தீப்பிடிச்சு எரியுது"], Slot.PLACE, ["EMERGENCY"]),
    "emergency filed": (
        ["[1]", "ஐயோ வீடு தீப்பிடிச்சு எரியுது", "பல்லடம்"],
        Slot.REPEAT,
        ["EMERGENCY"],
    ),
    "a person": (["[1]", "[0]"], Slot.PLACE, []),
    "a person, after the story": (["[1]", STORY, "[0]"], Slot.PLACE, ["WATER"]),
    "choice": (["[1]", UNHEARD, UNHEARD], Slot.CHOICE, []),
    "note": (["[1]", UNHEARD, UNHEARD, "[1]"], Slot.VOICE_NOTE, []),
    "note kept": (["[1]", UNHEARD, UNHEARD, "[1]", NOTE], Slot.SAME_NUMBER, ["OTHER"]),
    "child": (["[1]", "நான் அஞ்சாங்கிளாஸ் படிக்கிறேன், எங்க வீட்ல யாரும் இல்ல"], Slot.ADULT, []),
    "language": (["[1]", "can you speak in English please"], Slot.LANGUAGE, []),
    "in English": (["[1]", "can you speak in English please", "[2]"], Slot.COMPLAINT, []),
    "insulted": (["[1]", STORY, "டேய் நாயே"], Slot.PLACE, ["WATER"]),
    "another office's": (["[1]", "கோர்ட்ல கேஸ் நடக்குது, தீர்ப்பு எப்ப வரும்"], Slot.COMPLAINT, []),
}


@pytest.fixture
def store(tmp_path: Path):
    opened = TicketStore.open(f"sqlite:///{tmp_path / 'kural.db'}", data_dir=tmp_path, machine="m1")
    yield opened
    opened.close()


def dialogue_of(store: TicketStore, call: Call) -> Dialogue:
    ledger = CallLedger.open(store, call)
    known = KnownTicket(OPEN, Category.GARBAGE, "RESOLVED", None, None)
    services = Services(
        look_up=lambda number: TicketFound(number, "RESOLVED", mine=True),
        act=lambda *_: True,
        recall=lambda: Recalled((known,)),
    )
    return Dialogue(SCRIPTS, EXTRACTOR, ledger, services=services, caller=CALLER, call=call.id)


async def reach(dialogue: Dialogue, does: list[str]) -> None:
    keypad = Keypad()
    dialogue.greet()
    for one in does:
        if one == UNHEARD:
            await dialogue.commit_turn(UnderstoodTurn(text=""))
        elif one == NOTE:
            await dialogue.note_over(9.0)
        elif one.startswith("["):
            for key in one.strip("[]"):
                turn = keypad.press(key, dialogue.state.expect)
                if turn is not None:
                    await dialogue.commit_turn(turn)
        else:
            await dialogue.commit(one)


def said(complaint: Complaint) -> dict[str, Any]:
    seat = complaint.place.constituency if complaint.place is not None else None
    return {
        "category": complaint.category,
        "constituency_no": seat,
        "landmark": complaint.landmark,
        "days_since": complaint.days,
        "name": complaint.name,
        "phone": (complaint.phone or "")[-10:] or None,
        "needs_listening": complaint.needs_listening,
    }


@pytest.mark.parametrize("name", RECIPES)
async def test_the_rows_left_say_exactly_what_was_said(name: str, store: TicketStore):
    does, slot, categories = RECIPES[name]
    call = Call(id=f"job-{name.replace(' ', '_').replace(',', '')[:20]}",
                started_at=datetime.now(UTC), caller=CALLER)  # fmt: skip
    call = replace(call, id="".join(c for c in call.id if c.isalnum() or c in "-_"))
    dialogue = dialogue_of(store, call)
    await reach(dialogue, does)
    state = dialogue.state
    assert state.expect is slot
    await dialogue.close("hung_up")
    rows = sorted(
        store.repository.search(Search(call_id=call.id), unmask=True), key=lambda t: t.issue_index
    )
    assert [row.category or "" for row in rows] == categories
    for row, complaint in zip(rows, complaints(state), strict=False):
        want = said(complaint)
        got = {field: getattr(row, field) for field in want}
        got["phone"] = (got["phone"] or "")[-10:] or None
        assert got == want
        assert row.partial is not bool(state.filed)
        assert (row.description or "").startswith(
            complaint.description
        ) or not complaint.description
    (left,) = store.repository.calls(caller=CALLER)
    assert left.outcome == ("hung_up" if state.outcome == "open" else state.outcome)


async def test_a_hang_up_before_the_notice_ends_leaves_one_row_and_no_ticket(store: TicketStore):
    dialogue = dialogue_of(store, Call(id="job-0", started_at=datetime.now(UTC), caller=CALLER))
    dialogue.greet()
    await dialogue.close("hung_up")
    await dialogue.close("hung_up")
    assert len(list(store.repository.calls(caller=CALLER))) == 1
    assert not list(store.repository.search(Search(), unmask=True))
