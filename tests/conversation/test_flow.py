"""The flow in virtual time: no sound, no clock, no understanding; turns are given."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agent.complaint import (
    ActKind,
    Answer,
    Category,
    Intent,
    Place,
    SeatCandidate,
    Slot,
    UnderstoodTurn,
)
from agent.conversation.flow import MAX_UNHEARD, advance, opening
from agent.conversation.steps import (
    Act,
    Acted,
    Alert,
    Alerted,
    Event,
    FileComplaints,
    Filed,
    LookUp,
    NotFiled,
    Silence,
    Step,
    TicketFound,
    TicketUnknown,
)

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
CALLER = "+910000000001"


def seat(number: int, district: str = "Salem") -> SeatCandidate:
    return SeatCandidate(number, f"Seat{number}", f"தொகுதி{number}", district, "சேலம்", 0.9, "test")


def place(*numbers: int, question: Slot | None = None) -> Place:
    return Place("ஊர்", "Town", "ஊர்", tuple(seat(n) for n in numbers), question)


def turn(text: str = "சொல்", **fields: object) -> UnderstoodTurn:
    return replace(UnderstoodTurn(text=text), **fields)  # type: ignore[arg-type]


YES = turn("ஆமா", answer=Answer.YES)
NO = turn("இல்ல", answer=Answer.NO)
STORY = turn("தண்ணி வரல", categories=(Category.WATER,), intent=Intent.COMPLAINT)


def play(*events: Event, caller: str = CALLER) -> list[Step]:
    steps = [opening(caller)]
    for event in events:
        steps.append(advance(steps[-1].state, event, NOW))
    return steps


def prompts(step: Step) -> list[str]:
    return [line.prompt for line in step.say]


def test_a_plain_call_asks_in_order_and_files_after_the_read_back():
    steps = play(
        YES,
        STORY,
        turn("பல்லடம்", place=place(115)),
        turn("கோயில்", landmark="கோயில்"),
        turn("மூணு நாளா", days=3),
        turn("முருகன்", name="முருகன்"),
        NO,
        turn("எண்", phone="9842113576", digits="9842113576"),
        YES,
    )
    asked = [step.expect for step in steps]
    assert asked == [
        Slot.CONSENT,
        Slot.COMPLAINT,
        Slot.PLACE,
        Slot.LANDMARK,
        Slot.DAYS,
        Slot.NAME,
        Slot.SAME_NUMBER,
        Slot.PHONE,
        Slot.CONFIRM,
        None,
    ]
    assert steps[-1].effects == (FileComplaints(),)
    assert steps[-1].say == ()
    assert steps[-1].state.phone == "9842113576"


def test_no_number_is_spoken_before_the_store_answers():
    filing = play(YES, STORY, turn(place=place(1)), *[_unknown()] * 3, YES, YES)[-1]
    assert filing.effects
    assert not filing.say
    filed = advance(filing.state, Filed(("204103274",)), NOW)
    assert prompts(filed) == ["ticket_filed", "ask_repeat"]
    assert filed.uninterruptible


def test_a_ticket_that_is_not_saved_gets_no_number():
    filing = play(YES, STORY, turn(place=place(1)), *[_unknown()] * 3, YES, YES)[-1]
    step = advance(filing.state, NotFiled(), NOW)
    assert prompts(step) == ["not_saved"]
    assert step.end


def test_nothing_that_was_already_said_is_asked():
    story = replace(STORY, place=place(11), days=5, landmark="கோயில்", name="மீனா")
    assert [s.expect for s in play(YES, story)][-1] is Slot.SAME_NUMBER


def test_a_story_told_instead_of_consent_is_kept():
    step = play(STORY)[-1]
    assert step.expect is Slot.PLACE
    assert step.state.categories == (Category.WATER,)
    assert step.state.consent is None


def test_a_refused_consent_still_takes_the_complaint():
    steps = play(NO, STORY)
    assert steps[1].state.consent is False
    assert steps[-1].expect is Slot.PLACE


def test_same_named_places_are_asked_back_once_and_then_kept_open():
    two = place(82, 129, question=Slot.DISTRICT)
    steps = play(YES, STORY, turn(place=two), turn("தெரியல", answer=Answer.UNKNOWN))
    assert steps[-2].expect is Slot.DISTRICT
    assert steps[-1].expect is Slot.LANDMARK
    assert [c.number for c in steps[-1].state.place.candidates] == [82, 129]  # type: ignore[union-attr]


def test_the_district_settles_the_seat():
    two = place(82, 129, question=Slot.DISTRICT)
    steps = play(YES, STORY, turn(place=two), turn("சேலம்", place=place(82)))
    assert steps[-1].state.place.constituency == 82  # type: ignore[union-attr]
    assert steps[-1].expect is Slot.LANDMARK


def test_a_city_too_large_for_one_question_is_asked_for_its_part():
    city = Place("சென்னை", "Chennai", "சென்னை", (), Slot.AREA)
    steps = play(YES, STORY, turn("சென்னை", place=city), turn("அடையாறு", place=place(25)))
    assert prompts(steps[-2]) == ["ask_area"]
    assert steps[-1].expect is Slot.LANDMARK
    assert steps[-1].state.place.constituency == 25  # type: ignore[union-attr]


def test_an_unknown_place_is_asked_once_more_and_its_words_kept():
    nowhere = Place("வடக்கூர்", None, None)
    steps = play(YES, STORY, turn("வடக்கூர்", place=nowhere), turn("வடக்கூர்", place=nowhere))
    assert prompts(steps[-2]) == ["ask_place_again"]
    assert steps[-1].expect is Slot.LANDMARK
    assert steps[-1].state.place is not None
    assert steps[-1].state.place.spoken == "வடக்கூர்"


def test_an_emergency_is_answered_before_anything_else_and_filed_in_one_turn():
    fire = turn("தீ", emergency=True, intent=Intent.EMERGENCY)
    steps = play(YES, fire, turn("ஊர்", place=place(12)))
    assert prompts(steps[-2])[0] == "emergency"
    assert steps[-2].uninterruptible
    assert steps[-1].effects == (FileComplaints(),)
    assert steps[-1].state.categories == (Category.EMERGENCY,)


def test_an_emergency_is_heard_in_the_middle_of_a_call():
    steps = play(YES, STORY, turn(place=place(12)), turn("தீ", emergency=True))
    assert prompts(steps[-1]) == ["emergency"]  # what not to do, before anything else
    assert steps[-1].effects == (FileComplaints(),)
    alerting = advance(steps[-1].state, Filed(("204103274",)), NOW)
    assert alerting.effects == (Alert("204103274"),)
    filed = advance(alerting.state, Alerted(acknowledged=False), NOW)
    assert prompts(filed) == ["emergency_filed", "ask_repeat"]
    known = advance(alerting.state, Alerted(acknowledged=True), NOW)
    assert "alert_taken" in prompts(known)


def test_silence_is_asked_twice_and_then_closed_without_a_ticket():
    steps = play(YES, *[Silence()] * MAX_UNHEARD)
    assert prompts(steps[2])[0] == "still_there"
    assert steps[-1].end
    assert steps[-1].state.intent is Intent.WRONG_NUMBER
    assert not steps[-1].effects


def test_one_word_of_noise_and_then_silence_is_no_complaint():
    steps = play(YES, turn("ஹலோ"), *[Silence()] * MAX_UNHEARD)
    assert steps[-1].end
    assert steps[-1].state.intent is Intent.WRONG_NUMBER


def test_silence_after_the_story_keeps_the_story():
    steps = play(YES, STORY, *[Silence()] * MAX_UNHEARD)
    assert steps[-1].end
    assert steps[-1].state.categories == (Category.WATER,)
    assert steps[-1].state.intent is Intent.COMPLAINT


def test_anger_is_met_with_calm_and_the_complaint_after_it_is_taken():
    steps = play(YES, turn("திட்டு", intent=Intent.ABUSE), STORY)
    assert prompts(steps[-2])[0] == "abuse_calm"
    assert steps[-1].state.categories == (Category.WATER,)
    assert "திட்டு" not in steps[-1].state.description


def test_the_third_insult_ends_the_call():
    insult = turn("திட்டு", intent=Intent.ABUSE)
    steps = play(YES, insult, insult, insult)
    assert steps[-1].end
    assert steps[-1].state.outcome == "abuse"


def test_a_correction_at_the_read_back_replaces_the_value_and_reads_back_again():
    ready = _at_confirm()
    wrong = turn("ஊர் தப்பு", answer=Answer.NO, corrects=Slot.PLACE)
    asked = advance(ready, wrong, NOW)
    assert asked.expect is Slot.PLACE
    again = advance(asked.state, turn("ஈரோடு", place=place(98)), NOW)
    assert again.expect is Slot.CONFIRM
    assert again.state.place.constituency == 98  # type: ignore[union-attr]


def test_a_bare_no_at_the_read_back_asks_what_to_change():
    asked = advance(_at_confirm(), NO, NOW)
    assert asked.expect is Slot.CORRECTION
    fixed = advance(asked.state, turn("நாலு நாள்", corrects=Slot.DAYS, days=4), NOW)
    assert fixed.state.days == 4
    assert fixed.expect is Slot.CONFIRM


def test_two_complaints_become_two_numbers():
    story = replace(STORY, categories=(Category.GARBAGE, Category.MOSQUITO))
    filing = play(YES, story, turn(place=place(8)), *[_unknown()] * 3, YES, YES)[-1]
    filed = advance(filing.state, Filed(("204103274", "204103282")), NOW)
    assert prompts(filed) == ["ticket_filed", "ticket_second", "ask_repeat"]


def test_the_number_is_repeated_on_request_and_then_the_call_is_closed():
    filing = play(YES, STORY, turn(place=place(1)), *[_unknown()] * 3, YES, YES)[-1]
    filed = advance(filing.state, Filed(("204103274",)), NOW)
    again = advance(filed.state, YES, NOW)
    assert prompts(again)[0] == "ticket_again"
    closed = advance(again.state, NO, NOW)
    assert prompts(closed) == ["promise", "closing"]
    assert closed.end


def test_a_status_call_looks_the_ticket_up_and_files_nothing():
    asked = play(YES, turn("புகார் என்னாச்சு", intent=Intent.STATUS))[-1]
    assert asked.expect is Slot.TICKET
    look = advance(asked.state, turn("எண்", ticket="204103274"), NOW)
    assert look.effects == (LookUp("204103274"),)
    found = advance(look.state, TicketFound("204103274", "IN_PROGRESS"), NOW)
    assert prompts(found)[0] == "status_IN_PROGRESS"
    assert prompts(advance(look.state, TicketUnknown(), NOW))[0] == "status_unknown"


def test_who_asks_for_a_person_is_asked_only_for_the_place():
    steps = play(YES, turn("ஆளைக் கூப்பிடுங்க", intent=Intent.HUMAN), turn(place=place(101)))
    assert prompts(steps[-2])[0] == "human"
    assert steps[-1].effects == (Act(ActKind.CALL_BACK, None, "human"),)
    owed = advance(steps[-1].state, Acted(ActKind.CALL_BACK, done=True), NOW)
    assert prompts(owed)[0] == "callback_noted"
    assert owed.end
    assert owed.state.outcome == "human"
    lost = advance(steps[-1].state, Acted(ActKind.CALL_BACK, done=False), NOW)
    assert prompts(lost)[0] == "not_noted"


def test_a_hidden_caller_id_is_asked_for_the_number_at_once():
    steps = play(YES, STORY, turn(place=place(1)), *[_unknown()] * 3, caller="")
    assert steps[-1].expect is Slot.PHONE


def test_digits_are_gathered_over_two_turns():
    steps = play(
        YES,
        STORY,
        turn(place=place(1)),
        *[_unknown()] * 3,
        turn("தொண்ணூத்தி", digits="98421"),
        turn("மீதி", digits="9842113576", phone="9842113576"),
        caller="",
    )
    assert prompts(steps[-2])[0] == "digits_more"
    assert steps[-1].expect is Slot.CONFIRM


def test_asking_to_hear_it_again_repeats_the_question():
    steps = play(YES, turn("மறுபடி சொல்லுங்க", answer=Answer.REPEAT))
    assert prompts(steps[-1]) == ["ask_complaint"]


def test_an_unclear_story_is_asked_again_and_then_kept_for_staff():
    steps = play(YES, turn("அது வந்து இப்படி"), turn("அந்த விஷயம்தான் ரொம்ப நாளா இருக்கு"))
    assert prompts(steps[2]) == ["ask_complaint_again"]
    assert steps[-1].state.categories == (Category.OTHER,)
    assert "அது வந்து" in steps[-1].state.description


@pytest.mark.parametrize("event", [Silence(), YES, NO, STORY, turn("ம்")])
def test_no_event_ever_leaves_a_question_without_words(event: Event):
    for before in play(YES, STORY, turn(place=place(1)), turn(landmark="கடை"), turn(days=2)):
        step = advance(before.state, event, NOW)
        assert step.say or step.effects


def _unknown() -> UnderstoodTurn:
    return turn("தெரியல", answer=Answer.UNKNOWN)


def _at_confirm():
    state = play(YES, STORY, turn(place=place(1)), *[_unknown()] * 3, YES)[-1].state
    assert state.expect is Slot.CONFIRM
    return state
