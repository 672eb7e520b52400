"""Score an exported model with faster-whisper: errors by slice, in the 30 s window and short."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import jiwer
import numpy as np
import soundfile
from faster_whisper import WhisperModel

SAMPLE_RATE = 16_000
TOKENS_PER_S = 25
TOKENS_EXTRA = 20
OPTIONS = {
    "language": "ta",
    "beam_size": 1,
    "without_timestamps": True,
    "condition_on_previous_text": False,
    "temperature": 0.0,
    "suppress_tokens": [],
    "compression_ratio_threshold": None,
}
"""How this model is meant to be decoded."""


class ShortContext(WhisperModel):
    """Drops the zero frames faster-whisper appends, but for a short tail."""

    tail_frames = 60
    """Chosen on the development set: 20 lost one-word answers, 200 was no better."""

    def encode(self, features: np.ndarray) -> object:
        """Encode only the frames with sound and `tail_frames` after them."""
        heard = np.flatnonzero(np.abs(features).sum(axis=0))
        count = (int(heard[-1]) + 1 if len(heard) else 0) + self.tail_frames
        count = min(features.shape[-1], count + count % 2)
        return super().encode(np.ascontiguousarray(features[:, :count]))


WINDOWS: dict[str, type[WhisperModel]] = {"30 s": WhisperModel, "short": ShortContext}


@dataclass
class Slice:
    """What a slice came to."""

    name: str
    clips: int
    wer: float
    """Word error rate in percent; clips without speech: percent that gave any text."""
    cer: float
    """Character error rate in percent."""
    exact: float
    """Sentences without any error, in percent."""
    latency_ms: float
    """Mean time for a clip, one thread."""
    worst: list[tuple[str, str]] = field(default_factory=list)
    """Some wrong sentences: reference and output."""


def transcribe(model: WhisperModel, samples: np.ndarray) -> str:
    """Return the text of one clip (float32 at 16 kHz)."""
    limit = int(len(samples) / SAMPLE_RATE * TOKENS_PER_S) + TOKENS_EXTRA
    segments, _ = model.transcribe(samples, max_new_tokens=limit, **OPTIONS)
    return " ".join(segment.text.strip() for segment in segments).strip()


def score(model: WhisperModel, folder: Path) -> list[Slice]:
    """Return one `Slice` for each slice of a set written by testset.py."""
    lines = (folder / "index.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    slices: list[Slice] = []
    for name in dict.fromkeys(row["slice"] for row in rows):
        references, outputs, times = [], [], []
        for row in (row for row in rows if row["slice"] == name):
            samples, _ = soundfile.read(folder / row["file"], dtype="float32")
            began = time.perf_counter()
            outputs.append(transcribe(model, samples))
            times.append(time.perf_counter() - began)
            references.append(row["text"])
        slices.append(_summary(name, references, outputs, times))
    return slices


def _summary(name: str, refs: list[str], outs: list[str], times: list[float]) -> Slice:
    exact = 100 * statistics.mean(a == b for a, b in zip(refs, outs, strict=True))
    wrong = [(a, b) for a, b in zip(refs, outs, strict=True) if a != b]
    if not any(refs):
        wer, cer = 100 - exact, 100 - exact
    else:
        filled = [out or "-" for out in outs]
        wer, cer = 100 * jiwer.wer(refs, filled), 100 * jiwer.cer(refs, filled)
    latency = 1000 * statistics.mean(times)
    values = [round(value, 1) for value in (wer, cer, exact, latency)]
    return Slice(name, len(refs), *values, worst=wrong[:40])


def table(results: dict[str, list[Slice]]) -> str:
    """Return results (by window) as a Markdown table."""
    windows = list(results)
    head = ["slice", "clips"]
    head += [f"{w}: WER / CER / exact %, ms" for w in windows]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for i, first in enumerate(results[windows[0]]):
        cells = [first.name, str(first.clips)]
        for window in windows:
            s = results[window][i]
            cells.append(f"{s.wer} / {s.cer} / {s.exact}, {s.latency_ms:.0f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Read the command line, score, print a table; at wish export first and keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, help="export this to --model first")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--set", type=Path, required=True)
    parser.add_argument("--append", type=Path, help="JSON-lines file to add the scores to")
    parser.add_argument("--windows", nargs="+", choices=sorted(WINDOWS), default=list(WINDOWS))
    parser.add_argument("--tail-frames", type=int, default=ShortContext.tail_frames)
    args = parser.parse_args()
    if args.checkpoint:
        from training.export import export  # only this path needs torch

        export(args.checkpoint, args.model)
    ShortContext.tail_frames = args.tail_frames
    results: dict[str, list[Slice]] = {}
    for window in args.windows:
        kind = WINDOWS[window]
        model = kind(str(args.model), device="cpu", compute_type="int8", cpu_threads=1)
        results[window] = score(model, args.set)
    print(table(results))
    if args.append:
        record = {window: [asdict(s) for s in slices] for window, slices in results.items()}
        with args.append.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
