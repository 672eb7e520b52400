import pytest

from agent.tamil.words import masked, split_words
from agent.understanding.patterns import PatternBook


def found(pattern, text, numbers=None):
    book = PatternBook([("x", pattern)])
    return [(m.start, m.end) for m in book.find(split_words(text), numbers)]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("தெரு விளக்கு", "எங்க தெரு வெளக்கு எரியல"),
        ("தெரு விளக்கு", "தெருவிளக்கு எரியல"),
        ("தெருவிளக்கு", "தெரு விளக்கு"),
        ("தெரு விளக்கு", "தெரு விளக்கே எரியல"),
        ("காசு கேக்", "காசு கேக்கறாங்க"),
        ("வி.ஏ.ஓ", "வி ஏ ஓ ஆபீஸ்ல"),
        ("தண்ணி .. வரல", "தண்ணி ரெண்டு நாளா சரியா வரல"),
        ("குப்பை", "kuppai alla varala"),
        ("தீ பிடி", "thee pidichiruchu"),
        ("உரிமைத் தொகை", "மகளிர் உரிமை தொகை"),
    ],
)
def test_a_pattern_matches_how_people_say_it(pattern, text):
    assert found(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("பஸ்", "பசு மாடு"),
        ("நாய்", "நாயகன்"),
        ("வி.ஏ.ஓ", "விவசாயி ஏரி ஓடை"),
        ("தண்ணி .. வரல", "தண்ணி ஒண்ணு ரெண்டு மூணு நாலு அஞ்சு வரல"),
        ("=சரி", "சரியில்ல"),
        ("bar", "bargur"),
        ("குழி", ""),
    ],
)
def test_a_pattern_leaves_other_words_alone(pattern, text):
    assert not found(pattern, text)


def test_a_number_sign_stands_for_any_number():
    assert found("# கேக்", "மூவாயிரம் கேக்கறாங்க", {0: 1}) == [(0, 2)]
    assert not found("# கேக்", "வந்து கேக்கறாங்க", {})


def test_masked_words_match_nothing():
    book = PatternBook([("x", "குளம்")])
    assert not book.find(masked(split_words("குளம்"), {0}))


def test_an_empty_pattern_is_no_pattern():
    assert PatternBook([("x", ""), ("y", "..")]).find(split_words("தண்ணி")) == []
