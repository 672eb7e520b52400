"""How long the trouble has lasted, in whole days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.tamil.numbers import Number
from agent.tamil.words import Word
from agent.understanding.patterns import Match, PatternBook
from agent.understanding.tables import read_toml

_LONGEST = 36_500
"""A hundred years; a larger number was misheard."""
_AFTER = 2
"""How many words after the unit may show that it is a length of time."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long, as far as it was said."""

    days: int | None
    """None for "for many years": an answer, but no number."""
    evidence: str
    start: int
    """Index of the first word of it."""
    end: int
    """Index after its last word."""


class Days:
    """Reads durations and days. Shared by all calls."""

    def __init__(self) -> None:
        data = read_toml("days")
        rows: list[tuple[tuple[str, int], str]] = []
        for size, words in data["unit"].items():
            rows += [(("unit", int(size)), word) for word in words]
        rows += [(("point", p["days"]), word) for p in data["point"] for word in p["words"]]
        rows += [(("vague", 0), word) for word in data["vague"]["words"]]
        rows += [(("since", 0), word) for word in data["since"]["words"]]
        marks = data["mark"]
        rows += [((kind, 0), w) for kind in ("after", "before", "never") for w in marks[kind]]
        self._lasting_ends = tuple(marks["ends"])
        self._book: PatternBook[tuple[str, int]] = PatternBook(rows)

    def read(
        self, words: Sequence[Word], numbers: Sequence[Number], *, asked: bool, after: int = 0
    ) -> Lasting | None:
        """Return how long it has lasted.

        Args:
            words: the utterance.
            numbers: the numbers in it.
            asked: whether that was the question; then a bare "ரெண்டு வாரம்" or "நேத்து" counts.
            after: index of the word after the last taking back; what is said there counts more.
        """
        matches = self._book.find(words)
        counted = _meant(words, self._counted(words, numbers, matches, asked=asked), after)
        if counted is None and asked:
            counted = _bare(words, numbers)
        if counted is not None:
            return counted
        point = self._point(words, matches, asked=asked)
        if point is not None:
            return point
        vague = next((m for m in matches if m.label[0] == "vague"), None)
        if vague is None:
            return None
        return Lasting(None, vague.source, vague.start, vague.end)

    def _counted(
        self,
        words: Sequence[Word],
        numbers: Sequence[Number],
        matches: Sequence[Match[tuple[str, int]]],
        *,
        asked: bool,
    ) -> list[Lasting]:
        units = {m.start: m for m in sorted(matches, key=lambda m: m.end) if m.label[0] == "unit"}
        places: dict[str, set[int]] = {}
        for match in matches:
            places.setdefault(match.label[0], set()).add(match.start)
        found: list[Lasting] = []
        for index, number in enumerate(numbers):
            unit = units.get(number.end)
            if unit is None or number.value * unit.label[1] > _LONGEST:
                continue
            if places.get("never", set()) & set(range(unit.end, unit.end + 1)):
                continue
            if not asked and not self._lasts(words, number, unit, places):
                continue
            start = self._first_of_pair(numbers, index)
            days = _in_days(number.value, unit.label[1])
            evidence = f"{number.value:g} x {unit.label[1]}"
            found.append(Lasting(days, evidence, start, unit.end))
        return found

    def _lasts(
        self,
        words: Sequence[Word],
        number: Number,
        unit: Match[tuple[str, int]],
        places: dict[str, set[int]],
    ) -> bool:
        after = set(range(unit.end, unit.end + _AFTER)) & places.get("after", set())
        before = {number.start - 1} & places.get("before", set())
        last = words[unit.end - 1].text.removesuffix("ங்க")
        return bool(after or before) or last.endswith(self._lasting_ends)

    def _first_of_pair(self, numbers: Sequence[Number], index: int) -> int:
        """Find where "ரெண்டு மூணு நாளா" begins: the larger counts, both belong to it."""
        if index and numbers[index - 1].end == numbers[index].start:
            return numbers[index - 1].start
        return numbers[index].start

    def _point(
        self, words: Sequence[Word], matches: Sequence[Match[tuple[str, int]]], *, asked: bool
    ) -> Lasting | None:
        points = [m for m in matches if m.label[0] == "point"]
        since = {m.start for m in matches if m.label[0] == "since"}
        # The longest match first: "முந்தா நேத்து" holds "நேத்து".
        for match in sorted(points, key=lambda m: (m.start, m.start - m.end, -m.label[1])):
            near = set(range(match.start - 1, match.end + 3))
            if asked or _says_since(words, match) or since & near:
                return Lasting(match.label[1], match.source, match.start, match.end)
        return None


def _meant(words: Sequence[Word], found: Sequence[Lasting], after: int) -> Lasting | None:
    """Return the first that is neither denied ("அஞ்சு நாள் இல்ல") nor taken back."""
    later = [each for each in found if each.start >= after] or found
    kept = [each for each in later if not _denied(words, each)] or later
    return kept[0] if kept else None


def _bare(words: Sequence[Word], numbers: Sequence[Number]) -> Lasting | None:
    """Return "பத்து" as ten days: the question named the unit."""
    whole = len(numbers) == 1 and numbers[0].start == 0 and numbers[0].end == len(words)
    if not whole or not 0 < numbers[0].value <= _LONGEST:
        return None
    return Lasting(round(numbers[0].value), f"{numbers[0].value:g} x 1", 0, len(words))


def _denied(words: Sequence[Word], lasting: Lasting) -> bool:
    return lasting.end < len(words) and words[lasting.end].text.startswith("இல்ல")


def _in_days(count: float, unit: int) -> int:
    """Half a year is spoken of as six months of thirty days, not as half of 365 days."""
    whole = int(count)
    return round(whole * unit + (count - whole) * min(unit, 360))


def _says_since(words: Sequence[Word], match: Match[tuple[str, int]]) -> bool:
    marks = ("ருந்து", "ர்ந்து", "ேந்து")
    return any(m in word.text for word in words[match.start : match.end] for m in marks)
