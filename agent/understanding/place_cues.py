"""What speaks for and against a place that was named being the one of the trouble.

The cues of a mention are short strings that mean the same wherever they occur: classes and sounds
of the words around it as far as the next names, the ending of its last word, the part the rules
gave it, and how it stands to the other places of the sentence. ``training/places.py`` learns what
each is worth, :mod:`agent.understanding.place_judge` adds them up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from agent.tamil.words import Word
from agent.understanding.mention_roles import Mention, Role
from agent.understanding.mention_words import LOCATIVE

CLASSES = (
    "pointer", "road", "sending", "going_to_work", "travellers", "seek_there", "hospital",
    "hospital_trouble", "admitted", "junction", "start", "direction", "quote", "first_person",
    "going", "elsewhere", "toward", "offices", "by_thing", "contrast", "own_before", "own_after",
    "negation", "town_things", "where_words", "driving", "house", "native", "border", "here",
    "there", "our", "part", "town", "home", "speaking", "residing", "living", "others_living",
    "settling", "myself", "lies", "workplace", "site", "asked_there", "mine", "place_words",
    "been", "wages", "district", "seat", "kin", "alike", "wares", "that",
)  # fmt: skip
"""Lists of ``places.toml`` whose words are cues; of an item of several words the first counts."""
ENDINGS = (
    ("from", ("லேர்ந்து", "லிருந்து", "லருந்து", "லேந்து", "லேருந்து", "லந்து", "ருந்து")),
    ("people", ("காரன்", "காரங்க", "காரர்", "காரரு", "காரி", "காரவுக", "காரங்கள", "காரய்ங்க", "காரனுங்க")),
    ("quoted", ("ன்னு", "ங்கற", "ங்கிற")),
    ("to", ("க்கு", "க்குப்", "க்குத்", "க்குச்", "க்குக்", "க்கே", "க்குள்ள", "குக்க")),
    ("of", ("ோட", "உடைய", "ுடைய", "த்து", "ட்டு", "ற்று", "த்தோட", "ுக்க")),
    ("in", ("லயும்", "லயே", "லதான்", "லங்க", "லண்ணே", "லீங்க", "லனா", "ல", "ல்", "லே", "லோ", "லங்கோ")),
    ("polite", ("ங்க", "ங்கோ", "ண்ணே", "வே", "யா", "ய்யா", "தான்", "தாங்க")),
    ("also", ("ும்",)),
)  # fmt: skip
"""Endings of the last word of a name; the first that fits is meant."""
_START = ("இருந்து", "ருந்து", "irun")
_DATIVE = ("ku", "kku", "க்கு")
_HEAD = 5
"""Letters of a word's sound that stand for the word."""
_NEAR = 3
"""Words at a name whose distance counts too."""
_AHEAD = 6
_BACK = 5
_MANY = 2
_KNOWN_WORDS = 20_000
"""Words whose classes are remembered; then all are forgotten."""


