"""Numbers to the words that are spoken: integers, digit strings, tickets, phones.

Formal standard forms, because every Tamil dialect understands them and the embedded voice reads
them cleanly; :mod:`agent.tamil.numbers` reads them back, which a test holds for every value.
"""

from __future__ import annotations

from collections.abc import Sequence

LARGEST = 999_999_999
"""Ninety-nine crore and so on: the largest number that is spelled."""

_DIGITS = "பூஜ்ஜியம் ஒன்று இரண்டு மூன்று நான்கு ஐந்து ஆறு ஏழு எட்டு ஒன்பது".split()
_TEENS = (
    "பத்து பதினொன்று பன்னிரண்டு பதிமூன்று பதினான்கு பதினைந்து பதினாறு பதினேழு பதினெட்டு பத்தொன்பது"
).split()
_ONE, _ELEVEN = "ஒரு", "பதினொரு"  # before what is counted
_TENS = "_ _ இருபது முப்பது நாற்பது ஐம்பது அறுபது எழுபது எண்பது தொண்ணூறு".split()
_TENS_OPEN = ("_ _ இருபத்தி முப்பத்தி நாற்பத்தி ஐம்பத்தி அறுபத்தி எழுபத்தி எண்பத்தி தொண்ணூற்றி").split()
_HUNDREDS = "_ நூறு இருநூறு முந்நூறு நானூறு ஐநூறு அறுநூறு எழுநூறு எண்ணூறு தொள்ளாயிரம்".split()
_HUNDREDS_OPEN = (
    "_ நூற்றி இருநூற்று முந்நூற்று நானூற்று ஐநூற்று அறுநூற்று எழுநூற்று எண்ணூற்று தொள்ளாயிரத்து"
).split()
_THOUSANDS = (
    "_ ஆயிரம் இரண்டாயிரம் மூவாயிரம் நான்காயிரம் ஐயாயிரம் ஆறாயிரம் ஏழாயிரம் எட்டாயிரம்"
    " ஒன்பதாயிரம் பத்தாயிரம் பதினோராயிரம் பன்னிரண்டாயிரம் பதிமூன்றாயிரம் பதினான்காயிரம்"
    " பதினைந்தாயிரம் பதினாறாயிரம் பதினேழாயிரம் பதினெட்டாயிரம் பத்தொன்பதாயிரம்"
).split()
_TEN_THOUSANDS = (
    "_ _ இருபதாயிரம் முப்பதாயிரம் நாற்பதாயிரம் ஐம்பதாயிரம் அறுபதாயிரம் எழுபதாயிரம் எண்பதாயிரம் தொண்ணூறாயிரம்"
).split()

_MOBILE = (5, 5)
_METRO_CODES = ("040", "044")
_CITY_CODES = tuple("0413 0416 0421 0422 0423 0424 0427 0431 0435 0451 0452 0461 0462".split())
"""Area codes of Tamil Nadu whose numbers have seven digits; the longer codes have six (own
knowledge, 2026-11-21; the office should correct it)."""


def spell_number(number: int) -> str:
    """Return a whole number in words.

    Args:
        number: 0 to :data:`LARGEST`.

    Raises:
        ValueError: when the number is outside that range.
    """
    check_range(number)
    if number < 10:
        return _DIGITS[number]
    crores, rest = divmod(number, 10_000_000)
    parts = []
    if crores:
        parts.append(f"{_counting(crores)} {'கோடியே' if rest else 'கோடி'}")
    lakhs, rest = divmod(rest, 100_000)
    thousands, rest = divmod(rest, 1_000)
    if lakhs:
        parts.append(f"{_counting(lakhs)} {'லட்சத்து' if thousands or rest else 'லட்சம்'}")
    if thousands:
        parts.append(_thousands(thousands, more=bool(rest)))
    if rest:
        parts.append(_below_thousand(rest))
    return _joined(*parts)


def _joined(*parts: str) -> str:
    """The parts of one number; a த or ப after an opened one is doubled, as it is spoken."""
    words = parts[0]
    for part in parts[1:]:
        hard = words[-1] in "ுி" and part[0] in "தப"
        words += f"{part[0]}் {part}" if hard else f" {part}"
    return words


