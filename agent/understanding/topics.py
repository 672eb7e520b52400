"""What a turn is about beside a trouble: matters with an answer of their own.

A court case, the stored data, a child on the line, words that only steer the computer. A trouble
that was named wins over all but those that stand beside it: who has a complaint is never turned
away (``data/topics.toml``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent.complaint import Category, Intent, Slot, Topic, UnderstoodTurn
from agent.tamil.words import Word, masked
from agent.understanding.hearing import ASIDE_STORY, CHECKING, DETAIL, STORY, Heard, decision
from agent.understanding.keywords import Scored
from agent.understanding.languages import Languages
from agent.understanding.nearness import together
from agent.understanding.patterns import Match, PatternBook
from agent.understanding.story import Story
from agent.understanding.tables import read_toml

SETTLED = frozenset(
    {
        *(Topic.COURT, Topic.RTI, Topic.FAMILY, Topic.POLITICS, Topic.OTHERS_DATA),
        *(Topic.SEE_DATA, Topic.CORRECT_DATA, Topic.ERASE_DATA, Topic.MACHINE, Topic.STEERING),
    }
)
"""Topics that are all a turn is about: it holds no trouble."""
IN_DANGER = frozenset({Topic.CHILD, Topic.DESPAIR})
"""Topics that stay beside a danger."""

_INTENTS = {
    **dict.fromkeys((Topic.COURT, Topic.RTI, Topic.FAMILY, Topic.POLITICS), Intent.INFO),
    Topic.MACHINE: Intent.WRONG_NUMBER,
}
_NOBODY = frozenset({Topic.MACHINE, Topic.STEERING})
"""Nothing that was said there is a value of a complaint."""
_NO_VALUE = frozenset({*_NOBODY, Topic.DESPAIR, Topic.ANGER, Topic.OTHER_LANGUAGE})
_OPEN = STORY | ASIDE_STORY | {Slot.CLOSE, Slot.REPEAT, Slot.SAFETY}
"""Questions at which anything may be told."""
_WHOLE_TURN = (_OPEN | {Slot.LANDMARK, Slot.PLACE, Slot.AREA, Slot.DISTRICT, Slot.DAYS}) - {None}
"""Questions whose answers show the language: at others "this number only" is Tamil enough."""
_ELSEWHERE = frozenset({Intent.WRONG_NUMBER})
_FIRST: Mapping[Topic, frozenset[Intent]] = {
    Topic.ANGER: frozenset({Intent.ABUSE, Intent.HUMAN, Intent.STATUS, Intent.WRONG_NUMBER}),
    **dict.fromkeys((Topic.COURT, Topic.RTI, Topic.FAMILY, Topic.POLITICS), _ELSEWHERE),
}
"""Purposes that come before a topic."""
_NAMED = 5.0
_BRUSHED = 3.0
"""From this score on a trouble counts where it is the main one of the whole turn."""
_OUTBURST = 12
"""Words."""
_SHORT = 3
"""A bare number answers a question only in so few words."""
_CHILD_UP_TO = 17
"""Years; who is eighteen is of age (Indian Majority Act 1875, section 3)."""
_CHILD_FROM = 3

Troubles = Callable[[Sequence[Word]], Sequence[Scored]]
_Label = tuple[Topic | None, str]


@dataclass(frozen=True, slots=True)
class FoundTopic:
    """A topic and what spoke for it."""

    topic: Topic
    evidence: str
    """The pattern or row of classes; never the caller's own words."""
    used: frozenset[int] = frozenset()
    """Indexes of the words that spoke for it: they tell no trouble."""


