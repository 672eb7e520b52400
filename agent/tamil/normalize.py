"""Clean Tamil text: one form for every word, whatever keyboard or recogniser wrote it.

Everything that enters understanding passes :func:`clean` once. Facts about the script: Unicode
15.1, chapter 12.6. Two traps: vowel signs typed in two parts (NFC joins them), and ௌ typed as the
sign ெ followed by the letter ள (NFC does not).
"""

from __future__ import annotations

import re
import unicodedata

_TAMIL_DIGITS = {chr(0x0BE6 + n): str(n) for n in range(10)} | {"௰": "10", "௱": "100", "௲": "1000"}
"""௦-௯ and the signs for ten, hundred, thousand; they occur in print only."""

_DROPPED = {"\u25cc", "\u034f", "\u180e"}
"""Dotted circle and invisible joiners that carry no meaning in Tamil."""

_AU_HEADS = re.compile(
    r"(?<![\u0B80-\u0BFF])"
    r"([கமபசரயதல])ெள(?=ரவ|ரி|தம|ண்ட|ன|ர்ண|த்த|ந்த|கரி|டி|வன|சண்|கீக)"
)
"""Words whose ௌ is often typed as ெ + ள. A blind repair would break வெளக்கு and வெளி, where ள
is a consonant, so only these heads are joined (கௌரவம், கௌண்டர், மௌனம், பௌர்ணமி, சௌந்தர், ...)."""

_AU_LETTER = re.compile(r"(?<![\u0B80-\u0BFF])ஒள(?=வை|வ|ட)")
"""ஔவையார் and ஔடதம் typed as ஒ + ள; ஒளி (light) stays."""

_SPACE = re.compile(r"\s+")

_PLAIN_TEXT = re.compile(r"[ -~\u0B82-\u0BD7]*")
"""Text that needs no look at every character: ASCII and the Tamil letters (Tamil digits apart)."""


def _kept(char: str) -> str:
    if char in _TAMIL_DIGITS:
        return _TAMIL_DIGITS[char]
    if char in _DROPPED:
        return ""
    category = unicodedata.category(char)
    if category in ("Zs", "Zl", "Zp", "Cc"):
        return " "
    return "" if category in ("Cf", "Cs", "Co", "Cn") else char


def clean(text: str) -> str:
    """Return ``text`` in NFC, without invisible characters, spaces joined, Tamil digits as 0-9.

    The words stay as they were said; nothing is folded. ``clean`` is idempotent and never raises.
    """
    if not _PLAIN_TEXT.fullmatch(text):
        text = "".join(map(_kept, text))
    joined = unicodedata.normalize("NFC", text)
    joined = _AU_HEADS.sub(r"\1ௌ", joined)
    joined = _AU_LETTER.sub("ஔ", joined)
    return unicodedata.normalize("NFC", _SPACE.sub(" ", joined).strip())
