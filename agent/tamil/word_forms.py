"""Endings on spoken words: ordinals, halves and case endings on a spelled number (pure).

A Tamil number word ends in a short உ that gives way to the vowel of an ending (ஐந்து, ஐந்தாவது,
ஐந்தில்) or in -ம், which is opened (ஆயிரம், ஆயிரமாவது, ஆயிரத்தில்).
"""

from __future__ import annotations

import re

from agent.tamil.speller import spell_number

_SIGNS = dict(zip("ஆஇஈஉஊஎஏஐஒஓ", "ாிீுூெேைொோ", strict=True))
_PULLI, _SHORT_U = "்", "ு"
_OPENED, _DATIVE = "ம்", "க்கு"
_SHORT_SYLLABLE = re.compile(r"(?:^|\s)(?:[அஇஉஎஒ]|[க-ஹ][ிுெொ]?)[க-ஹ]்$")
"""One short syllable: its consonant doubles before a vowel (எம்மில், பஸ்ஸில்)."""
_FIRST = "முதலாவது"
_CASES = {"ல்": "இல்", "லிருந்து": "இலிருந்து", "ஐ": "ஐ"}
"""Case endings that are often written without their vowel after a hyphen."""


def join(word: str, ending: str) -> str:
    """Return ``word`` with ``ending``, grown together as they are spoken.

    Args:
        word: a spelled word or letter name; not empty.
        ending: as it is written, with a vowel letter or a consonant at its beginning.
    """
    ending = _CASES.get(ending, ending)
    vowel = ending[:1] in _SIGNS
    if word.endswith(_PULLI) and (vowel or ending.startswith(_DATIVE)):
        word = _opened(word)
        return word + (_grown(ending) if vowel else _SHORT_U + ending)
    if not vowel:
        return word + ending
    if word.endswith(_SHORT_U):
        return _opened(word) + _grown(ending)
    if "க" <= word[-1] <= "ஹ":
        return word + ending  # an inherent a: written apart it is said right
    return word + _glide(word) + _grown(ending)


def _opened(word: str) -> str:
    """A word without its last உ or pulli, ready for a vowel: ஐந்த-, ஆயிரத்த-, எம்ம-, லைட்ட-."""
    if _SHORT_SYLLABLE.search(word):
        return f"{word}{word[-2]}"
    if word.endswith(_OPENED):
        return word.removesuffix(_OPENED) + "த்த"
    stem = word[:-1]
    return f"{stem}்ட" if stem.endswith("ட") and stem[-2:-1] != _PULLI else stem


def _grown(ending: str) -> str:
    return ("" if ending[0] == "அ" else _SIGNS[ending[0]]) + ending[1:]


def _glide(word: str) -> str:
    """The sound between two vowels: கோடியில், பூவில்."""
    return "ய" if word[-1] in "ிீெேைஇஈஎஏஐ" else "வ"


def spell_ordinal(number: int) -> str:
    """Return first, second and so on: முதலாவது, இரண்டாவது, பத்தாவது.

    Raises:
        ValueError: when the number is not spelled, see
            :func:`agent.tamil.speller.spell_number`.
    """
    return _FIRST if number == 1 else _ordinal(number) + "வது"


def spell_ordinal_day(number: int) -> str:
    """Return the other ordinal, of days, classes and years: ஒன்றாம், இரண்டாம், பத்தாம்.

    Raises:
        ValueError: as :func:`spell_ordinal`.
    """
    return _ordinal(number) + _OPENED


def _ordinal(number: int) -> str:
    """The stem of both ordinals, which ends in -ா."""
    word = spell_number(number)
    if word.endswith(_OPENED):
        return word.removesuffix(_PULLI) + "ா"
    return word[:-1] + "ா" if word.endswith(_SHORT_U) else f"{word}யா"


def with_quarters(whole: int, quarters: int) -> str:
    """Return a number and its quarters as one word: அரை, ஒன்றரை, இரண்டேகால், மூன்றே முக்கால்.

    Args:
        whole: 0 or more.
        quarters: 1, 2 or 3.

    Raises:
        ValueError: the whole number is not spelled, or there are no such quarters.
    """
    if quarters not in (1, 2, 3):
        raise ValueError("only one, two or three quarters have words")
    alone = {1: "கால்", 2: "அரை", 3: "முக்கால்"}[quarters]
    if not whole:
        return alone
    word = spell_number(whole)
    if not word.endswith(_SHORT_U):
        return f"{word} {alone}"
    return word[:-1] + {1: "ேகால்", 2: "ரை", 3: "ே முக்கால்"}[quarters]
