import pytest

from agent.complaint import Category, Priority
from agent.tamil.words import split_words
from agent.understanding.keywords import Keywords, default_priority
from agent.understanding.tables import read_csv

CODES = [row for row in read_csv("categories") if row["code"] not in ("EMERGENCY",)]


@pytest.fixture(scope="module")
def keywords():
    return Keywords.load()


@pytest.mark.parametrize("row", CODES, ids=[row["code"] for row in CODES])
def test_the_example_of_each_category_is_read_as_that_category(rules, row):
    assert rules.understand(row["example_utterance_ta"]).categories == (Category(row["code"]),)


def test_nearly_every_keyword_of_the_table_speaks_for_its_category(rules):
    pairs = [
        (row["code"], word)
        for row in CODES
        if row["code"] != "OTHER"
        for word in (row["keywords_ta"] + "|" + row["keywords_en"]).split("|")
    ]
    missed = [
        (code, word)
        for code, word in pairs
        if (rules.understand(word).categories or (None,))[0] != Category(code)
    ]
    print(f"\nkeywords: {1 - len(missed) / len(pairs):.1%} of {len(pairs)}; missed: {missed}")
    assert len(missed) <= 0.01 * len(pairs)


def test_every_category_has_a_priority():
    assert default_priority(Category.EMERGENCY) is Priority.EMERGENCY
    assert default_priority(Category.WATER) is Priority.HIGH
    assert default_priority(Category.JOBS) is Priority.LOW
    assert all(default_priority(category) for category in Category)


def test_a_category_says_what_spoke_for_it_and_how_surely(keywords):
    (scored,) = keywords.categories(split_words("எங்க தெருவுல சாக்கட அடச்சு கெடக்கு"), {})
    assert scored.category is Category.SEWAGE
    assert scored.evidence in ("சாக்கடை", "சாக்கட")
    assert scored.confidence == 1.0


def test_a_second_trouble_must_be_named_not_only_hinted(keywords):
    words = split_words("குப்பை அள்ளல அப்புறம் தண்ணி மோட்டார்")
    assert [s.category for s in keywords.categories(words, {})] == [Category.GARBAGE]


def test_words_without_a_trouble_have_no_category(keywords):
    assert keywords.categories(split_words("ஒரு நிமிஷம் இருங்க"), {}) == ()
