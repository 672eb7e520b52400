import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.tamil.numbers import digits_in, find_numbers
from agent.tamil.speller import LARGEST, spell_digits, spell_number, spell_phone, spell_ticket


def heard(words):
    return digits_in(words.replace(",", "").split())


def read_back(number):
    found = find_numbers(spell_number(number).split())
    return found[0].value if len(found) == 1 else None


def test_every_number_below_twenty_thousand_is_read_back():
    assert all(read_back(number) == number for number in range(20_000))


@settings(max_examples=500, deadline=None)
@given(st.integers(0, LARGEST))
def test_any_number_is_read_back(number):
    assert read_back(number) == number


@pytest.mark.parametrize("number", [0, 999, 1_000, 99_999, 100_000, 101_000, 901_526, LARGEST])
def test_the_seams_between_groups_are_read_back(number):
    assert read_back(number) == number


@settings(max_examples=300, deadline=None)
@given(st.text("0123456789", max_size=16), st.integers(1, 5))
def test_any_digit_string_is_read_back(digits, group):
    assert heard(spell_digits(digits, group)) == digits


def test_a_comma_parts_the_groups():
    assert spell_digits("500123") == "ஐந்து பூஜ்ஜியம் பூஜ்ஜியம், ஒன்று இரண்டு மூன்று"
    assert spell_digits("12345", 2) == "ஒன்று இரண்டு, மூன்று நான்கு, ஐந்து"
    assert spell_digits("") == ""


def test_a_ticket_is_spoken_three_and_three():
    words = spell_ticket("204103274")
    assert words.count(",") == 2
    assert [len(part.split()) for part in words.split(",")] == [3, 3, 3]


@pytest.mark.parametrize(
    ("number", "groups"),
    [
        ("9500123456", [5, 5]),
        ("09500123456", [1, 5, 5]),
        ("04428150033", [3, 4, 4]),
        ("04222345678", [4, 3, 4]),
        ("04362234567", [5, 3, 3]),
        ("112", [3]),
    ],
)
def test_a_phone_number_is_spoken_in_the_usual_groups(number, groups):
    assert [len(part.split()) for part in spell_phone(number).split(",")] == groups
    assert heard(spell_phone(number)) == number


@pytest.mark.parametrize("number", [-1, LARGEST + 1])
def test_a_number_out_of_range_is_refused(number):
    with pytest.raises(ValueError, match="999,999,999"):
        spell_number(number)


@pytest.mark.parametrize(("digits", "group"), [("12a", 3), ("௧", 3), ("12", 0)])
def test_what_is_no_digit_is_refused(digits, group):
    with pytest.raises(ValueError, match="digits"):
        spell_digits(digits, group)
