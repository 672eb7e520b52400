"""Short answers: yes, no, do not know, rather not, say it again, and which part was wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.complaint import Answer, Slot
from agent.tamil.endings import without_courtesy
from agent.tamil.words import Word
from agent.understanding.patterns import Match, PatternBook
from agent.understanding.tables import read_toml

_YES_NO = frozenset(
    {
        Slot.CONSENT, Slot.CONFIRM, Slot.REPEAT, Slot.SAME_NUMBER, Slot.DANGER, Slot.SAFETY,
        Slot.CORRECTION, Slot.CLOSE, Slot.CLARIFY,
    }
)  # fmt: skip
"""Questions that "yes" or "no" answers."""
_OPEN = frozenset({None, Slot.COMPLAINT})
_VALUE = frozenset(
    {Slot.NAME, Slot.PHONE, Slot.LANDMARK, Slot.DAYS, Slot.PLACE, Slot.DISTRICT, Slot.AREA,
     Slot.TICKET}
)  # fmt: skip
"""Questions for a value, which may be refused or unknown."""
_CHECKING = frozenset({Slot.CONFIRM, Slot.CORRECTION})
_BESIDE_PLACE = frozenset({Slot.LANDMARK, Slot.DAYS, Slot.NAME, Slot.PHONE, Slot.SAME_NUMBER})
"""Questions after the place, at which a caller may still take it back."""
_SHORT = 4
"""An answer to an open question is yes or no only in an utterance this short, in words."""
_REPEAT_WORDS = 6
_NEAR = 4
"""So many words may stand between "this number" and the wish to be called there."""
_NUMBER_ASKED = frozenset({Slot.PHONE, Slot.SAME_NUMBER})
_LISTS = (
    "yes", "no", "yes_after_all", "no_after_all", "unknown", "refused", "repeat", "correction",
    "other_number", "no_other", "no_callback", "call_me",
    "but", "withdraw",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reply:
    """What an utterance answers, besides values."""

    answer: Answer | None = None
    evidence: str = ""
    correction: bool = False
    """Something said before, in this turn or earlier, is taken back."""
    after: int = 0
    """Index of the word after the last taking back; 0 when there is none."""
    corrects: Slot | None = None
    same_number: bool = False


class Replies:
    """Reads short answers. Shared by all calls."""

    def __init__(self) -> None:
        data = read_toml("answers")
        self._noise = frozenset(data["noise"])
        self._book: PatternBook[str] = PatternBook(
            (name, pattern) for name in _LISTS for pattern in data[name]
        )
        self._parts: PatternBook[Slot] = PatternBook(
            (Slot(name), pattern) for name, words in data["corrects"].items() for pattern in words
        )
        self._same_number = _SameNumber(data["same_number"])
        self._part_order = [Slot(name) for name in data["corrects"]]

    def is_noise(self, words: Sequence[Word]) -> bool:
        """Tell whether nothing was said but greetings and sounds."""
        return all(without_courtesy(word.text) in self._noise for word in words)

    def read(self, words: Sequence[Word], expecting: Slot | None) -> Reply:
        """Read an utterance in the light of the open question."""
        bare = tuple(Word(without_courtesy(w.text), w.start, w.end, w.gap) for w in words)
        matches = self._book.find(bare)
        said = {match.label for match in matches}
        if "no_other" in said:
            said.discard("other_number")
        taken_back = [m for m in matches if m.label == "correction"]
        same = "other_number" not in said and self._same_number.said(bare, expecting)
        answer, evidence = self._answer(bare, matches, expecting)
        if expecting is Slot.SAME_NUMBER and "no_callback" in said:
            answer, evidence = Answer.REFUSED, "no_callback"
        if answer is None and expecting is Slot.SAME_NUMBER:
            answer, evidence = _about_number(said, same=same)
        if expecting in _CHECKING:
            answer, evidence = _about_read_back(_first_of(matches), answer, evidence)
        doubtful = answer is Answer.NO or bool(taken_back) or expecting is Slot.CORRECTION
        checking = expecting in _CHECKING
        return Reply(
            answer,
            evidence,
            bool(taken_back),
            max((m.end for m in taken_back), default=0),
            self._part(bare, expecting) if (checking and doubtful) or taken_back else None,
            same,
        )

    def _answer(
        self, words: Sequence[Word], matches: Sequence[Match[str]], expecting: Slot | None
    ) -> tuple[Answer | None, str]:
        first = _first_of(matches)
        if "repeat" in first and len(words) <= _REPEAT_WORDS:
            return Answer.REPEAT, first["repeat"].source
        if expecting not in _OPEN and "unknown" in first and expecting is not Slot.CONSENT:
            return Answer.UNKNOWN, first["unknown"].source
        if expecting in _VALUE:
            return self._to_value(words, first)
        if expecting in _YES_NO:
            return _yes_or_no(words, matches, expecting)
        if len(words) <= _SHORT and _covered(words, matches):
            return _yes_or_no(words, matches, expecting)
        return None, ""

    def _to_value(
        self, words: Sequence[Word], first: dict[str, Match[str]]
    ) -> tuple[Answer | None, str]:
        if "refused" in first:
            return Answer.REFUSED, first["refused"].source
        if "no" in first and first["no"].start == 0 and len(words) <= _SHORT:
            return Answer.NO, first["no"].source
        return None, ""

    def _part(self, words: Sequence[Word], expecting: Slot | None) -> Slot | None:
        """Return the part that is named as wrong.

        While another question is open, only what is not its own subject and cannot be its answer
        counts: "சாரி, ஊர் பவானி" after "how many days?".
        """
        found = {match.label for match in self._parts.find(words)}
        if expecting not in _CHECKING:
            taken = frozenset({Slot.PLACE}) if expecting in _BESIDE_PLACE else frozenset()
            found &= taken
        return next((slot for slot in self._part_order if slot in found), None)

    def says_only_yes_or_no(self, words: Sequence[Word]) -> bool:
        """Tell whether nothing but yes and no was said: no value of any question."""
        bare = tuple(Word(without_courtesy(w.text), w.start, w.end, w.gap) for w in words)
        return _covered(bare, self._book.find(bare))


class _SameNumber:
    """Hears that the caller is to be called on the very number of this call."""

    def __init__(self, table: dict[str, list[str]]) -> None:
        rows = [("this", f"{this} {line}") for this in table["this"] for line in table["line"]]
        rows += [("this", phrase) for phrase in table["phrase"]]
        rows += [(name, p) for name in ("bare", "near", "unanswered") for p in table[name]]
        self._book: PatternBook[str] = PatternBook(rows)
        self._ends = tuple(table["ends"])

    def said(self, words: Sequence[Word], expecting: Slot | None) -> bool:
        """Tell whether it was said; unasked, only beside a wish to be called there."""
        matches = self._book.find(words)
        this = [m for m in matches if m.label == "this"]
        if expecting in _NUMBER_ASKED:
            return bool(this) or any(m.label == "bare" for m in matches)
        if expecting in _CHECKING:
            return bool(this)
        near = [m for m in matches if m.label == "near"]
        unanswered = any(m.label == "unanswered" for m in matches)
        return not unanswered and any(
            words[m.end - 1].text.endswith(self._ends) and any(_beside(m, n) for n in near)
            for m in this
        )


def _beside(number: Match[str], wish: Match[str]) -> bool:
    return -_NEAR <= wish.start - number.end <= _NEAR


def _yes_or_no(
    words: Sequence[Word], matches: Sequence[Match[str]], expecting: Slot | None
) -> tuple[Answer | None, str]:
    """Return the first of yes and no, unless a later word settles it.

    A story told where yes or no was asked answers only by its first word.
    """
    told = len(words) > 2 * _SHORT
    said = [m for m in matches if m.label in ("yes", "no") and not (told and m.start > 0)]
    if not said:
        return _keypad_word(words, expecting)
    settled = {m.label: m.source for m in matches if m.label.endswith("_after_all")}
    kinds = {m.label for m in said}
    if kinds == {"yes", "no"} and not told:
        if "no_after_all" in settled:
            return Answer.NO, settled["no_after_all"]
        if "yes_after_all" in settled:
            return Answer.YES, settled["yes_after_all"]
    first = min(said, key=lambda m: (m.start, -m.end))
    return (Answer.YES if first.label == "yes" else Answer.NO), first.source


def _keypad_word(words: Sequence[Word], expecting: Slot | None) -> tuple[Answer | None, str]:
    """Read "ஒண்ணு" as yes and "ரெண்டு" as no: some callers say the number instead of pressing it."""
    if expecting is Slot.CONSENT and len(words) == 1:
        if words[0].text in ("ஒண்ணு", "ஒன்று", "ஒன்னு", "1", "one"):
            return Answer.YES, words[0].text
        if words[0].text in ("ரெண்டு", "இரண்டு", "2", "two"):
            return Answer.NO, words[0].text
    return None, ""


def _first_of(matches: Sequence[Match[str]]) -> dict[str, Match[str]]:
    """Return the first match of each list."""
    return {m.label: m for m in reversed(matches)}


def _about_read_back(
    first: dict[str, Match[str]], answer: Answer | None, evidence: str
) -> tuple[Answer | None, str]:
    """Tell "do not register it" and "yes, but ..." from a plain yes or no."""
    if "withdraw" in first:
        return Answer.REFUSED, first["withdraw"].source
    if answer is Answer.YES and "but" in first:
        return Answer.NO, first["but"].source
    return answer, evidence


def _about_number(said: set[str], *, same: bool) -> tuple[Answer | None, str]:
    if "other_number" in said:
        return Answer.NO, "other_number"
    if same or "call_me" in said:
        return Answer.YES, "same_number"
    return None, ""


def _covered(words: Sequence[Word], matches: Sequence[Match[str]]) -> bool:
    """Tell whether yes-and-no words are all that was said."""
    covered = {i for m in matches if m.label in ("yes", "no") for i in range(m.start, m.end)}
    return bool(words) and all(i in covered for i in range(len(words)))
