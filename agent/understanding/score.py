"""How well sentences are understood: labels against what comes out, field by field."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.complaint import Category, Intent, Slot, UnderstoodTurn
from agent.errors import UnreadableInput

HELD = "_held"
"""A file whose name ends so is held out: its sentences are not shown."""


class Labelled(BaseModel):
    """A sentence and what must be understood; its fields are explained beside the files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    dialect: str
    asked: Slot
    text: str
    intent: Intent | None
    categories: tuple[Category, ...]
    also_ok: tuple[Category, ...]
    emergency: bool
    seats: tuple[int, ...]
    outside: bool
    phone: str | None
    ticket: str | None
    days: int | None
    same_number: bool
    hard: str


class Outcome(StrEnum):
    """How one field of one sentence came out."""

    RIGHT = "right"
    ASKED_BACK = "asked back"
    """A place that was clear is asked about again; nothing is lost but time."""
    MISSED = "missed"
    """Nothing was understood, so it is asked for."""
    WRONG = "wrong"
    GUESSED = "guessed"
    """One seat was taken although the name fits several: the worst of all."""


@dataclass(frozen=True, slots=True)
class Result:
    """One field of one sentence."""

    row: Labelled
    field: str
    outcome: Outcome
    want: str
    got: str


@dataclass(slots=True)
class Score:
    """All results, counted."""

    results: list[Result] = field(default_factory=list)

    def add(self, results: Iterable[Result]) -> None:
        """Take more in."""
        self.results.extend(results)

    def fields(self) -> list[str]:
        """The fields, in the order they are shown."""
        return list(dict.fromkeys(result.field for result in self.results))

    def counts(self, name: str, dialect: str = "") -> Counter[Outcome]:
        """Outcomes of one field, of one dialect or of all."""
        return Counter(
            r.outcome
            for r in self.results
            if r.field == name and (not dialect or r.row.dialect == dialect)
        )

    def confusions(self) -> Counter[tuple[str, str]]:
        """Wanted and found category of every wrong one."""
        return Counter(
            (r.want, r.got or "none")
            for r in self.results
            if r.field == "category" and r.outcome is not Outcome.RIGHT
        )

    def emergencies(self) -> tuple[int, int, int]:
        """Emergencies found, missed, and cries of wolf."""
        rows = [r for r in self.results if r.field == "emergency"]
        found = sum(r.want == r.got == "yes" for r in rows)
        missed = sum((r.want, r.got) == ("yes", "no") for r in rows)
        return found, missed, sum((r.want, r.got) == ("no", "yes") for r in rows)


def read_labelled(path: Path) -> list[Labelled]:
    """Read a file of labelled sentences.

    Raises:
        UnreadableInput: one sentence with the line that is wrong.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UnreadableInput(f"{path} is not UTF-8 text.") from None
    except OSError as exc:
        raise UnreadableInput(f"{path} cannot be read ({exc.strerror}).") from None
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            rows.append(Labelled.model_validate(json.loads(line)))
        except (ValidationError, ValueError, RecursionError):
            raise UnreadableInput(
                f"{path}:{number} is no labelled sentence; see tests/data/sentences/README.md."
            ) from None
    if not rows:
        raise UnreadableInput(f"{path} holds no sentences.")
    return rows


def is_held(path: Path) -> bool:
    """Whether the sentences of a file must not be shown."""
    return path.stem.endswith(HELD)


def judge(row: Labelled, turn: UnderstoodTurn) -> Iterator[Result]:
    """Every field of a sentence that its label speaks about.

    Args:
        row: what must be understood.
        turn: what was.
    """
    story = row.asked is Slot.COMPLAINT
    if story:
        got = turn.intent.value if turn.intent else ""
        yield _same(row, "intent", row.intent.value if row.intent else "", got)
        yield _same(row, "emergency", _yes(row.emergency), _yes(turn.emergency))
    if story and row.intent is Intent.COMPLAINT:
        yield _category(row, turn)
        if len(row.categories) > 1:
            wanted, told = sorted(row.categories), sorted(turn.categories)
            yield _same(row, "several", " ".join(wanted), " ".join(told))
    if row.asked is Slot.PLACE or story:
        yield from _place(row, turn)
    if row.phone or turn.phone or row.asked is Slot.PHONE:
        yield _same(row, "phone", row.phone or "", turn.phone or "")
    if row.ticket or turn.ticket or row.asked is Slot.TICKET:
        yield _same(row, "ticket", row.ticket or "", turn.ticket or "")
    if not row.emergency and (row.days is not None or row.asked is Slot.DAYS or story):
        want, had = _number(row.days), _number(turn.days)
        if want or had or row.asked is Slot.DAYS:
            yield _same(row, "days", want, had)
    if row.same_number or turn.same_number:
        yield _same(row, "same number", _yes(row.same_number), _yes(turn.same_number))


def _category(row: Labelled, turn: UnderstoodTurn) -> Result:
    got = turn.categories[0] if turn.categories else None
    accepted = {row.categories[0], *row.also_ok}
    if len(row.categories) > 1:
        accepted |= set(row.categories)  # which of two troubles comes first is nobody's mistake
    value = got.value if got else ""
    return Result(row, "category", _outcome(got in accepted, value), row.categories[0].value, value)


def _place(row: Labelled, turn: UnderstoodTurn) -> Iterator[Result]:
    """A clear place, an ambiguous one, one outside, or none where none was named."""
    found = turn.place
    seats = tuple(c.number for c in found.candidates) if found else ()
    got = "outside" if found is not None and found.outside else " ".join(map(str, sorted(seats)))
    if found is not None and not got and found.question is not None:
        got = "many"
    if row.outside and not row.seats:
        yield Result(row, "outside", _outcome(got == "outside", got), "outside", got)
        return
    if not row.seats:
        if got:
            yield Result(row, "no place", Outcome.WRONG, "", got)
        else:
            yield Result(row, "no place", Outcome.RIGHT, "", "")
        return
    want = " ".join(map(str, row.seats))
    if len(row.seats) == 1:
        yield Result(row, "place", _clear_place(row.seats[0], seats, got), want, got)
        return
    if not got:
        outcome = Outcome.MISSED
    elif len(seats) == 1:
        outcome = Outcome.GUESSED
    else:
        fits = got == "many" or bool(set(seats) & set(row.seats))
        outcome = Outcome.RIGHT if fits else Outcome.WRONG
    yield Result(row, "ambiguous", outcome, want, got)


def _clear_place(want: int, seats: Sequence[int], got: str) -> Outcome:
    if tuple(seats) == (want,):
        return Outcome.RIGHT
    if got == "many" or (want in seats and len(seats) > 1):
        return Outcome.ASKED_BACK
    return Outcome.WRONG if got else Outcome.MISSED


def _same(row: Labelled, name: str, want: str, got: str) -> Result:
    return Result(row, name, _outcome(want == got, got), want, got)


def _outcome(right: bool, got: str) -> Outcome:
    if right:
        return Outcome.RIGHT
    return Outcome.WRONG if got else Outcome.MISSED


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _number(value: int | None) -> str:
    return "" if value is None else str(value)
