"""Phone and ticket numbers: checked, and gathered over several turns."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_MOBILE = re.compile(r"[6-9][0-9]{9}")
_LAND_LINE = re.compile(r"0[1-9][0-9]{9}")
_COUNTRY = re.compile(r"(?:0091|091|91|0|910)(?=[6-9][0-9]{9}$)")
_COUNTRY_LAND_LINE = re.compile(r"(?:0091|91)(?=4[0-9]{9}$)")
"""Every area code of Tamil Nadu begins with 4."""
_MOBILE_DIGITS = 10
_LAND_LINE_DIGITS = 11
_TICKET_DIGITS = 9

TicketCheck = Callable[[str], bool]


def nine_digits(number: str) -> bool:
    """Accept any nine digits: the check used where the check digit is not known."""
    return len(number) == _TICKET_DIGITS and number.isascii() and number.isdigit()


def as_phone(digits: str) -> str | None:
    """Return a valid Indian number, or None.

    Ten digits from 6 to 9 (mobile, with or without +91 or 0), or eleven from 0 (land line with
    its area code). A number said twice in a row counts once.
    """
    half = len(digits) // 2
    if len(digits) >= 2 * _MOBILE_DIGITS and digits[:half] == digits[half:]:
        digits = digits[:half]
    digits = _COUNTRY_LAND_LINE.sub("0", _COUNTRY.sub("", digits, count=1), count=1)
    if _MOBILE.fullmatch(digits) or _LAND_LINE.fullmatch(digits):
        return digits
    return None


@dataclass(frozen=True, slots=True)
class HeardDigits:
    """Digits of one turn."""

    digits: str
    restarted: bool = False
    """The caller began again: digits of earlier turns no longer count."""
    takes_back: tuple[int, ...] = ()
    """How many digits at the end of earlier turns may be taken back, the likeliest first."""


def gather(before: str, heard: HeardDigits, longest: int = _LAND_LINE_DIGITS) -> str:
    """Return the digits of a number said over several turns.

    Args:
        before: digits of earlier turns.
        heard: this turn.
        longest: digits a whole number may have.

    A turn that holds a whole number, begins again or would make the number too long stands for
    itself.
    """
    if heard.restarted or as_phone(heard.digits):
        return heard.digits
    joined = [before[:-back] + heard.digits for back in heard.takes_back]
    joined += [before + heard.digits]
    fitting = [digits for digits in joined if len(digits) <= longest]
    whole = (digits for digits in fitting if as_phone(digits) or len(digits) == longest)
    return next(whole, fitting[0] if fitting else heard.digits)
