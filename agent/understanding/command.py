"""``kural understand``: what a sentence means, one JSON object a line; how often it is right."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from agent.check_digit import is_valid
from agent.complaint import Intent, Priority, Slot, UnderstoodTurn
from agent.errors import UnreadableInput, UsageError
from agent.understanding import score as scoring
from agent.understanding import score_report
from agent.understanding.extract import Extractor
from agent.understanding.keywords import default_priority
from agent.understanding.rules import Rules

_LONGEST_LINE = 100_000
"""Characters; nobody says more in one turn."""


class _TextOrScore(click.Group):
    """A group whose unnamed command reads sentences: ``kural understand TEXT``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read everything that does not begin with ``score`` as a sentence."""
        if args[:1] not in (["score"], ["--help"], ["-h"]):
            args = ["text", *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Show only what has a name."""
        return ["score"]


@click.group(cls=_TextOrScore, name="understand", options_metavar="[TEXT] [--explain] [--llm]")
def command() -> None:
    r"""Print what TEXT means, or each line of standard input, as JSON.

    \b
    kural understand [--asked SLOT] [--explain] [--llm] TEXT
    kural understand score FILE...

    --asked names the question that was open, e.g. place; without it TEXT is read as a whole story.
    --explain adds which rule or model decided each field. --llm also asks the language model that
    LLM__URL names, where rules are unsure.
    """


@command.command(name="text", hidden=True)
@click.argument("text", nargs=-1)
@click.option("--explain", is_flag=True, help="Also say which rule decided each field.")
@click.option("--llm", is_flag=True, help="Ask the language model where rules are unsure.")
@click.option(
    "--asked",
    type=click.Choice([slot.value for slot in Slot]),
    help="The question that was open, e.g. place; without it TEXT is read as a whole story.",
)
def read_text(text: tuple[str, ...], explain: bool, llm: bool, asked: str | None) -> None:
    """Print what TEXT means, or each line of standard input, as JSON."""
    slot = Slot(asked) if asked else None
    lines = iter([" ".join(text)]) if text else _stdin_lines()
    if text and not " ".join(text).strip():
        raise UsageError('There is no text: give a sentence, e.g. kural understand "தண்ணி வரல".')
    extractor = _extractor(llm=llm)
    with asyncio.Runner() as runner:
        for line in lines:
            turn = runner.run(extractor.understand(line, slot))
            click.echo(json.dumps(as_json(turn, explain=explain), ensure_ascii=False))
        runner.run(extractor.aclose())


def _extractor(*, llm: bool) -> Extractor:
    rules = Rules.load(valid_ticket=is_valid)
    if not llm:
        return Extractor(rules)
    from agent import settings as settings_module
    from agent.understanding.models import build_chain

    settings = settings_module.load()
    if not settings.llm.url:
        raise UsageError("There is no language model: set LLM__URL and LLM__MODEL.")
    return Extractor(rules, build_chain(settings))


@command.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--llm", is_flag=True, help="Ask the language model where rules are unsure.")
@click.option("--json", "as_object", is_flag=True, help="Print one JSON object.")
@click.option("--misses", is_flag=True, help="Show every miss of files that are not held out.")
@click.option(
    "--reveal", is_flag=True, help="Show those of held-out files too, and burn the files."
)
def score(files: tuple[Path, ...], llm: bool, as_object: bool, misses: bool, reveal: bool) -> None:
    """Score labelled sentences, by field and way of speaking.

    Of a file whose name ends in _held.jsonl only counts are printed. --reveal shows its misses and
    renames it to _open.jsonl, because who has seen them can no longer be judged by them.
    """
    rows = {path: scoring.read_labelled(path) for path in files}
    extractor = _extractor(llm=llm)
    total = scoring.Score()
    seen = scoring.Score()
    waits: list[float] = []

    async def run() -> None:
        for path, labelled in rows.items():
            for row in labelled:
                began = time.perf_counter()
                turn = await extractor.understand(row.text, row.asked, call=row.id)
                waits.append(time.perf_counter() - began)
                results = list(scoring.judge(row, turn))
                total.add(results)
                if reveal or (misses and not scoring.is_held(path)):
                    seen.add(results)
        await extractor.aclose()

    asyncio.run(run())
    share = extractor.tally.share if llm else None
    if as_object:
        click.echo(json.dumps(score_report.as_object(total, waits, share), ensure_ascii=False))
    else:
        held = any(scoring.is_held(path) for path in files)
        for line in score_report.lines(total, waits, share, confusions=reveal or not held):
            click.echo(line)
        for line in score_report.misses(seen):
            click.echo(line)
    for path in filter(scoring.is_held, files if reveal else ()):
        burnt = _free_name(path)
        path.rename(burnt)
        click.echo(f"{path.name} was seen and is {burnt.name} now; write another.", err=True)


def _free_name(held: Path) -> Path:
    """Return an open name for a held-out file that no other file has."""
    ends = itertools.chain(["_open_revealed"], (f"_open_revealed_{n}" for n in itertools.count(2)))
    names = (held.name.replace(f"{scoring.HELD}.", f"{end}.") for end in ends)
    return next(held.with_name(name) for name in names if not held.with_name(name).exists())


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
