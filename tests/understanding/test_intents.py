import pytest

from agent.complaint import Intent
from agent.understanding.tables import read_toml

HAZARDS = [
    (hazard["name"], pattern.replace(" .. ", " ").replace("=", ""))
    for hazard in read_toml("emergency")["hazard"]
    for pattern in hazard["words"]
]
EXCUSED = {"கொன்னுரு"}
"""Bare beginnings that are only words with an ending."""


def test_every_emergency_word_alone_is_an_emergency(rules):
    missed = [(n, w) for n, w in HAZARDS if not rules.understand(w).emergency and w not in EXCUSED]
    print(f"\nemergency words: {len(HAZARDS) - len(missed)} of {len(HAZARDS)}")
    assert missed == []


@pytest.mark.parametrize(
    "said",
    [
        "நேத்து தீ பிடிச்சுது அணைஞ்சிருச்சு நிவாரணம் வேணும்",
        "அடிக்கடி விபத்து நடக்குது",
        "ரெண்டு மாசத்துக்கு முன்னாடி ஒரு ஆக்சிடெண்ட் ஆச்சு",
        "தீயணைப்பு வண்டி நிக்க இடம் இல்ல",
        "பாம்பு கடிக்கு மருந்து இல்ல ஆஸ்பத்திரில",
        "ரோட்டோர மரம் வெட்டிட்டாங்க",
    ],
)
def test_danger_that_is_over_or_only_feared_is_none(rules, said):
    assert not rules.understand(said).emergency


@pytest.mark.parametrize(
    ("said", "intent"),
    [
        ("யாராவது ஆள் கிட்ட பேசணும்", Intent.HUMAN),
        ("operator please", Intent.HUMAN),
        ("என் கம்ப்ளைண்ட் என்னாச்சு", Intent.STATUS),
        ("wrong number", Intent.WRONG_NUMBER),
        ("மகளிர் உரிமைத் தொகைக்கு எங்க விண்ணப்பிக்கணும்", Intent.INFO),
        ("போடா முட்டாள்", Intent.ABUSE),
        ("அதிகாரிங்க பேச மாட்டேங்கறாங்க தண்ணி வரல", Intent.COMPLAINT),
        ("போலீஸ் புகார் எடுக்க மாட்டேங்கறாங்க", Intent.COMPLAINT),
    ],
)
def test_the_purpose_of_a_call_is_heard(rules, said, intent):
    assert rules.understand(said).intent is intent


def test_insults_are_not_kept_even_when_they_are_all_that_was_said(rules):
    assert rules.understand("முட்டாள்").text == "..."
    kept = rules.understand("மூணு நாளா கரண்ட் இல்ல முட்டாள் பசங்களா")
    assert "முட்டாள்" not in kept.text
    assert kept.intent is Intent.COMPLAINT
