"""Figures in a text -> words (pure): phones, tickets, post codes, amounts and plain numbers.

What a run of digits is, is told by its length and its separators; phones, tickets and post codes
are said digit by digit, all else as cardinals, and what is too long for one in threes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from agent.tamil.speller import LARGEST


class Speller(Protocol):
    """Words of one language: :mod:`agent.tamil.speller` or its English twin."""

    def spell_number(self, number: int) -> str:
        """A cardinal."""

    def spell_digits(self, digits: str, group: int = 3) -> str:
        """Digits in groups."""

    def spell_ticket(self, number: str) -> str:
        """A ticket number."""

    def spell_phone(self, number: str) -> str:
        """A phone number."""


_SEPARATED = re.compile(
    r"""
    (?<![\d.,/:+-])
    (?:
      (?P<abroad> \+91 [ -]? (?: [6-9]\d{9} | [6-9]\d{4}[ -]\d{5} ) )
    | (?P<mobile> (?: 0[ -]? )? (?:
          [6-9]\d{4}[ -]\d{5} | \([6-9]\d{4}\)[ ]?\d{5}
        | [6-9]\d{2}(?P<a>[ .-])\d{3}(?P=a)\d{4} | [6-9]\d{3}(?P<b>[ .-])\d{3}(?P=b)\d{3}
        | [6-9]\d{3}(?P<c>[ -])\d{2}(?P=c)\d{2}(?P=c)\d{2}
        | [6-9]\d(?P<d>[ -])\d{2}(?P=d)\d{2}(?P=d)\d{2}(?P=d)\d{2}
        ) | 0[ -]?[6-9]\d{9} )
    | (?P<land> \(?0(?: 4[04]\)?[ -]?\d{4}[ -]?\d{4} | \d{3}\)?[ -]\d{3}[ -]?\d{4}
                      | \d{4}\)?[ -]\d{3}[ -]?\d{3} ) )
    | (?P<free> 1800 (?P<f>[ -]) \d{3} (?: (?P=f) \d{3,4} | \d{3,4} ) )
    | (?P<ticket> \#?\d{3}(?P<e>[ -])\d{3}(?P=e)\d{3} | \#\d{9} )
    | (?P<pincode> \d{3}[ ]\d{3} | 6[0-4]\d-\d{3} )
    )
    (?! \d | [.,/:-]\d )
    """,
    re.VERBOSE,
)
_PLAIN = re.compile(
    r"""
    (?P<grouped> \d{1,3}(?:,\d{2,3})*,\d{3} )(?!\d)
    | (?P<dotted> \d{1,9}(?:\.\d{1,9}){2,9} )(?!\d)
    | (?P<decimal> \d+\.\d+ )
    | (?P<plain> \d+ )
    """,
    re.VERBOSE,
)
_BETWEEN = re.compile(r"(?<=[0-9])\s?[-\u2013:/]\s?(?=[0-9])")
"""What may be left between two figures (3-4 நாட்கள்): it is not said."""
_COUNTRY = "91"
_TICKET_DIGITS = 9
_LONGEST_PLAIN = 7
"""A longer run without commas is a reference of some kind and said digit by digit."""
_PINCODE = re.compile(r"6[0-4]\d{4}")  # Tamil Nadu and Puducherry, first digits 60 to 64


def ascii_digits(text: str) -> str:
    """Return ``text`` with the decimal digits of every script as 0-9."""
    return "".join(str(int(c)) if c.isdecimal() and not c.isascii() else c for c in text)


def spell_separated(text: str, speller: Speller, plus: str) -> str:
    """Return ``text`` with phones, tickets and post codes written in groups in words.

    Args:
        text: digits are 0-9.
        speller: whose words.
        plus: how the sign before a country code is said.
    """

    def say(match: re.Match[str]) -> str:
        digits = "".join(char for char in match.group() if char in "0123456789")
        if match["abroad"]:
            country = speller.spell_digits(_COUNTRY)
            return f"{plus} {country}, {speller.spell_phone(digits.removeprefix(_COUNTRY))}"
        if match["mobile"] or match["land"]:
            return speller.spell_phone(digits)
        if match["free"]:
            parts = (digits[:4], digits[4:7], digits[7:])
            return ", ".join(speller.spell_digits(part, len(part)) for part in parts)
        return speller.spell_ticket(digits) if match["ticket"] else speller.spell_digits(digits)

    return _SEPARATED.sub(apart(say), text)


def spell_plain(text: str, speller: Speller, point: str) -> str:
    """Return ``text`` with every run of digits that is left in words.

    Args:
        text: digits are 0-9.
        speller: whose words.
        point: how the decimal point is said.
    """

    def say(match: re.Match[str]) -> str:
        if match["decimal"]:
            whole, fraction = match.group().split(".")
            words = _figure(whole, speller)
            return f"{words} {point} {speller.spell_digits(fraction, len(fraction))}"
        if match["dotted"]:
            return ", ".join(_figure(part, speller) for part in match.group().split("."))
        if match["grouped"]:
            return cardinal(match.group().replace(",", ""), speller)
        return _figure(match.group(), speller)

    return _PLAIN.sub(apart(say), _BETWEEN.sub(" ", text))


def apart(say: Callable[[re.Match[str]], str]) -> Callable[[re.Match[str]], str]:
    """Keep words apart from Latin letters around them: no voice can say B followed by இ."""

    def spaced(match: re.Match[str]) -> str:
        words = say(match)
        if words == match.group():
            return words
        before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
        lead = " " if before.isalnum() else ""
        return f"{lead}{words}{' ' if after.isascii() and after.isalpha() else ''}"

    return spaced


def cardinal(digits: str, speller: Speller) -> str:
    """Return an amount in words; one that is too large digit by digit."""
    # int() of a huge text is slow and Python refuses past 4,300 digits: decide by length
    small = len(digits) <= len(str(LARGEST)) and int(digits) <= LARGEST
    return speller.spell_number(int(digits)) if small else speller.spell_digits(digits)


def _figure(digits: str, speller: Speller) -> str:
    if len(digits) == _TICKET_DIGITS:
        return speller.spell_ticket(digits)
    if (len(digits) == 10 and digits[0] in "6789") or (len(digits) == 11 and digits[0] == "0"):
        return speller.spell_phone(digits)
    if _PINCODE.fullmatch(digits) or (digits[0] == "0" and len(digits) > 1):
        return speller.spell_digits(digits)
    return (
        cardinal(digits, speller) if len(digits) <= _LONGEST_PLAIN else speller.spell_digits(digits)
    )
