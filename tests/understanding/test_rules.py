"""Rules over the table of turns, and their promises: pure, quick to load, never raising."""

import tomllib
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.complaint import Answer, Slot
from agent.tamil.normalize import clean
from agent.understanding.rules import Rules, TurnContext

TURNS = tomllib.loads((Path(__file__).parent.parent / "data" / "turns.toml").read_text("utf-8"))[
    "turn"
]
SLOTS = st.sampled_from([None, *Slot])
TAMIL = st.text(
    alphabet=st.one_of(
        st.characters(min_codepoint=0x0B80, max_codepoint=0x0BFF),
        st.sampled_from(" .,?!()-0123456789abyz\u200c\u200d\n"),
    ),
    max_size=80,
)
WORDS = st.lists(
    st.sampled_from(sorted({word for turn in TURNS for word in turn["say"].split()})), max_size=25
).map(" ".join)


def got(turn, field):
    match field:
        case "seats":
            return sorted(c.number for c in turn.place.candidates) if turn.place else []
        case "locality":
            return turn.place.locality_en if turn.place else None
        case "question":
            return turn.place.question if turn.place else None
        case "outside":
            return turn.place is not None and turn.place.outside
        case "categories":
            return [category.value for category in turn.categories]
        case _:
            return getattr(turn, field)


def context(rules, case):
    known = rules.understand(case["known"], Slot.PLACE).place if "known" in case else None
    return TurnContext(place=known, phone_digits=case.get("before", ""))


def name_of(case):
    return f"{case.get('asked', 'none')}-{case['say'][:40]}"


@pytest.mark.parametrize("case", TURNS, ids=[name_of(case) for case in TURNS])
def test_a_turn_is_understood(rules, case):
    asked = Slot(case["asked"]) if "asked" in case else None
    turn = rules.understand(case["say"], asked, context(rules, case))
    for field, want in case.get("want", {}).items():
        assert got(turn, field) == want, field
    for field in case.get("absent", ()):
        value = got(turn, field)
        assert value is None or value is False or value in ([], ""), field


def test_every_decision_says_its_rule_and_repeats_no_number_or_name(rules):
    turn = rules.understand("என் பேரு முருகேசன் பல்லடத்துல தெரு லைட் எரியல நம்பர் 9876543210")
    assert {d.field for d in turn.decisions} == {"category", "intent", "place", "phone"}
    assert {d.by for d in turn.decisions} == {"rule"}
    assert all(d.evidence and 0.0 <= d.score <= 1.0 for d in turn.decisions)
    told = " ".join(d.value + d.evidence for d in turn.decisions)
    assert "9876543210" not in told
    assert "முருகேசன்" not in told


def test_a_ticket_number_is_believed_only_when_its_check_digit_is():
    strict = Rules.load(valid_ticket=lambda number: number == "204103274")
    assert strict.understand("204103274", Slot.TICKET).ticket == "204103274"
    wrong = strict.understand("204103275", Slot.TICKET)
    assert wrong.ticket is None
    assert wrong.digits == "204103275"


def test_a_refused_place_stays_unanswered_and_is_no_village(rules):
    turn = rules.understand("சொல்ல மாட்டேன்", Slot.PLACE)
    assert turn.answer is Answer.REFUSED
    assert turn.place is None


@settings(max_examples=150, deadline=None)
@given(text=st.one_of(st.text(max_size=120), TAMIL, WORDS), slot=SLOTS)
def test_any_text_is_understood_without_error_and_stays_nfc(rules, text, slot):
    turn = rules.understand(text, slot)
    said = [turn.text, turn.landmark or "", turn.name or ""]
    said += [turn.place.spoken] if turn.place else []
    assert all(unicodedata.is_normalized("NFC", words) for words in said)
    assert turn.expecting is slot
    assert len(turn.place.candidates if turn.place else ()) <= 6


@settings(max_examples=60, deadline=None)
@given(first=WORDS, second=WORDS, slot=SLOTS)
def test_understanding_is_pure_whatever_was_understood_before(rules, first, second, slot):
    alone = rules.understand(first, slot)
    rules.understand(second, slot)
    assert rules.understand(first, slot) == alone


@settings(max_examples=100, deadline=None)
@given(text=st.one_of(st.text(), TAMIL))
def test_cleaning_twice_changes_nothing(text):
    once = clean(text)
    assert clean(once) == once
    assert unicodedata.is_normalized("NFC", once)
