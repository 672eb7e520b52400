"""The check digit of ticket numbers: a wrong digit or two swapped ones are noticed (pure)."""

from __future__ import annotations

NUMBER_DIGITS = 9
"""Eight and the check digit."""

# H. M. Damm, "Total anti-symmetrische Quasigruppen", 2004: the usual table of order 10.
_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)


def check_digit(digits: str) -> str:
    """The Damm digit that makes ``digits`` valid when it is appended ("572" -> "4").

    Raises:
        ValueError: ``digits`` is not made of ASCII digits alone.
    """
    if not (digits.isascii() and digits.isdecimal()):
        raise ValueError("a ticket number is made of the digits 0 to 9")
    state = 0
    for digit in digits:
        state = _DAMM[state][int(digit)]
    return str(state)


def is_valid(number: str) -> bool:
    """Whether this is nine digits with the right check digit, not starting with 0."""
    return (
        len(number) == NUMBER_DIGITS
        and number.isascii()
        and number.isdecimal()
        and number[0] != "0"
        and check_digit(number) == "0"
    )
