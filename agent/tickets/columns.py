"""The columns of an export: their names, in order, and what kind of values they hold."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

Record = tuple[Any, ...]
"""Values in the order of the columns; None where nothing is known."""


class Kind(Enum):
    """What the values of a column are, and so how a format writes them."""

    CODE = "code"
    """Text of our own tables and enumerations."""
    TEXT = "text"
    """Text of anybody: it may look like a formula."""
    DIGITS = "digits"
    """Text of digits that are a name and no amount."""
    NUMBER = "number"
    FLAG = "flag"
    UTC = "utc"
    """A point in time as text: 2026-11-20T20:00:01Z."""
    IST = "ist"
    """The same in Indian Standard Time: 2026-11-21 01:30:01."""
    SEATS = "seats"
    """List of numbers of seats."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an export."""

    name: str
    kind: Kind
    width: int
    """In a spreadsheet, in digits."""


def _columns(table: str) -> tuple[Column, ...]:
    lines = (line.split() for line in table.strip().splitlines())
    return tuple(Column(name, Kind(kind), int(width)) for name, kind, width in lines)


COLUMNS: Final = _columns("""
    ticket           digits 11
    created          utc    20
    created_ist      ist    19
    channel          code    9
    constituency     number  7
    constituency_en  code   22
    constituency_ta  code   22
    candidates       seats  11
    category         code   13
    category_en      code   22
    category_ta      code   22
    department       code   28
    priority         code   10
    intent           code   10
    description_ta   text   60
    place            text   20
    locality_en      text   18
    locality_ta      text   18
    landmark         text   28
    days_since       number  6
    name             text   16
    phone            digits 13
    consent          flag    8
    confidential     flag    8
    status           code   16
    due_ist          ist    19
    breached         flag    9
    level            number  6
    assigned_to      text   16
    reports          number  8
    reopened         number  9
    duplicate_of     digits 12
    last_note        text   40
    updated_ist      ist    19
    resolved_ist     ist    19
    rating           number  7
    confidence       number 11
    call_seconds     number 11
    erased           flag    8
    partial          flag    8
    needs_listening  flag   15
    linked_to        digits 11
    call_id          text   20
""")
"""Of a ticket. Programs find a column by its name: new ones may come anywhere."""

EVENT_COLUMNS: Final = _columns("""
    ticket           digits 11
    at               utc    20
    at_ist           ist    19
    kind             code   15
    actor            text   16
    from_status      code   16
    to_status        code   16
    facts            text   40
    note             text   60
""")
"""Of an event: one thing that happened to a ticket."""

POSITION: Final = {column.name: index for index, column in enumerate(COLUMNS)}
"""Where a value of a ticket is in its row."""
