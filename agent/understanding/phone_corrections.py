"""The number that is meant when its digits are said with slips and corrections.

How a correction is meant is seldom said ("இல்ல, அறுவத்தி நாலு"), so every sensible way is tried, the
likeliest first, and the first that makes a whole number counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from agent.check_digit import is_valid
from agent.understanding.phones import as_phone

Whole = Callable[[str], str | None]
"""Returns a number when the digits are a whole one."""
_READINGS = 40
"""Ways to understand the corrections of one turn that are tried."""
_SEGMENTS = 10
"""Segments of one turn that are read, the last: labelled callers need four at most."""
_MOBILE = 10
"""Digits of a mobile number."""
_AGAIN_FROM = 3
"""So many digits at least are said once more by somebody who begins again."""
TIMES = range(2, 6)
"""A digit may be said to repeat so often (மூணு தடவை சைபர்)."""


@dataclass(frozen=True, slots=True)
class Segment:
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
    hesitant: bool = False
    """The caller stopped to think, or cried out, and may have taken something back by it."""

    @property
    def digits(self) -> str:
        """All of them in a row."""
        return "".join("".join(group) for group in self.groups)

    @property
    def plain(self) -> bool:
        """Whether they only go on."""
        return not (self.restart or self.slip or self.edge)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to understand what was said so far: its groups, and how long the last number is."""

    groups: tuple[str, ...] = ()
    last: int = 0

    @property
    def digits(self) -> str:
        return "".join(self.groups)

    def then(self, segment: Segment) -> _Reading:
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


_Known = dict[tuple[Segment, ...], list[_Reading]]
"""The readings of stretches of one utterance."""


def whole_number(segments: Sequence[Segment], kinds: Sequence[Whole] = ()) -> str | None:
    """Return the whole number that was said, or None.

    Args:
        segments: what was said.
        kinds: which numbers count as whole, the likeliest first; all when empty.
    """
    kinds = kinds or (as_phone, as_ticket)
    known: _Known = {}
    for stretch in _stretches(segments[-_SEGMENTS:]):
        for spelled in (stretch, _zeros_counted(stretch)):
            readings = [reading.digits for reading in _readings(spelled, known)]
            for complete in kinds:
                found = next((digits for digits in readings if complete(digits)), None)
                if found is not None:
                    return found
    filled = _filled(segments)
    return next((filled for complete in kinds if filled and complete(filled)), None)


def _filled(segments: Sequence[Segment]) -> str:
    """Read "... 7 7 1 3, no, 3 1 0 8": so many are taken back that a mobile number is left.

    Only where that is all that was taken back; empty otherwise.
    """
    slips = [at for at, segment in enumerate(segments) if not segment.plain]
    if len(slips) != 1 or not segments[slips[0]].slip or segments[slips[0]].edge:
        return ""
    before = "".join(segment.digits for segment in segments[: slips[0]])
    after = "".join(segment.digits for segment in segments[slips[0] :])
    over = len(before) + len(after) - _MOBILE
    return before[: len(before) - over] + after if 0 < over < len(before) else ""


def is_whole(digits: str) -> bool:
    """Tell whether the digits are a phone or a ticket number."""
    return bool(as_phone(digits) or as_ticket(digits))


def as_ticket(digits: str) -> str | None:
    """Return a ticket number whose check digit is right, or None."""
    return digits if is_valid(digits) else None


def _stretches(segments: Sequence[Segment]) -> Iterator[Sequence[Segment]]:
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


def primary(segments: Sequence[Segment]) -> str:
    """Return the digits as they are likeliest meant, whole or not."""
    return _readings(segments[-_SEGMENTS:], {})[0].digits


def _readings(segments: Sequence[Segment], known: _Known) -> list[_Reading]:
    """Return the ways to understand all corrections, the likeliest first.

    Args:
        segments: what was said.
        known: what stretches were read as before; most begin like another one.
    """
    said = tuple(segments)
    end = next((end for end in range(len(said), 0, -1) if said[:end] in known), 0)
    readings = known[said[:end]] if end else [_Reading()]
    for at in range(end, len(said)):
        readings = known[said[: at + 1]] = _with(readings, said[at])
    return readings


