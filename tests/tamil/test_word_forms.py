import pytest

from agent.tamil.speller import LARGEST, spell_count
from agent.tamil.word_forms import join, spell_ordinal, spell_ordinal_day, with_quarters


@pytest.mark.parametrize(
    ("word", "ending", "joined"),
    [
        ("ஐந்து", "ல்", "ஐந்தில்"),
        ("ஐந்து", "க்கு", "ஐந்துக்கு"),
        ("ஆயிரம்", "ல்", "ஆயிரத்தில்"),
        ("கோடி", "ல்", "கோடியில்"),
        ("லைட்", "ஐ", "லைட்டை"),
        ("ரோடு", "ல்", "ரோட்டில்"),
        ("இரண்டு", "ல்", "இரண்டில்"),
        ("கார்டு", "ல்", "கார்டில்"),
        ("கரண்ட்", "ஐ", "கரண்டை"),
        ("கரண்ட்", "க்கு", "கரண்டுக்கு"),
        ("லட்சம்", "க்கு", "லட்சத்துக்கு"),
        ("ஏ டி எம்", "ல்", "ஏ டி எம்மில்"),
        ("பஸ்", "க்கு", "பஸ்ஸுக்கு"),
        ("ஆர் டி ஓ", "க்கு", "ஆர் டி ஓக்கு"),
        ("ஈ பி", "யில்", "ஈ பியில்"),
        ("பூ", "ஐ", "பூவை"),
        ("நான்கு", "", "நான்கு"),
    ],
)
def test_an_ending_grows_onto_a_word(word: str, ending: str, joined: str):
    assert join(word, ending) == joined


@pytest.mark.parametrize(
    ("number", "ordinal", "day"),
    [
        (1, "முதலாவது", "ஒன்றாம்"),
        (2, "இரண்டாவது", "இரண்டாம்"),
        (90, "தொண்ணூறாவது", "தொண்ணூறாம்"),
        (1_000, "ஆயிரமாவது", "ஆயிரமாம்"),
        (10_000_000, "ஒரு கோடியாவது", "ஒரு கோடியாம்"),
    ],
)
def test_ordinals(number: int, ordinal: str, day: str):
    assert spell_ordinal(number) == ordinal
    assert spell_ordinal_day(number) == day


@pytest.mark.parametrize(
    ("whole", "quarters", "words"),
    [
        (0, 1, "கால்"),
        (0, 2, "அரை"),
        (1, 2, "ஒன்றரை"),
        (2, 1, "இரண்டேகால்"),
        (3, 3, "மூன்றே முக்கால்"),
        (1_000, 2, "ஆயிரம் அரை"),
    ],
)
def test_quarters(whole: int, quarters: int, words: str):
    assert with_quarters(whole, quarters) == words


def test_a_whole_has_no_quarters():
    with pytest.raises(ValueError, match="quarters"):
        with_quarters(1, 4)


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "ஒரு"), (11, "பதினொரு"), (21, "இருபத்தி ஒரு"), (111, "நூற்றிப் பதினொரு"), (5, "ஐந்து")],
)
def test_one_before_what_is_counted(number: int, words: str):
    assert spell_count(number) == words


def test_what_cannot_be_spelled_has_no_ordinal():
    with pytest.raises(ValueError, match="999,999,999"):
        spell_ordinal(LARGEST + 1)
