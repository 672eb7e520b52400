"""Cutting sentences into recorded and spoken runs."""

import itertools
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.speech.pieces import Cutter, Piece, cut, spoken_form

FIXED = ["உங்கள் இடம்", "உங்கள் இடம் எது?", ", சரியா?", "உங்கள் டிக்கெட் எண்", "நன்றி.", "சரி"]


def shape(text: str, fixed: list[str] = FIXED) -> list[tuple[str, bool]]:
    return [(piece.text, piece.fixed) for piece in cut(text, fixed)]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("  \n ", []),
        ("நன்றி.", [("நன்றி.", True)]),
        (
            "உங்கள் இடம் கொரட்டூர், சரியா?",
            [("உங்கள் இடம்", True), ("கொரட்டூர்,", False), ("சரியா?", True)],
        ),
        ("உங்கள் இடம் எது?", [("உங்கள் இடம் எது?", True)]),
        ("உங்கள்  இடம்\nஎன்ன", [("உங்கள் இடம்", True), ("என்ன", False)]),
        ("சரிவர இல்லை", [("சரிவர இல்லை", False)]),
        ("அது சரி நன்றி.", [("அது", False), ("சரி", True), ("நன்றி.", True)]),
        ("உங்கள்", [("உங்கள்", False)]),
    ],
)
def test_the_longest_piece_wins_and_never_inside_a_word(text: str, pieces: list[tuple[str, bool]]):
    assert shape(text) == pieces


def test_two_part_tamil_matches_composed_tamil():
    assert shape("ப" + "\u0bc6\u0bbe" + "து இடம்", ["பொது இடம்"]) == [("பொது இடம்", True)]


def test_a_fixed_piece_is_given_before_the_text_after_it_has_come():
    cutter = Cutter(FIXED)
    assert cutter.push("உங்கள் டிக்கெட் எண் ") == [Piece("உங்கள் டிக்கெட் எண்", fixed=True)]
    assert cutter.push("இரண்டு சைபர்") == []
    assert cutter.finish() == [Piece("இரண்டு சைபர்", fixed=False)]


def test_a_piece_that_may_still_grow_is_held_back():
    cutter = Cutter(FIXED)
    assert cutter.push("உங்கள் இடம் ") == []
    assert cutter.push("எது? ") == [Piece("உங்கள் இடம் எது?", fixed=True)]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (" , சரியா? ", "சரியா?"),
        ("எண் (", "எண்"),
        ("...", ""),
        ("ஒன்று  இரண்டு\n", "ஒன்று இரண்டு"),
        ("!", ""),
    ],
)
def test_marks_that_stand_alone_at_the_ends_do_not_belong_to_a_recording(text: str, form: str):
    assert spoken_form(text) == form
    assert spoken_form(form) == form


words = st.text(st.sampled_from("கஙச்ாொ்ொ.,?ab1 \n\t"), max_size=6)
texts = st.lists(words, max_size=14).map(" ".join)


@given(texts, st.lists(texts, max_size=6))
def test_the_pieces_are_the_words_of_the_text(text: str, fixed: list[str]):
    pieces = cut(text, fixed)
    expected = [unicodedata.normalize("NFC", word) for word in text.split()]
    assert " ".join(piece.text for piece in pieces) == " ".join(expected)
    forms = {spoken_form(piece) for piece in fixed}
    assert all(piece.text in forms for piece in pieces if piece.fixed)
    assert all(piece.text == " ".join(piece.text.split()) != "" for piece in pieces)


@given(texts, st.lists(texts, max_size=6), st.lists(st.integers(0, 80), max_size=8))
def test_chopping_the_text_changes_nothing(text: str, fixed: list[str], at: list[int]):
    cutter, pieces = Cutter(fixed), list[Piece]()
    edges = [0, *sorted(min(edge, len(text)) for edge in at), len(text)]
    for begin, end in itertools.pairwise(edges):
        pieces += cutter.push(text[begin:end])
    assert [*pieces, *cutter.finish()] == cut(text, fixed)


@given(st.lists(texts, min_size=1, max_size=6), st.data())
def test_a_fixed_piece_alone_is_always_found(fixed: list[str], data: st.DataObject):
    chosen = spoken_form(data.draw(st.sampled_from(fixed)))
    if chosen:
        assert cut(chosen, fixed) == [Piece(chosen, fixed=True)]
