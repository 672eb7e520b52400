"""Learn which trouble and which purpose a sentence tells.

    python -m training.classify --sentences training/sentences --stories training/stories \
        --labelled tests/data/sentences --out agent/understanding/data/classifier.npz

With --check it first prints how often sentences that were left out (five-fold) are right. Takes
some ten seconds on one core and gives the same file each time.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from agent.complaint import Intent, Slot
from agent.tamil.normalize import clean
from agent.tamil.words import split_words
from agent.understanding.classifier import Opinion, grams
from agent.understanding.intents import Emergencies
from agent.understanding.second_opinion import NO_INTENT, danger
from training.story_files import story_files

FOLDS = 5
DANGER = Intent.EMERGENCY.value
ENDS = ("by tables", "believed", "asked about", "not heard")
COST = {"category": 0.3, "intent": 0.6}
"""C of the support vector machines, chosen by the folds."""
KEPT = 20_000
"""N-grams kept, those with the largest weights."""
OPEN = "*_open*.jsonl"
"""Labelled sentences that may be learned from."""
PURPOSES = ("intents", "openings", "emergencies", "purposes", "dangers")
"""Files whose first column is an intent and whose second is a category, or empty."""


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled sentence."""

    text: str
    source: str
    category: str
    """Empty when no trouble is told, or only danger."""
    also: frozenset[str]
    intent: str

    @property
    def keys(self) -> list[str]:
        """Sound keys of its words."""
        return [word.key for word in split_words(clean(self.text))]


def taught(folder: Path) -> Iterator[Row]:
    """Yield the sentences written to teach: code, others, way of speaking, sentence."""
    for path in sorted(folder.glob("*.tsv")):
        for line in path.read_text("utf-8").splitlines():
            label, also, _, text = line.split("\t")
            others = frozenset(filter(None, also.split(",")))
            if path.stem in PURPOSES:
                yield Row(text, path.stem, also, frozenset(), label)
            else:
                yield Row(text, path.stem, label, others, "complaint")


def labelled(folder: Path, stories: Path) -> Iterator[Row]:
    """Yield open labelled sentences, then stories; what is held out is never read."""
    for path in [*sorted(folder.glob(OPEN)), *story_files(stories)]:
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            if row["asked"] != Slot.COMPLAINT and row["intent"] is not None:
                continue
            codes = [code for code in row["categories"] if code != "EMERGENCY"]
            _, _, of = path.stem.partition("_open")
            source = f"revealed{of.removeprefix('_revealed')}" if of else path.stem
            yield Row(
                row["text"],
                source if row["intent"] else "answers",
                codes[0] if codes and row["intent"] == "complaint" else "",
                frozenset([*row["also_ok"], *codes]),
                row["intent"] or NO_INTENT,
            )


class Sparse:
    """Sentences as rows of n-gram weights: rare n-grams count more, every row has length 1."""

    def __init__(self, rows: Sequence[list[str]], vocabulary: Sequence[str] | None = None) -> None:
        """Learn the n-grams and their rarity."""
        self._tfidf = TfidfVectorizer(
            analyzer=lambda found: found,
            binary=True,
            min_df=1 if vocabulary else 2,
            vocabulary=list(vocabulary) if vocabulary else None,
        )
        self.matrix: csr_matrix = self._tfidf.fit_transform(rows)

    def of(self, rows: Sequence[list[str]]) -> csr_matrix:
        """Return other sentences in the same n-grams."""
        return self._tfidf.transform(rows)

    @property
    def names(self) -> list[str]:
        """All n-grams."""
        return list(self._tfidf.get_feature_names_out())

    @property
    def rarity(self) -> np.ndarray:
        """Weight of each n-gram before the length is divided out."""
        return np.asarray(self._tfidf.idf_, np.float32)


def machine(group: str) -> LinearSVC:
    """Return an untaught classifier of one group of labels."""
    balanced = "balanced" if group == "intent" else None
    return LinearSVC(C=COST[group], class_weight=balanced, random_state=0)


def labels(rows: Sequence[Row], group: str) -> tuple[list[int], np.ndarray]:
    """Return which rows have a label of the group, and the labels."""
    told = [row.category if group == "category" else row.intent for row in rows]
    chosen = [at for at, label in enumerate(told) if label]
    return chosen, np.array([told[at] for at in chosen])


