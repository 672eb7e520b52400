"""The score of labelled sentences, as people and programs read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from agent.understanding.score import Outcome, Score

_WIDTH = 14
_MOST_CONFUSIONS = 12
_BY_DIALECT = ("category", "intent", "place", "days", "phone")


def lines(
    score: Score, waits_s: Sequence[float], share: float | None, *, confusions: bool
) -> Iterator[str]:
    """The table by field, by way of speaking, and what was taken for what.

    Args:
        score: all results.
        waits_s: time of each turn, seconds.
        share: part of the turns a model was asked about; None = none was to be asked.
        confusions: whether categories taken for others may be shown.
    """
    yield f"{'field':{_WIDTH}}{'rows':>6}{'right':>9}   not right"
    for name in score.fields():
        counts = score.counts(name)
        rest = ", ".join(f"{n} {o.value}" for o, n in counts.items() if o is not Outcome.RIGHT)
        yield f"{name:{_WIDTH}}{counts.total():>6}{_ratio(score, name):>9.1%}   {rest}"
    found, missed, wolf = score.emergencies()
    yield f"emergencies: {found} of {found + missed} found, {wolf} cries of wolf"
    yield from _dialects(score)
    if confusions:
        for (want, got), count in score.confusions().most_common(_MOST_CONFUSIONS):
            yield f"{want} taken for {got}: {count}"
    if waits_s:
        ordered = sorted(1000 * wait for wait in waits_s)
        middle, late = ordered[len(ordered) // 2], ordered[int(0.95 * (len(ordered) - 1))]
        yield f"a turn: p50 {middle:.1f} ms, p95 {late:.1f} ms, at most {ordered[-1]:.0f} ms"
    if share is not None:
        yield f"a language model was asked about {share:.1%} of the turns"


def misses(score: Score) -> Iterator[str]:
    """Every result that is not right, with its sentence."""
    for result in score.results:
        if result.outcome is not Outcome.RIGHT:
            yield (
                f"{result.row.id} {result.field}: {result.outcome.value}, wanted "
                f"{result.want or 'none'}, got {result.got or 'none'} | {result.row.text}"
            )


def as_object(score: Score, waits_s: Sequence[float], share: float | None) -> dict[str, Any]:
    """The same for a program."""
    found, missed, wolf = score.emergencies()
    return {
        "fields": {
            name: {outcome.value: count for outcome, count in score.counts(name).items()}
            for name in score.fields()
        },
        "emergencies": {"found": found, "missed": missed, "false": wolf},
        "dialects": {
            dialect: {name: round(_ratio(score, name, dialect), 4) for name in score.fields()}
            for dialect in _names(score)
        },
        "turn_ms": [round(1000 * wait, 2) for wait in sorted(waits_s)],
        "asked_share": share,
    }


def _dialects(score: Score) -> Iterator[str]:
    shown = [
        name for name in ("category", "intent", "place", "days", "phone") if score.counts(name)
    ]
    yield f"{'':{_WIDTH}}" + "".join(f"{name:>10}" for name in shown)
    for dialect in _names(score):
        cells = "".join(f"{_ratio(score, name, dialect):>10.0%}" for name in shown)
        yield f"{dialect:{_WIDTH}}{cells}"


def _names(score: Score) -> list[str]:
    return list(dict.fromkeys(result.row.dialect for result in score.results))


def _ratio(score: Score, name: str, dialect: str = "") -> float:
    counts = score.counts(name, dialect)
    return counts[Outcome.RIGHT] / counts.total() if counts else 1.0
