"""Names that are words or men too."""

import pytest

from agent.tamil.words import split_words
from agent.understanding.places import PlaceResolver


@pytest.fixture(scope="module")
def places():
    return PlaceResolver.load()


def seats(places, text):
    found = places.in_story(text, split_words(text))
    return [c.number for c in found.place.candidates] if found else []


@pytest.mark.parametrize(
    ("text", "seat"),
    [
        ("கம்பம் நகராட்சில குப்ப எடுக்கல", 201),
        ("கோபி பஸ்டாண்டுல கக்கூஸ் இல்ல", 106),
        ("natham taluk office la lanjam", 131),
        ("chidambaram la thanni varala", 158),
        ("bodi la irundhu pesuren, current illa", 200),
    ],
)
def test_what_only_a_town_has_makes_it_a_town(places, text, seat):
    assert seats(places, text) == [seat]


@pytest.mark.parametrize(
    "text",
    [
        "கம்பம் சாஞ்சு கெடக்கு",
        "கோபி ஒரு மாசமா வரல",
        "bank la kooli eralla",
        "மின்னல் அடிச்சு மாடு செத்து போச்சு",
        "ஆவணம் எல்லாம் குடுத்தும் பட்டா தரல",
        "சிக்கல் தீரவே இல்ல",
    ],
)
def test_a_word_is_no_town(places, text):
    assert seats(places, text) == []


def test_two_places_of_one_name_stay_open(places):
    """The table writes one of them with its district."""
    assert sorted(seats(places, "கங்கைகொண்டான்ல தண்ணி வரல")) == [153, 224]


@pytest.mark.parametrize(
    ("text", "seat"),
    [
        ("பேரு ராசாத்தி, ஊரு மணல்மேடு, அடிபைப்பு ஒடஞ்சு போச்சு", 161),
        ("நாங்க பவானி, சாயத் தண்ணி ஆத்துல கலக்குது", 104),
        ("கம்பம் பள்ளத்தாக்குல திராட்சைக்கு வெல இல்ல", 201),
    ],
)
def test_a_name_that_is_introduced_as_a_place_is_one(places, text, seat):
    assert seats(places, text) == [seat]


@pytest.mark.parametrize("text", ["எங்க பழனி அண்ணன் சொன்னாரு", "நாங்க சாலைல கம்பம் நட்டோம்"])
def test_a_man_or_a_pole_stays_one(places, text):
    assert seats(places, text) == []


def test_a_tollgate_belongs_to_the_town_before_it(places):
    text = "மதுரை திருமங்கலம், கப்பலூர் டோல்கேட்டுல அநியாய காசு"
    assert seats(places, text) == [196]
