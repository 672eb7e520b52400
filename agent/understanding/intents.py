"""Why the caller phoned: emergencies first, then people, tickets, questions, insults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.tamil.words import Word
from agent.understanding.patterns import Match, PatternBook
from agent.understanding.tables import read_toml

_CRY_WORDS = 4
"""A cry for help has no more words than this."""


@dataclass(frozen=True, slots=True)
class Hazard:
    """Somebody is in danger now."""

    name: str
    evidence: str


class Emergencies:
    """Reads danger out of words. Shared by all calls."""

    def __init__(self) -> None:
        data = read_toml("emergency")
        self._lasting = {h["name"] for h in data["hazard"] if h.get("lasting", False)}
        rows = [
            ((h["name"], kind), pattern)
            for h in data["hazard"]
            for kind in ("words", "alone", "unless", "not_unless")
            for pattern in h.get(kind, ())
        ]
        rows += [(("", kind), p) for kind in ("words", "still") for p in data["past"][kind]]
        self._book: PatternBook[tuple[str, str]] = PatternBook(rows)

    def find(
        self, words: Sequence[Word], number_ends: Mapping[int, int], *, cry: bool = True
    ) -> Hazard | None:
        """Return the first danger that is happening now, or None.

        Crops under water, an accident of yesterday and a wall that may fall are not emergencies;
        a live wire on the road is one however long it has lain there.

        Args:
            words: the utterance.
            number_ends: where numbers end, for "# நாளா" in the patterns.
            cry: whether a single word ("தீ!") may be a cry for help; not in a name or landmark.
        """
        said: dict[tuple[str, str], str] = {}
        for match in self._book.find(words, number_ends):
            said.setdefault(match.label, match.source)
        past = ("", "words") in said and ("", "still") not in said
        kinds = {"words", "alone"} if cry and len(words) <= _CRY_WORDS else {"words"}
        for (name, kind), evidence in said.items():
            if kind not in kinds or not name:
                continue
            excused = (name, "unless") in said and (name, "not_unless") not in said
            if not excused and (name in self._lasting or not past):
                return Hazard(name, evidence)
        return None


@dataclass(frozen=True, slots=True)
class Signals:
    """Which other purposes were heard, with the pattern that spoke for each."""

    found: Mapping[str, str]

    def has(self, name: str) -> bool:
        """Tell whether the purpose was heard."""
        return name in self.found


class Purposes:
    """Finds why somebody phones, and what he asks back. Shared by all calls."""

    _NAMES = (
        "human", "status", "wrong_number", "info", "abuse", "confidential",
        "who", "fact", "another",
    )  # fmt: skip

    def __init__(self) -> None:
        data = read_toml("intents")
        self._courtesy = frozenset(data["human"]["courtesy"])
        self._book: PatternBook[tuple[str, str]] = PatternBook(
            ((name, kind), pattern)
            for name in self._NAMES
            for kind in ("words", "unless", "alone")
            for pattern in data[name].get(kind, ())
        )

    def find(self, words: Sequence[Word], number_ends: Mapping[int, int]) -> Signals:
        """Return every purpose heard and not taken back by a word of its ``unless`` list."""
        matches = self._book.find(words, number_ends)
        excused = {m.label[0] for m in matches if m.label[1] == "unless"}
        found: dict[str, str] = {}
        for match in matches:
            name, kind = match.label
            if name not in excused and (kind == "words" or self._alone(words, match)):
                found.setdefault(name, match.source)
        return Signals(found)

    def _alone(self, words: Sequence[Word], match: Match[tuple[str, str]]) -> bool:
        """Tell whether a bare word for a person is all that was said: "ஆள் சார்"."""
        rest = [w for i, w in enumerate(words) if i not in range(match.start, match.end)]
        return match.label[1] == "alone" and all(word.text in self._courtesy for word in rest)

    def without_insults(self, text: str, words: Sequence[Word]) -> str:
        """Return the text without the words that insult: they are neither stored nor echoed."""
        matches = self._book.find(words)
        rude = {i for m in matches if m.label == ("abuse", "words") for i in range(m.start, m.end)}
        kept = text
        for at in sorted(rude, reverse=True):
            kept = kept[: words[at].start] + kept[words[at].end :]
        return " ".join(kept.split()).strip(" ,.!?")
