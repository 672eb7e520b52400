"""Word salad: known and invented words in spoken spellings, in any order, so that no syntax helps.

A model that has only met sentences of a grammar leans on them; strangers speak otherwise. Here
every word must be spelled from its sound.
"""

from __future__ import annotations

import re
from random import Random

from training.text_dialect import read_sections
from training.text_lexicon import AKSHARA, Lexicon
from training.text_morphology import maybe_decline
from training.text_pseudo import PseudoWords

ENDINGS = (
    "ல லை லீங்க லங்க றாங்க றாங்கோ றான் றானுங்க றாரு றா றேன் றோம் றோமுங்க றீங்க றது றதுக்கு றதில்ல றப்ப"
    " ணும் ணுங்க ட்டும் ச்சு ச்சுங்க ச்சி ஞ்சு ஞ்சி ஞ்சுருச்சு ந்துருச்சு ந்திருச்சு ட்டான் ட்டாங்க ட்டானுங்க ட்டு"
    " ட்டேன் ட்டுது டுது டுச்சு டுத்து கிட்டு க்கிட்டு கினு க்குது க்குதுங்க க்குறாங்க மாட்டேங்குது முடியல முடில"
    " யா ப்பா ம்மா டா ங்களா ங்கோ ங்க னா ன்னா ன்னு னு தான் தானே கூட யும் வும் வுல ட்ட கிட்ட க்கு த்துக்கு"
    " த்துல லேர்ந்து லருந்து வரைக்கும் ளோ வாச்சும் வாவது துங்க தும்மா ல்ல ன்றான் ன்றாங்க ங்குறான் வே வேன்"
    " ட்டாய்ங்க றாய்ங்க வாக அவ லேந்து த்தான் ப்பட்ட ப்போச்சு போட்டு விட்டு வெச்சு"
).split()
"""Ends of spoken verbs and nouns, of five dialects."""
LITTLE = (
    "ஆமா இல்ல சரி அது இது என்ன ஏன் எப்ப எங்க யாரு அங்க இங்க ஒரு ரெண்டு நம்ம உங்க அவன் அவ அவரு இவங்க நான்"
    " நீங்க தான் கூட மட்டும் ரொம்ப கொஞ்சம் இன்னும் அப்புறம் ஆனா அதனால அப்பதான் இப்போ எல்லாம் எதுவும் யாரும் ஒண்ணும்"
    " சார் மேடம் அண்ணே அக்கா ஐயா சாமி தம்பி கண்ணு ப்பா ஏனுங்க இன்னா எத்தினி எம்புட்டு அம்புட்டு அங்கன இங்கன"
    " போன வந்து போய் வேற அதே இதே எத்தன எவ்ளோ அவ்ளோ இவ்ளோ நேத்து நாளைக்கு காலைல"
).split()
"""Words between the words."""


MISSHAPEN = re.compile(r"^[ா-்]|[ா-்]{2}|்[ா-்]|[அ-ஔ][ா-்]")
"""A sign without its letter: no synthesiser says it, no writer writes it."""


class WordSalad:
    """Draws sentences of unrelated words."""

    def __init__(self, lexicon: Lexicon, pseudo: PseudoWords) -> None:
        """Take every word training may say, and the maker of invented ones."""
        wide = [read_sections(name) for name in ("nouns_more", "english_more", "particles")]
        entries = [entry for sections in wide for words in sections.values() for entry in words]
        further = {word for entry in entries for word in entry.split() if len(word) > 1}
        self._words = sorted({*lexicon.vocabulary(), *further} - lexicon.held_words())
        self._english = lexicon.lists["english"]
        self._pseudo = pseudo

    def draw(self, rng: Random) -> str:
        """Return two to nine words."""
        count = rng.choice([2, 3, 4, 4, 5, 5, 6, 6, 7, 8, 9])
        words: list[str] = []
        while len(words) < count:
            word = self._word(rng)
            if not (self._pseudo.is_held(word) or MISSHAPEN.search(word)):
                words.append(word)
        return " ".join(words)

    def _word(self, rng: Random) -> str:
        roll = rng.random()
        if roll < 0.18:
            return rng.choice(LITTLE)
        if roll < 0.4:
            return maybe_decline(rng.choice(self._words), rng, 0.35)
        if roll < 0.62:
            return spoken(rng.choice(self._words), rng)
        if roll < 0.72:
            return maybe_decline(rng.choice(self._english), rng, 0.4)
        root = self._pseudo.word(rng) if roll < 0.86 else rng.choice(self._words)
        return stem(root, rng) + rng.choice(ENDINGS)


def stem(word: str, rng: Random) -> str:
    """Return the first two to four written letters of a word, the last one with a vowel."""
    letters = AKSHARA.findall(word)[: rng.randint(2, 4)]
    while len(letters) > 1 and letters[-1].endswith("்"):
        letters.pop()
    return "".join(letters)


def spoken(word: str, rng: Random) -> str:
    """Return a word spelled as it is said: மழை -> மழ, நிலம் -> நெலம், உடை -> ஒட."""
    if word.endswith("ை") and rng.random() < 0.7:
        word = word[:-1]
    if rng.random() < 0.5:
        word = _lowered(word)
    if word.endswith("ு") and rng.random() < 0.3:
        word = word[:-1] + "ி"
    for formal, said in (("ற்ற", "த்த"), ("ன்று", "ன்னு"), ("ழ", "ள"), ("வி", "வு"), ("ஐ", "அய்")):
        if rng.random() < 0.25:
            word = word.replace(formal, said)
    return word + rng.choice(["", "", "", "ங்க", "ல", "வே", "யும்"] if word[-1:] not in "்ு" else [""])


def _lowered(word: str) -> str:
    for high, low in (("இ", "எ"), ("உ", "ஒ")):
        if word.startswith(high):
            return low + word[1:]
    for high, low in (("ி", "ெ"), ("ு", "ொ")):
        if word[1:2] == high:
            return word[0] + low + word[2:]
    return word