def spell_count(number: int) -> str:
    """Return a whole number as it stands before what it counts: ஒரு நாள், பதினொரு ரூபாய்.

    Raises:
        ValueError: when the number is not spelled, see :func:`spell_number`.
    """
    words = spell_number(number)
    if number == 1 or (number % 10 == 1 and number % 100 != 11):
        return words.removesuffix(_DIGITS[1]) + _ONE
    return words.removesuffix(_TEENS[1]) + _ELEVEN if number % 100 == 11 else words


def _counting(number: int) -> str:
    """1 to 99 before லட்சம் or கோடி."""
    words = _below_hundred(number)
    if number == 11:
        return _ELEVEN
    return words.removesuffix(_DIGITS[1]) + _ONE if number % 10 == 1 else words


def _below_hundred(number: int) -> str:
    if number < 10:
        return _DIGITS[number]
    if number < 20:
        return _TEENS[number - 10]
    tens, unit = divmod(number, 10)
    return f"{_TENS_OPEN[tens]} {_DIGITS[unit]}" if unit else _TENS[tens]


def _below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return _below_hundred(rest)
    return _joined(_HUNDREDS_OPEN[hundreds], _below_hundred(rest)) if rest else _HUNDREDS[hundreds]


def _thousands(number: int, *, more: bool) -> str:
    if number < 20:
        word = _THOUSANDS[number]
    elif number % 10 == 0:
        word = _TEN_THOUSANDS[number // 10]
    else:
        unit = "ஓராயிரம்" if number % 10 == 1 else _THOUSANDS[number % 10]
        word = f"{_TENS_OPEN[number // 10]} {unit}"
    return word.removesuffix("ம்") + "த்து" if more else word


def in_groups(words: Sequence[str], digits: str, group: int) -> str:
    """Return digits in the words of a language, as :func:`spell_digits` does.

    Args:
        words: those of 0 to 9.
        digits: characters 0-9 only.
        group: digits between two commas, counted from the left.

    Raises:
        ValueError: when something else than a digit is in it or ``group`` is below one.
    """
    if group < 1 or not all(char in "0123456789" for char in digits):
        raise ValueError("only digits in groups of one or more can be spelled")
    groups = [digits[at : at + group] for at in range(0, len(digits), group)]
    return ", ".join(" ".join(words[int(char)] for char in part) for part in groups)


def check_range(number: int) -> None:
    """Raise a ValueError for a number that is not spelled."""
    if not 0 <= number <= LARGEST:
        raise ValueError("only 0 to 999,999,999 can be spelled")


def spell_digits(digits: str, group: int = 3) -> str:
    """Return digit words, a comma after each group, so that a voice pauses there.

    Args:
        digits: characters 0-9 only.
        group: digits between two commas, counted from the left.

    Raises:
        ValueError: when something else than a digit is in it or ``group`` is below one.
    """
    return in_groups(_DIGITS, digits, group)


def spell_ticket(number: str) -> str:
    """Return a ticket number in words, three and three: 204103274 as 204, 103, 274."""
    return spell_digits(number, 3)


def grouped_phone(number: str) -> tuple[str, ...]:
    """Return the groups a phone number is spoken in.

    A mobile number 5-5, as it is written (in groups of 4-2-2-2 the demo model heard no more of
    them: ``benchmarks/digits_heard.py``); a land line by its area code, then two groups
    (044 2815 0033, 0422 234 5678, 04362 234 567); a nought before a mobile number stands apart;
    all else in threes.

    Args:
        number: digits only.
    """
    sizes = _phone_sizes(number)
    ends = [sum(sizes[: at + 1]) for at in range(len(sizes))]
    return tuple(number[end - size : end] for size, end in zip(sizes, ends, strict=True))


def _phone_sizes(number: str) -> tuple[int, ...]:
    if len(number) == 10:
        return _MOBILE
    if len(number) != 11:
        return (3,) * -(-len(number) // 3)
    if number[0] == "0" and number[1] in "6789":
        return (1, *_MOBILE)
    if not number.startswith("04") or number.startswith(_METRO_CODES):
        return (3, 4, 4)
    return (4, 3, 4) if number.startswith(_CITY_CODES) else (5, 3, 3)


def spell_phone(number: str) -> str:
    """Return a phone number in words, in the groups of :func:`grouped_phone`."""
    return ", ".join(spell_digits(part, len(part)) for part in grouped_phone(number))
