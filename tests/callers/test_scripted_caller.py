"""How a scripted caller behaves, over all scripts of the project."""

from pathlib import Path

import pytest

from agent.callers.expected import Expected
from agent.callers.script_file import ScriptedCall, load_script
from agent.callers.scripted_caller import (
    DEFAULT_ANSWERS,
    DONT_KNOW,
    YES,
    CallerState,
    Origin,
    Utterance,
    all_texts,
    respond,
)
from agent.complaint import Slot

CALLS = Path(__file__).parent.parent / "data" / "calls"
ALL_SCRIPTS = [load_script(path) for path in sorted(CALLS.glob("*/*.json"))]
FULL_ORDER = (
    Slot.CONSENT,
    Slot.COMPLAINT,
    Slot.PLACE,
    Slot.LANDMARK,
    Slot.DAYS,
    Slot.NAME,
    Slot.SAME_NUMBER,
    Slot.PHONE,
    Slot.CONFIRM,
    Slot.REPEAT,
)


def script(turns: dict[str, str] | list[tuple[str, str]], **expected: object) -> ScriptedCall:
    pairs = list(turns.items()) if isinstance(turns, dict) else turns
    return ScriptedCall(
        id="T01",
        caller_turns_ta=tuple(text for _, text in pairs),
        turn_slots=tuple(slot for slot, _ in pairs),
        expected=Expected.model_validate(expected),
    )


def play(call: ScriptedCall, *questions: Slot | None) -> list[Utterance]:
    state, said = CallerState(), []
    for asked in questions:
        state, utterance = respond(call, state, asked)
        said.append(utterance)
    return said


def texts(call: ScriptedCall, *questions: Slot | None) -> list[str]:
    return [utterance.text for utterance in play(call, *questions)]


@pytest.mark.parametrize("call", ALL_SCRIPTS, ids=lambda c: c.id)
def test_the_opening_follows_the_answer_to_the_notice(call: ScriptedCall) -> None:
    consent, opening = play(call, Slot.CONSENT, Slot.COMPLAINT)
    assert consent == Utterance(
        DEFAULT_ANSWERS[Slot.CONSENT], Origin.DEFAULT, question=Slot.CONSENT
    )
    assert (opening.text, opening.turn) == (call.caller_turns_ta[0], 0)


@pytest.mark.parametrize("call", ALL_SCRIPTS, ids=lambda c: c.id)
def test_no_turn_is_said_more_than_three_times(call: ScriptedCall) -> None:
    said = play(call, *FULL_ORDER * 6)
    for index in range(len(call.turn_slots)):
        origins = [u.origin for u in said if u.turn == index]
        assert origins[:1] in ([], [Origin.SCRIPT])
        assert set(origins[1:]) <= {Origin.REPEAT}
        assert len(origins) <= 3


@pytest.mark.parametrize("call", ALL_SCRIPTS, ids=lambda c: c.id)
def test_every_text_a_caller_says_is_known_beforehand(call: ScriptedCall) -> None:
    assert {u.text for u in play(call, *FULL_ORDER * 4)} - {""} <= set(all_texts(call))


@pytest.mark.parametrize(
    "call",
    # Hard callers hold turns for questions that are only asked after a correction.
    [
        c
        for c in ALL_SCRIPTS
        if set(c.turn_slots) <= {s.value for s in FULL_ORDER} and c.id[0] != "H"
    ],
    ids=lambda c: c.id,
)
def test_the_usual_order_of_questions_uses_every_turn_once(call: ScriptedCall) -> None:
    said = play(call, *FULL_ORDER)
    assert {u.turn for u in said if u.origin is Origin.SCRIPT} == set(range(len(call.turn_slots)))


def test_a_question_is_answered_by_its_slot_and_not_by_position() -> None:
    call = script({"complaint": "a", "place": "b", "landmark": "c", "name": "d"})
    assert texts(call, Slot.COMPLAINT, Slot.NAME, Slot.PLACE) == ["a", "d", "b"]


