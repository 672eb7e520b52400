import pytest

from agent.tamil.numbers import find_numbers
from agent.tamil.words import split_words
from agent.understanding.days import Days


@pytest.fixture(scope="module")
def days():
    return Days()


def read(days, text, *, asked):
    words = split_words(text)
    return days.read(words, find_numbers([word.text for word in words]), asked=asked)


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ("அஞ்சு நாளா தண்ணி வரல", 5),
        ("எரியல எட்டு நாளாச்சு", 8),
        ("ஒரு வாரம் ஆவுது", 7),
        ("ரெண்டு வாரத்துக்கு முன்னாடி உடைஞ்சுது", 14),
        ("பத்து பாஞ்சு நாளா", 15),
        ("கடந்த ரெண்டு மாசம்", 60),
        ("for 3 days no water", 3),
        ("காலைல இருந்து கரண்ட் இல்ல", 0),
        ("நேத்துல இருந்து", 1),
        ("ஐந்து நாட்களாக", 5),
        ("ரெண்டு மணி நேரமா கரண்ட் இல்ல", 0),
    ],
)
def test_a_story_tells_how_long(days, story, expected):
    assert read(days, story, asked=False).days == expected


@pytest.mark.parametrize(
    "story",
    [
        "நூறு நாள் வேலை குடுக்கல",
        "நேத்து ஒரு ஆக்சிடெண்ட் கூட ஆச்சு",
        "மாசம் ஆயிரம் ரூபாய் வரல",
        "பத்து நாளைக்கு ஒரு தடவ தண்ணி வருது",
        "மூணு பேரு வந்தாங்க",
    ],
)
def test_other_numbers_and_days_are_no_duration(days, story):
    assert read(days, story, asked=False) is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("ரெண்டு வாரம்", 14), ("நேத்து", 1), ("Almost one month", 30), ("ஒரு வருஷம்", 365)],
)
def test_an_answer_may_be_bare(days, answer, expected):
    assert read(days, answer, asked=True).days == expected


def test_many_years_are_an_answer_without_a_number(days):
    assert read(days, "பல வருசமாச்சு", asked=True).days is None
    assert read(days, "தண்ணி", asked=True) is None


def test_a_million_years_were_misheard(days):
    assert read(days, "ரெண்டு லட்சம் வருஷமா", asked=True) is None
