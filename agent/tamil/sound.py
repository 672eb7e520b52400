"""Sound keys: what a word sounds like, the same for Tamil script and Latin letters.

Two folds of increasing strength:

* :func:`plain` stays in Tamil script and undoes only what dialects and recognisers vary
  (ண ந ன; ர ற; ல ள ழ; short இ எ and உ ஒ; ஐ as அ; doubled hard consonants; grantha letters);
* :func:`sound_key` writes a coarse Latin skeleton, long and short alike, in which கொரட்டூர் and
  *Korattur* meet.

Keys find candidates; the true spelling decides between them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

PULLI = "்"
"""U+0BCD: the consonant before it has no vowel."""

_CONSONANTS = {
    **dict.fromkeys("க", "k"),
    **dict.fromkeys("சஜஷஸஶ", "s"),
    **dict.fromkeys("டத", "t"),
    **dict.fromkeys("ப", "p"),
    **dict.fromkeys("ஙஞணநன", "n"),
    **dict.fromkeys("ம", "m"),
    **dict.fromkeys("ய", "y"),
    **dict.fromkeys("ரற", "r"),
    **dict.fromkeys("லளழ", "l"),
    **dict.fromkeys("வ", "v"),
    **dict.fromkeys("ஹ", ""),
}
_VOWELS = {
    **dict.fromkeys("அஆஐ", "a"),
    **dict.fromkeys("இஈஎஏ", "i"),
    **dict.fromkeys("உஊஒஓ", "u"),
    "ஔ": "av",
}
_SIGNS = {
    **dict.fromkeys("ாை", "a"),
    **dict.fromkeys("ிீெே", "i"),
    **dict.fromkeys("ுூொோ", "u"),
    "ௌ": "av",
}
_LATIN_PAIRS = {
    "ndr": "nr", "ksh": "ts", "zh": "l", "ch": "s", "sh": "s", "th": "t", "dh": "t", "bh": "p",
    "ph": "p", "gh": "k", "kh": "k", "ck": "k", "aa": "a", "ee": "i", "ea": "i", "oo": "u",
    "ou": "u", "ai": "a", "au": "av", "ow": "av", "ce": "si", "ci": "si",
}  # fmt: skip
_LATIN_LETTERS = {
    "b": "p", "c": "k", "d": "t", "e": "i", "f": "p", "g": "k", "h": "", "j": "s", "o": "u",
    "q": "k", "w": "v", "x": "ks", "z": "s",
}  # fmt: skip
_LATIN_SOUND = re.compile("|".join(sorted(_LATIN_PAIRS, key=len, reverse=True)) + "|[a-z]")
_SILENT_END = re.compile(r"(?<=or)e$|(?<=[^aeiou]y)e$")
_FINAL_Y = re.compile(r"(?<![aeiou])y(?![aeiou])")
_DOUBLED = re.compile(r"(.)\1+")
_GLIDE = re.compile(r"iy(?=[aiu])")
_FINAL_NASAL_PULLI = re.compile(r"n(?=p)")

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("ணநஞ", "ன"),
        "ற": "ர",
        **dict.fromkeys("ளழ", "ல"),
        **dict.fromkeys("ஜஷஸஶ", "ச"),
        "எ": "இ",
        "ெ": "ி",
        "ஒ": "உ",
        "ொ": "ு",
        "ை": None,
        "ஃ": None,
    }
)
_KNOWN_WORDS = 8_000
"""Words whose sound is remembered: tables and callers use the same ones again and again."""
_HARD_DOUBLE = re.compile("([கசடதப])" + PULLI + r"\1")


def is_tamil(word: str) -> bool:
    """Tell whether the word begins in Tamil script."""
    return "\u0b80" <= word[:1] <= "\u0bff"


def plain(word: str) -> str:
    """Undo dialect and recogniser variation inside Tamil script; other scripts stay as they are.

    வெளக்கு and விளக்கு, கொழாய் and குழாய், உடைஞ்சு and ஒடஞ்சு become the same string.
    """
    return _HARD_DOUBLE.sub(r"\1", word.translate(_PLAIN))


@lru_cache(_KNOWN_WORDS)
def sound_key(word: str) -> str:
    """Return the coarse sound skeleton of one word, in ``a-z`` and digits; empty when none is left.

    >>> sound_key("கொரட்டூர்") == sound_key("Korattur")
    True
    """
    key = _tamil_key(word) if is_tamil(word) else _latin_key(word)
    key = _GLIDE.sub("y", _FINAL_NASAL_PULLI.sub("m", key)).replace("kuyil", "kuvil")
    return _DOUBLED.sub(r"\1", key)


def join_keys(keys: list[str]) -> str:
    """Return the key of several words said as one (a doubled letter at a seam is one)."""
    return _DOUBLED.sub(r"\1", "".join(keys))


def _tamil_key(word: str) -> str:
    # Colloquial Tamil turns ற்ற into த்த (ஆற்று > ஆத்து), and drops initial இ before ர (இராம).
    word = word.replace("ற்ற", "த்த").replace("ஃப", "ப").replace("ஃ", "")
    if word.startswith("இர") and word[2:3] != PULLI:
        word = word[1:]
    parts: list[str] = []
    for at, char in enumerate(word):
        if char in _CONSONANTS:
            follows = word[at + 1 : at + 2]
            bare = follows in _SIGNS or follows == PULLI
            parts.append(_CONSONANTS[char] if bare else _CONSONANTS[char] + "a")
        elif char in _SIGNS:
            parts.append(_SIGNS[char])
        elif char in _VOWELS:
            parts.append(_VOWELS[char])
        elif char.isascii() and char.isalnum():
            parts.append(char.lower())
    return "".join(parts)


def _latin_key(word: str) -> str:
    flat = unicodedata.normalize("NFKD", word.lower())
    flat = "".join(char for char in flat if char.isascii() and char.isalnum())
    flat = _FINAL_Y.sub("i", _SILENT_END.sub("", flat))
    return _LATIN_SOUND.sub(lambda found: _latin_sound(found[0]), flat)


def _latin_sound(piece: str) -> str:
    return _LATIN_PAIRS.get(piece) or _LATIN_LETTERS.get(piece, piece)