def test_a_question_asked_again_repeats_the_turn_twice_at_most() -> None:
    call = script({"complaint": "a", "place": "b"})
    said = texts(call, Slot.COMPLAINT, *[Slot.PLACE] * 4)
    assert said == ["a", "b", "b", "b", DONT_KNOW]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (Slot.DANGER, "இல்ல"),
        (Slot.REPEAT, "வேண்டாம்"),
        (Slot.SAME_NUMBER, "இல்ல"),
        (Slot.DAYS, DONT_KNOW),
        (Slot.CONFIRM, DONT_KNOW),
        (Slot.CORRECTION, DONT_KNOW),
        (Slot.CLOSE, ""),
        (None, ""),
    ],
)
def test_a_question_without_a_turn_gets_the_default(asked: Slot | None, answer: str) -> None:
    assert texts(script({"complaint": "a"}), Slot.COMPLAINT, asked) == ["a", answer]


def test_same_number_is_yes_where_the_phone_is_the_callers_own() -> None:
    assert texts(script({"human": "a"}, phone="CALLER_ID"), Slot.COMPLAINT, Slot.SAME_NUMBER) == [
        "a",
        YES,
    ]


def test_a_caller_with_digits_denies_the_same_number_and_then_says_them() -> None:
    call = script({"complaint": "a", "phone": "digits"}, phone="9500123456")
    said = texts(call, Slot.COMPLAINT, Slot.SAME_NUMBER, Slot.PHONE)
    assert said == ["a", "இல்ல", "digits"]


def test_a_caller_who_says_this_number_says_so_when_asked_for_the_same_number() -> None:
    call = script({"complaint": "a", "phone": "இதே நம்பர்"}, phone="CALLER_ID")
    assert texts(call, Slot.COMPLAINT, Slot.SAME_NUMBER) == ["a", "இதே நம்பர்"]


def test_the_district_turn_answers_an_area_question_and_the_place_turn_stands_in() -> None:
    with_district = script({"complaint": "a", "place": "b", "district": "c"})
    assert texts(with_district, Slot.COMPLAINT, Slot.PLACE, Slot.AREA) == ["a", "b", "c"]
    with_place = script({"complaint": "a", "place": "b"})
    assert texts(with_place, Slot.COMPLAINT, Slot.PLACE, Slot.AREA) == ["a", "b", "b"]


def test_interjections_come_where_they_stand_in_the_order() -> None:
    call = script([("abuse", "a"), ("complaint", "b"), ("unclear", "c"), ("place", "d")])
    said = texts(call, Slot.COMPLAINT, Slot.COMPLAINT, Slot.PLACE, Slot.PLACE)
    assert said == ["a", "b", "c", "d"]


def test_an_interjection_before_the_answer_comes_first_even_when_a_turn_was_passed_over() -> None:
    call = script([("complaint", "a"), ("landmark", "b"), ("human", "c"), ("name", "d")])
    assert texts(call, Slot.COMPLAINT, Slot.NAME, Slot.NAME) == ["a", "c", "d"]


def test_a_silent_caller_stays_silent() -> None:
    call = next(c for c in ALL_SCRIPTS if c.id == "S13")
    said = texts(call, Slot.CONSENT, Slot.COMPLAINT, Slot.COMPLAINT, Slot.COMPLAINT)
    assert said == ["சரி", "", "", call.caller_turns_ta[2]]


def test_a_caller_who_wants_a_human_asks_again() -> None:
    call = script({"human": "a", "place": "b"})
    assert texts(call, Slot.COMPLAINT, Slot.COMPLAINT, Slot.PLACE) == ["a", "a", "b"]


def test_the_status_turn_is_repeated_when_the_ticket_number_is_asked_for() -> None:
    call = next(c for c in ALL_SCRIPTS if c.id == "S08")
    said = play(call, Slot.COMPLAINT, Slot.TICKET, Slot.CONFIRM)
    assert [u.turn for u in said] == [0, 0, 1]


