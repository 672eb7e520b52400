"""Digits in free text to Tamil words."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.speech.numerals import spell_numerals, voice_language
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
        ("5வது", "ஐந்தாவது"),
        ("1, 2", f"{spell_number(1)}, {spell_number(2)}"),
    ],
)
def test_figures_become_the_words_a_person_would_say(text: str, words: str):
    assert spell_numerals(text) == words


@given(st.text(max_size=60))
def test_no_digit_is_left_and_nothing_raises(text: str):
    assert not any(char.isdecimal() for char in spell_numerals(text))


_PLAIN = st.characters(exclude_categories=["Nd", "No", "Lu", "Ll"], exclude_characters=".")


@given(st.text(_PLAIN, max_size=60))
def test_text_without_figures_short_forms_and_latin_letters_is_untouched(text: str):
    assert spell_numerals(text) == text


def test_ten_thousand_digits_are_no_trouble():
    spelled = spell_numerals("7" * 10_000)
    assert spelled.count("ஏழு") == 10_000
    assert unicodedata.is_normalized("NFC", spelled)


def test_an_english_voice_is_given_english_words_for_its_figures():
    assert spell_numerals("ward 5, 9500123456", "en") == (
        "ward five, nine five zero zero one, two three four five six"
    )


def test_latin_letters_stay_where_the_language_is_not_known_and_nothing_is_tamil():
    assert spell_numerals("Murugan temple") == "Murugan temple"
    assert spell_numerals("MLA ஆபீஸ்") == "எம் எல் ஏ ஆபீஸ்"
    assert spell_numerals("MLA", "ta") == "எம் எல் ஏ"


@pytest.mark.parametrize(
    ("voice", "language"),
    [("ta+f5", "ta"), ("en-gb", "en"), ("en", "en"), ("tamil-female", None), ("", None)],
)
def test_the_language_of_a_voice_is_the_beginning_of_its_name(voice: str, language: str | None):
    assert voice_language(voice) == language
