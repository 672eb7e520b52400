"""Phone and ticket numbers: digits gathered from words, over several turns, and checked.

What is said is cut into segments where the caller stops, slips or begins again. How a correction
is meant is seldom said ("இல்ல, அறுவத்தி நாலு"), so every sensible way is tried, the likeliest first,
and the first that makes a whole number counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from agent.check_digit import is_valid
from agent.tamil.numbers import Number, is_article
from agent.tamil.words import Word
from agent.understanding.patterns import PatternBook
from agent.understanding.tables import read_toml

_MOBILE = re.compile(r"[6-9][0-9]{9}")
_LAND_LINE = re.compile(r"0[1-9][0-9]{9}")
_COUNTRY = re.compile(r"(?:0091|091|91|0|910)(?=[6-9][0-9]{9}$)")
_COUNTRY_LAND_LINE = re.compile(r"(?:0091|91)(?=4[0-9]{9}$)")
"""Every area code of Tamil Nadu begins with 4."""
_MOBILE_DIGITS = 10
_LAND_LINE_DIGITS = 11
_TICKET_DIGITS = 9
_LONGEST = 26
"""Digits kept of one turn: a number said twice and a slip."""
_RUN_FROM = 6
"""In a story, fewer digits in a row are a house number or money."""
_READINGS = 40
"""Ways to understand the corrections of one turn that are tried."""
_LABEL_REACH = 3
"""A label may stand this many words before its number (கதவு எண், பன்னெண்டு)."""
_CALLED_REACH = 4
"""So many words after a number may say that the caller rang it."""
_COUNTED = range(1, 12)
"""Digits of a number are counted up to these many."""
_TIMES = range(2, 6)

TicketCheck = Callable[[str], bool]


def nine_digits(number: str) -> bool:
    """Accept any nine digits: the check used where the check digit is not known."""
    return len(number) == _TICKET_DIGITS and number.isascii() and number.isdigit()


def as_phone(digits: str) -> str | None:
    """Return a valid Indian number, or None.

    Ten digits from 6 to 9 (mobile, with or without +91 or 0), or eleven from 0 (land line with
    its area code). A number said twice in a row counts once.
    """
    half = len(digits) // 2
    if len(digits) >= 2 * _MOBILE_DIGITS and digits[:half] == digits[half:]:
        digits = digits[:half]
    digits = _COUNTRY_LAND_LINE.sub("0", _COUNTRY.sub("", digits, count=1), count=1)
    if _MOBILE.fullmatch(digits) or _LAND_LINE.fullmatch(digits):
        return digits
    return None


@dataclass(frozen=True, slots=True)
class HeardDigits:
    """Digits of one turn."""

    digits: str
    restarted: bool = False
    """The caller began again: digits of earlier turns no longer count."""
    takes_back: tuple[int, ...] = ()
    """How many digits at the end of earlier turns may be taken back, the likeliest first."""


@dataclass(frozen=True, slots=True)
class _Segment:
    """Digits said in one go, and how they stand to those before."""

    groups: tuple[tuple[str, ...], ...]
    """Numbers said in one breath stand together."""
    restart: bool = False
    slip: bool = False
    """Something before is taken back."""
    edge: str = ""
    """"last" or "first": which end of the number is meant."""
    instead: bool = False
    """Another number is offered."""
    strange: int = 0
    """Words before that do not belong to a number."""

    @property
    def digits(self) -> str:
        return "".join("".join(group) for group in self.groups)

    @property
    def plain(self) -> bool:
        return not (self.restart or self.slip or self.edge)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to understand what was said so far: its groups, and how long the last number is."""

    groups: tuple[str, ...] = ()
    last: int = 0

    @property
    def digits(self) -> str:
        return "".join(self.groups)

    def then(self, segment: _Segment) -> _Reading:
        """Return this with a segment after it."""
        groups = tuple("".join(group) for group in segment.groups)
        last = len(segment.groups[-1][-1]) if segment.groups else self.last
        return _Reading(self.groups + groups, last)

    def without(self, count: int) -> _Reading:
        """Return this with digits cut off the end."""
        groups = list(self.groups)
        while groups and count:
            cut = min(count, len(groups[-1]))
            groups[-1] = groups[-1][:-cut]
            count -= cut
            if not groups[-1]:
                groups.pop()
        return _Reading(tuple(groups))


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

    def read(self, words: Sequence[Word], numbers: Sequence[Number]) -> HeardDigits:
        """Return all digits of an answer to a question for a number.

        "இல்ல இல்ல" takes back what stands before, "முதல்ல இருந்து" everything.
        """
        line = _Line(words, numbers, self._book)
        segments = line.segments()
        if not segments:
            return HeardDigits("", line.restarts)
        digits = _whole(segments) or _primary(segments)
        if line.ends_in_slip and not _is_whole(digits):
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
            digits = _whole(pieces[at])
            if digits is None and len(both) == 2 and both[1][0].strange == 1:
                digits = _whole([*both[0], *both[1]])
                at += digits is not None
            runs.append(digits or _primary(pieces[at]))
            at += 1
        own = (run for run in runs if (as_phone(run) or run) not in self._services)
        return [run for run in own if _RUN_FROM <= len(run) <= _LONGEST]


