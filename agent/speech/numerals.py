"""What is written -> what a voice is given (pure): the last guard before any voice sees a figure.

The conversation spells its own numbers; this is for what people type into ``kural say`` and for
figures, short forms and English words inside places and landmarks. espeak-ng would read a phone
number as one cardinal in crores, and a voice that knows only Tamil cannot say MLA.
"""

from __future__ import annotations

import re

from agent.tamil import speller_english
from agent.tamil.figures import ascii_digits, spell_plain, spell_separated
from agent.tamil.written import is_tamil_text, spoken_tamil

_ENGLISH = "en"
_LANGUAGES = ("ta", _ENGLISH)


def spell_numerals(text: str, language: str | None = None) -> str:
    """``text`` in words: every run of digits of any script, and what else is written shortly.

    Phones, pincodes and ticket numbers are told by their shape and said digit by digit, amounts
    as cardinals; dates, times, money, measures, ordinals and abbreviations as they are spoken
    (:func:`agent.tamil.written.spoken_tamil`).

    Args:
        text: of any length.
        language: of the voice, ``ta`` or ``en``. An English voice gets its figures in English
            words and the rest as it is. When it is not known, Latin letters are said in Tamil
            letters only in a text that holds Tamil letters too.
    """
    if language == _ENGLISH:
        text = spell_separated(ascii_digits(text), speller_english, "plus")
        return spell_plain(text, speller_english, "point")
    return spoken_tamil(text, english_words=language is not None or is_tamil_text(text))


def warm_up_words() -> None:
    """Read the tables and build the patterns, so that no caller waits for them (90 ms, once)."""
    spell_numerals("₹1 Dr. MLA கி.மீ.", "ta")


def voice_language(voice: str) -> str | None:
    """The language a voice's name begins with (``ta+f5``, ``en-gb``), None when it tells none."""
    name = re.split(r"[+_-]", voice.lower(), maxsplit=1)[0]
    return name if name in _LANGUAGES else None
