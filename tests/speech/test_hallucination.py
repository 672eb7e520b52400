"""Junk is dropped for a reason; correct Tamil never is."""

from __future__ import annotations

import pytest

from agent.speech.hallucination import Candidate, aksharas, judge, loops, syllables
from agent.speech.transcript import DropReason


def candidate(
    text: str, speech_s: float = 3.0, logprob: float = -0.3, no_speech: float = 0.05
) -> Candidate:
    return Candidate(text, speech_s, logprob, no_speech)


# Written for this test in the manner of the example calls in data/calls.
FAIR = [
    ("எங்க தெருவில மூணு நாளா தண்ணி வரல", 2.2),
    ("ஆம்", 0.2),
    ("ஆமா", 0.15),
    ("இல்ல", 0.2),
    ("இல்ல இல்ல இல்ல", 0.9),
    ("சரி சரி சரி சரி", 1.2),
    ("ஹலோ ஹலோ ஹலோ", 1.0),
    ("ஒன்பது ஒன்பது ஒன்பது ஒன்பது ஒன்பது ஒன்பது", 2.6),
    ("பூஜ்ஜியம் பூஜ்ஜியம் பூஜ்ஜியம் பூஜ்ஜியம்", 2.4),
    ("ரெண்டு ரெண்டு ரெண்டு ரெண்டு ரெண்டு ரெண்டு ரெண்டு ரெண்டு ரெண்டு ரெண்டு", 4.0),
    ("ஒன்பது எட்டு " * 5, 4.0),
    ("9500123456", 4.0),
    ("street light எரியல corporation office க்கு போனேன்", 3.5),
    ("தண்ணி வரல தண்ணி வரல தண்ணி வரல", 2.2),
    (
        "எங்க ஊர்ல குடிதண்ணி ஒரு வாரமா வரல அதனால பெண்கள் எல்லாம் ரொம்ப தூரம் போய் தண்ணி "
        "எடுத்துட்டு வராங்க பஞ்சாயத்துல சொன்னோம் யாரும் வந்து பாக்கல மோட்டார் ரிப்பேர்னு "
        "சொல்றாங்க எப்ப சரி பண்ணுவாங்கன்னு தெரியல நீங்க தான் பாத்து செய்யணும்",
        16.0,
    ),
]


@pytest.mark.parametrize(("text", "speech_s"), FAIR)
def test_what_people_say_is_kept(text: str, speech_s: float) -> None:
    assert judge(candidate(text, speech_s)) is None


@pytest.mark.parametrize(
    ("judged", "reason"),
    [
        (candidate("நன்றி", logprob=-1.4, no_speech=0.8), DropReason.NOT_SAID),
        (candidate("спасибо за просмотр"), DropReason.SCRIPT),
        (candidate("धन्यवाद"), DropReason.SCRIPT),
        (candidate("நன்றி " * 12, 6.0), DropReason.LOOP),
        (candidate("எங்க தெருவில தண்ணி வரல " * 4, 20.0), DropReason.LOOP),
        (candidate("தண்ணி வரல தண்ணி வரல தண்ணி வரல", 0.4), DropReason.LOOP),
        (candidate("மூணு நாளா தண்ணி வரல " + "ல" * 30, 5.0), DropReason.LOOP),
        (candidate("எங்க தெருவில மூணு நாளா தண்ணி வரல சார்", 0.3), DropReason.TOO_FAST),
        (Candidate("எங்க தெருவில", 3.0, -0.3, 0.1, unfinished=True), DropReason.RUNAWAY),
    ],
)
def test_junk_is_dropped_for_its_reason(judged: Candidate, reason: DropReason) -> None:
    assert judge(judged) == reason


def test_doubt_of_one_kind_alone_drops_nothing() -> None:
    assert judge(candidate("ஆமா", logprob=-2.0, no_speech=0.1)) is None
    assert judge(candidate("ஆமா", logprob=-0.2, no_speech=0.99)) is None


def test_a_stray_foreign_letter_is_not_junk() -> None:
    assert judge(candidate("எங்க தெருவில தண்ணி வரல я")) is None


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("தண்ணி", ["த", "ண்", "ணி"]),
        ("கொ", ["கொ"]),
        ("க\u0bc6\u0bbe", ["கொ"]),
        ("A-1!", ["a", "1"]),
        ("", []),
    ],
)
def test_aksharas_are_letters_with_their_signs(text: str, units: list[str]) -> None:
    assert aksharas(text) == units


@pytest.mark.parametrize(
    ("text", "count"), [("தண்ணி வரல", 5), ("street light", 2), ("108", 6), ("", 0)]
)
def test_syllables_are_counted_about_right(text: str, count: float) -> None:
    assert syllables(text) == count


def test_a_loop_hidden_in_a_longer_text_is_found() -> None:
    assert loops("எங்க தெருவில மூணு நாளா " + "அண்ணா நகர் " * 9 + "தண்ணி வரல", 20.0)
