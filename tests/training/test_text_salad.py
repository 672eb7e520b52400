"""Word salad: well-formed, wide, and nothing of what is kept for the test."""

from __future__ import annotations

from random import Random

import pytest

from agent.settings import PROJECT_DIR
from training.text_lexicon import load_lexicon
from training.text_pseudo import PseudoWords
from training.text_salad import MISSHAPEN, WordSalad, spoken, stem
from training.tokenizer import build_tokenizer


@pytest.fixture(scope="module")
def salad() -> WordSalad:
    lexicon = load_lexicon(PROJECT_DIR / "agent" / "understanding" / "data")
    return WordSalad(lexicon, PseudoWords(lexicon))


def test_every_word_is_well_formed_and_can_be_written(salad: WordSalad) -> None:
    tokenizer, rng = build_tokenizer(), Random(1)
    unknown = tokenizer.token_to_id("<unk>")
    for _ in range(2_000):
        text = salad.draw(rng)
        assert 2 <= len(text.split()) <= 9 + 4  # a known "word" may be two
        assert not any(MISSHAPEN.search(word) for word in text.split())
        assert unknown not in tokenizer.encode(text).ids


def test_it_is_wide(salad: WordSalad) -> None:
    rng = Random(2)
    words = {word for _ in range(4_000) for word in salad.draw(rng).split()}
    assert len(words) > 6_000


def test_the_same_random_state_gives_the_same_salad(salad: WordSalad) -> None:
    assert [salad.draw(Random(3)) for _ in range(5)] == [salad.draw(Random(3)) for _ in range(5)]


def test_a_stem_ends_in_a_vowel() -> None:
    for seed in range(50):
        assert not stem("தெருவிளக்கு", Random(seed)).endswith("்")


@pytest.mark.parametrize(("formal", "said"), [("மழை", "மழ"), ("நிலம்", "நெலம்"), ("உடை", "ஒட")])
def test_words_are_spelled_as_they_are_said(formal: str, said: str) -> None:
    assert any(spoken(formal, Random(seed)).startswith(said) for seed in range(60))
