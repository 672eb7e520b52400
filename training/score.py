"""Score an exported model with faster-whisper: errors by slice, in contexts of 5 to 30 s."""

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
FRAME_S = 0.01
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
CONTEXTS_S = (30, 15, 10, 5)
"""Seconds the encoder hears; a longer clip gets the next that holds it."""
BUCKETS = (500, 750, 1000, 1500, 3000)
"""Frames of the contexts the ears decode in (agent/speech)."""
TAIL_FRAMES = 40
"""Zero frames that must be left after the sound: 20 lost one-word answers."""
RUNAWAY_WORDS = 4
"""An output with this many more words than were said ran away."""
GROUPS = {
    "known words": ("complaint", "place", "landmark", "days", "name", "answer"),
    "digits": ("phone", "ticket"),
    "unseen names and places": ("held_place", "held_name"),
    "colloquial, unseen": ("colloquial",),
    "no speech": ("empty",),
}
"""The slices each promise of the card is about."""


class Context(WhisperModel):
    """Gives the encoder at least `least` frames, at most the 3,000 faster-whisper makes."""

    least = BUCKETS[-1]

    def encode(self, features: np.ndarray) -> object:
        """Encode the sound and zero frames up to the next bucket."""
        heard = np.flatnonzero(np.abs(features).sum(axis=0))
        sound = (int(heard[-1]) + 1 if len(heard) else 0) + TAIL_FRAMES
        frames = next((f for f in BUCKETS if f >= max(self.least, sound)), BUCKETS[-1])
        return super().encode(np.ascontiguousarray(features[:, :frames]))


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
    """Mean CPU time for a clip, one thread."""
    runaways: int = 0
    """Clips with `RUNAWAY_WORDS` more words than were said."""
    words: int = 0
    """Words said in the slice: the weight of `wer`."""
    worst: list[tuple[str, str]] = field(default_factory=list)
    """Wrong sentences: reference and output."""


def load(model: Path, context_s: int) -> Context:
    """Return the model with contexts of at least `context_s` seconds, on one thread."""
    loaded = Context(str(model), device="cpu", compute_type="int8", cpu_threads=1)
    loaded.least = round(context_s / FRAME_S)
    return loaded


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
            began = time.process_time()
            outputs.append(transcribe(model, samples))
            times.append(time.process_time() - began)
            references.append(row["text"])
        slices.append(_summary(name, references, outputs, times))
    return slices


def _summary(name: str, refs: list[str], outs: list[str], times: list[float]) -> Slice:
    pairs = list(zip(refs, outs, strict=True))
    exact = 100 * statistics.mean(a == b for a, b in pairs)
    if not any(refs):
        wer, cer = 100 - exact, 100 - exact
    else:
        filled = [out or "-" for out in outs]
        wer, cer = 100 * jiwer.wer(refs, filled), 100 * jiwer.cer(refs, filled)
    latency = 1000 * statistics.mean(times)
    values = [round(value, 1) for value in (wer, cer, exact, latency)]
    runaways = sum(len(b.split()) >= len(a.split()) + RUNAWAY_WORDS for a, b in pairs)
    words = sum(len(a.split()) for a in refs)
    return Slice(name, len(refs), *values, runaways, words, [p for p in pairs if p[0] != p[1]])


def table(results: dict[str, list[Slice]]) -> str:
    """Return results (by context) as a Markdown table."""
    contexts = list(results)
    head = ["slice", "clips", *(f"{c}: WER / CER / exact %, ms" for c in contexts)]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for i, first in enumerate(results[contexts[0]]):
        cells = [first.name, str(first.clips)]
        for context in contexts:
            s = results[context][i]
            cells.append(f"{s.wer} / {s.cer} / {s.exact}, {s.latency_ms:.0f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def group_errors(slices: list[Slice]) -> dict[str, float]:
    """Return the word error rate of each of GROUPS, in percent of all words said in it.

    Clips without speech: percent that gave any text. Digits are words here, so their rate is the
    share of digits dropped, doubled or confused.
    """
    rates: dict[str, float] = {}
    for group, names in GROUPS.items():
        parts = [s for s in slices if s.name in names]
        weight = sum(s.words or s.clips for s in parts)
        if weight:
            rates[group] = round(sum(s.wer * (s.words or s.clips) for s in parts) / weight, 2)
    return rates


def group_table(results: dict[str, list[Slice]]) -> str:
    """Return the promises by context as a Markdown table, runaways last."""
    lines = ["| word error, % | " + " | ".join(results) + " |", "|" + " --- |" * (len(results) + 1)]
    rates = {context: group_errors(slices) for context, slices in results.items()}
    for group in next(iter(rates.values())):
        cells = [f"{by_group[group]:g}" for by_group in rates.values()]
        lines.append(f"| {group} | " + " | ".join(cells) + " |")
    runs = [str(sum(s.runaways for s in slices)) for slices in results.values()]
    return "\n".join([*lines, "| runaway texts | " + " | ".join(runs) + " |"])


def timings(models: dict[str, Path], clip: np.ndarray, rounds: int = 20) -> str:
    """Return CPU milliseconds for one clip by model and context as a Markdown table.

    The models take turns in every round, so that a busy machine hits all of them alike.
    """
    loaded = {(n, c): load(path, c) for n, path in models.items() for c in CONTEXTS_S}
    times: dict[tuple[str, int], list[float]] = {key: [] for key in loaded}
    for _ in range(rounds):
        for key, model in loaded.items():
            began = time.process_time()
            transcribe(model, clip)
            times[key].append(1000 * (time.process_time() - began))
    lines = ["| CPU ms, median | " + " | ".join(f"{c} s" for c in CONTEXTS_S) + " |"]
    lines.append("|" + " --- |" * (len(CONTEXTS_S) + 1))
    for name in models:
        cells = [f"{statistics.median(times[name, c]):.0f}" for c in CONTEXTS_S]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Read the command line, score, print a table; at wish export first and keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, help="export this to --model first")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--set", type=Path, required=True)
    parser.add_argument("--append", type=Path, help="JSON-lines file to add the scores to")
    parser.add_argument("--contexts", nargs="+", type=int, default=list(CONTEXTS_S))
    parser.add_argument("--beside", type=Path, help="only time both models on a clip of 4 s")
    args = parser.parse_args()
    if args.checkpoint:
        from training.export import export  # only this path needs torch

        export(args.checkpoint, args.model)
    if args.beside:
        clip = clip_of(args.set, 4.0)
        print(timings({str(args.model): args.model, str(args.beside): args.beside}, clip))
        return
    results = {f"{c} s": score(load(args.model, c), args.set) for c in args.contexts}
    print(table(results))
    print(group_table(results), flush=True)
    if args.append:
        record = {context: [asdict(s) for s in slices] for context, slices in results.items()}
        with args.append.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def clip_of(folder: Path, seconds: float) -> np.ndarray:
    """Return the clip with speech of a set whose length is nearest to `seconds`."""
    lines = (folder / "index.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["text"]]
    nearest = min(rows, key=lambda row: abs(row["seconds"] - seconds))
    samples, _ = soundfile.read(folder / nearest["file"], dtype="float32")
    return np.asarray(samples)


if __name__ == "__main__":
    main()
