"""Delays and cut-offs of turns, from the sound of the agent."""

from __future__ import annotations

import pytest

from agent.complaint import Slot
from agent.lab.web_call import KINDS, WebCall, WebTurn, with_delays


def _measured(*said_at, agent, **how):
    turns = [WebTurn(Slot.PLACE, span, **how) for span in said_at]
    return with_delays(turns, agent)


def test_the_delay_runs_from_the_last_word_to_the_first_sound():
    (turn,) = _measured((5.0, 6.0), agent=[(1.0, 4.5), (6.6, 8.0)])
    assert turn.delay_s == pytest.approx(0.6)
    assert not turn.cut_off


def test_an_agent_that_begins_before_the_last_word_cuts_off():
    (turn,) = _measured((5.0, 6.0), agent=[(5.8, 8.0)])
    assert turn.cut_off
    assert turn.delay_s is None


def test_an_agent_that_was_still_speaking_is_no_cut_off():
    (turn,) = _measured((5.0, 6.0), agent=[(4.0, 5.1), (6.5, 7.0)])
    assert not turn.cut_off
    assert turn.delay_s == pytest.approx(0.5)


def test_a_turn_that_was_talked_over_has_no_delay():
    (turn,) = _measured((5.0, 6.0), agent=[(4.0, 6.4)])
    assert turn.delay_s is None


def test_the_answer_to_a_later_turn_is_not_the_answer_to_this_one():
    first, second = _measured((5.0, 6.0), (8.0, 9.0), agent=[(9.4, 10.0)])
    assert first.delay_s is None
    assert second.delay_s == pytest.approx(0.4)


def test_words_the_agent_did_not_get_have_no_delay():
    (turn,) = _measured((5.0, 6.0), agent=[(10.0, 11.0)], unheard=True)
    assert turn.delay_s is None


def test_keys_are_answered_but_never_cut_off():
    (turn,) = _measured((5.0, 5.0), agent=[(5.2, 6.0)], keys=True)
    assert turn.kind == "keys"
    assert turn.delay_s == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("slot", "kind"),
    [
        (Slot.CONSENT, "yes or no"),
        (Slot.AREA, "place"),
        (Slot.COMPLAINT, "story"),
        (Slot.PHONE, "phone, ticket"),
        (Slot.VOICE_NOTE, "other"),
        (None, "other"),
    ],
)
def test_a_turn_is_counted_under_its_question(slot, kind):
    assert WebTurn(slot, (0.0, 1.0)).kind == kind


def test_no_question_is_of_two_kinds():
    slots = [slot for kinds in KINDS.values() for slot in kinds]
    assert len(slots) == len(set(slots))


def test_the_report_of_a_call_holds_no_words():
    call = WebCall("D01", "agent", 61.23456, 0.5, 0.1, (WebTurn(Slot.NAME, (1.0, 2.0)),))
    told = call.to_json()
    assert told["seconds"] == 61.235
    assert told["turns"] == [
        {"asked": "name", "kind": "name", "delay_s": None, "cut_off": False, "unheard": False}
    ]
