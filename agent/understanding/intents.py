"""Why the caller phoned: emergencies first, then people, tickets, questions, insults."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.tamil.words import Word
from agent.understanding.nearness import Sign, together
from agent.understanding.patterns import GAP, Match, PatternBook
from agent.understanding.tables import read_toml

_CRY_WORDS = 4
"""A cry for help has no more words than this."""
_BEFORE, _AFTER = 8, 10
"""A word of time this many words before or after a danger tells when it was."""
_NOW_REACH = 3
_TOLD_OF = 2
"""So many words may part a deed from the thing or animal it is told of: மாடு ரெண்டு விழுந்து."""
_ASKED_REACH = 3
"""So many words may part "treading on snakes" from "can one go?"."""
_LATIN_KEY = 5
"""Shorter sound keys say too little to read a Latin word by a Tamil pattern: sorry is no சூரி."""
_STOP = re.compile("ட்ற|([கசடதபற])(?:்\\1)?")
_LATIN_STOP = re.compile("ck|[kgqc]+h?|s+h?|[jxz]|[td]+h?|[pbf]+h?")
_RETROFLEX = re.compile("[ழள]")
"""Sounds for which Latin script has zh, or the speech of many a district puts them."""
_VOICED = frozenset({"g", "gh", "d", "dh", "b", "bh"})

_INSULT_HEAD = 3
"""So many first letters of an insult in Latin script must be there as they are written."""

_Label = tuple[str, str]
_Matches = dict[str, list[Match[_Label]]]


@dataclass(frozen=True, slots=True)
class Hazard:
    """Somebody is in danger now."""

    name: str
    evidence: str
    called: bool = False
    """Help is called for in so many words."""


@dataclass(frozen=True, slots=True)
class _Scene:
    """Everything the table knows that one utterance holds."""

    by_label: Mapping[_Label, list[Match[_Label]]]
    classes: _Matches
    """Words of each class (``snake``, ``bit``); deeds only feared or supposed are left out."""

    def said(self, name: str, kind: str) -> list[Match[_Label]]:
        """Matches of one list of patterns."""
        return self.by_label.get((name, kind), [])

    def together(self, row: str) -> Sign | None:
        """Return where all classes of ``row`` were said near one another, in any order."""
        return together(self.classes, row)


class Emergencies:
    """Reads danger out of words. Shared by all calls."""

    def __init__(self) -> None:
        data = read_toml("emergency")
        self._hazards: list[Mapping[str, Any]] = data["hazard"]
        self._deeds = frozenset(data["deeds"])
        self._harmless = tuple(data["harmless"])
        unreal = data["unreal"]
        self._unreal_endings = tuple(unreal["endings"])
        self._real_endings = tuple(unreal["but"])
        rows = [((h["name"], kind), p) for h in self._hazards for kind, p in _patterns(h)]
        self._never = tuple(unreal["never"])
        self._while = tuple(unreal["while"])
        self._kinds: Mapping[str, list[str]] = data["kinds"]
        for group in ("things", "deeds"):
            rows += [(("class", name), p) for name, ps in data[group].items() for p in ps]
        rows += [(("past", kind), p) for kind in data["past"] for p in data["past"][kind]]
        rows += [(("unreal", kind), p) for kind in ("after", "asked") for p in unreal[kind]]
        self._of_things = data["things_deed"]
        rows += [(("of thing", deed), p) for deed, ps in self._of_things.items() for p in ps]
        self._book: PatternBook[_Label] = PatternBook(rows)

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
        scene = self._scene(words, number_ends)
        short = cry and len(words) <= _CRY_WORDS
        for hazard in self._hazards:
            for sign in self._signs(hazard, scene, words, short=short):
                if not _over(scene, sign, hazard):
                    called = bool(scene.classes.get("urgent"))
                    return Hazard(hazard["name"], sign.evidence, called)
        return None

    def _scene(self, words: Sequence[Word], number_ends: Mapping[int, int]) -> _Scene:
        by_label: defaultdict[_Label, list[Match[_Label]]] = defaultdict(list)
        for match in self._book.find(words, number_ends):
            if _credible(match, words) and not self._is_harmless(match, words):
                by_label[match.label].append(match)
        supposed = self._supposed(by_label, words)
        classes = {name: ms for (group, name), ms in by_label.items() if group == "class"}
        for name in self._deeds & classes.keys():
            things = by_label.get(("of thing", name), ())
            people = [m.start for m in classes.get("who", ())]
            classes[name] = [
                m
                for m in classes[name]
                if not self._unreal(m, words, supposed) and not _told_of(m, things, people)
            ]
        for kind, names in self._kinds.items():
            classes[kind] = [m for name in names for m in classes.get(name, ())]
        called = classes.get("urgent", [])
        classes["urgent"] = [m for m in called if not words[m.end - 1].text.endswith(self._never)]
        return _Scene(by_label, classes)

    def _is_harmless(self, match: Match[_Label], words: Sequence[Word]) -> bool:
        said = words[match.start].text
        return said.startswith(self._harmless) and not match.source.startswith(self._harmless)

    def _signs(
        self, hazard: Mapping[str, Any], scene: _Scene, words: Sequence[Word], *, short: bool
    ) -> Iterator[Sign]:
        """Yield what speaks for a danger and is neither excused nor only supposed."""
        name = hazard["name"]
        if scene.said(name, "unless") and not scene.said(name, "not_unless"):
            return
        yield from (sign for row in hazard.get("near", ()) if (sign := scene.together(row)))
        supposed = self._supposed(scene.by_label, words)
        kinds = ["words"]
        kinds += ["alone"] if short else []
        kinds += ["urgent"] if scene.classes.get("urgent") else []
        animals = scene.said("of thing", "hurt") if short else []
        for match in (m for kind in kinds for m in scene.said(name, kind)):
            if _told_of(match, animals, ()):
                continue
            if hazard.get("threat", False) or not self._unreal(match, words, supposed):
                yield Sign(match.source, match.start, match.end)

    def _supposed(
        self, by_label: Mapping[_Label, list[Match[_Label]]], words: Sequence[Word]
    ) -> set[int]:
        """Return where supposed deeds end: "may fall", "can one go treading on snakes?"."""
        asked = (
            range(max(1, m.start - _ASKED_REACH), m.start + 1)
            for m in by_label.get(("unreal", "asked"), ())
        )
        supposed = {m.start for m in by_label.get(("unreal", "after"), ())}
        ends = {at for near in asked for at in near if words[at - 1].text.endswith(self._while)}
        return supposed | ends

    def _unreal(
        self, match: Match[_Label], words: Sequence[Word], supposed: Collection[int]
    ) -> bool:
        """Tell "if it bites", "may fall" and "as if it fell" from what has happened."""
        last = words[match.end - 1].text
        if match.end in supposed:
            return True
        return last.endswith(self._unreal_endings) and not last.endswith(self._real_endings)


def _patterns(hazard: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for kind in ("words", "alone", "urgent", "unless", "not_unless"):
        for pattern in hazard.get(kind, ()):
            yield kind, pattern


def _told_of(
    deed: Match[_Label], things: Collection[Match[_Label]], people: Collection[int]
) -> bool:
    """Tell whether a deed was told of the thing or animal named just before it, not of a person."""
    return any(
        0 <= deed.start - thing.end <= _TOLD_OF
        and not any(thing.end <= at < deed.start for at in people)
        for thing in things
    )


def _credible(match: Match[_Label], words: Sequence[Word]) -> bool:
    """Tell whether the words can be those of a Tamil pattern, which matched them by sound.

    Sound keys hold neither length nor voice: *kooda vara* would be குத்த வரா, *sorry* சூரி,
    விடுறாங்க (they let) வெட்டுறாங்க (they cut).
    """
    said = [w for w in words[match.start : match.end] if w.text]
    if match.source.isascii():
        return True
    if not said[0].tamil and sum(len(w.key) for w in said) < _LATIN_KEY:
        return match.source[0] == "="
    parts = [p for p in match.source.split() if p != GAP]
    return len(parts) != len(said) or all(map(_same_voice, parts, said))


def _same_voice(part: str, word: Word) -> bool:
    """Tell whether the first hard pair of ``part`` (வெட்டு) is hard in ``word`` too (விடு)."""
    if "zh" in word.text and not _RETROFLEX.search(part):
        return False  # *kuzhaila vara* (comes in the pipe) is no கொல்ல வரா (comes to kill).
    pairs = [len(found[0]) > 1 for found in _STOP.finditer(part)]
    if True not in pairs:
        return True
    first = pairs.index(True)
    if word.tamil:
        heard = [len(found[0]) > 1 for found in _STOP.finditer(word.text)]
        return first >= len(heard) or heard[first]
    written = _LATIN_STOP.findall(word.text)
    if first >= len(written):
        return True
    # *maathi* is மாத்தி (changed), never மாட்டி (trapped): nobody writes ட்ட with an h.
    hard = _STOP.findall(part)[first]
    return written[first] not in _VOICED and not (hard == "ட" and written[first].endswith("h"))


def _over(scene: _Scene, sign: Sign, hazard: Mapping[str, Any]) -> bool:
    """Tell whether the danger is past, or an old habit where it does not last."""
    lasting = hazard.get("lasting", False)
    if scene.said("past", "done") and not lasting:
        return True
    around = range(sign.start - _BEFORE, sign.end + _AFTER)
    told = [*scene.said("past", "words"), *([] if lasting else scene.said("past", "spans"))]
    urgent = bool(scene.classes.get("urgent"))
    if not lasting and not hazard.get("threat", False) and scene.said("past", "calm"):
        return not urgent
    if not any(m.start in around for m in told):
        return False
    moment = range(sign.start - _NOW_REACH, sign.end + 1)
    now = any(m.start in moment for m in scene.said("past", "still"))
    return not now and not urgent


@dataclass(frozen=True, slots=True)
class Signals:
    """Which other purposes were heard, with the pattern that spoke for each."""

    found: Mapping[str, str]
    firm: frozenset[str] = frozenset()
    """Purposes told so clearly that a word of a trouble does not outweigh them."""
    rude: frozenset[int] = frozenset()
    """Indexes of the words that insult: no words of a complaint."""

    def has(self, name: str) -> bool:
        """Tell whether the purpose was heard."""
        return name in self.found


class Purposes:
    """Finds why somebody phones, and what he asks back. Shared by all calls."""

    _NAMES = (
        "human", "status", "wrong_number", "info", "abuse", "confidential",
        "who", "fact", "another", "complains",
    )  # fmt: skip

    def __init__(self) -> None:
        data = read_toml("intents")
        self._courtesy = frozenset(data["human"]["courtesy"])
        self._near = [
            (name, kind, row)
            for name in self._NAMES
            for kind in ("certain", "sure", "near")
            for row in data[name].get(kind, ())
        ]
        rows = [
            ((name, kind), pattern)
            for name in self._NAMES
            for kind in ("words", "unless", "alone")
            for pattern in data[name].get(kind, ())
        ]
        rows += [(("class", name), p) for name, ps in data["class"].items() for p in ps]
        self._book: PatternBook[_Label] = PatternBook(rows)
        self._endings = {name: tuple(endings) for name, endings in data["endings"].items()}

    def find(self, words: Sequence[Word], number_ends: Mapping[int, int]) -> Signals:
        """Return every purpose heard and not taken back by a word of its ``unless`` list."""
        matches = self._book.find(words, number_ends)
        excused = {m.label[0] for m in matches if m.label[1] == "unless"}
        rude = frozenset() if "abuse" in excused else _rude(matches, words)
        found: dict[str, str] = {}
        classes: _Matches = {name: self._ending(name, words) for name in self._endings}
        for match in matches:
            name, kind = match.label
            if name == "class":
                classes.setdefault(kind, []).append(match)
            elif name not in excused and self._counts(match, words, rude):
                found.setdefault(name, match.source)
        together = self._together(_Scene({}, classes), excused)
        found |= {name: row for name, _, row in together if name not in found}
        firm = frozenset(name for name, kind, _ in together if kind != "near")
        return Signals(found, firm, rude)

    def _ending(self, name: str, words: Sequence[Word]) -> list[Match[_Label]]:
        """Return the words of a class that is known by its ending: அனுப்பறேன்|னீங்க."""
        endings = self._endings[name]
        return [
            Match(("class", name), word.text, at, at + 1)
            for at, word in enumerate(words)
            if word.text.endswith(endings)
        ]

    def _together(self, scene: _Scene, excused: Collection[str]) -> list[tuple[str, str, str]]:
        """Return the rows of classes that were said near one another, with their purpose.

        A ``certain`` row is not excused: "book a cylinder, is this the agency" though none came.
        """
        return [
            (name, kind, row)
            for name, kind, row in self._near
            if (kind == "certain" or name not in excused) and scene.together(row)
        ]

    def _counts(self, match: Match[_Label], words: Sequence[Word], rude: Collection[int]) -> bool:
        """Tell whether a pattern of a purpose says what it seems to say where it stands."""
        name, kind = match.label
        if name == "abuse":
            return match.start in rude
        if name == "complains" and match.start in rude:
            return False
        return kind == "words" or self._alone(words, match)

    def _alone(self, words: Sequence[Word], match: Match[_Label]) -> bool:
        """Tell whether a bare word for a person is all that was said: "ஆள் சார்"."""
        rest = [w for i, w in enumerate(words) if i not in range(match.start, match.end)]
        return match.label[1] == "alone" and all(word.text in self._courtesy for word in rest)

    def without_insults(self, text: str, words: Sequence[Word]) -> str:
        """Return the text without the words that insult: they are neither stored nor echoed."""
        kept = text
        for at in sorted(_rude(self._book.find(words), words), reverse=True):
            kept = kept[: words[at].start] + kept[words[at].end :]
        return " ".join(kept.split()).strip(" ,.!?")


def _rude(matches: Sequence[Match[_Label]], words: Sequence[Word]) -> frozenset[int]:
    return frozenset(
        at
        for m in matches
        if m.label == ("abuse", "words") and _meant(m, words)
        for at in range(m.start, m.end)
    )


def _meant(match: Match[_Label], words: Sequence[Word]) -> bool:
    """Tell an insult from a harmless word whose sound key is the same.

    *potta* (put) would be போடா and *poda*, *moodi* (lid) மூதி, and *stopped* would be *stupid*.
    """
    word = words[match.start]
    if word.tamil or not match.source.isascii():
        return word.tamil and not match.source.isascii()
    return word.text.startswith(match.source.lstrip("=")[:_INSULT_HEAD])
