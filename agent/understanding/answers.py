"""Short answers: yes, no, do not know, rather not, say it again, and which part was wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.complaint import Answer, Slot
from agent.tamil.endings import without_courtesy
from agent.tamil.number_words import is_number_word
from agent.tamil.words import Word
from agent.understanding.patterns import Match, PatternBook
from agent.understanding.tables import read_toml

_YES_NO = frozenset(
    {
        Slot.CONSENT, Slot.CONFIRM, Slot.REPEAT, Slot.SAME_NUMBER, Slot.DANGER, Slot.SAFETY,
        Slot.CORRECTION, Slot.CLOSE, Slot.CLARIFY, Slot.RESUME, Slot.SAME_ISSUE, Slot.FIXED,
        Slot.ADULT, Slot.CALL_BACK,
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
_OWNER = 3
"""So many words before "number" may say whose or of what it is."""
_RANG = 10
"""So many words after "this number" may say that nobody answers there."""
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
            [(name, pattern) for name in _LISTS for pattern in data[name]]
            + [("no_other", line) for line in _refusals(data["another_refused"])]
        )
        self._only: dict[Slot, PatternBook[str]] = {
            Slot(name): PatternBook((label, p) for label, ps in lists.items() for p in ps)
            for name, lists in data["only"].items()
        }
        self._parts: PatternBook[Slot] = PatternBook(
            (Slot(name), pattern) for name, words in data["corrects"].items() for pattern in words
        )
        self._same_number = _SameNumber(data["same_number"], data["digits"])
        self._part_order = [Slot(name) for name in data["corrects"]]

    def is_noise(self, words: Sequence[Word]) -> bool:
        """Tell whether nothing was said but greetings and sounds."""
        return all(without_courtesy(word.text) in self._noise for word in words)

    def read(self, words: Sequence[Word], expecting: Slot | None) -> Reply:
        """Read an utterance in the light of the open question."""
        bare = tuple(Word(without_courtesy(w.text), w.start, w.end, w.gap) for w in words)
        matches = self._book.find(bare)
        matches = _without_refused(matches)
        said = {match.label for match in matches}
        taken_back = [m for m in matches if m.label == "correction" and _denies(m, bare)]
        no_call = [m for m in matches if m.label == "no_callback"]
        same = "other_number" not in said and self._same_number.said(bare, expecting, no_call)
        if expecting is Slot.PHONE and "no_other" in said and not no_call:
            same = same or not any(is_number_word(word.text) for word in bare)
        answer, evidence = self._answer(bare, matches, expecting)
        if expecting in self._only:
            only = self._only[expecting].find(bare)
            answer, evidence = _to_one_question(matches, only) or (answer, evidence)
        if expecting is Slot.SAME_NUMBER and "no_callback" in said:
            answer, evidence = Answer.REFUSED, "no_callback"
        unsettled = answer is None or (answer is Answer.NO and "no_other" in said)
        if expecting is Slot.SAME_NUMBER and unsettled:
            answer, evidence = _about_number(said, same=same) or (answer, evidence)
        if expecting is Slot.PHONE and same:
            answer, evidence = None, ""
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


def _refusals(table: dict[str, list[str]]) -> Iterator[str]:
    """Yield "another number, what for?", "what for, another number?" and "there is no other"."""
    for number in table["another"]:
        yield from (f"{why} {number}" for why in table["why"])
        yield from (f"{number} {no}" for no in (*table["why"], *table["refused"]))
        yield from (f"{number} .. {no}" for no in table["none"])


def _without_refused(matches: Sequence[Match[str]]) -> list[Match[str]]:
    """Leave out another number where it is refused or there is none."""
    refused = [m for m in matches if m.label == "no_other"]
    return [
        m
        for m in matches
        if m.label != "other_number"
        or not any(r.start < m.end and m.start < r.end for r in refused)
    ]


class _SameNumber:
    """Hears that the caller is to be called on the very number of this call."""

    def __init__(self, table: dict[str, list[str]], digits: dict[str, list[str]]) -> None:
        rows = [("this", f"{this} {line}") for this in table["this"] for line in table["line"]]
        rows += [("this", phrase) for phrase in table["phrase"]]
        rows += [("this", f"{own} .. {that}") for own in table["calling"] for that in table["that"]]
        rows += [("sure", f"{own} {this}") for own in table["own"] for this in table["is"]]
        rows += [
            ("sure", f"{own} {this} {line} {that}")
            for own in table["own"]
            for this in table["same"]
            for line in table["same_line"]
            for that in table["stress"]
        ]
        rows += [("sure", f"{this} {own}") for own in table["own"] for this in table["is_it"]]
        rows += [(name, p) for name in ("called", "bare") for p in table[name]]
        rows += [("called", f"{here} {ring}") for here in table["here"] for ring in table["ring"]]
        around = [(name, p) for name in ("near", "unanswered", "not_own") for p in table[name]]
        around += [("not_own", p) for name in ("owned", "named") for p in digits[name]]
        self._book: PatternBook[str] = PatternBook(rows)
        self._around: PatternBook[str] = PatternBook(around)
        self._ends = tuple(table["ends"])

    def said(self, words: Sequence[Word], expecting: Slot | None, no: Sequence[Match[str]]) -> bool:
        """Tell whether it was said; unasked, only as a statement or beside a wish to be called.

        Args:
            words: the utterance, without courtesy.
            expecting: the open question.
            no: where it is said that nobody may call.
        """
        found = self._book.find(words)
        this = [m for m in found if m.label != "bare"]
        if not found or any(0 <= m.start - n.end <= _NEAR for m in no for n in this):
            return False
        if expecting in _NUMBER_ASKED:
            return True
        if expecting in _CHECKING or not this:
            return bool(this)
        around = self._around.find(words)
        return any(self._is_own(words, m, around) for m in this)

    def _is_own(
        self, words: Sequence[Word], number: Match[str], around: Sequence[Match[str]]
    ) -> bool:
        if _of_another(words, number, around):
            return False
        if number.label == "called" or _is_stated(words, number):
            return True
        # The stress may stand apart: "இதே நம்பர் தான்".
        ends = any(w.text.endswith(self._ends) for w in words[number.end - 1 : number.end + 1])
        return ends and any(m.label == "near" and _beside(number, m) for m in around)


def _denies(match: Match[str], words: Sequence[Word]) -> bool:
    """Tell "இல்ல இல்ல" (no, no) from "இல்ல எல்லாரும்" (not, all), whose sound keys are the same."""
    return not any(word.text.startswith("எ") for word in words[match.start : match.end])


def _is_stated(words: Sequence[Word], number: Match[str]) -> bool:
    """Tell "என் நம்பர் இதேதான்", but not before the digits of another."""
    follows = words[number.end].text if number.end < len(words) else ""
    return number.label == "sure" and not is_number_word(follows)


def _of_another(words: Sequence[Word], number: Match[str], matches: Sequence[Match[str]]) -> bool:
    """Tell a number of something else, or one that the caller rang in vain."""
    clause = max((at for at in range(number.start + 1) if words[at].gap), default=0)
    owner = max(clause, number.start - _OWNER)
    return any(
        (m.label == "not_own" and owner <= m.start < number.end)
        or (m.label == "unanswered" and 0 <= m.start - number.start <= _RANG)
        for m in matches
    )


def _beside(number: Match[str], wish: Match[str]) -> bool:
    return number.start - _NEAR - 1 <= wish.start <= number.end + _NEAR


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


def _to_one_question(
    matches: Sequence[Match[str]], only: Sequence[Match[str]]
) -> tuple[Answer, str] | None:
    """Return what words say that answer one question only: the last of them.

    A pattern inside a longer one says nothing: "புதுசு இல்ல" is not "புதுசு".
    """
    general = [m for m in matches if m.label in ("yes", "no", "repeat")]
    told = [m for m in only if not any(_inside(m, other) for other in (*only, *general))]
    if not told:
        return None
    last = max(told, key=lambda m: (m.end, -m.start))
    return (Answer.YES if last.label == "yes" else Answer.NO), last.source


def _inside(part: Match[str], whole: Match[str]) -> bool:
    longer = whole.end - whole.start > part.end - part.start
    return longer and whole.start <= part.start and part.end <= whole.end


def _keypad_word(words: Sequence[Word], expecting: Slot | None) -> tuple[Answer | None, str]:
    """Read "ஒண்ணு" as yes and "ரெண்டு" as no: some callers say the number instead of pressing it."""
    if expecting in (Slot.CONSENT, Slot.CALL_BACK) and len(words) == 1:
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


def _about_number(said: set[str], *, same: bool) -> tuple[Answer, str] | None:
    if "other_number" in said:
        return Answer.NO, "other_number"
    if same or said & {"call_me", "no_other"}:
        return Answer.YES, "same_number"
    return None


def _covered(words: Sequence[Word], matches: Sequence[Match[str]]) -> bool:
    """Tell whether yes-and-no words are all that was said."""
    covered = {i for m in matches if m.label in ("yes", "no") for i in range(m.start, m.end)}
    return bool(words) and all(i in covered for i in range(len(words)))
