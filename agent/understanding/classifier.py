"""What a sentence is about by how it sounds: a linear second opinion beside the word tables.

The tables know what their authors thought of; this knows what thousands of labelled sentences have
in common. A sentence is the set of its n-grams (of each word's sound key, so that both scripts and
all accents meet) and word pairs; a label's score is the sum of their weights over the length of the
set, learned by a linear support vector machine. ``training/classify.py`` makes
``data/classifier.npz``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.tamil.words import Word
from agent.understanding.tables import DATA, read_weights

SIZES = (3, 4, 5, 6)
"""Lengths of n-grams, the marks ^ and $ at both ends of a word included."""
_PAIR_HEAD = 4
"""So many letters of each of two neighbours stand for both."""
_KNOWN_WORDS = 50_000
"""Words whose n-grams are remembered; then all are forgotten."""


def word_grams(key: str) -> list[str]:
    """Return the n-grams of one word.

    Args:
        key: sound key of the word, empty for a word that must not count.
    """
    if not key:
        return []
    marked = f"^{key}$"
    grams = [marked[at : at + n] for n in SIZES for at in range(len(marked) - n + 1)]
    return [*grams, f"={key}"]


def pair_grams(keys: Iterable[str]) -> list[str]:
    """Return the pairs of neighbouring words."""
    heads = [key[:_PAIR_HEAD] for key in keys if key]
    return [f"{a} {b}" for a, b in pairwise(heads)]


def grams(keys: Sequence[str]) -> list[str]:
    """Return everything a sentence of these sound keys is known by, each once, in order."""
    found = [gram for key in keys for gram in word_grams(key)]
    return list(dict.fromkeys([*found, *pair_grams(keys)]))


@dataclass(frozen=True, slots=True)
class Opinion:
    """Scores of one sentence, for each group of labels."""

    scores: Mapping[str, Mapping[str, float]]
    """Group, label: score; above 0 the label is likely, the largest is the likeliest."""
    strongest: Mapping[str, Mapping[str, int]]
    """Group, label: index of the word that speaks for it most."""


class Classifier:
    """Scores sentences. Shared by all calls; reading the file takes some 30 ms."""

    def __init__(self, model: Mapping[str, Any]) -> None:
        """Take the arrays of ``classifier.npz``.

        Args:
            model: ``grams`` (all n-grams, one a line), ``weights`` (int8, n-grams x labels),
                ``scale`` and ``bias`` (float32, one a label), ``rarity`` (float32, one an n-gram),
                ``labels`` ("group/label").
        """
        lines = str(model["grams"]).split("\n")
        self._index = {gram: at for at, gram in enumerate(lines)}
        self._weights: npt.NDArray[np.int8] = model["weights"]
        self._scale: npt.NDArray[np.float32] = model["scale"]
        self._bias: npt.NDArray[np.float32] = model["bias"]
        self._rarity: npt.NDArray[np.float32] = model["rarity"]
        self._labels = [tuple(str(label).split("/")) for label in model["labels"]]
        self._known: dict[str, tuple[int, ...]] = {}

    @classmethod
    @cache
    def load(cls, path: Path = DATA / "classifier.npz") -> Classifier:
        """Read the file.

        Raises:
            OSError: the file is missing.
            ValueError: it is none of ours.
        """
        parts = {"grams", "weights", "scale", "bias", "rarity", "labels"}
        return cls(read_weights(path, frozenset(parts)))

    def read(self, words: Sequence[Word]) -> Opinion | None:
        """Return the scores of a sentence, None when no n-gram of it is known.

        Args:
            words: the words; those masked with an empty text do not count.
        """
        of_word = [self._of_word(word.key) for word in words]
        pairs = (self._index.get(pair) for pair in pair_grams([word.key for word in words]))
        rows = sorted(
            {at for ats in of_word for at in ats} | {at for at in pairs if at is not None}
        )
        if not rows:
            return None
        length = float(np.sqrt(np.square(self._rarity[rows]).sum()))
        sums = self._weights[rows].sum(axis=0, dtype=np.int32) * self._scale
        totals = sums / length + self._bias
        scores: dict[str, dict[str, float]] = {}
        strongest: dict[str, dict[str, int]] = {}
        by_word = [self._weights[list(ats)].sum(axis=0, dtype=np.int32) for ats in of_word if ats]
        spoken = [at for at, ats in enumerate(of_word) if ats]
        best = np.argmax(by_word, axis=0) if by_word else None
        for column, (group, label) in enumerate(self._labels):
            scores.setdefault(group, {})[label] = float(totals[column])
            at = spoken[int(best[column])] if best is not None else 0
            strongest.setdefault(group, {})[label] = at
        return Opinion(scores, strongest)

    def weights_of_likeliest(self, words: Sequence[Word]) -> list[float]:
        """Return how much each word speaks for the likeliest trouble, 0 for unknown words.

        Args:
            words: the utterance; all zeros when no n-gram of it is known.
        """
        opinion = self.read(words)
        if opinion is None:
            return [0.0] * len(words)
        scores = opinion.scores["category"]
        column = self._labels.index(("category", max(scores, key=scores.__getitem__)))
        weights, scale = self._weights[:, column], float(self._scale[column])
        rows = (self._of_word(word.key) for word in words)
        return [int(weights[list(ats)].sum(dtype=np.int32)) * scale if ats else 0.0 for ats in rows]

    def _of_word(self, key: str) -> tuple[int, ...]:
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _KNOWN_WORDS:
                self._known.clear()
            ats = (self._index.get(gram) for gram in word_grams(key))
            found = self._known[key] = tuple(at for at in ats if at is not None)
        return found
