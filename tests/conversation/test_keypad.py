"""Keys as answers."""

from __future__ import annotations

import pytest

from agent.complaint import Answer, Intent, Slot, Topic, UnderstoodTurn
from agent.conversation.keypad import ALONE_S, Keypad, Run


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


@pytest.mark.parametrize(
    "slot",
    [
        Slot.RESUME,
        Slot.SAME_ISSUE,
        Slot.FIXED,
        Slot.ADULT,
        Slot.CALL_BACK,
        Slot.DANGER,
        Slot.CHOICE,
    ],
)
def test_one_and_two_answer_every_question_with_two_answers(slot: Slot):
    answers = [turn.answer for turn in press("12", slot) if turn is not None]
    assert answers == [Answer.YES, Answer.NO]


@pytest.mark.parametrize(
    ("slot", "offered"),
    [(Slot.RATING, "12345"), (Slot.RIGHT, "123")],
)
def test_a_key_is_the_choice_where_choices_are_numbered(slot: Slot, offered: str):
    for key in "12345678":
        (turn,) = press(key, slot)
        assert (turn.digits if turn is not None else None) == (key if key in offered else None)


def test_the_language_keys_name_the_language():
    tamil, english = press("12", Slot.LANGUAGE)
    assert tamil is not None
    assert english is not None
    assert (tamil.topic, english.topic) == (Topic.TAMIL, Topic.ENGLISH)


@pytest.mark.parametrize("slot", [s for s in Slot if s not in (Slot.PHONE, Slot.TICKET)])
def test_zero_and_nine_work_everywhere_but_inside_a_number(slot: Slot):
    person, alarm = press("09", slot)
    assert person is not None
    assert alarm is not None
    assert (person.intent, alarm.emergency) == (Intent.HUMAN, True)


def test_a_key_at_the_open_question_is_no_answer():
    assert press("1", Slot.COMPLAINT) == [None]


def test_a_key_that_is_offered_just_now_means_something():
    turn = Keypad().press("1", Slot.COMPLAINT, offered="1")
    assert turn is not None
    assert turn.digits == "1"


def pressed_after(known: str, keys: str, slot: Slot = Slot.PHONE) -> UnderstoodTurn | None:
    pad, turn = Keypad(), None
    for key in keys:
        turn = pad.press(key, slot, known)
    return turn


def test_keys_go_on_with_a_number_begun_by_voice():
    turn = pressed_after("98421", "13576")
    assert turn is not None
    assert (turn.phone, turn.digits) == ("9842113576", "9842113576")


def test_who_presses_the_whole_number_after_all_is_not_cut_short():
    assert pressed_after("98421", "98421") is None
    turn = pressed_after("98421", "9842113576")
    assert turn is not None
    assert turn.phone == "9842113576"


def test_hash_says_that_the_keys_were_the_rest():
    turn = pressed_after("98421", "98421#")
    assert turn is not None
    assert turn.phone == "9842198421"


def test_a_land_line_has_eleven_keys():
    assert pressed_after("", "0422245678") is None
    turn = pressed_after("", "04222456789")
    assert turn is not None
    assert turn.phone == "04222456789"


@pytest.mark.parametrize("key", ["3", "x", "", "௧"])
def test_a_key_without_meaning_here_is_ignored(key: str):
    assert press(key, Slot.LANDMARK) in ([None], [])
    assert Keypad().press(key, Slot.LANDMARK) is None


def test_keys_pressed_quickly_are_one_run_and_a_pause_begins_another():
    run = Run()
    assert run.add("9", 0.0) == "9"
    assert run.add("8", 0.3) == "98"
    assert run.add("1", 0.3 + 2 * ALONE_S) == "1"
    assert run.add("#", 0.4 + 2 * ALONE_S) == "#"
    assert run.add("2", 0.5 + 2 * ALONE_S) == "2"


def test_a_run_is_a_number_only_when_it_is_a_whole_one():
    run = Run()
    for at, key in enumerate("984211357"):
        run.add(key, at * 0.2)
        assert run.number(Slot.NAME) is None
    run.add("6", 2.0)
    turn = run.number(Slot.NAME)
    assert turn is not None
    assert turn.phone == "9842113576"
    assert run.keys == ""
