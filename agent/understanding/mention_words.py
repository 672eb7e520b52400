"""The words around a place that was named, as all readers of them need them."""

from __future__ import annotations

from collections.abc import Sequence

from agent.tamil.words import Word

LOCATIVE = ("ல", "ல்", "லேயே", "லயே", "la", "le", "il")
"""Ends of a word that says where."""
LOOK_AHEAD = 2
LOOK_FAR = 5
"""Words of the same clause in which the verb of a place may stand."""
STUDY = ("படிக்க", "படிச்ச", "படிப்ப", "padik", "padich", "padikk")


def clause(words: Sequence[Word], at: int) -> Sequence[Word]:
    """Return the next words of the same clause."""
    end = at
    while end < min(at + LOOK_FAR, len(words)) and not words[end].gap:
        end += 1
    return words[at:end]


def says(texts: Sequence[str], starts: tuple[str, ...]) -> bool:
    """Tell whether a word, or two together, begin so."""
    line = [" ".join(texts[at : at + 2]) for at in range(len(texts))]
    return any(two.startswith(starts) for two in line)
