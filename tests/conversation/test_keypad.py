"""Keys as answers."""

from __future__ import annotations

import pytest

from agent.complaint import Answer, Intent, Slot, UnderstoodTurn
from agent.conversation.keypad import Keypad


def press(keys: str, expect: Slot | None) -> list[UnderstoodTurn | None]:
    pad = Keypad()
    return [pad.press(key, expect) for key in keys]


@pytest.mark.parametrize("slot", [Slot.CONSENT, Slot.CONFIRM, Slot.SAME_NUMBER, Slot.REPEAT])
def test_one_is_yes_and_two_is_no(slot: Slot):
    yes, no = press("12", slot)
    assert yes is not None
    assert no is not None
    assert (yes.answer, no.answer) == (Answer.YES, Answer.NO)


def test_a_phone_number_is_complete_after_ten_keys():
    turns = press("9842113576", Slot.PHONE)
    assert turns[:-1] == [None] * 9
    assert turns[-1] is not None
    assert turns[-1].phone == "9842113576"


def test_zero_and_nine_are_digits_while_a_number_is_asked_for():
    turns = press("900", Slot.PHONE)
    assert turns == [None, None, None]


def test_hash_ends_an_incomplete_number():
    turn = press("98421#", Slot.PHONE)[-1]
    assert turn is not None
    assert (turn.digits, turn.phone) == ("98421", None)


def test_a_ticket_has_nine_keys():
    turn = press("204103274", Slot.TICKET)[-1]
    assert turn is not None
    assert turn.ticket == "204103274"


def test_zero_asks_for_a_person_and_nine_is_an_emergency():
    person, alarm = press("09", Slot.PLACE)
    assert person is not None
    assert person.intent is Intent.HUMAN
    assert alarm is not None
    assert alarm.emergency


def test_star_asks_to_hear_it_again_and_forgets_digits():
    pad = Keypad()
    pad.press("9", Slot.PHONE)
    again = pad.press("*", Slot.PHONE)
    assert again is not None
    assert again.answer is Answer.REPEAT
    assert pad.press("#", Slot.PHONE) is None


@pytest.mark.parametrize("key", ["3", "x", "", "௧"])
def test_a_key_without_meaning_here_is_ignored(key: str):
    assert press(key, Slot.LANDMARK) in ([None], [])
    assert Keypad().press(key, Slot.LANDMARK) is None
