"""Grading: tables of what was wanted, what is in the rows, and the mark that follows."""

from dataclasses import replace
from typing import Any

import pytest

from agent.callers.expected import Expected
from agent.callers.grading import (
    Cause,
    Said,
    alike,
    find_cause,
    grade,
    main_cause,
    passed,
)
from agent.callers.outcome import OutcomeRow, Traces
from agent.callers.words import same_words

CALLER = "+910000000001"
WATER = OutcomeRow(
    intent="complaint",
    category="WATER",
    constituency=11,
    candidates=(11,),
    place="Tondiarpet",
    landmark="அப்பல்லோ ஆஸ்பத்திரி எதிர்",
    days=5,
    name="மீனாங்க",
    phone="9500123456",
    priority="high",
    ticket="100000012",
    status="NEW",
)
WANTED: dict[str, Any] = {
    "category": "WATER",
    "constituency_no": 11,
    "locality": "Tondiarpet",
    "landmark": "அப்பல்லோ ஆஸ்பத்திரி",
    "name": "Meena",
    "name_ta": "மீனா",
    "phone": "9500123456",
    "days_since": 5,
    "priority": "high",
    "intent": "complaint",
}
CALL = OutcomeRow(intent="status", priority="low", phone=CALLER, outcome="status")


def marks(rows: tuple[OutcomeRow, ...], **changes: object) -> dict[str, bool]:
    graded = grade(Expected.model_validate(WANTED | changes), rows, CALLER, ())
    return {name: mark.ok for name, mark in graded.items()}


def test_a_right_ticket_passes_in_every_field() -> None:
    graded = marks((WATER,))
    assert set(graded) == {
        "intent", "tickets", "category", "constituency", "phone",
        "priority", "days", "place", "landmark", "name",
    }  # fmt: skip
    assert all(graded.values())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"intent": "info"}, "intent"),
        ({"ticket": None}, "tickets"),
        ({"category": "SEWAGE"}, "category"),
        ({"category": None}, "category"),
        ({"constituency": 12}, "constituency"),
        ({"constituency": None, "candidates": (11, 12)}, "constituency"),
        ({"phone": "9500123457"}, "phone"),
        ({"phone": None}, "phone"),
    ],
)
def test_one_wrong_required_field_fails_the_call(change: dict[str, Any], field: str) -> None:
    graded = grade(Expected.model_validate(WANTED), (replace(WATER, **change),), CALLER, ())
    assert not graded[field].ok
    assert not passed(graded)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"priority": "normal"}, "priority"),
        ({"days": 4}, "days"),
        ({"days": None}, "days"),
        ({"place": "Royapuram"}, "place"),
        ({"place": "தண்டையார்பேட்டை"}, "place"),
        ({"place": None}, "place"),
        ({"landmark": "பெரிய கண்மாய்"}, "landmark"),
        ({"name": "முருகன்"}, "name"),
        ({"name": None}, "name"),
    ],
)
def test_a_wrong_softer_field_is_marked_and_the_call_still_passes(
    change: dict[str, Any], field: str
) -> None:
    graded = grade(Expected.model_validate(WANTED), (replace(WATER, **change),), CALLER, ())
    assert [name for name, mark in graded.items() if not mark.ok] == [field]
    assert passed(graded)


def test_null_expects_nothing_and_absence_compares_nothing() -> None:
    assert not marks((WATER,), name=None, name_ta=None)["name"]
    assert marks((replace(WATER, name=None),), name=None, name_ta=None)["name"]
    bare = grade(Expected.model_validate({"category": "WATER"}), (WATER,), CALLER, ())
    assert set(bare) == {"category"}


@pytest.mark.parametrize(
    ("stored", "ok"),
    [(CALLER, True), ("0000000001", True), ("9500123456", False), (None, False)],
)
def test_caller_id_means_the_number_the_call_came_from(stored: str | None, ok: bool) -> None:
    assert marks((replace(WATER, phone=stored),), phone="CALLER_ID")["phone"] is ok


