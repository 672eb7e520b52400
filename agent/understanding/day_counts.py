"""Counted lengths of time: "பத்து நாள்", "ஒன்றரை மாசம்", "a week or ten days".

The count stands before its unit, in one word with it or behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from agent.tamil.numbers import find_numbers
from agent.tamil.sound import sound_key
from agent.tamil.words import Word
from agent.understanding.day_words import Form, Said, Unit, Units

_SIGNS = dict(zip("அஆஇஈஉஊஎஏஐஒஓ", ("", *"ாிீுூெேைொோ"), strict=True))
"""What a vowel becomes when it grows onto a consonant."""
_TO = ("க்கு", "க்கே", "kku", "ukku")
"""A number in this case is a time of the clock: "அஞ்சே முக்காலுக்கு வார வண்டி"."""


_GROWN_FROM = 3
"""Letters of a count that has grown into its unit."""
_FEW = 12
"""Up to here a number behind its unit is a count: "வருசம் ஒண்ணு", but "மாசம் ஆயிரம்" is money."""
_WEEK = 7
"""From this unit on, the bare unit may stand for one of it."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A count and its unit: "பத்து நாள்"."""

    count: float
    unit: float
    form: Form
    start: int
    end: int

    @property
    def days(self) -> int:
        """Whole days. Half a year is six months of thirty days, half a day is today."""
        if self.unit < 1:
            return int(self.count * self.unit + 0.01)
        whole = int(self.count)
        half = (self.count - whole) * min(self.unit, 360)
        return int(whole * self.unit + half + (0.5 if whole or self.unit > 1 else 0))


class Counts:
    """Finds counts beside units."""

    def __init__(self, data: Mapping[str, Any], units: Units) -> None:
        self._units = units
        words = [
            (word, float(v)) for v, text in data["count"].items() for word in str(text).split()
        ]
        self._words = dict(words)
        self._by_sound = {sound_key(word): value for word, value in words}
        self._pairs = dict(_pairs(data["pair"]["words"], data["pair"]["next"]))
        self._aged = re.compile(data["number_ending"]["aged"])
        self._not_one = re.compile(data["one"]["not_after"])
        self._whole = re.compile(data["one"]["lasting"])
        self._ordinal = re.compile(data["number_ending"]["ordinal"])
        self._between = frozenset(data["between"]["words"])
        self._half = {name: frozenset(words) for name, words in data["half"].items()}

    def find(self, said: Said) -> list[Counted]:
        """Return every counted unit, in order."""
        found: list[Counted] = []
        for at in range(len(said.words)):
            read = self._units.read(said.words, at)
            if read is None:
                continue
            grown, unit = read
            one = self._grown(at, grown, unit) if grown else self._beside(said, at, unit)
            if one is not None:
                found.append(one)
        return found

    def _grown(self, at: int, before: str, unit: Unit) -> Counted | None:
        for text in (before, before + "்", before + "ு"):
            count = self._listed(text)
            if count is None and len(before) >= _GROWN_FROM:
                count = _as_number(text)
            if count is not None:
                return Counted(count, unit.size, unit.form, at, unit.end)
        return None

    def _beside(self, said: Said, at: int, unit: Unit) -> Counted | None:
        counted = self._before(said, at)
        if counted is None and at and said.words[at - 1].text in self._between:
            counted = self._before(said, at - 1)
        if counted is not None:
            count, start = counted
            return Counted(count, unit.size, unit.form, start, unit.end)
        return self._behind(said, at, unit) or self._one(said, at, unit)

    def _one(self, said: Said, at: int, unit: Unit) -> Counted | None:
        """Read "வாரமாச்சு" as one week, where nothing beside it says which or how many."""
        if unit.size < _WEEK or (at and self._not_one.fullmatch(said.words[at - 1].text)):
            return None
        last = unit.end - 1
        apart = last > at and said.begins("passed", last, 1)
        whole = apart or self._whole.search(said.words[last].text)
        said_whole = unit.form is Form.LASTING and whole
        over = unit.form is Form.PER and said.begins("over", unit.end, 1)
        passed = unit.form is Form.BARE and said.begins("passed", unit.end, 1)
        if not (said_whole or over or passed):
            return None
        return Counted(1, unit.size, unit.form, at, unit.end)

    def _before(self, said: Said, at: int) -> tuple[float, int] | None:
        """Return the count that ends before ``at`` and where it begins."""
        half = self._and_a_half(said, at)
        if half is not None:
            return half
        one = self._one_before(said, at)
        if one is None:
            return None
        value, start = one
        first = self._one_before(said, start)
        if first is None:
            return one
        if _is_decimal(said.words[first[1] : at]):
            return first[0] + value / 10, first[1]
        # "ரெண்டு மூணு நாளா": the larger counts, both belong to it.
        return (value, first[1]) if first[0] < value else one

    def _one_before(self, said: Said, at: int) -> tuple[float, int] | None:
        pair = self._pairs.get(said.words[at - 1].text) if at else None
        if pair is not None:
            return pair, at - 1
        number = said.number_ending.get(at)
        if number is not None and said.words[at - 1].text.endswith(_TO):
            return None
        if number is not None:
            return number.value, number.start
        if not at:
            return None
        value = self._value(said.words[at - 1])
        return None if value is None else (value, at - 1)

    def _listed(self, text: str) -> float | None:
        known = self._pairs.get(text)
        return self._words.get(text) if known is None else known

    def _value(self, word: Word) -> float | None:
        known = self._words.get(word.text)
        if known is not None:
            return known
        if not word.tamil:
            return self._by_sound.get(word.key)
        cut = self._ordinal.search(word.text)
        return self._words.get(word.text[: cut.start()] + "ு") if cut else None

    def _and_a_half(self, said: Said, at: int) -> tuple[float, int] | None:
        """Read "one and a half" and "half a"."""
        texts = [word.text for word in said.words[:at]]
        half_a = texts[-1:] and texts[-1] in self._half["articles"]
        if half_a and texts[-2:-1] and texts[-2] in self._half["halves"]:
            return 0.5, at - 2
        if not texts or texts.pop() not in self._half["halves"]:
            return None
        if texts and texts[-1] in self._half["articles"]:
            texts.pop()
        if not texts or texts.pop() not in self._half["joins"]:
            return None
        one = self._one_before(said, len(texts))
        return None if one is None else (one[0] + 0.5, one[1])

    def _behind(self, said: Said, at: int, unit: Unit) -> Counted | None:
        """Read "மாசம் ஒண்ணாகுது": the count stands behind its unit."""
        if unit.form is not Form.BARE or unit.end >= len(said.words):
            return None
        number = said.number_starting.get(unit.end)
        if number is not None:
            if said.begins("after", number.end, 1):
                return Counted(number.value, unit.size, Form.LASTING, at, number.end + 1)
            if at == 0 and number.end == len(said.words) and number.value <= _FEW:
                return Counted(number.value, unit.size, Form.BARE, at, number.end)
            return None
        text = said.words[unit.end].text
        cut = self._aged.search(text)
        count = self._words.get(text[: cut.start()] + "ு") if cut else None
        if count is None:
            return None
        return Counted(count, unit.size, Form.LASTING, at, unit.end + 1)


