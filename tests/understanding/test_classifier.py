"""The learned second opinion: what it reads, and how it is weighed against the tables."""

import numpy as np
import pytest

from agent.complaint import Category, Intent
from agent.tamil.normalize import clean
from agent.tamil.words import masked, split_words
from agent.understanding.classifier import Classifier, Opinion, grams, word_grams
from agent.understanding.intents import Hazard
from agent.understanding.keywords import Scored
from agent.understanding.second_opinion import (
    Danger,
    danger,
    guessed_trouble,
    is_sure,
    main_trouble,
    purpose,
)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load()


def read(classifier: Classifier, text: str) -> Opinion:
    opinion = classifier.read(split_words(clean(text)))
    assert opinion is not None
    return opinion


def best(opinion: Opinion, group: str) -> str:
    scores = opinion.scores[group]
    return max(scores, key=scores.__getitem__)


def opinion_of(category: dict[str, float], intent: dict[str, float] | None = None) -> Opinion:
    scores = {"category": category, "intent": intent or {}}
    return Opinion(scores, {group: dict.fromkeys(labels, 0) for group, labels in scores.items()})


def test_a_word_is_known_by_its_pieces_and_as_a_whole() -> None:
    assert word_grams("tani") == [
        "^ta", "tan", "ani", "ni$", "^tan", "tani", "ani$", "^tani", "tani$", "^tani$", "=tani",
    ]  # fmt: skip
    assert word_grams("") == []


def test_each_piece_of_a_sentence_counts_once_and_neighbours_make_pairs() -> None:
    found = grams(["tani", "", "tani"])
    assert found.count("=tani") == 1
    assert "tani tani" in found


@pytest.mark.parametrize(
    ("said", "category"),
    [
        ("கொழாய்ல ஒரு சொட்டு கூட எறங்கல, கொடத்த வச்சிக்கிட்டு வரிசைல நிக்கோம்", "WATER"),
        ("எங்க தாத்தா பேருல இருந்த நெலத்த எங்க பேருக்கு மாத்தித் தர மாட்டேங்குறாங்க", "PATTA"),
        ("enga oor ku varra single bus ah niruthitaanga, pasanga nadandhu poranga", "BUS"),
    ],
)
def test_the_trouble_is_known_in_both_scripts(
    classifier: Classifier, said: str, category: str
) -> None:
    assert best(read(classifier, said), "category") == category


@pytest.mark.parametrize(
    ("said", "intent"),
    [
        ("மச்சான் ரெண்டு பிரியாணி பார்சல் போட்டு வை, வந்து வாங்கிக்கறேன்", "wrong_number"),
        ("போன வாரம் குடுத்த மனு என்ன ஆச்சுன்னு தெரிஞ்சுக்கணும்", "status"),
        ("வணக்கம் சார், நான் விழுப்புரத்துல இருந்து பேசறேன், ஒரு விஷயம் சொல்லணும்", "none"),
    ],
)
def test_the_purpose_is_known(classifier: Classifier, said: str, intent: str) -> None:
    assert best(read(classifier, said), "intent") == intent


def test_masked_words_do_not_count(classifier: Classifier) -> None:
    words = split_words("டாஸ்மாக் கடை")
    assert classifier.read(masked(words, range(2))) is None
    assert classifier.read(()) is None


def test_the_word_that_speaks_most_for_a_label_is_told(classifier: Classifier) -> None:
    opinion = read(classifier, "எங்க ஏரியாவுல கொசு")
    assert opinion.strongest["category"]["MOSQUITO"] == 2


def test_a_file_that_is_none_of_ours_is_refused(tmp_path) -> None:
    path = tmp_path / "classifier.npz"
    np.savez(path, weights=np.zeros(3))
    with pytest.raises(ValueError, match=r"classifier\.npz is not what was learned"):
        Classifier.load(path)


# -- weighing ---------------------------------------------------------------------------------

WATER = Scored(Category.WATER, 3.0, "தண்ணி", 1)
ROAD = Scored(Category.ROAD, 24.0, "ரோடு", 2)


def test_where_both_agree_there_is_no_doubt() -> None:
    told = main_trouble([WATER], opinion_of({"WATER": 0.2, "ROAD": -0.9}))
    assert [s.category for s in told] == [Category.WATER]
    assert told[0].confidence >= 0.75


def test_a_weak_word_of_a_table_yields_to_a_clear_opinion_and_stays_doubtful() -> None:
    told = main_trouble([WATER], opinion_of({"WATER": -0.9, "ROAD": 0.4}), length=20)
    assert [s.category for s in told] == [Category.ROAD, Category.WATER]
    assert told[0].confidence < 0.75


