"""Nods, interruptions and emergencies over the agent's voice."""

from __future__ import annotations

import pytest

from agent.complaint import Slot
from agent.conversation.overlap import Overlap, is_nod, judge

NODS = ("ஆமா", "ம்ம்", "ம்", "சரி", "ஓ", "ஹ்ம்", "ok", "OK.", "சரி சரி", "ஆமா ம்ம்", "சரிங்க, ஆமாங்க")
WORDS = ("இல்ல", "தண்ணி வரல", "ஆமா ஆனா தண்ணி வரல", "கும்பகோணம்", "நிறுத்துங்க", "", " ", "...")


def verdict(
    text: str,
    *,
    over_agent: bool = True,
    agent_done: bool = False,
    protected: bool = False,
    emergency: bool = False,
    expect: Slot | None = Slot.PLACE,
) -> Overlap:
    return judge(
        text,
        over_agent=over_agent,
        agent_done=agent_done,
        protected=protected,
        emergency=emergency,
        expect=expect,
    )


@pytest.mark.parametrize("text", NODS)
def test_a_nod_over_the_agent_is_no_turn(text: str):
    assert is_nod(text)
    assert verdict(text) is Overlap.IGNORE
    assert verdict(text, expect=Slot.CONFIRM) is Overlap.IGNORE


@pytest.mark.parametrize("text", WORDS)
def test_other_words_over_the_agent_are_heard(text: str):
    assert not is_nod(text)
    assert verdict(text) is Overlap.HEAR


@pytest.mark.parametrize("text", NODS)
def test_a_nod_after_the_agent_is_an_answer(text: str):
    assert verdict(text, over_agent=False, agent_done=True) is Overlap.HEAR


def test_a_nod_begun_over_the_end_of_a_question_answers_yes_or_no_but_nothing_else():
    assert verdict("ஆமா", agent_done=True, expect=Slot.CONFIRM) is Overlap.HEAR
    assert verdict("ஆமா", agent_done=True, expect=Slot.PLACE) is Overlap.IGNORE


def test_a_ticket_number_is_heard_to_its_end_but_for_an_emergency():
    assert verdict("தண்ணி வரல", protected=True) is Overlap.IGNORE
    assert verdict("தீ பிடிச்சிருச்சு", protected=True, emergency=True) is Overlap.BREAK_IN
