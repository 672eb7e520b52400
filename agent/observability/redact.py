"""Masks in a line of text whatever may have come from a caller.

The last net under :mod:`agent.observability.allowlist`: log messages are static, yet libraries
put values into theirs. Masked are digits (four and more, also when spoken in groups), spoken
digits (three and more number words in a row, English, or Tamil in Latin letters), words in
Tamil and every other non-Latin script, mail addresses, and passwords inside URLs. What stays is
plain English prose, so names in Latin letters must be kept out by the allow list.
"""

from __future__ import annotations

import re

MASK = "***"
"""What stands in the place of a masked part."""

_ENGLISH = """zero oh one two three four five six seven eight nine ten eleven twelve thirteen
fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy
eighty ninety hundred thousand lakh double triple"""

# The ten digits as they are written in chats and by recognisers that answer in Latin letters;
# several spellings each, because there is no standard one.
_TAMIL_IN_LATIN = """poojyam poojiyam pujyam pujjiyam suzhiyam suliyam jeero siro onnu onru ondru
rendu irandu randu moonu moondru munu mundru naalu naangu nalu nangu anju ainthu aindhu ainju aaru
aru yezhu ezhu elu yelu ettu yettu onbathu ombathu onpathu ombodhu onbadhu pathu patthu nooru nuru
aayiram ayiram dabul tirippil"""

_NUMBER_WORD = "(?:" + "|".join(sorted(f"{_ENGLISH} {_TAMIL_IN_LATIN}".split(), reverse=True)) + ")"

# Indic blocks are named: their vowel signs are marks, which ``\w`` does not match. The joiners
# U+200C and U+200D stand inside such words.
_FOREIGN_LETTER = r"[\u0900-\u0DFF\u200C\u200D]|[^\W\x00-\x7F]"

_PASSWORD = re.compile(r"(?<=://)[^\s/@]*:[^\s/@]*(?=@)")
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]+\.[\w.-]+")
_FOREIGN = re.compile(rf"(?:{_FOREIGN_LETTER})+(?:\s+(?:{_FOREIGN_LETTER})+)*")
_DIGITS = re.compile(r"\+?\d(?:[\s()/,-]{0,3}\d){3,}")
_SPOKEN = re.compile(
    rf"\b{_NUMBER_WORD}(?:[\s,.-]+(?:and[\s,.-]+)?{_NUMBER_WORD}){{2,}}\b", re.IGNORECASE
)


def redact(text: str) -> str:
    """Return the text on one line with everything masked that a caller may have said.

    Args:
        text: any text; normal form and script do not matter.

    Returns:
        The text with :data:`MASK` for each masked run, line breaks turned into spaces. Redacting
        twice changes nothing more.
    """
    line = " ".join(text.split())
    for pattern in (_PASSWORD, _MAIL, _FOREIGN, _DIGITS, _SPOKEN):
        line = pattern.sub(MASK, line)
    return line