def _is_decimal(words: Sequence[Word]) -> bool:
    """Tell "1.5" (written, and split at its point) from "four five"."""
    texts = [word.text for word in words]
    return len(texts) == 2 and texts[0] in ("1", "2", "3") and texts[1] == "5" and not words[1].gap


def added(found: Sequence[Counted], said: Said) -> list[Counted]:
    """Join what follows directly: a year and two months is a sum, a week or ten days the larger.

    What lasts after a pause is another time: "குடிவந்து பத்து வருசம், ரெண்டு மாசமா தண்ணி வரல".
    """
    joined: list[Counted] = []
    for each in found:
        last = joined[-1] if joined else None
        apart = each.form is Form.LASTING and bool(said.words[each.start].gap)
        if last is None or last.end != each.start or last.form is not Form.BARE or apart:
            joined.append(each)
            continue
        both = replace(each, start=last.start)
        if last.unit > each.unit >= 1 and each.days < last.unit:
            total = last.days + each.days
            both = replace(both, count=total, unit=1)
        elif last.days > each.days:
            both = replace(both, count=last.count, unit=last.unit)
        joined[-1] = both
    return joined


def _pairs(
    counts: Mapping[str, str], after: Mapping[str, Sequence[int]]
) -> Iterator[tuple[str, float]]:
    """Yield every "two or three" said as one word, with the larger: நாலஞ்சு, ஏழெட்டு, நான்கைந்து.

    A final உ gives way to the vowel that follows; before a consonant it stays (ரெண்டுமூணு).
    """
    for first, seconds in after.items():
        for one, second in product(counts[first].split(), seconds):
            for other in counts[str(second)].split():
                sign = _SIGNS.get(other[0])
                if sign is None:
                    yield one + other, float(second)
                elif one.endswith("ு"):
                    yield one[:-1] + sign + other[1:], float(second)


def _as_number(text: str) -> float | None:
    """Return the value of one number word."""
    found = find_numbers([text])
    return found[0].value if len(found) == 1 else None
