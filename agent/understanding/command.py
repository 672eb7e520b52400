"""``kural understand``: what a sentence means, as one JSON object a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import click

from agent.complaint import Intent, Priority, Slot, UnderstoodTurn
from agent.errors import UnreadableInput, UsageError
from agent.understanding.keywords import default_priority
from agent.understanding.rules import Rules

_LONGEST_LINE = 100_000
"""Characters; nobody says more in one turn."""


@click.command(name="understand")
@click.argument("text", nargs=-1)
@click.option("--explain", is_flag=True, help="Also say which rule decided each field.")
@click.option(
    "--asked",
    type=click.Choice([slot.value for slot in Slot]),
    help="The question that was open, e.g. place; without it TEXT is read as a whole story.",
)
def command(text: tuple[str, ...], explain: bool, asked: str | None) -> None:
    """Print what TEXT means, or each line of standard input, as JSON."""
    slot = Slot(asked) if asked else None
    lines = iter([" ".join(text)]) if text else _stdin_lines()
    if text and not " ".join(text).strip():
        raise UsageError('There is no text: give a sentence, e.g. kural understand "தண்ணி வரல".')
    rules = Rules.load()
    for line in lines:
        turn = rules.understand(line, slot)
        click.echo(json.dumps(as_json(turn, explain=explain), ensure_ascii=False))


def as_json(turn: UnderstoodTurn, *, explain: bool = False) -> dict[str, Any]:
    """Return the object that programs rely on (docs: "kural understand").

    Args:
        turn: an understood turn.
        explain: add ``decisions``, the reason of every field.
    """
    place = turn.place
    category = turn.categories[0] if turn.categories else None
    result: dict[str, Any] = {
        "intent": turn.intent.value if turn.intent else None,
        "category": category.value if category else None,
        "categories": [c.value for c in turn.categories],
        "place": (place.locality_en or place.spoken) if place else None,
        "constituency": [
            {"number": c.number, "name_en": c.name_en, "score": c.score, "evidence": c.evidence}
            for c in (place.candidates if place else ())
        ],
        "question": place.question.value if place and place.question else None,
        "landmark": turn.landmark,
        "days": turn.days,
        "name": turn.name,
        "phone": turn.phone,
        "ticket": turn.ticket,
        "priority": priority_of(turn).value,
        "emergency": turn.emergency,
    }
    if explain:
        result["decisions"] = [
            {
                "field": d.field,
                "value": d.value,
                "by": d.by,
                "evidence": d.evidence,
                "score": d.score,
            }
            for d in turn.decisions
        ]
    return result


def priority_of(turn: UnderstoodTurn) -> Priority:
    """Return how urgent a call of this one turn would be."""
    if turn.emergency:
        return Priority.EMERGENCY
    if turn.intent in (Intent.COMPLAINT, None) and turn.categories:
        return default_priority(turn.categories[0])
    if turn.intent in (Intent.COMPLAINT, Intent.HUMAN, None):
        return Priority.NORMAL
    return Priority.LOW


def _stdin_lines() -> Iterator[str]:
    if sys.stdin is None or sys.stdin.isatty():  # None: it was closed
        raise UsageError('Give a sentence, e.g. kural understand "தண்ணி வரல", or pipe lines in.')
    for number, raw in enumerate(sys.stdin.buffer, start=1):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise UnreadableInput(
                f"Line {number} is not UTF-8 text: convert the input to UTF-8 first."
            ) from None
        if len(line) > _LONGEST_LINE:
            raise UnreadableInput(f"Line {number} is longer than {_LONGEST_LINE} characters.")
        yield line.rstrip("\r\n")