def test_a_decisive_table_stands_but_is_doubtful_when_contradicted() -> None:
    told = main_trouble([ROAD], opinion_of({"WATER": -0.2, "ROAD": -0.6}))
    assert told[0].category is Category.ROAD
    assert told[0].confidence < 0.75


def test_in_a_short_sentence_the_table_counts_more() -> None:
    opinion = opinion_of({"WATER": -0.4, "ROAD": 0.1})
    assert main_trouble([WATER], opinion, length=24)[0].category is Category.ROAD
    assert main_trouble([WATER], opinion, length=4)[0].category is Category.WATER


def test_nothing_is_found_where_the_tables_found_nothing_unless_it_is_a_complaint() -> None:
    assert main_trouble([], opinion_of({"WATER": 0.9})) == []
    guessed = guessed_trouble(opinion_of({"WATER": 0.9, "ROAD": -0.2}))
    assert guessed is not None
    assert guessed.category is Category.WATER
    assert guessed.confidence < 0.75
    assert guessed_trouble(opinion_of({"WATER": -0.8, "ROAD": -0.9})) is None


@pytest.mark.parametrize(
    ("table", "learned", "intent", "agreed"),
    [
        (Intent.STATUS, {"status": 0.5, "complaint": -0.5}, Intent.STATUS, True),
        (Intent.COMPLAINT, {"wrong_number": 0.8, "complaint": -0.9}, Intent.WRONG_NUMBER, False),
        (Intent.COMPLAINT, {"wrong_number": 0.2, "complaint": -0.2}, Intent.COMPLAINT, False),
        (None, {"complaint": -0.1, "none": -1.5}, None, False),
        (None, {"complaint": 1.2, "none": -0.5}, Intent.COMPLAINT, False),
        (Intent.COMPLAINT, {"none": 1.5, "complaint": -1.0}, Intent.COMPLAINT, False),
    ],
)
def test_purposes_are_weighed(table, learned, intent, agreed) -> None:
    assert purpose(table, opinion_of({}, learned)) == (intent, agreed)


NAMED = Hazard("fire", "தீ பிடிச்சு")


CRIED = Hazard("fire", "தீ பிடிச்சு", called=True)
LEARNED = Hazard("learned", "classifier")
SHORT = "காப்பாத்துங்க சீக்கிரம் யாராவது ஓடி வாங்க"
LONG = f"{SHORT} {SHORT} {SHORT}"


@pytest.mark.parametrize(
    ("said", "table", "learned", "found"),
    [
        (SHORT, NAMED, -1.5, Danger(NAMED)),
        (LONG, NAMED, -0.8, Danger(NAMED)),
        (LONG, NAMED, -1.5, Danger(None, NAMED)),
        (LONG, CRIED, -1.5, Danger(CRIED)),
        (LONG, None, -0.6, Danger(None)),
        (LONG, None, -0.3, Danger(None, LEARNED)),
        (SHORT, None, -0.3, Danger(None)),
        (SHORT, None, 0.9, Danger(LEARNED)),
    ],
)
def test_danger_is_found_by_both_and_what_is_doubted_is_asked_about(
    said, table, learned, found
) -> None:
    words = split_words(said)
    assert danger(table, opinion_of({}, {"emergency": learned}), words) == found
    assert danger(table, None, words) == Danger(table)


def test_a_few_words_are_left_to_the_tables() -> None:
    opinion = opinion_of({}, {"emergency": 2.0, "abuse": 2.0, "complaint": -1.0})
    assert danger(None, opinion, split_words("போர்வெல் மோட்டார்")) == Danger(None)
    assert purpose(Intent.COMPLAINT, opinion, length=2) == (Intent.COMPLAINT, True)


def test_where_danger_is_suspected_nothing_is_agreed() -> None:
    learned = {"emergency": -0.3, "complaint": 0.4}
    assert purpose(Intent.COMPLAINT, opinion_of({}, learned)) == (Intent.COMPLAINT, False)


def test_without_an_opinion_the_tables_stand() -> None:
    assert purpose(None, None) == (None, True)
    assert main_trouble([WATER], None) == [WATER]


def test_a_danger_is_sure_only_when_the_classifier_hears_it_too():
    calm = Opinion({"intent": {"emergency": -0.9}}, {})
    loud = Opinion({"intent": {"emergency": 0.6}}, {})
    assert not is_sure(calm, 12)
    assert is_sure(loud, 12)
    assert is_sure(calm, 3)
    assert is_sure(None, 12)
