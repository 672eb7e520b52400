import unicodedata

import pytest

from agent.tamil.normalize import clean


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("கொ", "கொ"),  # ெ + ா typed in two parts
        ("கோ", "கோ"),  # ே + ா
        ("கெளரவம்", "கௌரவம்"),  # ெ + the letter ள
        ("கெளண்டம்பாளையம்", "கௌண்டம்பாளையம்"),
        ("ஒளவையார்", "ஔவையார்"),
        ("த\u200cண்\u200dணி\ufeff", "தண்ணி"),
        ("\u25ccா", "ா"),
        ("௧௨௩ ௰ ௱ ௲", "123 10 100 1000"),
        ("  தண்ணி \t\n வரல  ", "தண்ணி வரல"),
        ("தண்ணி\u00a0வரல", "தண்ணி வரல"),
        ("\ud800தண்ணி", "தண்ணி"),  # half of a surrogate pair from a broken JSON
    ],
)
def test_every_way_of_typing_a_word_becomes_one(typed, expected):
    assert clean(typed) == expected


@pytest.mark.parametrize("word", ["தெரு வெளக்கு", "வெளி", "தெளிவு", "ஒளி", "கெளுத்தி"])
def test_a_consonant_la_after_e_is_left_alone(word):
    assert clean(word) == word


def test_words_are_not_folded():
    assert clean("Velachery, கொழாய்ல!") == "Velachery, கொழாய்ல!"


def test_decomposed_latin_is_composed():
    assert clean("e\u0301") == unicodedata.normalize("NFC", "e\u0301")
