"""Fixed clips to score a model on: held-out voices over a telephone band, by slice.

`--kind dev` is watched during training and chooses settings; `--kind test` is scored once.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from random import Random

import numpy as np
import soundfile
import soxr

from training.augment import LINE_RATE, MODEL_RATE, Telephone
from training.synth import HELD_VOICES, SAMPLE_RATE, Espeak
from training.text import TextSource, clean, target
from training.text_calls import NAME_FRAMES
from training.text_lexicon import read_colloquial, read_lines
from training.text_numbers import SPOKEN, phone_number, random_digits, say_digits

DEMO_LINES = 46
"""The first lines of demo_turns.txt: the eight demo calls."""
ANSWERS = "ஆமா ஆமாங்க ஆமாம் சரி சரிங்க இல்ல இல்லைங்க வேண்டாம் தெரியல ம்ம் ஹலோ".split()
SIZES = {
    "dev": {
        "complaint": 40, "place": 24, "landmark": 16, "days": 10, "name": 12, "answer": 11,
        "phone": 24, "ticket": 10, "held_place": 24, "held_name": 24, "pseudo": 12, "empty": 24,
        "colloquial": 120,
    },
    "test": {
        "complaint": 120, "place": 80, "landmark": 50, "days": 40, "name": 60, "answer": 33,
        "phone": 90, "ticket": 40, "held_place": 90, "held_name": 90, "pseudo": 60, "empty": 150,
        "colloquial": 300, "demo": DEMO_LINES * 3,
    },
}  # fmt: skip
SEEN_DRAWS = 300_000
"""Test complaints that turn up in this many simulated training draws are left out."""


def sentences(source: TextSource, kind: str, seed: int) -> list[tuple[str, str]]:
    """Return (slice, spoken sentence) pairs; empty sentences stand for clips without speech."""
    rng = Random(f"{kind}-{seed}")
    sizes = SIZES[kind]
    lexicon = source.lexicon
    draws = Random(f"seen-{seed}")
    seen = {target(source.draw(draws)) for _ in range(SEEN_DRAWS if kind == "test" else 1000)}
    loose = read_colloquial(kind)
    pairs: list[tuple[str, str]] = []
    for name, count in sizes.items():
        for i in range(count):
            if name in ("held_place", "held_name"):
                held = lexicon.held_places if name == "held_place" else lexicon.held_persons
                word = rng.choice(held)
                text = source.open.place(rng, word) if name == "held_place" else _named(rng, word)
            elif name == "pseudo":
                text = source.open.pseudo.phrase(rng, held=True)
            elif name == "colloquial":
                text = loose[i % len(loose)]
            elif name == "answer":
                text = ANSWERS[i % len(ANSWERS)]
            elif name == "demo":
                text = read_lines("demo_turns")[i // len(HELD_VOICES)]
            elif name == "phone":
                text = phone_number(rng) if i % 3 else _usual_phone(rng)
            elif name == "empty":
                text = ""
            else:
                text = clean(source.calls.draw(rng, name))
                while len(text) > 90 or (name == "complaint" and target(text) in seen):
                    text = clean(source.calls.draw(rng, name))
            pairs.append((name, clean(text)))
    return pairs


def _named(rng: Random, name: str) -> str:
    """Half of the callers say the bare name, half a sentence with it."""
    frames = [frame for frame in NAME_FRAMES if frame.count("{") == 1 and frame != "{n}"]
    return name if rng.random() < 0.5 else rng.choice(frames).format(n=name)


def _usual_phone(rng: Random) -> str:
    return say_digits(random_digits(10, rng, phone=True), [4, 2, 2, 2], SPOKEN, rng)


def telephone(samples: np.ndarray, rng: Random, noise: np.random.Generator) -> np.ndarray:
    """Return speech as a gateway delivers it: 8 kHz, mu-law, half with a 300-3400 Hz brick wall."""
    x = soxr.resample(samples, SAMPLE_RATE, LINE_RATE, quality="HQ")
    lead, tail = rng.uniform(0.1, 0.6), rng.uniform(0.2, 0.9)
    edges = (np.zeros(int(lead * LINE_RATE)), np.zeros(int(tail * LINE_RATE)))
    x = np.concatenate([edges[0], x, edges[1]])
    x *= 10 ** (rng.uniform(-20, -3) / 20) / np.abs(x).max()
    if rng.random() < 0.5:
        level = np.sqrt((x**2).mean())
        x = x + noise.standard_normal(len(x)) * level * 10 ** (-rng.uniform(15, 40) / 20)
    q = np.round(np.sign(x) * np.log1p(255 * np.abs(x).clip(0, 1)) / np.log(256) * 127) / 127
    x = np.sign(q) * (256 ** np.abs(q) - 1) / 255
    x = soxr.resample(x, LINE_RATE, MODEL_RATE, quality="HQ")
    if rng.random() < 0.5:
        spectrum = np.fft.rfft(x)
        f = np.fft.rfftfreq(len(x), 1 / MODEL_RATE)
        x = np.fft.irfft(spectrum * ((f > 300) & (f < 3400)), len(x))
    return x.astype(np.float32)


def write(data_dir: Path, out: Path, kind: str, seed: int) -> None:
    """Write the clips and index.jsonl to `out`."""
    out.mkdir(parents=True, exist_ok=True)
    rng, noise = Random(f"audio-{kind}-{seed}"), np.random.default_rng([seed, len(kind)])
    espeak, line = Espeak(), Telephone(rng, noise)
    with (out / "index.jsonl").open("w", encoding="utf-8") as index:
        for i, (name, text) in enumerate(sentences(TextSource(data_dir), kind, seed)):
            voice = HELD_VOICES[i % len(HELD_VOICES)]
            if text:
                rate, pitch = rng.randint(145, 200), rng.randint(35, 65)
                speech = espeak.say(text, voice, rate, pitch, rng.randint(40, 65))
                samples = telephone(speech.samples, rng, noise)
            else:
                samples = line.nothing()
            file = f"{name}_{i:04d}.wav"
            soundfile.write(out / file, samples, MODEL_RATE)
            seconds = round(len(samples) / MODEL_RATE, 3)
            row = {"slice": name, "file": file, "text": target(text), "voice": voice}
            index.write(json.dumps({**row, "seconds": seconds}, ensure_ascii=False) + "\n")


def main() -> None:
    """Read the command line and write the set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kind", choices=sorted(SIZES), required=True)
    parser.add_argument("--seed", type=int, default=2026)
    args = parser.parse_args()
    write(args.data_dir, args.out, args.kind, args.seed)


if __name__ == "__main__":
    main()