class Topics:
    """Finds topics in words. Shared by all calls, never changed."""

    def __init__(self) -> None:
        data = read_toml("topics")
        self._tables: Mapping[Topic, Mapping[str, Any]] = {
            Topic(name): table for name, table in data["topic"].items()
        }
        rows: list[tuple[_Label, str]] = [
            ((topic, kind), pattern)
            for topic, table in self._tables.items()
            for kind in ("words", "alone", "unless")
            for pattern in table.get(kind, ())
        ]
        rows += [
            ((topic, slot), pattern)
            for topic, table in self._tables.items()
            for slot, patterns in table.get("asked", {}).items()
            for pattern in patterns
        ]
        rows += [((None, name), p) for name, patterns in data["class"].items() for p in patterns]
        self._book: PatternBook[_Label] = PatternBook(rows)
        self._rows = {
            topic: [
                (frozenset(n for n in row.split() if not n.isdigit()), row, kind == "weak")
                for kind in ("near", "weak")
                for row in table.get(kind, ())
            ]
            for topic, table in self._tables.items()
        }
        """Of each topic: the classes of a row, the row, whether any trouble outweighs it."""
        self._courtesy = frozenset(data["courtesy"])
        self._age = {name: tuple(words) for name, words in data["age"].items()}
        self._languages = Languages()

    def find(
        self, heard: Heard, words: Sequence[Word], story: Story, troubles: Troubles
    ) -> FoundTopic | None:
        """Return what the turn is about beside a trouble, or None.

        Args:
            heard: the utterance and the open question.
            words: its words, those of places left out.
            story: its danger, troubles and purpose.
            troubles: finds troubles in words; asked once a topic was heard.
        """
        for found in self._found(heard, words, story):
            if story.hazard is not None and found.topic not in IN_DANGER:
                continue
            beside = self._tables[found.topic].get("beside", False)
            if beside or not _is_troubled(found, words, story, troubles):
                return found
        return self._spoken(heard, story)

    def _spoken(self, heard: Heard, story: Story) -> FoundTopic | None:
        """Return the language of a turn that was not spoken in Tamil."""
        asked_back = heard.expecting is None or heard.expecting in _WHOLE_TURN
        if not asked_back or story.hazard is not None:
            return None
        spoken = self._languages.read(heard.text, heard.words)
        return FoundTopic(*spoken) if spoken is not None else None

    def _found(self, heard: Heard, words: Sequence[Word], story: Story) -> Iterator[FoundTopic]:
        said: defaultdict[_Label, list[Match[_Label]]] = defaultdict(list)
        for match in self._book.find(words, heard.number_ends):
            said[match.label].append(match)
        classes = {name: matches for (topic, name), matches in said.items() if topic is None}
        for topic, table in self._tables.items() if said else ():
            asked = said.get((topic, heard.expecting or ""), ())
            if answer := next((m for m in asked if _answers(m, words)), None):
                yield FoundTopic(topic, answer.source)
            if (topic, "unless") in said or not _belongs(table, heard):
                continue
            if story.intent in _FIRST.get(topic, ()):
                continue
            if topic is Topic.ANGER and len(words) > _OUTBURST:
                continue  # so long a talk tells a matter
            if matches := said.get((topic, "words")):
                yield FoundTopic(topic, matches[0].source, _places(matches))
            alone = said.get((topic, "alone"), ())
            if alone and heard.expecting not in DETAIL and self._covers(alone, words):
                yield FoundTopic(topic, alone[0].source)
            for names, row, weak in self._rows[topic] if classes else ():
                heard_all = names <= classes.keys() and not (weak and story.categories)
                if heard_all and together(classes, row) is not None:
                    yield FoundTopic(topic, row, _places(m for n in names for m in classes[n]))
        if (Topic.CHILD, "unless") not in said and (age := self._age_said(heard)):
            yield FoundTopic(Topic.CHILD, "age", age)

    def _covers(self, matches: Sequence[Match[_Label]], words: Sequence[Word]) -> bool:
        covered = {at for m in matches for at in range(m.start, m.end)}
        return all(at in covered or w.text in self._courtesy for at, w in enumerate(words))

    def _age_said(self, heard: Heard) -> frozenset[int]:
        """Return where "எனக்கு பத்து வயசு" was said, but not "எனக்கு பத்து வயசு பையன் இருக்கான்"."""
        texts = [word.text for word in heard.words]
        for number in heard.numbers:
            young = _CHILD_FROM <= number.value <= _CHILD_UP_TO
            if not young or "".join(texts[number.end : number.end + 1]) not in self._age["age"]:
                continue
            before = texts[max(0, number.start - 2) : number.start]
            parent = "".join(texts[number.end + 1 : number.end + 2]).startswith(self._age["child"])
            owners = self._age["own"] if parent else (*self._age["own"], *self._age["have"])
            if any(word in owners for word in before):
                return frozenset(range(number.start, number.end + 1))
        return frozenset()


def with_topic(turn: UnderstoodTurn, found: FoundTopic | None, heard: Heard) -> UnderstoodTurn:
    """Return the turn with its topic; what the topic shows to be no trouble is left out."""
    if found is None:
        return turn
    topic = found.topic
    if topic is Topic.ANGER and (turn.days is not None or turn.phone or turn.place):
        return turn  # it answers all the same
    reasons = [*turn.decisions, decision("topic", topic, found.evidence, 1.0)]
    if topic in SETTLED:
        intent = _INTENTS.get(topic)
        reasons = [d for d in reasons if d.field not in ("category", "intent")]
        turn = replace(turn, intent=intent, categories=(), confidential=False)
    if topic in _NOBODY:
        reasons = [d for d in reasons if d.field == "topic"]
        turn = replace(turn, place=None, days=None, answer=None, correction=False, corrects=None)
    if topic in _NO_VALUE or (topic in SETTLED and heard.expecting in DETAIL):
        turn = replace(turn, name=None, landmark=None)
    return replace(turn, topic=topic, decisions=tuple(reasons))


def _belongs(table: Mapping[str, Any], heard: Heard) -> bool:
    """Tell whether a topic is listened for at the open question."""
    match table["where"]:
        case "story":
            return heard.expecting in _OPEN
        case "unchecked":
            return heard.expecting not in CHECKING
        case _:
            return True


def _answers(match: Match[_Label], words: Sequence[Word]) -> bool:
    return not match.source.startswith("=") or len(words) <= _SHORT


def _is_troubled(
    found: FoundTopic, words: Sequence[Word], story: Story, troubles: Troubles
) -> bool:
    """Tell whether a trouble was named beside a topic, not only brushed or guessed.

    "ஆபீஸே வேஸ்ட்" is no garbage: the words of the topic itself count for nothing.
    """
    if not story.categories:
        return False
    best = story.categories[0]
    return any(
        s.category is not Category.OTHER
        and (s.score >= _NAMED or (s.score >= _BRUSHED and s.category is best.category))
        for s in troubles(masked(words, found.used))
    )


def _places(matches: Iterable[Match[_Label]]) -> frozenset[int]:
    return frozenset(at for m in matches for at in range(m.start, m.end))
