"""Names that are said but not meant."""

import pytest

from agent.tamil.words import split_words
from agent.understanding.places import PlaceResolver


@pytest.fixture(scope="module")
def places():
    return PlaceResolver.load()


def seats(places, text):
    found = places.in_story(text, split_words(text))
    return [c.number for c in found.place.candidates] if found else []


def test_a_slip_of_the_tongue_is_dropped(places):
    assert seats(places, "போளூர்... ச்சே, வந்தவாசில ரோடு சரியில்ல") == [69]


@pytest.mark.parametrize("text", ["சிறுவாணி தண்ணி வரல", "புழல் ஏரி தண்ணி கலங்கலா வருது"])
def test_water_called_like_a_place_is_no_place(places, text):
    assert seats(places, text) == []


def test_the_place_beside_the_water_is_one(places):
    assert seats(places, "புழல் கிட்ட ரோடு குண்டும் குழியுமா இருக்கு") == [9]


def test_a_territory_named_as_such_is_outside(places):
    text = "கரிக்கலாம்பாக்கம், பாண்டிச்சேரி ஸ்டேட்டு, ஆனா கடலூர் பக்கம்"
    found = places.asked(text, split_words(text))
    assert found is not None
    assert found.place.outside
