import pytest

from agent.tamil.number_words import is_number_word
from agent.tamil.numbers import digits_in, find_numbers


def values(text):
    return [number.value for number in find_numbers(text.split())]


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("சைபர்", 0),
        ("ரெண்டு", 2),
        ("ஏளு", 7),
        ("பாஞ்சு", 15),
        ("பன்னெண்டு", 12),
        ("இருபத்தி ரெண்டு", 22),
        ("தொண்ணூத்தெட்டு", 98),
        ("தொண்ணூத்தி எட்டு", 98),
        ("நூத்தி அஞ்சு", 105),
        ("நூத்தஞ்சு", 105),
        ("எரநூறு", 200),
        ("தொள்ளாயிரம்", 900),
        ("மூவாயிரம்", 3000),
        ("அஞ்சாயிரம்", 5000),
        ("ஆயிரத்தி ஐநூறு", 1500),
        ("நான்காயிரத்து அறுநூற்றுத்தொண்ணூற்றி நான்கு", 4694),
        ("இருநூற்றுப்பதினான்கு", 214),
        ("பத்தாயிரம்", 10_000),
        ("இருபத்தி ஐயாயிரம்", 25_000),
        ("ரெண்டு லட்சத்தி ஐம்பதாயிரம்", 250_000),
        ("ஒரு லட்சம்", 100_000),
        ("twenty five", 25),
        ("நைன்டி ஃபோர்", 94),
        ("2 லட்சம்", 200_000),
        ("ஒன்றரை", 1.5),
        ("அரை", 0.5),
        ("நாலஞ்சு", 5),
        ("ஆறுங்க", 6),
    ],
)
def test_a_number_is_read(said, value):
    assert values(said) == [value]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("ரெண்டு மூணு", [2, 3]),
        ("இருபது மூணு", [20, 3]),
        ("நூறு ரெண்டு", [100, 2]),
        ("தண்ணி வரல", []),
        ("அஞ்சு நாளா மூணு பேரு", [5, 3]),
    ],
)
def test_closed_numbers_stay_apart(said, expected):
    assert values(said) == expected


@pytest.mark.parametrize(
    ("said", "digits"),
    [
        ("ஒம்பது அஞ்சு சைபர் சைபர் ஒண்ணு ரெண்டு", "950012"),
        ("நைன் சிக்ஸ் செவன் செவன் டபுள் டூ", "967722"),
        ("ட்ரிப்பிள் செவன்", "777"),
        ("ரெட்டை எட்டு", "88"),
        ("தொண்ணூத்தி நாலு எம்பத்தஞ்சு", "9485"),
        ("நானூத்தி இருவது", "420"),
        ("ஒரு நிமிஷம் ஒண்ணு", "1"),
        ("0 0 91", "0091"),
        ("டபுள் பத்து", "10"),
        ("டபுள்", ""),
        ("எட்டுங்க ஒம்பதுதான் நாலுன்னு ஏழுதானுங்க", "8947"),
        ("ஏளு ஒம்போது ரண்டு மூனு பூச்சியந்தான்", "79230"),
        ("எளுவத்திமூனு ஐம்பத்தியெட்டு எரநூத்தியெழுவத்தி நாலு", "7358274"),
        ("எண்ணூத்திப் பதினாறு", "816"),
        ("எழுவத்தி சைபர் ஆறு", "7006"),
        ("டூ நாட் ஃபோர்", "204"),
        ("ஒம்பது முட்டை ஆறு", "906"),
        ("nine o four", "904"),
        ("ஓ நல்லது நாட் ஓகே", ""),
        ("six hundred and sixty two", "662"),
        ("thonnuthi ettu arubathaaru irubathi onbadhu", "986629"),
        ("டபுள்நைன் ஃபைவ்ஃபோர் twentyfive", "995425"),
        ("ஒரே ஒரு ஏழு", "7"),
        ("தொண்ணூத்தெட்டாயிரத்தி நானூத்தி இருவத்தொண்ணு", "98421"),
    ],
)
def test_digits_are_written_down_in_turn(said, digits):
    assert digits_in(said.split()) == digits


def test_figures_too_long_for_any_number_are_left_out():
    assert values("9" * 40) == []
    assert values("1" * 15) == [int("1" * 15)]


@pytest.mark.parametrize(
    "word",
    [
        "இருப்பது",
        "என்பது",
        "இன்னொரு",
        "அரசு",
        "சிவன்",
        "பைப்பு",
        "போர்டு",
        "நாட்",
        "முட்டை",
        "idhu",
        "Ervadi",
        "pardon",
    ],
)
def test_words_that_only_sound_like_numbers_are_none(word):
    assert not is_number_word(word.lower())


def test_number_words_are_known_as_such():
    assert is_number_word("எட்டு")
    assert not is_number_word("எட்டயபுரம்")
