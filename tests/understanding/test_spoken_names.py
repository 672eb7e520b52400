"""Names as they are said, made by rule from every name of the tables."""

import pytest

from agent.tamil.words import split_words
from agent.understanding.places import PlaceResolver
from agent.understanding.spoken_names import spoken_forms


@pytest.fixture(scope="module")
def places():
    return PlaceResolver.load()


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("பெரியபாளையம்", "பெரியபாளியம்"),
        ("உத்தமபாளையம்", "உத்தமாளையம்"),
        ("எட்டயபுரம்", "எட்டயவரம்"),
        ("திருச்செங்கோடு", "திர்ச்செங்கோடு"),
        ("வைத்தீஸ்வரன்கோவில்", "வைத்தீஸ்வரன்கோயல்"),
        ("விருதுநகர்", "விர்துநகர்"),
        ("ramanathapuram", "ramanathaparam"),
    ],
)
def test_speech_changes_a_name_by_rule(name, form):
    assert form in spoken_forms(name)


def test_no_form_breaks_the_script():
    """A sign cannot follow a sign: மேட்டுப்ாளையம் is no word."""
    assert all("்ா" not in form for form in spoken_forms("மேட்டுப்பாளையம்"))


def test_short_names_have_no_forms():
    """Forms of short names are common words."""
    assert spoken_forms("தளி") == ()


@pytest.mark.parametrize(
    ("spoken", "seat"),
    [
        ("மேட்டாளையத்துல", 111),
        ("திர்ப்போரூர்ல", 33),
        ("ஒட்டன்சத்தரத்துல", 128),
        ("மாத்தாண்டத்துல", 233),
        ("நாங்குனேரில", 227),
        ("செவ்வாப்பேட்டைல", 90),
        ("சோயவந்தான்ல", 190),
        ("சீவைகுண்டத்துல", 216),
    ],
)
def test_a_name_is_found_as_it_is_said(places, spoken, seat):
    text = f"எங்க {spoken} ரெண்டு வாரமா தண்ணி வரல"
    found = places.in_story(text, split_words(text))
    assert found is not None
    assert [c.number for c in found.place.candidates] == [seat]


def test_a_form_is_never_guessed_at(places):
    """சின்ன (small) is one letter from a way to say சென்னை."""
    text = "எங்கூரு சின்னக் கிராமம் பஸ்ஸே வரதில்ல"
    assert places.in_story(text, split_words(text)) is None
