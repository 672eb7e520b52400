"""How long the trouble has lasted, in whole days.

Three readers, the surest first: a counted unit (ரெண்டு வாரமா), a named day (நேத்துலேர்ந்து),
and what is an answer but no number (ரொம்ப நாளா). A story is full of other lengths of time - an age,
"once in ten days", how long one lives here - so a count there needs something that makes it one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from agent.tamil.numbers import Number
from agent.tamil.sound import sound_key
from agent.tamil.words import Word
from agent.understanding.patterns import Match, PatternBook
from agent.understanding.tables import read_toml

_LONGEST = 36_500
"""A hundred years; a larger number was misheard."""
_AFTER = 2
"""How many words after the unit may show that it is a length of time."""
_TELLING = 6
"""How many words after a bare length of time may tell what lasted so long."""
_STORY = 14
"""How many words after a day may tell what began on it."""
_BEFORE = 5
"""How many words before a day may tell it: "they took it, sir, the day before yesterday"."""
_WHOLE_ANSWER = 4
"""An answer of so many words may be a bare number with fillers."""
_SCHEME_DAYS = 100
""""நூறு நாள்" alone is a work scheme."""


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


class _Form(Enum):
    """How a unit stands in the sentence."""

    LASTING = auto()
    """நாளா, நாளாச்சு, வாரத்துலேர்ந்து."""
    BARE = auto()
    """நாள்."""
    PER = auto()
    """நாளைக்கு: "per day" or, with முன்னாடி, "days ago"."""
    INSIDE = auto()
    """நாள்ல: within."""
    NOT_YET = auto()
    """நாளாகும், நாளாகல."""


_FORMS = {
    "lasting": _Form.LASTING,
    "not_yet": _Form.NOT_YET,
    "per": _Form.PER,
    "inside": _Form.INSIDE,
    "bare": _Form.BARE,
}


@dataclass(frozen=True, slots=True)
class _Unit:
    size: float
    """Days of one."""
    form: _Form
    end: int
    """Index after its last word."""


@dataclass(frozen=True, slots=True)
class _Counted:
    """A count and its unit: "பத்து நாள்"."""

    count: float
    unit: float
    form: _Form
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

    def lasting(self) -> Lasting:
        """Return it as what is handed out."""
        return Lasting(self.days, f"{self.count:g} x {self.unit:g}", self.start, self.end)


class Days:
    """Reads durations and days. Shared by all calls."""

    def __init__(self) -> None:
        data = read_toml("days")
        self._units = _Units(data)
        self._counts = _Counts(data, self._units)
        self._since_ends = tuple(data["since"]["ends"])
        self._of = tuple(data["onset"]["of"])
        self._too = tuple(data["onset"]["too"])
        self._fillers = frozenset(data["answer"]["fillers"])
        self._points = PatternBook[tuple[int, str]](
            ((p["days"], p.get("how", "")), word) for p in data["point"] for word in p["words"]
        )
        self._book = PatternBook[str](_mark_rows(data))

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
        said = _Said(words, numbers, self._book)
        counted = self._counted(said, asked=asked, after=after)
        if counted is None and asked:
            counted = self._bare(said)
        if counted is not None and counted.days:
            return counted
        return self._point(said, asked=asked) or counted or _vague(said)

    # -- counted -----------------------------------------------------------------------------

    def _counted(self, said: _Said, *, asked: bool, after: int) -> Lasting | None:
        found = _added(self._counts.find(said))
        judge = _answers if asked else _lasts
        kept = [each for each in found if each.days <= _LONGEST and judge(said, each, found)]
        meant = _meant(said, kept, after)
        return meant.lasting() if meant else None

    def _bare(self, said: _Said) -> Lasting | None:
        """Return "ஒரு பத்து" as ten days: the question named the unit."""
        numbers = [n for n in said.numbers if n.value]
        counted = {at for n in numbers for at in range(n.start, n.end)}
        rest = [w for at, w in enumerate(said.words) if at not in counted]
        whole = all(word.text in self._fillers for word in rest)
        if not numbers or not whole or len(said.words) > _WHOLE_ANSWER:
            return None
        days = numbers[-1].value
        if not 0 < days <= _LONGEST:
            return None
        return Lasting(round(days), f"{days:g} x 1", 0, len(said.words))

    # -- days named from today ---------------------------------------------------------------

    def _point(self, said: _Said, *, asked: bool) -> Lasting | None:
        unsure = [m for m in said.matches if m.label == "vague"]
        found: list[tuple[int, int]] = []
        # The longest match first: "முந்தா நேத்து" holds "நேத்து".
        for match in sorted(self._points.find(said.words, said.number_ends), key=_longest_first):
            days, how = match.label
            hidden = any(v.start <= match.start < v.end for v in unsure)
            if hidden or any(start <= match.start < end for start, end in found):
                continue
            found.append((match.start, match.end))
            if self._is_example(said, match):
                continue
            end = self._since_end(said, match)
            if not asked and (how == "asked" or said.begins("until", (end or match.end) - 1, 4)):
                continue
            told = (asked and not unsure) or self._begins_a_story(said, match)
            if end or how == "alone" or told:
                return Lasting(days, match.source, match.start, end or match.end)
        return None

    def _is_example(self, said: _Said, match: Match[tuple[int, str]]) -> bool:
        """Tell "even yesterday": it has been so for longer."""
        ended = said.words[match.end - 1].text.endswith(self._too)
        return ended or said.begins("too", match.end, 1)

    def _begins_a_story(self, said: _Said, match: Match[tuple[int, str]]) -> bool:
        """Tell whether the trouble began on that day: "நேத்து பேஞ்ச மழைக்கு இன்னும் வடியல"."""
        if said.words[match.end - 1].text.endswith(self._of):
            return False
        reach = range(match.end, min(match.end + _STORY, len(said.words)))
        told = [said.first(kind, reach) for kind in ("onset", "still")]
        if match.label[0] == 0 and None in told:  # today is named for many other reasons
            return False
        onset = min((at for at in told if at is not None), default=None)
        example = said.first("example", reach)
        if example is not None and (onset is None or example <= onset):
            return False
        return onset is not None or said.begins("onset", match.start - _BEFORE, _BEFORE)

    def _since_end(self, said: _Said, match: Match[tuple[int, str]]) -> int:
        """Return the index after "நேத்து ராத்திரி பத்து மணிலேர்ந்து", or 0 when no "since" is said."""
        words = said.words
        at = match.end
        while True:
            if words[at - 1].text.endswith(self._since_ends):
                return at
            if at < len(words) and said.begins("since", at, 1):
                return at + 1
            if at < len(words) and said.begins("time", at, 1) and at < match.end + _TELLING:
                at += 1
                continue
            return match.end if match.start in said.ends.get("since_before", ()) else 0


# -- words --------------------------------------------------------------------------------------


class _Units:
    """Knows the words for days, weeks, months ... in every case."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        rows = [(word, float(unit["days"])) for unit in data["unit"] for word in unit["words"]]
        self._whole = {word[1:]: size for word, size in rows if word.startswith("=")}
        self._stems = sorted(
            ((word, size) for word, size in rows if not word.startswith("=")),
            key=lambda row: -len(row[0]),
        )
        endings = data["ending"]
        self._forms = [(re.compile(endings[name]), form) for name, form in _FORMS.items()]
        self._courtesy = re.compile(endings["courtesy"] + "$")
        self._end_words = {
            word: _FORMS[name] for name, words in data["ending_word"].items() for word in words
        }

    def read(self, words: Sequence[Word], at: int) -> tuple[str, _Unit] | None:
        """Return what stands before the unit in its word, and the unit; None when it is none."""
        text = words[at].text
        follows = words[at + 1].text if at + 1 < len(words) else ""
        if text in ("மணி", "mani") and follows:  # மணி நேரமா
            read = self._parse(text + follows, at + 2)
        else:
            read = self._parse(text, at + 1)
        return (read[0], self._with_end(words, read[1])) if read else None

    def _with_end(self, words: Sequence[Word], unit: _Unit) -> _Unit:
        """Add an ending that stands apart: "2 days la"."""
        form = self._end_words.get(words[unit.end].text) if unit.end < len(words) else None
        if form is None or unit.form is not _Form.BARE:
            return unit
        return replace(unit, form=form, end=unit.end + 1)

    def _parse(self, text: str, end: int) -> tuple[str, _Unit] | None:
        bare = self._courtesy.sub("", text)
        for whole in (text, bare):
            if whole in self._whole:
                lasts = whole.endswith(("ா", "a", "u"))
                form = _Form.LASTING if lasts and len(whole) > 2 else _Form.BARE
                return "", _Unit(self._whole[whole], form, end)
        for stem, size in self._stems:
            for before, tail in _around(text, stem):
                form_found = self._form(tail)
                if form_found is not None:
                    return before, _Unit(size, form_found, end)
        return None

    def _form(self, tail: str) -> _Form | None:
        for text in (tail, self._courtesy.sub("", tail)):
            for pattern, form in self._forms:
                if pattern.fullmatch(text):
                    return form
        return None


