"""Written Tamil -> what a Tamil voice is given (pure): no figures, signs, short forms left.

``ரூ.1,250`` is said ஆயிரத்து இருநூற்று ஐம்பது ரூபாய், ``15.08.2026`` ஆகஸ்ட் மாதம் பதினைந்தாம் தேதி and so
on. The order of the steps matters: a date is looked for before a decimal, and what is left of
figures is read last. ``tests/data/spoken_forms.tsv`` holds what is right.
"""

from __future__ import annotations

import re

from agent.tamil import speller
from agent.tamil.amounts import (
    POINT,
    say_fractions,
    say_lone_units,
    say_measures,
    say_minus,
    say_money,
    say_ordinals,
)
from agent.tamil.dates import say_dates, say_times
from agent.tamil.figures import ascii_digits, spell_plain, spell_separated
from agent.tamil.latin import say_english, say_short_forms

_FIGURE = re.compile(r"[\d¼½¾]")
_LATIN = re.compile(r"[A-Za-z]")
_PLUS = "பிளஸ்"


def spoken_tamil(text: str, *, english_words: bool = True) -> str:
    """Return ``text`` in the words that are spoken; what no rule knows is left as it is.

    Args:
        text: of any length and script; numerals of every script are read.
        english_words: whether Latin letters (MLA, street light) are said in Tamil letters.
    """
    if _FIGURE.search(text):
        text = _figures(text)
    if not english_words:
        return text
    text = say_short_forms(say_lone_units(text))
    return say_english(text) if _LATIN.search(text) else text


def _figures(text: str) -> str:
    text = spell_separated(ascii_digits(text), speller, _PLUS)
    for step in (
        say_dates,
        say_times,
        say_money,
        say_ordinals,
        say_minus,
        say_fractions,
        say_measures,
    ):
        text = step(text)
    return spell_plain(text, speller, POINT)


def is_tamil_text(text: str) -> bool:
    """Tell whether any letter is Tamil."""
    return any("\u0b80" <= char <= "\u0bff" for char in text)
