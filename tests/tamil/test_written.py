"""Written forms that are easily mistaken for others; each line was a mistake or could be one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.tamil.written import is_tamil_text, spoken_tamil


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # no such day, no such hour
        ("31.02.2026", "முப்பத்தி ஒன்று, பூஜ்ஜியம் இரண்டு, இரண்டாயிரத்து இருபத்தி ஆறு"),
        ("27:80", "இருபத்தி ஏழு எண்பது"),
        ("2026-13-45", "இரண்டாயிரத்து இருபத்தி ஆறு பதிமூன்று நாற்பத்தி ஐந்து"),
        # a time only where something says so
        ("10.30", "பத்து புள்ளி மூன்று பூஜ்ஜியம்"),
        ("10.30 மணி வரை", "பத்து மணி முப்பது நிமிடம் வரை"),
        ("11.15 மணியிலிருந்து", "பதினொன்று பதினைந்து மணியிலிருந்து"),
        ("காலை 10.30-க்கு", "காலை பத்து மணி முப்பது நிமிடத்திற்கு"),
        ("14.30 மணி", "மதியம் இரண்டு மணி முப்பது நிமிடம்"),
        # மே is a month, and also "only", and people are counted after it
        ("மே 5 பேர் வந்தாங்க", "மே ஐந்து பேர் வந்தாங்க"),
        ("5 மே மாதம்", "மே ஐந்தாம் தேதி"),
        ("மார்ச் 2026", "மார்ச் இரண்டாயிரத்து இருபத்தி ஆறு"),
        ("15.08.2026-ல்", "ஆகஸ்ட் மாதம் பதினைந்தாம் தேதி, இரண்டாயிரத்து இருபத்தி ஆறில்"),
        # doors are no fractions
        ("எண் 1/2, காந்தி தெரு", "எண் ஒன்று பை இரண்டு, காந்தி தெரு"),
        ("சர்வே எண் 123/4B", "சர்வே எண் நூற்றி இருபத்தி மூன்று பை நான்கு பி"),
        ("12 A, அண்ணா நகர்", "பன்னிரண்டு ஏ, அண்ணா நகர்"),
        # between two figures
        ("3-4 நாட்கள்", "மூன்று நான்கு நாட்கள்"),
        ("10 - 5", "பத்து ஐந்து"),
        ("1, 2", "ஒன்று, இரண்டு"),
        # numbers to ring
        (
            "1800 425 5901",
            "ஒன்று எட்டு பூஜ்ஜியம் பூஜ்ஜியம், நான்கு இரண்டு ஐந்து, ஐந்து ஒன்பது பூஜ்ஜியம் ஒன்று",
        ),
        ("94987 94987", "ஒன்பது நான்கு ஒன்பது எட்டு ஏழு, ஒன்பது நான்கு ஒன்பது எட்டு ஏழு"),
        # money
        ("1,200.50 ரூபாய்", "ஆயிரத்து இருநூறு ரூபாய் ஐம்பது பைசா"),
        ("500 ரூ", "ஐநூறு ரூபாய்"),
        ("ரூ. 1,200.", "ஆயிரத்து இருநூறு ரூபாய்."),
        ("Rs 2.75 crores", "இரண்டு புள்ளி ஏழு ஐந்து கோடி ரூபாய்"),
        ("₹", "₹"),
        ("ரூ.", "ரூ."),
        # initials, letters, words
        ("எம். குமரன் தெரு", "எம் குமரன் தெரு"),
        ("T. நகர்", "டி நகர்"),
        ("R.S. புரம்", "ஆர் எஸ் புரம்"),
        ("எம்.பி.யிடம்", "எம் பியிடம்"),
        ("வி.வேலு தெரு", "வி வேலு தெரு"),
        ("63 kVA", "அறுபத்தி மூன்று கே வி ஏ"),
        ("main road-ல்", "மெயின் ரோட்டில்"),
        ("EB-க்கு", "ஈ பிக்கு"),
        ("current-ஐ", "கரண்டை"),
        ("Street Lights", "ஸ்ட்ரீட் லைட்ஸ்"),
        ("I am here", "I am here"),
        ("சரியில்லை. ஏ", "சரியில்லை. ஏ"),
        ("1000வதாக", "ஆயிரமாவதாக"),
    ],
)
def test_what_looks_like_something_else_is_said_as_what_it_is(text: str, said: str):
    assert spoken_tamil(text) == said


def test_latin_letters_are_left_when_they_are_not_wanted():
    assert spoken_tamil("ward 5, MLA", english_words=False) == "ward ஐந்து, MLA"


def test_a_text_is_tamil_when_a_letter_is():
    assert is_tamil_text("ward 5ல்")
    assert not is_tamil_text("ward 5, ½")


@given(st.text(max_size=60))
def test_no_digit_is_left_and_nothing_raises(text: str):
    assert not any(char.isdecimal() for char in spoken_tamil(text))


@given(
    st.text("0123456789.,:/-+₹%()# மணிஆம்வதுரூpmamkgRs¼", max_size=40),
)
def test_no_mixture_of_signs_raises(text: str):
    assert not any(char.isdecimal() for char in spoken_tamil(text))


@pytest.mark.parametrize("unit", ["7", "1,", "1.", "1-", "12:", "98765 ", "எம்.", "a.", "ரூ.1 "])
def test_repetition_is_no_trouble(unit: str):
    spoken = spoken_tamil(unit * 3_000)  # a pattern that goes astray would take hours
    assert not any(char.isdecimal() for char in spoken)
