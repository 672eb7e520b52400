"""How short may the encoder's window be? Accuracy and time of several contexts, side by side.

Usage: ``python benchmarks/context_floor.py CLIPS [MODEL]`` where CLIPS is a folder made by
``python -m training.testset --kind test --seed N --data-dir agent/understanding/data --out CLIPS``
(a seed no model was scored with) and MODEL a checkpoint folder that allows a short context.
Every context hears the same clips through the real ears, one after another on one thread.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz.distance import Levenshtein

from agent.settings import Settings
from agent.speech.audio import Samples, read_audio
from agent.speech.engine import Ears

CONTEXTS: dict[str, dict[str, int | bool]] = {
    "30 s window": {"short_context": False},
    "sound + 0.6 s": {"short_context": True, "tail_frames": 60, "min_frames": 0},
    "at least 3 s": {"short_context": True, "tail_frames": 60, "min_frames": 300},
    "at least 6 s, + 1 s": {"short_context": True, "tail_frames": 100, "min_frames": 600},
    "at least 10 s, + 1 s": {"short_context": True, "tail_frames": 100, "min_frames": 1000},
}


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip of a test set."""

    slice: str
    text: str
    samples: Samples


def main() -> None:
    """Print one row a context."""
    folder = Path(sys.argv[1])
    model = Path(sys.argv[2]) if len(sys.argv) > 2 else Settings().speech.model
    lines = (folder / "index.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    clips = [
        Clip(
            row["slice"], row["text"], read_audio(folder / row["file"], sample_rate=16_000).samples
        )
        for row in rows
    ]
    print("| context | words wrong % | clips exact % | ms a clip | exact by slice % |")
    print("|---|---|---|---|---|")
    for name, facts in CONTEXTS.items():
        print(_row(name, _ears(model, facts), clips), flush=True)


def _ears(model: Path, facts: dict[str, int | bool]) -> Ears:
    """The ears of a model with other facts in its kural.json."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        for part in model.iterdir():
            if part.name != "kural.json":
                (copy / part.name).symlink_to(part.resolve())
        card = model / "kural.json"
        known = json.loads(card.read_text(encoding="utf-8")) if card.is_file() else {}
        (copy / "kural.json").write_text(json.dumps(known | facts), encoding="utf-8")
        return Ears(copy, device="cpu", threads=1)


def _row(name: str, ears: Ears, clips: list[Clip]) -> str:
    exact, count = Counter[str](), Counter[str]()
    wrong = words = 0
    began = time.perf_counter()
    for clip in clips:
        heard = ears.transcribe(clip.samples).text
        count[clip.slice] += 1
        exact[clip.slice] += heard == clip.text
        wrong += Levenshtein.distance(heard.split(), clip.text.split())
        words += len(clip.text.split())
    took_ms = (time.perf_counter() - began) * 1000 / len(clips)
    slices = ", ".join(f"{k} {100 * exact[k] / count[k]:.0f}" for k in count)
    share = 100 * exact.total() / len(clips)
    return f"| {name} | {100 * wrong / words:.1f} | {share:.1f} | {took_ms:.0f} | {slices} |"


if __name__ == "__main__":
    main()
