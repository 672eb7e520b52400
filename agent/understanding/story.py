"""The purpose of a turn: danger, category, intent, and what must stay confidential."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.complaint import Answer, Aside, Category, Intent, Slot, UnderstoodTurn
from agent.tamil.words import Word, masked
from agent.understanding import second_opinion
from agent.understanding.classifier import Classifier
from agent.understanding.hearing import ASIDE_STORY, CHECKING, DETAIL, STORY, Heard, decision
from agent.understanding.intents import Emergencies, Hazard, Purposes, Signals
from agent.understanding.keywords import DISPUTED, Keywords, Scored
from agent.understanding.places import FoundPlace
from agent.understanding.several import Several

_SURE = 8.0
"""From this score on a trouble was named so clearly that asking for a person comes after it."""
_CONFIDENTIAL = frozenset({Category.CORRUPTION, Category.WOMENCHILD, Category.DISCRIMINATION})
_NAMED = 5.0
"""From this score on a trouble was named, not only brushed."""
_DECISIVE = 24.0
"""From this score on it is a trouble however it is asked: "ரசீது உண்டான்னா சிரிக்கறான்"."""
_OUTWEIGHED_FROM = {
    Intent.STATUS: _SURE,
    Intent.WRONG_NUMBER: _NAMED,
    Intent.INFO: _DECISIVE,
}
"""Purposes in their order, and the score of a trouble that outweighs them unless they are firm."""
_DENYING = frozenset({"இல்ல", "இல்லை", "இல்லீங்க", "இல்லைங்க", "இல்லங்க", "no", "illa"})
_NO_COMPLAINT = frozenset({Intent.HUMAN, Intent.STATUS, Intent.ABUSE, Intent.WRONG_NUMBER})


@dataclass(frozen=True, slots=True)
class Story:
    """What a turn tells besides values."""

    hazard: Hazard | None
    signals: Signals
    categories: tuple[Scored, ...]
    intent: Intent | None
    agreed: bool = True
    """Whether tables and classifier find the same intent."""
    suspected: Hazard | None = None
    """A danger that may be meant: it is asked about."""

    @property
    def asks(self) -> Aside | None:
        """What the caller asks back, when he tells nothing."""
        if self.hazard is not None or self.categories or self.intent is not None:
            return None
        if self.signals.has("who"):
            return Aside.WHO
        return Aside.FACT if self.signals.has("fact") or self.signals.has("info") else None


class StoryReader:
    """Reads stories. Shared by all calls."""

    def __init__(self, keywords: Keywords) -> None:
        self._keywords = keywords
        self._classifier = Classifier.load()
        self._emergencies = Emergencies()
        self._purposes = Purposes()
        self._several = Several()

    def named(self, words: Sequence[Word], heard: Heard) -> tuple[Scored, ...]:
        """Return the troubles that the tables find in some words of an utterance."""
        return self._keywords.categories(words, heard.number_ends)

    def read(self, heard: Heard, found: FoundPlace | None, apart: Collection[int] = ()) -> Story:
        """Read danger and purpose; place names are no words of a complaint.

        Args:
            heard: the utterance.
            found: the place in it.
            apart: indexes of words that tell something else.
        """
        used = found.used if found is not None else ()
        words = masked(heard.words, {*used, *apart})
        hazard = self._emergencies.find(words, heard.number_ends, cry=heard.expecting not in DETAIL)
        signals = self._purposes.find(words, heard.number_ends)
        opinion = self._classifier.read(words) if heard.expecting in STORY else None
        danger = second_opinion.danger(hazard, opinion, words)
        hazard = danger.hazard
        # "நாய்ங்களா" hurled at the office is no stray dog.
        categories = self._troubles(masked(words, signals.rude), heard)
        if hazard is not None:
            sure = second_opinion.is_sure(opinion, len(words))
            return Story(hazard, signals, categories, Intent.EMERGENCY, sure)
        placed = found is not None and bool(found.place.candidates)
        intent = _intent(heard, signals, categories, placed=placed)
        agreed = True
        insulted = intent is Intent.ABUSE and _clearest(categories) <= 0
        if not insulted and (intent is None or intent.value not in signals.firm):
            intent, agreed = second_opinion.purpose(intent, opinion, len(words))
        if intent is Intent.COMPLAINT and not categories:
            guessed = second_opinion.guessed_trouble(opinion)
            categories = (guessed,) if guessed is not None else ()
        return Story(None, signals, categories, intent, agreed, danger.suspected)

    def _troubles(self, words: tuple[Word, ...], heard: Heard) -> tuple[Scored, ...]:
        """Read the troubles, where the open question leaves room for one."""
        later = heard.reply.after
        if heard.expecting in CHECKING or heard.expecting is Slot.REPEAT:
            denied = [i for i, word in enumerate(words) if word.text in _DENYING]
            later = max([later, *(i + 1 for i in denied)])
        elif heard.expecting not in STORY | ASIDE_STORY:
            return ()
        ends = heard.number_ends
        told = self._keywords.categories(masked(words, range(later)), ends) if later else ()
        judge = self._judge if heard.expecting in STORY else None
        told = told or self._keywords.categories(words, ends, judge)
        if judge is not None and not later:
            told = self._several.told_apart(
                words,
                told,
                lambda clause: self._in_clause(words, ends, clause),
                self._classifier.read,
            )
        match heard.expecting:
            case Slot.CONFIRM if heard.reply.answer is not Answer.NO and not heard.reply.correction:
                # "ஆமா, ரோட்டு மேல": a word of a trouble is none, unless it is set beside the first.
                clear = self._keywords.adds_more(words)
                return tuple(s for s in told if s.score >= _NAMED) if clear else ()
            case (
                Slot.CONFIRM | Slot.REPEAT | Slot.RESUME | Slot.SAME_ISSUE | Slot.FIXED | Slot.ADULT
            ):
                return tuple(s for s in told if s.score >= _NAMED)
            case _:
                return told

    def _in_clause(
        self, words: tuple[Word, ...], ends: Mapping[int, int], clause: range
    ) -> tuple[Scored, ...]:
        """Return the troubles that the tables find in a clause alone."""
        first = clause.start
        inside = {at - first: end - first for at, end in ends.items() if at >= first}
        return self._keywords.categories(words[first : clause.stop], inside)

    def _judge(self, ranked: Sequence[Scored], words: Sequence[Word]) -> list[Scored]:
        """Return the troubles with the likeliest first, by tables and classifier together."""
        opinion = self._classifier.read(words) if ranked else None
        return second_opinion.main_trouble(ranked, opinion, len(words))

    def tell(self, turn: UnderstoodTurn, heard: Heard, story: Story) -> UnderstoodTurn:
        """Return the turn with what the story says."""
        categories = tuple(scored.category for scored in story.categories)
        reasons = [
            decision("category", s.category, s.evidence, s.confidence) for s in story.categories
        ]
        if story.intent is Intent.COMPLAINT and not categories:
            # Told clearly, of a kind no table knows: staff will route it.
            said = story.signals.has("complains") or not story.agreed
            categories = (Category.OTHER,) if said else ()
        if story.hazard is not None:
            categories = (Category.EMERGENCY,)
            reasons = [decision("emergency", story.hazard.name, story.hazard.evidence, 1.0)]
        elif story.intent in _NO_COMPLAINT:
            categories, reasons = (), []
        if story.suspected is not None:
            named = story.suspected
            reasons.append(decision(Slot.DANGER, named.name, named.evidence, DISPUTED))
        if story.intent is not None:
            evidence = story.signals.found.get(story.intent.value, "category")
            sure = 1.0 if story.agreed else DISPUTED
            reasons.append(decision("intent", story.intent, evidence, sure))
        text = turn.text
        if story.signals.has("abuse"):
            text = self._purposes.without_insults(heard.text, heard.words)
        confidential = bool(_CONFIDENTIAL & set(categories))
        return replace(
            turn,
            text=text,
            intent=story.intent,
            categories=categories,
            emergency=story.hazard is not None,
            # Who asks for a person because nothing was understood does not want it said again.
            answer=None if story.intent is Intent.HUMAN else turn.answer,
            confidential=confidential or story.signals.has("confidential"),
            decisions=(*turn.decisions, *reasons),
        )


def _intent(
    heard: Heard, signals: Signals, categories: tuple[Scored, ...], *, placed: bool
) -> Intent | None:
    """Return the purpose, most binding first; None when the words only answer a question."""
    sure = _clearest(categories) >= _SURE
    if signals.has("human") and not (sure and "human" not in signals.firm):
        return Intent.HUMAN
    if heard.expecting is Slot.REPEAT and (categories or signals.has("another")):
        return Intent.COMPLAINT
    if heard.expecting in ASIDE_STORY and categories:
        return Intent.COMPLAINT
    if heard.expecting not in STORY and heard.expecting is not Slot.TICKET:
        insulted = signals.has("abuse") and not placed and heard.expecting not in CHECKING
        return Intent.ABUSE if insulted else None
    return _told(signals, categories)


def _told(signals: Signals, categories: tuple[Scored, ...]) -> Intent | None:
    """Return why somebody phones who was asked what it is about."""
    best = _clearest(categories)
    for intent in _OUTWEIGHED_FROM:
        if intent.value in signals.firm:
            return intent
    for intent, outweighed in _OUTWEIGHED_FROM.items():
        if signals.has(intent.value) and best < outweighed:
            return intent
    insulted = signals.has("abuse") and best <= 0
    if (categories and not insulted) or signals.has("complains"):
        return Intent.COMPLAINT
    return Intent.ABUSE if signals.has("abuse") else None


def _clearest(categories: tuple[Scored, ...]) -> float:
    """Return how clearly a trouble was named; OTHER ("எம்எல்ஏ", a festival) is none."""
    return max((s.score for s in categories if s.category is not Category.OTHER), default=0.0)
