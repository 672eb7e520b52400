"""Learn which length of time a sentence means.

    python -m training.days --sentences training/sentences/days.jsonl --stories training/stories \
        --labelled tests/data/sentences --out agent/understanding/data/day_choice.npz

With --check it first prints rules and learned choice side by side on what was left out: each set
of days.jsonl, each author of stories, each way of speaking, and a tenth at a time. Takes
a minute or two on one core.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from agent.complaint import Slot
from agent.tamil.normalize import clean
from agent.tamil.words import split_words
from agent.understanding.answers import Replies
from agent.understanding.day_choice import ASKED, WeighedDays
from agent.understanding.day_features import Setting, features_of, features_of_none
from agent.understanding.days import Days
from agent.understanding.hearing import hear
from agent.understanding.rules import Rules
from training.story_files import story_files

SPREAD = 0.3
"""Variance of a weight before anything is seen (C), chosen by left-out sets."""
LEAST = 2
"""A feature seen in fewer readings is not learned."""
PAIRED = "contrast"
"""How sets begin that were written in pairs: a length of the trouble, and one of something else."""
PAIRED_WEIGHT = 0.25
"""Such a sentence counts so much: callers name the trouble's length far more often than those."""
KEPT = 12_000
"""Features kept, those with the largest weights."""
FOLDS = 10
RULE = ("rule=", "none:rule=")
"""How features of the rules' verdict begin."""


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled sentence."""

    text: str
    asked: Slot
    days: int | None
    way: str
    """Dialect."""
    source: str
    """Set of days.jsonl, or ``open``: the rules were mended on those, and are too good there."""


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence with its readings; the first is that no length of time is told."""

    row: Row
    values: list[int | None]
    features: list[list[str]]
    by_rules: int | None


def rows_of(path: Path, source: str = "") -> Iterator[Row]:
    """Yield the rows of one file whose question leaves room for a length of time."""
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        asked = Slot(row["asked"])
        if asked in (Slot.COMPLAINT, Slot.DAYS, Slot.PLACE) and not row.get("emergency"):
            yield Row(row["text"], asked, row["days"], row["dialect"], source or row["set"])


class Reader:
    """Turns rows into cases, as a call would."""

    def __init__(self) -> None:
        self._rules = Rules.load()
        self._replies = Replies()
        self._days = WeighedDays.load(Days())

    def case(self, row: Row) -> Case:
        """Return the sentence with the features of all its readings."""
        said = clean(row.text)
        words = split_words(said)
        heard = hear(said, words, row.asked, self._replies.read(words, row.asked))
        intent = self._rules.understand(row.text, row.asked).intent
        asked = {Slot.DAYS: ASKED, Slot.COMPLAINT: "story"}.get(row.asked, "other")
        setting = Setting(asked, intent.value if intent else "")
        said_, found, scene = self._days.scene(words, heard.numbers, setting, heard.reply.after)
        features = [features_of_none(said_, found, scene)]
        features += [features_of(said_, found, at, scene) for at in range(len(found))]
        if row.source == "open":
            features = [[_mended(name) for name in each] for each in features]
        return Case(row, [None, *(each.days for each in found)], features, scene.days)


def _mended(name: str) -> str:
    """Return a verdict of rules mended on this very sentence as another feature."""
    return f"~{name}" if name.rpartition("|")[2].startswith(RULE) else name


