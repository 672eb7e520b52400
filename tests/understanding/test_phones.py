import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.complaint import Slot
from agent.tamil.speller import spell_digits, spell_phone
from agent.understanding.phones import HeardDigits, as_phone, gather, nine_digits
from agent.understanding.rules import TurnContext

MOBILES = st.from_regex(r"[6-9][0-9]{9}", fullmatch=True)


@pytest.mark.parametrize(
    ("digits", "phone"),
    [
        ("9500123456", "9500123456"),
        ("919500123456", "9500123456"),
        ("09500123456", "9500123456"),
        ("04428150033", "04428150033"),
        ("95001234569500123456", "9500123456"),
        ("5500123456", None),
        ("950012345", None),
        ("95001234567", None),
        ("00000000000", None),
        ("", None),
    ],
)
def test_only_whole_indian_numbers_are_phones(digits, phone):
    assert as_phone(digits) == phone


@pytest.mark.parametrize(
    ("before", "heard", "expected"),
    [
        ("98421", HeardDigits("13576"), "9842113576"),
        ("98421", HeardDigits("9842113576"), "9842113576"),
        ("98421", HeardDigits("98", restarted=True), "98"),
        ("984211357", HeardDigits("98421"), "98421"),
    ],
)
def test_digits_gather_until_the_caller_begins_again(before, heard, expected):
    assert gather(before, heard) == expected


@settings(max_examples=60, deadline=None)
@given(MOBILES)
def test_any_mobile_number_spoken_is_heard(rules, number):
    assert rules.understand(spell_phone(number), Slot.PHONE).phone == number


@settings(max_examples=60, deadline=None)
@given(MOBILES, st.integers(1, 9))
def test_a_number_said_in_two_turns_is_put_together(rules, number, cut):
    first = rules.understand(spell_digits(number[:cut], 2), Slot.PHONE)
    context = TurnContext(phone_digits=first.digits)
    assert rules.understand(spell_digits(number[cut:], 2), Slot.PHONE, context).phone == number


def test_money_in_a_story_is_no_phone_number(rules):
    turn = rules.understand("ஐயாயிரம் ரூபாய் குடுத்தேன் ரெண்டு வருஷமா பட்டா தரல", Slot.COMPLAINT)
    assert turn.phone is None
    assert turn.digits == ""


@pytest.mark.parametrize(
    ("number", "ok"),
    [("204103274", True), ("20410327", False), ("20410327x", False), ("௨" * 9, False)],
)
def test_the_loose_ticket_check_wants_nine_digits(number, ok):
    assert nine_digits(number) is ok
