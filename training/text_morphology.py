"""Rough Tamil case endings and sandhi: enough variety for the ear, no claim to grammar."""

from __future__ import annotations

from random import Random

VOWEL_SIGNS = "ாிீுூெேைொோௌ"
LONG_SIGNS = "ாீூேைோௌ"
STOPS = "கசடதபஸ"
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
        if _ends_in_am(word) and rng.random() < 0.8:
            return word[:-2] + "த்துல"
        if last == "்":
            return word + "ல" if rng.random() < 0.6 else word[:-1] + "ுல"
        if last in VOWEL_SIGNS:
            return word + "ல"
        return word + rng.choice(["வுல", "ல"])
    if _ends_in_am(word) and case not in ("polite", "brother", "emphatic", "also"):
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


def _ends_in_am(word: str) -> bool:
    """Tell whether a word ends in -am (மரம்), not in an English -m (ரூம், ஃபார்ம்)."""
    return word.endswith("ம்") and len(word) > 3 and word[-3] not in VOWEL_SIGNS + "்"


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


def oblique(word: str) -> str:
    """Return the stem before a case ending where speech changes it: மரத்து, ரோட்டு, ஆத்து."""
    if _ends_in_am(word):
        return word[:-2] + "த்து"
    doubled = {"டு": "ட்டு", "று": "த்து"}.get(word[-2:])
    long = len(word) > 4 or (len(word) == 4 and word[1] in "ாீூேோை")
    if doubled and long and word[-3] != "்":
        return word[:-2] + doubled
    return word


def spoken_case(word: str, case: str, rng: Random) -> str:
    """Return the word with a case ending as it is said, not as it is written in books."""
    stem = word if case in ("um", "ee", "plural") else oblique(word)
    if word.endswith("ங்க"):
        if case == "loc":
            return word + "கிட்ட"
        stem = word + "ளு"
    if word.endswith("ய்") and case in ("loc", "dat", "abl"):
        return word + {"loc": "ல", "dat": "க்கு", "abl": "லேர்ந்து"}[case]
    last = stem[-1]
    if last == "்":
        short = len(word) == 3 and stem[-2] not in "யரற"
        short = short or (stem[-2] in STOPS and stem[-3] not in LONG_SIGNS + "்")
        stem = stem + stem[-2] + "ு" if short else stem[:-1] + "ு"
        last = "ு"
    u_ended = last == "ு"
    joint = "" if u_ended else "ய" if last in "ிீை" else "வ"
    bare = stem[:-1] if u_ended else stem + joint
    if case == "loc":
        longer = stem if u_ended else bare + ("ி" if joint == "ய" else "ு")
        ends = [stem + "ல", longer + "ல", stem + "லயே"]
        if word[-1] == "்" and word[-2] in "லளனரணழ" and len(word) > 3:
            ends = [word + "ல", word + "ல", word + "லயே"]
        return rng.choice(ends)
    if case == "dat":
        return stem + "க்கு"
    if case == "acc":
        return bare if rng.random() < 0.8 else bare + "ை"
    if case == "gen":
        return bare + rng.choice(["ோட", "ோட", "ோடைய"])
    if case == "soc":
        return bare + rng.choice(["ோட", "ோட", "ோடயே"])
    if case == "abl":
        return stem + rng.choice(["லேர்ந்து", "ல இருந்து", "லருந்து", "லிருந்து"])
    if case == "um":
        return bare + "ும்"
    if case == "ee":
        return bare + "ே"
    return stem + "ங்க"