_MARKS = (
    "slip", "no", "cry", "last", "first", "filler", "instead", "unit", "counted", "times",
    "named", "owned", "called",
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
            if match.label in self._afters:
                self._afters[match.label].add(match.end)
        self._marks["slip"].update(at for at in self._marks["no"] if self._is_slip(at))
        self._left_out = self._others()

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
        for run in self._breaths():
            length = sum(len(number.figures) for number in run)
            near = range(run[0].start - _LABEL_REACH + 1, run[0].start + 1)
            owned = any(at in self._afters["owned"] for at in near)
            named = length < _RUN_FROM and any(at in self._afters["named"] for at in near)
            after = range(run[-1].end, run[-1].end + _CALLED_REACH)
            called = length >= _RUN_FROM and any(at in self._marks["called"] for at in after)
            if owned or named or called:
                others.update(number.start for number in run)
            elif self._is_count(run[-1], alone=len(run) == 1):
                others.add(run[-1].start)
        return others

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
        if number.end >= len(self._words) or self._words[number.end].gap == ".":
            return False
        counts = "counted" if alone and number.value in _COUNTED else "unit"
        here = {name for name, at in self._marks.items() if number.end in at}
        return as_phone(number.figures) is None and bool(here & {counts, "unit"})

    def segments(self) -> list[_Segment]:
        """Return the digits of the utterance, cut where the caller stops, slips or begins again."""
        segments: list[_Segment] = []
        end = 0
        for number, figures, stop in self._repeated():
            gap = self._words[number.start].gap
            between = range(end, number.start)
            whole = as_phone(number.figures) or (segments and as_phone(segments[-1].digits))
            if segments and not between and gap != "." and not whole:
                segments[-1] = _grown(segments[-1], figures, new_group=bool(gap))
            else:
                segments.append(self._opening(between, figures))
            end = stop
        return segments

    def _opening(self, between: Iterable[int], figures: str) -> _Segment:
        said = {name for name, at in self._marks.items() if at & set(between)}
        known = ("restart", "slip", "no", "cry", "last", "first", "filler")
        strange = [at for at in between if not any(at in self._marks[name] for name in known)]
        restart = "restart" in said
        edge = "last" if "last" in said else "first" if "first" in said and not restart else ""
        instead = "instead" in said
        return _Segment(((figures,),), restart, "slip" in said, edge, instead, len(strange))

    def _repeated(self) -> Iterator[tuple[Number, str, int]]:
        """Yield each number with its digits and its end; "மூணு தடவை சைபர்" is 000."""
        times = self._marks["times"]
        numbers = [n for n in self._numbers if n.start not in self._left_out]
        before: tuple[Number, str, int] | None = None
        repeat = 0
        for at, number in enumerate(numbers):
            repeats = number.end in times and int(number.value) in _TIMES
            follows = at + 1 < len(numbers) and self._follows(number.end + 1, numbers[at + 1])
            after = before is not None and before[2] == number.start and len(before[1]) == 1
            if repeats and not follows and after and before is not None:
                before = (before[0], before[1] * int(number.value), number.end + 1)
                continue
            if before is not None:
                yield before
                before = None
            if repeats:
                repeat = int(number.value)
                continue
            figures = number.figures * (repeat if repeat and len(number.figures) == 1 else 1)
            before, repeat = (number, figures, number.end), 0
        if before is not None:
            yield before

    def _follows(self, at: int, number: Number) -> bool:
        """Tell whether one digit is said right there."""
        return number.start == at and len(number.figures) == 1 and not self._words[at].gap


def _grown(segment: _Segment, figures: str, *, new_group: bool) -> _Segment:
    groups = segment.groups
    if new_group:
        return replace(segment, groups=(*groups, (figures,)))
    return replace(segment, groups=(*groups[:-1], (*groups[-1], figures)))


def _pieces(segments: Sequence[_Segment]) -> list[list[_Segment]]:
    """Cut a story where other words stand between its digits."""
    pieces: list[list[_Segment]] = []
    for segment in segments:
        if not pieces or (segment.strange and segment.plain):
            pieces.append([])
        pieces[-1].append(segment)
    return pieces


def _whole(segments: Sequence[_Segment]) -> str | None:
    """Return the whole number that was said, or None."""
    for stretch in _stretches(segments):
        for spelled in (stretch, _zeros_counted(stretch)):
            readings = [reading.digits for reading in _readings(spelled)]
            for complete in (as_phone, _as_ticket):
                found = next((digits for digits in readings if complete(digits)), None)
                if found is not None:
                    return found
    return None


def _is_whole(digits: str) -> bool:
    return bool(as_phone(digits) or _as_ticket(digits))


def _as_ticket(digits: str) -> str | None:
    return digits if is_valid(digits) else None


def _stretches(segments: Sequence[_Segment]) -> Iterator[Sequence[_Segment]]:
    """Yield everything, what follows a stop, then what other words part from the rest."""
    yield segments
    first_offer = next((at for at, s in enumerate(segments) if at and s.instead), None)
    yield segments[:first_offer] if first_offer else []
    for first in range(1, len(segments)):
        yield [replace(segments[first], slip=False, edge=""), *segments[first + 1 :]]
    cuts = [at for at, s in enumerate(segments) if at and (s.strange or s.restart)]
    for first in (0, *cuts):
        for end in reversed(cuts):
            if end > first:
                yield segments[first:end]


def _primary(segments: Sequence[_Segment]) -> str:
    return _readings(segments)[0].digits


def _readings(segments: Sequence[_Segment]) -> list[_Reading]:
    """Return the ways to understand all corrections, the likeliest first."""
    readings = [_Reading()]
    for segment in segments:
        if segment.restart:
            readings = [_Reading().then(segment)]
        elif segment.plain:
            readings = [reading.then(segment) for reading in readings]
        else:
            meant = [new for reading in readings for new in _corrected(reading, segment)]
            readings = list(dict.fromkeys(meant))[:_READINGS]
    return readings


def _corrected(before: _Reading, segment: _Segment) -> Iterator[_Reading]:
    """Yield what a correction may mean, the likeliest first."""
    counted = _after_count(segment) if segment.edge else None
    if counted is not None and not segment.slip:
        yield before.then(counted)
    if not before.groups:
        yield before.then(segment)
        return
    if counted is not None:
        yield from _replaced(before, counted, [len(counted.digits)])
    if segment.edge == "last" and not segment.slip:
        yield before.then(segment)
    if segment.edge == "last":
        yield from _replaced(before, segment, [len(segment.digits)])
    yield from _replaced(before, segment, _taken_back(before, segment))
    yield from _denied(before, segment)
    yield _Reading().then(segment)


def _taken_back(before: _Reading, segment: _Segment) -> list[int]:
    """Return how many digits may be taken back, the likeliest first."""
    group, first = len(before.groups[-1]), segment.groups[0]
    same_group = [group] if group == len("".join(first)) else []
    same_number = [before.last] if before.last == len(first[0]) else []
    return [
        *same_group, *same_number, group, len(segment.digits), len("".join(first)), len(first[0]),
    ]  # fmt: skip


def _replaced(before: _Reading, segment: _Segment, counts: Iterable[int]) -> Iterator[_Reading]:
    """Yield the number with digits of one end replaced by those of the segment."""
    for count in dict.fromkeys(counts):
        if segment.edge == "first":
            kept = before.digits[count:]
            yield _Reading((segment.digits, kept) if kept else (segment.digits,))
        elif 0 < count <= len(before.digits):
            yield before.without(count).then(segment)


def _denied(before: _Reading, segment: _Segment) -> Iterator[_Reading]:
    """Yield "98421 35790, முப்பத்தஞ்சு இல்ல முப்பத்தாறு": the wrong digits are said once more."""
    for wrong in dict.fromkeys((before.groups[-1], before.digits[-len(segment.digits) :])):
        kept = before.digits.removesuffix(wrong)
        start, found, end = kept.rpartition(wrong)
        if wrong and found:
            yield _Reading((start + segment.digits + end,))


def _after_count(segment: _Segment) -> _Segment | None:
    """Return a segment without the count at its head: "கடைசி மூணு, நாலு ஒம்பது ஆறு"."""
    head, *rest = segment.groups[0]
    groups = ((tuple(rest),) if rest else ()) + segment.groups[1:]
    left = replace(segment, groups=groups)
    return left if len(head) == 1 and groups and len(left.digits) == int(head) else None


def _zeros_counted(segments: Sequence[_Segment]) -> list[_Segment]:
    """Read "மூணு சைபர்", said apart, as three zeros; among pairs it is thirty."""
    if all(len("".join(group)) <= 2 for segment in segments for group in segment.groups):
        return []
    counts: dict[tuple[str, ...], tuple[str, ...]] = {(str(n), "0"): ("0" * n,) for n in _TIMES}
    return [
        replace(s, groups=tuple(counts.get(group, group) for group in s.groups)) for s in segments
    ]


def gather(before: str, heard: HeardDigits, longest: int = _LAND_LINE_DIGITS) -> str:
    """Return the digits of a number said over several turns.

    Args:
        before: digits of earlier turns.
        heard: this turn.
        longest: digits a whole number may have.

    A turn that holds a whole number, begins again or would make the number too long stands for
    itself.
    """
    if heard.restarted or as_phone(heard.digits):
        return heard.digits
    joined = [before[:-back] + heard.digits for back in heard.takes_back]
    joined += [before + heard.digits]
    fitting = [digits for digits in joined if len(digits) <= longest]
    whole = (digits for digits in fitting if as_phone(digits) or len(digits) == longest)
    return next(whole, fitting[0] if fitting else heard.digits)