NEW_QUESTIONS = {
    Slot.RESUME: "இல்ல",
    Slot.SAME_ISSUE: "இல்ல, புதுசு",
    Slot.FIXED: DONT_KNOW,
    Slot.RATING: "",
    Slot.CHOICE: "[2]",
    Slot.VOICE_NOTE: "தண்ணி வரல",
    Slot.ADULT: "இல்ல",
    Slot.LANGUAGE: "[1]",
    Slot.RIGHT: "[1]",
    Slot.CALL_BACK: "[1]",
}


@pytest.mark.parametrize(("asked", "answer"), NEW_QUESTIONS.items())
def test_a_side_question_without_a_turn_gets_what_a_plain_caller_would_say(
    asked: Slot, answer: str
) -> None:
    call = script({"complaint": "தண்ணி வரல"})
    assert texts(call, Slot.COMPLAINT, asked) == ["தண்ணி வரல", answer]


@pytest.mark.parametrize("asked", list(NEW_QUESTIONS))
def test_a_side_question_with_a_turn_gets_that_turn(asked: Slot) -> None:
    call = script([("complaint", "தண்ணி வரல"), (asked.value, "[1]")])
    said = play(call, Slot.COMPLAINT, asked)[1]
    assert (said.text, said.keys, said.origin) == ("[1]", "1", Origin.SCRIPT)


def test_a_question_before_the_story_does_not_use_up_the_story() -> None:
    call = script([("complaint", "தண்ணி வரல"), ("place", "பல்லடம்")])
    assert texts(call, Slot.CONSENT, Slot.RESUME, Slot.COMPLAINT, Slot.PLACE) == [
        "சரி", "இல்ல", "தண்ணி வரல", "பல்லடம்",
    ]  # fmt: skip


def test_a_caller_who_goes_on_answers_that_first() -> None:
    call = script([("resume", "ஆமா"), ("days", "மூணு நாளா")])
    assert texts(call, Slot.CONSENT, Slot.RESUME, Slot.DAYS) == ["சரி", "ஆமா", "மூணு நாளா"]


def test_an_interjection_before_the_notice_is_answered_is_said_once() -> None:
    call = script([("silence", ""), ("consent", "[1]"), ("complaint", "தண்ணி வரல")])
    said = texts(call, Slot.CONSENT, Slot.CONSENT, Slot.COMPLAINT)
    assert said == ["", "[1]", "தண்ணி வரல"]


def hanging_up(at: Slot, *, speaking: bool) -> ScriptedCall:
    call = script([("complaint", "தண்ணி வரல"), ("place", "பல்லடம்"), ("confirm", "[1]")])
    return call.model_copy(update={"hangs_up_at": at, "hangs_up_while_speaking": speaking})


def test_a_caller_hangs_up_when_the_question_is_put() -> None:
    opening, at_place = play(hanging_up(Slot.PLACE, speaking=False), Slot.COMPLAINT, Slot.PLACE)
    assert (opening.hangs_up, at_place.hangs_up, at_place.text) == (False, True, "")


def test_a_caller_hangs_up_in_the_middle_of_the_answer() -> None:
    _, at_place = play(hanging_up(Slot.PLACE, speaking=True), Slot.COMPLAINT, Slot.PLACE)
    assert (at_place.hangs_up, at_place.text) == (True, "பல்லடம்")


def test_keys_and_silence_have_no_middle() -> None:
    said = play(hanging_up(Slot.CONFIRM, speaking=True), Slot.COMPLAINT, Slot.CONFIRM)[1]
    assert (said.hangs_up, said.text) == (True, "")


def test_what_is_pressed_needs_no_voice() -> None:
    call = script([("complaint", "தண்ணி வரல"), ("choice", "[1]")])
    assert not any(text.startswith("[") for text in all_texts(call))
