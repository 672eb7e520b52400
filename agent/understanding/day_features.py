"""What a reading of a length of time is known by: its words, its rivals, the rules.

Words are compared by their sound keys, so both scripts and all accents meet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from agent.understanding.day_readings import Reading
from agent.understanding.day_words import Said
from agent.understanding.days import Lasting
from agent.understanding.patterns import Match

_LEFT = 6
_RIGHT = 8
"""Words before and after a reading that may tell what it is the length of."""
_STEPS = (0, 1, 3, 6, 12)
"""Up to so many words apart, distances are alike."""
_STOP = 3
"""A comma or more between two words parts them like so many words."""
_NEAR = 2
_WEIGHTS = (-0.3, 0.3, 1.0, 2.0)
"""Bounds of how much a clause speaks for the trouble, in scores of the classifier."""
_BOUNDS = (0, 1, 2, 6, 14, 29, 99, 179, 364, 1094, 3649)
"""Up to which days lengths of time are alike."""


@dataclass(frozen=True, slots=True)
class Setting:
    """In what an utterance is said."""

    asked: str
    """``days`` when that was the question, ``story`` when the trouble was, else ``other``."""
    purpose: str = ""
    """Why somebody phones, as understood; empty when unknown."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What all readings of one utterance share."""

    setting: Setting
    weights: Sequence[float]
    """How much each word speaks for the likeliest trouble."""
    rule: Lasting | None
    """What the rules say; without days when it is too vague for a number."""
    after: int = 0
    """Index of the word after the last taking back."""
    subjects: Sequence[Match[str]] = ()
    """Words that tell what a length may be the length of, by kind (``day_subjects.toml``)."""

    @property
    def days(self) -> int | None:
        """Days by the rules, None for none."""
        return self.rule.days if self.rule is not None else None


@lru_cache(maxsize=20_000)
def _affixes(key: str) -> tuple[str, ...]:
    """Return what a word is compared by: whole, its head and its ends."""
    return (f"={key}", f"^{key[:4]}", *(f"{key[-n:]}$" for n in (2, 3, 4) if len(key) > n))


def features_of(said: Said, all_readings: Sequence[Reading], at: int, scene: Scene) -> list[str]:
    """Return the features of one reading, each a short text.

    Args:
        said: the utterance.
        all_readings: all its readings.
        at: which of them.
        scene: what they share.
    """
    one = all_readings[at]
    shape = [*_shape(said, one), *_rivals(said, all_readings, at, scene), *_verdict(one, scene)]
    found = [*shape, *(f"{scene.setting.asked}|{each}" for each in shape)]
    found.extend(_words(said, one))
    found.extend(_marks(said, one))
    found.extend(_subjects(said, all_readings, at, scene))
    found.extend(_trouble(said, all_readings, at, scene.weights))
    return found


def features_of_none(said: Said, all_readings: Sequence[Reading], scene: Scene) -> list[str]:
    """Return the features of "no length of time is told"."""
    found = [
        "none",
        f"none:purpose={scene.setting.purpose}",
        f"none:of={min(len(all_readings), 4)}",
    ]
    found.append(f"none:rule={scene.days is None}")
    found.extend(f"none:{kind}" for kind in {match.label for match in scene.subjects})
    found.append(f"none:vague={bool(said.starts.get('vague'))}")
    found.append(f"none:long={min(len(said.words) // 6, 4)}")
    return [*found, *(f"{scene.setting.asked}|{each}" for each in found)]


def _size(days: int) -> int:
    return next((at for at, most in enumerate(_BOUNDS) if days <= most), len(_BOUNDS))


def _gap(said: Said, at: int) -> str:
    if at <= 0:
        return "start"
    if at >= len(said.words):
        return "end"
    return said.words[at].gap or "-"


