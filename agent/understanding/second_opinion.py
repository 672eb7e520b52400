"""The word tables' finding and the classifier's, weighed against each other.

The tables are right when they are sure and know nothing of what their authors did not think of;
the classifier has always an opinion. Where both agree nothing is doubtful; where they do not, the
weights found on left-out sentences decide (training/classify.py), and the doubt is said, so that a
language model can be asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.complaint import Category, Intent
from agent.tamil.words import Word
from agent.understanding.classifier import Opinion
from agent.understanding.intents import Hazard
from agent.understanding.keywords import Scored

TABLE_WEIGHT = {"category": 0.3, "intent": 1.0}
"""How much the tables count beside a learned score."""
LEARNED = "learned"
"""Name of a danger that no table names."""
NO_INTENT = "none"
"""What only answers a question."""
_FULL = 24.0
"""Score of a decisive pattern."""
_UNIT = 8.0
_LONG = 24
"""Words from which on the tables meet many words that only stand beside the trouble."""
_ENOUGH = 5
"""Words; of fewer only the tables judge purpose and danger."""
_WHOLE = 12
"""Words of a sentence long enough to be judged by its sound; in shorter ones tables count more."""
_SHORT_DANGER = 0.6
"""How much clearer a danger in no words at all would have to be; in between, in proportion. In
five folds, of 416 harmless sentences of nine or ten words one scores above 0."""
_NEWS_FROM = 0.0
"""From this learned score on a purpose is believed of which the tables saw nothing."""
_DANGER_FROM = -0.1
"""From this learned score on somebody is in danger though no table names it (what both find and
mistake on left-out sentences: ``training.classify --check``)."""
_SUSPECTED_FROM = -0.4
"""From this learned score on the turn is doubtful, because it may tell a danger."""
_NO_DANGER_BELOW = -0.9
"""Below this learned score a long story with words of danger tells of something else (what it costs
and saves on left-out sentences: ``training.classify --check``)."""
_GUESS_FROM = -0.35
"""From this learned score on a trouble is guessed that no table knows."""


def main_trouble(
    ranked: Sequence[Scored], opinion: Opinion | None, length: int = _LONG
) -> list[Scored]:
    """Return the troubles with the likeliest first, marked whether both sides agree.

    Args:
        ranked: what the tables found, clearest first; empty stays empty.
        opinion: what the classifier says.
        length: words of the sentence; of a short one the tables know more.
    """
    if not ranked or opinion is None:
        return list(ranked)
    weight = TABLE_WEIGHT["category"] * max(1.0, _LONG / max(length, 1))
    learned = opinion.scores["category"]
    told = {scored.category: scored for scored in ranked}

    def total(category: Category) -> float:
        scored = told.get(category)
        by_table = min(scored.score, _FULL) / _UNIT if scored else 0.0
        return learned.get(category, min(learned.values())) + weight * by_table

    best = max((*told, *map(Category, learned)), key=total)
    agreed = best is ranked[0].category and learned.get(best) == max(learned.values())
    first = told.get(best) or _learned(best, opinion)
    # How clearly a trouble was named stays what the tables say, whichever it is.
    first = replace(first, score=max(first.score, ranked[0].score), agreed=agreed)
    return [first, *(scored for scored in ranked if scored.category is not best)]


def guessed_trouble(opinion: Opinion | None) -> Scored | None:
    """Return the trouble of a complaint in whose words no table found one."""
    if opinion is None:
        return None
    learned = opinion.scores["category"]
    best = max(learned, key=learned.__getitem__)
    return _learned(Category(best), opinion) if learned[best] >= _GUESS_FROM else None


@dataclass(frozen=True, slots=True)
class Danger:
    """What both sides make of a sentence."""

    hazard: Hazard | None
    """The danger in which somebody is now."""
    suspected: Hazard | None = None
    """A danger that is not believed and must be asked about: "is anybody in danger now?"."""


def danger(table: Hazard | None, opinion: Opinion | None, words: Sequence[Word]) -> Danger:
    """Weigh a danger.

    What a table found is believed, but for a long story that calls for no help and by all its
    words tells of something else; then it is asked.

    Args:
        table: what ``emergency.toml`` found.
        opinion: what the classifier says.
        words: the utterance.
    """
    if opinion is None or len(words) < _ENOUGH:
        return Danger(table)
    learned = opinion.scores["intent"][Intent.EMERGENCY]
    if table is not None:
        doubted = len(words) >= _WHOLE and learned < _NO_DANGER_BELOW and not table.called
        return Danger(None, table) if doubted else Danger(table)
    short = _SHORT_DANGER * max(0.0, 1 - len(words) / _WHOLE)
    # Not the word that spoke most: it is the caller's, and evidence is read by more people.
    hazard = Hazard(LEARNED, "classifier")
    if learned >= _DANGER_FROM + short:
        return Danger(hazard)
    return Danger(None, hazard if learned >= _SUSPECTED_FROM + short else None)


def is_sure(opinion: Opinion | None, length: int) -> bool:
    """Tell whether the classifier, too, hears the danger that was found.

    It never takes a danger back; but "now" is then not said for the caller, who may have told of
    what lasts.

    Args:
        opinion: what the classifier says.
        length: words of the utterance.
    """
    if opinion is None or length < _ENOUGH:
        return True
    return opinion.scores["intent"].get(Intent.EMERGENCY, 0.0) >= _DANGER_FROM


def purpose(
    table: Intent | None, opinion: Opinion | None, length: int = _LONG
) -> tuple[Intent | None, bool]:
    """Return why somebody phones, and whether both sides agree.

    Danger is not decided here (:func:`danger`), but where it is suspected nothing is agreed.

    Args:
        table: what the tables found.
        opinion: what the classifier says.
        length: words of the utterance.
    """
    if opinion is None or length < _ENOUGH:
        return table, True
    calm = opinion.scores["intent"].get(Intent.EMERGENCY, -1.0) < _SUSPECTED_FROM
    learned = {k: v for k, v in opinion.scores["intent"].items() if k != Intent.EMERGENCY}
    named = table.value if table is not None else NO_INTENT
    likeliest = max(learned, key=learned.__getitem__)
    weight = TABLE_WEIGHT["intent"] * max(1.0, _WHOLE / length)
    totals = {k: v + weight * (k == named) for k, v in learned.items()}
    best = max(totals, key=totals.__getitem__)
    if best == NO_INTENT or (table is None and learned[best] < _NEWS_FROM):
        best = named
    intent = None if best == NO_INTENT else Intent(best)
    return intent, calm and best == named == likeliest


def _learned(category: Category, opinion: Opinion) -> Scored:
    at = opinion.strongest["category"][category]
    return Scored(category, 0.0, "classifier", at, agreed=False)
