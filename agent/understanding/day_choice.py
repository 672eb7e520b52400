"""Which reading of a length of time is meant, by what labelled sentences have in common.

Rules alone were right on every sentence they had been mended on, and on some 86 % of those of new
people. A log-linear model weighs all readings and "none" against each other, each by its features,
the rules' verdict among them; ``training/days.py`` makes ``data/day_choice.npz``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from agent.tamil.numbers import Number
from agent.tamil.words import Word
from agent.understanding.classifier import Classifier
from agent.understanding.day_features import Scene, Setting, features_of, features_of_none
from agent.understanding.day_readings import Reading
from agent.understanding.day_words import Said
from agent.understanding.days import Days, Lasting
from agent.understanding.tables import DATA, read_weights

ASKED = "days"
"""How a setting says that "how long?" was the question."""
_SURE = 0.8
"""From this share on a choice is not doubted: of left-out sentences 97 in 100 were right."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen."""

    reading: Reading | None
    """None when no reading says how long the trouble has lasted."""
    share: float
    """How likely that is, 0 to 1."""


class DayChooser:
    """Weighs readings of lengths of time. Shared by all calls, never changed."""

    def __init__(self, model: Mapping[str, Any]) -> None:
        """Take the arrays of ``day_choice.npz``.

        Args:
            model: ``features`` (one a line), ``weights`` (int8, one a feature) and ``scale``.
        """
        scale = float(model["scale"])
        names = str(model["features"]).split("\n")
        self._weights = {
            name: int(weight) * scale for name, weight in zip(names, model["weights"], strict=True)
        }

    @classmethod
    @cache
    def load(cls, path: Path = DATA / "day_choice.npz") -> DayChooser:
        """Read the file.

        Raises:
            OSError: the file is missing.
            ValueError: it is none of ours.
        """
        return cls(read_weights(path, frozenset({"features", "weights", "scale"})))

    def choose(self, said: Said, readings: Sequence[Reading], scene: Scene) -> Choice:
        """Return the likeliest reading; those of as many days count together.

        Args:
            said: the utterance.
            readings: all ways to read a length of time in it.
            scene: what they share.
        """
        scores = [self._score(features_of_none(said, readings, scene))]
        scores += [
            self._score(features_of(said, readings, at, scene)) for at in range(len(readings))
        ]
        most = max(scores)
        parts = [math.exp(score - most) for score in scores]
        whole = sum(parts)
        days: dict[int | None, float] = {None: parts[0]}
        for reading, part in zip(readings, parts[1:], strict=True):
            days[reading.days] = days.get(reading.days, 0.0) + part
        best = max(days, key=days.__getitem__)
        alike = [at for at, reading in enumerate(readings) if reading.days == best]
        chosen = readings[max(alike, key=lambda at: scores[at + 1])] if alike else None
        return Choice(chosen, days[best] / whole)

    def _score(self, features: Iterable[str]) -> float:
        return sum(self._weights.get(feature, 0.0) for feature in set(features))


class WeighedDays:
    """Reads how long a trouble has lasted, by rules and by what is learned. Shared by all calls."""

    def __init__(self, days: Days, chooser: DayChooser, classifier: Classifier) -> None:
        self._days = days
        self._chooser = chooser
        self._classifier = classifier

    @classmethod
    def load(cls, days: Days) -> WeighedDays:
        """Return it with the learned files of the package."""
        return cls(days, DayChooser.load(), Classifier.load())

    def read(
        self, words: Sequence[Word], numbers: Sequence[Number], setting: Setting, after: int = 0
    ) -> Lasting | None:
        """Return how long it has lasted.

        Args:
            words: the utterance.
            numbers: the numbers in it.
            setting: what was asked, and why somebody phones.
            after: index of the word after the last taking back.
        """
        said, found, scene = self.scene(words, numbers, setting, after)
        vague = scene.rule if scene.days is None else None
        if not found:
            return scene.rule
        choice = self._chooser.choose(said, found, scene)
        one = choice.reading
        if one is None:
            return vague
        share = round(choice.share, 3)
        evidence = one.evidence if one.days == scene.days else f"{one.evidence}, learned"
        # Where another length is named besides, which is meant may be doubted.
        rivals = any(each.end <= one.start or one.end <= each.start for each in found)
        sure = share >= _SURE and (setting.asked == ASKED or not rivals)
        return Lasting(one.days, evidence, one.start, one.end, sure, share)

    def scene(
        self, words: Sequence[Word], numbers: Sequence[Number], setting: Setting, after: int
    ) -> tuple[Said, list[Reading], Scene]:
        """Return an utterance, all its readings and what they share; training needs them too."""
        asked = setting.asked == ASKED
        said = self._days.listen(words, numbers)
        rule = self._days.by_rules(said, asked=asked, after=after)
        found = self._days.readings(said, asked=asked)
        weights = self._classifier.weights_of_likeliest(words) if found else ()
        subjects = self._days.subjects(said) if found else ()
        return said, found, Scene(setting, weights, rule, after, subjects)
