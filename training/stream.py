"""The endless, seeded stream of training batches, made in a process of its own.

Utterances come in numbered pools; pool k of a seed is always the same, so that an interrupted
training run goes on with the next pool.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.queues import Queue
from pathlib import Path
from random import Random

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from tokenizers import Tokenizer

from training.augment import Telephone
from training.synth import FIRST_VOICES, Espeak, Speech, training_voices
from training.text import CALL_SHARE, TextSource, target_map
from training.tokenizer import build_tokenizer

SILENCE = "_"
POOL = 256
"""Utterances sorted by length together; longer pools waste less padding, mix less."""
EMPTY_SHARE = 0.06
TIMESTAMP_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the curriculum: short, clean sentences of clear voices come first."""

    until: int
    """Utterances; the stage ends there."""
    max_chars: int
    voices: int
    """How many of the voices, clear ones first; 0 for all."""
    light: bool
    """Hardly any noise or band loss."""
    call_share: float = CALL_SHARE
    """Share of call turns."""
    long_share: float = 0.0
    """Share of utterances that are two or three sentences in one breath."""


CURRICULUM = (
    Stage(until=1_536, max_chars=30, voices=1, light=True),
    Stage(until=4_096, max_chars=32, voices=len(FIRST_VOICES), light=True),
    Stage(until=8_192, max_chars=50, voices=len(FIRST_VOICES), light=False),
    Stage(until=14_336, max_chars=70, voices=0, light=False),
    Stage(until=50_176, max_chars=100, voices=0, light=False),
    Stage(until=1 << 60, max_chars=100, voices=0, light=False, call_share=0.5, long_share=0.1),
)


@dataclass(slots=True)
class Utterance:
    """One training example before batching."""

    features: np.ndarray
    """Log-mel, float16, 80 x frames (100 a second)."""
    tokens: list[int]
    """Prompt, text, end."""
    phonemes: np.ndarray
    """Phoneme index for each encoder position (50 a second)."""
    spans: list[tuple[float, float]]
    """Start and end in seconds of each text token; empty for clips without speech."""
    first_text: int
    """Index of the first text token in `tokens`."""


@dataclass(slots=True)
class Batch:
    """Arrays of one training step."""

    pool: int
    features: np.ndarray
    """float16, B x 80 x T."""
    tokens: np.ndarray
    """int64, B x L, -1 after the end."""
    phonemes: np.ndarray
    """int64, B x T/2."""
    spans: np.ndarray
    """float32, B x (L-1) x 2 seconds, -1 where there is none."""
    prefix: dict[str, int] = field(default_factory=dict)


def phoneme_inventory(source: TextSource, espeak: Espeak, seed: int) -> list[str]:
    """Return the phonemes espeak uses for 2,500 sentences, silence included, sorted."""
    rng, seen = Random(f"phonemes-{seed}"), Counter([SILENCE])
    for i in range(2_500):
        voice = FIRST_VOICES[i % len(FIRST_VOICES)]
        seen.update(name for _, name in espeak.say(source.draw(rng), voice, 175, 50, 50).phonemes)
    return sorted(seen)


