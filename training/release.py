"""The last step: export a checkpoint, score it once on the test set, write card and kural.json."""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path
from string import Template

import torch

from training.export import export, publish
from training.score import TOKENS_PER_S, WINDOWS, ShortContext, Slice, score, table
from training.synth import HELD_VOICES, training_voices

CARD = Path(__file__).with_name("card.md")
NO_WORSE_POINTS = 0.3
"""Short contexts may lose this much of the exact-sentence rate (percent) to noise."""


def exact_rate(slices: list[Slice]) -> float:
    """Return the share of clips without any error over all slices, in percent."""
    return sum(s.exact * s.clips for s in slices) / sum(s.clips for s in slices)


def examples(slices: list[Slice], count: int = 3) -> str:
    """Return some wrong sentences of each slice as a Markdown list."""
    lines = []
    for part in slices:
        for said, written in part.worst[:count]:
            lines.append(f"- {part.name}: {said or '(no speech)'} -> {written or '(empty)'}")
    return "\n".join(lines)


def main() -> None:
    """Read the command line and write the finished model folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder --out of the training")
    parser.add_argument("--test", type=Path, required=True, help="test set of testset.py")
    parser.add_argument("--out", type=Path, required=True, help="models/demo-ta")
    parser.add_argument("--version", default="1.0.0")
    parser.add_argument("--date", default=datetime.datetime.now(datetime.UTC).date().isoformat())
    parser.add_argument("--tail-frames", type=int, default=ShortContext.tail_frames)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = args.run / "model"
    export(args.run / "checkpoint.pt", model)
    ShortContext.tail_frames = args.tail_frames
    results: dict[str, list[Slice]] = {}
    for window, kind in WINDOWS.items():
        loaded = kind(str(model), device="cpu", compute_type="int8", cpu_threads=1)
        results[window] = score(loaded, args.test)
    rates = {window: exact_rate(slices) for window, slices in results.items()}
    short = rates["short"] >= rates["30 s"] - NO_WORSE_POINTS
    facts: dict[str, object] = {
        "name": "demo-ta",
        "version": args.version,
        "language": "ta",
        "demo": True,
        "license": "Apache-2.0",
        "suppress_tokens": [],
        "beam_size": 1,
        "short_context": short,
        "tail_frames": args.tail_frames,
        "max_new_tokens_per_s": TOKENS_PER_S,
    }
    publish(model, args.out, facts)
    state = torch.load(args.run / "checkpoint.pt", map_location="cpu", weights_only=False)
    progress = state["progress"]
    card = Template(CARD.read_text(encoding="utf-8")).substitute(
        version=args.version,
        date=args.date,
        seed=state["seed"],
        minutes=round(progress["elapsed_s"] / 60),
        utterances=f"{progress['utterances']:,}",
        steps=f"{progress['step']:,}",
        voices=len(training_voices()),
        held_voices=", ".join(f"`{voice}`" for voice in HELD_VOICES),
        megabytes=f"{(args.out / 'model.bin').stat().st_size / 1e6:.1f}",
        scores=table(results),
        exact_30=f"{rates['30 s']:.1f}",
        exact_short=f"{rates['short']:.1f}",
        short_context=str(short).lower(),
        tail_frames=args.tail_frames,
        examples=examples(results["short" if short else "30 s"]),
    )
    (args.out / "README.md").write_text(card, encoding="utf-8")
    print(json.dumps(rates))
    print(table(results))


if __name__ == "__main__":
    main()