def left_out(rows: Sequence[Row], group: str) -> Iterator[tuple[Row, str, str, float]]:
    """Yield each row with its label, the label guessed without it, and its score for danger."""
    chosen, wanted = labels(rows, group)
    found = [grams(rows[at].keys) for at in chosen]
    sources = np.array([rows[at].source for at in chosen])
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    for train, test in folds.split(found, sources):
        sparse = Sparse([found[at] for at in train])
        model = machine(group).fit(sparse.matrix, wanted[train])
        scores = model.decision_function(sparse.of([found[at] for at in test]))
        titles = list(model.classes_)
        danger = titles.index(DANGER) if DANGER in titles else 0
        for at, row in zip(test, scores, strict=True):
            guess = titles[int(np.argmax(row))]
            yield rows[chosen[at]], str(wanted[at]), guess, float(row[danger])


def cross_check(rows: Sequence[Row], group: str) -> None:
    """Print how often left-out sentences are right, by source."""
    right: defaultdict[str, list[bool]] = defaultdict(list)
    for row, wanted, guess, _ in left_out(rows, group):
        also = row.also if group == "category" else frozenset()
        right[row.source].append(guess == wanted or guess in also)
    for source, found in sorted(right.items()):
        print(f"{group:10}{source:12}{len(found):5}{sum(found) / len(found):8.1%}")


def danger_check(rows: Sequence[Row]) -> None:
    """Print what becomes of dangers and of what only sounds so, by tables and left-out scores."""
    tables = Emergencies()
    counts: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row, wanted, _, score in left_out(rows, "intent"):
        words = split_words(clean(row.text))
        table = tables.find(words, {})
        both = danger(table, Opinion({"intent": {DANGER: score}}, {}), words)
        end = "believed" if both.hazard else "asked about" if both.suspected else "not heard"
        ordinary = row.source.startswith(("lived", "two", "urgent", "revealed"))
        kind = "ordinary callers" if ordinary else "written to be hard"
        counts[kind, "danger" if wanted == DANGER else "none"][end] += 1
        if table:
            counts[kind, "danger" if wanted == DANGER else "none"]["by tables"] += 1
    for (kind, real), ends in sorted(counts.items()):
        told = ", ".join(f"{end} {ends[end]}" for end in ENDS)
        print(f"{kind}, {real}: {told}")


def learn(rows: Sequence[Row]) -> dict[str, np.ndarray]:
    """Return the arrays of the file: both groups over the same n-grams."""
    found = [grams(row.keys) for row in rows]
    groups = ("category", "intent")
    names = kept_names(rows, found, groups)
    sparse = Sparse(found, names)
    columns, biases, titles = [], [], []
    for group in groups:
        chosen, wanted = labels(rows, group)
        model = machine(group).fit(sparse.matrix[chosen], wanted)
        columns.append(model.coef_ * sparse.rarity)
        biases.append(model.intercept_)
        titles += [f"{group}/{label}" for label in model.classes_]
    weights = np.concatenate(columns).T
    scale = np.abs(weights).max(axis=0) / 127
    return {
        "grams": np.array("\n".join(sparse.names)),
        "weights": np.round(weights / scale).astype(np.int8),
        "scale": scale.astype(np.float32),
        "bias": np.concatenate(biases).astype(np.float32),
        "rarity": sparse.rarity,
        "labels": np.array(titles),
    }


def kept_names(rows: Sequence[Row], found: Sequence[list[str]], groups: Sequence[str]) -> list[str]:
    """Return the n-grams that decide most."""
    sparse = Sparse(found)
    most = np.zeros(len(sparse.names))
    for group in groups:
        chosen, wanted = labels(rows, group)
        model = machine(group).fit(sparse.matrix[chosen], wanted)
        most = np.maximum(most, np.abs(model.coef_ * sparse.rarity).max(axis=0))
    names = sparse.names
    return [names[at] for at in np.sort(np.argsort(-most, kind="stable")[:KEPT])]


def main() -> None:
    """Read the command line, print the check and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sentences", type=Path, required=True, help="folder of *.tsv")
    parser.add_argument("--stories", type=Path, required=True, help="folder of stories")
    parser.add_argument("--labelled", type=Path, required=True, help=f"folder of {OPEN}")
    parser.add_argument("--out", type=Path, required=True, help="classifier.npz")
    parser.add_argument("--check", action="store_true", help="print the five-fold check first")
    args = parser.parse_args()
    rows = [*taught(args.sentences), *labelled(args.labelled, args.stories)]
    if args.check:
        for group in ("category", "intent"):
            cross_check(rows, group)
        danger_check(rows)
    np.savez_compressed(args.out, **learn(rows))
    print(f"{len(rows)} sentences, {args.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
