"""Money, measures, fractions and ordinals in a text -> Tamil words (pure, driven by tables).

Each function takes a text whose digits are 0-9 and gives it back with one kind of written form
said; what it does not know stays for the next one (:mod:`agent.tamil.written` has their order).
"""

from __future__ import annotations

import re
from functools import cache

from agent.tamil import speller
from agent.tamil.figures import apart, cardinal
from agent.tamil.speller import LARGEST, spell_count, spell_digits
from agent.tamil.word_forms import join, spell_ordinal, spell_ordinal_day, with_quarters
from agent.tamil.written_tables import any_of, tables

POINT = "புள்ளி"
_RUPEES, _PAISE, _MINUS, _BY = "ரூபாய்", "பைசா", "மைனஸ்", "பை"
_AMOUNT = r"(?P<amount>\d{1,9}(?:,\d{2,3}){0,4}(?:\.\d{1,6})?)(?![\d,.]*\d)"
_TAMIL = "\u0b80-\u0bff"
_QUARTERS = {"1/4": 1, "¼": 1, "1/2": 2, "½": 2, "3/4": 3, "¾": 3}

_MINUS_SIGN = re.compile(r"(?:^|(?<=\s))(?<!\d\s)[-\u2212](?=\d)")
_QUARTER = re.compile(r"(?<![\d./,])(?:(?P<whole>\d{1,7})[ ]?)??(?P<quarter>[¼½¾])(?!\d)")
_WRITTEN_QUARTER = re.compile(
    r"(?<![\d./,])(?:(?P<whole>\d{1,7})[ ])?(?P<quarter>1/4|1/2|3/4)(?![\d/])"
)
_DOOR = re.compile(r"(?:எண்|நம்பர்|[Nn]o|சர்வே|வீடு)[\s.:]*$")
_SLASH = re.compile(r"(?<![\d/])(\d{1,7})/(\d{1,7})(?![\d/])")
_ORDINAL = re.compile(r"(?<![\d.,])(?P<number>\d{1,9})\s?-?\s?(?:ஆ|ா)?வத(?=[ுா])")
_ORDINAL_DAY = re.compile(rf"(?<![\d.,])(?P<number>\d{{1,9}})\s?-?\s?(?:ஆம்|ம்|ாம்)(?![{_TAMIL}])")
_ENGLISH_ORDINAL = re.compile(r"(?<![\d.,])(?P<number>\d{1,9})(?:st|nd|rd|th)\b", re.IGNORECASE)
_GLUED = re.compile(rf"(?<![\d.,])(?P<number>\d{{1,9}})-(?P<ending>[{_TAMIL}]+)")


def say_minus(text: str) -> str:
    """A minus before a figure: -5."""
    return _MINUS_SIGN.sub(f"{_MINUS} ", text)


def say_money(text: str) -> str:
    """Amounts with ₹, Rs., INR, ரூ. or /-: ₹1,250, ரூ.10,000/-, ₹1.5 லட்சம்."""
    return _money().sub(apart(_say_money), text)


@cache
def _money() -> re.Pattern[str]:
    scale = rf"(?:\s?(?P<scale>{any_of(tables().scales)})(?![A-Za-z]))?"
    sign = rf"(?:₹|(?<![A-Za-z])(?:Rs|INR)\.?|(?<![{_TAMIL}])ரூ(?![{_TAMIL}])\.?)"
    bare = _AMOUNT.replace("amount", "bare")
    after = rf"\s?(?:/[-=]|ரூ(?![{_TAMIL}])\.?|(?<=\.\d\d\s){_RUPEES}|(?<=\.\d\d){_RUPEES})"
    return re.compile(
        rf"{sign}\s?{_AMOUNT}{scale}(?:\s?/[-=])?(?:\s?{_RUPEES})?|(?<![\d.,]){bare}{after}",
        re.IGNORECASE,
    )