def _shape(said: Said, one: Reading) -> Iterator[str]:
    unit = f"{one.unit:.2g}"
    yield f"kind={one.kind}/{one.form}"
    yield f"form={one.form}/{unit}"
    yield f"size={_size(one.days)}"
    yield f"size={_size(one.days)}/{one.form}"
    before, after = _gap(said, one.start), _gap(said, one.end)
    yield f"before={before}"
    yield f"after={after}"
    yield f"around={before}{after}/{one.form}"
    if one.count % 1:
        yield "half"
    if one.count == 1:
        yield f"one={unit}"
    deed = one.start > 0 and said.is_deed(one.start - 1)
    yield f"deed={deed}/{one.form}"
    yield f"deed={deed}/{one.form}/{_size(one.days)}"


def _rivals(said: Said, rivals: Sequence[Reading], at: int, scene: Scene) -> Iterator[str]:
    one = rivals[at]
    others = [each for each in rivals if not _overlap(one, each)]
    yield f"rivals={min(len(others), 3)}"
    for each in rivals:
        if each is not one and _overlap(one, each):
            wider = each.end - each.start > one.end - one.start
            yield f"overlaps/{each.kind}/{'wider' if wider else 'narrower'}"
    for each in others:
        side = "later" if each.start >= one.end else "earlier"
        if each.days == one.days:
            yield f"same/{side}"
            continue
        than = "longer" if each.days > one.days else "shorter"
        yield f"other/{side}/{than}"
        yield f"other/{side}/{each.kind}/{each.form}/{one.form}"
        yield f"other/{than}/{_size(each.days)}/{_size(one.days)}"
        low, high = sorted((one, each), key=lambda r: r.start)
        between = range(low.end, high.start)
        if any(said.words[i].key[:2] == "il" and len(said.words[i].key) < 6 for i in between):
            yield f"no/{side}"
        for kind in ("taken_back", "contrast"):
            if any(start in between for start in said.starts.get(kind, ())):
                yield f"{kind}/{side}"
    if scene.after:
        yield "taken" if one.start < scene.after else "after"


def _verdict(one: Reading, scene: Scene) -> Iterator[str]:
    rule = scene.rule
    if rule is None or rule.days is None:
        yield "rule=none"
        return
    same = rule.days == one.days
    here = one.start < rule.end and rule.start < one.end
    yield f"rule={'same' if same else 'other'}{'/here' if here else ''}"
    if same:
        yield f"rule=same/{one.kind}/{one.form}/{rule.sure}"


def _words(said: Said, one: Reading) -> Iterator[str]:
    words = said.words
    for at in range(one.start, one.end):
        yield from (f"in{each}" for each in _affixes(words[at].key))
    clause = ""
    for far, at in enumerate(range(one.start - 1, max(one.start - _LEFT, 0) - 1, -1), 1):
        clause = clause or words[at + 1].gap
        yield from _word(words[at].key, "L", far, clause)
        if words[at].gap == ".":
            break
    clause = ""
    for far, at in enumerate(range(one.end, min(one.end + _RIGHT, len(words))), 1):
        clause = clause or words[at].gap
        yield from _word(words[at].key, "R", far, clause)


def _word(key: str, side: str, far: int, clause: str) -> Iterator[str]:
    if not key:
        return
    place = "," if clause else ""
    parts = _affixes(key)
    if far <= _NEAR:
        yield from (f"{side}{far}{each}" for each in parts)
    yield from (f"{side}{place}{each}" for each in parts[:2])


def _marks(said: Said, one: Reading) -> Iterator[str]:
    for kind, starts in said.starts.items():
        for far in range(_LEFT):
            if one.end + far in starts:
                yield f"M{kind}>{'near' if far < _NEAR else 'far'}"
                break
    for kind, ends in said.ends.items():
        for far in range(_LEFT):
            if one.start - far in ends:
                yield f"M{kind}<{'near' if far < _NEAR else 'far'}"
                break


