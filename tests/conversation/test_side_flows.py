"""The side flows, each in the order it is meant to go; turns are given, time is virtual."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agent.complaint import (
    ActKind,
    Answer,
    Aside,
    BrokenCall,
    Category,
    Decision,
    Intent,
    KnownTicket,
    Place,
    Recalled,
    SeatCandidate,
    Slot,
    Topic,
    UnderstoodTurn,
)
from agent.conversation.complaints import complaints
from agent.conversation.flow import advance, opening, overload_opening
from agent.conversation.steps import (
    Act,
    Acted,
    Alert,
    Alerted,
    Event,
    FileComplaints,
    Filed,
    LookUp,
    NoteOver,
    Silence,
    Step,
    Terms,
    TicketFound,
    TimeShort,
    Transfer,
    Transferred,
)

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
CALLER = "+910000000001"
NUMBER = "204103274"


def place(*numbers: int) -> Place:
    seats = tuple(SeatCandidate(n, f"Seat{n}", "தொ", "Salem", "சேலம்", 0.9, "t") for n in numbers)
    return Place("ஊர்", "Town", "ஊர்", seats)


def turn(text: str = "சொல்", **fields: object) -> UnderstoodTurn:
    return replace(UnderstoodTurn(text=text), **fields)  # type: ignore[arg-type]


YES = turn("ஆமா", answer=Answer.YES)
NO = turn("இல்ல", answer=Answer.NO)
STORY = turn("தண்ணி வரல", categories=(Category.WATER,), intent=Intent.COMPLAINT)
HUMAN = turn("ஆள் வேணும்", intent=Intent.HUMAN)
MISHEARD = turn("")
OPEN = KnownTicket(NUMBER, Category.WATER, "IN_PROGRESS", 115, "பல்லடம்")
BROKEN = BrokenCall("job-0", NUMBER, (Category.WATER,), "தண்ணி வரல", place(115), None, 4, "மீனா", None)


def play(*events: Event, caller: str = CALLER, **terms: bool) -> list[Step]:
    steps = [opening(caller, terms=Terms(**terms))]
    for event in events:
        steps.append(advance(steps[-1].state, event, NOW))
    return steps


def last(*events: Event, caller: str = CALLER, **terms: bool) -> Step:
    return play(*events, caller=caller, **terms)[-1]


def prompts(step: Step) -> list[str]:
    return [line.prompt for line in step.say]


# -- the notice -------------------------------------------------------------------------------


def test_the_notice_says_that_words_go_abroad_only_where_they_may():
    assert "notice_abroad" not in prompts(opening(CALLER))
    assert "notice_abroad" in prompts(opening(CALLER, terms=Terms(abroad=True)))


def test_before_an_election_no_sentence_names_the_member():
    steps = play(YES, turn("ராங் நம்பர்", intent=Intent.WRONG_NUMBER), election=True)
    said = [name for step in steps for name in prompts(step)]
    assert "notice_election" in said
    assert "wrong_election" in said
    assert not {"notice", "wrong", "who_we_are"} & set(said)


# -- a known caller ---------------------------------------------------------------------------


def test_the_same_trouble_told_again_is_counted_and_not_cloned():
    asked = last(Recalled((OPEN,)), YES, STORY)
    assert asked.expect is Slot.SAME_ISSUE
    again = advance(asked.state, YES, NOW)
    assert again.effects == (Act(ActKind.REPORT_AGAIN, NUMBER),)
    told = advance(again.state, Acted(ActKind.REPORT_AGAIN, done=True), NOW)
    assert prompts(told) == ["noted_again", "status_IN_PROGRESS", "closing_status"]
    assert told.end
    assert told.state.outcome == "again"


def test_nothing_of_an_open_complaint_is_told_before_the_caller_confirms():
    for step in play(Recalled((OPEN,)), YES, STORY, NO):
        assert not [line for line in step.say if "ticket" in line.values]
        assert not [name for name in prompts(step) if name.startswith("status_")]


def test_another_trouble_or_another_place_is_a_new_complaint():
    other = replace(STORY, categories=(Category.ROAD,))
    assert last(Recalled((OPEN,)), YES, other).expect is Slot.PLACE
    elsewhere = replace(STORY, place=place(11))
    assert last(Recalled((OPEN,)), YES, elsewhere).expect is Slot.LANDMARK


def test_a_ticket_that_takes_no_more_reports_is_filed_anew():
    again = last(Recalled((OPEN,)), YES, STORY, YES)
    anew = advance(again.state, Acted(ActKind.REPORT_AGAIN, done=False), NOW)
    assert anew.expect is Slot.PLACE


def test_a_call_that_broke_off_goes_on_with_what_it_knew():
    asked = last(Recalled(broken=BROKEN), YES)
    assert asked.expect is Slot.RESUME
    resume = advance(asked.state, YES, NOW)
    assert resume.effects == (Act(ActKind.RESUME, NUMBER, "job-0"),)
    goes_on = advance(resume.state, Acted(ActKind.RESUME, done=True), NOW)
    assert goes_on.state.days == 4
    assert goes_on.expect is Slot.LANDMARK


def test_a_call_that_broke_off_may_be_left_alone():
    assert last(Recalled(broken=BROKEN), YES, NO).expect is Slot.COMPLAINT
    assert last(Recalled(broken=BROKEN), YES, STORY).expect is Slot.PLACE


# -- status -----------------------------------------------------------------------------------


STATUS = turn("என்னாச்சு", intent=Intent.STATUS)


def test_the_callers_own_ticket_needs_no_number():
    look = last(Recalled((OPEN,)), YES, STATUS, YES)
    assert look.effects == (LookUp(NUMBER),)


def test_what_is_not_mended_is_taken_up_again_and_what_is_gets_one_grade():
    found = TicketFound(NUMBER, "RESOLVED", mine=True)
    asked = last(YES, STATUS, turn("எண்", ticket=NUMBER), found)
    assert prompts(asked) == ["status_RESOLVED", "ask_fixed"]
    no = advance(asked.state, NO, NOW)
    assert no.effects == (Act(ActKind.REOPEN, NUMBER),)
    assert advance(no.state, Acted(ActKind.REOPEN, done=True), NOW).state.outcome == "reopened"
    yes = advance(asked.state, YES, NOW)
    assert yes.effects == (Act(ActKind.VERIFY, NUMBER),)
    rating = advance(yes.state, Acted(ActKind.VERIFY, done=True), NOW)
    assert rating.expect is Slot.RATING
    rated = advance(rating.state, turn("5", digits="5"), NOW)
    assert rated.effects == (Act(ActKind.RATE, NUMBER, "5"),)
    assert advance(rating.state, Silence(), NOW).end


def test_from_another_telephone_only_the_state_is_told():
    step = last(YES, STATUS, turn("எண்", ticket=NUMBER), TicketFound(NUMBER, "RESOLVED"))
    assert prompts(step) == ["status_RESOLVED", "closing_status"]
    assert step.end


def test_a_trouble_told_with_the_question_is_not_lost_with_the_number():
    both = replace(STORY, intent=Intent.STATUS)
    tries = (turn("தெரியல", answer=Answer.UNKNOWN),)
    assert last(YES, both, *tries).expect is Slot.PLACE


# -- danger -----------------------------------------------------------------------------------


def test_the_advice_fits_the_danger():
    wire = turn(
        "கம்பி", emergency=True, decisions=(Decision("emergency", "wire", "rule", "கம்பி", 1.0),)
    )
    assert prompts(last(YES, wire))[0] == "emergency_wire"


def test_nobody_on_duty_is_claimed_who_has_not_confirmed():
    filing = last(YES, turn("தீ", emergency=True), turn(place=place(12)))
    alert = advance(filing.state, Filed((NUMBER,)), NOW)
    assert alert.effects == (Alert(NUMBER),)
    assert not alert.say
    unsure = advance(alert.state, Alerted(acknowledged=False), NOW)
    assert "alert_taken" not in prompts(unsure)
    sure = advance(alert.state, Alerted(acknowledged=True), NOW)
    assert "alert_taken" in prompts(sure)


def test_after_a_flood_it_is_asked_whether_anybody_is_in_danger():
    flood = replace(STORY, categories=(Category.FLOOD,))
    asked = last(YES, flood)
    assert asked.expect is Slot.DANGER
    assert advance(asked.state, NO, NOW).expect is Slot.PLACE
    assert advance(asked.state, YES, NOW).state.emergency


def test_a_danger_that_is_only_suspected_is_asked_about():
    suspected = Decision("danger", "snake", "rule", "snake bit", 0.6)
    asked = last(YES, replace(STORY, decisions=(*STORY.decisions, suspected)))
    assert asked.expect is Slot.DANGER
    assert not asked.state.emergency
    assert advance(asked.state, YES, NOW).state.emergency
    nothing_else = last(YES, turn("அவனுக்கு என்னமோ ஆயிருச்சு", decisions=(suspected,)))
    assert nothing_else.expect is Slot.DANGER


SUSPECTED = (Decision("danger", "wire", "rule", "wire fallen", 0.6),)


@pytest.mark.parametrize(
    "told",
    [
        turn("கம்பி கெடக்கு", topic=Topic.FAMILY, decisions=SUSPECTED),
        turn("கம்பி கெடக்கு", ticket="457349934", decisions=SUSPECTED),
        turn("கம்பி கெடந்தா யாருக்கு சொல்லணும்", asks=Aside.FACT, decisions=SUSPECTED),
    ],
)
def test_a_suspected_danger_is_asked_about_before_anything_else_is_answered(told):
    asked = last(YES, told)
    assert asked.expect is Slot.DANGER
    assert not asked.state.emergency


def test_a_danger_suspected_at_the_reading_back_is_asked_about():
    confirm = replace(last(YES, STORY, turn(place=place(12))).state, expect=Slot.CONFIRM)
    asked = advance(confirm, turn("கம்பி அறுந்து கெடக்கு", decisions=SUSPECTED), NOW)
    assert asked.expect is Slot.DANGER


def test_a_suspected_danger_is_believed_where_it_cannot_be_asked_about():
    wants_a_person = last(YES, turn("ஆள குடுங்க", intent=Intent.HUMAN, decisions=SUSPECTED))
    assert wants_a_person.state.emergency
    assert "emergency_wire" in prompts(wants_a_person)
    learned = (replace(SUSPECTED[0], value="learned"),)
    only_a_person = last(YES, turn("ஆள குடுங்க", intent=Intent.HUMAN, decisions=learned))
    assert not only_a_person.state.emergency
    filed = replace(last(YES, STORY).state, filed=(NUMBER,))
    assert advance(filed, turn("கம்பி அறுந்து கெடக்கு", decisions=SUSPECTED), NOW).state.emergency


def test_who_said_that_nobody_is_in_danger_is_not_asked_again():
    asked = last(YES, replace(STORY, decisions=(*STORY.decisions, *SUSPECTED)))
    denied = advance(asked.state, NO, NOW)
    again = advance(denied.state, turn("கம்பி தான் கெடக்கு", decisions=SUSPECTED), NOW)
    assert again.expect is not Slot.DANGER
    assert not again.state.emergency


def test_despair_is_answered_before_anything_else():
    step = last(YES, turn("சாகப் போறேன்", topic=Topic.DESPAIR))
    assert prompts(step)[0] == "emergency_despair"
    assert step.state.emergency


# -- a person ---------------------------------------------------------------------------------


def test_a_person_is_tried_first_where_one_can_be_reached():
    step = last(YES, HUMAN, can_transfer=True)
    assert step.effects == (Transfer(),)
    assert prompts(step) == ["connecting"]
    gone = advance(step.state, Transferred(ok=True), NOW)
    assert gone.end
    assert gone.state.outcome == "transferred"
    nobody = advance(step.state, Transferred(ok=False), NOW)
    assert prompts(nobody)[0] == "nobody_free"


def test_a_trouble_told_before_the_wish_is_a_ticket_and_the_call_back_knows_it():
    filing = last(YES, replace(STORY, place=place(1)), HUMAN)
    assert filing.effects == (FileComplaints(),)
    owe = advance(filing.state, Filed((NUMBER,)), NOW)
    assert owe.effects == (Act(ActKind.CALL_BACK, NUMBER, "human"),)
    told = advance(owe.state, Acted(ActKind.CALL_BACK, done=True), NOW)
    assert prompts(told) == ["ticket_filed", "callback_noted", "ask_repeat"]


def test_no_call_back_is_promised_that_is_not_kept():
    owe = last(YES, HUMAN, turn(place=place(1)))
    lost = advance(owe.state, Acted(ActKind.CALL_BACK, done=False), NOW)
    assert prompts(lost)[0] == "not_noted"


def test_anger_without_an_insult_gets_a_person():
    step = last(YES, turn("எத்தனை தடவை சொல்றது", topic=Topic.ANGER))
    assert prompts(step)[0] == "anger"
    assert step.state.person == "human"


def test_with_deaf_ears_and_a_keypad_a_numbered_ticket_is_left():
    choice = last(YES, MISHEARD, MISHEARD)
    assert choice.expect is Slot.CHOICE
    note = advance(choice.state, turn("1", digits="1"), NOW)
    assert note.expect is Slot.VOICE_NOTE
    kept = advance(note.state, NoteOver(12.0), NOW)
    assert prompts(kept) == ["note_kept", "ask_same_number"]
    filing = advance(kept.state, YES, NOW)
    assert filing.effects == (FileComplaints(),)
    (complaint,) = complaints(filing.state)
    assert complaint.needs_listening
    assert complaint.phone == CALLER
    filed = advance(filing.state, Filed((NUMBER,)), NOW)
    assert prompts(filed)[0] == "note_filed"
    assert filed.state.outcome == "listening"


def test_an_empty_note_is_no_ticket():
    note = last(YES, MISHEARD, MISHEARD, turn("1", digits="1"))
    step = advance(note.state, NoteOver(0.0), NOW)
    assert step.end
    assert not complaints(step.state)[0].needs_listening


def test_who_cannot_speak_presses_one_and_is_called_back():
    offered = last(YES, STORY, Silence(), Silence())
    assert prompts(offered) == ["silence_offer"]
    filing = advance(offered.state, turn("1", digits="1"), NOW)
    assert filing.effects == (FileComplaints(),)


def test_an_overloaded_line_takes_a_call_back_by_key():
    asked = overload_opening(CALLER)
    assert asked.expect is Slot.CALL_BACK
    owe = advance(asked.state, turn("1", digits="1"), NOW)
    assert owe.effects == (Act(ActKind.CALL_BACK, None, "overload"),)
    assert overload_opening("").end


# -- matters with an answer of their own ------------------------------------------------------


@pytest.mark.parametrize(
    ("topic", "says"),
    [
        (Topic.COURT, "out_court"),
        (Topic.RTI, "out_rti"),
        (Topic.FAMILY, "out_family"),
        (Topic.POLITICS, "out_politics"),
    ],
)
def test_what_another_office_does_is_named_and_room_is_left_for_a_complaint(topic, says):
    step = last(YES, turn("கேஸ்", topic=topic))
    assert prompts(step) == [says, "ask_else"]
    assert advance(step.state, NO, NOW).state.outcome == "info"
    told = advance(step.state, STORY, NOW)
    assert told.state.intent is Intent.COMPLAINT
    assert told.expect is Slot.PLACE


def test_a_real_complaint_beside_such_a_matter_wins():
    assert last(YES, replace(STORY, topic=Topic.COURT)).expect is Slot.PLACE


def test_a_child_alone_is_asked_for_nothing_but_the_trouble_and_the_place():
    child = replace(STORY, topic=Topic.CHILD)
    steps = play(YES, child, NO, turn(place=place(1)))
    assert [step.expect for step in steps[2:]] == [Slot.ADULT, Slot.PLACE, Slot.CONFIRM]
    assert steps[-1].state.consent is False
    (complaint,) = complaints(steps[-1].state)
    assert complaint.phone == CALLER


def test_others_data_and_tricks_are_refused_and_the_question_stays():
    for topic, says in ((Topic.OTHERS_DATA, "others_refused"), (Topic.STEERING, "only_complaints")):
        step = last(YES, turn("சொல்லு", topic=topic))
        assert prompts(step) == [says, "ask_complaint"]


def test_ones_own_data_is_a_request_that_staff_see():
    step = last(Recalled((OPEN,)), YES, turn("அழிங்க", topic=Topic.ERASE_DATA))
    assert step.effects == (Act(ActKind.REQUEST, NUMBER, "erase"),)
    done = advance(step.state, Acted(ActKind.REQUEST, done=True), NOW)
    assert done.state.outcome == "rights"


def test_data_of_a_ticket_of_another_number_is_not_touched():
    asked = last(YES, turn("அழிங்க", topic=Topic.ERASE_DATA))
    assert asked.expect is Slot.TICKET
    look = advance(asked.state, turn("எண்", ticket=NUMBER), NOW)
    refused = advance(look.state, TicketFound(NUMBER, "NEW", mine=False), NOW)
    assert prompts(refused)[0] == "right_refused"
    assert not refused.effects


def test_english_is_offered_and_then_spoken():
    offered = last(YES, turn("English please", topic=Topic.ENGLISH))
    assert offered.expect is Slot.LANGUAGE
    english = advance(offered.state, turn("2", digits="2"), NOW)
    assert english.state.language == "en"
    assert english.expect is Slot.COMPLAINT


def test_after_another_offices_matter_english_still_leaves_room_for_a_complaint():
    asked = last(YES, turn("கேஸ்", topic=Topic.COURT), turn("English", topic=Topic.ENGLISH))
    english = advance(asked.state, turn("2", digits="2"), NOW)
    assert prompts(english) == ["ask_else"]
    assert advance(english.state, STORY, NOW).expect is Slot.PLACE


def test_a_language_nobody_here_speaks_gets_a_note_or_a_call():
    foreign = turn("क्या", topic=Topic.OTHER_LANGUAGE)
    assert last(YES, foreign, foreign).expect is Slot.CHOICE


# -- the end of time --------------------------------------------------------------------------


def test_when_the_time_is_over_what_was_told_is_filed():
    warned = last(YES, STORY, TimeShort())
    assert prompts(warned) == ["time_short", "ask_place"]
    filing = advance(warned.state, TimeShort(over=True), NOW)
    assert filing.effects == (FileComplaints(),)
    told = advance(filing.state, Filed((NUMBER,)), NOW)
    assert prompts(told) == ["ticket_filed", "time_over"]
    assert told.end


def test_a_second_request_for_a_person_is_not_asked_round_and_round():
    steps = play(YES, HUMAN, HUMAN, HUMAN, HUMAN)
    assert steps[-1].effects == (Act(ActKind.CALL_BACK, None, "human"),)