def _say_money(match: re.Match[str]) -> str:
    whole, _, fraction = (match["amount"] or match["bare"]).replace(",", "").partition(".")
    if int(whole) > LARGEST:
        return f"{cardinal(whole, speller)} {_RUPEES}"
    if match["scale"]:
        return (
            f"{_scaled(int(whole), fraction)} {tables().scales[match['scale'].lower()]} {_RUPEES}"
        )
    if len(fraction) > 2:
        return f"{_decimal(whole, fraction)} {_RUPEES}"
    paise = int(fraction.ljust(2, "0"))
    parts = [f"{spell_count(int(whole))} {_RUPEES}"] if int(whole) or not paise else []
    return " ".join([*parts, f"{spell_count(paise)} {_PAISE}"] if paise else parts)


def _scaled(whole: int, fraction: str) -> str:
    """How many lakhs or crores: halves have a word, other decimals are read out."""
    if not fraction.strip("0"):
        return spell_count(whole)
    return with_quarters(whole, 2) if fraction in ("5", "50") else _decimal(str(whole), fraction)


def _decimal(whole: str, fraction: str) -> str:
    return f"{cardinal(whole, speller)} {POINT} {spell_digits(fraction, len(fraction))}"


def say_fractions(text: str) -> str:
    """Halves and quarters (½, 2 1/2), and other slashes as a door number has them (12/3)."""
    text = _QUARTER.sub(apart(_say_quarter), text)
    text = _WRITTEN_QUARTER.sub(apart(_say_quarter), text)
    return _SLASH.sub(apart(_say_slash), text)


def _say_quarter(match: re.Match[str]) -> str:
    if "/" in match["quarter"] and _DOOR.search(match.string[: match.start()]):
        return match.group()
    return with_quarters(int(match["whole"] or 0), _QUARTERS[match["quarter"]])


def _say_slash(match: re.Match[str]) -> str:
    return f"{cardinal(match[1], speller)} {_BY} {cardinal(match[2], speller)}"


def say_ordinals(text: str) -> str:
    """5வது, 21-ஆம், 2nd, and case endings after a hyphen: 2025-ல்."""
    text = _ORDINAL.sub(apart(lambda m: spell_ordinal(int(m["number"])).removesuffix("ு")), text)
    text = _ORDINAL_DAY.sub(apart(lambda m: spell_ordinal_day(int(m["number"]))), text)
    text = _ENGLISH_ORDINAL.sub(apart(lambda m: spell_ordinal(int(m["number"]))), text)
    return _GLUED.sub(apart(_say_glued), text)


def _say_glued(match: re.Match[str]) -> str:
    return join(cardinal(match["number"], speller), match["ending"])


def say_measures(text: str) -> str:
    """A figure and its unit (10 kg, 2.5 கி.மீ, 50%), and one of what is counted (1 நாள்)."""
    text = _measure().sub(apart(_say_measure), text)
    return _counted().sub(apart(lambda m: spell_count(int(m.group()))), text)


def say_lone_units(text: str) -> str:
    """Units that are said in full also without a figure: கி.மீ."""
    return _lone_unit().sub(lambda m: tables().units[m.group()], text) if "." in text else text


@cache
def _measure() -> re.Pattern[str]:
    units = any_of(tables().units)
    return re.compile(rf"(?<![\d.,/]){_AMOUNT}\s?(?P<unit>{units})(?![A-Za-z{_TAMIL}])")


@cache
def _lone_unit() -> re.Pattern[str]:
    return re.compile(rf"(?<![{_TAMIL}.]){any_of(tables().alone)}(?![{_TAMIL}])")


@cache
def _counted() -> re.Pattern[str]:
    """A number ending in one before what it counts."""
    return re.compile(rf"(?<![\d.,/:-])\d{{0,6}}1(?=\s?{any_of(tables().counted)})")


def _say_measure(match: re.Match[str]) -> str:
    whole, _, fraction = match["amount"].replace(",", "").partition(".")
    if fraction:
        number = _decimal(whole, fraction)
    else:
        number = spell_count(int(whole)) if int(whole) <= LARGEST else cardinal(whole, speller)
    return f"{number} {tables().units[match['unit']]}"
