"""Readings of a length of time, and which of them is chosen."""

from pathlib import Path

import numpy as np
import pytest

from agent.complaint import Slot
from agent.tamil.normalize import clean
from agent.tamil.numbers import find_numbers
from agent.tamil.words import split_words
from agent.understanding.day_choice import ASKED, DayChooser, WeighedDays
from agent.understanding.day_features import Scene, Setting, features_of
from agent.understanding.day_readings import MOST, Reading
from agent.understanding.day_words import Said
from agent.understanding.days import Days
from agent.understanding.rules import Rules
from agent.understanding.tables import DATA

STORY = Setting("story", "complaint")
AGE_AND_TROUBLE = "அவருக்கு எழுபது வயசு, பத்து வருசமா இங்க இருக்கோம், மூணு நாளா தண்ணி வரல"


@pytest.fixture(scope="module")
def weighed() -> WeighedDays:
    return WeighedDays.load(Days())


def scene_of(
    weighed: WeighedDays, text: str, setting: Setting = STORY
) -> tuple[Said, list[Reading], Scene]:
    words = split_words(clean(text))
    return weighed.scene(words, find_numbers([word.text for word in words]), setting, 0)


def days_of(weighed: WeighedDays, text: str, setting: Setting = STORY) -> int | None:
    words = split_words(clean(text))
    found = weighed.read(words, find_numbers([word.text for word in words]), setting)
    return found.days if found is not None else None


def chooser(**weights: int) -> DayChooser:
    names = [name.replace("__", "=") for name in weights]
    return DayChooser(
        {
            "features": np.array("\n".join(names)),
            "weights": np.array(list(weights.values()), np.int8),
            "scale": np.float32(0.1),
        }
    )


def test_every_length_is_a_reading_whatever_it_measures(weighed: WeighedDays) -> None:
    _, found, _ = scene_of(weighed, AGE_AND_TROUBLE)
    assert {3650, 3} <= {each.days for each in found}
    _, found, _ = scene_of(weighed, "நேத்து சொன்னேன், ரெண்டு நாள்ல வரும்னாங்க")
    assert {1, 2} <= {each.days for each in found}


def test_a_bare_number_is_a_reading_only_of_an_answer(weighed: WeighedDays) -> None:
    text = "ஒரு பதினாறு இருக்கும்"
    assert not scene_of(weighed, text)[1]
    assert 16 in {each.days for each in scene_of(weighed, text, Setting(ASKED))[1]}


def test_no_more_readings_are_weighed_than_one_breath_holds(weighed: WeighedDays) -> None:
    assert len(scene_of(weighed, "ரெண்டு நாளா, " * 30)[1]) == MOST


def test_without_a_reading_nothing_is_chosen(weighed: WeighedDays) -> None:
    assert days_of(weighed, "தண்ணி வரல") is None
    assert days_of(weighed, "") is None


def test_the_heavier_features_win_and_equal_days_count_together(weighed: WeighedDays) -> None:
    said, found, scene = scene_of(weighed, "மூணு நாளா மூணு நாளா தண்ணி இல்ல")
    assert [each.days for each in found] == [3, 3]
    even = chooser(none=0).choose(said, found, scene)
    assert even.reading is not None
    assert even.share == pytest.approx(2 / 3)
    nothing = chooser(none=50).choose(said, found, scene)
    assert nothing.reading is None
    assert nothing.share > 0.9


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("பையன் காலேசு சேந்து ரெண்டு வருசமாச்சுங்க, ஸ்காலர்சிப்பு மூணு மாசமா வருலீங்க", 90),
        (AGE_AND_TROUBLE, 3),
        ("தெருவெளக்கு எரிஞ்சு அஞ்சு நாளாச்சு", 5),
        ("oru vaarama current illa, 2 naal la varum nu sonnanga", 7),
        ("இருபது வருசமா இந்த ஊர்ல இருக்கேன், ரோடு போட்டுத் தாங்க", None),
    ],
)
def test_the_length_of_the_trouble_is_chosen(
    weighed: WeighedDays, text: str, days: int | None
) -> None:
    assert days_of(weighed, text) == days


@pytest.mark.parametrize(
    ("not_it", "it", "days"),
    [
        (
            "அம்மாவுக்கு ஒரு வருசமா டயாலிசிஸ் நடக்குது, காப்பீட்டு அட்ட வேணும்",
            "டயாலிசிஸ் மெஷினு ஒரு வருசமா ரிப்பேரா கெடக்கு",
            365,
        ),
        (
            "நெல்லு நட்டு நாப்பது நாளாச்சு, யூரியா கெடைக்கல",
            "நாப்பது நாளாச்சு வாய்க்கால்ல தண்ணி வந்து, நெல்லு காயுது",
            40,
        ),
        (
            "எட்டு வருசமா இங்க வேலை பாக்குறேன், நிரந்தரம் பண்ணுங்க",
            "எட்டு வருசமா வேலை இல்லாம சும்மா இருக்கேன்",
            2920,
        ),
        (
            "எங்க அப்பா இறந்து ஆறு மாசமாச்சு, வாரிசு சான்று வேணும்",
            "வாரிசு சான்றுக்கு எழுதிக் குடுத்து ஆறு மாசமாச்சு, இன்னும் தரல",
            180,
        ),
        (
            "தெரு பூராம் நாயிங்க, போன வாரம் ஒரு பையன கடிச்சுது",
            "போன வாரம் எங்க வீட்டுல பைக்க திருடிட்டு போயிட்டான்",
            7,
        ),
    ],
)
def test_the_length_of_something_else_is_none_of_the_trouble(
    weighed: WeighedDays, not_it: str, it: str, days: int
) -> None:
    assert days_of(weighed, not_it) is None
    assert days_of(weighed, it) == days


def test_what_a_length_is_of_is_told_by_the_words_nearest_to_it(weighed: WeighedDays) -> None:
    said, found, scene = scene_of(weighed, "மூணு மாசமா வைத்தியம், அஞ்சு நாளா மருந்து வரல")
    of_treatment, of_trouble = (features_of(said, found, at, scene) for at in range(2))
    assert "Sillness!" in of_treatment
    assert "Sillness!" not in of_trouble
    assert "Sstopped!" in of_trouble


def test_a_home_of_ten_years_is_no_trouble_where_the_place_was_asked(weighed: WeighedDays) -> None:
    assert days_of(weighed, "பத்து வருசமா இங்கதான் இருக்கோம், ஏர்வாடி", Setting("other")) is None


def test_too_vague_an_answer_stays_an_answer(weighed: WeighedDays) -> None:
    words = split_words(clean("ரொம்ப நாளா"))
    found = weighed.read(words, [], Setting(ASKED))
    assert found is not None
    assert found.days is None


def test_a_decision_says_how_likely_it_is(rules: Rules) -> None:
    turn = rules.understand("மூணு நாளா எங்க தெருவுல தண்ணி வரல", Slot.COMPLAINT)
    (reason,) = [each for each in turn.decisions if each.field == "days"]
    assert reason.value == "3"
    assert 0.75 < reason.score <= 1


def test_the_file_is_small_and_knows_nothing_of_rules_mended_on_a_sentence() -> None:
    path = DATA / "day_choice.npz"
    assert path.stat().st_size < 300_000
    with np.load(path, allow_pickle=False) as model:
        names = str(model["features"]).split("\n")
    assert any(name.startswith("rule=") for name in names)
    assert not any(name.startswith("~") for name in names)


def test_another_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, features=np.array("none"))
    with pytest.raises(ValueError, match="it lacks"):
        DayChooser.load(path)
