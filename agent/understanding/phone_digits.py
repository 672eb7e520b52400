"""The digits of phone and ticket numbers among the words of one turn.

What is said is cut into segments where the caller stops, slips or begins again; numbers that count
something, name a house or a ward, or were only called, are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from agent.tamil.number_words import Kind, lexeme_of
from agent.tamil.numbers import Number, is_article
from agent.tamil.words import Word
from agent.understanding.patterns import PatternBook
from agent.understanding.phone_corrections import (
    Segment,
    as_ticket,
    is_whole,
    primary,
    whole_number,
)
from agent.understanding.phone_repeats import counts_digit, spoken
from agent.understanding.phones import HeardDigits, as_phone
from agent.understanding.tables import read_toml

_LONGEST = 26
"""Digits kept of one turn: a number said twice and a slip."""
_RUN_FROM = 6
"""In a story, fewer digits in a row are a house number or money."""
_NAMED_UP_TO = 6
"""Digits of a house, a ward or a postal code."""
_LABEL_REACH = 3
"""A label may stand this many words before its number (கதவு எண், பன்னெண்டு)."""
_ORDINAL = ("வது", "ாம்", "ஆம்", "vadhu", "vathu", "th")
_COUNTRY = "91"
"""India's, said after "plus": it is never the beginning of the number itself."""
_CALLED_REACH = 4
"""So many words after a number may say that the caller rang it."""
_COUNTED = range(1, 12)
"""Digits of a number are counted up to these many."""


class DigitReader:
    """Reads digit strings. Shared by all calls."""

    def __init__(self) -> None:
        data = read_toml("answers")
        lists = data["digits"]
        rows = [("restart", pattern) for pattern in data["restart"]]
        rows += [("slip", pattern) for pattern in data["correction"]]
        rows += [(name, pattern) for name in _MARKS for pattern in lists[name]]
        self._book: PatternBook[str] = PatternBook(rows)
        self._services = frozenset(lists["services"])

    def read(
        self, words: Sequence[Word], numbers: Sequence[Number], *, ticket: bool = False
    ) -> HeardDigits:
        """Return all digits of an answer to a question for a number.

        Args:
            words: the answer.
            numbers: all numbers in it.
            ticket: whether a ticket number was asked for, and not a phone number.

        "இல்ல இல்ல" takes back what stands before, "முதல்ல இருந்து" everything.
        """
        line = _Line(words, numbers, self._book)
        segments = line.segments()
        if not segments:
            return HeardDigits("", line.restarts)
        digits = whole_number(segments, (as_ticket if ticket else as_phone,)) or primary(segments)
        if line.ends_in_slip and not is_whole(digits):
            digits = digits[: -len("".join(segments[-1].groups[-1]))]
        restarted = any(segment.restart for segment in segments)
        first = segments[0]
        group = first.groups[0]
        counts = (len("".join(group)), len(group[0]), len(first.digits))
        takes_back = counts if first.slip or first.edge == "last" else ()
        return HeardDigits(digits[:_LONGEST], restarted, takes_back)

    def runs(self, words: Sequence[Word], numbers: Sequence[Number]) -> list[str]:
        """Return the long rows of digits inside a story, in order."""
        line = _Line(words, numbers, self._book)
        pieces = _pieces(line.segments())
        runs: list[str] = []
        at = 0
        while at < len(pieces):
            both = pieces[at : at + 2]
            digits = whole_number(pieces[at])
            if digits is None and len(both) == 2 and both[1][0].strange == 1:
                digits = whole_number([*both[0], *both[1]])
                at += digits is not None
            runs.append(digits or primary(pieces[at]))
            at += 1
        own = (run for run in runs if (as_phone(run) or run) not in self._services)
        return [run for run in own if _RUN_FROM <= len(run) <= _LONGEST]


_MARKS = (
    "slip", "no", "cry", "last", "first", "filler", "hesitation", "instead", "unit", "counted",
    "times", "named", "owned", "called", "plus",
)  # fmt: skip


