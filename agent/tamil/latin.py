"""Abbreviations and English words in a Tamil text -> Tamil letters (pure, driven by tables).

A voice that knows only Tamil cannot say Latin letters at all, and one that can (espeak-ng) jumps
into an English accent in mid-sentence. Words that no table has stay as they are.
"""

from __future__ import annotations

import re
from functools import cache

from agent.tamil.word_forms import join
from agent.tamil.written_tables import any_of, tables

_TAMIL = "\u0b80-\u0bff"
_LONGEST_LETTERS = 7
"""Capitals of a longer word are an English word in capitals, not letters."""
_CASE = re.compile(r"[யவ]ி[லடன]|[யவ]ை|[யவ]ால்|க்கு")
_INITIAL = re.compile(rf"(?<![A-Za-z.])(?P<letter>[A-Z])\.\s?(?=[A-Z{_TAMIL}])")
_ALONE = re.compile(r"(?<=[a-z] )[AI](?![A-Za-z])|(?<![A-Za-z])[AI](?= [a-z])")
"""English a and I among English words: no letters that are spelled."""
_CAPITALS = re.compile(
    rf"(?<![A-Za-z])[A-Z]{{1,{_LONGEST_LETTERS}}}(?![A-Za-z])(?P<end>-[{_TAMIL}]+)?"
)
_DOTTED = re.compile(r"(?<![A-Za-z.])(?:[A-Za-z]\.){2,8}[A-Za-z]?(?![A-Za-z])\.?")


def say_short_forms(text: str) -> str:
    """Titles and names that are said as one word (Dr., TANGEDCO), initials in Tamil (எம்.எல்.ஏ.)."""
    return _initials().sub(_say_initials, _short().sub(_say_short, text))


@cache
def _short() -> re.Pattern[str]:
    dotted = any_of(form for form in tables().short if form[-1] in ".:")
    whole = any_of(form for form in tables().short if form[-1] not in ".:")
    return re.compile(rf"(?<![A-Za-z{_TAMIL}.])(?:{dotted}|{whole}(?![A-Za-z{_TAMIL}.]))")


def _say_short(match: re.Match[str]) -> str:
    follows = match.string[match.end() :][:1].isalnum()
    return tables().short[match.group()] + (" " if follows else "")


@cache
def _initials() -> re.Pattern[str]:
    name = any_of(tables().letter_names)
    return re.compile(
        rf"(?<![{_TAMIL}.])(?:{name}\.[ ]?){{1,7}}(?:{name}(?![{_TAMIL}])\.?)?"
        rf"(?=(?P<next>[{_TAMIL}])?)"
    )


def _say_initials(match: re.Match[str]) -> str:
    names = [part.strip() for part in match.group().split(".") if part.strip()]
    if len(names) == 1 and not match["next"]:
        return match.group()  # one letter and the end of a sentence
    spoken = " ".join(names)
    if len(names) > 1 and _CASE.match(match.string, match.end()):
        return spoken  # எம்.பி.யிடம்: the ending stays on the last letter
    return f"{spoken} " if match["next"] or match.group().endswith(" ") else spoken


def say_english(text: str) -> str:
    """Letters one by one (MLA, E.B.) and English words of the table (street light)."""
    text = _DOTTED.sub(lambda m: _letters("".join(filter(str.isalpha, m.group())).upper()), text)
    text = _INITIAL.sub(lambda m: f"{tables().letters[m['letter']]} ", text)
    text = _words().sub(_say_words, text)
    return _CAPITALS.sub(_say_capitals, text)


@cache
def _words() -> re.Pattern[str]:
    return re.compile(
        rf"(?<![A-Za-z])(?P<word>{any_of(tables().english)})(?P<many>s?)(?![A-Za-z])(?P<end>-[{_TAMIL}]+)?",
        re.IGNORECASE,
    )


def _say_words(match: re.Match[str]) -> str:
    spoken = tables().english[match["word"].lower()] + ("ஸ்" if match["many"] else "")
    return _ended(spoken, match["end"])


def _say_capitals(match: re.Match[str]) -> str:
    if _ALONE.match(match.string, match.start()):
        return match.group()
    return _ended(_letters(match.group().removesuffix(match["end"] or "")), match["end"])


def _letters(capitals: str) -> str:
    return " ".join(tables().letters[letter] for letter in capitals)


def _ended(spoken: str, ending: str | None) -> str:
    return join(spoken, ending.removeprefix("-")) if ending else spoken
