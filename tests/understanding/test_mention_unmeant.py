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


@pytest.mark.parametrize(
    "text",
    [
        "சிறுவாணி தண்ணி வரல",
        "சிறுவாணித் தண்ணி வாரம் ஒருக்கா வருது",
        "புழல் ஏரி தண்ணி கலங்கலா வருது",
    ],
)
def test_water_called_like_a_place_is_no_place(places, text):
    assert seats(places, text) == []


def test_the_place_beside_the_water_is_one(places):
    assert seats(places, "புழல் கிட்ட ரோடு குண்டும் குழியுமா இருக்கு") == [9]


def test_a_territory_named_as_such_is_outside(places):
    text = "கரிக்கலாம்பாக்கம், பாண்டிச்சேரி ஸ்டேட்டு, ஆனா கடலூர் பக்கம்"
    found = places.asked(text, split_words(text))
    assert found is not None
    assert found.place.outside


@pytest.mark.parametrize(
    ("text", "seat"),
    [
        ("அம்மாபேட்டை சார், சேலம் அம்மாபேட்டைய போட்டுறாதீங்க, பவானி பக்கம், தண்ணி வரல", 104),
        ("கீரனூருங்க, பழனிகிட்ட ஒரு கீரனூர் இருக்கு, அந்த கீரனூர் இல்ல, ரோடு சரியில்ல", 178),
        ("சிவகிரில லைட்டு இல்ல, தென்காசில ஒரு சிவகிரி இருக்கு, அதுன்னு நெனச்சுக்காதீங்க", 100),
        ("ஆலங்குளம், விருதுநகர் பக்கத்து ஆலங்குளம்னு எழுதிடாதீங்க, ரோடு மோசம்", 223),
        ("கூடலூர், தேனி மாவட்டம், நீலகிரின்னு மாத்தி எழுதிட்டாங்க, கரண்டு இல்ல", 201),
        ("திருச்சிற்றம்பலம், வானூருக்கு அருகில் இருப்பதல்ல, பேராவூரணி பக்கம், தண்ணி வரல", 177),
    ],
)
def test_a_name_that_must_not_be_written_down_is_left_out(places, text, seat):
    assert seats(places, text) == [seat]


def test_what_must_be_written_down_stays(places):
    assert seats(places, "திருச்செந்தூர்னு எழுதிக்குங்க, தண்ணி வரல") == [215]


def test_a_name_said_twice_and_then_denied_is_denied_both_times(places):
    said = "குத்தாலம் செத்த இருங்க குத்தாலம் இல்லீங்க கதிராமங்கலம் வனதுர்க்கை கோயில் தெரு"
    found = places.asked(said, split_words(said))
    assert [c.number for c in found.place.candidates] == [170]
