"""Digits in free text to Tamil words."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.speech.numerals import spell_numerals
from agent.tamil.speller import spell_digits, spell_number, spell_phone, spell_ticket


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        ("நன்றி", "நன்றி"),
        ("3 நாள்", f"{spell_number(3)} நாள்"),
        ("1,50,000", spell_number(150_000)),
        ("12,500", spell_number(12_500)),
        ("2.5", f"{spell_number(2)} புள்ளி {spell_digits('5')}"),
        ("9500123456", spell_phone("9500123456")),
        ("95001 23456", spell_phone("9500123456")),
        ("04422345678", spell_phone("04422345678")),
        ("204103274", spell_ticket("204103274")),
        ("204 103 274", spell_ticket("204103274")),
        ("600040", spell_digits("600040")),
        ("600 040", spell_digits("600040")),
        ("108", spell_number(108)),
        ("007", spell_digits("007")),
        ("௧௨", spell_number(12)),
        ("9" * 30, spell_digits("9" * 30)),
        ("B2", f"B {spell_number(2)}"),
        ("2B", f"{spell_number(2)} B"),
        ("5வது", f"{spell_number(5)}வது"),
        ("1, 2", f"{spell_number(1)}, {spell_number(2)}"),
    ],
)
def test_figures_become_the_words_a_person_would_say(text: str, words: str):
    assert spell_numerals(text) == words


@given(st.text(max_size=60))
def test_no_digit_is_left_and_nothing_raises(text: str):
    assert not any(char.isdecimal() for char in spell_numerals(text))


@given(st.text(st.characters(exclude_categories=["Nd"]), max_size=60))
def test_text_without_digits_is_untouched(text: str):
    assert spell_numerals(text) == text


def test_ten_thousand_digits_are_no_trouble():
    spelled = spell_numerals("7" * 10_000)
    assert spelled.count("ஏழு") == 10_000
    assert unicodedata.is_normalized("NFC", spelled)
