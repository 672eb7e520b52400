import csv
import dataclasses
from pathlib import Path

import pytest

from agent import complaint
from agent.complaint import Category, Complaint, Intent, Place, Priority, SeatCandidate, Slot

CATEGORIES = Path(complaint.__file__).parent / "understanding" / "data" / "categories.csv"


def categories():
    with CATEGORIES.open(encoding="utf-8-sig", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        return list(csv.DictReader(lines))


def seat(number):
    return SeatCandidate(number, "Avadi", "ஆவடி", "Tiruvallur", "திருவள்ளூர்", 0.9, "seat:Avadi")


def test_the_categories_are_those_of_the_table_in_its_order():
    assert [row["code"] for row in categories()] == [category.value for category in Category]


def test_the_default_priorities_of_the_table_are_ours():
    assert {row["priority_default"] for row in categories()} <= {one.value for one in Priority}


def test_intents_and_priorities_have_the_names_every_report_uses():
    assert [intent.value for intent in Intent] == [
        *("complaint", "status", "human", "emergency", "wrong_number", "abuse", "info"),
    ]
    assert [one.value for one in Priority] == ["emergency", "high", "normal", "low"]


@pytest.mark.parametrize(("count", "expected"), [(0, None), (1, 7), (2, None)])
def test_a_place_has_a_constituency_only_when_one_candidate_is_left(count, expected):
    candidates = tuple(seat(7 + index) for index in range(count))
    place = Place("ஆவடி", "Avadi", "ஆவடி", candidates, Slot.AREA if count > 1 else None)
    assert place.constituency == expected


def test_a_complaint_cannot_be_changed_only_replaced():
    first = Complaint()
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.days = 3  # type: ignore[misc]
    assert dataclasses.replace(first, days=3).days == 3
    assert first.days is None


def test_what_crosses_packages_is_frozen_slotted_data():
    for kind in vars(complaint).values():
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            assert kind.__dataclass_params__.frozen, kind  # type: ignore[attr-defined]
            assert "__slots__" in vars(kind), kind
