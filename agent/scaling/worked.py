"""Arithmetic that shows its working: a number that remembers how it was made.

A sum built from :class:`Worked` numbers carries its value, the expression in names and the same
expression in numbers, so that what is printed beside a figure cannot differ from what was done.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal

from agent.scaling.erlang import slots_needed

_WIDE = Context(prec=100)  # room for absurd prices: rounding to cents must not overflow
_SUM, _PRODUCT, _ATOM = 1, 2, 3  # how tightly an expression binds


@dataclass(frozen=True, slots=True)
class Worked:
    """A number and the expression it came from. Immutable."""

    value: Decimal
    """Exact, or to 28 digits after a division."""
    names: str
    """The expression in names: ``machines_usd_per_hour * hours``."""
    numbers: str
    """The same in numbers: ``0.28 * 282.7``; only + - * / ( ) and ceil, floor, max, erlang_b."""
    binding: int = _ATOM
    """1 a sum, 2 a product, 3 anything that needs no brackets."""

    def __add__(self, other: Worked) -> Worked:
        return self._joined(self.value + other.value, "+", other, _SUM, _SUM)

    def __sub__(self, other: Worked) -> Worked:
        return self._joined(self.value - other.value, "-", other, _SUM, _PRODUCT)

    def __mul__(self, other: Worked) -> Worked:
        return self._joined(self.value * other.value, "*", other, _PRODUCT, _PRODUCT)

    def __truediv__(self, other: Worked) -> Worked:
        return self._joined(self.value / other.value, "/", other, _PRODUCT, _ATOM)

    def _joined(self, value: Decimal, sign: str, other: Worked, own: int, right: int) -> Worked:
        names = f"{_held(self.names, self, own)} {sign} {_held(other.names, other, right)}"
        numbers = f"{_held(self.numbers, self, own)} {sign} {_held(other.numbers, other, right)}"
        return Worked(value, names, numbers, own)


@dataclass(frozen=True, slots=True)
class Figure:
    """One printed number with its formula."""

    name: str
    value: Decimal
    """Rounded half up to the places it is printed with; later formulas use it as printed."""
    unit: str
    names: str
    numbers: str

    @property
    def line(self) -> str:
        """``name = names = numbers = value unit``; the numbers alone give the value."""
        formula = [self.names] if self.names == self.numbers else [self.names, self.numbers]
        return " = ".join([self.name, *formula, f"{self.value:f} {self.unit}"])


class Sheet:
    """Figures in the order they were worked out."""

    def __init__(self) -> None:
        self.figures: dict[str, Figure] = {}

    def add(self, name: str, unit: str, working: Worked, places: int = 2) -> Worked:
        """Keep a figure, rounded to ``places`` decimals, and return it for later formulas."""
        value = working.value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _WIDE)
        self.figures[name] = Figure(name, value, unit, working.names, working.numbers)
        return named(name, value)


def named(name: str, value: Decimal) -> Worked:
    """Return a number that is known by a name."""
    return Worked(value, name, plain(value), _ATOM if value >= 0 else _SUM)


def number(value: int) -> Worked:
    """Return a number that speaks for itself, such as minutes in an hour."""
    return Worked(Decimal(value), str(value), str(value))


def ceiling(working: Worked) -> Worked:
    """Return the least whole number that is not below."""
    return _call("ceil", working.value.to_integral_value(ROUND_CEILING, _WIDE), working)


def floor(working: Worked) -> Worked:
    """Return the greatest whole number that is not above."""
    return _call("floor", working.value.to_integral_value(ROUND_FLOOR, _WIDE), working)


def at_least_zero(working: Worked) -> Worked:
    """Return the number, or zero when it is negative."""
    return _call("max", max(Decimal(0), working.value), number(0), working)


def erlang_b(load: Worked, blocking: Worked) -> Worked:
    """Return how many slots carry ``load`` erlangs with at most that share of calls refused.

    Raises:
        UsageError: the load is beyond what one line can be planned for.
    """
    slots = slots_needed(float(load.value), float(blocking.value))
    return _call("erlang_b", Decimal(slots), load, blocking)


def plain(value: Decimal) -> str:
    """Write a number without exponent, separators or trailing zeros."""
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _held(text: str, working: Worked, least: int) -> str:
    return text if working.binding >= least else f"({text})"


def _call(function: str, value: Decimal, *arguments: Worked) -> Worked:
    names = ", ".join(one.names for one in arguments)
    numbers = ", ".join(one.numbers for one in arguments)
    return Worked(value, f"{function}({names})", f"{function}({numbers})")