class _Line:
    """One utterance with everything marked that tells its digits from other numbers."""

    def __init__(
        self, words: Sequence[Word], numbers: Sequence[Number], book: PatternBook[str]
    ) -> None:
        self._words = words
        texts = [word.text for word in words]
        self._numbers = [n for n in numbers if n.figures and not is_article(texts, n)]
        self._ends = {number.end for number in self._numbers}
        inside = {at for n in self._numbers for at in range(n.start, n.end)}
        self._marks: dict[str, set[int]] = {name: set() for name in ("restart", *_MARKS)}
        self._afters: dict[str, set[int]] = {"named": set(), "owned": set()}
        for match in book.find(words):
            if match.start in inside and match.label not in ("named", "owned"):
                continue
            self._marks[match.label].update(range(match.start, match.end))
            # "பதினாலாவது வார்டு" has its number already.
            if match.label in self._afters and not self._is_ordinal(match.start - 1):
                self._afters[match.label].add(match.end)
        self._marks["slip"].update(at for at in self._marks["no"] if self._is_slip(at))
        self._left_out = self._others() | self._country_codes()

    def _is_ordinal(self, at: int) -> bool:
        return at >= 0 and self._words[at].text.endswith(_ORDINAL)

    @property
    def restarts(self) -> bool:
        """Whether the caller says that the number comes again."""
        return bool(self._marks["restart"])

    @property
    def ends_in_slip(self) -> bool:
        """Whether something is taken back at the end, and nothing said instead."""
        last = max(self._ends, default=0)
        return any(at >= last for at in self._marks["slip"] - self._marks["no"])

    def _is_slip(self, at: int) -> bool:
        """Tell "நாலு... இல்ல, அஞ்சு" from "நம்பர் இல்ல" (have none)."""
        if at in self._ends or self._words[at].gap or not at:
            return True
        return any(at - 1 in self._marks[name] for name in ("no", "cry", "slip", "filler"))

    def _others(self) -> set[int]:
        """Return the starts of numbers that are no digits: counts, wards, called numbers."""
        others: set[int] = set()
        before = 0
        for run in self._breaths():
            length = sum(len(number.figures) for number in run)
            # A label names only the number right after it.
            near = range(max(before, run[0].start - _LABEL_REACH) + 1, run[0].start + 1)
            before = run[-1].end
            owned = any(at in self._afters["owned"] for at in near)
            named = length <= _NAMED_UP_TO and any(at in self._afters["named"] for at in near)
            after = range(run[-1].end, run[-1].end + _CALLED_REACH)
            called = length >= _RUN_FROM and any(at in self._marks["called"] for at in after)
            if owned or named or called:
                others.update(number.start for number in run)
            elif self._is_count(run[-1], alone=len(run) == 1) and not self._counts_digit(run[-1]):
                others.add(run[-1].start)
        return others

    def _country_codes(self) -> set[int]:
        """Return the starts of numbers that make up a country code: "பிளஸ் ஒம்பது ஒண்ணு"."""
        codes: set[int] = set()
        for at, number in enumerate(self._numbers):
            if number.start - 1 not in self._marks["plus"]:
                continue
            for parts in (self._numbers[at : at + 1], self._numbers[at : at + 2]):
                if "".join(part.figures for part in parts) == _COUNTRY:
                    codes.update(part.start for part in parts)
                    self._marks["filler"].update(range(number.start, parts[-1].end))
        return codes

    def _counts_digit(self, number: Number) -> bool:
        if number.end not in self._marks["times"]:
            return False
        at = self._numbers.index(number)
        before = self._numbers[at - 1] if at else None
        after = self._numbers[at + 1] if at + 1 < len(self._numbers) else None
        return counts_digit(self._words, before, number, after)

    def _breaths(self) -> list[list[Number]]:
        """Return the numbers said without a stop."""
        breaths: list[list[Number]] = []
        for number in self._numbers:
            if (
                breaths
                and breaths[-1][-1].end == number.start
                and not self._words[number.start].gap
            ):
                breaths[-1].append(number)
            else:
                breaths.append([number])
        return breaths

    def _is_count(self, number: Number, *, alone: bool) -> bool:
        """Tell "ரெண்டு நிமிஷம்" and "கடைசி நாலு நம்பர்" from digits."""
        if number.end >= len(self._words) or self._words[number.end].gap:
            return False
        counts = "counted" if alone and number.value in _COUNTED else "unit"
        here = {name for name, at in self._marks.items() if number.end in at}
        return as_phone(number.figures) is None and bool(here & {counts, "unit"})

    def segments(self) -> list[Segment]:
        """Return the digits of the utterance, cut where the caller stops, slips or begins again."""
        segments: list[Segment] = []
        end = 0
        digits = [n for n in self._numbers if n.start not in self._left_out]
        for one in spoken(self._words, digits, self._marks["times"]):
            figures = one.figures
            gap = self._words[one.start].gap
            between = range(end, one.start)
            whole = as_phone(figures) or (segments and as_phone(segments[-1].digits))
            counting = bool(segments) and self._counts_edge(segments[-1], between)
            if segments and (counting or not between) and gap != "." and not whole:
                segments[-1] = _grown(segments[-1], figures, new_group=counting or bool(gap))
            else:
                segments.append(self._opening(between, figures))
            end = one.end
        return segments

    def _counts_edge(self, segment: Segment, between: Sequence[int]) -> bool:
        """Tell "லாஸ்ட் த்ரீ வந்து": a count, and only fillers before the digits it counts."""
        if not segment.edge or len(segment.digits) != 1 or not between:
            return False
        return all(at in self._marks["filler"] or at in self._marks["counted"] for at in between)

    def _opening(self, between: Iterable[int], figures: str) -> Segment:
        said = {name for name, at in self._marks.items() if at & set(between)}
        known = ("restart", "slip", "no", "cry", "last", "first", "filler")
        strange = [
            at
            for at in between
            if not any(at in self._marks[name] for name in known) and not self._repeats(at)
        ]
        restart = "restart" in said
        edge = "last" if "last" in said else "first" if "first" in said and not restart else ""
        instead = "instead" in said
        hesitant = bool(said & {"hesitation", "cry"})
        slip = "slip" in said
        return Segment(((figures,),), restart, slip, edge, instead, len(strange), hesitant)

    def _repeats(self, at: int) -> bool:
        """Tell whether a word only says that what stands before is double or triple."""
        lexeme = lexeme_of(self._words[at].text)
        return lexeme is not None and lexeme.kind is Kind.REPEAT


def _grown(segment: Segment, figures: str, *, new_group: bool) -> Segment:
    groups = segment.groups
    if new_group:
        return replace(segment, groups=(*groups, (figures,)))
    return replace(segment, groups=(*groups[:-1], (*groups[-1], figures)))


def _pieces(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Cut a story where other words stand between its digits."""
    pieces: list[list[Segment]] = []
    for segment in segments:
        if not pieces or (segment.strange and segment.plain):
            pieces.append([])
        pieces[-1].append(segment)
    return pieces
