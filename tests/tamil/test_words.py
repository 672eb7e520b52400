import pytest

from agent.tamil.words import MAX_LETTERS, MAX_WORDS, masked, spaced, split_words


def texts(text):
    return [word.text for word in split_words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("OMR ல road full ஆ damage", ["omr", "ல", "road", "full", "ஆ", "damage"]),
        ("வி.ஏ.ஓ. ஆபீஸ்ல", ["வி", "ஏ", "ஓ", "ஆபீஸ்ல"]),
        ("101, 112... சரி", ["101", "112", "சரி"]),
        ("5ஆம் வார்டு", ["5", "ஆம்", "வார்டு"]),
        ("!!! ... ", []),
    ],
)
def test_text_is_split_into_words_of_one_script(text, expected):
    assert texts(text) == expected


@pytest.mark.parametrize(
    ("text", "gaps"),
    [
        ("சேலம், ஆத்தூர்", ["", ","]),
        ("வரல. எங்க", ["", "."]),
        ("எம்.ஜி.ஆர். நகர்", ["", "", "", ""]),
        ("சேலம்... இல்ல", ["", "."]),
        ("என்ன? சரி", ["", "."]),
    ],
)
def test_a_pause_is_remembered_but_initials_have_none(text, gaps):
    assert [word.gap for word in split_words(text)] == gaps


def test_a_stretch_is_given_back_as_it_was_said():
    text = "எங்க ஊர் Velachery, சென்னை."
    words = split_words(text)
    assert spaced(text, words[2:]) == "Velachery, சென்னை"
    assert spaced(text, ()) == ""


def test_masked_words_keep_their_place_and_match_nothing():
    words = masked(split_words("விளாத்திகுளம் தண்ணி"), {0})
    assert [word.text for word in words] == ["", "தண்ணி"]
    assert words[0].end == len("விளாத்திகுளம்")


def test_an_endless_turn_is_read_up_to_a_limit():
    assert len(split_words("தண்ணி " * 10_000)) == MAX_WORDS


def test_an_endless_word_is_read_up_to_a_limit_and_keeps_its_place():
    text = "ஆத்தூர்" * 5_000
    words = split_words(text)
    assert len(words) == 1
    assert len(words[0].text) == MAX_LETTERS
    assert (words[0].start, words[0].end) == (0, len(text))
