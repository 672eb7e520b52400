"""The training sentences: call turns and open vocabulary, never a banned sentence.

A sentence is what the synthesiser speaks, commas included; `target` is what the model writes.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from random import Random

from training.text_calls import CallTurns
from training.text_lexicon import load_lexicon, read_colloquial, read_lines
from training.text_open import OpenText

CALL_SHARE = 0.55
"""Share of call turns unless a stage of the curriculum says otherwise."""
MAX_CHARS = 100
"""Longest training sentence, in characters."""
LONG_CHARS = 170
"""Longest training utterance of several sentences, in characters."""
PUNCTUATION = ",.!?;:-…'\"()"


def target(spoken: str) -> str:
    """Return what the model should write for a spoken sentence: no punctuation."""
    return " ".join("".join(c for c in spoken if c not in PUNCTUATION).split())


def target_map(spoken: str) -> tuple[str, list[int]]:
    """Return the target and, for each of its characters, the index in the spoken sentence."""
    kept: list[int] = []
    for i, char in enumerate(spoken):
        double_blank = char == " " and (not kept or spoken[kept[-1]] == " ")
        if char not in PUNCTUATION and not double_blank:
            kept.append(i)
    while kept and spoken[kept[-1]] == " ":
        kept.pop()
    return "".join(spoken[i] for i in kept), kept


def banned_sentences() -> frozenset[str]:
    """Return the sentences that only tests may say, as targets.

    Of the demo callers those of three or more words; of the colloquial sets all.
    """
    demo = (target(line) for line in read_lines("demo_turns"))
    banned = {text for text in demo if len(text.split()) >= 3}
    for kind in ("dev", "test"):
        banned.update(target(line) for line in read_colloquial(kind))
    return frozenset(banned)


class TextSource:
    """Draws training sentences; the same `Random` state gives the same sentence."""

    def __init__(self, data_dir: Path) -> None:
        """Read word lists and the tables of `data_dir`."""
        self.lexicon = load_lexicon(data_dir)
        self.calls = CallTurns(self.lexicon)
        self.open = OpenText(self.lexicon, self.calls)
        self._banned = banned_sentences()
        self._held_words = self.lexicon.held_words()

    def draw(self, rng: Random, max_chars: int = MAX_CHARS, call_share: float = CALL_SHARE) -> str:
        """Return one spoken sentence of at most `max_chars` characters."""
        while True:
            call = rng.random() < call_share
            text = clean(self.calls.draw(rng) if call else self.open.draw(rng))
            if 1 < len(text) <= max_chars and self.allowed(text):
                return text

    def draw_long(self, rng: Random, call_share: float = CALL_SHARE) -> str:
        """Return two or three sentences in one breath, at most `LONG_CHARS` characters.

        A long clip is where a decoder loses its place and starts to repeat itself.
        """
        text = self.draw(rng, call_share=call_share)
        for _ in range(rng.choice([1, 2])):
            longer = f"{text}{rng.choice([' ', ', '])}{self.draw(rng, call_share=call_share)}"
            if len(longer) > LONG_CHARS or not self.allowed(longer):
                break
            text = longer
        return text

    def allowed(self, spoken: str) -> bool:
        """Tell whether training may use a sentence: not banned and no held-out word."""
        written = target(spoken)
        return written not in self._banned and not self._held_words & set(written.split())


def clean(text: str) -> str:
    """Return text in NFC, single blanks, no joiners, no comma at the ends."""
    text = unicodedata.normalize("NFC", text).replace("\u200c", "")
    return re.sub(r"\s+", " ", text).strip(" ,")
