"""The learned choice between the places of a story: what it reads, chooses and leaves alone."""

from pathlib import Path

import numpy as np
import pytest

from agent.tamil.normalize import clean
from agent.tamil.words import split_words
from agent.understanding.mentions import MentionFinder
from agent.understanding.place_cues import ending
from agent.understanding.place_judge import PlaceJudge
from agent.understanding.places import FoundPlace, PlaceResolver


@pytest.fixture(scope="module")
def places() -> PlaceResolver:
    return PlaceResolver.load()


@pytest.fixture(scope="module")
def finder(places: PlaceResolver) -> MentionFinder:
    return places._finder


def told(places: PlaceResolver, story: str) -> FoundPlace | None:
    text = clean(story)
    return places.in_story(text, split_words(text))


def seats(places: PlaceResolver, story: str) -> list[int]:
    found = told(places, story)
    return sorted(c.number for c in found.place.candidates) if found is not None else []


@pytest.mark.parametrize(
    ("story", "seat"),
    [
        (
            "எங்க பொண்ணு வேளச்சேரில குடியிருக்கா நாங்க பள்ளிக்கரணைல இருக்கோம் இந்த ஏரி பக்கமா குப்பைய கொளுத்துறாங்க",
            27,
        ),
        ("என் மருமகன் விருதுநகர்ல போலீசு. நான் டி.கல்லுப்பட்டில இருக்கேன்யா பென்சன் நின்னு போச்சு", 196),
        ("மதுரை ரயில்ல வந்து உச்சிப்புளில எறங்குனா ஸ்டேஷன்ல தண்ணி குழாய் இல்ல", 211),
        ("gandhipuram bus la erina kuniyamuthur ponum, kuniyamuthur road la manhole open", 119),
    ],
)
def test_the_place_of_the_trouble_is_chosen_among_several(
    places: PlaceResolver, story: str, seat: int
) -> None:
    found = told(places, story)
    assert found is not None
    assert [c.number for c in found.place.candidates] == [seat]
    assert found.why.startswith("learned ")
    assert not found.sure  # a language model, if there is one, is asked as well


def test_a_town_that_only_names_a_thing_is_no_place(places: PlaceResolver) -> None:
    assert told(places, "திருப்பூர் பனியன் மாதிரி சாயம் போயிருச்சு புது பெயிண்டு பள்ளிக்கூட செவுத்துல") is None


@pytest.mark.parametrize(
    ("story", "open_seats"),
    [
        (
            "மதுரையில கட்டடம் கட்ட போயிருந்தோம், சத்திரப்பட்டிக்கு திரும்பி வந்தா வீட்ட காலி பண்ண சொல்றாய்ங்க",
            [128, 202],
        ),
        ("ஆத்தூர் பேருந்து நிலையம் அருகே திறந்தவெளி மதுக்கூடம் நடத்துகிறார்கள்", [82, 129, 215]),
        ("நான் போரூர் ஸ்டாண்டுல ஆட்டோ ஓட்டறவன், ராமாபுரம் உள்ளாற சவாரி போனா ரோடு மோசம்", [7, 28]),
    ],
)
def test_a_name_of_several_places_stays_open(
    places: PlaceResolver, story: str, open_seats: list[int]
) -> None:
    assert set(seats(places, story)) >= set(open_seats)


def test_the_town_before_a_name_still_tells_which_one_is_meant(places: PlaceResolver) -> None:
    assert seats(places, "பல்லடம் ரோட்டுல திருப்பூர் வீரபாண்டிங்க சாயத்தண்ணி ஆத்துல விடறாங்க") == [115]


@pytest.mark.parametrize(
    "story",
    [
        "சிறுவாணி தண்ணி வரல",
        "பெங்களூருக்கு தினம் போறனுங்க ஆனா வீடு ஓசூர் மத்திகிரி, அங்க தண்ணி கஷ்டம்",
        "ஆஸ்பத்திரில டாக்டர் இல்ல, தென்காசிக்கு போகச் சொல்றாங்க",
    ],
)
def test_where_the_rules_hear_no_place_or_one_outside_they_stand(
    places: PlaceResolver, story: str
) -> None:
    alone = PlaceResolver(places._gazetteer)
    assert seats(places, story) == seats(alone, story)


def test_the_reason_holds_no_word_of_the_caller(places: PlaceResolver) -> None:
    found = told(places, "எங்க மாமனார் ஊரு திருவாரூருங்க நாங்க கும்பகோணத்துல இருக்கோம் சாக்கடை நாத்தம்")
    assert found is not None
    assert "learned" in found.why
    assert "=" not in found.why


@pytest.mark.parametrize(
    ("said", "case"),
    [
        ("தேனில", "in"), ("தேனிக்கு", "to"), ("தேனிலேர்ந்து", "from"), ("தேனில இருந்து", "from"),
        ("தேனிக்காரன்", "people"), ("தேனி", "plain"), ("நாகர்கோவில்", "plain"), ("theni la", "in"),
    ],
)  # fmt: skip
def test_the_ending_of_a_name_is_a_cue(finder: MentionFinder, said: str, case: str) -> None:
    words = split_words(said)
    (mention,) = finder.find(words, asked=True)
    assert ending(words, mention) == case


def test_a_file_that_is_none_of_ours_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "places.npz"
    np.savez(path, weights=np.zeros(3))
    with pytest.raises(
        ValueError, match=r"places\.npz is not what was learned: it lacks bias, cues"
    ):
        PlaceJudge.load({}, path)