def _subjects(said: Said, rivals: Sequence[Reading], at: int, scene: Scene) -> Iterator[str]:
    """Tell what the reading may be the length of: illness, a death, a field, a promise ..."""
    one = rivals[at]
    away = said.once("away", lambda: _distances(said, scene.subjects, rivals))
    kinds: dict[str, tuple[int, str]] = {}
    for match, places in zip(scene.subjects, away, strict=True):
        kind, (far, side) = match.label, places[at]
        if side == "=":
            yield f"S{kind}="
            continue
        kinds[kind] = min(kinds.get(kind, (far, side)), (far, side))
        if far <= min(places)[0]:
            yield f"S{kind}!"
            yield f"S{kind}!{side}/{one.form}"
    for kind, (far, side) in kinds.items():
        yield f"S{kind}"
        yield f"S{kind}{side}{_step(far)}"
        yield f"S{kind}/{_size(one.days)}"
    nearest = {side: _nearest(scene.subjects, away, at, side) for side in "<>"}
    for side, (far, names) in nearest.items():
        for kind in names:
            yield f"S{side}{kind}/{one.form}"
            yield f"S{side}{kind}{_step(far)}"
    yield from (f"S<{a}>{b}" for a in nearest["<"][1] for b in nearest[">"][1])


def _nearest(
    subjects: Sequence[Match[str]], away: Sequence[Sequence[tuple[int, str]]], at: int, side: str
) -> tuple[int, list[str]]:
    """Return how far the nearest subject on one side is, and all kinds that stand there."""
    there = [(p[at][0], m.label) for m, p in zip(subjects, away, strict=True) if p[at][1] == side]
    if not there:
        return _STEPS[-1] + 1, ["-"]
    least = min(there)[0]
    return least, sorted({kind for far, kind in there if far == least})


def _distances(
    said: Said, subjects: Sequence[Match[str]], rivals: Sequence[Reading]
) -> list[list[tuple[int, str]]]:
    """Return of each subject how far each reading is and on which side of the reading it stands.

    Words between them count one each, a comma or more counts for some.
    """
    stops = [0, *accumulate(bool(word.gap) for word in said.words)]
    stops.append(stops[-1])

    def between(first: int, last: int) -> int:
        return max(last - first, 0) + _STOP * (stops[last + 1] - stops[first])

    return [
        [
            (between(match.end, one.start), "<")
            if match.end <= one.start
            else (between(one.end, match.start), ">")
            if match.start >= one.end
            else (0, "=")
            for one in rivals
        ]
        for match in subjects
    ]


def _step(far: int) -> int:
    """Return how far, in steps that grow."""
    return next((at for at, most in enumerate(_STEPS) if far <= most), len(_STEPS))


def _trouble(
    said: Said, rivals: Sequence[Reading], at: int, weights: Sequence[float]
) -> Iterator[str]:
    """Tell whether the trouble itself is told around the reading: what nothing else could say."""
    one = rivals[at]
    first, end = _clause(said, one)
    following = said.clause_end(end + 1, len(said.words)) if end < len(said.words) else end
    left, right = sum(weights[first : one.start]), sum(weights[one.end : end])
    yield f"trouble<{_strength(left)}"
    yield f"trouble>{_strength(right)}"
    yield f"trouble<>{_strength(left)}{_strength(right)}"
    yield f"trouble>>{_strength(sum(weights[end:following]))}"
    both = _strength(left + right)
    strongest = max(range(len(weights)), key=weights.__getitem__)
    where = "here" if first <= strongest < end else "next" if end <= strongest < following else ""
    where = where or ("later" if strongest >= following else "earlier")
    for told in (f"trouble={both}", f"strongest={where}"):
        yield told
        yield f"{told}/{one.form}"
    others = [_around(said, each, weights) for each in rivals if not _overlap(one, each)]
    if others:
        mine = left + right
        rank = "most" if mine > max(others) else "least" if mine < min(others) else "between"
        yield f"trouble:{rank}"


def _clause(said: Said, one: Reading) -> tuple[int, int]:
    """Return where the clause of a reading begins and ends."""
    first = one.start
    while first > 0 and not said.words[first].gap:
        first -= 1
    return first, said.clause_end(one.end, len(said.words))


def _around(said: Said, one: Reading, weights: Sequence[float]) -> float:
    first, end = _clause(said, one)
    return sum(weights[first : one.start]) + sum(weights[one.end : end])


def _overlap(one: Reading, other: Reading) -> bool:
    return other.start < one.end and one.start < other.end


def _strength(weight: float) -> int:
    return sum(weight >= least for least in _WEIGHTS)
