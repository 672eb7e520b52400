"""What is understood of sentences that were spoken and heard, beside the same sentences as text.

Usage: ``python benchmarks/understand_heard.py [--count 300] [--seed 1] [--model DIR] [FILE...]``.
Labelled
sentences in Tamil script (both thirds; counts only) are spoken by the embedded voice in a variant
the demo model was never trained on, sent over a telephone line and written down by the ears. For
each field: right as text, right as heard, and who lost the rest, the ears or the understanding.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from collections import Counter
from pathlib import Path

from agent.callers.audio_io import LINE_RATE
from agent.callers.caller_voice import OneShotVoice, render, voice_for
from agent.callers.telephone import PHONE_RATE, resample
from agent.check_digit import is_valid
from agent.settings import PROJECT_DIR, SpeechSettings
from agent.speech.engine import Ears
from agent.speech.word_error_gate import word_errors, words_of
from agent.tamil.sound import is_tamil
from agent.understanding.rules import Rules
from agent.understanding.score import Labelled, Outcome, judge, read_labelled

FILES = sorted((PROJECT_DIR / "tests" / "data" / "sentences").glob("*.jsonl"))


def chosen(files: list[Path], count: int, seed: int) -> list[Labelled]:
    """Sentences without Latin letters or figures, drawn by the seed."""
    rows = [row for path in files for row in read_labelled(path)]
    rows = [row for row in rows if all(is_tamil(word) for word in words_of(row.text))]
    return random.Random(seed).sample(rows, min(count, len(rows)))


async def hear(rows: list[Labelled], ears: Ears) -> list[str]:
    """Speak, send and write down each sentence."""
    heard = []
    for row in rows:
        clip = await render(OneShotVoice(), row.text, voice_for(row.id))
        sound = resample(clip, PHONE_RATE, LINE_RATE)
        heard.append((await asyncio.to_thread(ears.transcribe, sound)).text)
    return heard


def main() -> None:
    """Play and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, default=FILES)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=Path, default=SpeechSettings().model)
    args = parser.parse_args()
    rows = chosen(args.files, args.count, args.seed)
    rules = Rules.load(valid_ticket=is_valid)
    heard = asyncio.run(hear(rows, Ears(args.model, device="cpu")))
    errors = sum(word_errors(row.text, text) for row, text in zip(rows, heard, strict=True))
    words = sum(len(words_of(row.text)) for row in rows)
    print(f"{len(rows)} sentences, {words} words, {errors / words:.1%} of them wrong as heard\n")
    counts: dict[str, Counter[str]] = {}
    for row, text in zip(rows, heard, strict=True):
        by_text = {r.field: r.outcome for r in judge(row, rules.understand(row.text, row.asked))}
        by_ear = {r.field: r.outcome for r in judge(row, rules.understand(text, row.asked))}
        for name in by_text.keys() | by_ear.keys():
            read = by_text.get(name, Outcome.RIGHT) is Outcome.RIGHT
            caught = by_ear.get(name, Outcome.RIGHT) is Outcome.RIGHT
            counted = counts.setdefault(name, Counter())
            counted.update(rows=1, text=read, heard=caught)
            counted.update(ears=read and not caught, understanding=not read and not caught)
    print("| field | rows | right as text | right as heard | lost by the ears | not understood |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, counted in sorted(counts.items()):
        total = counted["rows"]
        print(
            f"| {name} | {total} | {counted['text'] / total:.1%} | {counted['heard'] / total:.1%} "
            f"| {counted['ears']} | {counted['understanding']} |"
        )


if __name__ == "__main__":
    main()
