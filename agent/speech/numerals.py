"""Digits in a text -> Tamil words (pure): the last guard before any voice sees a number.

The conversation spells its own numbers; this is for what people type into ``kural say`` and for
digits inside names of places. espeak-ng would read a phone number as one cardinal in crores.
"""

from __future__ import annotations

import re

from agent.tamil.speller import LARGEST, spell_digits, spell_number, spell_phone, spell_ticket

_PATTERN = re.compile(
    r"""
    (?P<spaced> \d{5}[ ]\d{5} | \d{3}[ ]\d{3}[ ]\d{3} | \d{3}[ ]\d{3} )(?!\d)
    | (?P<grouped> \d{1,3}(?:,\d{2,3})*,\d{3} )(?!\d)
    | (?P<decimal> \d+\.\d+ )
    | (?P<plain> \d+ )
    """,
    re.VERBOSE,
)
_POINT = "புள்ளி"  # "point"
_TICKET_DIGITS = 9
_PINCODE = re.compile(r"6[0-4]\d{4}")  # Tamil Nadu and Puducherry, first digits 60 to 64


def spell_numerals(text: str) -> str:
    """``text`` with every run of digits (of any script) in Tamil words; the rest is untouched.

    Phones, pincodes and ticket numbers are told by their length and said digit by digit,
    amounts as cardinals. Figures too large for a cardinal are said digit by digit in threes.
    """
    pieces, at = list[str](), 0
    for match in _PATTERN.finditer(text):
        pieces += [text[at : match.start()], _spaced_out(match, text)]
        at = match.end()
    return "".join([*pieces, text[at:]])


def _spaced_out(match: re.Match[str], text: str) -> str:
    """The words, kept apart from Latin letters around them: no voice can say B followed by இ."""
    before = " " if text[max(0, match.start() - 1) : match.start()].isalnum() else ""
    after = " " if text[match.end() : match.end() + 1].isascii() else ""
    after = after if text[match.end() : match.end() + 1].isalpha() else ""
    return f"{before}{_words(match)}{after}"


def _words(match: re.Match[str]) -> str:
    found = "".join(str(int(char)) if char.isdigit() else char for char in match.group())
    if match["decimal"]:
        whole, fraction = found.split(".")
        return f"{_figure(whole)} {_POINT} {spell_digits(fraction, len(fraction))}"
    if match["grouped"]:
        return _cardinal(found.replace(",", ""))
    return _figure(found.replace(" ", ""))


def _figure(digits: str) -> str:
    if len(digits) == _TICKET_DIGITS:
        return spell_ticket(digits)
    if (len(digits) == 10 and digits[0] in "6789") or (len(digits) == 11 and digits[0] == "0"):
        return spell_phone(digits)
    if _PINCODE.fullmatch(digits) or (digits[0] == "0" and len(digits) > 1):
        return spell_digits(digits)
    return _cardinal(digits)


def _cardinal(digits: str) -> str:
    # int() of a huge text is slow and Python refuses past 4,300 digits: decide by length
    small = len(digits) <= len(str(LARGEST)) and int(digits) <= LARGEST
    return spell_number(int(digits)) if small else spell_digits(digits)