class Maker:
    """Makes utterances: text, speech, line, features and labels."""

    def __init__(self, data_dir: Path, phonemes: list[str]) -> None:
        """Load the word lists, the synthesiser and the tokenizer."""
        self.source = TextSource(data_dir)
        self.espeak = Espeak()
        self._voices = training_voices()
        self._phoneme_ids = {name: i for i, name in enumerate(phonemes)}
        self._silence = self._phoneme_ids[SILENCE]
        self._tokenizer: Tokenizer = build_tokenizer()
        self._features = FeatureExtractor()
        ids = self._tokenizer.token_to_id
        self._prompt = [ids("<|startoftranscript|>"), ids("<|ta|>"), ids("<|transcribe|>")]
        self._no_timestamps, self._end = ids("<|notimestamps|>"), ids("<|endoftext|>")

    def pool(self, seed: int, number: int) -> list[Utterance]:
        """Return the utterances of one numbered pool."""
        rng = Random(f"{seed}-{number}")
        line = Telephone(rng, np.random.default_rng([seed, number]))
        stage = next(s for s in CURRICULUM if number * POOL < s.until)
        mask = number * POOL > 16_000
        return [self._utterance(rng, line, stage, mask) for _ in range(POOL)]

    def _utterance(self, rng: Random, line: Telephone, stage: Stage, mask: bool) -> Utterance:
        if rng.random() < EMPTY_SHARE:
            features = self._log_mel(line.nothing())
            silence = np.full((features.shape[1] + 1) // 2, self._silence, np.int64)
            tokens = [*self._prompt, self._no_timestamps, self._end]
            return Utterance(features, tokens, silence, [], 4)
        if rng.random() < stage.long_share:
            text = self.source.draw_long(rng, stage.call_share)
        else:
            text = self.source.draw(rng, stage.max_chars, stage.call_share)
        voices = self._voices[: stage.voices] if stage.voices else self._voices
        if not stage.voices and rng.random() < 0.45:
            voices = self._voices[: len(FIRST_VOICES)]
        speech = self.espeak.say(
            text,
            rng.choice(voices),
            rng.randint(130, 220),
            rng.randint(20, 80),
            rng.randint(25, 80),
        )
        clip = line.carry(speech.samples, 22_050, light=stage.light)
        written, kept = target_map(text)
        encoded = self._tokenizer.encode(written)
        features = self._log_mel(clip.samples)
        spans = token_spans(speech, encoded.offsets, kept, len(text), clip.speech_start_s)
        labels = self._frame_labels(speech, clip.speech_start_s, features.shape[1])
        tokens, first = [*self._prompt, self._no_timestamps, *encoded.ids, self._end], 4
        if rng.random() < TIMESTAMP_SHARE:
            start = self._no_timestamps + 1 + round(clip.speech_start_s / 0.02)
            stop = self._no_timestamps + 1 + round(clip.speech_end_s / 0.02)
            tokens = [*self._prompt, start, *encoded.ids, stop, self._end]
        if mask and rng.random() < 0.25:
            _mask(features, rng)
        return Utterance(features, tokens, labels, spans, first)

    def _log_mel(self, samples: np.ndarray) -> np.ndarray:
        return self._features(samples).astype(np.float16)

    def _frame_labels(self, speech: Speech, lead_s: float, frames: int) -> np.ndarray:
        labels = np.full((frames + 1) // 2, self._silence, np.int64)
        starts = [round((start + lead_s) * 50) for start, _ in speech.phonemes]
        ends = [*starts[1:], starts[-1] + 1] if starts else []
        for (_, name), start, end in zip(speech.phonemes, starts, ends, strict=True):
            labels[start:end] = self._phoneme_ids.get(name, self._silence)
        return labels


def token_spans(
    speech: Speech, offsets: list[tuple[int, int]], kept: list[int], length: int, lead_s: float
) -> list[tuple[float, float]]:
    """Return when each token is spoken, read off the word starts espeak reports."""
    if not speech.words:
        return []
    positions = [position for _, position in speech.words] + [length]
    times = [start for start, _ in speech.words] + [speech.duration_s]
    index = [*kept, length]
    firsts = [index[a] for a, _ in offsets]
    lasts = [index[max(a, b - 1)] + 1 for a, b in offsets]
    starts, ends = np.interp(firsts, positions, times), np.interp(lasts, positions, times)
    return list(zip(starts + lead_s, ends + lead_s, strict=True))


def _mask(features: np.ndarray, rng: Random) -> None:
    frames = features.shape[1]
    for _ in range(2):
        width = rng.randint(0, 8)
        start = rng.randint(0, max(1, frames - width))
        features[:, start : start + width] = 0
    width = rng.randint(0, 10)
    start = rng.randint(0, 80 - width)
    features[start : start + width] = 0


def make_batches(
    pool: list[Utterance], number: int, frames_per_batch: int, silence: int, rng: Random
) -> list[Batch]:
    """Return the pool as batches of similar lengths and about `frames_per_batch` frames."""

    def rounded(utterance: Utterance) -> int:
        return -(-utterance.features.shape[1] // 60) * 60

    pool = sorted(pool, key=lambda u: u.features.shape[1])
    batches, i = [], 0
    while i < len(pool):
        count = max(1, frames_per_batch // rounded(pool[i]))
        longest = rounded(pool[min(i + count, len(pool)) - 1])
        count = max(1, frames_per_batch // longest)
        group = pool[i : i + count]
        i += count
        if len(group) == count or len(group) * longest > frames_per_batch * 0.6:
            batches.append(_stack(group, rounded(group[-1]), number, silence))
    rng.shuffle(batches)
    return batches


def _stack(group: list[Utterance], frames: int, number: int, silence: int) -> Batch:
    length = -(-max(len(u.tokens) for u in group) // 8) * 8 + 1
    batch = Batch(
        pool=number,
        features=np.zeros((len(group), 80, frames), np.float16),
        tokens=np.full((len(group), length), -1, np.int64),
        phonemes=np.full((len(group), frames // 2), silence, np.int64),
        spans=np.full((len(group), length - 1, 2), -1, np.float32),
    )
    for i, u in enumerate(group):
        batch.features[i, :, : u.features.shape[1]] = u.features
        batch.tokens[i, : len(u.tokens)] = u.tokens
        count = min(len(u.phonemes), frames // 2)
        batch.phonemes[i, :count] = u.phonemes[:count]
        if u.spans:
            batch.spans[i, u.first_text - 1 : u.first_text - 1 + len(u.spans)] = u.spans
    return batch


def run(
    queue: Queue[Batch],
    data_dir: Path,
    phonemes: list[str],
    seed: int,
    start: int,
    frames_per_batch: int,
) -> None:
    """Fill `queue` with batches from pool `start` on, for ever; runs in its own process."""
    os.nice(5)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the parent's handler would wait for the queue
    maker = Maker(data_dir, phonemes)
    number = start
    while True:
        pool = maker.pool(seed, number)
        rng = Random(f"order-{seed}-{number}")
        for batch in make_batches(pool, number, frames_per_batch, phonemes.index(SILENCE), rng):
            queue.put(batch)
        number += 1
