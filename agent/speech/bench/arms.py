"""The ways to serve many calls that are compared, each behind the link that the ears use.

Runs in a process of its own (see ``serving``). All take the same requests and answer with the
same transcripts, so whoever asks them pays the same for asking.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from agent.errors import EngineBusy, ProtocolError
from agent.speech.audio import to_float
from agent.speech.checkpoint import Facts, load_checkpoint
from agent.speech.contexts import MOST_TOKENS, TOKENS_FREE
from agent.speech.features import SAMPLE_RATE, Piece
from agent.speech.link import Frame, Responder
from agent.speech.transcript import Segment, Transcript, to_header


class Arm(StrEnum):
    """One way, in the order of the tables."""

    LOCK_LONG = "lock-30s"
    """A lock around one ``faster_whisper.WhisperModel``, 30 s window: what is written first."""
    LOCK_SHORT = "lock-short"
    """Our encoding and decoding in our short context, one utterance at a time."""
    MODEL_EACH = "model-each"
    """A thread and a ``WhisperModel`` for each call."""
    KURAL = "kural"
    """The ears as they are run: scheduler, batches, features beside the engine."""


LABELS = {
    Arm.LOCK_LONG: "lock, 30 s window",
    Arm.LOCK_SHORT: "lock, short context",
    Arm.MODEL_EACH: "a model per call",
    Arm.KURAL: "kural",
}


class Compute(BaseModel):
    """How all arms compute."""

    model_config = ConfigDict(frozen=True)

    model: Path
    """Folder of the checkpoint."""
    language: str = "ta"
    device: str = "cpu"
    """``cpu`` or ``cuda``."""
    device_index: int = 0
    compute_type: str = "default"
    threads: int = 1
    """Of one decoding on a CPU."""
    max_batch: int = 16
    vram_gb: float = 0.0


class Answers(Protocol):
    """An arm in its process."""

    async def handle(self, frame: Frame, respond: Responder) -> None:
        """Answer one request of the link."""


class LockedModel:
    """One WhisperModel, one utterance at a time."""

    def __init__(self, compute: Compute) -> None:
        """Load it."""
        self._model = _TimedModel(compute)
        self._lock = ThreadPoolExecutor(1)  # what a lock does, in the order of arrival

    async def handle(self, frame: Frame, respond: Responder) -> None:
        """Answer one request."""
        pcm = _pcm_of(frame)
        await respond.data(await _run(self._lock, lambda: self._model.transcribe(pcm)))


class LockedEars:
    """Our features beside our decoding at batch 1: everything of ours but the batches."""

    def __init__(self, compute: Compute) -> None:
        """Load them."""
        from agent.speech.engine import Ears

        self._ears = Ears(
            compute.model,
            device=compute.device,
            compute_type=compute.compute_type,
            threads=compute.threads,
            language=compute.language,
            max_batch=1,
            device_index=compute.device_index,
            vram_gb=compute.vram_gb,
        )
        self._preparing = ThreadPoolExecutor(compute.threads)
        self._lock = ThreadPoolExecutor(1)

    async def handle(self, frame: Frame, respond: Responder) -> None:
        """Answer one request."""
        from agent.speech.engine import transcript_of

        arrived, pcm = time.perf_counter(), _pcm_of(frame)
        loop = asyncio.get_running_loop()
        prepared = await loop.run_in_executor(self._preparing, self._ears.prepare, pcm)
        timings, segments = dict(prepared.timings), []
        for piece in prepared.pieces:
            segments.append(await loop.run_in_executor(self._lock, self._decode, piece, timings))
        timings["total_s"] = time.perf_counter() - arrived
        steps = ("vad_s", "mel_s", "encode_s", "decode_s")
        timings["queue_s"] = timings["total_s"] - sum(timings.get(step, 0.0) for step in steps)
        await respond.data(
            to_header(transcript_of(prepared, segments, timings, self._ears.language))
        )

    def _decode(self, piece: Piece, timings: dict[str, float]) -> Segment:
        """With a second try where the ears make one, too."""
        from agent.speech.engine import add_timings, better_of, worth_a_second_try

        (first,), took = self._ears.decode([piece])
        add_timings(timings, took | {"batch": 1.0})
        if not worth_a_second_try(first):
            return first
        (second,), took = self._ears.decode([replace(piece, careful=True)])
        add_timings(timings, took)
        return better_of(first, second)


class ModelEach:
    """A WhisperModel and a thread for each call that is expected."""

    def __init__(self, compute: Compute) -> None:
        """Load the first; others are loaded when they are announced."""
        self._compute = compute
        self._models: list[tuple[_TimedModel, ThreadPoolExecutor]] = []
        self._expect(1)

    async def handle(self, frame: Frame, respond: Responder) -> None:
        """Answer one request; ``{"op": "expect", "calls": n}`` loads a model for each of n."""
        if frame.header.get("op") == "expect":
            await asyncio.to_thread(self._expect, int(frame.header["calls"]))
            await respond.data({"models": len(self._models)})
            return
        number = int(str(frame.header.get("call") or 0)) % len(self._models)
        model, thread = self._models[number]
        pcm = _pcm_of(frame)
        await respond.data(await _run(thread, lambda: model.transcribe(pcm)))

    def _expect(self, calls: int) -> None:
        while len(self._models) < calls:
            try:
                model = _TimedModel(self._compute)
            except (RuntimeError, MemoryError):
                raise EngineBusy("There is no memory for another model.") from None
            self._models.append((model, ThreadPoolExecutor(1)))


class _TimedModel:
    """A faster_whisper.WhisperModel that tells how long its steps took. One thread at a time."""

    def __init__(self, compute: Compute) -> None:
        from faster_whisper import WhisperModel

        checkpoint = load_checkpoint(compute.model)
        self._language = compute.language
        self._options = transcribe_options(checkpoint.facts, compute.language)
        self._tokens_per_s = checkpoint.facts.max_new_tokens_per_s
        self._model: Any = WhisperModel(
            str(checkpoint.folder),
            device=compute.device,
            device_index=compute.device_index,
            compute_type=compute.compute_type,
            cpu_threads=compute.threads,
            local_files_only=True,
        )
        self._encode_s = 0.0
        self._model.encode = self._timed(self._model.encode)

    def transcribe(self, pcm: NDArray[np.int16]) -> Transcript:
        """The words of one cut utterance, shape (samples,), at 16 kHz; no speech detector."""
        began, self._encode_s = time.perf_counter(), 0.0
        duration_s = len(pcm) / SAMPLE_RATE
        bound = min(int(self._tokens_per_s * duration_s) + TOKENS_FREE, MOST_TOKENS)
        # The features are computed here, the rest when the segments are read.
        segments, _ = self._model.transcribe(to_float(pcm), max_new_tokens=bound, **self._options)
        between = time.perf_counter()
        found = list(segments)
        timings = {
            "mel_s": between - began,
            "encode_s": self._encode_s,
            "decode_s": time.perf_counter() - between - self._encode_s,
            "batch": 1.0,
        }
        confidence = math.exp(found[0].avg_logprob) if found else 0.0
        text = " ".join(segment.text.strip() for segment in found)
        return Transcript(text, confidence, self._language, duration_s, timings)

    def _timed(self, encode: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def timed(features: Any) -> Any:
            began = time.perf_counter()
            try:
                return encode(features)
            finally:
                self._encode_s += time.perf_counter() - began

        return timed


def transcribe_options(facts: Facts, language: str) -> dict[str, Any]:
    """What ``WhisperModel.transcribe`` is given: as in the README of the bundled model."""
    return {
        "language": language,
        "beam_size": facts.beam_size,
        "without_timestamps": True,
        "condition_on_previous_text": False,
        "temperature": 0.0,
        "suppress_tokens": list(facts.suppress_tokens),
        "compression_ratio_threshold": None,
        "vad_filter": False,
    }


def _pcm_of(frame: Frame) -> NDArray[np.int16]:
    if frame.header.get("op") != "transcribe":
        raise ProtocolError("This arm only transcribes.")
    return np.frombuffer(frame.payload, dtype="<i2")


async def _run(thread: ThreadPoolExecutor, work: Callable[[], Transcript]) -> dict[str, Any]:
    """Do the work when the thread is free; its answer with the time spent waiting."""
    arrived = time.perf_counter()
    transcript = await asyncio.get_running_loop().run_in_executor(thread, work)
    total_s = time.perf_counter() - arrived
    worked_s = sum(transcript.timings[step] for step in ("mel_s", "encode_s", "decode_s"))
    transcript.timings.update({"queue_s": total_s - worked_s, "vad_s": 0.0, "total_s": total_s})
    return to_header(transcript)
