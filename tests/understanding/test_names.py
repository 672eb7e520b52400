import pytest

from agent.tamil.words import split_words
from agent.understanding.landmarks import Landmarks
from agent.understanding.names import Names


@pytest.fixture(scope="module")
def names():
    return Names()


@pytest.fixture(scope="module")
def landmarks():
    return Landmarks()


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("மீனா.", "மீனா"),
        ("என் பேரு அப்துல் காதர்ங்க", "அப்துல் காதர்"),
        ("பேரு செந்தில்னு எழுதிக்கோங்க", "செந்தில்"),
        ("நான் முருகன் பேசறேன் சார்", "முருகன்"),
        ("திரு கண்ணன்", "கண்ணன்"),
        ("செல்வி", "செல்வி"),  # a title, but all that was given
        ("ராமசாமி கவுண்டர்", "ராமசாமி"),
        ("தேவர்", "தேவர்"),
        ("எம் செல்வம்", "செல்வம்"),
        ("Dr. Ravi Kumar", "Ravi Kumar"),
    ],
)
def test_a_name_is_freed_of_what_stands_around_it(names, said, name):
    assert names.read(said, split_words(said), asked=True) == name


@pytest.mark.parametrize(
    "said", ["", "எதுக்கு பேரு", "எனக்கு தண்ணி வரல", "நான் இங்க பக்கத்துல இருக்கேன் அப்புறம் சொல்றேன்"]
)
def test_what_is_no_name_gives_none(names, said):
    assert names.read(said, split_words(said), asked=True) is None


def test_a_story_gives_a_name_only_after_my_name(names):
    story = "பட்டால பேர் தப்பா இருக்கு"
    assert names.read(story, split_words(story), asked=False) is None


@pytest.mark.parametrize(
    ("said", "landmark"),
    [
        ("அப்பல்லோ ஆஸ்பத்திரி எதிர் தெரு.", "அப்பல்லோ ஆஸ்பத்திரி"),
        ("அறுபதடி ரோடு, கபடி ரவுண்டானா.", "கபடி ரவுண்டானா"),
        ("மாட்டுச் சந்தை பக்கமுங்க", "மாட்டுச் சந்தை"),
        ("மெயின் பஜார் கட", "மெயின் பஜார்"),
        ("டீ கடை கிட்ட", "டீ கடை"),
        ("பெரிய கடை தெரு", "பெரிய கடை தெரு"),
        ("opposite Anna statue", "Anna statue"),
        ("எங்க வீட்டு அடையாளம் வேப்பமரம்", "வீட்டு அடையாளம் வேப்பமரம்"),
    ],
)
def test_a_landmark_is_the_named_thing(landmarks, said, landmark):
    assert landmarks.asked(said, split_words(said)) == landmark


@pytest.mark.parametrize("said", ["", "சார்", "அது வந்து"])
def test_pointing_at_nothing_is_no_landmark(landmarks, said):
    assert landmarks.asked(said, split_words(said)) is None


@pytest.mark.parametrize(
    ("story", "landmark"),
    [
        ("அரசு பள்ளி பக்கத்துல குப்பை", "அரசு பள்ளி"),
        ("எங்க வீட்டுக்கு முன்னாடி குப்பை", None),
        ("சாக்கட அடச்சு கடைக்கு முன்னாடியே தேங்கி நிக்குது", None),
        ("ஸ்கூல் பக்கத்துல டாஸ்மாக்", None),
    ],
)
def test_a_story_gives_a_landmark_only_when_it_is_clear(landmarks, story, landmark):
    assert landmarks.in_story(story, split_words(story), None) == landmark
