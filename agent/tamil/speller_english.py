"""Numbers to English words, for callers who asked for English; the same names as the Tamil speller.

Digits are grouped as in Tamil, so that a number sounds the same in both languages.
"""

from __future__ import annotations

from agent.tamil.speller import check_range, grouped_phone, in_groups

_DIGITS = "zero one two three four five six seven eight nine".split()
_TEENS = ("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen").split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()


def spell_number(number: int) -> str:
    """Return a whole number in words, with lakhs and crores as in India.

    Args:
        number: 0 to :data:`~agent.tamil.speller.LARGEST`.

    Raises:
        ValueError: when the number is outside that range.
    """
    check_range(number)
    parts = []
    for size, name in (
        (10_000_000, "crore"),
        (100_000, "lakh"),
        (1_000, "thousand"),
        (100, "hundred"),
    ):
        count, number = divmod(number, size)
        if count:
            parts.append(f"{_below_hundred(count)} {name}")
    if number or not parts:
        parts.append(_below_hundred(number))
    return " ".join(parts)


def _below_hundred(number: int) -> str:
    if number < 10:
        return _DIGITS[number]
    if number < 20:
        return _TEENS[number - 10]
    tens, unit = divmod(number, 10)
    return f"{_TENS[tens]} {_DIGITS[unit]}" if unit else _TENS[tens]


def spell_digits(digits: str, group: int = 3) -> str:
    """Return digit words in groups, as the Tamil speller does."""
    return in_groups(_DIGITS, digits, group)


def spell_ticket(number: str) -> str:
    """Return a ticket number in words, three and three."""
    return spell_digits(number, 3)


def spell_phone(number: str) -> str:
    """Return a phone number in words, in the groups people say."""
    return ", ".join(spell_digits(part, len(part)) for part in grouped_phone(number))
