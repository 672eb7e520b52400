"""One utterance, read once for all readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.complaint import Decision, Slot
from agent.tamil.numbers import Number, find_numbers, is_article
from agent.tamil.words import Word
from agent.understanding.answers import Reply

STORY = frozenset({None, Slot.COMPLAINT, Slot.CLARIFY, Slot.CONSENT})
"""Questions after which a caller may tell everything at once."""
ASIDE_STORY = frozenset({Slot.RESUME, Slot.SAME_ISSUE, Slot.FIXED, Slot.ADULT})
"""Yes-or-no questions at which a caller may tell a trouble instead."""
PLACES = frozenset({Slot.PLACE, Slot.DISTRICT, Slot.AREA})
"""Questions for a place."""
CHECKING = frozenset({Slot.CONFIRM, Slot.CORRECTION})
"""Questions about what was read back."""
DETAIL = frozenset({Slot.NAME, Slot.LANDMARK, Slot.PHONE, Slot.TICKET, Slot.SAME_NUMBER})
"""Questions whose answers are full of words that mean something else elsewhere."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said, in the light of the open question."""

    text: str
    """Cleaned."""
    words: tuple[Word, ...]
    numbers: Sequence[Number]
    number_ends: Mapping[int, int]
    """First word of each number -> index after its last; ஒரு ("a") left out."""
    expecting: Slot | None
    reply: Reply


def hear(text: str, words: tuple[Word, ...], expecting: Slot | None, reply: Reply) -> Heard:
    """Find the numbers and put everything together."""
    texts = [word.text for word in words]
    numbers = find_numbers(texts)
    ends = {n.start: n.end for n in numbers if not is_article(texts, n)}
    return Heard(text, words, numbers, ends, expecting, reply)


def decision(field: str, value: str, evidence: str, score: float) -> Decision:
    """Return the reason of one field, found by rule."""
    return Decision(field, str(value), "rule", evidence, round(score, 3))
