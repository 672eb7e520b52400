"""What a complaint is about, by word tables: always available, never waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from agent.complaint import Category, Priority
from agent.tamil.words import Word, masked
from agent.understanding.patterns import Match, PatternBook
from agent.understanding.tables import read_csv, read_toml

_WEIGHTS = {
    "decisive": 24.0,
    "sure": 8.0,
    "strong": 5.0,
    "normal": 3.0,
    "weak": 1.0,
    "against": -6.0,
}
_CSV_WEIGHT = 2.0
_NAMED = 3.0
"""From this score on a trouble was told beside a landmark."""
_SECOND = 5.0
"""A second complaint in the same turn must at least name its trouble (weight "strong")."""
_FADING = 0.5
"""Each further match of a category counts half: saying a word twice proves little."""
_SURE = 8.0
_AGREED = 0.8
DISPUTED = 0.6
"""Confidence at most in what tables and classifier see differently."""

_STREET = frozenset(
    {
        *(Category.WATER, Category.SEWAGE, Category.ROAD, Category.STREETLIGHT, Category.POWER),
        *(Category.GARBAGE, Category.DOGS, Category.MOSQUITO),
    }
)
"""Troubles of a street, which people tell together; of others one is mostly the other's cause."""

_SERVICES = frozenset(
    {
        *(Category.PATTA, Category.CERTIFICATE, Category.PENSION, Category.HOSPITAL),
        *(Category.RATION, Category.HOUSING, Category.KMUT),
    }
)
"""What somebody may be made to wait and to pay for: then both are told."""
_FRAMES = ("more", "where", "waited", "bribe", "fine")
_FINE_REACH = 4
"""So many words after a thing may say that it is all right: "கரண்ட் இருக்கு ஆனா"."""

Label = tuple[Category, float]


@dataclass(frozen=True, slots=True)
class Scored:
    """One category and how clearly it was said."""

    category: Category
    score: float
    """Sum of weights, larger is clearer; above 5 the trouble was named."""
    evidence: str
    """The heaviest pattern found."""
    at: int
    """Index of the word where it begins."""
    agreed: bool | None = None
    """Whether the classifier says the same; None when it was not asked."""

    @property
    def confidence(self) -> float:
        """0..1; below 0.75 it is worth asking a language model."""
        clear = min(1.0, self.score / _SURE)
        if self.agreed is None:
            return clear
        return max(clear, _AGREED) if self.agreed else min(clear, DISPUTED)


Judge = Callable[[Sequence[Scored], Sequence[Word]], list[Scored]]
"""Puts the likeliest trouble first; the words are those that may speak of one."""


@cache
def _priorities() -> Mapping[Category, Priority]:
    return {
        Category(row["code"]): Priority(row["priority_default"]) for row in read_csv("categories")
    }


def default_priority(category: Category) -> Priority:
    """Return how urgent the office treats this kind of trouble (``categories.csv``)."""
    return _priorities()[category]


@cache
def _terms() -> Mapping[Category, int | None]:
    rows = read_csv("categories")
    return {Category(row["code"]): int(row["sla_days"] or 0) or None for row in rows}


def term_days(category: Category) -> int | None:
    """Return within how many days the office has to answer (``categories.csv``), or None."""
    return _terms()[category]


class Keywords:
    """Finds categories in words. Shared by all calls."""

    def __init__(self, book: PatternBook[Label], frames: PatternBook[str]) -> None:
        self._book = book
        self._frames = frames

    @classmethod
    def load(cls) -> Keywords:
        """Build the index from ``stems_*.toml`` and the keywords of ``categories.csv``."""
        data = read_toml("intents")
        rows = [(kind, p) for kind in _FRAMES for p in data[kind]["words"]]
        for kind in ("landmarks", "positions"):
            rows += [(kind, pattern) for pattern in data["where"][kind]]
        return cls(PatternBook(_rows()), PatternBook(rows))

    def categories(
        self,
        words: Sequence[Word],
        number_ends: Mapping[int, int],
        judge: Judge | None = None,
    ) -> tuple[Scored, ...]:
        """Return the complaint's category first, then others told beside it.

        A second one counts only when the caller sets it apart ("அப்பறம் கொசுவும் ஜாஸ்தி") or
        joins two with -உம் ("தண்ணியும் வரல, ரோடும் சரியில்ல").

        Args:
            words: the utterance.
            number_ends: first word of each number -> index after its last.
            judge: puts the likeliest of all troubles found first.
        """
        return self._told(words, number_ends, judge or _as_ranked)

    def adds_more(self, words: Sequence[Word]) -> bool:
        """Tell whether something is set beside what was said ("அப்புறம்", "ரோடும்")."""
        more = any(m.label == "more" for m in self._frames.find(words))
        return more or any(word.text.endswith("ும்") for word in words)

    def _told(
        self, words: Sequence[Word], number_ends: Mapping[int, int], judge: Judge
    ) -> tuple[Scored, ...]:
        frames = self._frames.find(words, number_ends)
        words = masked(
            words, {i for m in frames if m.label == "where" for i in range(m.start, m.end)}
        )
        bare = masked(words, _landmarks(frames))
        matches = self._book.find(bare, number_ends)
        if bare != words and _clearest(matches) < _NAMED:
            bare, matches = words, self._book.find(words, number_ends)
        words = bare
        ranked = judge(_rank(matches), words)
        if not ranked:
            return ()
        best = ranked[0]
        clauses = _clauses(words, frames)
        others = [s for clause in clauses for s in _rank(_inside(matches, clause))[:1]]
        both = [s for s in ranked if s.score >= _SECOND and _joined_with_um(words, s.at)]
        wanted = {best.category: best}
        for scored in others if len(clauses) > 1 else ():
            if scored.score >= _SECOND:
                wanted.setdefault(scored.category, scored)
        if len(both) > 1:
            wanted |= {s.category: s for s in both if s.category not in wanted}
        if best.category in _STREET:
            wanted |= {s.category: s for s in _apart(ranked) if s.category not in wanted}
        wanted |= {s.category: s for s in _paid_for(ranked, frames) if s.category not in wanted}
        fine = [m.start for m in frames if m.label == "fine"]
        wanted = {
            category: scored
            for category, scored in wanted.items()
            if scored is best or not any(0 <= at - scored.at <= _FINE_REACH for at in fine)
        }
        wanted.pop(Category.OTHER, None) if len(wanted) > 1 else None
        ordered = sorted(wanted.values(), key=lambda s: s.at) if len(wanted) > 1 else [best]
        return tuple(ordered)