@pytest.mark.parametrize(
    ("seat", "candidates", "ok"),
    [
        (None, (193, 191), True),
        (None, (191,), False),
        (None, (191, 192, 193), False),
        (191, (191,), False),
        (None, (), False),
    ],
)
def test_open_seats_must_be_kept_open_exactly(
    seat: int | None, candidates: tuple[int, ...], ok: bool
) -> None:
    row = replace(WATER, constituency=seat, candidates=candidates)
    graded = marks((row,), constituency_no=None, constituency_candidates=[191, 193])
    assert graded["constituency"] is ok


def two(linked_to: str | None = WATER.ticket, category: str = "MOSQUITO") -> OutcomeRow:
    return replace(WATER, ticket="100000023", category=category, linked_to=linked_to)


@pytest.mark.parametrize(
    ("rows", "tickets_ok", "category_ok"),
    [
        ((replace(WATER, category="GARBAGE"), two()), True, True),
        ((replace(WATER, category="GARBAGE"), two(linked_to=None)), False, True),
        ((replace(WATER, category="GARBAGE"),), False, False),
        ((replace(WATER, category="GARBAGE"), two(category="DOGS")), True, False),
    ],
)
def test_two_complaints_are_two_linked_tickets(
    rows: tuple[OutcomeRow, ...], tickets_ok: bool, category_ok: bool
) -> None:
    graded = marks(rows, category="GARBAGE", categories=["GARBAGE", "MOSQUITO"])
    assert (graded["tickets"], graded["category"]) == (tickets_ok, category_ok)


def test_a_status_call_must_open_no_ticket() -> None:
    wanted: dict[str, Any] = dict.fromkeys(WANTED) | {"intent": "status", "priority": "low"}
    good = grade(Expected.model_validate(wanted), (CALL,), CALLER, ())
    assert {name for name, mark in good.items() if mark.ok} == set(good)
    assert "phone" not in good
    assert not grade(Expected.model_validate(wanted), (WATER,), CALLER, ())["tickets"].ok


def test_a_call_that_left_no_row_fails_everything() -> None:
    graded = grade(Expected.model_validate(WANTED), (), CALLER, ())
    assert not any(mark.ok for mark in graded.values())


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ((), Cause.ASKED),
        ((Said("name", "மீனா", "மீனா"),), Cause.ASKED),
        ((Said("phone", "ஒம்பது", None),), Cause.HEARD),
        ((Said("phone", "ஒம்பது", "ஒன்பது"),), Cause.HEARD),
        ((Said("phone", "ஒம்பது, அஞ்சு.", "ஒம்பது அஞ்சு"),), Cause.UNDERSTOOD),
    ],
)
def test_the_cause_of_a_wrong_number(said: tuple[Said, ...], cause: Cause) -> None:
    assert find_cause("phone", said) is cause
    graded = grade(Expected.model_validate(WANTED), (replace(WATER, phone=None),), CALLER, said)
    assert graded["phone"].cause is cause
    assert main_cause(graded) == cause.value


def test_a_call_that_passed_has_no_cause() -> None:
    assert main_cause(grade(Expected.model_validate(WANTED), (WATER,), CALLER, ())) == ""


@pytest.mark.parametrize(
    ("want", "got", "same"),
    [
        ("மீனா", "மீனாங்க", True),
        ("Meena", "மீனா", True),
        ("சிவக்குமார்", "சிவக்குமாரு", True),
        ("அப்பல்லோ ஆஸ்பத்திரி", "அப்பல்லோ ஆஸ்பத்திரி எதிர் தெரு", True),
        ("சந்தைப்பேட்டை", "சந்தப்பேட்டை", True),
        ("Abdul Kader", "அப்துல் காதர்", True),
        ("மாரியம்மன் கோயில்", "மாரியம்மன்கோயில் பக்கத்துல", True),
        ("கண்ணன்", "முருகன்", False),
        ("உமா", "சுமதி", False),
        ("அரசு பள்ளி", "பெரிய கண்மாய்", False),
        ("Palladam", "Pongalur", False),
        ("மீனா", "", False),
    ],
)
def test_names_and_landmarks_match_loosely(want: str, got: str, same: bool) -> None:
    assert alike(want, got) is same


