"""Numbers in English words."""

from __future__ import annotations

import pytest

from agent.tamil import speller, speller_english


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (7, "seven"),
        (19, "nineteen"),
        (30, "thirty"),
        (45, "forty five"),
        (100, "one hundred"),
        (1_005, "one thousand five"),
        (2_50_000, "two lakh fifty thousand"),
    ],
)
def test_a_whole_number_is_said_as_in_india(number: int, words: str) -> None:
    assert speller_english.spell_number(number) == words


def test_digits_pause_where_the_tamil_ones_do() -> None:
    for number in ("204103274", "9842113576", "04422334455", "12345"):
        for spell in ("spell_ticket", "spell_phone"):
            english = getattr(speller_english, spell)(number)
            tamil = getattr(speller, spell)(number)
            assert [len(part.split()) for part in english.split(",")] == [
                len(part.split()) for part in tamil.split(",")
            ]


@pytest.mark.parametrize("number", [-1, 1_000_000_000])
def test_a_number_out_of_range_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="999,999,999"):
        speller_english.spell_number(number)


@pytest.mark.parametrize(("digits", "group"), [("12a", 3), ("12", 0), ("௧௨", 2)])
def test_only_digits_are_spelled(digits: str, group: int) -> None:
    with pytest.raises(ValueError, match="only digits"):
        speller_english.spell_digits(digits, group)
