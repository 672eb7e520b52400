"""What is said after a voice broke off."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies

from agent.speech.rest_of import Pace

TEXT = "உங்கள் புகார் எண் ஒன்று இரண்டு மூன்று நான்கு ஐந்து ஆறு"


def test_nothing_heard_means_everything_is_said():
    assert Pace().rest_of(TEXT, 0.0) == TEXT


def test_the_rest_begins_one_word_before_the_break():
    pace = Pace()
    pace.letters_a_second = 10.0
    heard = len("உங்கள் புகார் எண் ") / 10
    assert pace.rest_of(TEXT, heard + 0.05).startswith("எண் ஒன்று")


def test_even_after_everything_was_heard_the_last_word_is_said():
    assert Pace().rest_of(TEXT, 60.0) == "ஆறு"


def test_the_pace_is_learned_from_what_was_said_to_the_end():
    pace = Pace()
    for _ in range(30):
        pace.learn("அ" * 60, 3.0)
    assert pace.letters_a_second == pytest.approx(20.0, abs=0.1)
    pace.learn("அ", 0.1)
    assert pace.letters_a_second == pytest.approx(20.0, abs=0.1)


@given(
    strategies.lists(strategies.text("அகசடத", min_size=1, max_size=9), min_size=1),
    strategies.floats(0, 100),
)
def test_the_rest_is_an_ending_of_the_text_and_never_empty(words, spoken_s):
    rest = Pace().rest_of(" ".join(words), spoken_s)
    assert rest
    assert " ".join(words).endswith(rest)
