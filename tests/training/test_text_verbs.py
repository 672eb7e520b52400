"""Verbs take the endings people use, in each way of speaking."""

from __future__ import annotations

import re
from random import Random

import pytest

from training.text_dialect import Regions, asked, quoted, read_sections
from training.text_morphology import spoken_case
from training.text_verbs import DIALECTS, PERSONS, SLOTS, Verb, inflect, load_verbs

MISSHAPEN = re.compile(r"(^|\s)[ா-்]|[ா-்]{2}|[அ-ஔ][ா-்]|[^\u0b80-\u0bff ]")


def verb(root: str, use: str = "t") -> Verb:
    return next(v for v in load_verbs()[use] if v.root == root)


@pytest.mark.parametrize(
    ("root", "use", "slot", "person", "dialect", "form"),
    [
        ("வா", "m", "pres", "they", "general", "வர்றாங்க"),
        ("வா", "m", "past", "it", "general", "வந்துச்சு"),
        ("வா", "m", "neg", "it", "general", "வரமாட்டேங்குது"),
        ("வா", "m", "negcond", "they", "general", "வரலைன்னா"),
        ("வா", "m", "aachu", "they", "general", "வந்தாச்சு"),
        ("வா", "m", "avptt", "they", "general", "வந்துட்டு"),
        ("வா", "m", "rel.pres", "they", "general", "வர்ற"),
        ("வா", "m", "rel.past", "they", "general", "வந்த"),
        ("வா", "m", "must", "they", "general", "வரணும்"),
        ("வா", "m", "let", "it", "general", "வரட்டும்"),
        ("வா", "m", "prog", "it", "general", "வந்துக்கிட்டு இருக்கு"),
        ("வா", "m", "perf", "they", "general", "வந்திருக்காங்க"),
        ("வா", "m", "pres", "it", "kongu", "வருதுங்க"),
        ("வா", "m", "pres", "it", "madurai", "வருதுப்பா"),
        ("வா", "m", "comp", "it", "madurai", "வந்துருச்சு"),
        ("வா", "m", "pres", "it", "nellai", "வருதுல"),
        ("வா", "m", "imp", "you", "nellai", "வாங்கோ"),
        ("வா", "m", "pres", "it", "chennai", "வர்து"),
        ("வா", "m", "comp", "they", "delta", "வந்துட்டாங்கோ"),
        ("இரு", "m", "pres", "they", "madurai", "இருக்காய்ங்க"),
        ("இரு", "m", "pres", "they", "nellai", "இருக்காவ"),
        ("இரு", "i", "pres", "it", "chennai", "கீது"),
        ("இரு", "i", "pres", "it", "delta", "இருக்குதுங்க"),
        ("போ", "m", "pres", "they", "madurai", "போறாய்ங்க"),
        ("போ", "m", "past", "it", "general", "போச்சு"),
        ("பண்ணு", "t", "pres", "i", "general", "பண்றேன்"),
        ("பண்ணு", "t", "past", "i", "general", "பண்ணேன்"),
        ("பண்ணு", "t", "avptt", "i", "kongu", "பண்ணீட்டு"),
        ("பண்ணு", "t", "must", "i", "kongu", "பண்ணோணும்"),
        ("எடு", "t", "fut", "we", "general", "எடுப்போம்"),
        ("எடு", "t", "negavp", "we", "general", "எடுக்காம"),
        ("குடு", "t", "cond", "they", "general", "குடுத்தா"),
        ("சொல்லு", "t", "pres", "sir", "general", "சொல்றாரு"),
        ("சொல்லு", "t", "past", "they", "madurai", "சொன்னாய்ங்க"),
        ("கே", "t", "imp", "you", "general", "கேளுங்க"),
        ("செய்யு", "t", "fut", "they", "general", "செய்வாங்க"),
        ("உடை", "i", "comp", "it", "general", "உடைஞ்சுடுச்சு"),
        ("எரி", "i", "neg", "it", "general", "எரியல"),
    ],
)
def test_a_verb_is_said_so(
    root: str, use: str, slot: str, person: str, dialect: str, form: str
) -> None:
    assert form in verb(root, use).forms(slot, person, dialect)


def test_every_form_of_every_verb_is_well_written_tamil() -> None:
    verbs = load_verbs()
    assert len({v.root for group in verbs.values() for v in group}) >= 300
    rng, forms = Random(1), set()
    for group in verbs.values():
        for one in group:
            for slot in SLOTS:
                said = [
                    inflect(one, slot, rng, rng.choice(PERSONS), rng.choice(DIALECTS)),
                    *one.forms(slot),
                ]
                assert not [form for form in said if MISSHAPEN.search(form)], (one.root, slot)
                forms.update(said)
    assert len(forms) > 15_000


@pytest.mark.parametrize(
    ("word", "case", "forms"),
    [
        ("மரம்", "loc", {"மரத்துல", "மரத்துலயே"}),
        ("மரம்", "dat", {"மரத்துக்கு"}),
        ("ரோடு", "dat", {"ரோட்டுக்கு"}),
        ("ரோடு", "acc", {"ரோட்ட", "ரோட்டை"}),
        ("கிணறு", "loc", {"கிணத்துல", "கிணத்துலயே"}),
        ("பஸ்", "acc", {"பஸ்ஸ", "பஸ்ஸை"}),
        ("நாய்", "dat", {"நாய்க்கு"}),
        ("ரூம்", "dat", {"ரூமுக்கு"}),
        ("அதிகாரிங்க", "dat", {"அதிகாரிங்களுக்கு"}),
        ("தண்ணி", "acc", {"தண்ணிய", "தண்ணியை"}),
    ],
)
def test_nouns_take_spoken_cases(word: str, case: str, forms: set[str]) -> None:
    assert {spoken_case(word, case, Random(seed)) for seed in range(60)} == forms


def test_little_words_are_run_on() -> None:
    assert quoted("வரும்") == "வரும்னு"
    assert quoted("வந்தாங்க") == "வந்தாங்கன்னு"
    assert asked("வரும்") == "வருமா"
    assert asked("வந்தாங்க") == "வந்தாங்களா"
    assert asked("வரல") == "வரலையா"
    assert Regions.address("வரும்", "ங்க") == "வருமுங்க"
    assert Regions.address("வருது", "ப்பா") == "வருதுப்பா"
    assert Regions.address("வந்தாங்க", "ங்க") == "வந்தாங்க"


@pytest.mark.parametrize(
    "name", ["nouns_more", "english_more", "particles", "dialect_words", "collocations"]
)
def test_the_sectioned_lists_hold_only_tamil(name: str) -> None:
    for section, entries in read_sections(name).items():
        assert entries, section
        assert not [e for e in entries if re.search(r"[^\u0b80-\u0bff >]", e)], section
