"""Numbers that are known, said in every way callers say them, are read; incomplete ones are not."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from random import Random

import pytest

from agent.check_digit import is_valid
from agent.complaint import Slot
from agent.understanding.rules import Rules

_PATH = Path(__file__).with_name("number_speech.py")
_SPEC = importlib.util.spec_from_file_location("number_speech", _PATH)
assert _SPEC is not None
assert _SPEC.loader is not None
number_speech = importlib.util.module_from_spec(_SPEC)
sys.modules["number_speech"] = number_speech
_SPEC.loader.exec_module(number_speech)

DRAWN = 120
"""Numbers said in each way; about 5 ms each."""
WAYS = ("number", "slip", "restart", "twice")


@pytest.fixture(scope="module")
def rules() -> Rules:
    """Rules that know the check digit."""
    return Rules.load(valid_ticket=is_valid)


def _ticket(random: Random) -> str:
    while not is_valid(digits := "".join(random.choice("0123456789") for _ in range(9))):
        pass
    return digits


@pytest.mark.parametrize("way", WAYS)
def test_a_mobile_number_is_read_however_it_is_said(rules: Rules, way: str) -> None:
    """Digits, pairs, threes, double, fillers, slips, restarts, repeats and other numbers around."""
    random = Random(way)
    speaker = number_speech.Speaker(random)
    for _ in range(DRAWN):
        digits = number_speech.mobile(random)
        text = speaker.framed(getattr(speaker, way)(digits))
        assert rules.understand(text, Slot.PHONE).phone == digits, text


def test_a_land_line_is_read_with_its_area_code(rules: Rules) -> None:
    """Eleven digits from 0."""
    random = Random("land line")
    speaker = number_speech.Speaker(random)
    for _ in range(DRAWN):
        digits = number_speech.land_line(random)
        text = speaker.framed(speaker.number(digits))
        assert rules.understand(text, Slot.PHONE).phone == digits, text


@pytest.mark.parametrize("way", WAYS[:3])
def test_a_ticket_number_is_read_however_it_is_said(rules: Rules, way: str) -> None:
    """Nine digits with a right check digit."""
    random = Random(f"ticket {way}")
    speaker = number_speech.Speaker(random)
    for _ in range(DRAWN):
        digits = _ticket(random)
        text = getattr(speaker, way)(digits)
        assert rules.understand(text, Slot.TICKET).ticket == digits, text


def test_a_number_inside_a_story_is_read(rules: Rules) -> None:
    """Other numbers of the story are no digits of it."""
    random = Random("story")
    speaker = number_speech.Speaker(random)
    for _ in range(DRAWN):
        digits = number_speech.mobile(random)
        text = f"எங்க தெருவுல ரெண்டு வாரமா லைட்டு எரியல, என் நம்பர் {speaker.number(digits)}"
        assert rules.understand(text, Slot.COMPLAINT).phone == digits, text


def test_an_incomplete_number_is_no_number(rules: Rules) -> None:
    """Six to nine digits are asked about again, whatever stands around them."""
    random = Random("short")
    speaker = number_speech.Speaker(random)
    for _ in range(2 * DRAWN):
        digits = number_speech.mobile(random)[: random.randint(6, 9)]
        text = speaker.framed(speaker.number(digits))
        assert rules.understand(text, Slot.PHONE).phone is None, text


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("nine 8 four one.. apram 3 3 3 na triple, 6 5 0", "9841333650"),
        ("ஒம்பது எட்டு நாலு ஒண்ணு மூணு மூணு மூணு ட்ரிப்பிள், ஆறு அஞ்சு சைபர்", "9841333650"),
        ("ஒம்பது எட்டு நாலு ஒண்ணு, ட்ரிப்பிள், மூணு, ஆறு அஞ்சு சைபர்", "9841333650"),
        ("98413, மூணு தடவ சைபர், ஏழு ஏயு", "9841300077"),
        ("98413, ஏழு ஏழு ஏழு மூணு தடவ, சைபர் சைபர்", "9841377700"),
    ],
)
def test_a_repetition_that_is_only_explained_adds_nothing(
    rules: Rules, text: str, digits: str
) -> None:
    """ "4 4 4 na triple" is three fours, "triple 4" as well."""
    assert rules.understand(text, Slot.PHONE).phone == digits


def test_a_postal_code_is_no_part_of_a_number(rules: Rules) -> None:
    """Four digits and a postal code of six would make ten."""
    said = rules.understand("ஒம்பது நாலு ஒம்பது ஆறு. பின்கோடு 625001", Slot.PHONE)
    assert said.phone is None


@pytest.mark.parametrize(
    ("text", "asked", "same"),
    [
        ("லைட்டு எரியல எங்க தெருவுல, கைபேசி எண் இதுதான்", Slot.COMPLAINT, True),
        ("kuppai edukala, kai pesi same number dhaan", Slot.COMPLAINT, True),
        ("இந்த நம்பருக்கே கூப்டுங்க, ஏழு பிஎம்முக்கு மேல", Slot.PHONE, True),
        ("லஞ்சம் கேட்டவன் நம்பர் இதுதான்", Slot.COMPLAINT, False),
        ("டோல் ஃப்ரீ நம்பர் இதான்னு போர்டுல இருக்கு, எடுக்கல", Slot.COMPLAINT, False),
    ],
)
def test_the_callers_own_number_is_this_one(
    rules: Rules, text: str, asked: Slot, same: bool
) -> None:
    """Own number, the same; not that of somebody else, and a clock time is no digit of another."""
    assert rules.understand(text, asked).same_number is same
