"""Everything in ``tests/data/spoken_forms.tsv`` is said right.

The table was written before the speller was read; ``also`` holds the forms that are equally right.
"""

import csv
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from agent.tamil.written import spoken_tamil

_TABLE = Path(__file__).parents[1] / "data" / "spoken_forms.tsv"
_LEAST = 520


def _rows() -> list[dict[str, str]]:
    with _TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


ROWS = _rows()


def _right(row: dict[str, str]) -> set[str]:
    return {row["spoken"], *filter(None, row["also"].split("|"))}


def test_the_table_is_whole():
    assert len(ROWS) >= _LEAST
    assert len({(row["kind"], row["written"]) for row in ROWS}) == len(ROWS)
    assert all(row["spoken"] and row["why"] and None not in row for row in ROWS)
    text = _TABLE.read_text("utf-8")
    assert unicodedata.is_normalized("NFC", text)


@pytest.mark.parametrize("kind", dict.fromkeys(row["kind"] for row in ROWS))
def test_every_written_form_is_said_right(kind: str):
    rows = [row for row in ROWS if row["kind"] == kind]
    said = {row["written"]: spoken_tamil(row["written"]) for row in rows}
    wrong = {
        written: said[written]
        for written, row in ((row["written"], row) for row in rows)
        if said[written] not in _right(row)
    }
    main = Counter(said[row["written"]] == row["spoken"] for row in rows)[True]
    print(f"{kind}: {len(rows) - len(wrong)} of {len(rows)} right, {main} in the first form")
    assert not wrong


@pytest.mark.parametrize("kind", dict.fromkeys(row["kind"] for row in ROWS))
def test_only_tamil_letters_and_commas_reach_the_voice(kind: str):
    for row in ROWS:
        if row["kind"] == kind:
            said = spoken_tamil(row["written"])
            assert all(char in " ," or "\u0b80" <= char <= "\u0bff" for char in said), row
