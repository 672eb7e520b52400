"""Endings: the possible stems of an inflected word, and words without courtesy.

Spoken Tamil puts case, respect and emphasis at the end of a noun, and the seam changes both sides
(மரக்காணம் > மரக்காணத்துல, ஈரோடு > ஈரோட்டுல). The rules are data (``data/endings.toml``); they
over-generate on purpose, because a table of known words decides which stem was meant.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from functools import cache, lru_cache
from pathlib import Path

from agent.tamil.sound import PULLI, is_tamil

_DATA = Path(__file__).parent / "data" / "endings.toml"
_DEPTH = 3
_KNOWN_WORDS = 4_000
"""Words whose stems are remembered; a turn is read several times while it is spoken."""
_SHORTEST = 2
"""A stem has at least this many characters."""
_AM = "ம்"
_SONORANTS = "ரலளழனணமயடஸஜ"
"""What a word may end in; ட, ஸ and ஜ in English loans (ஸ்டாண்டு, லஸுங்க, பிரிட்ஜாண்ட)."""
_LATIN_CASES = {
    **dict.fromkeys(
        ("layum", "larndhu", "lendhu", "lerndhu", "irundhu", "lirundhu", "le", "la", "ula", "vula",
         "yila", "il", "ilirundhu", "ku", "kku", "ukku", "nga", "unga", "ngo", "dhaan", "dhan",
         "thaan", "kitta", "lanu", "nu", "langa", "lainga", "lenthu", "larundhu", "larunthu",
         "lerundhu", "ilenthu", "kulla", "ukkulla", "karan", "kaaran", "kkaran", "kkaaran",
         "kaaranga", "karanga", "kkaaranga", "kaaranunga", "karanunga", "kaari"), ""),
    **dict.fromkeys(
        ("athula", "aththula", "atthula", "athla", "athil", "aththil", "athuku", "athukku",
         "aththukku", "athulerndhu", "athulendhu", "athulanga", "athulenthu", "athularundhu",
         "athulerundhu", "athukkulla", "athukaaran", "athukkaran", "athukkaaran", "athukaaranga",
         "athukkaaranga"), "am"),
    **dict.fromkeys(("ottula", "otla", "ottil", "ottukku", "ottuku"), "odu"),
    **dict.fromkeys(("aathula", "aaththula", "aatrula", "aatril", "aathukku"), "aaru"),
    **dict.fromkeys(("yathu", "yaathu", "yathula", "yaathula", "yathuku", "yaathuku"), "yaru"),
    **dict.fromkeys(("aatula", "aattula", "aatla", "aattla", "aatil", "aatukku"), "aadu"),
    **dict.fromkeys(("ettula", "etla", "ettla", "ettil", "ettukku"), "edu"),
}  # fmt: skip
"""Endings in Latin letters, and what they are put in place of."""


@cache
def _rules() -> tuple[dict[str, tuple[str, ...]], tuple[str, ...], int]:
    """Return endings with replacements, courtesy endings longest first, longest ending's length."""
    table: dict[str, list[str]] = defaultdict(list)
    data = tomllib.loads(_DATA.read_text("utf-8"))
    for rule in data["rule"]:
        for end in rule["end"]:
            table[end].extend(put for put in rule["put"] if put not in table[end])
    courtesy = tuple(sorted(data["courtesy"], key=len, reverse=True))
    return {end: tuple(puts) for end, puts in table.items()}, courtesy, max(map(len, table))


@lru_cache(_KNOWN_WORDS)
def stems(word: str) -> tuple[str, ...]:
    """Return the word itself, then what it may be an inflected form of, least cut first.

    >>> "ஈரோடு" in stems("ஈரோட்டுலங்க")
    True
    """
    if not is_tamil(word):
        return _latin_stems(word)
    table, _, longest = _rules()
    found = {word: None}
    layer = [word]
    for _ in range(_DEPTH):
        layer = [stem for old in layer for stem in _cut(old, table, longest) if stem not in found]
        found.update(dict.fromkeys(layer))
    return tuple(found)


def _cut(word: str, table: dict[str, tuple[str, ...]], longest: int) -> list[str]:
    cuts = []
    for size in range(1, min(longest, len(word) - _SHORTEST) + 1):
        for put in table.get(word[-size:], ()):
            stem = word[:-size] + put
            if _wellformed(stem, put):
                cuts.append(stem)
    return cuts


def _wellformed(stem: str, put: str) -> bool:
    """A bare pulli may close only what can end a word; a sign cannot follow a pulli.

    Names end in -அம், so கொட்டறாங்க (they pour) is no place கொட்டறாம்.
    """
    if put == PULLI:
        return stem[-2] in _SONORANTS
    if put == _AM:
        return "க" <= stem[-3] <= "ஹ"
    return not (put[:1] in ("ு", "ி") and put and stem[-2:-1] in (PULLI, "ா", "ி", "ு", "ை"))


def _latin_stems(word: str) -> tuple[str, ...]:
    found = {word: None}
    for end, put in _LATIN_CASES.items():
        if word.endswith(end) and len(word) - len(end) >= _SHORTEST + 1:
            found[word[: -len(end)] + put] = None
    return tuple(found)


def without_courtesy(word: str) -> str:
    """Cut respect and address from the end of a word: செல்லமுத்துங்க > செல்லமுத்து.

    Also undoes the final உ that spoken Tamil adds before them (தாராபுரமுங்க > தாராபுரம்).
    """
    for end in _rules()[1]:
        if word.endswith(end) and len(word) - len(end) >= _SHORTEST:
            return without_euphonic(word[: -len(end)])
    return word


def without_euphonic(word: str) -> str:
    """Cut the உ that speech adds to a sonorant: பொங்கலூரு > பொங்கலூர், பக்கமு > பக்கம்.

    Short words keep it (குரு, மறு), as do those where உ follows a short vowel (மீனு, பாலு).
    """
    long_before = len(word) >= _SHORTEST + 2 and word[-3:-2] in "ாீூேோை"
    if word.endswith("மு") and len(word) > _SHORTEST + 1:
        return word[:-1] + PULLI
    if word.endswith(("ரு", "ல்லு")) and long_before and len(word) > _SHORTEST + 2:
        return word[:-1] + PULLI
    return word
