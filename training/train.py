"""Train the demo model from nothing: `python -m training.train --minutes 75 --seed 1 ...`.

Started again with the same --out, it goes on from the last checkpoint. With --prune RUN it starts
from another run's network without one of its encoder layers, which costs a quarter less and
recovers in a fraction of the time.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from training import stream
from training.model import ModelConfig, TinyWhisper
from training.synth import Espeak
from training.text import TextSource
from training.tokenizer import build_tokenizer

LEARNING_RATE = 1.2e-3
WARM_UP_STEPS = 200
FLAT_UNTIL = 0.4
"""Part of the run at the full learning rate; then it falls linearly."""
LAST_RATE = 0.015
"""Learning rate at the end, as a part of the full one."""
LONG_SHARE = 0.12
"""Share of batches padded to one of LONG_FRAMES, so that long windows work too."""
LONG_FRAMES = (1000, 1500, 1500, 3000, 3000, 3000)
BUCKET_SHARE = 0.3
"""Share of batches padded to the next of the contexts the ears decode in."""
BUCKETS = (500, 750, 1000, 1500, 3000)
"""Frames of 10 ms: agent/speech/contexts.py has the same."""
EMPTY_TOKENS = 5
"""Tokens of a clip without speech: four of the prompt, one end."""
TAIL = 40
"""Least number of zero frames after a clip that is padded to a bucket."""


@dataclass
class Progress:
    """Where a run stands; saved in every checkpoint."""

    step: int = 0
    utterances: int = 0
    pool: int = 0
    elapsed_s: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Losses:
    """Losses and accuracies of one step."""

    total: Tensor
    tokens: Tensor
    phonemes: Tensor
    guide: Tensor
    token_accuracy: float
    phoneme_accuracy: float


class Trainer:
    """One training run in one thread; the batches come from another process."""

    def __init__(self, args: argparse.Namespace) -> None:
        """Build the network, or load the checkpoint in `args.out`."""
        self.args = args
        self.budget_s = args.minutes * 60
        args.out.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(args.seed)
        self.rng = random.Random(f"steps-{args.seed}")
        self.phonemes = self._phonemes()
        tokenizer = build_tokenizer()
        config = ModelConfig(tokenizer.get_vocab_size(), len(self.phonemes))
        self.progress = Progress()
        self.checkpoint = args.out / "checkpoint.pt"
        if args.prune:
            config = replace(config, encoder_layers=config.encoder_layers - 1)
        self.model = TinyWhisper(config)
        weights = [w for w in self.model.parameters() if w.requires_grad]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [w for w in weights if w.ndim > 1], "weight_decay": 0.01},
                {"params": [w for w in weights if w.ndim < 2], "weight_decay": 0.0},
            ],
            lr=LEARNING_RATE,
            betas=(0.9, 0.98),
            fused=True,
        )
        self.weights = weights
        if self.checkpoint.exists():
            self._load()
        elif args.prune:
            self._prune()

    def run(self) -> None:
        """Train until the wall-clock budget is spent; save and score on the way."""
        context = multiprocessing.get_context("fork")
        queue = context.Queue(32)
        start_pool = self.progress.pool + 1 if self.progress.pool else 0
        arguments = (queue, self.args.data_dir, self.phonemes, self.args.seed, start_pool)
        maker = context.Process(target=stream.run, args=(*arguments, self.args.frames), daemon=True)
        maker.start()
        scoring: subprocess.Popen[bytes] | None = None
        began = time.monotonic() - self.progress.elapsed_s
        next_save = self.progress.elapsed_s + self.args.save_minutes * 60
        try:
            while self.progress.elapsed_s < self.budget_s:
                waited = time.monotonic()
                batch = queue.get()
                self._sum("wait_s", time.monotonic() - waited)
                if self.progress.step == 0 and not self.args.prune:
                    self.model.encoder.rescale(torch.from_numpy(batch.features).float())
                self._step(batch)
                self.progress.elapsed_s = time.monotonic() - began
                if self.progress.step % 100 == 0:
                    self._report()
                if self.progress.elapsed_s > next_save:
                    next_save += self.args.save_minutes * 60
                    self._save()
                    if self.args.dev and (scoring is None or scoring.poll() is not None):
                        scoring = self._score()
        finally:
            self._save()
            maker.terminate()
            maker.join()
        self._log({"end": True, "elapsed_s": round(self.progress.elapsed_s)})

    def _step(self, batch: stream.Batch) -> None:
        part = self.progress.elapsed_s / self.budget_s
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.progress.step, part) * self.args.heat
        features, tokens, phonemes, spans = self._pad(batch)
        with torch.autocast("cpu", torch.bfloat16):
            logits, frames, weights = self.model(features, tokens[:, :-1].clamp(min=0))
        losses = compute_losses(
            logits.float(), frames.float(), weights, tokens, phonemes, spans,
            silence=self.phonemes.index(stream.SILENCE), part=part,
        )  # fmt: skip
        self.optimizer.zero_grad()
        losses.total.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.progress.step += 1
        self.progress.utterances += len(features)
        self.progress.pool = max(self.progress.pool, batch.pool)
        self._sum("steps", 1)
        self._sum("token_ce", losses.tokens.item())
        self._sum("phoneme_ce", losses.phonemes.item())
        self._sum("guide", losses.guide.item())
        self._sum("token_accuracy", losses.token_accuracy)
        self._sum("phoneme_accuracy", losses.phoneme_accuracy)

    def _pad(self, batch: stream.Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the batch as tensors with a random tail of zero frames, at times a long one."""
        arrays = (batch.features, batch.tokens, batch.phonemes, batch.spans)
        features, tokens, phonemes, spans = (torch.from_numpy(a) for a in arrays)
        frames = self._frames(features.shape[2])
        # A step of 3,000 frames costs four usual ones, hence the larger allowance.
        keep = max(2, (6_000 if frames > 1_000 else self.args.frames) // frames)
        if frames > 1_000:
            # Clips without speech first: a long empty window is where text appears from nothing.
            order = torch.argsort((tokens >= 0).sum(1) > EMPTY_TOKENS, stable=True)[:keep]
        else:
            order = torch.arange(len(tokens))[:keep]
        features, tokens = features[order], tokens[order]
        phonemes, spans = phonemes[order], spans[order]
        extra = frames - features.shape[2]
        silence = self.phonemes.index(stream.SILENCE)
        features = F.pad(features.float(), (0, extra))
        phonemes = F.pad(phonemes, (0, frames // 2 - phonemes.shape[1]), value=silence)
        return features, tokens, phonemes, spans

    def _frames(self, spoken: int) -> int:
        """Return how many frames a batch of `spoken` frames is padded to."""
        roll = self.rng.random()
        if roll < LONG_SHARE and self.progress.step > 300:
            return max(spoken, self.rng.choice(LONG_FRAMES))
        if roll < LONG_SHARE + BUCKET_SHARE:
            return next(f for f in BUCKETS if f >= min(spoken + TAIL, BUCKETS[-1]))
        if roll < LONG_SHARE + BUCKET_SHARE + 0.2:
            return spoken + self.rng.choice([20, 40, 60, 100])
        return spoken

    def _phonemes(self) -> list[str]:
        path = self.args.out / "phonemes.json"
        if self.args.prune and not path.exists():
            shutil.copyfile(self.args.prune / "phonemes.json", path)
        if not path.exists():
            source = TextSource(self.args.data_dir)
            found = stream.phoneme_inventory(source, Espeak(), self.args.seed)
            path.write_text(json.dumps(found), encoding="utf-8")
        return list(json.loads(path.read_text(encoding="utf-8")))

    def _sum(self, name: str, value: float) -> None:
        self.progress.sums[name] = self.progress.sums.get(name, 0.0) + value

    def _report(self) -> None:
        sums, self.progress.sums = self.progress.sums, {}
        steps = sums.pop("steps")
        wait_s = sums.pop("wait_s", 0.0)
        line: dict[str, object] = {
            "elapsed_s": round(self.progress.elapsed_s),
            "step": self.progress.step,
            "utterances": self.progress.utterances,
            "utt_per_s": round(self.progress.utterances / self.progress.elapsed_s, 1),
            "wait_s": round(wait_s, 1),
        }
        line |= {name: round(total / steps, 3) for name, total in sums.items()}
        self._log(line)

    def _log(self, line: dict[str, object]) -> None:
        with (self.args.out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _save(self) -> None:
        state = {
            "config": self.model.config.as_dict(),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": self.progress.__dict__,
            "rng": self.rng.getstate(),
            "torch_rng": torch.get_rng_state(),
            "seed": self.args.seed,
        }
        fresh = self.checkpoint.with_suffix(".new")
        torch.save(state, fresh)
        fresh.replace(self.checkpoint)

    def _load(self) -> None:
        state = torch.load(self.checkpoint, weights_only=False)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        for group in self.optimizer.param_groups:
            group |= {"fused": True, "foreach": False}
        self.progress = Progress(**state["progress"])
        self.rng.setstate(state["rng"])
        torch.set_rng_state(state["torch_rng"])

    def _prune(self) -> None:
        """Take over another run's weights and place in the data, without one encoder layer."""
        state = torch.load(self.args.prune / "checkpoint.pt", weights_only=False)
        self.model.load_state_dict(without_layer(state["model"], self.args.drop))
        self.progress.pool = state["progress"]["pool"]

    def _score(self) -> subprocess.Popen[bytes]:
        """Export and score on the development set in a process of its own."""
        model = self.args.out / "model"
        command = [sys.executable, "-m", "training.score", "--checkpoint", str(self.checkpoint)]
        command += ["--model", str(model), "--set", str(self.args.dev)]
        command += ["--append", str(self.args.out / "dev.jsonl"), "--contexts", "5"]
        with (self.args.out / "score.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)


def without_layer(weights: dict[str, Tensor], layer: int) -> dict[str, Tensor]:
    """Return a network's weights without one encoder layer, those behind it moved up."""
    kept = {}
    for name, weight in weights.items():
        found = re.fullmatch(r"encoder\.layers\.(\d+)\.(.+)", name)
        number = int(found[1]) if found else -1
        if found and number > layer:
            kept[f"encoder.layers.{number - 1}.{found[2]}"] = weight
        elif number != layer:
            kept[name] = weight
    return kept


def learning_rate(step: int, part: float) -> float:
    """Return the learning rate at a step, `part` of the wall-clock budget being spent."""
    warm_up = min(1.0, (step + 1) / WARM_UP_STEPS)
    return LEARNING_RATE * warm_up * min(1.0, max(LAST_RATE, (1 - part) / (1 - FLAT_UNTIL)))


def compute_losses(
    logits: Tensor,
    frames: Tensor,
    weights: Tensor,
    tokens: Tensor,
    phonemes: Tensor,
    spans: Tensor,
    *,
    silence: int,
    part: float,
) -> Losses:
    """Return token, phoneme and guided-attention losses and their weighted sum.

    The phoneme loss is what makes the model learn to listen within minutes; the guide pulls the
    last decoder layer's attention to where espeak said each token (80 ms either side).
    """
    targets = tokens[:, 1:].clone()
    targets[:, :2] = -100
    targets[targets == -1] = -100
    token_loss = F.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=-100, label_smoothing=0.05
    )
    phoneme_loss = F.cross_entropy(frames.flatten(0, 1), phonemes.flatten())
    times = torch.arange(frames.shape[1]) * 0.02
    window = (times >= spans[..., :1] - 0.08) & (times <= spans[..., 1:] + 0.08)
    spoken = spans[..., 0] >= 0
    guide = token_loss * 0
    if spoken.any():
        inside = (weights * window.float()).sum(-1).clamp(min=1e-4)
        guide = -inside.log()[spoken].mean()
    phoneme_weight = 1.0 if part < 0.6 else 0.5
    guide_weight = 0.5 if part < 0.35 else 0.15
    with torch.no_grad():
        counted, speech = targets != -100, phonemes != silence
        token_accuracy = (logits.argmax(-1) == targets)[counted].float().mean().item()
        right = (frames.argmax(-1) == phonemes)[speech].float()
    return Losses(
        total=token_loss + phoneme_weight * phoneme_loss + guide_weight * guide,
        tokens=token_loss,
        phonemes=phoneme_loss,
        guide=guide,
        token_accuracy=token_accuracy,
        phoneme_accuracy=right.mean().item() if len(right) else 0.0,
    )


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=75, help="wall-clock budget")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the three tables")
    parser.add_argument("--out", type=Path, required=True, help="checkpoints and logs")
    parser.add_argument("--dev", type=Path, help="development set to score on the way")
    parser.add_argument("--prune", type=Path, help="run to start from, less one encoder layer")
    parser.add_argument("--drop", type=int, default=1, help="the layer left out, from 0")
    parser.add_argument("--heat", type=float, default=1.0, help="factor on the learning rate")
    parser.add_argument("--save-minutes", type=float, default=8)
    parser.add_argument("--frames", type=int, default=4800, help="mel frames in a batch")
    args = parser.parse_args()
    torch.set_num_threads(1)  # two threads on a shared machine took ten times longer
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that a stopped run saves itself
    Trainer(args).run()


if __name__ == "__main__":
    main()
