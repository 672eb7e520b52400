from __future__ import annotations

import pytest

from agent.tickets.masking import mask_name, mask_phone, mask_text


@pytest.mark.parametrize(
    ("name", "shown"),
    [("மீனா", "மீ***"), ("Meena", "M***"), ("க்ஷமா", "க்***"), ("அ", "அ***"), ("", ""), (None, None)],
)
def test_of_a_name_the_first_letter_with_its_signs_is_shown(name: str, shown: str) -> None:
    assert mask_name(name) == shown


@pytest.mark.parametrize(
    ("phone", "shown"),
    [("9500123456", "******3456"), ("04422334455", "*******4455"), ("123", "***"), (None, None)],
)
def test_of_a_phone_number_the_last_four_digits_are_shown(phone: str, shown: str) -> None:
    assert mask_phone(phone) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("என் நம்பர் 95001 23456 தான்", "என் நம்பர் *********** தான்"),
        ("ஆதார் 1234-5678-9012", "ஆதார் **************"),
        ("௯௫௦௦௧௨௩௪௫௬", "**********"),
        ("5 நாளா, 12 வீடு, 2026", "5 நாளா, 12 வீடு, 2026"),
        ("நான் மீனா பேசறேன்", "நான் மீ*** பேசறேன்"),
        ("", ""),
        (None, None),
    ],
)
def test_free_text_loses_long_numbers_and_the_callers_name(text: str, shown: str) -> None:
    assert mask_text(text, "மீனா") == shown