class Table:
    """All readings of all cases as rows of a matrix."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self.cases = cases
        seen = Counter(f for case in cases for each in case.features for f in set(each))
        self.names = sorted(name for name, often in seen.items() if often >= LEAST)
        index = {name: at for at, name in enumerate(self.names)}
        columns: list[int] = []
        ends = [0]
        for case in cases:
            for each in case.features:
                columns.extend(sorted(index[f] for f in set(each) if f in index))
                ends.append(len(columns))
        shape = (len(ends) - 1, len(self.names))
        self.matrix = csr_matrix((np.ones(len(columns)), columns, ends), shape=shape)
        sizes = [len(case.values) for case in cases]
        self.case_of = np.repeat(np.arange(len(cases)), sizes)
        self.right = np.array([v == case.row.days for case in cases for v in case.values])
        told = np.zeros(len(cases), bool)
        told[self.case_of[self.right]] = True
        self.learnable = told & (np.array(sizes) > 1)
        paired = np.array([case.row.source.startswith(PAIRED) for case in cases])
        self.weight = np.where(paired, PAIRED_WEIGHT, 1.0)

    def learn(self, chosen: np.ndarray) -> np.ndarray:
        """Return the weights that make the right readings of the chosen cases likeliest.

        Args:
            chosen: which cases, bool.
        """
        rows = np.flatnonzero((chosen & self.learnable)[self.case_of])
        matrix, right = self.matrix[rows], self.right[rows]
        turned = matrix.T.tocsr()
        new = np.r_[True, np.diff(self.case_of[rows]) > 0]
        starts, case = np.flatnonzero(new), np.cumsum(new) - 1
        counts = self.weight[self.case_of[rows]]

        def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
            scores = matrix @ weights
            parts = np.exp(scores - np.maximum.reduceat(scores, starts)[case])
            whole = np.add.reduceat(parts, starts)
            good = np.add.reduceat(parts * right, starts)
            slope = turned @ ((parts / whole[case] - parts * right / good[case]) * counts)
            missed = -np.log(good / whole) @ counts[starts]
            return (
                float(missed + weights @ weights / (2 * SPREAD)),
                slope + weights / SPREAD,
            )

        start = np.zeros(matrix.shape[1])
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 80})
        return np.asarray(found.x)

    def guess(self, weights: np.ndarray, at: int) -> int | None:
        """Return the days of one case by these weights."""
        rows = np.flatnonzero(self.case_of == at)
        parts = np.exp(scores - scores.max()) if len(scores := self.matrix[rows] @ weights) else []
        shares: Counter[int | None] = Counter()
        for value, part in zip(self.cases[at].values, parts, strict=True):
            shares[value] += part
        return max(shares, key=shares.__getitem__)


def check(table: Table) -> None:
    """Print rules and learned choice on what was left out."""
    sources = np.array([case.row.source for case in table.cases])
    ways = np.array([case.row.way for case in table.cases])
    fresh = sources != "open"
    fold = np.random.default_rng(0).integers(0, FOLDS, len(sources))
    parts: list[tuple[str, np.ndarray]] = [(s, sources == s) for s in sorted(set(sources[fresh]))]
    parts += [(w, fresh & (ways == w)) for w in sorted(set(ways[fresh]))]
    counts = np.array([case.row.days is not None for case in table.cases])
    parts = [(name, part) for name, part in parts if (part & counts).any()]
    for name, left_out in parts:
        _print(f"left out: {name}", table, _guesses(table, [left_out]))
    _print("a tenth at a time", table, _guesses(table, [fresh & (fold == f) for f in range(FOLDS)]))


def _guesses(table: Table, parts: Sequence[np.ndarray]) -> dict[int, int | None]:
    guessed: dict[int, int | None] = {}
    for left_out in parts:
        weights = table.learn(~left_out)
        guessed |= {int(at): table.guess(weights, at) for at in np.flatnonzero(left_out)}
    return guessed


def _print(name: str, table: Table, guessed: dict[int, int | None]) -> None:
    def share(value: Callable[[int], int | None]) -> str:
        right = counted = 0
        for at in guessed:
            row = table.cases[at].row
            if row.days is None and value(at) is None and row.asked is not Slot.DAYS:
                continue  # as `kural understand score` counts
            counted += 1
            right += value(at) == row.days
        return f"{right:4} of {counted:4} {right / counted:6.1%}"

    rules = share(lambda at: table.cases[at].by_rules)
    print(f"{name:24} rules {rules}   learned {share(guessed.__getitem__)}")


def learned(table: Table) -> dict[str, np.ndarray]:
    """Return the arrays of the file."""
    weights = table.learn(np.ones(len(table.cases), bool))
    usable = [at for at, name in enumerate(table.names) if not name.startswith("~")]
    kept = sorted(sorted(usable, key=lambda at: -abs(weights[at]))[:KEPT])
    scale = np.abs(weights[kept]).max() / 127
    whole = np.round(weights[kept] / scale).astype(np.int8)
    kept = [at for at, weight in zip(kept, whole, strict=True) if weight]
    return {
        "features": np.array("\n".join(table.names[at] for at in kept)),
        "weights": whole[whole != 0],
        "scale": np.float32(scale),
    }


def _save(out: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez_compressed(out, **arrays)


def main() -> None:
    """Read the command line, print the check and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sentences", type=Path, required=True, help="days.jsonl")
    parser.add_argument("--stories", type=Path, required=True, help="folder of stories")
    parser.add_argument("--labelled", type=Path, required=True, help="folder of *_open*.jsonl")
    parser.add_argument("--out", type=Path, required=True, help="day_choice.npz")
    parser.add_argument("--check", action="store_true", help="print what left-out sentences give")
    args = parser.parse_args()
    if not args.out.exists():  # rules.py reads it even where only the rules are wanted
        none = {"features": np.array(""), "weights": np.zeros(1, np.int8), "scale": np.float32(0)}
        _save(args.out, none)
    reader = Reader()
    rows = list(rows_of(args.sentences))
    for path in story_files(args.stories):
        rows.extend(rows_of(path, path.stem))
    known = {row.text for row in rows}  # taken in before the rules were mended on them
    for path in sorted(args.labelled.glob("*_open*.jsonl")):
        rows.extend(row for row in rows_of(path, "open") if row.text not in known)
    table = Table([reader.case(row) for row in rows])
    if args.check:
        check(table)
    _save(args.out, learned(table))
    print(f"{len(rows)} sentences, {args.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
