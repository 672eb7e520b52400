"""How many names of places are found as people say them.

Usage: ``python benchmarks/names_said.py [--misses] [--least PERCENT] [FILE...]``.
Five authors who had not seen the code said every name of the tables as it is spoken, bare and in a
phrase (tests/data/names_said). A phrase is found when the answer to "where is it?" holds a seat of
a place so called, or asks which of several is meant. What is left shows where a rule of speech or a
row of ``spoken_places.csv`` is missing.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.check_digit import is_valid
from agent.complaint import Slot
from agent.settings import PROJECT_DIR
from agent.tamil.normalize import clean
from agent.understanding.gazetteer import Gazetteer
from agent.understanding.place_names import (
    PARENTHESIS,
    district_names,
    locality_names,
    seat_names,
)
from agent.understanding.rules import Rules

FILES = sorted((PROJECT_DIR / "tests" / "data" / "names_said").glob("*.tsv"))


@dataclass(frozen=True, slots=True)
class Said:
    """A name as somebody says it."""

    name: str
    phrase: str


def read_said(path: Path) -> Iterator[Said]:
    """Yield the forms of one author."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield Said(PARENTHESIS.sub("", clean(row["name_ta"])), clean(row["inflected"]))


def seats_by_name() -> dict[str, set[int]]:
    """Return the seats of all places of one name."""
    known: dict[str, set[int]] = defaultdict(set)
    seats = list(Gazetteer.load().seats.values())
    for name, entry in (*seat_names(), *locality_names(), *district_names(seats)):
        known[PARENTHESIS.sub("", name)].update(number for number, _ in entry.seats)
    return known


def is_found(said: Said, seats: set[int], rules: Rules) -> bool:
    """Tell whether the phrase leads to a place of the name."""
    place = rules.understand(said.phrase, Slot.PLACE).place
    if place is None:
        return False
    if not place.candidates:
        return place.question is not None
    return any(candidate.number in seats for candidate in place.candidates)


def main() -> None:
    """Read the command line and print the shares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, default=FILES)
    parser.add_argument("--misses", action="store_true", help="print the forms that are not found")
    parser.add_argument("--least", type=float, default=0.0, help="percent; fewer found: exit 1")
    args = parser.parse_args()
    rules = Rules.load(valid_ticket=is_valid)
    known = seats_by_name()
    all_forms = all_found = 0
    for path in args.files:
        forms = list(read_said(path))
        missed = [said for said in forms if not is_found(said, known[said.name], rules)]
        all_forms += len(forms)
        all_found += len(forms) - len(missed)
        print(f"{path.stem:10}{len(forms):6} forms{1 - len(missed) / len(forms):8.1%} found")
        for said in missed if args.misses else ():
            print(f"  {said.name} | {said.phrase}")
    print(f"{'all':10}{all_forms:6} forms{all_found / all_forms:8.1%} found")
    if all_found < args.least / 100 * all_forms:
        sys.exit(1)


if __name__ == "__main__":
    main()
