"""Names of seats and categories for people who read tickets.

The tables belong to the understanding package, which this package may not import; they are read
here as the plain CSV files they are.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

_TERM = 7
"""Working days where no category was understood."""
_DATA = ("understanding", "data")


@dataclass(frozen=True, slots=True)
class Names:
    """What numbers and codes are called; anything unknown is called nothing."""

    seats: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    """Seat number -> (English, Tamil)."""
    categories: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Category code -> (English, Tamil)."""
    terms: Mapping[str, int] = field(default_factory=dict)
    """Category code -> working days the office has."""
    departments: Mapping[str, str] = field(default_factory=dict)
    """Category code -> department, English."""

    def seat(self, number: int | None) -> tuple[str, str]:
        """English and Tamil name of a seat, or two empty words."""
        return ("", "") if number is None else self.seats.get(number, ("", ""))

    def category(self, code: str | None) -> tuple[str, str]:
        """English and Tamil name of a category, or two empty words."""
        return ("", "") if code is None else self.categories.get(code, ("", ""))

    def term(self, code: str | None) -> int:
        """Working days the office has for a complaint."""
        return _TERM if code is None else self.terms.get(code, _TERM)


@cache
def load_names() -> Names:
    """Read both tables from the package."""
    categories = list(_rows("categories.csv"))
    return Names(
        seats={
            int(row["number"]): (row["name_en"], row["name_ta"])
            for row in _rows("constituencies.csv")
        },
        categories={row["code"]: (row["name_en"], row["name_ta"]) for row in categories},
        terms={row["code"]: int(row["sla_days"]) for row in categories},
        departments={row["code"]: row["department_en"] for row in categories},
    )


def load_seats() -> list[dict[str, Any]]:
    """The seats of the packaged table: number, names, district."""
    return [
        {
            "number": int(row["number"]),
            **{name: row[name] for name in ("name_en", "name_ta", "district_en")},
        }
        for row in _rows("constituencies.csv")
    ]


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = files("agent").joinpath(*_DATA, name).read_text(encoding="utf-8-sig")
    lines = (line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    yield from csv.DictReader(lines)
