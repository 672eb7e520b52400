"""Drops words that were never said (pure; the guards of ordinary Whisper do not fit Tamil).

Whisper's own test, a zlib ratio over 2.4, rejects correct long Tamil: every letter is three bytes.
So loops are looked for in *aksharas* (a letter with its signs), the unit a Tamil speaker counts,
and are judged against the time there was to say them: "ஒன்பது ஒன்பது ஒன்பது ..." may well be a
phone number.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from agent.speech.blocklist import Blocklist
from agent.speech.transcript import DropReason

NO_SPEECH_PROB = 0.6
LOW_LOGPROB = -1.0
"""Both together mean silence (the rule of openai/whisper); either alone drops correct words."""
MOST_SYLLABLES_PER_S = 15.0
"""Fluent Tamil is 6.5 syllables a second; more than twice of it nobody says."""
SYLLABLES_FREE = 4.0
"""Added to the limit, because the detector sees short words shorter than they are."""
FOREIGN_SHARE = 0.2
"""Share of letters of other scripts from which a segment is junk."""
MOST_REPEATS = ((5, 10), (9, 5))
"""Aksharas of a unit, and how often it may follow itself: number words have up to five aksharas
and a phone number ten digits, so one digit ten times and two digits five times can be said."""
MOST_PHRASE_REPEATS = 3
"""Longer units: people say a phrase three times when they are not heard."""
_LONGEST_UNIT = 60
"""Aksharas of the longest unit looked for."""

_PULLI = "\u0bcd"
_VOWEL_GROUPS = re.compile("[aeiouy]+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One decoded segment with what is needed to judge it."""

    text: str
    speech_s: float
    """Seconds of speech it was decoded from."""
    avg_logprob: float
    no_speech_prob: float
    """0..1."""
    unfinished: bool = False
    """Decoding was stopped by our bound for that many seconds, not by the model."""


NOTHING_BLOCKED = Blocklist()
SECOND_TRY = frozenset({DropReason.LOOP, DropReason.RUNAWAY})
"""Decoding went astray, not the sound: a penalty for repeating may find the words."""


def judge(candidate: Candidate, blocklist: Blocklist = NOTHING_BLOCKED) -> DropReason | None:
    """Why the segment must be dropped, or None when it may have been said."""
    if candidate.no_speech_prob > NO_SPEECH_PROB and candidate.avg_logprob < LOW_LOGPROB:
        return DropReason.NOT_SAID
    if blocklist.blocks(candidate.text):
        return DropReason.BLOCKED
    if blocklist.echoes(candidate.text):
        return DropReason.ECHO
    if _foreign_share(candidate.text) > FOREIGN_SHARE:
        return DropReason.SCRIPT
    if loops(candidate.text, candidate.speech_s):
        return DropReason.LOOP
    if candidate.unfinished:
        return DropReason.RUNAWAY
    if _too_many(syllables(candidate.text), candidate.speech_s):
        return DropReason.TOO_FAST
    return None


def aksharas(text: str) -> list[str]:
    """The written units of ``text``: each letter or digit with the signs on it."""
    units: list[str] = []
    for char in unicodedata.normalize("NFC", text).casefold():
        category = unicodedata.category(char)
        if category[0] == "M" and units:
            units[-1] += char
        elif category[0] in "LN":
            units.append(char)
    return units


def syllables(text: str) -> float:
    """About how many syllables it takes to say ``text``."""
    latin, spoken = "", 0.0
    for unit in aksharas(text):
        if unit.isdecimal():
            spoken += 2.0
        elif unit[0].isascii():
            latin += unit
        elif not unit.endswith(_PULLI):
            spoken += 1.0
    # Letters of different words run together here; that joins some vowels and only errs low.
    return spoken + len(_VOWEL_GROUPS.findall(latin))


def loops(text: str, speech_s: float) -> bool:
    """Whether some unit follows itself more often than anybody would say it in that time."""
    units = aksharas(text)
    for size in range(1, min(_LONGEST_UNIT, len(units) // 2) + 1):
        repeats, start = _longest_run(units, size)
        run = units[start : start + repeats * size]
        if repeats < 3 or _repeats_itself(run[:size]):
            continue
        most = next((most for upto, most in MOST_REPEATS if size <= upto), MOST_PHRASE_REPEATS)
        if repeats > most or _too_many(syllables("".join(run)), speech_s):
            return True
    return False


def _repeats_itself(unit: list[str]) -> bool:
    """Whether the unit is a smaller one several times over, which is judged at its own size."""
    size = len(unit)
    return any(size % part == 0 and unit == unit[:part] * (size // part) for part in range(1, size))


def _longest_run(units: list[str], size: int) -> tuple[int, int]:
    """How often the best unit of ``size`` follows itself without a gap, and where that begins."""
    best, best_start, same = 1, 0, 0
    for index in range(size, len(units)):
        same = same + 1 if units[index] == units[index - size] else 0
        if same // size + 1 > best:
            best, best_start = same // size + 1, index - same - size + 1
    return best, best_start


def _too_many(count: float, speech_s: float) -> bool:
    return count > MOST_SYLLABLES_PER_S * speech_s + SYLLABLES_FREE


def _foreign_share(text: str) -> float:
    letters = [char for char in text if unicodedata.category(char)[0] == "L"]
    foreign = sum(not _known(char) for char in letters)
    return foreign / len(letters) if letters else 0.0


def _known(letter: str) -> bool:
    name = unicodedata.name(letter, "")
    return name.startswith(("TAMIL ", "LATIN "))