def _around(text: str, stem: str) -> Iterable[tuple[str, str]]:
    """Yield what stands before and after ``stem``; an ஆ grown into the word before is undone."""
    at = text.find(stem)
    if at >= 0:
        yield text[:at], text[at + len(stem) :]
    if stem.startswith("ஆ"):
        at = text.find("ா" + stem[1:])
        if at > 0:
            yield text[:at], text[at + len(stem) :]


class _Counts:
    """Finds counts beside units."""

    def __init__(self, data: Mapping[str, Any], units: _Units) -> None:
        self._units = units
        words = [
            (word, float(v)) for v, text in data["count"].items() for word in str(text).split()
        ]
        self._words = dict(words)
        self._by_sound = {sound_key(word): value for word, value in words}
        self._aged = re.compile(data["number_ending"]["aged"])
        self._ordinal = re.compile(data["number_ending"]["ordinal"])
        self._between = frozenset(data["between"]["words"])
        self._half = {name: frozenset(words) for name, words in data["half"].items()}

    def find(self, said: _Said) -> list[_Counted]:
        """Return every counted unit, in order."""
        found: list[_Counted] = []
        for at in range(len(said.words)):
            read = self._units.read(said.words, at)
            if read is None:
                continue
            grown, unit = read
            one = self._grown(at, grown, unit) if grown else self._beside(said, at, unit)
            if one is not None:
                found.append(one)
        return found

    def _grown(self, at: int, before: str, unit: _Unit) -> _Counted | None:
        for text in (before, before + "்", before + "ு"):
            count = self._words.get(text)
            if count is not None:
                return _Counted(count, unit.size, unit.form, at, unit.end)
        return None

    def _beside(self, said: _Said, at: int, unit: _Unit) -> _Counted | None:
        counted = self._before(said, at)
        if counted is None and at and said.words[at - 1].text in self._between:
            counted = self._before(said, at - 1)
        if counted is not None:
            count, start = counted
            return _Counted(count, unit.size, unit.form, start, unit.end)
        return self._behind(said, at, unit)

    def _before(self, said: _Said, at: int) -> tuple[float, int] | None:
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

    def _one_before(self, said: _Said, at: int) -> tuple[float, int] | None:
        number = said.number_ending.get(at)
        if number is not None:
            return number.value, number.start
        if not at:
            return None
        value = self._value(said.words[at - 1])
        return None if value is None else (value, at - 1)

    def _value(self, word: Word) -> float | None:
        known = self._words.get(word.text)
        if known is not None:
            return known
        if not word.tamil:
            return self._by_sound.get(word.key)
        cut = self._ordinal.search(word.text)
        return self._words.get(word.text[: cut.start()] + "ு") if cut else None

    def _and_a_half(self, said: _Said, at: int) -> tuple[float, int] | None:
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

    def _behind(self, said: _Said, at: int, unit: _Unit) -> _Counted | None:
        """Read "மாசம் ஒண்ணாகுது": the count stands behind its unit."""
        if unit.form is not _Form.BARE or unit.end >= len(said.words):
            return None
        number = said.number_starting.get(unit.end)
        if number is not None:
            aged = said.begins("after", number.end, 1)
            end = number.end + 1
            return _Counted(number.value, unit.size, _Form.LASTING, at, end) if aged else None
        text = said.words[unit.end].text
        cut = self._aged.search(text)
        count = self._words.get(text[: cut.start()] + "ு") if cut else None
        if count is None:
            return None
        return _Counted(count, unit.size, _Form.LASTING, at, unit.end + 1)


