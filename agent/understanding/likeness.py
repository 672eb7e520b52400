"""How much the spelling of a spoken word agrees with the name of a place, in two scripts.

Sound keys find candidates; the letters decide between them. Latin spellings are free, Tamil ones
vary with the dialect.
"""

from __future__ import annotations

import re
from functools import cache

from rapidfuzz import fuzz

from agent.tamil.sound import PULLI, is_tamil, plain
from agent.tamil.words import split_texts

_DOUBLED = re.compile(r"(.)\1+")
_OTHER_SCRIPT = 0.92
"""A Latin word that sounds like a Tamil name: sure of the sound, not of the letters."""
_FREE_SPELLING = 0.97
"""A Latin spelling that is the same but for long vowels and doubled letters."""
_FOLDS = (
    ("aa", "a"), ("ee", "i"), ("ii", "i"), ("oo", "u"), ("uu", "u"), ("zh", "l"), ("th", "t"),
    ("dh", "d"), ("ph", "p"), ("sh", "s"), ("ll", "l"), ("tt", "t"), ("nn", "n"), ("pp", "p"),
    ("kk", "k"), ("mm", "m"), ("rr", "r"), ("ch", "s"), ("w", "v"),
)  # fmt: skip
_VOICED = str.maketrans({"d": "t", "b": "p", "g": "k", "j": "s", "c": "s", "y": None, "h": None})
"""Letters of one Tamil sign, and the glide nobody writes twice the same way."""
_ROMAN = {
    **dict.fromkeys("க", "k"), **dict.fromkeys("சஜஷஸ", "s"), **dict.fromkeys("டத", "t"),
    **dict.fromkeys("ப", "p"), **dict.fromkeys("ஙஞணநன", "n"), **dict.fromkeys("ம", "m"),
    **dict.fromkeys("ய", "y"), **dict.fromkeys("ரற", "r"), **dict.fromkeys("லளழ", "l"),
    **dict.fromkeys("வ", "v"), **dict.fromkeys("ஹ", "h"),
    **dict.fromkeys("அஆஐாை", "a"), **dict.fromkeys("இஈிீ", "i"), **dict.fromkeys("உஊுூ", "u"),
    **dict.fromkeys("எஏெே", "e"), **dict.fromkeys("ஒஓொோ", "o"), **dict.fromkeys("ஔௌ", "au"),
}  # fmt: skip
"""Tamil letters as most people write them in Latin ones; e and i, o and u stay apart."""
_VOWEL_SIGNS = "ாிீுூெேைொோௌ"
_ONE_SOUND = str.maketrans({"ந": "ன"})
"""Two letters of one sound, which spellings of a name exchange."""
_DIALECT = 0.92
"""A Tamil spelling that is the same but for what dialects vary (ஒறையூர் = உறையூர்)."""
_SAID_AS_A = 0.98
"""A Tamil spelling that is the same but for ஐ said as அ (கழுகுமல = கழுகுமலை)."""
_DIALECT_FROM = 7
"""Letters of such a spelling, one more inside a name: வள்ளம் (boat) is not வல்லம்."""


def letters(name: str) -> str:
    """Return the letters of a name without spaces and dots, lower case."""
    return "".join(split_texts(name))


def likeness(spoken: str, written: str, name_en: str, name_ta: str) -> float:
    """Return how much the letters of a word agree with a name, 0..1.

    A Tamil word that sounds like an English spelling is measured against the Tamil name: கிழக்கு
    sounds like *Killai*, but is nothing like கிள்ளை.

    Args:
        spoken: letters of what was said, in one script.
        written: letters of the spelling it may be.
        name_en: name of the place in English.
        name_ta: its Tamil name.
    """
    if spoken == written:
        return 1.0
    if is_tamil(spoken) and not is_tamil(written):
        written = letters(name_ta)
    elif is_tamil(written) and not is_tamil(spoken):
        # Latin spellings vary freely ("thandaiyarpettai"), ordinary English words do not agree at
        # all: "since" sounds like செஞ்சி.
        alike = fuzz.ratio(spoken, letters(name_en)) / 100
        voiced = fuzz.ratio(_voiced(spoken), _voiced(_romanised(written))) / 100
        return _OTHER_SCRIPT * (0.6 + 0.4 * max(alike, voiced))
    elif not is_tamil(spoken):
        # Nobody was taught to spell them: Aamboor = Ambur, Koodaloor = Gudalur.
        folded = fuzz.ratio(_folded(spoken), _folded(written)) / 100
        return max(fuzz.ratio(spoken, written) / 100, _FREE_SPELLING * folded)
    if spoken.translate(_ONE_SOUND) == written.translate(_ONE_SOUND):
        return 1.0  # பழநி = பழனி: spelling only, not speech
    if spoken.replace("ை", "") == written.replace("ை", ""):
        return _SAID_AS_A
    least = _DIALECT_FROM + (spoken[:1] == written[:1])
    dialect = len(spoken) >= least and _plain(spoken) == _plain(written)
    return max(fuzz.ratio(spoken, written) / 100, _DIALECT * dialect)


def said_so(spoken: str, form: str) -> float:
    """Return how much the letters of a word agree with a form made by rule: all or nothing."""
    if spoken == form:
        return 1.0
    if is_tamil(form) != is_tamil(spoken):
        return _OTHER_SCRIPT * (is_tamil(form) and _voiced(spoken) == _voiced(_romanised(form)))
    if is_tamil(form):
        return _SAID_AS_A * (len(spoken) >= _DIALECT_FROM and _plain(spoken) == _plain(form))
    return _FREE_SPELLING * (_folded(spoken) == _folded(form))


@cache
def _folded(latin: str) -> str:
    for many, one in _FOLDS:
        latin = latin.replace(many, one)
    return latin


@cache
def _romanised(tamil: str) -> str:
    """Return a Tamil name in plain Latin letters, long and short alike."""
    parts: list[str] = []
    for at, char in enumerate(tamil):
        follows = tamil[at + 1 : at + 2]
        bare = not "க" <= char <= "ஹ" or follows == PULLI or follows in tuple(_VOWEL_SIGNS)
        parts.append(_ROMAN.get(char, "") + ("" if bare else "a"))
    return "".join(parts)


@cache
def _plain(tamil: str) -> str:
    """Return the folded spelling, with nasals as the next consonant makes them (சாத்தாங்குளம்)."""
    nasal = plain(tamil).replace("ங்", "ன்").replace("ன்ப", "ம்ப")
    return nasal.replace("ய்ய", "ய").replace("கோயி", "கோவி")


@cache
def _voiced(latin: str) -> str:
    """Return the spelling without what Tamil script does not tell apart."""
    flat = _folded(latin).translate(_VOICED).replace("ai", "a")
    return _DOUBLED.sub(r"\1", flat)
