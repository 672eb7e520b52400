"""Digits said to stand several times: "மூணு தடவை சைபர்", "சைபர் மூணு தடவை", "4 4 4 na triple".

Somebody who says a digit as often as it stands and then counts it adds nothing; who says it once
and counts it does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from agent.tamil.number_words import Kind, lexeme_of
from agent.tamil.numbers import Number
from agent.tamil.words import Word
from agent.understanding.phone_corrections import TIMES

_EXPLAINED = ("னா", "ன்னா", "ன்னு", "அதாவது")
_EXPLAINS = frozenset({"na", "naa", "nna", "nu", "means", "that"})
"""What ends a word, or is one, before a repetition that only explains: "நாலுன்னா டிரிபிள்"."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A number as it counts among digits."""

    start: int
    """Index of its first word, the count included."""
    figures: str
    """Its digits, a repeated one as often as it stands."""
    end: int
    """Index after its last word, the count included."""


def spoken(
    words: Sequence[Word], numbers: Sequence[Number], times: Collection[int]
) -> list[Spoken]:
    """Return the numbers with what repeats them taken in.

    Args:
        words: the utterance.
        numbers: those that are digits, in order.
        times: indexes of words that count a repetition (தடவை).
    """
    said: list[Spoken] = []
    repeat, start = 1, -1
    for at, number in enumerate(numbers):
        if _explains(words, said, number):
            figure = number.figures[:1]
            number = replace(number, start=number.start + 1, figures=figure, value=float(figure))
        count = int(number.value) if number.end in times else 0
        if count in TIMES:
            after = numbers[at + 1] if at + 1 < len(numbers) else None
            follows = after is not None and _is_digit_at(words, after, number.end + 1)
            if not follows and said and _counted(said, number, count):
                continue
            repeat, start = count, number.start
            continue
        figures = number.figures * (repeat if len(number.figures) == 1 else 1)
        said.append(Spoken(number.start if start < 0 else start, figures, number.end))
        repeat, start = 1, -1
    return said


def _counted(said: list[Spoken], count: Number, times: int) -> bool:
    """Take a count said after its digit into the digit; tell whether there was one."""
    last = said[-1]
    if last.end != count.start:
        return False
    if _said_already(said, times):
        said[-1] = replace(last, end=count.end + 1)
        return True
    if len(last.figures) != 1:
        return False
    said[-1] = replace(last, figures=last.figures * times, end=count.end + 1)
    return True


def _explains(words: Sequence[Word], said: Sequence[Spoken], number: Number) -> bool:
    """Tell "4 4 4 na triple, 7" from "4 4 4, triple 7"."""
    word = lexeme_of(words[number.start].text)
    if word is None or word.kind is not Kind.REPEAT or number.end - number.start != 2 or not said:
        return False
    stopped = bool(words[number.start + 1].gap) and not words[number.start].gap
    before = words[number.start - 1].text
    told = before in _EXPLAINS or before.endswith(_EXPLAINED)
    return (stopped or told) and _said_already(said, word.value)


def _said_already(said: Sequence[Spoken], times: int) -> bool:
    """Tell whether one digit was just said so often."""
    last = said[-1]
    digit = last.figures[-1]
    if last.figures == digit * times:
        return True
    alike, next_start = 0, last.start
    for at in range(len(said) - 1, -1, -1):
        # What was taken back in between ("ஆறு ஆறு, இல்ல, ஆறு மூணு தடவ") does not count.
        if said[at].figures != digit or (alike and said[at].end != next_start):
            break
        alike, next_start = alike + 1, said[at].start
    return alike >= times


def counts_digit(
    words: Sequence[Word], before: Number | None, number: Number, after: Number | None
) -> bool:
    """Tell "மூணு தடவை சைபர்" from "ரெண்டு தடவை சொன்னேன்", for a number that counts times."""
    if int(number.value) not in TIMES:
        return False
    led = before is not None and before.end == number.start and not words[number.start].gap
    return led or (after is not None and _is_digit_at(words, after, number.end + 1))


def _is_digit_at(words: Sequence[Word], number: Number, at: int) -> bool:
    """Tell whether one digit is said right there."""
    return number.start == at and len(number.figures) == 1 and not words[at].gap