def _is_decimal(words: Sequence[Word]) -> bool:
    """Tell "1.5" (written, and split at its point) from "four five"."""
    texts = [word.text for word in words]
    return len(texts) == 2 and texts[0] in ("1", "2", "3") and texts[1] == "5" and not words[1].gap


class _Said:
    """An utterance with its numbers and marks, each found once."""

    def __init__(
        self, words: Sequence[Word], numbers: Sequence[Number], book: PatternBook[str]
    ) -> None:
        self.words = words
        self.numbers = numbers
        self.number_ending = {n.end: n for n in numbers}
        self.number_starting = {n.start: n for n in numbers}
        self.number_ends = {n.start: n.end for n in numbers}
        self.matches = book.find(words, self.number_ends)
        self.starts: dict[str, set[int]] = {}
        self.ends: dict[str, set[int]] = {}
        for match in self.matches:
            self.starts.setdefault(match.label, set()).add(match.start)
            self.ends.setdefault(match.label, set()).add(match.end)

    def begins(self, kind: str, at: int, reach: int) -> bool:
        """Tell whether a mark begins within ``reach`` words from ``at``."""
        return any(start in self.starts.get(kind, ()) for start in range(at, at + reach))

    def first(self, kind: str, reach: range) -> int | None:
        """Return the index of the first mark in reach."""
        return min((s for s in self.starts.get(kind, ()) if s in reach), default=None)

    def sentence_end(self, at: int, reach: int) -> int:
        """Return the index where the sentence with ``at`` ends, at most ``reach`` words on."""
        stop = min(at + reach, len(self.words))
        return next((i for i in range(at, stop) if self.words[i].gap == "."), stop)


