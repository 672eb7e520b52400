"""Several troubles in one breath: a second noun that is only circumstance adds none."""

from __future__ import annotations

import pytest

from agent.complaint import Category, Slot
from agent.understanding.rules import Rules

C = Category


@pytest.fixture(scope="module")
def rules() -> Rules:
    """Rules as they are loaded in a call."""
    return Rules.load()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("வருமானச் சான்றிதழுக்கு ஆறு மாசமா அலையறேன், ஐநூறு ரூவா குடுத்தாத்தானாம்", {C.CERTIFICATE, C.CORRUPTION}),
        ("பட்டா மாத்த ஒரு வருசமாச்சு, இப்ப சர்வேயர் எட்டாயிரம் எடுத்து வைங்கறாரு", {C.PATTA, C.CORRUPTION}),
        ("பட்டா மாத்த அஞ்சாயிரம் லஞ்சம் கேக்குறாரு", {C.CORRUPTION}),
        ("மோட்டாருக்கு கரண்ட் இருக்கு ஆனா குடிதண்ணி பைப்புல வரவே இல்ல", {C.WATER}),
        ("ஒரு வாரமா தண்ணியும் வரல தெரு லைட்டும் எரியல", {C.WATER, C.STREETLIGHT}),
        ("எங்க அம்மாவுக்கு முதியோர் பணம் வரல அப்புறம் ரேசன்ல பருப்பும் தரல", {C.PENSION, C.RATION}),
        ("naalu naala thanni varala plus kuppa vandiyum varala", {C.WATER, C.GARBAGE}),
        ("ஒரு வாரமா தண்ணி வரல பக்கத்து தெருவுல எல்லாருக்கும் வருது", {C.WATER}),
        ("பள்ளிக்கூடம் முன்னாடி லைட்டு எரியல, கரண்டெல்லாம் நல்லாத்தான் இருக்கு", {C.STREETLIGHT}),
        ("சாக்கடை எல்லாம் சுத்தமா இருக்கு ஆனா கொசு மருந்தே அடிக்கல", {C.MOSQUITO}),
    ],
)  # fmt: skip
def test_a_second_trouble_is_told_or_only_beside(
    rules: Rules, text: str, wanted: set[Category]
) -> None:
    """A bribe for what was long waited for is a second one; what is all right is none."""
    assert set(rules.understand(text, Slot.COMPLAINT).categories) == wanted
