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
    "text",
    [
        "பத்து நாளா இருபது வீட்டுல முப்பது பேருக்கு தண்ணி வரல",
        "ரெண்டு லட்சம் ரூபாய் கேட்டாங்க",
        "2026 ல 1500 ரூபாய் கட்டினேன்",
        "அஞ்சு நாளா தண்ணி வரல ரெண்டு தடவ சொன்னேன்",
        "வார்டு பன்னெண்டு தெரு நாலு வீட்டு எண் முப்பத்தி ரெண்டு",
        "ஒரு நாள் இல்ல ரெண்டு நாள் இல்ல ஒரு மாசமா",
    ],
)
def test_counts_years_and_sums_stay_readable(text: str) -> None:
    assert mask_text(text, None) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("என் நம்பர் 95001 23456 தான்", "என் நம்பர் *********** தான்"),
        ("ஆதார் 1234-5678-9012", "ஆதார் **************"),
        ("௯௫௦௦௧௨௩௪௫௬", "**********"),
        ("5 நாளா, 12 வீடு, 2026", "5 நாளா, 12 வீடு, 2026"),
        ("என் நம்பர் ஒம்பது அஞ்சு சைபர் சைபர் ஒண்ணு ரெண்டு மூணு நாலு அஞ்சு ஆறு தான்", "என் நம்பர் *** தான்"),
        ("தொண்ணூத்தி அஞ்சு சைபர் சைபர் பன்னெண்டு முப்பத்தி நாலு அம்பத்தி ஆறு", "***"),
        ("நைன் ஃபைவ் டபுள் ஜீரோ ஒன் டூ த்ரீ ஃபோர் ஃபைவ் சிக்ஸ் கூப்பிடுங்க", "*** கூப்பிடுங்க"),
        ("call nine five zero zero one, two three four five six", "call ***"),
        ("onbathu anju saibar saibar onnu rendu moonu naalu anju aaru", "***"),
        ("ஆதார் ஒண்ணு ரெண்டு மூணு நாலு, அஞ்சு ஆறு ஏழு எட்டு, ஒம்பது பூஜ்யம் ஒண்ணு ரெண்டு", "ஆதார் ***"),
        ("௯௫ சைபர் ௦ ௧௨௩௪௫௬", "***"),
        ("95001 அப்புறம் 23456", "***"),
        ("950 01, 234, 56 கூப்பிடுங்க", "*** கூப்பிடுங்க"),
        ("மூணு தடவை ஒம்பது அஞ்சு, அப்புறம் நாலு அஞ்சு ஆறு ஏழு எட்டு சைபர்", "மூணு தடவை ***"),
        (f"{'தண்ணி வரல ' * 80}ஒம்பது அஞ்சு சைபர் சைபர் ஒண்ணு ரெண்டு", f"{'தண்ணி வரல ' * 80}***"),
        ("நான் மீனா பேசறேன்", "நான் மீ*** பேசறேன்"),
        ("", ""),
        (None, None),
    ],
)
def test_free_text_loses_long_numbers_and_the_callers_name(text: str, shown: str) -> None:
    assert mask_text(text, "மீனா") == shown
