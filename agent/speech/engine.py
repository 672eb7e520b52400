"""The ears: sound to words, in two halves that a server may run apart.

:meth:`Ears.prepare` is the CPU half (speech detector, log-mel features) and may run on several
threads; :meth:`Ears.decode` is one static batch on the model. In one process (console, ``kural
listen``, tests) :meth:`Ears.transcribe` is both.

With ``whisper`` and ``features`` the only module that loads ctranslate2 and faster_whisper, and
only when :class:`Ears` is made, so call processes may import what stands beside it.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.errors import AgentError, ConfigurationError
from agent.speech.blocklist import BUILT_IN, load_blocklist
from agent.speech.checkpoint import Checkpoint, load_checkpoint
from agent.speech.contexts import BUCKETS, MOST_TOKENS, usable_buckets
from agent.speech.device import Wish, decide
from agent.speech.features import SAMPLE_RATE, FrontEnd, Piece, Prepared
from agent.speech.hallucination import SECOND_TRY, Candidate, judge
from agent.speech.segments import Span
from agent.speech.transcript import Dropped, DropReason, Segment, Transcript
from agent.speech.whisper import Hypothesis, Whisper

__all__ = [
    "BUCKETS",
    "MOST_TOKENS",
    "SAMPLE_RATE",
    "Ears",
    "Piece",
    "Prepared",
    "add_timings",
    "better_of",
    "transcript_of",
    "worth_a_second_try",
]


def _ignore(_done_s: float) -> None:
    """Nobody watches."""


class Ears:
    """A loaded and warmed-up recogniser. May be shared by threads, which then take turns."""

    def __init__(
        self,
        model_dir: Path,
        *,
        device: str = "auto",
        compute_type: str = "default",
        threads: int = 1,
        language: str = "ta",
        max_batch: int = 16,
        device_index: int = 0,
        vram_gb: float = 0.0,
        bias: str = "",
        blocklist: Path = BUILT_IN,
    ) -> None:
        """Load the model and run every shape once, so that the first call is fast.

        Args:
            model_dir: folder of a CTranslate2 Whisper model (see ``checkpoint``).
            device: ``auto``, ``cpu`` or ``cuda``.
            compute_type: of CTranslate2; ``default`` suits the device.
            threads: CPU threads of one decoding.
            language: ISO 639-1 code; no detection is made.
            max_batch: most pieces decoded at once; fewer when GPU memory is short.
            device_index: which GPU.
            vram_gb: GPU memory to use; 0 = all but 15 %.
            bias: names the model is to expect, if its checkpoint takes a prompt.
            blocklist: known inventions.

        Raises:
            ConfigurationError: the folder is not complete, or the model cannot run here.
        """
        self.checkpoint: Checkpoint = load_checkpoint(model_dir)
        self.language = language
        self.bias = bias if self.checkpoint.facts.prompt else ""
        self._blocklist = load_blocklist(blocklist, bias=self.bias)
        wish = Wish(device, compute_type, threads, device_index, vram_gb, max_batch)
        self._compute = decide(wish, self.checkpoint.folder / "model.bin")
        self._lock = threading.Lock()
        try:
            self._whisper = Whisper(self.checkpoint, self._compute, language, self.bias)
            self._front = FrontEnd(self.checkpoint, self._whisper.prompt_tokens)
            self._warm_up()
        except AgentError:
            raise
        except Exception as exc:
            # Broad, because tokenizers raises Exception itself. Foreign texts name drivers and
            # files, not the mend; the class tells them apart.
            raise ConfigurationError(
                f"The speech model in {model_dir} does not run on {device} as {compute_type} with "
                f"batches of {self.max_batch} ({type(exc).__name__}); check the files, "
                "SPEECH__DEVICE, SPEECH__COMPUTE_TYPE and SPEECH__MAX_BATCH."
            ) from exc

    @property
    def max_batch(self) -> int:
        """Most pieces of one :meth:`decode`."""
        return self._compute.max_batch

    @property
    def buckets(self) -> tuple[int, ...]:
        """Contexts this model is decoded in, frames of 10 ms."""
        return usable_buckets(self.checkpoint.facts)

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda``."""
        return self._whisper.device

    @property
    def compute_type(self) -> str:
        """What CTranslate2 really computes with."""
        return self._whisper.compute_type

    def prepare(self, pcm: NDArray[np.int16]) -> Prepared:
        """What there is to decode in ``pcm``; any thread, several at once.

        Args:
            pcm: shape (samples,), int16 mono at 16 kHz. All its features are held in memory: a
                megabyte for each 30 s.
        """
        return self._front.prepare(pcm)

    def decode(self, pieces: Sequence[Piece]) -> tuple[list[Segment], dict[str, float]]:
        """The words of one batch, in its order; blocks until all are done.

        Args:
            pieces: at most ``max_batch``, all of one bucket and all careful or none.

        Returns:
            A judged segment for each piece, and ``encode_s`` and ``decode_s`` of the batch.
        """
        if len({(piece.bucket, piece.careful) for piece in pieces}) != 1:
            raise ValueError("a batch has one bucket and one way of decoding")
        with self._lock:
            began = time.perf_counter()
            encoded = self._whisper.encode([piece.features for piece in pieces])
            between = time.perf_counter()
            found = self._whisper.generate(
                encoded, [piece.bound for piece in pieces], careful=pieces[0].careful
            )
            timings = {"encode_s": between - began, "decode_s": time.perf_counter() - between}
        segments = [self._judged(p, said) for p, said in zip(pieces, found, strict=True)]
        return segments, timings

    def transcribe(
        self, pcm: NDArray[np.int16], *, progress: Callable[[float], None] = _ignore
    ) -> Transcript:
        """The words in ``pcm``; blocks while it decodes.

        Args:
            pcm: shape (samples,), int16 mono at 16 kHz, of any length.
            progress: told how many seconds of the sound are done, after each group of pieces.
        """
        clock = time.perf_counter()
        spans, why_not, faint = self._front.spans(pcm)
        timings = {"vad_s": time.perf_counter() - clock}
        prepared = Prepared((), len(pcm) / SAMPLE_RATE, why_not, timings, faint)
        segments: list[Segment] = []
        # Features of one group at a time: an hour of them would be hundreds of megabytes.
        for group in _groups(spans, self.max_batch):
            before = time.perf_counter()
            pieces = [self._front.piece(pcm, span) for span in group]
            add_timings(timings, {"mel_s": time.perf_counter() - before})
            segments += self._decode_all(pieces, timings)
            progress(group[-1].end_s)
        timings["total_s"] = time.perf_counter() - clock
        return transcript_of(prepared, segments, timings, self.language)

    def _decode_all(self, pieces: Sequence[Piece], timings: dict[str, float]) -> list[Segment]:
        """Decode pieces of any bucket, with a second try where it is worth one."""
        found: dict[int, Segment] = {}
        for bucket in sorted({piece.bucket for piece in pieces}):
            here = [i for i, piece in enumerate(pieces) if piece.bucket == bucket]
            segments, took = self.decode([pieces[i] for i in here])
            add_timings(timings, took | {"batch": len(here)})
            found.update(zip(here, segments, strict=True))
        for i, segment in found.items():
            if worth_a_second_try(segment):
                (again,), took = self.decode([replace(pieces[i], careful=True)])
                add_timings(timings, took)
                found[i] = better_of(segment, again)
        return [found[i] for i in range(len(pieces))]

    def _judged(self, piece: Piece, said: Hypothesis) -> Segment:
        span = piece.span
        candidate = Candidate(
            text=said.text,
            speech_s=span.speech_s,
            avg_logprob=said.avg_logprob,
            no_speech_prob=said.no_speech_prob,
            unfinished=said.unfinished,
        )
        return Segment(
            start_s=round(span.start_s, 3),
            end_s=round(span.end_s, 3),
            speech_s=round(span.speech_s, 3),
            text=said.text,
            tokens=said.tokens,
            avg_logprob=said.avg_logprob,
            no_speech_prob=said.no_speech_prob,
            dropped=judge(candidate, self._blocklist),
            retried=piece.careful,
        )

    def _warm_up(self) -> None:
        noise = np.random.default_rng(0).normal(0, 1000, SAMPLE_RATE).astype(np.int16)
        self._front.spans(noise)
        self.decode([self._front.piece(noise, Span(0.0, 1.0, 1.0))])
        self._whisper.warm_up(self.buckets, sorted({1, self.max_batch}))


