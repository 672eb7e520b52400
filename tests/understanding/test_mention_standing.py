"""Where the caller is, and the other place he calls about."""

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
        ("மணப்பாறைல இருந்து பேசறேன், எங்க அம்மா வீடு முசிறில இருக்கு, பென்சன் வரல", 145),
        ("நான் ஆவடில தங்கி இருக்கேன், அவங்க இருக்கறது போளூர், ரேசன் தரல", 66),
        ("நிலம் இருக்கறது செய்யூர்ல, நான் இருக்கறது ஆலந்தூர்", 34),
        ("என் ஆபீஸ் கிண்டில, வீடு ஆவடில, கழிவுநீர் ஓடுது", 6),
        ("மதுரையில செட்டில் ஆயிட்டோம், அப்பா கமுதியில இருக்காரு, ஓஏபி வரல", 212),
        ("பொண்ணு படிக்கிறது சிதம்பரத்துல, நாங்க இருக்குறது பெண்ணாடம், பஸ் வரல", 151),
        ("சேலத்துல இருக்கேன், சொந்த கிராமம் முசிறி பக்கம், அம்மாவுக்கு ரேசன் தரல", 145),
    ],
)
def test_the_place_is_not_where_the_caller_is(places, text, seat):
    assert seats(places, text) == [seat]


def test_here_means_where_the_caller_is(places):
    text = "நாங்க ஆவடில குடியிருக்கோம், அக்கா வீடு போளூர்ல, இங்க தண்ணி வரல"
    assert 6 in seats(places, text)


def test_an_office_far_off_does_not_take_the_place(places):
    text = "ஆண்டிபட்டில இருந்து பேசறேன், தேனில கலெக்டர் ஆபீஸ்ல மனு குடுத்தும் தண்ணி வரல"
    assert 198 in seats(places, text)


def test_the_callers_place_tells_which_name_is_meant(places):
    text = "திருச்சில இருந்து பேசறேன், காட்டூர்ல தெரு விளக்கு எரியல"
    assert seats(places, text) == [142]


def test_the_callers_town_does_not_choose_between_two_seats(places):
    text = "ராசிபுரத்துல இருந்து பேசறேன், நாமகிரிப்பேட்டைல கரண்ட் இல்ல"
    assert sorted(seats(places, text)) == [92, 93]


def test_one_address_is_not_taken_apart(places):
    text = "முகாம் திருப்பூர்ல நடந்துச்சு, நான் இருக்கறது உடுமலை காந்தி நகர்"
    assert seats(places, text) == [125]
