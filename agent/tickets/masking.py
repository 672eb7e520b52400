"""What staff see of a person before they say who they are and why they look."""

from __future__ import annotations

import re
import unicodedata

HIDDEN = "***"
_SHOWN_DIGITS = 4
_LONG_NUMBER = re.compile(r"\d(?:[\s-]?\d){5,}")
"""Six or more digits in a row, however grouped: a phone, Aadhaar or card number, never a date."""


def mask_name(name: str | None) -> str | None:
    """The first letter with its vowel signs: "மீனா" -> "மீ***"."""
    if not name:
        return name
    end = 1
    while end < len(name) and unicodedata.category(name[end]).startswith("M"):
        end += 1
    return name[:end] + HIDDEN


def mask_phone(phone: str | None) -> str | None:
    """The last four digits: "9500123456" -> "******3456"."""
    if not phone:
        return phone
    if len(phone) <= _SHOWN_DIGITS:
        return "*" * len(phone)
    return "*" * (len(phone) - _SHOWN_DIGITS) + phone[-_SHOWN_DIGITS:]


def mask_text(text: str | None, name: str | None) -> str | None:
    """Free text without long numbers and without the caller's own name."""
    if not text:
        return text
    if name and len(name) > 1 and name in text:
        text = text.replace(name, mask_name(name) or "")
    return _LONG_NUMBER.sub(lambda found: "*" * len(found.group()), text)
