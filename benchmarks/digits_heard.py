"""How many digits the ears write down right when our own voice has spelled them.

Usage: ``python benchmarks/digits_heard.py [--count 300] [--seed 1] [--model DIR]
[--groups 4 2 2 2]``.
Phone numbers, ticket numbers and amounts of money are written as figures, spelled for the voice as
in a call, spoken by the embedded voice in variants the demo model was never trained on, sent over a
telephone line, written down by the ears and read back. Per kind: digits right (edit distance to the
true digits), whole numbers right, and what the reader alone makes of the spelled words (the rest is
lost by the ears). ``--groups`` has the phone numbers once more in other groups, side by side.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

from agent.callers.audio_io import LINE_RATE
from agent.callers.caller_voice import OneShotVoice, render, voice_for
from agent.callers.telephone import PHONE_RATE, resample
from agent.settings import SpeechSettings
from agent.speech.engine import Ears
from agent.speech.word_error_gate import word_errors
from agent.tamil.numbers import digits_in, find_numbers
from agent.tamil.speller import spell_digits
from agent.tamil.words import split_texts
from agent.tamil.written import spoken_tamil

WANTED = 0.97
KINDS = ("phone", "ticket", "amount")


@dataclass(frozen=True)
class Said:
    """One number and how it is said."""

    kind: str
    digits: str
    spoken: str


def drawn(count: int, seed: int, *, groups: list[int]) -> list[Said]:
    """A third of each kind; amounts from one rupee to a crore, each size as likely."""
    source = random.Random(seed)
    other = f"phone in {groups}"
    rows = []
    for at in range(count):
        kind = KINDS[at % len(KINDS)]
        if kind == "phone":
            written = source.choice("6789") + _digits(source, 9)
            if groups:
                rows.append(Said(other, written, in_groups(written, groups)))
        elif kind == "ticket":
            written = source.choice("123456789") + _digits(source, 8)
        else:
            written = str(int(10 ** source.uniform(0, 7)))
        spoken = spoken_tamil(f"₹{written}" if kind == "amount" else written)
        rows.append(Said(kind, written, spoken))
    return rows


def _digits(source: random.Random, count: int) -> str:
    return "".join(source.choices("0123456789", k=count))


def in_groups(digits: str, sizes: list[int]) -> str:
    """Digits in words, a comma between groups; what is over is a last group."""
    ends = [0, *accumulate(sizes), len(digits)]
    parts = [digits[start:end] for start, end in pairwise(ends)]
    return ", ".join(spell_digits(part, len(part)) for part in parts if part)


def read(kind: str, text: str) -> str:
    """The digits in what was heard; of an amount those of the first number."""
    words = split_texts(text)
    if kind != "amount":
        return digits_in(words)
    numbers = find_numbers(words)
    return str(int(numbers[0].value)) if numbers else ""


async def hear(rows: list[Said], ears: Ears) -> list[str]:
    """Speak, send and write down each number."""
    heard = []
    for row in rows:
        clip = await render(OneShotVoice(), row.spoken, voice_for(row.kind + row.digits))
        sound = resample(clip, PHONE_RATE, LINE_RATE)
        heard.append((await asyncio.to_thread(ears.transcribe, sound)).text)
    return heard


def main() -> None:
    """Speak, hear and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=Path, default=SpeechSettings().model)
    parser.add_argument("--groups", type=int, nargs="*", default=[])
    args = parser.parse_args()
    rows = drawn(args.count, args.seed, groups=args.groups)
    heard = asyncio.run(hear(rows, Ears(args.model, device="cpu")))
    counts: dict[str, Counter[str]] = {}
    for row, text in zip(rows, heard, strict=True):
        got, reader = read(row.kind, text), read(row.kind, row.spoken)
        wrong = min(len(row.digits), word_errors(" ".join(row.digits), " ".join(got)))
        for kind in (row.kind, "all") if row.kind in KINDS else (row.kind,):
            counts.setdefault(kind, Counter()).update(
                numbers=1,
                digits=len(row.digits),
                right=len(row.digits) - wrong,
                whole=got == row.digits,
                reader=reader == row.digits,
            )
    print("| kind | numbers | digits right | whole numbers right | read right from the words |")
    print("| --- | --- | --- | --- | --- |")
    for kind, counted in counts.items():
        total = counted["numbers"]
        print(
            f"| {kind} | {total} | {counted['right'] / counted['digits']:.1%} "
            f"| {counted['whole'] / total:.1%} | {counted['reader'] / total:.1%} |"
        )
    share = counts["all"]["right"] / counts["all"]["digits"]
    print(f"\ndigits right {share:.1%}, wanted {WANTED:.0%}")


if __name__ == "__main__":
    main()