def test_punctuation_and_spacing_are_not_words() -> None:
    assert same_words("ஆமா சார்.", "ஆமாசார்")
    assert not same_words("ஆமா", "ஆமாங்க")
    assert not same_words("ஆமா", None)


def test_a_vowel_sign_is_part_of_the_word() -> None:
    assert not same_words("முருகன்", "மூருகன்")
    assert not same_words("பட்டா", "பட்டு")


SEEDED = "300000003"


@pytest.mark.parametrize(
    ("field", "want", "traces", "ok"),
    [
        ("outcome", "human", Traces(outcome="human"), True),
        ("outcome", "human", Traces(outcome="hung_up"), False),
        ("callback", True, Traces(callback=True), True),
        ("callback", False, Traces(callback=True), False),
        ("consent", None, Traces(), True),
        ("consent", None, Traces(consent=False), False),
        ("consent", False, Traces(consent=False), True),
        ("reported_again", SEEDED, Traces(reported_again=(SEEDED,)), True),
        ("reported_again", SEEDED, Traces(reported_again=(SEEDED, "300000016")), False),
        ("reported_again", None, Traces(reported_again=(SEEDED,)), False),
        ("reopened", SEEDED, Traces(), False),
        ("verified", SEEDED, Traces(verified=(SEEDED,)), True),
        ("rating", 5, Traces(rating=4), False),
        ("rating", 5, Traces(rating=5), True),
        ("request", "erase", Traces(request="erase"), True),
        ("request", "erase", Traces(request="see"), False),
        ("resumes", True, Traces(resumed=True), True),
        ("resumes", True, Traces(), False),
    ],
)
def test_what_a_call_did_is_compared_exactly_and_required(
    field: str, want: object, traces: Traces, ok: bool
) -> None:
    graded = grade(Expected.model_validate({field: want}), (CALL,), CALLER, (), traces)
    assert graded[field].ok is ok
    assert passed(graded) is ok
    assert set(graded) == {field}


@pytest.mark.parametrize("field", ["partial", "needs_listening"])
@pytest.mark.parametrize(
    ("rows", "want", "ok"),
    [
        (1, True, True),
        (1, False, False),
        (0, True, False),
        (0, None, True),
    ],
)
def test_marks_of_a_ticket_need_a_ticket(
    field: str, rows: int, want: bool | None, ok: bool
) -> None:
    marked = replace(WATER, partial=True, needs_listening=True)
    graded = grade(Expected.model_validate({field: want}), (marked,) * rows, CALLER, ())
    assert graded[field].ok is ok


def test_one_ticket_that_differs_is_no_answer_for_all() -> None:
    rows = (replace(WATER, partial=True), two())
    graded = grade(Expected(partial=True), rows, CALLER, ())
    assert (graded["partial"].ok, graded["partial"].got) == (False, "of some")


@pytest.mark.parametrize(
    ("expected", "want"),
    [
        ({"intent": "complaint"}, 1),
        ({"intent": "complaint", "tickets": 0}, 0),
        ({"intent": "complaint", "reported_again": SEEDED}, 0),
        ({"intent": "complaint", "reopened": SEEDED}, 0),
        ({"intent": "complaint", "categories": ["WATER", "ROAD"]}, 2),
        ({"intent": "status"}, 0),
        ({"tickets": 3}, 3),
    ],
)
def test_how_many_tickets_are_wanted(expected: dict[str, object], want: int) -> None:
    graded = grade(Expected.model_validate(expected), (CALL,), CALLER, ())
    assert graded["tickets"].want == want
