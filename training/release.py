"""The last step: export a checkpoint, score it once on the test set, write card and kural.json."""

from __future__ import annotations

import argparse
import datetime
import json
from dataclasses import asdict
from pathlib import Path
from string import Template

import torch

from training.export import export, publish
from training.score import (
    CONTEXTS_S,
    TAIL_FRAMES,
    TOKENS_PER_S,
    Slice,
    group_errors,
    group_table,
    load,
    score,
    table,
)
from training.stream import EMPTY_SHARE
from training.synth import HELD_VOICES, training_voices
from training.text_lexicon import load_lexicon

CARD = Path(__file__).with_name("card.md")
NO_WORSE_POINTS = 1.0
"""Short contexts may lose this much word error (percent) in any promise, else they are not used."""


def shortest_context(results: dict[str, list[Slice]]) -> int:
    """Return the shortest context in seconds that keeps every promise within NO_WORSE_POINTS."""
    full = group_errors(results[f"{max(CONTEXTS_S)} s"])
    passed = max(CONTEXTS_S)
    for context_s in sorted(CONTEXTS_S, reverse=True)[1:]:
        short = group_errors(results[f"{context_s} s"])
        if any(short[group] > full[group] + NO_WORSE_POINTS for group in full):
            break
        passed = context_s
    return passed


def examples(slices: list[Slice], count: int = 3) -> str:
    """Return some wrong sentences of each slice as a Markdown list."""
    lines = []
    for part in slices:
        for said, written in part.worst[:count]:
            lines.append(f"- {part.name}: {said or '(no speech)'} -> {written or '(empty)'}")
    return "\n".join(lines)


def misses(slices: list[Slice]) -> str:
    """Return every wrong clip as tab-separated lines: slice, said, written."""
    rows = [f"{s.name}\t{said}\t{written}" for s in slices for said, written in s.worst]
    return "\n".join(["slice\tsaid\twritten", *rows]) + "\n"


def main() -> None:
    """Read the command line and write the finished model folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder --out of the training")
    parser.add_argument("--test", type=Path, required=True, help="test set of testset.py")
    parser.add_argument("--out", type=Path, required=True, help="models/demo-ta")
    parser.add_argument("--version", default="1.0.0")
    parser.add_argument("--date", default=datetime.datetime.now(datetime.UTC).date().isoformat())
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the three tables")
    parser.add_argument("--test-seed", type=int, required=True, help="for the card")
    parser.add_argument("--runs", type=Path, required=True, help="Markdown list of all runs")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = args.run / "model"
    export(args.run / "checkpoint.pt", model)
    results = {f"{c} s": score(load(model, c), args.test) for c in CONTEXTS_S}
    (args.run / "release.json").write_text(
        json.dumps({c: [asdict(s) for s in slices] for c, slices in results.items()}),
        encoding="utf-8",
    )
    floor = shortest_context(results)
    facts: dict[str, object] = {
        "name": "demo-ta",
        "version": args.version,
        "language": "ta",
        "demo": True,
        "license": "Apache-2.0",
        "suppress_tokens": [],
        "beam_size": 1,
        "short_context": floor < max(CONTEXTS_S),
        "tail_frames": TAIL_FRAMES,
        "min_frames": floor * 100,
        "max_new_tokens_per_s": TOKENS_PER_S,
    }
    publish(model, args.out, facts)
    state = torch.load(args.run / "checkpoint.pt", map_location="cpu", weights_only=False)
    progress = state["progress"]
    lexicon = load_lexicon(args.data_dir)
    card = Template(CARD.read_text(encoding="utf-8")).substitute(
        version=args.version,
        date=args.date,
        seed=state["seed"],
        minutes=round(progress["elapsed_s"] / 60),
        utterances=f"{progress['utterances']:,}",
        steps=f"{progress['step']:,}",
        encoder=state["config"]["encoder_layers"],
        decoder=state["config"]["decoder_layers"],
        empty=f"{EMPTY_SHARE * 100:g}",
        voices=len(training_voices()),
        held_voices=", ".join(f"`{voice}`" for voice in HELD_VOICES),
        megabytes=f"{(args.out / 'model.bin').stat().st_size / 1e6:.1f}",
        scores=table(results),
        promises=group_table(results),
        held_persons=len(lexicon.held_persons),
        held_places=len(lexicon.held_places),
        runs=args.runs.read_text(encoding="utf-8").strip(),
        test_seed=args.test_seed,
        short_context=str(floor < max(CONTEXTS_S)).lower(),
        floor=floor,
        examples=examples(results[f"{floor} s"]),
    )
    text = misses(results[f"{floor} s"])
    (args.out / "misses.tsv").write_text(text, encoding="utf-8")
    (args.out / "README.md").write_text(card, encoding="utf-8")
    print(table(results))
    print(group_table(results))


if __name__ == "__main__":
    main()
