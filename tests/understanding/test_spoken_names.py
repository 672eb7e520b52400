"""Names as they are said, made by rule from every name of the tables."""

import subprocess
import sys

import pytest

from agent.settings import PROJECT_DIR
from agent.tamil.endings import stems
from agent.tamil.words import split_words
from agent.understanding.gazetteer import name_key
from agent.understanding.place_names import PARENTHESIS, locality_names, seat_names
from agent.understanding.places import PlaceResolver
from agent.understanding.spoken_names import spoken_forms
from agent.understanding.tables import read_csv


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


@pytest.mark.parametrize(
    ("spoken", "seats"),
    [
        ("சிவாசிலேர்ந்து", [205]),
        ("நாவூர்லேர்ந்து", [163]),
        ("தேவாரங்க", [200, 201]),
        ("ஊமச்சிகொளந்தேண்ணே", [189]),
        ("thinnanur la", [5, 6]),
        ("கேவீ குப்பந்தாண்ணா", [45]),
    ],
)
def test_a_name_is_found_as_people_say_it(places, spoken, seats):
    words = split_words(spoken)
    found = places.asked(spoken, words)
    assert found is not None
    assert sorted(c.number for c in found.place.candidates) == seats


def test_every_form_that_people_say_is_of_a_name_of_the_tables_and_of_no_other():
    """An inflected form of another name (செங்கோட்டை, செங்கோடு) would make that one doubtful."""
    names = [(PARENTHESIS.sub("", n), e.seats) for n, e in (*seat_names(), *locality_names())]
    seats: dict[str, set[object]] = {}
    for name, where in names:
        seats.setdefault(name, set()).add(where)
    told: dict[str, list[str]] = {}
    for row in read_csv("spoken_places"):
        told.setdefault(name_key(row["spoken"]), []).append(row["name_ta"])
    assert sum(map(len, told.values())) > 400
    assert [name for ones in told.values() for name in ones if name not in seats] == []
    for name, where in names:
        *before, last = name.split() or [""]
        for stem in stems(last):
            for own in told.get(name_key(" ".join([*before, stem])), ()):
                assert where in seats[own], f"{own} is also said of {name}"


def test_names_are_found_as_five_authors_say_them():
    """8,357 forms of 2,045 names; what is missed is mostly a common word (சத்திரம், பேட்டை)."""
    command = [sys.executable, "benchmarks/names_said.py", "--least", "97"]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8357 forms" in done.stdout
