"""How long the trouble has lasted, in whole days.

Three readers, the surest first: a counted unit (ரெண்டு வாரமா), a named day (நேத்துலேர்ந்து),
and what is an answer but no number (ரொம்ப நாளா). A story is full of other lengths of time - an age,
"once in ten days", how long one lives here - so a count there needs something that makes it one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.tamil.numbers import Number
from agent.tamil.words import Word
from agent.understanding.day_counts import Counted, Counts, added
from agent.understanding.day_judge import IF, LIFE_UNIT, TELLING, YEAR, Judge, contrasted
from agent.understanding.day_points import (
    Point,
    asks_when,
    days_named,
    is_over,
    longest_first,
    only_then,
    was_fine,
)
from agent.understanding.day_readings import LONGEST, Reading, readings
from agent.understanding.day_words import (
    Form,
    Said,
    Units,
    mark_rows,
    point_rows,
    told_rows,
)
from agent.understanding.patterns import Match, PatternBook
from agent.understanding.tables import read_toml

_STORY = 14
"""How many words after a day may tell what began on it."""
_BEFORE = 5
"""How many words before a day may tell it: "they took it, sir, the day before yesterday"."""
_WHOLE_ANSWER = 4
"""An answer of so many words may be a bare number with fillers."""
_OLD = 7
"""From so many days on, what has not been done since may be told late in the story."""
_PARTS = ("asked", "part")
"""How a part of the day is read that says neither which day nor since."""
_HABIT = 4
"""How many words after an hour may hold the verb that says what happens then."""


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
    sure: bool = True
    """It was asked for, or nothing else in the words is a length of time or a day."""
    share: float | None = None
    """How likely it is by what is learned, 0 to 1; None when only the rules were asked."""


class Days:
    """Reads durations and days. Shared by all calls."""

    def __init__(self) -> None:
        data = read_toml("days")
        self._units = Units(data)
        self._counts = Counts(data, self._units)
        self._since_ends = tuple(data["since"]["ends"])
        self._of = tuple(data["onset"]["of"])
        self._too = tuple(data["onset"]["too"])
        self._fillers = frozenset(data["answer"]["fillers"])
        self._happened = tuple(data["deed"]["happened"])
        self._deeds = tuple(data["deed"]["ends"])
        self._verb = re.compile(data["ending"]["verb"])
        self._fell = re.compile(data["ending"]["fell"])
        self._despite = re.compile(data["ending"]["despite"])
        self._judge = Judge(data["ending"])
        self._points = PatternBook[tuple[int, str]](point_rows(data))
        self._book = PatternBook[str](mark_rows(data))
        self._told = PatternBook[str](told_rows(data))
        self._subjects = PatternBook[str](
            (kind, word) for kind, words in read_toml("day_subjects").items() for word in words
        )

    def read(
        self, words: Sequence[Word], numbers: Sequence[Number], *, asked: bool, after: int = 0
    ) -> Lasting | None:
        """Return how long it has lasted, by rules.

        Args:
            words: the utterance.
            numbers: the numbers in it.
            asked: whether that was the question; then a bare "ரெண்டு வாரம்" or "நேத்து" counts.
            after: index of the word after the last taking back; what is said there counts more.
        """
        return self.by_rules(self.listen(words, numbers), asked=asked, after=after)

    def listen(self, words: Sequence[Word], numbers: Sequence[Number]) -> Said:
        """Return the utterance with its marks."""
        return Said(words, numbers, self._book, self._deeds)

    def by_rules(self, said: Said, *, asked: bool, after: int) -> Lasting | None:
        """Return how long it has lasted; as :meth:`read`, of what was listened to."""
        found = self._read(said, asked=asked, after=after)
        if found is None or asked:
            return found
        return replace(found, sure=found.sure and not self._named_besides(said, found))

    def readings(self, said: Said, *, asked: bool) -> list[Reading]:
        """Return every way to read a length of time, right or wrong, in order."""
        points = self._points_of(said)
        if points:
            said.mark(self._told)
        return readings(said, self._counts_of(said), points, asked=asked)

    def subjects(self, said: Said) -> list[Match[str]]:
        """Return the words that tell what a length of time may be the length of, by kind."""
        return list(self._subjects.find(said.words, said.number_ends))

    def _counts_of(self, said: Said) -> list[Counted]:
        return said.once("counts", lambda: self._counts.find(said))

    def _points_of(self, said: Said) -> list[Point]:
        return said.once(
            "points", lambda: days_named(said, self._points.find(said.words, said.number_ends))
        )

    def _named_besides(self, said: Said, found: Lasting) -> bool:
        """Tell whether another length of time or day is named: which is meant may be doubted."""
        counted = ((each.start, each.end) for each in self._counts_of(said))
        points = ((m.start, m.end) for m in self._points_of(said))
        return any(end <= found.start or start >= found.end for start, end in (*counted, *points))

    def _read(self, said: Said, *, asked: bool, after: int) -> Lasting | None:
        counted = self._counted(said, asked=asked, after=after)
        if counted is None and asked:
            counted = self._bare(said)
        if counted is not None and 0 < (counted.days or 0) < YEAR:
            return counted
        point = self._point(said, asked=asked, after=after)
        if counted is not None and counted.days:
            return point if point and contrasted(said, counted.end, point.start) else counted
        return point or counted or _vague(said)

    # -- counted -----------------------------------------------------------------------------

    def _counted(self, said: Said, *, asked: bool, after: int) -> Lasting | None:
        found = added(self._counts_of(said), said)
        judge = self._judge.answers if asked else self._judge.lasts
        kept = [each for each in found if each.days <= LONGEST and judge(said, each, found)]
        meant = _meant(said, kept, after)
        return _lasting(meant) if meant else None

    def _bare(self, said: Said) -> Lasting | None:
        """Return "ஒரு பத்து" as ten days: the question named the unit."""
        numbers = [n for n in said.numbers if n.value]
        counted = {at for n in numbers for at in range(n.start, n.end)}
        rest = [w for at, w in enumerate(said.words) if at not in counted]
        whole = all(word.text in self._fillers for word in rest)
        if not numbers or not whole or len(said.words) > _WHOLE_ANSWER:
            return None
        days = numbers[-1].value
        if not 0 < days <= LONGEST:
            return None
        return Lasting(round(days), f"{days:g} x 1", 0, len(said.words))

    # -- days named from today ---------------------------------------------------------------

    def _point(self, said: Said, *, asked: bool, after: int) -> Lasting | None:
        points = self._points_of(said)
        if points:
            said.mark(self._told)
        unsure = [m for m in said.matches if m.label == "vague"]
        found: list[tuple[int, int]] = []
        fine: Point | None = None
        # The longest match first: "முந்தா நேத்து" holds "நேத்து".
        for match in sorted(points, key=longest_first):
            if match.start < after <= points[-1].start:
                continue
            days, how = match.label
            if asks_when(said, match):
                continue
            hidden = any(v.start <= match.start < v.end for v in unsure)
            if hidden or any(start <= match.start < end for start, end in found):
                continue
            found.append((match.start, match.end))
            if was_fine(said, match) or (asked and is_over(said, match)):
                fine = fine or match
                continue
            if self._is_example(said, match) or said.words[match.end - 1].text.endswith(IF):
                continue
            end = self._since_end(said, match)
            if not asked and how in _PARTS and not self._fell_then(said, match):
                continue
            if not asked and (said.begins("until", (end or match.end) - 1, 4)):
                continue
            named = asked and (not unsure or days >= _OLD)
            if end or how == "alone" or named or self._begins_a_story(said, match):
                sure = bool(end) or named
                return Lasting(days, match.source, match.start, end or match.end, sure)
        # "It was all right yesterday": it has been so since today.
        return Lasting(0, fine.source, fine.start, fine.end) if fine else None

    def _is_example(self, said: Said, match: Point) -> bool:
        """Tell "even yesterday": it has been so for longer."""
        ended = said.words[match.end - 1].text.endswith(self._too)
        return ended or said.begins("too", match.end, 1)

    def _begins_a_story(self, said: Said, match: Point) -> bool:
        """Tell whether the trouble began on that day: "நேத்து பேஞ்ச மழைக்கு இன்னும் வடியல"."""
        if said.words[match.end - 1].text.endswith(self._of):
            return False
        after = range(match.end, min(match.end + _STORY, len(said.words)))
        start = said.sentence_start(match.start, _BEFORE)
        if match.label[1] == "hour" and self._is_habit(said, match):
            return False
        if said.first("crime", range(start, after.stop)) is not None:
            return True
        onset, event = (said.first(kind, after) for kind in ("onset", "event"))
        long_ago = match.label[0] >= _OLD
        if long_ago and said.begins("not_granted", match.end, TELLING):
            return False
        still = said.first("still", range(match.end, len(said.words)) if long_ago else after)
        if long_ago and still is None and said.first("over_since", after) is not None:
            return False
        if still is None and match.label[0]:
            still = self._despite_that(said, after)
        begun = _earliest(onset, event, still)
        # Today and an hour are named for many other reasons.
        common = match.label[0] == 0 or match.label[1] == "hour"
        if match.label[1] in _PARTS and (event is not None or still is not None):
            return True
        if match.label[0] == 0 and only_then(said, match, onset):
            return True
        if common and event is None and None in (onset, still):
            return False
        if still is not None and match.label[0] >= LIFE_UNIT:
            return True
        example = said.first("example", after)
        if _comes_first(example, begun) and (event is None or event != example):
            return False
        if event is None and still is None and _comes_first(said.first("somebody", after), begun):
            return False
        return begun is not None or self._closes_a_story(said, match, start)

    def _despite_that(self, said: Said, reach: range) -> int | None:
        """Return where "மனு அளித்தும்" stands: it was done, and nothing has changed since."""
        return next((at for at in reach if self._despite.search(said.words[at].text)), None)

    def _is_habit(self, said: Said, match: Point) -> bool:
        """Tell "ராத்திரி ஒரு மணிக்கு வுடுறானுவ": the first verb says what happens every night."""
        if self._fell_then(said, match):
            return False
        stop = said.sentence_end(match.end, _HABIT)
        verbs = (self._verb.search(word.text) for word in said.words[match.end : stop])
        return next((bool(verb["habit"]) for verb in verbs if verb), False)

    def _fell_then(self, said: Said, match: Point) -> bool:
        """Tell "காலைல ஆறு மணிக்கு போன கரண்டு", "ராத்திரி பெஞ்ச மழை": the last such part of a day."""
        at = match.end
        while at < len(said.words) and said.begins("time", at, 1):
            at += 1
        return at < len(said.words) and bool(self._fell.search(said.words[at].text))

    def _closes_a_story(self, said: Said, match: Point, start: int) -> bool:
        """Tell "they took it, sir, the day before yesterday": the day is the last that is told."""
        end = match.end
        while end < len(said.words) and not said.words[end].gap and said.begins("time", end, 1):
            end += 1
        if (end < len(said.words) and not said.words[end].gap) or said.words[match.start].gap:
            return False
        reach = match.start - start
        if any(said.begins(kind, start, reach) for kind in ("onset", "event")):
            return True
        told = match.start > 0 and said.words[match.start - 1].text.endswith(self._happened)
        return told and not any(said.begins(kind, start, reach) for kind in ("example", "somebody"))

    def _since_end(self, said: Said, match: Point) -> int:
        """Return the index after "நேத்து ராத்திரி பத்து மணிலேர்ந்து", or 0 when no "since" is said."""
        words = said.words
        at = match.end
        while True:
            if words[at - 1].text.endswith(self._since_ends):
                return at
            if at < len(words) and said.begins("since", at, 1):
                return at + 1
            if at < len(words) and said.begins("time", at, 1) and at < match.end + TELLING:
                at += 1
                continue
            if match.start in said.ends.get("since_before", ()):
                return match.end
            then = said.first("since_then", range(match.end, min(match.end + _STORY, len(words))))
            return then + 1 if then is not None else 0


# -- what is meant --------------------------------------------------------------------------------


def _lasting(one: Counted) -> Lasting:
    """Return it as what is handed out."""
    sure = one.form is Form.LASTING
    return Lasting(one.days, f"{one.count:g} x {one.unit:g}", one.start, one.end, sure)


def _meant(said: Said, found: Sequence[Counted], after: int) -> Counted | None:
    """Return the first that is neither denied ("அஞ்சு நாள் இல்ல") nor taken back.

    Hours give way to days: "four days, two hours each".
    """
    later = [each for each in found if each.start >= after] or found
    kept = [each for each in later if not _denied(said.words, each)] or later
    kept = [each for at, each in enumerate(kept) if not _taken_back(said, each, kept[at + 1 :])]
    return next((each for each in kept if each.unit >= 1), kept[0] if kept else None)


def _denied(words: Sequence[Word], one: Counted) -> bool:
    return one.end < len(words) and words[one.end].text.startswith(("இல்ல", "illa"))


def _taken_back(said: Said, one: Counted, later: Sequence[Counted]) -> bool:
    return bool(later) and said.begins("taken_back", one.end, later[0].start - one.end)


def _earliest(*places: int | None) -> int | None:
    return min((at for at in places if at is not None), default=None)


def _comes_first(one: int | None, other: int | None) -> bool:
    return one is not None and (other is None or one <= other)


def _vague(said: Said) -> Lasting | None:
    vague = next((m for m in said.matches if m.label == "vague"), None)
    return None if vague is None else Lasting(None, vague.source, vague.start, vague.end)
