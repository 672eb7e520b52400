"""Lengths of time: rules of structure, each with what it must not touch."""

import pytest

from agent.tamil.numbers import find_numbers
from agent.tamil.words import split_words
from agent.understanding.days import Days


@pytest.fixture(scope="module")
def days():
    return Days()


def read(days, text, *, asked=False):
    words = split_words(text)
    found = days.read(words, find_numbers([word.text for word in words]), asked=asked)
    return None if found is None else found.days


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ("ரோட்டோர குழி தோண்டி pathu paanju naal aachunga", 15),
        ("முந்தாநேத்து புயல் வந்துச்சு அப்பலேருந்து இருட்டு", 2),
        ("nethu oru lorry idichudhu, appalendhu current illa", 1),
        ("ராத்திரி பெஞ்ச மழைல சுவரு இடிஞ்சு விழுந்துச்சு", 1),
        ("காலைல எட்டு மணிக்கு போன கரண்டு இன்னும் வரல", 0),
        ("காலைல ஒம்பது மணிக்கு வந்தேன், மணி ரெண்டாச்சு, ஒருத்தரும் இல்ல", 0),
        ("பைப்பு இன்னிக்கு தான் ஒடைஞ்சுது", 0),
        ("இன்னிக்கு ரேஷன் கடையில திருப்பி விட்டுட்டாங்க", 0),
        ("ஆயிப்போச்சுங்க ரெண்டு வாரம், ஒருத்தரும் வரல", 14),
        ("கல்வெட்டு ஒடஞ்சு கெடக்கு, இன்னிக்கு எட்டாவது நாளு", 8),
        ("கடந்த மாதமே புகார் அளித்தும் சரி செய்யவில்லை", 30),
        ("நேத்து என் அக்கவுண்ட்ல பணம் டெபிட் ஆயிடுச்சு", 1),
        ("போன வருசம் தீப்பிடிச்சு அணைச்சாங்க, இன்னும் வீடு கட்டி தரல", 365),
        ("மண்ண ரோட்டுல போட்டு எட்டு நாளா போக முடியல", 8),
        ("ராத்திரி ரெண்டு மணிக்கு போன கரண்டு இன்னும் வரல", 0),
        ("நேத்து ராத்திரி ரெண்டு மணிக்கு போன கரண்டு இன்னும் வரல", 1),
        ("ராத்திரி பத்து மணிக்கு போன கரண்டு இன்னும் வரல", 1),
        ("ராத்திரி 2 மணிக்கு போன கரண்டு இன்னும் வரல", 0),
        ("திங்கக்கிழமை ராத்திரி ரெண்டு மணிக்கு போன கரண்டு இன்னும் வரல", 1),
        ("moondru naatkalaga thanni varala", 3),
        ("irubathoru naalaa current illa", 21),
        ("பதனொரு நாளாச்சு தபால் வந்து", 11),
        ("ரெண்டொரு நாளா தண்ணி நாறுது", 2),
        ("ஒரு மண்டலமா குழாயில தண்ணி வரல", 48),
        ("அஞ்சு திவசமா கரண்டு இல்ல", 5),
        ("மனு குடுத்து வருசம் ஒன்னாச்சு, ஒண்ணும் நடக்கல", 365),
    ],
)
def test_a_story_begins_then(days, story, expected):
    assert read(days, story) == expected


@pytest.mark.parametrize(
    "story",
    [
        "மோட்டாருக்கு கரண்டு ராத்திரி ரெண்டு மணிக்கு வுடுறாங்க மூணு மணிக்கு புடுங்குறாங்க",
        "போன வருசம் கிடங்கு தீப்பிடிச்சு அணைஞ்சுருச்சு, நாத்தம் தான் பிரச்சன",
        "டிகிரி முடிச்சு மூணு வருசம் ஆச்சு, வேல வேணும்",
        "diploma mudichi 5 yrs aagudhu, vela vangi kudunga",
        "கம்பெனில நாலு மாசம் செஞ்சேன், ஒழுங்கா நடத்தல",
        "ஒரு நாளாவது லைட்டு எரிஞ்சுதா",
        "எட்டு வருசமா இருந்த நிழற்குடைய எடுத்துட்டாங்க",
        "டெலிவரி ஆகி மூணு நாள் தான் ஆகுது, கட்டில் இல்ல",
        "காலைல தண்ணி வரும், சாயங்காலம் வராது",
        "ஊர மூணு மண்டலமா பிரிச்சு குப்பை அள்ளறாங்க",
        "எட்டாவது மண்டலமாச்சு, குப்ப அள்ளல",
        "அப்பாவுக்கு ரெண்டு திவசம் ஆச்சு, சான்று வேணும்",
    ],
)
def test_what_is_over_usual_or_of_a_life_is_no_duration(days, story):
    assert read(days, story) is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("ஏழு எட்டு நாளு, கூடவே இருக்கும்", 8),
        ("நேத்தோட மூணு", 3),
        ("நேத்து மழை வந்துச்சுல்ல அப்ப இருந்து", 1),
        ("என்னைக்கு நீங்க வந்தீங்களோ", None),
        ("எண்ணிப் பாக்கல", None),
        ("ஒரு டஜன் நாள் ஆச்சு", 12),
        ("வருசம் ஒண்ணு", 365),
        ("munthanaethu kaalaila irundhu", 2),
        ("naethu", 1),
        ("nethikki", 1),
        ("மார்ச் மாசம் பத்து", None),
        ("ஏப்ரல் மாசம் 10", None),
        ("வருஷம் 50", None),
        ("மாசம் ஆயிரம்", None),
    ],
)
def test_an_answer_tells_how_long(days, answer, expected):
    assert read(days, answer, asked=True) == expected