def _mark_rows(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    lists = {
        **data["mark"],
        **{f"not_{name}": words for name, words in data["against"].items()},
        "since": data["since"]["words"],
        "since_before": data["since"]["before"],
        "until": data["since"]["until"],
        "time": data["since"]["times"],
        "onset": data["onset"]["words"],
        "still": data["onset"]["still"],
        "example": data["onset"]["example"],
        "too": data["onset"]["too"],
        "taken_back": data["taken_back"]["words"],
        "vague": data["vague"]["words"],
    }
    return [(kind, word) for kind, words in lists.items() for word in words]


# -- what is meant --------------------------------------------------------------------------------


def _added(found: Sequence[_Counted]) -> list[_Counted]:
    """Join what follows directly: a year and two months is a sum, a week or ten days the larger."""
    joined: list[_Counted] = []
    for each in found:
        last = joined[-1] if joined else None
        if last is None or last.end != each.start or last.form is not _Form.BARE:
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


def _answers(said: _Said, one: _Counted, _: Sequence[_Counted]) -> bool:
    """Tell whether a count answers "how long?": anything but what is still to come."""
    if _is_coming(said, one) or said.begins("not_after", one.end, 1):
        return one.form is _Form.LASTING and not _is_coming(said, one)
    if _is_marked(said, one) or one.form in (_Form.LASTING, _Form.BARE):
        return not said.begins("not_never", one.end, 1) or one.form is _Form.LASTING
    return one.form is _Form.PER and one.end == len(said.words)


def _lasts(said: _Said, one: _Counted, found: Sequence[_Counted]) -> bool:
    """Tell whether a count in a story says how long the trouble has lasted."""
    if _is_coming(said, one) or (one.unit < 1 and _is_daily(said, one)):
        return False
    if _is_life(said, one) or _is_share(one, found):
        return False
    if one.form is _Form.LASTING:
        return True
    if said.begins("not_after", one.end, 2):
        return False
    marked = _is_marked(said, one)
    if marked and said.begins("before_now", one.end, 2):
        return not said.begins("not_told", one.end, _TELLING)
    if marked:
        return True
    if said.begins("not_never", one.end, 2) or one.start in said.ends.get("not_before", ()):
        return False
    return one.form is _Form.BARE and _is_told(said, one)


def _is_coming(said: _Said, one: _Counted) -> bool:
    """Tell whether so much time has not passed yet: "ஆறு மாசம் ஆகும்", "ஒரு வாரம் ஆகல"."""
    return one.form is _Form.NOT_YET or said.begins("not_coming", one.end, 1)


def _is_marked(said: _Said, one: _Counted) -> bool:
    """Tell whether a word beside it makes it a length of time until now."""
    stop = said.sentence_end(one.end, _AFTER)
    after = said.begins("after", one.end, stop - one.end) or said.begins("next", one.end, 1)
    return after or one.start in said.ends.get("before", ())


def _is_told(said: _Said, one: _Counted) -> bool:
    """Tell whether a bare "ரெண்டு நாள்" is followed by the trouble, or is all that was said."""
    if one.days <= 1 or (one.days == _SCHEME_DAYS and one.unit == 1):
        return False
    if one.end == len(said.words) and one.start <= _AFTER:
        return True
    stop = said.sentence_end(one.end, _TELLING)
    owed = one.unit > 1 and said.begins("owed", one.end, 1)
    return owed or said.begins("trouble", one.end, stop - one.end)


def _is_life(said: _Said, one: _Counted) -> bool:
    """Tell whether it is how long somebody lives or works here, is married, old or dead."""
    if one.start in said.ends.get("not_life_before", ()):
        return True
    if one.form is _Form.BARE and one.start in said.ends.get("not_age_before", ()):
        return True
    return said.begins("not_life_after", one.end, 3)


def _is_daily(said: _Said, one: _Counted) -> bool:
    """Tell "every day for two hours" from hours since it began."""
    return any(end in said.ends.get("daily", ()) for end in range(one.start - 4, one.start + 1))


def _is_share(one: _Counted, found: Sequence[_Counted]) -> bool:
    """Tell whether it is so much of another: "ஒரு நாளைக்கு ரெண்டு மணி நேரம்"."""
    shares = (_Form.PER, _Form.INSIDE)
    return any(o.form in shares and 0 <= one.start - o.end <= 1 for o in found if o is not one)


def _meant(said: _Said, found: Sequence[_Counted], after: int) -> _Counted | None:
    """Return the first that is neither denied ("அஞ்சு நாள் இல்ல") nor taken back.

    Hours give way to days: "four days, two hours each".
    """
    later = [each for each in found if each.start >= after] or found
    kept = [each for each in later if not _denied(said.words, each)] or later
    kept = [each for at, each in enumerate(kept) if not _taken_back(said, each, kept[at + 1 :])]
    return next((each for each in kept if each.unit >= 1), kept[0] if kept else None)


def _denied(words: Sequence[Word], one: _Counted) -> bool:
    return one.end < len(words) and words[one.end].text.startswith(("இல்ல", "illa"))


def _taken_back(said: _Said, one: _Counted, later: Sequence[_Counted]) -> bool:
    return bool(later) and said.begins("taken_back", one.end, later[0].start - one.end)


def _longest_first(match: Match[tuple[int, str]]) -> tuple[int, int, int]:
    return match.start, match.start - match.end, -match.label[0]


def _vague(said: _Said) -> Lasting | None:
    vague = next((m for m in said.matches if m.label == "vague"), None)
    return None if vague is None else Lasting(None, vague.source, vague.start, vague.end)