class Cues:
    """Reads the cues of mentions. Shared by all calls."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Take the word lists.

        Args:
            data: ``places.toml``.
        """
        self._starts: dict[str, list[tuple[str, str]]] = {}
        for name in CLASSES:
            for item in data[name]:
                first = item.split(" ")[0]
                self._starts.setdefault(first[:2], []).append((first, name))
        self._known: dict[str, tuple[str, ...]] = {}

    def read(
        self,
        words: Sequence[Word],
        mentions: Sequence[Mention],
        verdict: Collection[int],
        kinds: Sequence[str],
        *,
        asked: bool = False,
    ) -> list[list[str]]:
        """Return the cues of each mention, each once.

        Args:
            words: the utterance.
            mentions: the places named in it, in order, with the parts the rules gave them.
            verdict: the seats that the rules alone would take.
            kinds: of each mention, which list of names that need care it stands on, or "".
            asked: whether a place was asked for.
        """
        seats = [frozenset(seats_of(m)) for m in mentions]
        rules = frozenset(verdict)
        found = []
        for at, mention in enumerate(mentions):
            rivals, friends = _others(mentions, seats, at)
            state = "vs" if rivals else "alone"
            end = ending(words, mention)
            own = [
                f"end {end}", f"role {mention.role.name}", f"kind {kinds[at]}",
                *([f"{kinds[at]} {end}"] if kinds[at] else []),
            ]  # fmt: skip
            share = f"rules {_share(seats[at], rules)}"
            if asked:
                own += [f"asked {cue}" for cue in (*own, share)]
            around = list(self._around(words, mentions, at))
            cues = [
                *own, f"size {mention.size.name}", share,
                f"rivals {min(len(rivals), _MANY)}",
                f"again {int(any(i > at for i in friends))}{int(any(i < at for i in friends))}",
                *_against(words, mentions, at, rivals),
                *(f"{state} {cue}" for cue in own),
                *around,
                *(f"{state} {cue}" for cue in around if cue[1] != "="),
            ]  # fmt: skip
            found.append(list(dict.fromkeys(cues)))
        return found

    def _around(self, words: Sequence[Word], mentions: Sequence[Mention], at: int) -> Iterator[str]:
        """Yield the cues of the words before (L) and after (R), as far as the next names."""
        me = mentions[at]
        left = mentions[at - 1].end if at else 0
        right = mentions[at + 1].start if at + 1 < len(mentions) else len(words)
        stop = next((i for i in range(me.end, right) if words[i].gap), right)
        start = next((i for i in range(me.start, left, -1) if words[i].gap), left)
        if left == me.start and at:
            yield "Ljoined"
        if right == me.end and at + 1 < len(mentions):
            yield "Rjoined"
        yield "Lsome" if me.start else "Lstart"
        if me.end == len(words):
            yield "Rend"
        for step, word in enumerate(words[me.end : min(stop, me.end + _AHEAD)]):
            yield from self._word("R", step, word)
        for step, word in enumerate(reversed(words[max(start, me.start - _BACK) : me.start])):
            yield from self._word("L", step, word)

    def _word(self, side: str, step: int, word: Word) -> Iterator[str]:
        for name in self._classes(word.text):
            yield f"{side}{name}"
            if step < _NEAR:
                yield f"{side}{step}{name}"
        head = word.key[:_HEAD]
        yield f"{side}={head}"
        if not step:
            yield f"{side}=0{head}"

    def _classes(self, text: str) -> tuple[str, ...]:
        found = self._known.get(text)
        if found is None:
            if len(self._known) >= _KNOWN_WORDS:
                self._known.clear()
            near = self._starts.get(text[:2], ())
            found = tuple(dict.fromkeys(n for start, n in near if text.startswith(start)))
            self._known[text] = found
        return found


def seats_of(mention: Mention) -> set[int]:
    """Return all seats in which a place of that name lies."""
    return {number for entry in mention.entries for number, _ in entry.seats}


def ending(words: Sequence[Word], mention: Mention) -> str:
    """Return the class of the name's ending, or of the word after it that stands for one."""
    text = words[mention.end - 1].text
    after = words[mention.end].text if mention.end < len(words) else ""
    entries = mention.entries
    named = any(e.name_ta.endswith(text) or e.name_en.lower().endswith(text) for e in entries)
    for name, ends in () if named else ENDINGS:
        if text.endswith(ends):
            return "from" if name == "in" and after.startswith(_START) else name
    if after in LOCATIVE:
        return "in"
    if after in _DATIVE:
        return "to"
    return "plain" if named else "other"


def _others(
    mentions: Sequence[Mention], seats: Sequence[frozenset[int]], at: int
) -> tuple[list[int], list[int]]:
    """Return the mentions that lie elsewhere, and those that may be the same place."""
    others = [i for i in range(len(mentions)) if i != at]
    friends = [i for i in others if seats[i] & seats[at]]
    denied = Role.DENIED
    return [i for i in others if i not in friends and mentions[i].role is not denied], friends


def _against(
    words: Sequence[Word], mentions: Sequence[Mention], at: int, rivals: Sequence[int]
) -> Iterator[str]:
    """Yield how a mention stands to those that lie elsewhere."""
    if not rivals:
        return
    first, last = min(rivals) > at, max(rivals) < at
    yield f"place {'first' if first else 'last' if last else 'middle'}"
    after, before = [i for i in rivals if i > at], [i for i in rivals if i < at]
    for name, near in (("next", after[:1]), ("prev", before[-1:])):
        for i in near:
            yield f"{name} end {ending(words, mentions[i])}"
            yield f"{name} role {mentions[i].role.name}"
    yield f"far {min(len(words) - mentions[at].end, 8) // 2}"


def _share(seats: frozenset[int], verdict: frozenset[int]) -> str:
    if not verdict:
        return "none"
    if not seats & verdict:
        return "other"
    return "only" if verdict <= seats else "among"