def _as_ranked(ranked: Sequence[Scored], _: Sequence[Word]) -> list[Scored]:
    return list(ranked)


def _apart(ranked: Sequence[Scored]) -> list[Scored]:
    """Return the troubles of a street that were each named in full, without a word between them."""
    return [s for s in ranked if s.category in _STREET and s.score >= _SECOND]


def _paid_for(ranked: Sequence[Scored], frames: Iterable[Match[str]]) -> list[Scored]:
    """Return a service that was long waited for and the bribe asked for it, when both are told.

    "பட்டா மாத்த மூவாயிரம் கேக்குறாரு" is only a bribe; a year of waiting before it is a second
    trouble.
    """
    said = {match.label: match for match in reversed(list(frames))}
    if "waited" not in said or ranked[0].category not in {*_SERVICES, Category.CORRUPTION}:
        return []
    service = next((s for s in ranked if s.category in _SERVICES and s.score >= _NAMED), None)
    bribe = next((s for s in ranked if s.category is Category.CORRUPTION), None)
    if bribe is None and "bribe" in said:
        match = said["bribe"]
        bribe = Scored(Category.CORRUPTION, _NAMED, match.source, match.start)
    return [service, bribe] if service is not None and bribe is not None else []


def _clauses(words: Sequence[Word], frames: Iterable[Match[str]]) -> list[range]:
    cuts = [m.start for m in frames if m.label == "more" and m.start > 0]
    return [range(a, b) for a, b in pairwise([0, *cuts, len(words)]) if b > a]


def _rows() -> Iterator[tuple[Label, str]]:
    for table in ("stems_streets", "stems_services"):
        for code, groups in read_toml(table).items():
            for group, patterns in groups.items():
                for pattern in patterns:
                    yield (Category(code), _WEIGHTS[group]), pattern
    for row in read_csv("categories"):
        category = Category(row["code"])
        if category in (Category.EMERGENCY, Category.OTHER):
            # Danger has a table with conditions (emergency.toml); "உதவி வேணும்" only opens a call.
            continue
        for column in ("keywords_ta", "keywords_en"):
            for pattern in filter(None, row[column].split("|")):
                yield (category, _CSV_WEIGHT), pattern


def _landmarks(frames: Iterable[Match[str]]) -> set[int]:
    """Return the words of landmarks, not their positions: "தெருவுல" may be said of the trouble."""
    positions = {m.start for m in frames if m.label == "positions"}
    marks = (m for m in frames if m.label == "landmarks" and m.end in positions)
    return {at for m in marks for at in range(m.start, m.end)}


def _clearest(matches: Iterable[Match[Label]]) -> float:
    return max((scored.score for scored in _rank(matches)), default=0.0)


def _inside(matches: Iterable[Match[Label]], clause: range) -> list[Match[Label]]:
    return [m for m in matches if m.start in clause and m.end <= clause.stop]


def _rank(matches: Iterable[Match[Label]]) -> list[Scored]:
    by_category: dict[Category, list[Match[Label]]] = {}
    for match in matches:
        by_category.setdefault(match.label[0], []).append(match)
    scored = [_score(category, found) for category, found in by_category.items()]
    return sorted((s for s in scored if s.score > 0), key=lambda s: (-s.score, s.at))


def _score(category: Category, matches: list[Match[Label]]) -> Scored:
    """Heaviest first; what overlaps a heavier match adds nothing."""
    ordered = sorted(matches, key=lambda m: (-m.label[1], m.start - m.end))
    taken: set[int] = set()
    against: set[int] = set()
    total, share = 0.0, 1.0
    for match in ordered:
        span = set(range(match.start, match.end))
        weight = match.label[1]
        if weight < 0:
            total += weight if not against & span else 0.0
            against |= span
        elif not taken & span:
            total += weight * share
            share = _FADING
            taken |= span
    return Scored(category, total, ordered[0].source, min(m.start for m in matches))


def _joined_with_um(words: Sequence[Word], at: int) -> bool:
    return any(word.text.endswith("ும்") for word in words[at : at + 2])
