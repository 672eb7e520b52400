"""Numbers mended after a moment's thought, this line named in few words, dangers only sounded."""

from __future__ import annotations

import pytest

from agent.check_digit import is_valid
from agent.complaint import Intent, Slot
from agent.understanding.rules import Rules


@pytest.fixture(scope="module")
def rules() -> Rules:
    return Rules.load(valid_ticket=is_valid)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("செவன்டி த்ரீ, நைன்டி ஃபைவ், ஒரு நிமிஷம் நைன்டி சிக்ஸ், டபுள் ஒன், எய்ட் ஜீரோ, த்ரீ டூ", "7396118032"),
        ("ஒம்பது ஏழு எட்டு, இருங்க பாத்துச் சொல்றேன், அஞ்சு நாலு மூணு, ரெண்டு ரெண்டு ஒண்ணு ஆறு", "9785432216"),
    ],
)
def test_a_hesitation_takes_back_only_what_is_too_much(
    rules: Rules, text: str, number: str
) -> None:
    assert rules.understand(text, Slot.PHONE).phone == number


def test_the_last_digits_may_be_counted_with_a_filler(rules: Rules) -> None:
    said = "த்ரீ ஒன் நைன், ஜீரோ ஃபைவ் ஃபைவ், டூ சிக்ஸ் செவன், சாரி லாஸ்ட் த்ரீ வந்து டூ சிக்ஸ் நைன்"
    assert rules.understand(said, Slot.TICKET).ticket == "319055269"


@pytest.mark.parametrize(
    "text", ["இதுலயே புடிங்க தம்பி", "idhulaye kupdunga anna", "இத்துக்கே அடிச்சு பேசு"]
)
def test_this_line_is_named_by_here_and_ring(rules: Rules, text: str) -> None:
    assert rules.understand(text, Slot.PHONE).same_number


def test_zh_is_no_l(rules: Rules) -> None:
    said = "kuzhaayila vara thanni la puzhu irukku"
    assert not rules.understand(said, Slot.COMPLAINT).emergency


def test_can_one_go_treading_on_snakes_tells_of_no_bite(rules: Rules) -> None:
    asked = "வயக்காட்டுல பாம்பு மிதிச்சுக்கிட்டு ராத்திரில போக முடியுமா, பகல்ல கரண்டு குடுங்க"
    bitten = "பாம்பு மிதிச்சு கடிச்சிருச்சு, நடக்க முடியல சீக்கிரம் வாங்க"
    assert not rules.understand(asked, Slot.COMPLAINT).emergency
    assert rules.understand(bitten, Slot.COMPLAINT).emergency


def test_who_reminds_us_and_asks_wants_the_status(rules: Rules) -> None:
    said = "தெரு லைட்டு எரியலன்னு போன் போட்டோம்லா, என்ன ஆச்சுன்னு கேட்டுச் சொல்லுங்க"
    assert rules.understand(said, Slot.COMPLAINT).intent is Intent.STATUS
