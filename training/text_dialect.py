"""Regional words and spellings: what a written word looks like as one region says it."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from training.text_lexicon import read_lines

OPEN = re.compile("[கசடதபநமயரலவளழறணனஞ](?![ிீுூெேொோ்])")
"""A syllable in a or ai: the vowel before it is lowered in speech (கிடை: கெடை)."""
LOWERED = {"ி": "ெ", "ு": "ொ"}
LOWERED_VOWELS = {"இ": "எ", "உ": "ஒ"}
CLOSED = {"ட்": "ட்டு", "ஸ்": "ஸ்ஸு", "ர்": "ரு", "க்": "க்கு", "ப்": "ப்பு", "ச்": "ச்சு"}
ROUNDED = ("விட", "விழு", "வீட")
HANGING = ("ங்", "ப்பா", "ண்ணே", "ணே", "யா", "ய்யா", "ல", "லே", "பா", "மா", "வே", "ண்ணாச்சி")
"""Address words said as part of the word before them; those in ங்- too."""


def read_sections(name: str) -> dict[str, list[str]]:
    """Return the entries of a list file by its [section]s."""
    sections: dict[str, list[str]] = {}
    entries: list[str] = []
    for line in read_lines(name):
        if line.startswith("["):
            entries = sections.setdefault(line.strip("[]"), [])
        else:
            entries += [part.strip() for part in line.split("|") if part.strip()]
    return sections


def _lower(word: str) -> str:
    """Lower the first vowel before an open syllable: கிடைக்குது becomes கெடைக்குது."""
    if len(word) < 4:
        return word
    if word[0] in LOWERED_VOWELS and OPEN.match(word, 1):
        return LOWERED_VOWELS[word[0]] + word[1:]
    if word[1] in LOWERED and OPEN.match(word, 2):
        return word[0] + LOWERED[word[1]] + word[2:]
    return word


def _round(word: str) -> str:
    """Say initial vi as vu: விடு becomes வுடு."""
    if not word.startswith(ROUNDED):
        return word
    return word[0] + {"ி": "ு", "ீ": "ூ"}[word[1]] + word[2:]


def _flatten(word: str) -> str:
    """Say ai as a: உடைஞ்சு becomes உடஞ்சு, சாலை becomes சால."""
    return word.replace("ை", "", 1) if len(word) > 3 and word.find("ை") > 1 else word


def _close(word: str) -> str:
    """Say a final stop with a vowel: லைட் becomes லைட்டு."""
    end = CLOSED.get(word[-2:])
    if not end or len(word) < 4:
        return word
    return word[:-1] + "ு" if word[-3] == "்" else word[:-2] + end


def _swap(old: str, new: str) -> Callable[[str], str]:
    return lambda word: word.replace(old, new)


def _end(old: str, new: str) -> Callable[[str], str]:
    return lambda word: word[: -len(old)] + new if word.endswith(old) else word


COMMON = (_lower, _flatten, _close, _swap("ஷ", "ச"), _swap("ஃப", "ப"), _swap("ற்ற", "த்த"))
RULES: dict[str, tuple[Callable[[str], str], ...]] = {
    "general": COMMON,
    "chennai": (*COMMON, _round, _swap("ழ", "ய"), _end("ச்சு", "ச்சி"), _end("ஞ்சு", "ஞ்சி")),
    "kongu": (*COMMON, _round, _swap("ழ", "ள"), _swap("க்குற", "க்கற"), _lower),
    "madurai": (*COMMON, _swap("ழ", "ள"), _end("தான்", "தேன்"), _lower),
    "nellai": (*COMMON, _swap("ழ", "ள"), _swap("ப்படி", "ப்பிடி"), _flatten),
    "delta": (*COMMON, _swap("நேத்து", "நேத்திக்கு"), _end("ாங்க", "ாங்கோ"), _lower),
}
RESPELL_SHARE = {"general": 0.06}
REGIONAL_SHARE = 0.2
SWAP_SHARE = 0.6
CLITIC_SHARE = 0.08
CLOSED_WORDS = tuple(", ே ும் தான் தாங்க கூட ன்னா ன்னு த்தி த்து ாக மான மாக ோட ஒரு ஞ்ச ந்த ட்டு ிட".split())
"""Ends of words that take no further little word."""


class Regions:
    """The regional words of dialect_words.txt and the ways of spelling."""

    def __init__(self) -> None:
        """Read the words."""
        self._sections = read_sections("dialect_words")
        self._swaps = {
            key.partition(".")[0]: dict(pair.split(">") for pair in pairs)
            for key, pairs in self._sections.items()
            if key.endswith(".swap")
        }

    def words(self, dialect: str, slot: str) -> list[str]:
        """Return the region's own words for a slot, none for general speech."""
        return self._sections.get(f"{dialect}.{slot}", [])

    def colour(self, text: str, dialect: str, rng: Random) -> str:
        """Respell some of the words the way a region says them."""
        swaps, rules = self._swaps.get(dialect, {}), RULES[dialect]
        share = RESPELL_SHARE.get(dialect, REGIONAL_SHARE)
        words = text.split()
        for i, word in enumerate(words):
            if word in swaps and rng.random() < SWAP_SHARE:
                words[i] = swaps[word]
            elif rng.random() < share:
                words[i] = rng.choice(rules)(word)
            if rng.random() < CLITIC_SHARE and len(word) > 4 and not word.endswith(CLOSED_WORDS):
                words[i] = with_clitic(words[i], rng)
        return " ".join(words)

    @staticmethod
    def address(text: str, word: str) -> str:
        """Return text with an address word after it, run together where people do."""
        if not (word.startswith("ங்") or word in HANGING):
            return f"{text} {word}"
        if text.endswith(("ங்க", "ங்கோ", "ங்கொ", "ப்பா", "்ல", word)):
            return text
        if text[-1] == "்":
            if word.startswith("ங்"):
                return text[:-1] + "ு" + word
            return text + (word[2:] if len(word) > 2 and word[1] == "்" else word)
        return text + word


def quoted(word: str) -> str:
    """Return the word with 'that' after it: வந்தாங்கன்னு, வரும்னு."""
    return word + ("னு" if word[-1] == "்" else "ன்னு")


def asked(word: str) -> str:
    """Return the word as a question: வந்தாங்களா, வருமா, வரலையா."""
    if word.endswith("ங்க"):
        return word + "ளா"
    if word[-1] in "்ு":
        return word[:-1] + "ா"
    if word.endswith("ல"):
        return word + "ையா"
    return word + ("யா" if word[-1] in "ிீை" else "வா")


def with_clitic(word: str, rng: Random) -> str:
    """Return the word with a little word run on: 'only', 'too', 'at least'."""
    if rng.random() < 0.3:
        return word + rng.choice(("தான்", "தானே", "கூட", "தாங்க", "லாம்", "வேற"))
    ending = rng.choice(("ே", "ே", "ும்", "ும்", "ாவது", "ாச்சும்", "ுமே"))
    if word[-1] in "்ு":
        return word[:-1] + ending
    if word.endswith("ங்க"):
        return word + "ள" + ending
    return word + ("ய" if word[-1] in "ிீை" else "வ") + ending
