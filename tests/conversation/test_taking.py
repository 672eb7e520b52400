"""What a caller takes back, adds, asks back or says in pieces; turns are given."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agent.complaint import (
    ActKind,
    Answer,
    Aside,
    Category,
    Intent,
    Place,
    Priority,
    SeatCandidate,
    Slot,
    UnderstoodTurn,
)
from agent.conversation.complaints import complaints
from agent.conversation.flow import advance, opening
from agent.conversation.moves import MAX_ASIDES
from agent.conversation.steps import (
    Act,
    Acted,
    Alert,
    Alerted,
    Event,
    FileComplaints,
    Filed,
    FlowState,
    Silence,
    Step,
)

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
CALLER = "+910000000001"
FIRST, SECOND = "204103274", "204103282"


def place(*numbers: int, question: Slot | None = None, outside: bool = False) -> Place:
    seats = tuple(SeatCandidate(n, "S", "தொ", f"D{n}", "மா", 0.9, "test") for n in numbers)
    named = "Town" if numbers else None
    return Place(f"ஊர்{numbers}", named, named and "ஊர்", seats, question, outside)


def turn(text: str = "சொல்", **fields: object) -> UnderstoodTurn:
    return replace(UnderstoodTurn(text=text), **fields)  # type: ignore[arg-type]


YES = turn("ஆமா", answer=Answer.YES)
NO = turn("இல்ல", answer=Answer.NO)
UNKNOWN = turn("தெரியல", answer=Answer.UNKNOWN)
STORY = turn("தண்ணி வரல", categories=(Category.WATER,), intent=Intent.COMPLAINT)
TOLD = (YES, STORY, turn(place=place(1)), turn(landmark="கோயில்"), turn(days=5), turn(name="மீனா"))


def play(*events: Event, caller: str = CALLER) -> list[Step]:
    steps = [opening(caller)]
    for event in events:
        steps.append(advance(steps[-1].state, event, NOW))
    return steps


def prompts(step: Step) -> list[str]:
    return [line.prompt for line in step.say]


def at_confirm() -> FlowState:
    state = play(*TOLD, YES)[-1].state
    assert state.expect is Slot.CONFIRM
    return state


def after_ticket() -> FlowState:
    return advance(advance(at_confirm(), YES, NOW).state, Filed((FIRST,)), NOW).state


# -- taking back --------------------


def test_another_trouble_at_the_read_back_replaces_the_first_and_is_read_back():
    drain = (Category.SEWAGE,)
    wrong = turn("சாக்கடை", answer=Answer.NO, corrects=Slot.COMPLAINT, categories=drain)
    step = advance(at_confirm(), wrong, NOW)
    assert "issue_SEWAGE" in prompts(step)
    assert "issue_WATER" not in prompts(step)
    assert step.state.categories == drain


def test_a_trouble_taken_back_without_another_is_asked_for():
    asked = advance(at_confirm(), turn(answer=Answer.NO, corrects=Slot.COMPLAINT), NOW)
    assert asked.expect is Slot.COMPLAINT
    light = turn("விளக்கு", categories=(Category.STREETLIGHT,), intent=Intent.COMPLAINT)
    again = advance(asked.state, light, NOW)
    assert again.expect is Slot.CONFIRM
    assert again.state.categories == (Category.STREETLIGHT,)


def test_a_place_taken_back_at_a_later_question_changes_and_the_question_stays():
    back = turn("சாரி, ஊர் பவானி", correction=True, corrects=Slot.PLACE, place=place(104))
    step = play(*TOLD[:4], back)[-1]
    assert step.state.place is not None
    assert step.state.place.constituency == 104
    assert step.expect is Slot.DAYS
    assert "sorry" not in prompts(step)


def test_the_number_called_from_is_not_saved_after_it_was_refused_at_the_read_back():
    wrong = turn("இந்த நம்பர் வேண்டாம்", answer=Answer.NO, corrects=Slot.PHONE)
    asked = advance(at_confirm(), wrong, NOW)
    given_up = advance(advance(asked.state, turn("ம்"), NOW).state, turn("ம்"), NOW)
    assert given_up.expect is Slot.CONFIRM
    assert given_up.state.phone is None


def test_the_number_called_from_is_read_back_when_it_stands_in_for_another():
    step = play(*TOLD, NO, turn("ம்"), turn("ம்"))[-1]
    assert step.state.phone == CALLER
    assert "readback_same_number" in prompts(step)


def test_a_yes_with_another_number_of_days_is_a_correction():
    step = advance(at_confirm(), turn("ஆமா, பத்து நாளா", answer=Answer.YES, days=10), NOW)
    assert step.expect is Slot.CONFIRM
    assert step.state.days == 10


def test_a_yes_with_another_phone_number_is_read_back_before_it_is_saved():
    said = turn("ஆமா", answer=Answer.YES, phone="9000000001", digits="9000000001")
    step = advance(at_confirm(), said, NOW)
    assert step.expect is Slot.CONFIRM
    assert "readback_phone" in prompts(step)


def test_a_trouble_and_a_place_told_anew_are_both_taken():
    anew = turn(
        "இல்ல பவானில தெரு விளக்கு எரியல",
        answer=Answer.NO,
        corrects=Slot.PLACE,
        place=place(104),
        categories=(Category.STREETLIGHT,),
    )
    state = advance(at_confirm(), anew, NOW).state
    assert state.categories == (Category.STREETLIGHT,)
    assert state.place is not None
    assert state.place.constituency == 104


def test_a_complaint_withdrawn_at_the_read_back_is_not_kept():
    step = advance(at_confirm(), turn("வேண்டாம் விடுங்க", answer=Answer.REFUSED), NOW)
    assert step.end
    assert prompts(step) == ["closing_withdrawn"]
    assert (step.state.description, step.state.name, step.state.phone) == ("", None, None)
    assert [c.intent for c in complaints(step.state)] == [Intent.INFO]


# -- the number --------------------


def test_a_number_in_three_pieces_is_asked_on_and_costs_no_try():
    steps = play(
        *TOLD,
        NO,
        turn(digits="987"),
        turn(digits="987654"),
        turn(digits="9876543210", phone="9876543210"),
    )
    assert prompts(steps[-3]) == ["digits_more"]
    assert prompts(steps[-2]) == ["digits_more"]
    assert steps[-1].state.phone == "9876543210"


def test_who_wants_no_call_is_not_pressed_for_another_number():
    step = play(*TOLD, turn("கூப்பிட வேண்டாம்", answer=Answer.REFUSED))[-1]
    assert step.expect is Slot.CONFIRM
    assert step.state.phone is None


def test_a_confidential_caller_is_not_pressed_for_a_number():
    bribe = turn("லஞ்சம்", categories=(Category.CORRUPTION,), confidential=True)
    step = play(YES, bribe, *TOLD[2:], NO)[-1]
    assert step.expect is Slot.CONFIRM
    assert step.state.phone is None


def test_who_asks_for_a_person_with_a_hidden_number_is_asked_for_one():
    human = turn("ஆள்கிட்ட பேசணும்", intent=Intent.HUMAN)
    steps = play(YES, human, turn(place=place(1)), caller="")
    assert steps[-1].expect is Slot.PHONE
    owe = advance(steps[-1].state, turn(phone="9876543210", digits="9876543210"), NOW)
    assert owe.effects == (Act(ActKind.CALL_BACK, None, "human", "9876543210"),)
    end = advance(owe.state, Acted(ActKind.CALL_BACK, done=True), NOW)
    assert end.state.outcome == "human"
    assert end.state.phone == "9876543210"


# -- one complaint more --------------------


def test_a_second_trouble_at_the_read_back_is_read_back_too():
    more = turn("அப்புறம் குப்பையும்", answer=Answer.YES, categories=(Category.GARBAGE,))
    step = advance(at_confirm(), more, NOW)
    assert step.state.categories == (Category.WATER, Category.GARBAGE)
    assert step.expect is Slot.CONFIRM


def test_a_trouble_told_after_the_number_gets_a_number_of_its_own():
    light = turn("விளக்கும் எரியல", categories=(Category.STREETLIGHT,), intent=Intent.COMPLAINT)
    filing = advance(after_ticket(), light, NOW)
    assert filing.effects == (FileComplaints(),)
    told = advance(filing.state, Filed((FIRST, SECOND)), NOW)
    assert [line.prompt for line in told.say] == ["ticket_filed", "ask_repeat"]
    assert told.state.filed == (FIRST, SECOND)
    first, second = complaints(told.state)
    assert (first.days, second.days) == (5, None)
    assert second.place == first.place


def test_another_complaint_only_announced_after_the_number_is_asked_for():
    announced = turn("இன்னொரு புகார் இருக்கு", answer=Answer.YES, intent=Intent.COMPLAINT)
    asked = advance(after_ticket(), announced, NOW)
    assert asked.expect is Slot.COMPLAINT
    unclear = turn("அது வந்து ரொம்ப நாளா இப்படியே கிடக்கு")
    filing = advance(asked.state, unclear, NOW)
    assert filing.state.categories == (Category.WATER, Category.OTHER)


def test_an_emergency_after_the_number_is_filed_and_sent_to_the_emergency_line():
    fire = turn("தீ பிடிச்சிருச்சு", emergency=True, intent=Intent.EMERGENCY)
    filing = advance(after_ticket(), fire, NOW)
    assert filing.effects == (FileComplaints(),)
    alert = advance(filing.state, Filed((FIRST, SECOND)), NOW)
    assert alert.effects == (Alert(SECOND),)
    told = advance(alert.state, Alerted(acknowledged=False), NOW)
    assert prompts(told)[0] == "emergency_filed"
    assert complaints(told.state)[1].priority is Priority.EMERGENCY


def test_the_words_of_an_emergency_are_kept_whatever_was_asked():
    fire = turn("வீடு தீ பிடிச்சிருச்சு", emergency=True, intent=Intent.EMERGENCY)
    step = play(*TOLD[:5], fire)[-1]
    assert "வீடு தீ பிடிச்சிருச்சு" in step.state.description


# -- asking back --------------------


@pytest.mark.parametrize(
    ("asks", "answer"), [(Aside.WHO, "who_we_are"), (Aside.FACT, "cannot_say")]
)
def test_what_the_caller_asks_back_is_answered_and_the_question_stays(asks: Aside, answer: str):
    for before in play(*TOLD, YES)[1:]:
        step = advance(before.state, turn(asks=asks), NOW)
        assert prompts(step)[0] == answer
        assert step.expect is before.expect
        assert step.state.tries == before.state.tries


def test_who_asks_back_for_ever_does_not_hold_the_call():
    steps = play(YES, STORY, *[turn(asks=Aside.FACT)] * (MAX_ASIDES + 2))
    assert prompts(steps[2 + MAX_ASIDES])[0] == "cannot_say"
    assert steps[-1].expect is Slot.LANDMARK


def test_who_is_speaking_may_be_asked_instead_of_consenting():
    step = play(turn(asks=Aside.WHO))[-1]
    assert prompts(step) == ["who_we_are", "ask_complaint"]
    assert step.state.consent is None


def test_when_will_it_be_mended_after_the_number_promises_nothing():
    step = advance(after_ticket(), turn(asks=Aside.FACT), NOW)
    assert prompts(step) == ["cannot_say", "ask_repeat"]


# -- places that are no place of ours --------------------


def test_a_place_outside_is_called_so_and_a_place_inside_is_asked_for():
    outside = turn("பெங்களூர்", place=place(outside=True))
    steps = play(YES, STORY, outside)
    assert prompts(steps[-1]) == ["ask_place_inside"]
    inside = advance(steps[-1].state, turn("ஓசூர்", place=place(55)), NOW)
    assert inside.expect is Slot.LANDMARK


def test_a_complaint_from_outside_makes_no_ticket():
    outside = turn("பெங்களூர்", place=place(outside=True))
    step = play(YES, STORY, outside, outside)[-1]
    assert prompts(step) == ["closing_outside"]
    assert step.end
    assert step.state.intent is Intent.INFO


def test_the_first_words_for_a_place_are_kept_when_the_district_answer_names_another():
    two = place(21, 191, question=Slot.DISTRICT)
    step = play(YES, STORY, turn(place=two), turn("திருச்சி", place=place(140, 141)))[-1]
    assert step.state.place is not None
    assert step.state.place.spoken == "ஊர்(21, 191) ஊர்(140, 141)"


def test_a_city_said_twice_is_not_called_unknown():
    city = Place("சென்னை", "Chennai", "சென்னை", (), Slot.AREA)
    steps = play(YES, STORY, turn(place=city), turn(place=replace(city)), turn("ம்"))
    assert "ask_place_again" not in [p for step in steps for p in prompts(step)]


# -- what is said to whom --------------------


def test_another_answer_than_the_one_asked_for_is_taken_without_a_reproach():
    step = play(YES, STORY, turn("அஞ்சு நாளா", days=5))[-1]
    assert prompts(step) == ["ask_place"]


def test_anger_in_the_middle_is_not_asked_for_the_problem_again():
    step = play(*TOLD[:3], turn("திட்டு", intent=Intent.ABUSE))[-1]
    assert prompts(step) == ["abuse_calm_known", "ask_landmark"]


def test_silence_after_a_story_says_that_it_is_kept():
    assert prompts(play(YES, STORY, *[Silence()] * 3)[-1]) == ["closing_partial"]


def test_a_status_call_without_a_number_is_not_told_that_the_ticket_is_unknown():
    step = play(YES, turn("என்னாச்சு", intent=Intent.STATUS), UNKNOWN)[-1]
    assert prompts(step) == ["status_no_number", "closing_status"]
