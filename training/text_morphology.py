"""Rough Tamil case endings and sandhi: enough variety for the ear, no claim to grammar."""

from __future__ import annotations

from random import Random

VOWEL_SIGNS = "ாிீுூெேைொோௌ"
SANDHI_CONSONANTS = "கசதப"
ENDINGS = {
    "locative": ("ல", "ில்"),
    "dative": ("ுக்கு", "ுக்கு"),
    "ablative": ("ிலிருந்து", "ிலேர்ந்து"),
    "polite": ("ுங்க", "ுங்க"),
    "emphatic": ("ே", "ே"),
    "also": ("ும்", "ும்"),
    "accusative": ("ை", "ை"),
    "genitive": ("ின்", "ோட"),
    "sociative": ("ோட", "ுடன்"),
    "brother": ("ுண்ணே", "ுண்ணே"),
}
USUAL_CASES = (*ENDINGS, "locative", "dative")


def decline(word: str, case: str, rng: Random) -> str:
    """Return the word with a case ending of ENDINGS; formal endings three times in ten."""
    ending = ENDINGS[case][rng.random() < 0.3]
    last = word[-1]
    if case == "locative" and ending == "ல":
        if word.endswith("ம்") and rng.random() < 0.8:
            return word[:-2] + "த்துல"
        if last == "்":
            return word + "ல" if rng.random() < 0.6 else word[:-1] + "ுல"
        if last in VOWEL_SIGNS:
            return word + "ல"
        return word + rng.choice(["வுல", "ல"])
    if word.endswith("ம்") and case not in ("polite", "brother", "emphatic", "also"):
        return word[:-2] + "த்த" + ending
    if last == "்":
        return word[:-1] + ending
    if last == "ு":
        return word + ending[1:] if ending[0] == "ு" else word[:-1] + ending
    if last in "ிீை":
        if ending[0] == "ு":
            return word + ending[1:]
        return word + "ய" + ending if ending[0] in VOWEL_SIGNS else word + ending
    return word + "வ" + ending if ending[0] in VOWEL_SIGNS else word + ending


def maybe_decline(word: str, rng: Random, probability: float) -> str:
    """Return the word, with a random case ending in `probability` of calls."""
    return decline(word, rng.choice(USUAL_CASES), rng) if rng.random() < probability else word


def join_with_sandhi(words: list[str], rng: Random) -> str:
    """Join words; at times double the stop that opens the next word, as Tamil writing does."""
    joined = list(words)
    for i in range(len(joined) - 1):
        opens = joined[i + 1][0]
        if joined[i][-1] in "ைிு" and opens in SANDHI_CONSONANTS and rng.random() < 0.08:
            joined[i] += opens + "்"
    return " ".join(joined)