def _with(readings: list[_Reading], segment: Segment) -> list[_Reading]:
    """Return what the readings so far become with one more segment."""
    if segment.restart or _begins_again(readings[0], segment):
        return [_Reading().then(segment)]
    if segment.plain:
        before = readings if segment.hesitant else []
        mended = (new for reading in before for new in _mended(reading, segment))
        return _likeliest(chain((each.then(segment) for each in readings), mended))
    return _likeliest(new for each in readings for new in _corrected(each, segment))


def _likeliest(meant: Iterable[_Reading]) -> list[_Reading]:
    """Return the first different ones; what comes after them is not even made."""
    found: dict[_Reading, None] = {}
    for reading in meant:
        found[reading] = None
        if len(found) == _READINGS:
            break
    return list(found)


def _begins_again(before: _Reading, segment: Segment) -> bool:
    """Tell "எட்டு ஆறு ஏழு... கண்ணாடி... எட்டு ஆறு ஏழு எட்டு": said once more, from the start."""
    said = before.digits
    return (
        segment.plain
        and segment.strange > 0
        and _AGAIN_FROM <= len(said) < len(segment.digits)
        and segment.digits.startswith(said)
    )


def _corrected(before: _Reading, segment: Segment) -> Iterator[_Reading]:
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


def _mended(before: _Reading, segment: Segment) -> Iterator[_Reading]:
    """Yield what is left when "67... wait, 69" takes a number back without saying so."""
    if before.groups:
        yield from _replaced(before, segment, _taken_back(before, segment))


def _taken_back(before: _Reading, segment: Segment) -> list[int]:
    """Return how many digits may be taken back, the likeliest first."""
    group, first = len(before.groups[-1]), segment.groups[0]
    same_group = [group] if group == len("".join(first)) else []
    same_number = [before.last] if before.last == len(first[0]) else []
    same_digit = before.digits.rfind(first[0])  # "63 8 1, no, 8 0 2 ...": from that 8 on
    again = [len(before.digits) - same_digit] if same_digit > 0 else []
    return [
        *same_group, *same_number, group, len(segment.digits), len("".join(first)), len(first[0]),
        *again,
    ]  # fmt: skip


def _replaced(before: _Reading, segment: Segment, counts: Iterable[int]) -> Iterator[_Reading]:
    """Yield the number with digits of one end replaced by those of the segment."""
    for count in dict.fromkeys(counts):
        if segment.edge == "first":
            kept = before.digits[count:]
            yield _Reading((segment.digits, kept) if kept else (segment.digits,))
        elif 0 < count <= len(before.digits):
            yield before.without(count).then(segment)


def _denied(before: _Reading, segment: Segment) -> Iterator[_Reading]:
    """Yield "98421 35790, முப்பத்தஞ்சு இல்ல முப்பத்தாறு": the wrong digits are said once more."""
    for wrong in dict.fromkeys((before.groups[-1], before.digits[-len(segment.digits) :])):
        kept = before.digits.removesuffix(wrong)
        start, found, end = kept.rpartition(wrong)
        if wrong and found:
            yield _Reading((start + segment.digits + end,))


def _after_count(segment: Segment) -> Segment | None:
    """Return a segment without the count at its head: "கடைசி மூணு, நாலு ஒம்பது ஆறு"."""
    head, *rest = segment.groups[0]
    groups = ((tuple(rest),) if rest else ()) + segment.groups[1:]
    left = replace(segment, groups=groups)
    return left if len(head) == 1 and groups and len(left.digits) == int(head) else None


def _zeros_counted(segments: Sequence[Segment]) -> list[Segment]:
    """Read "மூணு சைபர்", said apart, as three zeros; among pairs it is thirty."""
    apart = {(str(n), "0") for n in TIMES}
    groups = [group for segment in segments for group in segment.groups]
    others = [len("".join(group)) for group in groups if group not in apart]
    if 2 in others or max(others, default=0) < 2:
        return []
    counts: dict[tuple[str, ...], tuple[str, ...]] = {(str(n), "0"): ("0" * n,) for n in TIMES}
    return [
        replace(s, groups=tuple(counts.get(group, group) for group in s.groups)) for s in segments
    ]
