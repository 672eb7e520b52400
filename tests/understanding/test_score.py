"""Counting right and wrong, and keeping the held-out third unseen."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.complaint import (
    Category,
    Intent,
    Place,
    SeatCandidate,
    Slot,
    UnderstoodTurn,
)
from agent.errors import UnreadableInput
from agent.settings import PROJECT_DIR
from agent.understanding.score import Labelled, Outcome, judge, read_labelled

SENTENCES = PROJECT_DIR / "tests" / "data" / "sentences"
ROW: dict[str, Any] = {
    "id": "x-1", "dialect": "x", "asked": "complaint", "text": "தண்ணி வரல", "intent": "complaint",
    "categories": ["WATER"], "also_ok": ["POWER"], "emergency": False, "seats": [],
    "outside": False, "phone": None, "ticket": None, "days": None, "same_number": False,
    "hard": "no",
}  # fmt: skip


def labelled(**changes: Any) -> Labelled:
    return Labelled.model_validate(ROW | changes)


def place(*seats: int, outside: bool = False) -> Place:
    candidates = tuple(SeatCandidate(n, "", "", "", "", 1.0, "") for n in seats)
    return Place("x", "x", "x", candidates, outside=outside)


def outcome(row: Labelled, field: str, **turn: Any) -> Outcome:
    results = {r.field: r for r in judge(row, UnderstoodTurn("x", row.asked, **turn))}
    return results[field].outcome


@pytest.mark.parametrize(
    ("told", "want"),
    [("WATER", Outcome.RIGHT), ("POWER", Outcome.RIGHT), ("ROAD", Outcome.WRONG), (None, "missed")],
)
def test_a_category_is_right_when_a_fair_judge_accepts_it(told: str | None, want: str) -> None:
    categories = (Category(told),) if told else ()
    assert outcome(labelled(), "category", categories=categories) == want


@pytest.mark.parametrize(
    ("seats", "found", "field", "want"),
    [
        ([27], (27,), "place", Outcome.RIGHT),
        ([27], (27, 28), "place", Outcome.ASKED_BACK),
        ([27], (28,), "place", Outcome.WRONG),
        ([27], (), "place", Outcome.MISSED),
        ([82, 129], (82, 129), "ambiguous", Outcome.RIGHT),
        ([82, 129], (82,), "ambiguous", Outcome.GUESSED),
        ([82, 129], (5, 6), "ambiguous", Outcome.WRONG),
        ([], (5,), "no place", Outcome.WRONG),
        ([], (), "no place", Outcome.RIGHT),
    ],
)
def test_a_guess_between_same_named_places_is_the_worst(
    seats: list[int], found: tuple[int, ...], field: str, want: Outcome
) -> None:
    row = labelled(asked="place", intent=None, categories=[], seats=seats)
    assert outcome(row, field, place=place(*found) if found else None) is want


def test_a_city_that_is_asked_about_is_asked_back_and_not_missed() -> None:
    row = labelled(asked="place", intent=None, categories=[], seats=[27])
    many = Place("x", "x", "x", (), Slot.AREA)
    assert outcome(row, "place", place=many) is Outcome.ASKED_BACK


@pytest.mark.parametrize(
    ("said", "want"), [("9876543210", "right"), (None, "missed"), ("1", "wrong")]
)
def test_numbers_are_compared_whole(said: str | None, want: str) -> None:
    row = labelled(asked="phone", intent=None, categories=[], phone="9876543210")
    assert outcome(row, "phone", phone=said) == want


def test_an_incomplete_number_must_stay_open() -> None:
    row = labelled(asked="phone", intent=None, categories=[])
    assert outcome(row, "phone", phone="9876543210") is Outcome.WRONG
    assert outcome(row, "phone") is Outcome.RIGHT


def test_days_intent_and_emergency_are_counted() -> None:
    row = labelled(days=4)
    turn: dict[str, Any] = {"days": 4, "intent": Intent.COMPLAINT, "emergency": True}
    assert outcome(row, "days", **turn) is Outcome.RIGHT
    assert outcome(row, "intent", **turn) is Outcome.RIGHT
    assert outcome(row, "emergency", **turn) is Outcome.WRONG


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no sentences"),
        ("{", ":1 is no labelled sentence"),
        (json.dumps(ROW | {"intent": "riot"}), ":1 is no labelled sentence"),
        (json.dumps(ROW) + "\n[]", ":2 is no labelled sentence"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "x_open.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableInput, match=says):
        read_labelled(path)
    result = CliRunner().invoke(main, ["understand", "score", str(path)])
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1


def test_of_a_held_out_file_only_counts_are_printed(tmp_path: Path) -> None:
    path = tmp_path / "x_held.jsonl"
    secret = "சுண்டமேட்டு ஆசாமி"
    path.write_text(json.dumps(ROW | {"text": secret, "intent": "status"}, ensure_ascii=False))
    shown = CliRunner().invoke(main, ["understand", "score", "--misses", str(path)])
    assert shown.exit_code == 0, shown.output
    assert secret not in shown.output
    assert "taken for" not in shown.output
    assert path.exists()
    told = CliRunner().invoke(main, ["understand", "score", "--reveal", str(path)])
    assert secret in told.output
    assert not path.exists()
    assert (tmp_path / "x_open_revealed.jsonl").exists()


def test_a_revealed_file_does_not_replace_one_revealed_before(tmp_path: Path) -> None:
    before = tmp_path / "x_open_revealed.jsonl"
    before.write_text("an earlier set", encoding="utf-8")
    (tmp_path / "x_held.jsonl").write_text(json.dumps(ROW, ensure_ascii=False), encoding="utf-8")
    result = CliRunner().invoke(
        main, ["understand", "score", "--reveal", str(tmp_path / "x_held.jsonl")]
    )
    assert result.exit_code == 0
    assert before.read_text(encoding="utf-8") == "an earlier set"
    assert (tmp_path / "x_open_revealed_2.jsonl").exists()


def test_a_program_reads_the_counts(tmp_path: Path) -> None:
    path = tmp_path / "x_open.jsonl"
    path.write_text(json.dumps(ROW, ensure_ascii=False), encoding="utf-8")
    result = CliRunner().invoke(main, ["understand", "score", "--json", str(path)])
    told = json.loads(result.stdout)
    assert told["fields"]["category"] == {"right": 1}
    assert told["emergencies"] == {"found": 0, "missed": 0, "false": 0}
    assert len(told["turn_ms"]) == 1


def test_the_sentences_of_the_project_are_many_different_and_some_are_held_out() -> None:
    rows = {path: read_labelled(path) for path in SENTENCES.glob("*.jsonl")}
    everything = [row for some in rows.values() for row in some]
    held = sum(len(some) for path, some in rows.items() if path.stem.endswith("_held"))
    assert len(everything) >= 600
    assert len({row.text for row in everything}) == len(everything)
    assert len({row.id for row in everything}) == len(everything)
    assert held >= 300
    assert min(Counter(row.dialect for row in everything).values()) >= 70
    assert len({code for row in everything for code in row.categories}) == len(Category)
