"""What a language model adds to the rules, and what its failures cost: labelled sentences.

Usage: ``python benchmarks/model_ladder.py [FILE...]`` (default: the held-out third; counts only). A
server on the loopback answers as a perfect model would (it knows the labels and points at the
words), then fails in every way, each in turn and mixed. Printed: fields right with rules alone
beside each arm, and the longest wait of a turn beside its deadline.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.breaker import SharedBreaker
from agent.check_digit import is_valid
from agent.complaint import Slot
from agent.settings import PROJECT_DIR
from agent.understanding.chain import ModelChain, Patience
from agent.understanding.endpoint import Endpoint, EndpointAddress
from agent.understanding.extract import Extractor
from agent.understanding.instructions import load_instructions
from agent.understanding.rules import Rules
from agent.understanding.score import Labelled, Outcome, Score, judge, read_labelled
from tests.understanding.model_server import BAD, Manner, ModelServer, serving

HELD = sorted((PROJECT_DIR / "tests" / "data" / "sentences").glob("*_held.jsonl"))
PATIENCE = Patience(first_token_s=0.25, deadline_s=0.5)
"""Short, so that every failure can be waited for; what counts is the difference."""
_WINDOW = 5


class Oracle:
    """Answers as a model that understands everything: it points at the caller's words."""

    def __init__(self, rows: list[Labelled], rules: Rules) -> None:
        self._rows = {rules.understand(row.text, row.asked).text: row for row in rows}
        self._rules = rules

    def __call__(self, question: dict[str, str]) -> dict[str, Any]:
        """The answer to one turn."""
        said = question["said"]
        row = self._rows.get(said)
        if row is None:
            return {}
        whole = said
        return {
            "intent": row.intent.value if row.intent else None,
            "intent_words": whole,
            "complaints": [{"code": code.value, "words": whole} for code in row.categories],
            "emergency_words": whole if row.emergency else None,
            "place_words": self._place(said, row),
            "days_words": self._days(said, row),
        }

    def _place(self, said: str, row: Labelled) -> str | None:
        for words in windows(said) if row.seats else ():
            place = self._rules.understand(words, Slot.PLACE).place
            if place and {c.number for c in place.candidates} == set(row.seats):
                return words
        return None

    def _days(self, said: str, row: Labelled) -> str | None:
        for words in windows(said) if row.days is not None else ():
            if self._rules.understand(words, Slot.DAYS).days == row.days:
                return words
        return None


def windows(said: str) -> Iterator[str]:
    """Stretches of one to five words, short ones first."""
    words = said.split()
    for size in range(1, _WINDOW + 1):
        for at in range(len(words) - size + 1):
            yield " ".join(words[at : at + size])


async def score(extractor: Extractor, rows: list[Labelled]) -> tuple[Score, float]:
    """The score and the longest wait of a turn, seconds."""
    total, longest = Score(), 0.0
    for row in rows:
        began = time.perf_counter()
        turn = await extractor.understand(row.text, row.asked, call=row.id)
        longest = max(longest, time.perf_counter() - began)
        total.add(judge(row, turn))
    return total, longest


def right(score_: Score, name: str) -> int:
    """Rows of a field that are right."""
    return score_.counts(name)[Outcome.RIGHT]


async def run(rows: list[Labelled]) -> None:
    """Play all arms."""
    rules = Rules.load(valid_ticket=is_valid)
    alone, _ = await score(Extractor(rules), rows)
    names = alone.fields()
    print(f"{'':14}" + "".join(f"{name:>12}" for name in names) + f"{'all':>8}{'longest wait':>16}")
    _line("rules alone", alone, names, "")
    oracle = Oracle(rows, rules)
    for title, manners in [
        ("perfect", (Manner.RIGHT,)),
        *((manner.value, (manner,)) for manner in BAD),
        ("mixed", tuple(itertools.chain(*((m, Manner.RIGHT) for m in BAD)))),
    ]:
        with tempfile.TemporaryDirectory() as folder:
            async with serving(ModelServer(oracle)) as server:
                server.behave(*manners)
                chain = ModelChain(
                    [Endpoint(EndpointAddress("primary", server.url, "stand-in"))],
                    load_instructions(PROJECT_DIR / "prompts"),
                    {"primary": SharedBreaker(Path(folder) / "breaker")},
                    PATIENCE,
                )
                extractor = Extractor(rules, chain)
                result, longest = await score(extractor, rows)
                await extractor.aclose()
            worse = [name for name in names if right(result, name) < right(alone, name)]
            note = f"{longest:.3f} of {PATIENCE.deadline_s:g} s, asked {extractor.tally.share:.0%}"
            _line(title, result, names, note + (f"  WORSE: {', '.join(worse)}" if worse else ""))


def _line(title: str, score_: Score, names: list[str], note: str) -> None:
    cells = "".join(
        f"{right(score_, n) / score_.counts(n).total():>12.1%}"
        if score_.counts(n)
        else f"{'-':>12}"
        for n in names
    )
    every = sum(right(score_, n) for n in names) / sum(score_.counts(n).total() for n in names)
    print(f"{title:14}{cells}{every:>8.1%}   {note}", flush=True)


def main() -> None:
    """Read the files and play."""
    files = [Path(name) for name in sys.argv[1:]] or HELD
    asyncio.run(run([row for path in files for row in read_labelled(path)]))


if __name__ == "__main__":
    main()