def worth_a_second_try(segment: Segment) -> bool:
    """Whether decoding went astray, and no second try was made yet."""
    return segment.dropped in SECOND_TRY and not segment.retried


def better_of(first: Segment, second: Segment) -> Segment:
    """The second try if its words may be kept, else the first, marked as tried twice."""
    return second if second.dropped is None and second.text else replace(first, retried=True)


def add_timings(total: dict[str, float], more: Mapping[str, float]) -> None:
    """Add seconds to ``total``; of ``batch`` the largest counts."""
    for name, value in more.items():
        before = total.get(name, 0.0)
        total[name] = max(before, value) if name == "batch" else before + value


def transcript_of(
    prepared: Prepared,
    segments: Sequence[Segment],
    timings: Mapping[str, float],
    language: str,
) -> Transcript:
    """What was said in one sound.

    Args:
        prepared: the sound; its pieces need not be there any more.
        segments: one for each piece, in order.
        timings: seconds by step; what is missing counts as 0.
        language: ISO 639-1 code.
    """
    dropped = [Dropped(s.dropped, s.start_s, s.end_s) for s in segments if s.dropped]
    dropped += [Dropped(DropReason.FAINT, s.start_s, s.end_s) for s in prepared.faint]
    if prepared.dropped is not None:
        dropped = [Dropped(prepared.dropped, 0.0, prepared.duration_s)]
    kept = [s for s in segments if s.dropped is None and s.text]
    every = dict.fromkeys(("vad_s", "mel_s", "encode_s", "decode_s", "total_s", "batch"), 0.0)
    return Transcript(
        text=" ".join(s.text for s in kept),
        confidence=_confidence(kept),
        language=language,
        duration_s=prepared.duration_s,
        timings={name: round(value, 4) for name, value in (every | dict(timings)).items()},
        dropped=tuple(sorted(dropped, key=lambda one: one.start_s)),
        segments=tuple(segments),
    )


def _groups(spans: Sequence[Span], size: int) -> Iterator[list[Span]]:
    rest = iter(spans)
    while group := list(itertools.islice(rest, size)):
        yield group


def _confidence(kept: Sequence[Segment]) -> float:
    tokens = sum(s.tokens + 1 for s in kept)
    if not tokens:
        return 0.0
    mean = sum(s.avg_logprob * (s.tokens + 1) for s in kept) / tokens
    return round(min(1.0, math.exp(mean)), 4)
